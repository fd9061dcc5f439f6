"""What a beam search looked at, as a tree: to draw it, and to see what it threw away."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class BeamNode:
    """A text that the search weighed: its parent's text and one token more."""

    parent: int | None
    """The number of the text it continues, None for one token after the beginning."""
    token: int
    log_probability: float
    """Of this token after its parent's text."""
    total: float
    """Of the whole text since the beginning: the sum over the path."""
    score: float
    """`total` over the length's penalty: what texts that have ended are compared by."""
    kept: bool
    """Among the best of its step; the others were pruned."""
    ended: bool
    """Nothing may follow: the end token, or as many tokens as were allowed."""


@dataclass
class BeamTree:
    """Every text that a search weighed: of each live text its `width` best continuations (no other can be kept), of all
    these the `width` best of a step are kept. A parent stands before its children.

        tree = BeamTree()
        beam_search(model, prompt, tree=tree)
        viz.beam_tree(tree, names)
    """

    nodes: list[BeamNode] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """The numbers of the nodes with which the answered hypotheses end, the best first."""

    def path(self, node: int) -> list[int]:
        """The numbers of the nodes from the beginning to this one."""
        found = []
        at: int | None = node
        while at is not None:
            found.append(at)
            at = self.nodes[at].parent
        return found[::-1]

    def tokens(self, node: int) -> list[int]:
        """The text of a node, without the beginning that all share."""
        return [self.nodes[i].token for i in self.path(node)]
