"""Cutting a stream of text into pieces to speak: a sentence each, as soon as it is complete."""

import re
from collections.abc import Iterator
from typing import Final

_END: Final = re.compile(r"(?<=[.!?…])[\"'\u201d\u2019)\]]*\s+|\n+")
_CLAUSE: Final = re.compile(r"(?<=[,;:])\s+")
_NOT_AN_END: Final = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|vs|etc|approx|No)|\b[A-Za-z]\.[A-Za-z]|\b[A-Z]|^\s*\d+)\.$")
_LONG: Final = 220
"""Characters after which a sentence is cut at a clause: nobody waits that long for the first sound."""
_FIRST: Final = 20
"""Characters that a first clause has at least; fewer sound torn off."""


class SentenceCutter:
    """Feed text as it comes; complete sentences come out, trimmed and never empty.

    Args:
        early: of the first sentence the first clause comes out by itself, if it is there before the sentence's end: it is what
            the user waits for.
    """

    def __init__(self, *, early: bool = False) -> None:
        self._held = ""
        self._early = early

    def feed(self, text: str) -> Iterator[str]:
        """The sentences that ``text`` completes. A sentence is complete when something follows it."""
        self._held += text
        while (cut := self._cut()) is not None:
            piece, self._held = self._held[:cut].strip(), self._held[cut:]
            if piece:
                self._early = False
                yield piece

    def finish(self) -> Iterator[str]:
        """What is left when the stream has ended."""
        piece, self._held = self._held.strip(), ""
        if piece:
            yield piece

    def _cut(self) -> int | None:
        for match in _END.finditer(self._held):
            if "\n" in match.group() or not _NOT_AN_END.search(self._held[: match.start()]):
                return match.end()
        if self._early:
            clause = next((match for match in _CLAUSE.finditer(self._held) if match.start() >= _FIRST), None)
            if clause is not None:
                return clause.end()
        if len(self._held) > _LONG:
            clauses = [match.end() for match in _CLAUSE.finditer(self._held) if match.end() <= _LONG]
            if clauses:
                return clauses[-1]
            space = self._held.rfind(" ", 0, _LONG)
            return space + 1 if space > 0 else _LONG
        return None


def sentences(text: str) -> Iterator[str]:
    """The sentences of a finished text."""
    cutter = SentenceCutter()
    yield from cutter.feed(text)
    yield from cutter.finish()
