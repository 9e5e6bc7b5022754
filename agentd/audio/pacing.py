"""Playing in real time by a clock of samples: what was given out always equals the time that has passed, for hours."""

from collections import deque

from agentd.audio.formats import AudioFormat


class Player:
    """What one listener hears. Pure: ``now`` is monotonic seconds.

    Args:
        audio: the format of what goes in and out.
        now: the beginning of the clock.
        silence: fill the gaps with silence; else only what was put in comes out, still no faster than it plays.
        most_s: what may wait; beyond it the oldest is dropped.
    """

    def __init__(self, audio: AudioFormat, now: float, *, silence: bool, most_s: float) -> None:
        self._audio = audio
        self._began = now
        self._silence = silence
        self._most_bytes = audio.bytes_for(most_s)
        self._frames: deque[bytes] = deque()
        self._given = 0
        self.waiting_bytes = 0

    def put(self, data: bytes) -> int:
        """Play this after what waits. Returns the bytes that were dropped for it."""
        if not data:
            return 0
        self._frames.append(data)
        self.waiting_bytes += len(data)
        return len(self._take(self.waiting_bytes - self._most_bytes)) if self.waiting_bytes > self._most_bytes else 0

    def cut(self, *, keep_s: float = 0.0) -> None:
        """Play nothing of what waits, or only the next ``keep_s`` seconds."""
        kept = self._take(self._audio.bytes_for(keep_s))
        self._frames.clear()
        self.waiting_bytes = 0
        self.put(kept)

    def due(self, now: float) -> bytes:
        """What is to be heard since the last time."""
        n_bytes = self._audio.bytes_for(now - self._began) - self._given
        if n_bytes <= 0:
            return b""
        self._given += n_bytes
        heard = self._take(n_bytes)
        return heard + self._audio.silence(n_bytes - len(heard)) if self._silence else heard

    def _take(self, n_bytes: int) -> bytes:
        taken: list[bytes] = []
        while n_bytes > 0 and self._frames:
            frame = self._frames.popleft()
            if len(frame) > n_bytes:
                self._frames.appendleft(frame[n_bytes:])
                frame = frame[:n_bytes]
            taken.append(frame)
            n_bytes -= len(frame)
            self.waiting_bytes -= len(frame)
        return b"".join(taken)
