"""Words that a recogniser is to find likelier: a tree of their letters, walked along while it decodes.

Letters, not tokens: a word is met however the recogniser happens to cut it into pieces. Every letter is credited at once, so
that the beam keeps the word; one that turns out to be another word pays all of it back (contextual biasing by shallow
fusion: D. Zhao et al., "Shallow-Fusion End-to-End Contextual Biasing", 2019).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

_PER_LETTER: Final = 0.3
"""Credit of a letter, in nats."""

_LETTERS_CREDITED: Final = 5
"""Later letters bring nothing: a long word is made four and a half times likelier, a short one less, for it is met by chance."""

_SHORTEST: Final = 3
"""Letters that a word must have."""

_LONGEST: Final = 30
"""Letters of a word that count."""

_MOST: Final = 400
"""Words that count; the first are the most telling."""

_WORD: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


@dataclass(slots=True)
class _Node:
    """A place in the tree.

    Attributes:
        after: where each letter leads.
        credit: of the letter that leads here.
        whole: a word may end here.
    """

    credit: float = 0.0
    after: "dict[str, _Node]" = field(default_factory=dict)
    whole: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """The node a sequence has come to (None: in no word of the tree), and what it owes unless the word comes true."""

    node: _Node | None
    owed: float = 0.0


class FavouredWords:
    """The words of one vocabulary. Implements ``beam.Favour`` over the tokens of one recogniser.

    Args:
        pieces: what each token stands for, in UTF-8.
        vocabulary: words and phrases, in any case; every word of a phrase counts for itself.
    """

    def __init__(self, pieces: Sequence[bytes], vocabulary: Iterable[str]) -> None:
        self._pieces = pieces
        self._root = _Node()
        words = dict.fromkeys(word for phrase in vocabulary for word in _WORD.findall(phrase.lower()) if len(word) >= _SHORTEST)
        for word in list(words)[:_MOST]:
            stem = word.removesuffix("s")
            node = self._plant(stem[:_LONGEST])
            node.after.setdefault("s", _Node()).whole = True  # or a plural in a schema would win over the singular said
        self.begin = _Place(self._root)

    def follow(self, state: _Place, token: int) -> tuple[_Place, float]:
        """See ``beam.Favour``."""
        node, owed, gained = state.node, state.owed, 0.0
        for letter in _letters(self._pieces[token]):
            if not (letter.isalnum() or letter == "'"):  # a gap or a mark: the word is over
                gained -= 0.0 if node is not None and node.whole else owed
                node, owed = self._root, 0.0
            elif node is not None:
                node = node.after.get(letter)
                credit = -owed if node is None else node.credit
                gained, owed = gained + credit, owed + credit
        return _Place(node, owed), gained

    def close(self, state: _Place) -> float:
        """See ``beam.Favour``."""
        return 0.0 if state.node is not None and state.node.whole else -state.owed

    def _plant(self, word: str) -> _Node:
        node = self._root
        for at, letter in enumerate(word):
            node = node.after.setdefault(letter, _Node(_PER_LETTER if at < _LETTERS_CREDITED else 0.0))
        node.whole = True
        return node


@lru_cache(maxsize=32_768)
def _letters(piece: bytes) -> str:
    return piece.decode("utf-8", "ignore").lower()
