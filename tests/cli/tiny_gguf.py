"""A GGUF file with a tiny Llama, its tokenizer (a byte a token) and a chat template."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.gguf.support import ARRAY, BOOL, I32, STRING, U32, gguf
from tests.models.llama_file import metadata, tensors
from tests.nn.support import shaken
from tinyllm.models import Llama, LlamaConfig
from tinyllm.tokenizers.byte_bpe import BYTE_ALPHABET

SIGNS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role + '\n' + m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write(path: Path, context: int = 400, template: str | None = TEMPLATE, letters: bool = True) -> Path:
    """`letters`: the model's weights are such that it writes the alphabet's letters and nothing else."""
    tokens = [*sorted(BYTE_ALPHABET), *SIGNS]
    config = LlamaConfig(len(tokens), context, n_layers=1, n_heads=2, d_model=8, d_hidden=12, norm_eps=1e-5, bias=False)
    model = shaken(Llama(config), np.random.default_rng(0))
    for parameter in model.layers.parameters():
        parameter.data *= 5                             # so that what it read decides what it writes
    if letters:
        for i, token in enumerate(tokens):
            if not (token.isascii() and token.isalpha()):
                model.embedding.weight.data[i] = 0
    tokenizer = {
        "model": (STRING, "gpt2"), "pre": (STRING, "smollm"), "tokens": (ARRAY, (STRING, tokens)),
        "merges": (ARRAY, (STRING, [])), "token_type": (ARRAY, (I32, [1] * 256 + [3] * len(SIGNS))),
        "bos_token_id": (U32, 257), "eos_token_id": (U32, 258), "add_bos_token": (BOOL, False),
    }
    about = metadata(model) | {f"tokenizer.ggml.{key}": value for key, value in tokenizer.items()}
    if template is not None:
        about["tokenizer.chat_template"] = (STRING, template)
    path.write_bytes(gguf(about, tensors(model)))
    return path
