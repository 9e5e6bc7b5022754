"""The pieces of words that a recogniser writes: read from its tokenizer file, put together to text, found in a text."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

GAP: Final = "\N{LOWER ONE EIGHTH BLOCK}"
"""What pieces have for a space."""

_REPEATED_MARK: Final = re.compile(r"([.,?!])\1+")
"""Two pieces may carry the same punctuation: "Alexa,, what year is it?"."""


class Pieces:
    """The pieces of one recogniser; a token is the place of one in the list.

    Args:
        data: a ``tokenizer.bin``: pieces one after the other, each after its length. A length below 128 is one byte; a longer
            one is ``low - 128 + 128 * high`` in two.
    """

    def __init__(self, data: bytes) -> None:
        self.all = tuple(_read(data))
        # A letter stands there twice: among the 256 bytes, for what has no piece of its own, and later as the piece that is used.
        self._places = {piece: place for place, piece in enumerate(self.all)}

    def text(self, tokens: Sequence[int]) -> str:
        """What ``tokens`` spell."""
        text = b"".join(self.all[token] for token in tokens).decode("utf-8", "replace")
        return _REPEATED_MARK.sub(r"\1", text.replace(GAP, " ")).strip()

    def tokens(self, text: str) -> list[int]:
        """The pieces of ``text`` (byte pair encoding): neighbours are joined, those first that stand first in the list."""
        parts = [letter.encode() for letter in (GAP + text.strip()).replace(" ", GAP)]
        while True:
            joints = [(self._places.get(left + right), at) for at, (left, right) in enumerate(pairwise(parts))]
            place, at = min(((place, at) for place, at in joints if place is not None), default=(0, -1))
            if at < 0:
                return [self._places.get(part, 0) for part in parts]
            parts[at : at + 2] = [self.all[place]]


def _read(data: bytes) -> list[bytes]:
    pieces: list[bytes] = []
    at = 0
    while at < len(data):
        length, at = data[at], at + 1
        if length >= 128:
            length, at = length - 128 + 128 * data[at], at + 1
        pieces.append(data[at : at + length])
        at += length
    return pieces
