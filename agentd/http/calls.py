"""Answering function calls of a conversation: allowing a guarded one, giving the result of a delegated one."""

from typing import Final

from aiohttp import web
from pydantic import Field

from agentd.door import require
from agentd.errors import CallNotFound, ConfirmationOver, Conflict, FieldError, InvalidRequest, OwnConfirmation
from agentd.http.bodies import Body, read_model
from agentd.http.confirmations import Decided, decided
from agentd.http.deps import DEPS, IDENTITY
from agentd.http.sessions import run_of
from agentd.http.table import ANY, Example, Route
from agentd.sessions.runs import Run


class CallBody(Body):
    """``{"approve"}``, ``{"result"}`` or ``{"error"}``."""

    approve: bool | None = Field(default=None, description="Allow (true) or refuse a call that waits for a confirmation.")
    nonce: str | None = Field(default=None, max_length=128, description="With `approve`: only if it is this confirmation.")


async def answer(request: web.Request) -> web.Response:
    """``POST …/calls/{call_id}``."""
    body = await read_model(request, CallBody)
    if body.approve is None:
        raise InvalidRequest("The body says nothing.", errors=[FieldError("/approve", "is required")])
    require(request[IDENTITY], "confirm")
    return await _decide(request, approve=body.approve, nonce=body.nonce)


async def _decide(request: web.Request, *, approve: bool, nonce: str | None) -> web.Response:
    run, call_id = await run_of(request), request.match_info["call_id"]
    try:
        confirmation = request.app[DEPS].functions.gate.confirmations.of_call(run.run_id, call_id)
    except CallNotFound:
        if await _has_call(run, call_id):
            raise Conflict(f"The call {call_id[:80]!r} does not wait for a confirmation.") from None
        raise
    if nonce is not None and nonce != confirmation.nonce:
        raise Conflict("The nonce belongs to another confirmation.")
    return decided(request, confirmation.nonce, approve=approve)


async def _has_call(run: Run, call_id: str) -> bool:
    return any(call["call_id"] == call_id for call in await run.calls(words=False))


ROUTES: Final = (
    Route(
        "POST", "/v1/sessions/{id}/calls/{call_id}", answer, ANY,
        summary="Allow or refuse a guarded function call",
        description="`approve` needs scope `confirm`, and another token than the one that started the session.",
        body=CallBody,
        body_required=True,
        answers={200: Decided},
        errors=(CallNotFound, Conflict, ConfirmationOver, OwnConfirmation),
        example=Example(
            curl="curl -H @$S/confirm --json '{\"approve\": true}' $A/v1/sessions/kitchen/calls/call_1"
        ),
    ),
)  # fmt: skip
