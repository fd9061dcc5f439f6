"""Pictures, by matplotlib, in one look. In reading order: style (the look, and how a figure shows itself), curves, amounts
(bars, histograms), matrices, attention (where a model looks), classification (what it confuses, and how it compares), tokens (a
text as a model sees it, and with tags), points (vectors in a plane), expressions (the graph of a computation), beams (a search
for a text), surfaces (ways down a function)."""

from .style import figure, save
from .curves import lines, loss_curve
from .amounts import bars, histogram
from .matrices import heatmap
from .attention import attention_heads, attention_map
from .classification import accuracy_bars, confusion_map
from .tokens import tagged_text, token_strip
from .points import scatter
from .expressions import graph
from .beams import beam_tree
from .surfaces import surface_path

__all__ = [
    "accuracy_bars", "attention_heads", "attention_map", "bars", "beam_tree", "confusion_map", "figure", "graph", "heatmap",
    "histogram", "lines", "loss_curve", "save", "scatter", "surface_path", "tagged_text", "token_strip",
]
