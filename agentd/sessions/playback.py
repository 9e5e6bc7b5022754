"""The playback clock: until when what the agent said is still being heard.

Upstreams send a reply much faster than it plays; barge-in and ``played`` are judged by this clock, never by the
moment of sending.
"""


class Playback:
    """Audio of ``bytes_per_second`` starts playing when it comes and plays on without a gap. Times are monotonic seconds.

    Attributes:
        until: when the last of it is, or was, heard.
    """

    def __init__(self, bytes_per_second: int) -> None:
        self._bytes_per_second = bytes_per_second
        self.until = 0.0

    def received(self, n_bytes: int, now: float) -> None:
        """``n_bytes`` were received and handed on."""
        self.until = max(self.until, now) + n_bytes / self._bytes_per_second

    def left_bytes(self, now: float) -> int:
        """Bytes received and not yet played."""
        return max(0, int((self.until - now) * self._bytes_per_second))

    def playing(self, now: float) -> bool:
        """True while something is left to play."""
        return self.until > now

    def cut(self, now: float) -> None:
        """A barge-in: what is left is thrown away."""
        self.until = min(self.until, now)
