"""cupy.cuda, as far as placing arrays needs it: devices and the one in force, which each thread has for itself."""

from __future__ import annotations

import threading
import types

COUNT = 1
"""How many devices there are: install(devices=2) changes it."""


class _Thread(threading.local):
    current = 0


_thread = _Thread()


def current() -> int:
    return _thread.current


def set_count(count: int) -> None:
    global COUNT
    COUNT = count


class Device:
    """`with Device(1):` makes arrays on device 1."""

    def __init__(self, device: int | None = None) -> None:
        self.id = current() if device is None else int(device)
        if not 0 <= self.id < COUNT:
            raise RuntimeError(f"invalid device ordinal {self.id}: there are {COUNT}")

    def use(self) -> None:
        _thread.current = self.id

    def synchronize(self) -> None:
        """Everything has happened already."""

    def __enter__(self) -> Device:
        self._outer = current()
        self.use()
        return self

    def __exit__(self, *error: object) -> None:
        _thread.current = self._outer

    def __int__(self) -> int:
        return self.id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<CUDA Device {self.id}>"


class Stream:
    """A queue that is always empty: everything has happened already."""

    def __init__(self, null: bool = False, non_blocking: bool = False, ptds: bool = False) -> None:
        self.ptr = 0 if null else id(self)

    def record(self, event: Event | None = None) -> Event:
        return event or Event()

    def wait_event(self, event: Event) -> None:
        if not isinstance(event, Event):
            raise TypeError("wait_event(event)")


class Event:
    """A moment in a queue."""


NULL = Stream(null=True)


def module() -> types.ModuleType:
    cuda = types.ModuleType("cupy.cuda")
    cuda.Device, cuda.Stream, cuda.Event = Device, Stream, Event
    cuda.get_current_stream = lambda device_id=None: NULL
    cuda.is_available = lambda: True
    cuda.runtime = types.ModuleType("cupy.cuda.runtime")
    cuda.runtime.getDeviceCount = lambda: COUNT
    cuda.runtime.getDevice = current
    return cuda
