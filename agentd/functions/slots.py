"""How many calls run at once: per session and in all, with a bounded wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

WAIT_S: Final = 10.0
"""A call that got no place by then is told to try again; the conversation does not wait longer."""

WAITING_PER_SESSION: Final = 16


class NoSlot(Exception):
    """Too much runs already."""


class Slots:
    """Places for calls."""

    def __init__(self, *, per_session: int, total: int, wait_s: float = WAIT_S) -> None:
        self._per_session = per_session
        self._wait_s = wait_s
        self._total = asyncio.Semaphore(total)
        self._sessions: dict[str, tuple[asyncio.Semaphore, list[None]]] = {}

    @asynccontextmanager
    async def one(self, session_id: str | None) -> AsyncIterator[None]:
        """A place for as long as the block runs.

        Raises:
            NoSlot: the session has too many calls waiting, or the wait was too long.
        """
        if session_id is None:
            async with self._within(self._total):
                yield
            return
        semaphore, inside = self._sessions.setdefault(session_id, (asyncio.Semaphore(self._per_session), []))
        if len(inside) >= self._per_session + WAITING_PER_SESSION:
            raise NoSlot
        inside.append(None)
        try:
            async with self._within(semaphore), self._within(self._total):
                yield
        finally:
            inside.pop()
            if not inside:
                self._sessions.pop(session_id, None)

    @asynccontextmanager
    async def _within(self, semaphore: asyncio.Semaphore) -> AsyncIterator[None]:
        if semaphore.locked():
            try:
                async with asyncio.timeout(self._wait_s):
                    await semaphore.acquire()
            except TimeoutError:
                raise NoSlot from None
        else:
            await semaphore.acquire()  # does not wait
        try:
            yield
        finally:
            semaphore.release()
