"""Models in reading order: config, inputs (what a call checks), trunk (embedding, positions, layers), gpt, bert, classifier,
pretrained.

    model = GPT(GPTConfig(vocab_size=65)); model(ids)               # (B, T) → (B, T, 65)
    model.save_pretrained(folder); GPT.from_pretrained(folder)
"""

from .config import BertConfig, GPTConfig, ModelConfig
from .trunk import Trunk
from .gpt import GPT
from .bert import Bert, MaskedHead
from .classifier import SequenceClassifier, pool
from .pretrained import Pretrained

__all__ = [
    "BertConfig", "GPTConfig", "ModelConfig", "Trunk", "GPT", "Bert", "MaskedHead", "SequenceClassifier", "pool", "Pretrained",
]
