"""Telling thoughts from speech where a model writes both into one text: ``<think>The clock says 12.</think>It is noon.``, say."""

import re
from collections.abc import Iterator
from typing import Final

_TAG: Final = re.compile(r"<(/?)(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
_BEGUN: Final = re.compile(r"</?[a-z]{0,9}\Z", re.IGNORECASE)
"""What may become a tag with the next piece of text."""

_LONG: Final = 1000
"""Characters after which a thought is passed on in mid-sentence."""


class ThoughtSplitter:
    """Feed text as it comes; it comes out as it went in, without the tags, each piece marked as thought or not.

    Attributes:
        inside: whether the text at hand is thought.
        retracted: whether a thought ended that had not begun, because the chat template wrote its opening tag: what came out
            unmarked until then was thought as well.
    """

    def __init__(self) -> None:
        self.inside = False
        self.retracted = False
        self._held = ""

    def feed(self, text: str) -> Iterator[tuple[bool, str]]:
        """The pieces that are certain."""
        self._held += text
        while (tag := _TAG.search(self._held)) is not None:
            before, self._held = self._held[: tag.start()], self._held[tag.end() :]
            closing = bool(tag[1])
            self.retracted = closing and not self.inside
            if before or self.retracted:
                yield self.inside or closing, before
            self.retracted = False
            self.inside = not closing
        begun = _BEGUN.search(self._held)
        certain = len(self._held) if begun is None else begun.start()
        piece, self._held = self._held[:certain], self._held[certain:]
        if piece:
            yield self.inside, piece

    def finish(self) -> Iterator[tuple[bool, str]]:
        """What looked like a tag and was none."""
        piece, self._held = self._held, ""
        if piece:
            yield self.inside, piece


class ThoughtCutter:
    """Feed thoughts as they come; paragraphs come out, so that a long thought can be followed."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> Iterator[str]:
        """The paragraphs that ``text`` completes."""
        self._held += text
        while (end := self._held.find("\n\n")) >= 0 or len(self._held) > _LONG:
            end = end if 0 <= end <= _LONG else self._held.rfind(" ", 1, _LONG) + 1 or _LONG
            piece, self._held = self._held[:end].strip(), self._held[end:].lstrip("\n")
            if piece:
                yield piece

    def finish(self) -> Iterator[str]:
        """What is left when the thought has ended."""
        piece, self._held = self._held.strip(), ""
        if piece:
            yield piece
