"""The engine's thread pool: model compute off the loop, at most so many at once, the most urgent first.

The bound matters more than the threads: with more jobs running than cores, the first sentence of every reply comes later
(measured: 23 ms of synthesis became 295 ms with eight recognisers beside it).
"""

import asyncio
import contextlib
import enum
import heapq
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

_T = TypeVar("_T")

MAX_WAITING: Final = 1000
"""Jobs that may wait; every conversation has one or two."""


class Urgency(enum.IntEnum):
    """Which job goes first."""

    FIRST_AUDIO = 0
    """Somebody hears silence until it is done."""
    TRANSCRIPT = 1
    """The turn waits for it."""
    AHEAD = 2
    """Later audio of a reply that already plays, or a transcript that may not be needed."""


class Overloaded(Exception):
    """Too many jobs wait."""


class Compute:
    """Runs blocking functions of models.

    Args:
        threads: most at once.
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="engine")
        self._free = threads
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._number = 0

    async def run(self, urgency: Urgency, function: Callable[..., _T], *arguments: Any) -> _T:
        """The result of ``function(*arguments)``, run on a thread.

        Cancelling the wait takes the job out of the queue; one that runs is finished and its result dropped.

        Raises:
            Overloaded: too many jobs wait.
        """
        await self._acquire(urgency)
        future = self._pool.submit(function, *arguments)
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda _: _tell(loop, self._release))
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Take no more jobs; running ones end by themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _acquire(self, urgency: Urgency) -> None:
        if self._free:
            self._free -= 1
            return
        if len(self._waiting) >= MAX_WAITING:
            raise Overloaded(f"{MAX_WAITING} jobs wait for the models")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._number += 1
        heapq.heappush(self._waiting, (urgency, self._number, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # the place came together with the cancellation
                self._release()
            raise

    def _release(self) -> None:
        """Give a free place to the most urgent job that still waits."""
        while self._waiting:
            turn = heapq.heappop(self._waiting)[2]
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


def _tell(loop: asyncio.AbstractEventLoop, function: Callable[[], None]) -> None:
    """Call on the loop from a thread; a loop that is closed by now has nobody waiting."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(function)
