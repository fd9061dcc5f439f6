"""Models in reading order: config, inputs (what a call checks), stack (layers, and what tells them the order of tokens), trunk
(an embedding and a stack), gpt, llama, bert, seq2seq, t5, autoencoder; then heads on a trunk: pooling, head, classifier,
span_reader, sentence_encoder; then folders: weights (files of arrays), hugging_face (tables of names), loading, pretrained.

    model = GPT(GPTConfig(vocab_size=65)); model(ids)               # (B, T) → (B, T, 65)
    model.save_pretrained(folder); GPT.from_pretrained(folder)
"""

from .config import AutoencoderConfig, BertConfig, GPTConfig, LlamaConfig, ModelConfig, Seq2SeqConfig, T5Config
from .stack import Stack
from .trunk import Trunk
from .gpt import GPT
from .llama import Llama
from .bert import Bert, MaskedHead
from .seq2seq import Seq2Seq
from .t5 import T5
from .autoencoder import Autoencoder
from .pooling import pool
from .head import TrunkHead
from .classifier import SequenceClassifier, TokenClassifier
from .span_reader import SpanReader
from .sentence_encoder import SentenceEncoder
from .pretrained import Pretrained

__all__ = [
    "AutoencoderConfig", "BertConfig", "GPTConfig", "LlamaConfig", "ModelConfig", "Seq2SeqConfig", "T5Config", "Stack", "Trunk",
    "GPT", "Llama", "Bert", "MaskedHead", "Seq2Seq", "T5", "Autoencoder", "pool", "TrunkHead", "SequenceClassifier",
    "TokenClassifier", "SpanReader", "SentenceEncoder", "Pretrained",
]
