"""Pictures, by matplotlib, in one look: attention (where a model looks), classification (what it confuses), style."""

from .attention import attention_heads, attention_map
from .classification import accuracy_bars, confusion_map
from .style import figure, save

__all__ = ["accuracy_bars", "attention_heads", "attention_map", "confusion_map", "figure", "save"]
