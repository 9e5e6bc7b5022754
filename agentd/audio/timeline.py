"""Where in time audio belongs, counted in samples. Pure: ``now`` and ``start`` are monotonic seconds."""

from collections import deque

from agentd.audio.formats import AudioFormat


class Track:
    """One side of a conversation: what is put in comes out as one stream without holes, silence between.

    Args:
        audio: the format of what goes in and out.
        began: the moment of the first sample.
        most_s: what may wait to be taken; beyond it nothing is added.
    """

    def __init__(self, audio: AudioFormat, began: float, *, most_s: float) -> None:
        self._audio = audio
        self._began = began
        self._most = audio.bytes_for(most_s)
        self._frames: deque[bytes] = deque()
        self._taken = self._end = 0

    def put(self, frame: bytes, start: float, *, slack_s: float = 0.0) -> bool:
        """Add audio that begins at ``start``, or after what is there.

        Args:
            frame: whole samples.
            start: when it begins.
            slack_s: no silence goes before it while it is no later than this: networks stutter, speech does not.

        Returns:
            False when it was left out, because too much waits.
        """
        if self._end - self._taken + len(frame) > self._most:
            return False
        gap = self._position(start) - self._end
        if gap > self._audio.bytes_for(slack_s):
            self._append(self._audio.silence(gap))
        self._append(frame)
        return True

    def cut(self, now: float) -> None:
        """What would be heard after ``now`` is not."""
        left = self._end - max(self._position(now), self._taken)
        while left > 0:
            frame = self._frames.pop()
            self._end -= len(frame)
            if len(frame) > left:
                self._append(frame[: len(frame) - left])
            left -= len(frame)

    def take(self, now: float) -> bytes:
        """Everything before ``now`` that was not taken yet; always as long as the time since."""
        wanted = self._position(now) - self._taken
        taken: list[bytes] = []
        while wanted > 0 and self._frames:
            frame = self._frames.popleft()
            if len(frame) > wanted:
                self._frames.appendleft(frame[wanted:])
                frame = frame[:wanted]
            taken.append(frame)
            self._taken += len(frame)
            wanted -= len(frame)
        if wanted > 0:
            taken.append(self._audio.silence(wanted))
            self._taken += wanted
            self._end = self._taken
        return b"".join(taken)

    def _position(self, now: float) -> int:
        return self._audio.bytes_for(max(0.0, now - self._began))

    def _append(self, frame: bytes) -> None:
        self._frames.append(frame)
        self._end += len(frame)
