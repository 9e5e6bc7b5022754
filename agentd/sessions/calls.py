"""The function calls of one session: each is run by the daemon or by a compatible client, and settled exactly once.

Settled means: answered to the connection that asked, or closed without an answer because the upstream cancelled it,
its connection is gone or the session ended (docs/architecture.md, decision 6). When the user speaks over a call, a handler
that is not declared to be cancelled then runs to its end: what it came to is recorded, and nobody is answered.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson

from agentd.functions.call import CallRequest
from agentd.functions.service import Functions
from agentd.protocol.messages import FunctionCall, FunctionCallResponse
from agentd.sessions.link import Link
from agentd.sessions.order import AnswerPlace
from agentd.sessions.records import CallRecord
from agentd.supervise import spawn

GRACE_S: Final = 2.0
"""A new connection waits this long for calls in progress, so that their results go into its context."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, as the gate sees it; another one after a hand-over.

    Attributes:
        agent: the agent that has the word.
        allowed: what it may call.
    """

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


@dataclass(eq=False, slots=True)
class _Open:
    """A call under way.

    Attributes:
        place: where its answer goes.
        by_client: done when the client has answered; None for a call that the daemon runs.
        known: the same call before the turn was asked anew, whose outcome is the answer.
    """

    link: Link
    call: FunctionCall
    record: CallRecord
    place: AnswerPlace
    by_client: asyncio.Future[None] | None = None
    known: CallRecord | None = None
    task: asyncio.Task[None] | None = None


class Calls:
    """Runs calls as children of the session's task group.

    Args:
        client_s: seconds the client has to answer a call of its own.

    Attributes:
        caller: who calls from now on.
    """

    def __init__(self, functions: Functions, caller: Caller, owner: CallOwner, *, client_s: float) -> None:
        self.group: asyncio.TaskGroup | None = None
        self.caller = caller
        self._functions = functions
        self._owner = owner
        self._client_s = client_s
        self._awaited: dict[tuple[int, str], _Open] = {}
        self._unawaited: set[_Open] = set()
        self._answers: dict[bytes, CallRecord] = {}
        self._closed = False

    def is_open(self, link: Link, call_id: str) -> bool:
        """True while a call of that id is under way on that connection; another connection may use the id anew."""
        return (link.n, call_id) in self._awaited

    def is_known(self, call: FunctionCall, record: CallRecord) -> bool:
        """True when ``call`` was made before the turn was asked anew: ``start`` answers it without running anything."""
        return _key(call.name, record.arguments) in self._answers

    def start(self, link: Link, call: FunctionCall, record: CallRecord, place: AnswerPlace) -> None:
        """Run ``call`` here and answer it to ``link``."""
        opened = _Open(link, call, record, place, known=self._answers.get(_key(call.name, record.arguments)))
        self._spawn(opened, self._run(opened))

    def delegate(self, link: Link, call: FunctionCall, record: CallRecord, place: AnswerPlace) -> None:
        """Wait for the client to answer ``call``; its silence is answered for it."""
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        opened = _Open(link, call, record, place, by_client=answered)
        self._spawn(opened, self._ask(opened, answered))

    def client_answered(self, response: FunctionCallResponse, frame: bytes) -> bool:
        """The client answers a call: the first answer goes on as it came. False: no such call waits for the client.

        Without an id it is for the oldest open call of its name (the schema allows that).
        """
        asked = next((one for one in self._at_client() if _answers(response, one.call)), None)
        if asked is None or asked.by_client is None:
            return False
        link, call = asked.link, asked.call
        self._owner.call_settled(asked.record, "ok", response.content)

        def send() -> None:
            if call.id in link.protocol.open_calls and link.is_ready:
                link.send(response.model_copy(update={"id": call.id}), frame)

        asked.by_client.set_result(None)
        asked.place.give(send)
        return True

    def cancel(self, link: Link, call_id: str) -> None:
        """The upstream cancelled this call: no answer is sent and none is taken; see ``_leave`` for what runs."""
        opened = self._awaited.get((link.n, call_id))
        if opened is not None:
            self._leave(opened)

    def close(self) -> None:
        """Cancel everything that runs; what is asked for from now on is settled as cancelled."""
        self._closed = True
        for opened in (*self._awaited.values(), *self._unawaited):
            if opened.task is not None:
                opened.task.cancel()

    def withdraw(self) -> list[FunctionCall]:
        """The connection is gone, and with it whoever waits for answers: as if each was cancelled.

        Returns:
            The calls that the client was asked for and has not answered.
        """
        asked = [opened.call for opened in self._at_client()]
        for opened in list(self._awaited.values()):
            self._leave(opened)
        return asked

    async def in_progress(self) -> None:
        """Wait for what runs now, at most two seconds."""
        tasks = {opened.task for opened in (*self._awaited.values(), *self._unawaited) if opened.task is not None}
        if tasks:
            await asyncio.wait(tasks, timeout=GRACE_S)

    def remember(self, records: tuple[CallRecord, ...]) -> None:
        """Calls of a turn that is asked anew: the same call is answered with what is known and not run again."""
        self._answers = {_key(record.name, record.arguments): record for record in records}

    def forget(self) -> None:
        """The turn is over: the same call means a new act again."""
        self._answers.clear()

    def _at_client(self) -> list[_Open]:
        """The calls the client was asked for and has not answered, oldest first."""
        return [opened for opened in self._awaited.values() if opened.by_client is not None and not opened.by_client.done()]

    def _leave(self, opened: _Open) -> None:
        """Nobody waits for this call any more: it is stopped, but for a handler at work that is to run to its end.

        What has not begun (it waits for its turn, or for a confirmation) is stopped whatever is declared.
        """
        self._awaited.pop((opened.link.n, opened.call.id), None)
        if opened.record.outcome is not None:  # it has just come to its end
            return
        opened.record.awaited = False
        runs = None if opened.by_client is not None else self._functions.at_work(self.caller.run_id, opened.call.id)
        if opened.task is not None and (runs is None or runs.cancel_on_barge_in):
            opened.record.withdrawn = runs is None and opened.by_client is None and opened.known is None
            opened.task.cancel()
        elif opened.task is not None:
            self._unawaited.add(opened)
        opened.place.close()

    async def _run(self, opened: _Open) -> None:
        call, record, caller, known = opened.call, opened.record, self.caller, opened.known
        if known is not None:
            await self._settled(known)
            outcome, content = known.outcome or "ok", known.result or "interrupted; outcome unknown"
        else:
            settled = await self._functions.call(
                CallRequest(
                    call_id=call.id,
                    name=call.name,
                    arguments=call.arguments,
                    session_id=caller.session_id,
                    run_id=caller.run_id,
                    agent=caller.agent,
                    allowed=caller.allowed,
                    metadata=caller.metadata,
                    turn=record.turn,
                    started_by=caller.started_by,
                )
            )
            outcome, content = settled.outcome, settled.content
        self._settle(opened, outcome, content)

    async def _settled(self, record: CallRecord) -> None:
        """Wait for a call that nobody waited for any more; its own time limit bounds the wait."""
        tasks = [opened.task for opened in self._unawaited if opened.record is record and opened.task is not None]
        if tasks:
            await asyncio.wait(tasks)

    async def _ask(self, opened: _Open, answered: asyncio.Future[None]) -> None:
        try:
            async with asyncio.timeout(self._client_s):
                await answered
        except TimeoutError:
            self._owner.client_silent(opened.call)
            text = f"The function {opened.call.name} did not answer in time; whether it had an effect is unknown."
            self._settle(opened, "timeout", text)

    def _settle(self, opened: _Open, outcome: str, content: str) -> None:
        link, call = opened.link, opened.call

        def send() -> None:
            if call.id in link.protocol.open_calls and link.is_ready:
                response = FunctionCallResponse(id=call.id, name=call.name, content=content)
                link.send(response)
                self._owner.call_answered(response)

        opened.place.give(send)  # the user waits for it; writing down what came of it takes as long again
        self._owner.call_settled(opened.record, outcome, content)

    def _spawn(self, opened: _Open, work: Coroutine[Any, Any, None]) -> None:
        if self.group is None:
            raise AssertionError("calls start while the session runs")
        if self._closed:
            work.close()
            self._owner.call_settled(opened.record, "cancelled", None)
            opened.place.close()
            return
        key = opened.link.n, opened.call.id
        opened.task = spawn(self.group, work, name=f"session:{self.caller.session_id}:call:{opened.call.name}")
        self._awaited[key] = opened

        def over(_: asyncio.Task[None]) -> None:
            """However it ended: a task that is cancelled before its first step runs nothing of itself."""
            if self._awaited.get(key) is opened:
                del self._awaited[key]
            self._unawaited.discard(opened)
            self._owner.call_settled(opened.record, "cancelled", None)
            opened.place.close()

        opened.task.add_done_callback(over)


def _answers(response: FunctionCallResponse, call: FunctionCall) -> bool:
    return call.id == response.id if response.id is not None else call.name == response.name


def _key(name: str, arguments: Any) -> bytes:
    return orjson.dumps([name, arguments], option=orjson.OPT_SORT_KEYS)
