"""Function calls of a conversation: asked of the client or of a server, answered, given up, or withdrawn."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any, Final
from uuid import uuid4

import orjson

from agentd.engine.line import Line
from agentd.engine.memory import Memory
from agentd.engine.providers import Call
from agentd.engine.remote import CallFailed, Remote
from agentd.protocol.messages import FunctionCall, FunctionCallRequest, FunctionCallResponse
from agentd.supervise import spawn

NO_ANSWER: Final = "The function did not answer in time; whether it did anything is not known."
NO_FUNCTION: Final = "There is no function of that name."

MAX_ID: Final = 40
"""Characters; OpenAI takes no longer ids back."""

MAX_IDS: Final = 4096
"""Ids remembered per conversation: a client that takes a second call of the same id for a repetition must not see one."""


class Calls:
    """The open calls of one conversation.

    Args:
        line: to the client.
        memory: where finished calls are kept.
        timeout_s: how long the client, or a function's server, may take; then the conversation goes on without it.
        parallel: ask for all calls of a round in one message, as a model made them, and not in one each. Deepgram's Flask
            example, and whatever was made after it, dies on two in one.
        allowed_endpoints: origins of functions that run on a server.
    """

    def __init__(
        self,
        line: Line,
        memory: Memory,
        *,
        timeout_s: float,
        parallel: bool = False,
        allowed_endpoints: Collection[str] = (),
    ) -> None:
        self._line = line
        self._memory = memory
        self._timeout_s = timeout_s
        self._parallel = parallel
        self._remote = Remote(allowed_endpoints, timeout_s=timeout_s)
        self._answers: dict[str, asyncio.Future[str]] = {}
        self._ids: dict[str, None] = {}

    async def make(self, calls: list[Call], functions: Mapping[str, Mapping[str, Any]]) -> None:
        """Have the calls of one round made, all at once, and remember their results in order.

        Those that are answered by the time the turn is cut short are remembered as well: they were made.
        """
        made = [self._declared(call, functions) for call in calls]
        faults = [call.fault or (None if call.name in functions else NO_FUNCTION) for call in calls]
        asked = [call for call, fault in zip(made, faults, strict=True) if fault is None]
        answers = {call.id: asyncio.get_running_loop().create_future() for call in asked if call.client_side}
        self._answers |= answers
        for request in [asked] if self._parallel and asked else [[call] for call in asked]:
            self._line.send(FunctionCallRequest(functions=request))
        results: list[asyncio.Task[str]] = []
        try:
            async with asyncio.TaskGroup() as group:
                for call, fault, given in zip(made, faults, calls, strict=True):
                    result = self._result(call, given, fault, answers.get(call.id), functions.get(call.name, {}))
                    results.append(spawn(group, result, name=f"engine:call:{call.name[:32]}"))
        finally:
            answered = [(call, done.result()) for call, done in zip(made, results, strict=False) if _succeeded(done)]
            for place, (call, content) in enumerate(answered):
                self._memory.called(call, content, together=place > 0)

    def take(self, response: FunctionCallResponse) -> None:
        """A client's answer: echoed, as the real server does, and handed to the turn that waits for it.

        Late answers to calls that were withdrawn or given up, and second answers, are dropped: clients were seen to send
        both.
        """
        call_id = response.id or self._line.oldest_call(response.name)
        outcome = self._line.answer(response)
        if outcome == "matched" and call_id in self._answers:
            self._line.send(response.model_copy(update={"id": call_id}))
            self._answers.pop(call_id).set_result(response.content)
        elif outcome == "unknown":
            self._line.warn("UNMATCHED_FUNCTION_RESPONSE", f"No call {response.id or response.name!r} was asked for.")

    def withdraw(self) -> None:
        """The user spoke again: nobody wants the results any more."""
        self._answers.clear()
        self._line.cancel_calls()

    async def _result(
        self,
        call: FunctionCall,
        given: Call,
        fault: str | None,
        answer: "asyncio.Future[str] | None",
        function: Mapping[str, Any],
    ) -> str:
        if fault is not None:
            self._line.warn("FUNCTION_CALL_FAILED", f"The think provider's call of {call.name[:64]!r} cannot be made. {fault}")
            return fault
        if answer is not None:
            return await self._client_result(call, answer)
        try:
            result = await self._remote.call(function["endpoint"], given.arguments)
        except CallFailed as failure:
            self._line.warn("FUNCTION_CALL_FAILED", f"{call.name[:64]!r} failed: {failure}.")
            result = f"The function failed: {failure}."
        self._line.send(FunctionCallResponse(id=call.id, name=call.name, content=result))
        return result

    async def _client_result(self, call: FunctionCall, answer: "asyncio.Future[str]") -> str:
        await asyncio.wait((answer,), timeout=self._timeout_s)
        if answer.done():
            return answer.result()
        self._answers.pop(call.id, None)
        self._line.answer(FunctionCallResponse(id=call.id, name=call.name, content=NO_ANSWER))
        self._line.warn("FUNCTION_CALL_TIMEOUT", f"{call.name!r} was not answered within {self._timeout_s:g} seconds.")
        return NO_ANSWER

    def _declared(self, call: Call, functions: Mapping[str, Mapping[str, Any]]) -> FunctionCall:
        """A thinker's call as it goes out, with an id that no call before it had."""
        call_id = call.id
        if not call_id or len(call_id) > MAX_ID or call_id in self._ids:
            call_id = f"fc_{uuid4()}"
        self._ids[call_id] = None
        if len(self._ids) > MAX_IDS:
            del self._ids[next(iter(self._ids))]
        return FunctionCall(
            id=call_id,
            name=call.name,
            arguments=orjson.dumps(dict(call.arguments)).decode(),
            client_side=functions.get(call.name, {}).get("endpoint") is None,
        )


def _succeeded(task: "asyncio.Task[str]") -> bool:
    return task.done() and not task.cancelled() and task.exception() is None
