"""Waiting for a condition of a session, bounded, without polling."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Changes:
    """Wakes whoever waits whenever the session changed."""

    def __init__(self) -> None:
        self._waiters: set[asyncio.Future[None]] = set()

    def notify(self) -> None:
        """Something changed: every waiter looks again."""
        waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def until(self, probe: Callable[[], T | None], *, timeout_s: float) -> T:
        """The first value of ``probe`` that is not None; ``probe`` may raise to give up.

        Raises:
            TimeoutError: ``timeout_s`` seconds passed.
        """
        async with asyncio.timeout(timeout_s):
            while (value := probe()) is None:
                waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._waiters.add(waiter)
                try:
                    await waiter
                finally:
                    self._waiters.discard(waiter)
        return value
