"""Who runs a function call: the upstream itself, the daemon, or the client of the compatible endpoint; what is noted of it."""

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
import structlog

from agentd.config import LimitSettings
from agentd.functions.service import Functions
from agentd.metrics import Metrics
from agentd.protocol.depth import deeper_than
from agentd.protocol.messages import FunctionCall, FunctionCallCancelled, FunctionCallRequest, FunctionCallResponse
from agentd.sessions.calls import Caller, Calls
from agentd.sessions.client_view import ClientView
from agentd.sessions.link import Link
from agentd.sessions.order import Answers
from agentd.sessions.records import CallRecord
from agentd.sessions.turns import TurnTracker

_log = structlog.get_logger("agentd.sessions")


class Dispatch:
    """The calls of one conversation (implements ``CallOwner``).

    Args:
        view: the client of the compatible endpoint, if there is one.
        publish: an event of this run.

    Attributes:
        calls: those under way.
        count: calls that were not the upstream's own.
        taint: to be called when something from outside gets into the conversation.
        ours: names of the functions the daemon runs where there is a client; all others are the client's.
    """

    def __init__(
        self,
        functions: Functions,
        caller: Caller,
        *,
        tracker: TurnTracker,
        view: ClientView | None,
        metrics: Metrics,
        limits: LimitSettings,
        publish: Callable[[str, dict[str, Any]], None],
    ) -> None:
        self._functions = functions
        self.calls = Calls(functions, caller, self, client_s=limits.client_function_s)
        self.taint: Callable[[], None] = lambda: functions.taint(caller.run_id)
        self.count = 0
        self.ours: frozenset[str] = frozenset()
        self._tracker = tracker
        self._view = view
        self._metrics = metrics
        self._client_s = limits.client_function_s
        self._levels = limits.json_depth
        self._publish = publish
        self._upstream: dict[str, CallRecord] = {}  # the calls that it runs itself and has not answered, by id
        self._loop = asyncio.get_running_loop()

    # the upstream

    def requested(self, link: Link, request: FunctionCallRequest, frame: bytes) -> None:
        """Give each call to whoever runs it."""
        shown: list[FunctionCall] = []
        ours: list[FunctionCall] = []
        answers = Answers()
        now = self._loop.time()
        for call in request.functions:
            if self.calls.is_open(link, call.id) or call.id in self._upstream:
                continue  # the same request twice
            arguments = _arguments(call.arguments, self._levels)
            record = self._tracker.call_started(call.id, call.name, arguments, now, client_side=call.client_side)
            at_client = call.client_side and self._view is not None and call.name not in self.ours
            self._note_facts(record, at_client=at_client)
            self._publish("FunctionCallStarted", {"call_id": call.id, "name": call.name, "arguments": arguments} | record.facts())
            if not call.client_side:
                self._upstream[call.id] = record
                self.taint()  # nobody has told us what the upstream's own functions bring in
                shown.append(call)
                continue
            self.count += 1
            if not at_client:
                ours.append(call)
                self.calls.start(link, call, record, answers.place())
            elif self.calls.is_known(call, record):
                self.calls.start(link, call, record, answers.place())
            else:
                shown.append(call)
                self.taint()
                self.calls.delegate(link, call, record, answers.place())
        if self._view is not None:
            self._view.calls_requested(request, frame, shown=shown, ours=ours)

    def answered(self, response: FunctionCallResponse) -> None:
        """The upstream answered a call of its own; what it says of other calls is an echo."""
        record = self._upstream.get(response.id or "")
        if record is not None:
            self.call_settled(record, "ok", response.content)

    def cancelled(self, link: Link, message: FunctionCallCancelled) -> None:
        """The upstream takes calls back; those it runs itself are over with that."""
        for call in message.functions:
            self.calls.cancel(link, call.id)
            record = self._upstream.get(call.id)
            if record is not None:
                self.call_settled(record, "cancelled", None)

    def give_up(self) -> None:
        """Nothing is heard any more of the calls that the upstream runs itself."""
        for record in tuple(self._upstream.values()):
            self.call_settled(record, "cancelled", None)

    def withdraw(self) -> None:
        """The connection of the open calls is gone: they are cancelled, and the client is told of its own."""
        self.give_up()
        asked = self.calls.withdraw()
        if self._view is not None:
            self._view.withdrawn(asked)

    # the client

    def client_answered(self, response: FunctionCallResponse, frame: bytes) -> None:
        """An answer of the client's: to a call it was asked for, else it is dropped (ours, stale, or nobody's)."""
        if self.calls.client_answered(response, frame) or self._view is None:
            return
        _log.info("client_answer_dropped", call_id=(response.id or "")[:64])
        if self._tracker.find_call(response.id or "") is None:
            self._view.warn("UNMATCHED_FUNCTION_RESPONSE", "There is no open call that this FunctionCallResponse answers.")

    # CallOwner

    def call_settled(self, record: CallRecord, outcome: str, result: str | None) -> None:
        """Note and publish the outcome of a call; the first one counts."""
        if record.outcome is not None:
            return
        self._tracker.call_finished(record, outcome, result, self._loop.time())
        if not record.client_side:
            self._upstream.pop(record.call_id, None)
        if record.kind == "client" or not record.client_side:  # those of the daemon are counted where they run
            self._metrics.function_call(record.name, outcome, record.duration_s or 0.0)
        self._publish("FunctionCallFinished", record.view(words=True) | record.facts())

    def _note_facts(self, record: CallRecord, *, at_client: bool) -> None:
        """Who calls, and what kind of function it is."""
        spec = None if at_client or not record.client_side else self._functions.registry.specs.get(record.name)
        record.agent = self.calls.caller.agent
        record.kind = "client" if at_client else None if spec is None else spec.kind
        record.tier = None if spec is None else spec.tier

    def call_answered(self, response: FunctionCallResponse) -> None:
        """Show the client what the daemon answered."""
        if self._view is not None:
            self._view.answered(response)

    def client_silent(self, call: FunctionCall) -> None:
        """Tell the client that its function was given up."""
        if self._view is not None:
            late = f"No FunctionCallResponse for {call.name} came within {self._client_s:g} s"
            self._view.warn("FUNCTION_CALL_TIMEOUT", f"{late}; the model was told so.")


def _arguments(text: str, levels: int) -> Any:
    """Arguments as JSON where they are JSON of bearable depth, else the text as it came."""
    try:
        read = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return text if deeper_than(read, levels) else read
