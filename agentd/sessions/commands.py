"""Commands whose acknowledgement carries no id: one outstanding per kind and session, the rest wait in line."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agentd.errors import TooManyRequests


class Lines:
    """One line of waiting per kind (``prompt``, ``think``, ``speak``, ``listen``, ``inject``).

    Args:
        limit: how many commands may stand in one line, the outstanding one included.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._waiting: dict[str, int] = defaultdict(int)

    @asynccontextmanager
    async def turn(self, kind: str) -> AsyncIterator[None]:
        """Stand in line for ``kind``; inside the block this command is the outstanding one.

        Raises:
            TooManyRequests: the line is full.
        """
        if self._waiting[kind] >= self._limit:
            raise TooManyRequests(f"{self._limit} {kind} commands already wait in this session.", retry_after_s=1)
        self._waiting[kind] += 1
        try:
            async with self._locks[kind]:
                yield
        finally:
            self._waiting[kind] -= 1
