"""Keeps a stranger from having the loop to itself."""

import asyncio
from typing import Final

MESSAGES_PER_S: Final = 200
BYTES_PER_S: Final = 2_097_152
"""From one server. A flood waits in the server, or in its socket."""
BURST_S: Final = 0.05
"""What comes at once is taken at once, as much as this time has room for; more would hold up the loop for as long as it takes."""


class Pace:
    """A rate that is kept by waiting before more is taken.

    Args:
        per_s: of whatever is counted.
    """

    def __init__(self, per_s: int) -> None:
        self._each_s = 1 / per_s
        self._loop = asyncio.get_running_loop()
        self._paid_until = self._loop.time()

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
