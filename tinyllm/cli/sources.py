"""Where a model comes from, as commands take it: a run, a folder of Hugging Face's, a GGUF file, a name of `tinyllm fetch`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from . import runs

if TYPE_CHECKING:
    from ..generation import ChatTemplate
    from ..models import Pretrained
    from ..tokenizers import Tokenizer

GGUF_SUFFIX = ".gguf"


def locate(name: str | Path) -> Path:
    """The folder or GGUF file that is meant. What exists goes before names of `tinyllm fetch`.

    Raises FileNotFoundError that says what would help.
    """
    from ..data.fetching import MODELS, fetched

    path = Path(name)
    if not path.exists():
        if str(name) not in MODELS:
            known = " or ".join(MODELS)
            raise FileNotFoundError(f"there is no folder or file {path}: give a run, a model, a .gguf file, or {known}")
        found = fetched(str(name))
        if found is None:
            raise FileNotFoundError(f"{name} is not here yet: tinyllm fetch {name}")
        path = found
    if path.is_dir() and not (path / runs.CONFIG).is_file():
        files = sorted(path.glob(f"*{GGUF_SUFFIX}"))
        if len(files) > 1:
            raise FileNotFoundError(f"{path} holds {len(files)} GGUF files: name one, such as {files[0]}")
        if not files:
            raise FileNotFoundError(f"{path} is no run: it has no {runs.CONFIG}; and no model: it has no {GGUF_SUFFIX} file")
        return files[0]
    return path


def open_model(name: str | Path, checkpoint: str = "best") -> tuple[Pretrained, Tokenizer]:
    """A model, in evaluation mode, with its tokenizer; `checkpoint` says which, where it is a run's.

    Raises FileNotFoundError where something is missing, ValueError for files that are damaged or not supported.
    """
    from ..gguf import GGUF
    from ..models import Llama, Pretrained
    from ..tokenizers import from_gguf, load

    path = locate(name)
    if path.suffix == GGUF_SUFFIX:
        return Llama.from_gguf(path), from_gguf(GGUF(path).metadata)
    if is_run(path):
        home = runs.open_run(path)
        return home.model(checkpoint), home.tokenizer()
    return Pretrained.from_pretrained(path), load(path)


def is_run(path: Path) -> bool:
    """Whether this is the folder of a run, and not that of a model."""
    try:
        runs.open_run(path)
    except (FileNotFoundError, ValueError):
        return False
    return True


def chat_template(tokenizer: Tokenizer) -> ChatTemplate:
    """The template that came with a model's tokenizer; for a model without, `PLAIN`.

    Raises ValueError for a damaged one, and where there is none and the tokenizer lacks the signs that `PLAIN` needs.
    """
    from ..generation import PLAIN, ChatTemplate

    ids = {"bos_token": tokenizer.bos_id, "eos_token": tokenizer.eos_id, "pad_token": tokenizer.pad_id}
    signs = {role: tokenizer.id_to_token(token_id) for role, token_id in ids.items() if token_id is not None}
    source = getattr(tokenizer, "chat_template", None)
    if source is None and not {"bos_token", "eos_token"} <= signs.keys():
        raise ValueError("this model has no chat template, and its tokenizer no <bos> and <eos> to mark turns: it cannot chat")
    return ChatTemplate(PLAIN if source is None else source, **signs)
