"""Dead air: the user waits for the agent, and hears nothing for longer than people bear (docs/streams.md)."""

from typing import Literal

from agentd.functions.options import FILLER_EVERY_S
from agentd.sessions.records import Turn

Stage = Literal["listen", "think", "function", "speak"]
"""What is awaited: the user's words, the model's, a function's answer, or the voice."""


def waiting(turn: Turn | None, now: float, *, played_until: float, unheard_s: float | None) -> tuple[Stage, float] | None:
    """What the user waits for, and since when; None: for nothing.

    Args:
        turn: the one in progress.
        now: monotonic seconds.
        played_until: when the last agent audio was heard, or will be.
        unheard_s: seconds of silence after speech that has not become words yet; None: there is no such speech.
    """
    if turn is None:
        return ("listen", now - unheard_s) if unheard_s is not None else None
    if turn.cause == "agent" or turn.hushed or played_until > now:
        return None
    since = max(turn.started_at, played_until)
    if any(call.open for call in turn.calls):
        return "function", since
    if turn.said and turn.said[-1].at_byte >= turn.audio_bytes:
        return "speak", since
    return "think", since


class DeadAir:
    """Tells once of each wait that is too long."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._told: tuple[int, float] | None = None

    def look(self, turn: Turn | None, now: float, *, played_until: float, unheard_s: float | None) -> tuple[Stage, float] | None:
        """The stage to tell of now and how long it has taken, if any; see ``waiting``."""
        found = waiting(turn, now, played_until=played_until, unheard_s=unheard_s)
        if found is None:
            if unheard_s is None and turn is None:
                self._told = None
            return None
        stage, since = found
        told = turn is not None and stage == "function" and bool(turn.said)
        limit_s = max(self._limit_s, FILLER_EVERY_S) if told else self._limit_s  # the user knows, and is told again
        wait = (turn.n if turn is not None else 0, since if turn is not None else 0.0)
        if now - since < limit_s or wait == self._told:
            return None
        self._told = wait
        return stage, now - since
