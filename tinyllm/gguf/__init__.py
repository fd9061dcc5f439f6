"""GGUF, the file of llama.cpp: a model's weights, mostly in few bits, with its tokenizer and all else it needs in one file.

In reading order:

    values      the file's values: numbers, strings, arrays, each checked before memory is taken
    blocks      numbers in four to eight bits with a scale for every 32 of them
    k_blocks    numbers in two to six bits, with scales that are themselves in few bits
    formats     which kind of block has which number and size
    file        the container: metadata and tensors

    file = GGUF("model.gguf"); file.metadata["general.architecture"]; file.tensor("token_embd.weight")     # float32
"""

from .formats import FORMATS, Format, dequantize
from .file import GGUF, TensorInfo

__all__ = ["FORMATS", "Format", "GGUF", "TensorInfo", "dequantize"]
