"""Function calls of a conversation: asked of the client one message each, answered, given up, or withdrawn."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

import orjson

from agentd.engine.line import Line
from agentd.engine.memory import Memory
from agentd.engine.providers import Call
from agentd.protocol.messages import FunctionCall, FunctionCallRequest, FunctionCallResponse

NO_ANSWER: Final = "The function did not answer in time; whether it did anything is not known."
NO_FUNCTION: Final = "There is no function of that name."
NO_ENDPOINT: Final = "This function runs on another server, which this engine does not call."


class Calls:
    """The open calls of one conversation.

    Args:
        line: to the client.
        memory: where finished calls are kept.
        timeout_s: how long the client may take; then the conversation goes on without it.
    """

    def __init__(self, line: Line, memory: Memory, *, timeout_s: float) -> None:
        self._line = line
        self._memory = memory
        self._timeout_s = timeout_s
        self._answers: dict[str, asyncio.Future[str]] = {}

    async def make(self, calls: list[Call], functions: Mapping[str, Mapping[str, Any]]) -> None:
        """Have the calls of one round made, all at once, and remember their results in order.

        Each goes out as a message of its own: Deepgram's Flask example dies on two in one.
        """
        made = [_declared(call, functions) for call in calls]
        waiting = [(call, self._ask(call, functions.get(call.name))) for call in made]
        for call, answer in waiting:
            self._memory.called(call, await self._result(call, answer))

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

    def _ask(self, call: FunctionCall, function: Mapping[str, Any] | None) -> asyncio.Future[str]:
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        if function is None:
            self._line.warn("FUNCTION_CALL_FAILED", f"The think provider called {call.name!r}, which is not declared.")
            answer.set_result(NO_FUNCTION)
            return answer
        self._line.send(FunctionCallRequest(functions=[call]))
        if call.client_side:
            self._answers[call.id] = answer
        else:
            self._line.warn("FUNCTION_CALL_FAILED", f"{call.name!r} has an endpoint, which this engine does not call.")
            self._line.send(FunctionCallResponse(id=call.id, name=call.name, content=NO_ENDPOINT))
            answer.set_result(NO_ENDPOINT)
        return answer

    async def _result(self, call: FunctionCall, answer: asyncio.Future[str]) -> str:
        await asyncio.wait((answer,), timeout=self._timeout_s)
        if answer.done():
            return answer.result()
        self._answers.pop(call.id, None)
        self._line.answer(FunctionCallResponse(id=call.id, name=call.name, content=NO_ANSWER))
        self._line.warn("FUNCTION_CALL_TIMEOUT", f"{call.name!r} was not answered within {self._timeout_s:g} seconds.")
        return NO_ANSWER


def _declared(call: Call, functions: Mapping[str, Mapping[str, Any]]) -> FunctionCall:
    """A thinker's call as it goes out."""
    return FunctionCall(
        id=call.id or f"fc_{uuid4()}",
        name=call.name,
        arguments=orjson.dumps(dict(call.arguments)).decode(),
        client_side="endpoint" not in functions.get(call.name, {}),
    )
