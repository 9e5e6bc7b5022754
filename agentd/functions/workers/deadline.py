"""A time limit that stands still while the daemon works for the handler."""

import asyncio
from collections.abc import Callable
from typing import Final

MAX_PAUSED_S: Final = 60.0
"""All pauses together: a handler that keeps asking does not live for ever."""


class Deadline:
    """Calls ``expire`` once ``limit_s`` seconds have passed that were not paused. Pauses nest."""

    def __init__(self, limit_s: float, expire: Callable[[], object]) -> None:
        self._loop = asyncio.get_running_loop()
        self._expire = expire
        self._pauses = 0
        self._left_s = limit_s
        self._pause_left_s = MAX_PAUSED_S
        self._since = self._loop.time()
        self._timer: asyncio.TimerHandle | None = self._loop.call_later(limit_s, expire)

    def pause(self) -> None:
        """Stand still until ``resume``."""
        self._pauses += 1
        if self._pauses == 1 and self._timer is not None:
            self._left_s -= self._turn(self._pause_left_s)

    def resume(self) -> None:
        """Go on, if this was the last pause."""
        self._pauses -= 1
        if self._pauses == 0 and self._timer is not None:
            self._pause_left_s -= self._turn(self._left_s)

    def stop(self) -> None:
        """Never expire."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _turn(self, next_s: float) -> float:
        """Change between running and standing: time the next stretch, return the length of the last."""
        if self._timer is None:
            raise AssertionError("a stopped deadline does not turn")
        self._timer.cancel()
        now = self._loop.time()
        passed_s, self._since = now - self._since, now
        self._timer = self._loop.call_later(max(0.0, next_s), self._expire)
        return passed_s
