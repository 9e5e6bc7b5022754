"""Keeps a stranger from having the loop to itself."""

import asyncio
from typing import Final

BURST_S: Final = 0.05
"""What comes at once is taken at once, as much as this time has room for; more would hold up the loop for as long as it takes."""

TELL_S: Final = 60.0
"""Between two lines in the log about one thing that a server does again and again."""


class Pace:
    """A rate that is kept by waiting before more is taken: a flood waits in the server, or in its socket.

    Args:
        per_s: of whatever is counted.
    """

    def __init__(self, per_s: int) -> None:
        self._each_s = 1 / per_s
        self._loop = asyncio.get_running_loop()
        self._paid_until = self._loop.time() - BURST_S

    def took(self, count: int = 1) -> None:
        """Note what came."""
        self._paid_until = max(self._paid_until, self._loop.time() - BURST_S) + count * self._each_s

    async def turn(self) -> bool:
        """Wait until more may come; True if that took waiting."""
        wait_s = self._paid_until - self._loop.time()
        if wait_s <= 0:
            return False
        await asyncio.sleep(wait_s)
        return True


class Seldom:
    """When to tell of what happens again and again."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._last = -TELL_S
        self._passed_over = 0

    def due(self) -> bool:
        """Whether to tell of it now; else it is counted."""
        now = self._loop.time()
        if now - self._last < TELL_S:
            self._passed_over += 1
            return False
        self._last = now
        return True

    def passed_over(self) -> int:
        """How often it was not told since this was asked last."""
        count, self._passed_over = self._passed_over, 0
        return count
