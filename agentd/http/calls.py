"""Answering function calls of a conversation: allowing a guarded one, giving the result of a delegated one."""

from typing import Any, Final

from aiohttp import web
from pydantic import Field

from agentd.door import require
from agentd.errors import CallNotFound, ConfirmationOver, Conflict, FieldError, InvalidRequest, OwnConfirmation
from agentd.http.answers import json_answer
from agentd.http.bodies import Body, read_model
from agentd.http.confirmations import decided, reaches
from agentd.http.deps import DEPS, IDENTITY
from agentd.http.models import Answer
from agentd.http.sessions import run_of
from agentd.http.table import ANY, Example, Route
from agentd.sessions.runs import Run

_KINDS: Final = ("approve", "result", "error")


class CallBody(Body):
    """One of ``{"approve"}``, ``{"result"}`` and ``{"error"}``."""

    approve: bool | None = Field(default=None, description="Allow (true) or refuse a call that waits for a confirmation.")
    nonce: str | None = Field(default=None, max_length=128, description="With `approve`: only if it is this confirmation.")
    result: Any = Field(default=None, description="What a delegated call came to.")
    error: str | None = Field(default=None, description="Why a delegated call failed, in words for the model.")


class Answered(Answer):
    """What the call was told."""

    call_id: str
    name: str
    approved: bool | None = Field(default=None, description="Of a call that waited for a confirmation.")
    answered: bool | None = Field(default=None, description="Of a delegated call.")


async def answer(request: web.Request) -> web.Response:
    """``POST …/calls/{call_id}``."""
    if not request[IDENTITY].allows("confirm"):
        require(request[IDENTITY], "control")
    body = await read_model(request, CallBody)
    given = [kind for kind in _KINDS if kind in body.model_fields_set]
    if len(given) != 1 or (body.approve is None and body.error is None and given != ["result"]):
        fault = FieldError("", "one of approve, result, error")
        raise InvalidRequest("The body says nothing, or two things at once.", errors=[fault])
    if body.approve is not None:
        require(request[IDENTITY], "confirm")
        return await _decide(request, approve=body.approve, nonce=body.nonce)
    require(request[IDENTITY], "control")
    run, call_id = await run_of(request), request.match_info["call_id"]
    name = request.app[DEPS].functions.answer_delegated(run.run_id, call_id, result=body.result, error=body.error)
    return json_answer({"call_id": call_id, "name": name, "answered": True})


async def _decide(request: web.Request, *, approve: bool, nonce: str | None) -> web.Response:
    run, call_id = await run_of(request), request.match_info["call_id"]
    try:
        confirmation = request.app[DEPS].functions.gate.confirmations.of_call(run.run_id, call_id)
    except CallNotFound:
        await _call_of(run, call_id)
        raise Conflict(f"The call {call_id[:80]!r} does not wait for a confirmation.") from None
    if not reaches(request, confirmation):
        raise CallNotFound(f"There is no call {call_id[:80]!r} in this session.")
    if nonce is not None and nonce != confirmation.nonce:
        raise Conflict("The nonce belongs to another confirmation.")
    return decided(request, confirmation.nonce, approve=approve)


async def _call_of(run: Run, call_id: str) -> dict[str, Any]:
    for call in await run.calls(words=False):
        if call["call_id"] == call_id:
            return call
    raise CallNotFound(f"There is no call {call_id[:80]!r} in this session.")


ROUTES: Final = (
    Route(
        "POST", "/v1/sessions/{id}/calls/{call_id}", answer, ANY,
        summary="Answer a function call: allow a guarded one, or give a delegated one its result",
        description="`approve` needs scope `confirm`, and another token than the one that started the session. `result` and "
        "`error` need scope `control`; the first answer counts.",
        body=CallBody,
        body_required=True,
        answers={200: Answered},
        errors=(CallNotFound, Conflict, ConfirmationOver, OwnConfirmation),
        example=Example(
            curl="curl -H @$S/confirm --json '{\"approve\": true}' $A/v1/sessions/kitchen/calls/call_1"
        ),
    ),
)  # fmt: skip
