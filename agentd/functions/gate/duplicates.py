"""The same call once more within a turn gets the first one's result, where a function asks for that (``on_duplicate``)."""

import asyncio
from typing import TypeAlias

from agentd.functions.call import CallOutcome, CallRequest

_Outcome: TypeAlias = "asyncio.Future[CallOutcome]"
_Key = tuple[str, bytes]


class Duplicates:
    """The first calls of each run's turn, with their outcome or the wait for it."""

    def __init__(self) -> None:
        self._turns: dict[str, tuple[int, dict[_Key, _Outcome]]] = {}
        self._open: dict[tuple[str, str], _Outcome] = {}

    async def earlier(self, request: CallRequest, key: bytes) -> CallOutcome | None:
        """What the first such call of the turn got, if it was ``ok``; waits for one that still runs.

        None: the caller is the first. It runs, and ``settled`` is told its outcome, whatever becomes of it.
        """
        if request.run_id is None or request.turn is None:
            return None
        while True:
            firsts = self._of(request.run_id, request.turn)
            first = firsts.get((request.name, key))
            if first is None:
                mine = asyncio.get_running_loop().create_future()
                firsts[request.name, key] = self._open[request.run_id, request.call_id] = mine
                return None
            outcome = await asyncio.shield(first)
            if outcome.outcome == "ok":
                return outcome
            if firsts.get((request.name, key)) is first:
                del firsts[request.name, key]

    def settled(self, request: CallRequest, outcome: CallOutcome) -> None:
        """A call has its outcome: those that wait for it get it too, or are run."""
        mine = self._open.pop((request.run_id or "", request.call_id), None)
        if mine is not None and not mine.done():
            mine.set_result(outcome)

    def end(self, run_id: str) -> None:
        """The run is over."""
        self._turns.pop(run_id, None)

    def _of(self, run_id: str, turn: int) -> dict[_Key, _Outcome]:
        n, firsts = self._turns.get(run_id, (None, {}))
        if n != turn:
            firsts = {}
            self._turns[run_id] = turn, firsts
        return firsts
