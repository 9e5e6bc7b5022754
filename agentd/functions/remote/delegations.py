"""The delegated calls that wait for a client of the API to answer, and how the last ones ended."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from agentd.errors import CallNotFound, Conflict
from agentd.functions.workers.wire import Reply

REMEMBERED: Final = 512
"""Calls that are over, so that a late answer is told from one to a call that never was."""

_Key = tuple[str, str]


@dataclass(slots=True)
class Delegations:
    """All of them; outlives reloads."""

    _waiting: dict[_Key, tuple[str, asyncio.Future[Reply]]] = field(default_factory=dict)
    _over: OrderedDict[_Key, str] = field(default_factory=OrderedDict)

    def open(self, run_id: str, call_id: str, name: str) -> asyncio.Future[Reply]:
        """A call of the function ``name`` begins to wait."""
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[run_id, call_id] = name, future
        return future

    def close(self, run_id: str, call_id: str, how: str) -> None:
        """It waits no more; ``how`` says why, unless an answer has."""
        self._waiting.pop((run_id, call_id), None)
        self._over.setdefault((run_id, call_id), how)
        while len(self._over) > REMEMBERED:
            self._over.popitem(last=False)

    def answer(self, run_id: str, call_id: str, reply: Reply) -> str:
        """Settle a call; the function's name.

        Raises:
            CallNotFound: nobody was asked to run this call.
            Conflict: it is over; the first answer counts.
        """
        key = (run_id, call_id)
        name, future = self._waiting.get(key, ("", None))
        if future is not None and not future.done():
            future.set_result(reply)
            self._over[key] = "it has been answered"
            return name
        over = self._over.get(key)
        if over is None:
            raise CallNotFound(f"No delegated call {call_id[:64]!r} waits for an answer in this run.")
        raise Conflict(f"The call {call_id[:64]!r} is over: {over}. The first answer counts.")
