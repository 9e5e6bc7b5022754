"""The turns of a run that stay in memory, and how much of their audio."""

from collections import deque
from collections.abc import Callable
from typing import Final

from agentd.sessions.records import Turn, TurnCause

LONGEST_TURN: Final = 4
"""A single reply is kept up to this multiple of what is kept of a session, so that a long story is not cut."""


class KeptTurns:
    """Numbers turns and keeps the latest.

    Args:
        wall: Unix seconds, for ``started_at`` of the records.
        limit: turns kept; older ones are forgotten.
        audio_limit_bytes: agent audio kept; that of the oldest turns gives way. One long turn is kept up to four times that.

    Attributes:
        all: the turns kept, oldest first.
        count: turns so far.
        audio_bytes: audio kept of them.
    """

    def __init__(self, *, wall: Callable[[], float], limit: int, audio_limit_bytes: int) -> None:
        self.all: deque[Turn] = deque(maxlen=limit)
        self.count = 0
        self.audio_bytes = 0
        self.audio_limit_bytes = audio_limit_bytes
        self._wall = wall

    def new(self, cause: TurnCause, now: float) -> Turn:
        """The next turn; ``now`` is monotonic seconds."""
        self.count += 1
        if len(self.all) == self.all.maxlen:
            self.audio_bytes -= len(self.all[0].audio)
        turn = Turn(n=self.count, cause=cause, started=self._wall(), started_at=now)
        self.all.append(turn)
        return turn

    def take_back(self, turn: Turn) -> bool:
        """Forget the newest turn, number and all; False when ``turn`` is not the newest."""
        if turn.n != self.count:
            return False
        self.all.pop()
        self.audio_bytes -= len(turn.audio)
        self.count -= 1
        return True

    def keep_audio(self, turn: Turn, frame: bytes | memoryview) -> None:
        """Add to the audio of ``turn`` what there is room for."""
        if self.audio_bytes + len(frame) > self.audio_limit_bytes:
            for old in self.all:
                if old is not turn:
                    self.audio_bytes -= len(old.audio)
                    old.audio.clear()
                if self.audio_bytes + len(frame) <= self.audio_limit_bytes:
                    break
        if len(turn.audio) + len(frame) > LONGEST_TURN * self.audio_limit_bytes:
            return
        turn.audio += frame
        self.audio_bytes += len(frame)

    def forget_audio(self) -> None:
        """Keep no audio of the turns so far."""
        self.audio_bytes = 0
        for turn in self.all:
            turn.audio.clear()
