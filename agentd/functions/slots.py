"""How many calls run at once: per session and in all, with a bounded wait."""

import asyncio
from dataclasses import dataclass
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

    def one(self, session_id: str | None) -> "_Place":
        """A place for as long as the block runs.

        Raises:
            NoSlot: the session has too many calls waiting, or the wait was too long.
        """
        return _Place(self, session_id)

    async def take(self, session_id: str | None) -> None:
        """Enter ``one``."""
        if session_id is None:
            await self._acquire(self._total)
            return
        if session_id not in self._sessions:
            self._sessions[session_id] = (asyncio.Semaphore(self._per_session), [])
        semaphore, inside = self._sessions[session_id]
        if len(inside) >= self._per_session + WAITING_PER_SESSION:
            raise NoSlot
        inside.append(None)
        try:
            await self._acquire(semaphore)
            try:
                await self._acquire(self._total)
            except BaseException:
                semaphore.release()
                raise
        except BaseException:
            self._leave(session_id)
            raise

    def give_back(self, session_id: str | None) -> None:
        """Leave ``one``."""
        self._total.release()
        if session_id is not None:
            self._sessions[session_id][0].release()
            self._leave(session_id)

    def _leave(self, session_id: str) -> None:
        inside = self._sessions[session_id][1]
        inside.pop()
        if not inside:
            del self._sessions[session_id]

    async def _acquire(self, semaphore: asyncio.Semaphore) -> None:
        if not semaphore.locked():
            await semaphore.acquire()  # does not wait
            return
        try:
            async with asyncio.timeout(self._wait_s):
                await semaphore.acquire()
        except TimeoutError:
            raise NoSlot from None


@dataclass(frozen=True, slots=True)
class _Place:
    """A context manager by hand: one made of a generator takes longer than all the checks of a call together."""

    slots: Slots
    session_id: str | None

    async def __aenter__(self) -> None:
        await self.slots.take(self.session_id)

    async def __aexit__(self, *_: object) -> None:
        self.slots.give_back(self.session_id)
