"""Telling thoughts and calls from speech where a model writes all into one text.

Reasoning models write ``<think>The clock says 12.</think>It is noon.``, and models whose server does not read their calls for us
leave ``<tool_call>{"name": "get_time"}</tool_call>`` in the text.
"""

import enum
import re
from collections.abc import Iterator
from typing import Final

_THOUGHTS: Final = ("think", "thinking", "thought", "reasoning")
_TAG: Final = re.compile(rf"<(/?)({'|'.join(_THOUGHTS)}|tool_call)>", re.IGNORECASE)
_BEGUN: Final = re.compile(r"</?[a-z_]{0,9}\Z", re.IGNORECASE)
"""What may become a tag with the next piece of text."""

_LONG: Final = 1000
"""Characters after which a thought is passed on in mid-sentence."""


class Kind(enum.Enum):
    """What a piece of text is."""

    SPEECH = enum.auto()
    THOUGHT = enum.auto()
    CALL = enum.auto()


class TextSplitter:
    """Feed text as it comes; it comes out as it went in, without the tags, each piece with its kind.

    Attributes:
        inside: the kind of the text at hand.
        closed: whether the piece that comes out is the last of its kind for now.
        retracted: whether a thought ended that had not begun, because the chat template wrote its opening tag: what came out
            as speech until then was thought as well.
    """

    def __init__(self) -> None:
        self.inside = Kind.SPEECH
        self.closed = False
        self.retracted = False
        self._held = ""

    def feed(self, text: str) -> Iterator[tuple[Kind, str]]:
        """The pieces that are certain."""
        self._held += text
        while (tag := _TAG.search(self._held)) is not None:
            before, self._held = self._held[: tag.start()], self._held[tag.end() :]
            named = Kind.CALL if tag[2].lower() == "tool_call" else Kind.THOUGHT
            closing = bool(tag[1])
            self.retracted = closing and named is Kind.THOUGHT and self.inside is Kind.SPEECH
            self.closed = True
            if before or self.retracted or self.inside is Kind.CALL:
                yield named if self.retracted else self.inside, before
            self.retracted = self.closed = False
            self.inside = Kind.SPEECH if closing else named
        begun = _BEGUN.search(self._held)
        certain = len(self._held) if begun is None else begun.start()
        piece, self._held = self._held[:certain], self._held[certain:]
        if piece:
            yield self.inside, piece

    def finish(self) -> Iterator[tuple[Kind, str]]:
        """What looked like a tag and was none, or what lacks its closing tag."""
        piece, self._held = self._held, ""
        self.closed = True
        if piece or self.inside is Kind.CALL:
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
