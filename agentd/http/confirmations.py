"""Confirmations: what waits for one, and giving or refusing it."""

from typing import Any, Final

from aiohttp import web
from pydantic import AwareDatetime, Field

from agentd.clock import rfc3339
from agentd.errors import ConfirmationNotFound, ConfirmationOver, OwnConfirmation
from agentd.functions.declare import Tier
from agentd.functions.gate.confirm import Confirmation
from agentd.http.answers import json_answer, page
from agentd.http.bodies import Body, read_model
from agentd.http.deps import DEPS, IDENTITY
from agentd.http.models import Answer, Listing
from agentd.http.queries import Page
from agentd.http.reach import serves
from agentd.http.table import Example, Route


class DecisionBody(Body):
    """``{"nonce", "approve"}``."""

    nonce: str = Field(min_length=1, max_length=128, description="From the list.")
    approve: bool


class ConfirmationView(Answer):
    """A function call that waits until somebody allows it."""

    nonce: str = Field(description="Names it to those who may confirm. Nobody else is told.")
    session_id: str | None = Field(description="Null: a call without a conversation.")
    run_id: str | None
    call_id: str
    agent: str | None
    name: str
    tier: Tier
    arguments: dict[str, Any] = Field(description="As the function will get them; shown whatever else the token may read.")
    asked_at: AwareDatetime
    expires_at: AwareDatetime


class Decided(Answer):
    """What was decided."""

    call_id: str
    name: str
    approved: bool


async def index(request: web.Request) -> web.Response:
    """``GET /v1/confirmations``."""
    waiting = request.app[DEPS].functions.gate.confirmations.waiting()
    mine = [one for one in waiting if reaches(request, one)]
    shown, cursor = page(mine, Page.of(request), key=lambda one: f"{one.asked_at:020.6f} {one.run_id} {one.call_id}")
    return json_answer({"items": [_view(one) for one in shown], "next": cursor})


async def decide(request: web.Request) -> web.Response:
    """``POST /v1/confirmations``."""
    body = await read_model(request, DecisionBody)
    confirmations = request.app[DEPS].functions.gate.confirmations
    if not reaches(request, confirmations.find(body.nonce)):
        raise ConfirmationNotFound("There is no such confirmation; GET /v1/confirmations lists those that wait.")
    return decided(request, body.nonce, approve=body.approve)


def decided(request: web.Request, nonce: str, *, approve: bool) -> web.Response:
    """Approve or refuse, as the holder of the request's token."""
    confirmations = request.app[DEPS].functions.gate.confirmations
    given = confirmations.decide(nonce, approve=approve, by=request[IDENTITY].name)
    return json_answer({"call_id": given.call_id, "name": given.name, "approved": approve})


def reaches(request: web.Request, confirmation: Confirmation) -> bool:
    """True when the token is for the agent whose call it is."""
    return confirmation.agent is not None and serves(request, confirmation.agent)


def _view(confirmation: Confirmation) -> dict[str, Any]:
    return {
        "nonce": confirmation.nonce,
        "session_id": confirmation.session_id,
        "run_id": confirmation.run_id,
        "call_id": confirmation.call_id,
        "agent": confirmation.agent,
        "name": confirmation.name,
        "tier": confirmation.tier,
        "arguments": confirmation.arguments,
        "asked_at": rfc3339(confirmation.asked_at),
        "expires_at": rfc3339(confirmation.expires_at),
    }


ROUTES: Final = (
    Route(
        "GET", "/v1/confirmations", index, "confirm",
        summary="List the function calls that wait for a confirmation",
        description="The oldest first. Each waits for `limits.confirmation_s` and is withdrawn when the conversation goes on.",
        query=Page,
        answers={200: Listing[ConfirmationView]},
        example=Example(curl="curl -H @$S/confirm $A/v1/confirmations"),
    ),
    Route(
        "POST", "/v1/confirmations", decide, "confirm",
        summary="Allow or refuse a function call",
        description="Once, in time, and not with the token that started the conversation. It is for that call and its arguments.",
        body=DecisionBody,
        body_required=True,
        answers={200: Decided},
        errors=(ConfirmationNotFound, ConfirmationOver, OwnConfirmation),
        example=Example(
            curl="curl -H @$S/confirm --json '{\"nonce\": \"from the list\", \"approve\": true}' $A/v1/confirmations"
        ),
    ),
)  # fmt: skip
