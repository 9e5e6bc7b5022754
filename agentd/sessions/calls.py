"""The function calls of one session: each is run through the gate and settled exactly once.

Settled means: answered to the connection that asked, or closed without an answer because the upstream cancelled it,
its connection is gone or the session ended (docs/architecture.md, decision 6).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson

from agentd.functions.gate import CallOutcome, CallRequest
from agentd.functions.service import Functions
from agentd.protocol.messages import FunctionCall, FunctionCallResponse
from agentd.sessions.link import Link
from agentd.sessions.records import CallRecord
from agentd.supervise import spawn

GRACE_S: Final = 2.0
"""A new connection waits this long for calls in progress, so that their results go into its context."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, as the gate sees it."""

    session_id: str
    run_id: str
    agent: str
    allowed: frozenset[str]
    metadata: dict[str, str]


class Calls:
    """Runs calls as children of the session's task group.

    Args:
        settled: called once per call with its record.
    """

    def __init__(self, functions: Functions, caller: Caller, settled: Callable[[CallRecord, str, str | None], None]) -> None:
        self.group: asyncio.TaskGroup | None = None
        self._functions = functions
        self._caller = caller
        self._settled = settled
        self._running: dict[str, asyncio.Task[None]] = {}
        self._answers: dict[bytes, str] = {}

    def start(self, link: Link, call: FunctionCall, record: CallRecord) -> None:
        """Run ``call`` and answer it to ``link``."""
        if self.group is None:
            raise AssertionError("calls start while the session runs")
        name = f"session:{self._caller.session_id}:call:{call.name}"
        task = spawn(self.group, self._run(link, call, record), name=name)
        self._running[call.id] = task
        task.add_done_callback(lambda _: self._running.pop(call.id, None))

    def cancel(self, call_id: str) -> None:
        """The upstream cancelled this call: stop the handler, send no answer."""
        task = self._running.get(call_id)
        if task is not None:
            task.cancel()

    def close(self) -> None:
        """Cancel everything that runs."""
        for task in list(self._running.values()):
            task.cancel()

    async def in_progress(self) -> None:
        """Wait for what runs now, at most two seconds."""
        if self._running:
            await asyncio.wait(set(self._running.values()), timeout=GRACE_S)

    def remember(self, records: tuple[CallRecord, ...]) -> None:
        """Calls of a turn that is asked anew: the same call is answered with what is known and not run again."""
        self._answers = {
            _key(record.name, record.arguments): record.result or "interrupted; outcome unknown" for record in records
        }

    def forget(self) -> None:
        """The turn is over: the same call means a new act again."""
        self._answers.clear()

    async def _run(self, link: Link, call: FunctionCall, record: CallRecord) -> None:
        known = self._answers.get(_key(call.name, record.arguments))
        if known is not None:
            outcome = CallOutcome(outcome="ok", content=known, result=known, arguments={}, duration_s=0.0)
        else:
            try:
                outcome = await self._functions.call(
                    CallRequest(
                        call_id=call.id,
                        name=call.name,
                        arguments=call.arguments,
                        session_id=self._caller.session_id,
                        run_id=self._caller.run_id,
                        agent=self._caller.agent,
                        allowed=self._caller.allowed,
                        metadata=self._caller.metadata,
                    )
                )
            except asyncio.CancelledError:
                self._settled(record, "cancelled", None)
                raise
        self._settled(record, outcome.outcome, outcome.content)
        if call.id in link.protocol.open_calls and link.is_ready:
            link.send(FunctionCallResponse(id=call.id, name=call.name, content=outcome.content))


def _key(name: str, arguments: Any) -> bytes:
    return orjson.dumps([name, arguments], option=orjson.OPT_SORT_KEYS)
