"""Keeps a stranger from having the loop to itself."""

import asyncio
from typing import Final

MESSAGES_PER_S: Final = 500
BYTES_PER_S: Final = 4_194_304
"""From one server. A flood waits in the server, or in its socket."""


class Pace:
    """Counts what came within a second, and waits for the next one when that is enough.

    Args:
        per_s: of whatever is counted.
    """

    def __init__(self, per_s: int) -> None:
        self._per_s = per_s
        self._loop = asyncio.get_running_loop()
        self._since = self._loop.time()
        self._count = 0

    async def took(self, count: int = 1) -> bool:
        """Note what came; True if that took waiting."""
        now = self._loop.time()
        if now - self._since >= 1:
            self._since, self._count = now, 0
        self._count += count
        if self._count <= self._per_s:
            return False
        await asyncio.sleep(self._since + 1 - now)
        return True
