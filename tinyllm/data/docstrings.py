"""Python's documentation as it stands on every machine: the help topics and the standard library's docstrings.

Source files are read and parsed, never imported or run.
"""

from __future__ import annotations

import ast
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# What Python 3.11 to 3.14 all have: a name missing from a Python was left out by its distributor.
PACKAGES = (
    "_collections_abc", "_pydecimal", "_pyio", "_strptime", "_threading_local", "abc", "argparse", "ast", "asyncio",
    "base64", "bdb", "bisect", "bz2", "cProfile", "calendar", "cmd", "code", "codecs", "codeop", "collections",
    "colorsys", "compileall", "concurrent", "configparser", "contextlib", "contextvars", "copy", "copyreg", "csv",
    "ctypes", "curses", "dataclasses", "datetime", "dbm", "decimal", "difflib", "dis", "doctest", "email",
    "encodings", "ensurepip", "enum", "filecmp", "fileinput", "fnmatch", "fractions", "ftplib", "functools",
    "genericpath", "getopt", "getpass", "gettext", "glob", "graphlib", "gzip", "hashlib", "heapq", "hmac", "html",
    "http", "idlelib", "imaplib", "importlib", "inspect", "io", "ipaddress", "json", "keyword", "linecache",
    "locale", "logging", "lzma", "mailbox", "mimetypes", "modulefinder", "multiprocessing", "netrc", "ntpath",
    "numbers", "opcode", "operator", "optparse", "os", "pathlib", "pdb", "pickle", "pickletools", "pkgutil",
    "platform", "plistlib", "poplib", "posixpath", "pprint", "profile", "pstats", "pty", "py_compile", "pyclbr",
    "pydoc", "queue", "quopri", "random", "re", "reprlib", "rlcompleter", "runpy", "sched", "secrets", "selectors",
    "shelve", "shlex", "shutil", "signal", "site", "smtplib", "socket", "socketserver", "sqlite3", "ssl", "stat",
    "statistics", "string", "stringprep", "struct", "subprocess", "symtable", "sysconfig", "tabnanny", "tarfile",
    "tempfile", "textwrap", "threading", "timeit", "tkinter", "token", "tokenize", "tomllib", "trace", "traceback",
    "tracemalloc", "tty", "turtle", "types", "typing", "unittest", "urllib", "uuid", "venv", "warnings", "wave",
    "weakref", "webbrowser", "wsgiref", "xml", "xmlrpc", "zipapp", "zipfile", "zipimport", "zoneinfo",
)

TOPICS = "pydoc_data"
TESTS = {"test", "tests", "idle_test"}

Folder = Path | zipfile.Path


@dataclass(frozen=True)
class Document:
    """A text and where it stands: package email, file email/message.py, name Message.as_string (empty for a module)."""

    text: str
    package: str
    file: str
    name: str

    @property
    def origin(self) -> str:
        return f"{self.file}:{self.name}" if self.name else self.file


def read_documents(library: Folder) -> tuple[list[Document], list[str]]:
    """Every help topic and docstring under `library`, packages in alphabetical order, and the packages not there."""
    documents, missing = list(_topics(library)), []
    if not documents:
        missing.append(TOPICS)
    for package in PACKAGES:
        files = list(sources(library, package))
        if not files:
            missing.append(package)
        for name, file in files:
            documents += [Document(text, package, name, path) for path, text in docstrings(file.read_bytes())]
    return documents, missing


def standard_library() -> Folder:
    """Where the standard library's sources are: a folder, or the archive that Python in a browser is shipped as."""
    folder = Path(sysconfig.get_path("stdlib"))
    if (folder / "abc.py").exists():
        return folder
    for entry in sys.path:
        if zipfile.is_zipfile(entry) and zipfile.Path(entry, "abc.py").exists():
            return zipfile.Path(entry)
    raise FileNotFoundError(f"no sources of the standard library at {folder}: install them, or give a text of your own")


def present(library: Folder) -> list[str]:
    """Which of the topics and PACKAGES `library` has: its documents depend on that and on Python's version."""
    there = {entry.name.removesuffix(".py") for entry in library.iterdir()}
    return [name for name in (TOPICS, *PACKAGES) if name in there]


def docstrings(source: bytes | str) -> Iterator[tuple[str, str]]:
    """(dotted path, docstring) of a module, its classes and its functions, in the order in which they stand."""
    waiting: list[tuple[str, ast.AST]] = [("", ast.parse(source))]
    while waiting:
        path, node = waiting.pop()
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            path = f"{path}.{node.name}".lstrip(".")
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            # A docstring may spell half of a surrogate pair, which no file and no tokenizer of bytes can hold.
            text = (ast.get_docstring(node) or "").strip().encode("utf-8", "replace").decode("utf-8")
            if text:
                yield path, text
        inside = [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr)]
        waiting += [(path, child) for child in reversed(inside)]


def _topics(library: Folder) -> Iterator[Document]:
    file = library / TOPICS / "topics.py"
    if not file.exists():
        return
    for node in ast.parse(file.read_bytes()).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            for name, text in sorted(ast.literal_eval(node.value).items()):
                yield Document(text.strip(), TOPICS, f"{TOPICS}/topics.py", name)


def sources(library: Folder, package: str) -> Iterator[tuple[str, Folder]]:
    """(path within the library, file) of a module or of a package's files, its tests left out."""
    module = library / f"{package}.py"
    if module.exists():
        yield module.name, module
        return
    waiting: list[tuple[str, Folder]] = [(package, library / package)]
    while waiting:
        path, entry = waiting.pop()
        if entry.is_dir() and entry.name not in TESTS:
            inside: list[Folder] = list(entry.iterdir())
            inside.sort(key=lambda child: child.name, reverse=True)
            waiting += [(f"{path}/{child.name}", child) for child in inside]
        elif entry.name.endswith(".py"):
            yield path, entry
