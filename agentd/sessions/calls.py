"""The function calls of one session: each is run by the daemon or by a compatible client, and settled exactly once.

Settled means: answered to the connection that asked, or closed without an answer because the upstream cancelled it,
its connection is gone or the session ended (docs/architecture.md, decision 6).
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson

from agentd.functions.call import CallOutcome, CallRequest
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
    started_by: str | None = None


class CallOwner(Protocol):
    """The conversation, as its calls see it. Called on the event loop; must not block."""

    def call_settled(self, record: CallRecord, outcome: str, result: str | None) -> None:
        """A call has its outcome; called once per call."""

    def call_answered(self, response: FunctionCallResponse) -> None:
        """The daemon answered a call to the upstream, in place of a client if it was the client's."""

    def client_silent(self, call: FunctionCall) -> None:
        """The client did not answer its call in time."""


@dataclass(frozen=True, slots=True)
class _AtClient:
    """A call the client was asked for."""

    link: Link
    call: FunctionCall
    record: CallRecord
    answered: asyncio.Future[None]


class Calls:
    """Runs calls as children of the session's task group.

    Args:
        client_s: seconds the client has to answer a call of its own.
    """

    def __init__(self, functions: Functions, caller: Caller, owner: CallOwner, *, client_s: float) -> None:
        self.group: asyncio.TaskGroup | None = None
        self._functions = functions
        self._caller = caller
        self._owner = owner
        self._client_s = client_s
        self._running: dict[tuple[int, str], asyncio.Task[None]] = {}
        self._at_client: dict[str, _AtClient] = {}
        self._answers: dict[bytes, str] = {}

    def is_open(self, link: Link, call_id: str) -> bool:
        """True while a call of that id is under way on that connection; another connection may use the id anew."""
        return (link.n, call_id) in self._running

    def is_known(self, call: FunctionCall, record: CallRecord) -> bool:
        """True when ``call`` was made before the turn was asked anew: ``start`` answers it without running anything."""
        return _key(call.name, record.arguments) in self._answers

    def start(self, link: Link, call: FunctionCall, record: CallRecord) -> None:
        """Run ``call`` here and answer it to ``link``."""
        self._spawn(link, call, record, self._run(link, call, record))

    def delegate(self, link: Link, call: FunctionCall, record: CallRecord) -> None:
        """Wait for the client to answer ``call``; its silence is answered for it."""
        asked = _AtClient(link, call, record, asyncio.get_running_loop().create_future())
        self._at_client[call.id] = asked
        self._spawn(link, call, record, self._ask(asked))

    def client_answered(self, response: FunctionCallResponse, frame: bytes) -> bool:
        """The client answers a call: the first answer goes on as it came. False: no such call waits for the client.

        Without an id it is for the oldest open call of its name (the schema allows that).
        """
        asked = self._at_client.get(response.id or "") or (
            next((one for one in self._at_client.values() if one.call.name == response.name), None)
            if response.id is None
            else None
        )
        if asked is None or asked.answered.done():
            return False
        self._owner.call_settled(asked.record, "ok", response.content)
        if asked.call.id in asked.link.protocol.open_calls and asked.link.is_ready:
            asked.link.send(response.model_copy(update={"id": asked.call.id}), frame)
        asked.answered.set_result(None)
        return True

    def cancel(self, link: Link, call_id: str) -> None:
        """The upstream cancelled this call: stop the handler, send no answer, take none."""
        task = self._running.pop((link.n, call_id), None)
        if task is not None:
            self._at_client.pop(call_id, None)
            task.cancel()

    def close(self) -> None:
        """Cancel everything that runs."""
        for task in list(self._running.values()):
            task.cancel()

    def withdraw(self) -> list[FunctionCall]:
        """Cancel everything that runs, because its connection is gone; the calls the client was asked for."""
        asked = [one.call for one in self._at_client.values() if not one.answered.done()]
        self._at_client.clear()
        self.close()
        return asked

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
                    started_by=self._caller.started_by,
                )
            )
        self._settle(link, call, record, outcome.outcome, outcome.content)

    async def _ask(self, asked: _AtClient) -> None:
        try:
            async with asyncio.timeout(self._client_s):
                await asked.answered
        except TimeoutError:
            self._owner.client_silent(asked.call)
            text = f"The function {asked.call.name} did not answer in time; whether it had an effect is unknown."
            self._settle(asked.link, asked.call, asked.record, "timeout", text)

    def _settle(self, link: Link, call: FunctionCall, record: CallRecord, outcome: str, content: str) -> None:
        self._owner.call_settled(record, outcome, content)
        if call.id in link.protocol.open_calls and link.is_ready:
            response = FunctionCallResponse(id=call.id, name=call.name, content=content)
            link.send(response)
            self._owner.call_answered(response)

    def _spawn(self, link: Link, call: FunctionCall, record: CallRecord, work: Coroutine[Any, Any, None]) -> None:
        if self.group is None:
            raise AssertionError("calls start while the session runs")
        task = spawn(self.group, work, name=f"session:{self._caller.session_id}:call:{call.name}")
        self._running[link.n, call.id] = task

        def over(_: asyncio.Task[None]) -> None:
            """However it ended: a task that is cancelled before its first step runs nothing of itself."""
            if self._running.get((link.n, call.id)) is task:
                del self._running[link.n, call.id]
            asked = self._at_client.get(call.id)
            if asked is not None and asked.record is record:
                del self._at_client[call.id]
            self._owner.call_settled(record, "cancelled", None)

        task.add_done_callback(over)


def _key(name: str, arguments: Any) -> bytes:
    return orjson.dumps([name, arguments], option=orjson.OPT_SORT_KEYS)
