"""How often a token may start sessions: each start costs money upstream."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

from agentd.errors import TooManyRequests
from agentd.metrics import Metrics

_WINDOW_S: Final = 60.0
_HOLDERS: Final = 1024


class StartRate:
    """Starts of each token within the last minute.

    Args:
        per_minute: starts a token has; may be changed.
        clock: monotonic seconds.
    """

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._starts: OrderedDict[str, deque[float]] = OrderedDict()

    def admit(self, holder: str) -> None:
        """Count one start.

        Raises:
            TooManyRequests: the token had its starts; says when the next one is due.
        """
        now = self._clock()
        times = self._starts.setdefault(holder, deque())
        self._starts.move_to_end(holder)
        while len(self._starts) > _HOLDERS:
            self._starts.popitem(last=False)
        while times and now - times[0] >= _WINDOW_S:
            times.popleft()
        if len(times) >= self.per_minute:
            raise TooManyRequests(
                f"This token has started {self.per_minute} sessions within a minute (limits.starts_per_minute).",
                retry_after_s=_WINDOW_S - (now - times[0]),
                extra={"limit": "starts_per_minute"},
            )
        times.append(now)


class MessageRate:
    """Messages of one client: so many per second, and as many at once after a quiet second.

    Args:
        per_second: how many.
        metrics: counts those that are too many.
        clock: monotonic seconds.
    """

    def __init__(self, per_second: int, *, metrics: Metrics | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._metrics = metrics
        self._clock = clock
        self._left = float(per_second)
        self._at = clock()

    def admits(self) -> bool:
        """Count one message; False when it is one too many."""
        now = self._clock()
        self._left = min(float(self._per_second), self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            if self._metrics is not None:
                self._metrics.limit_reached("ws_messages_per_second")
            return False
        self._left -= 1
        return True
