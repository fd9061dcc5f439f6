"""Double-array tries to test with: SentencePiece's compiled character maps, made from a few rules."""

from __future__ import annotations

import base64


def charsmap(rules: dict[str, str]) -> bytes:
    """The trie of the rules' keys, laid out in units as darts-clone does, and the texts they become."""
    texts, places = b"", {}
    for key, text in rules.items():
        places[key.encode()] = len(texts)
        texts += text.encode() + b"\0"
    units = {0: 0}
    taken = {0}

    def place(node: int, prefix: bytes) -> None:
        """Finds room for the children of the state `prefix`, which unit `node` is, and then for theirs."""
        keys = [key for key in places if key.startswith(prefix)]
        children = sorted({key[len(prefix)] for key in keys if key != prefix})
        ends = prefix in places
        wanted = children + [0] * ends
        offset = next(o for o in range(1, 1 << 20) if not any((node ^ o ^ byte) in taken for byte in wanted))
        base = node ^ offset
        taken.update(base ^ byte for byte in wanted)
        units[node] |= offset << 10 | ends << 8
        if ends:
            units[base] = 1 << 31 | places[prefix]
        for byte in children:
            units[base ^ byte] = byte
        for byte in children:
            place(base ^ byte, prefix + bytes([byte]))

    place(0, b"")
    size = (max(units) | 0xFF) + 1
    trie = b"".join(units.get(i, 0).to_bytes(4, "little") for i in range(size))
    return len(trie).to_bytes(4, "little") + trie + texts


RULES = {
    "\t": " ", "\n": " ", "\r": " ", "\r\n": " ", "\x01": "", "\u3000": " ", "\u00a0": " ", "\ufeff": "",
    "ﬁ": "fi", "½": "1⁄2", "①": "1", "Å": "Å", "e\u0301": "é", "a\u0300": "à", "é": "é", "㎏": "kg", "が": "が",
    "１": "1", "\u200d": "", "Ⅷ": "VIII", "²": "2", "a": "a",
}  # fmt: skip
EXAMPLE = charsmap(RULES)
EXAMPLE_TEXT = base64.b64encode(EXAMPLE).decode()
