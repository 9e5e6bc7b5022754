"""A loop whose time passes when the test says so."""

import asyncio
import heapq
from collections.abc import Callable


class Timer:
    """What ``call_at`` returns."""

    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when = when
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class ManualLoop(asyncio.AbstractEventLoop):
    """The part of a loop that timers need."""

    def __init__(self) -> None:
        self.now = 0.0
        self._timers: list[tuple[float, int, Timer]] = []
        self._n = 0

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:  # type: ignore[override]
        return self.call_at(self.now + delay, callback)

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:  # type: ignore[override]
        self._n += 1
        timer = Timer(when, callback)
        heapq.heappush(self._timers, (when, self._n, timer))
        return timer

    def advance(self, seconds: float, *, late_s: float = 0.0) -> None:
        """Let time pass and run what is due, each ``late_s`` after its time (a busy loop)."""
        end = self.now + seconds
        while self._timers and self._timers[0][0] <= end:
            when, _, timer = heapq.heappop(self._timers)
            if not timer.cancelled:
                self.now = max(self.now, when + late_s)
                timer.callback()
        self.now = max(self.now, end)

    @property
    def waiting(self) -> int:
        """Timers that are still to run."""
        return sum(not timer.cancelled for _, _, timer in self._timers)
