"""Pictures, by matplotlib, in one look: curves (how training goes), attention (where a model looks), classification (what it
confuses, and how it compares), style."""

from .curves import loss_curve
from .attention import attention_heads, attention_map
from .classification import accuracy_bars, confusion_map
from .style import figure, save

__all__ = ["accuracy_bars", "attention_heads", "attention_map", "confusion_map", "figure", "loss_curve", "save"]
