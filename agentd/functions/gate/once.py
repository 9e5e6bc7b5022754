"""No call runs twice: a call id that comes again gets what the first one got."""

import asyncio
from collections import OrderedDict
from typing import Final, Generic, TypeVar

T = TypeVar("T")

KEPT: Final = 4096
"""Settled ids remembered. A replay comes within seconds; this is hours of calls."""


class Once(Generic[T]):
    """Call ids with their outcome, or the wait for it; the oldest settled ones are forgotten."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._known: OrderedDict[tuple[str | None, str], asyncio.Future[T]] = OrderedDict()

    def earlier(self, run_id: str | None, call_id: str) -> asyncio.Future[T] | None:
        """The first call of that id; None if there was none. Wait for it shielded: it is shared."""
        return self._known.get((run_id, call_id))

    def end(self, run_id: str) -> None:
        """The run is over: nobody can ask for its calls again, and what was in them is not kept."""
        for key in [key for key, settled in self._known.items() if key[0] == run_id and settled.done()]:
            del self._known[key]

    def open(self, run_id: str | None, call_id: str) -> asyncio.Future[T]:
        """Note that the call begins; its outcome goes into the future. Outside a run nobody can ask again: nothing is kept."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if run_id is None:
            return future
        self._known[run_id, call_id] = future
        while len(self._known) > self._kept and next(iter(self._known.values())).done():
            self._known.popitem(last=False)
        return future
