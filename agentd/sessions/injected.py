"""Texts that we inject for the agent to say, and questions whose answer is awaited: told apart from the model's own words."""

import re
from typing import Final

from agentd.sessions.records import Turn

_WORDS: Final = re.compile(r"[\w']+")


class OwnText:
    """A text the upstream was asked to say.

    An upstream may say a long text sentence by sentence, and write it with other spaces and signs.

    Attributes:
        begun_at: when its first words came (monotonic seconds); None while it is awaited.
        turn: the turn it is said in.
    """

    def __init__(self, text: str) -> None:
        self.begun_at: float | None = None
        self.turn: Turn | None = None
        self._rest = _words(text)

    @property
    def complete(self) -> bool:
        """All of it has come."""
        return not self._rest

    def take(self, text: str) -> bool:
        """True when ``text`` is the next piece of it, or holds all that is left."""
        piece = _words(text)
        if self._rest == piece or f" {self._rest} " in f" {piece} ":
            self._rest = ""
        elif piece and self._rest.startswith(f"{piece} "):
            self._rest = self._rest[len(piece) + 1 :]
        else:
            return False
        return True

    def begin(self, turn: Turn | None, now: float) -> None:
        """It is being said; the first time counts."""
        if self.begun_at is None:
            self.begun_at, self.turn = now, turn


class Question:
    """A question put to the user: the next turn that begins after it is out answers it.

    Args:
        typed: a typed text answers it too.
        quiet: the agent's reply to that turn is not to be heard.

    Attributes:
        own: its text, once it is being sent.
        heard: the answer.
        turn: the turn of the answer.
    """

    def __init__(self, *, typed: bool, quiet: bool) -> None:
        self.own: OwnText | None = None
        self.heard: str | None = None
        self.turn: Turn | None = None
        self._typed = typed
        self._quiet = quiet

    def offer(self, turn: Turn, text: str, *, typed: bool, began_at: float) -> None:
        """The user has said or typed ``text``, and began to at ``began_at``."""
        asked_at = self.own.begun_at if self.own is not None else None
        if self.turn is not None or asked_at is None or began_at < asked_at or (typed and not self._typed):
            return
        self.turn, self.heard = turn, text
        if self._quiet:
            turn.hush()


def _words(text: str) -> str:
    return " ".join(_WORDS.findall(text.casefold())) or text.strip()
