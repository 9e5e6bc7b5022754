"""Tokens for a moment, so that a web page or a device gets in without ever seeing the token itself."""

from typing import Final, Literal

from aiohttp import web
from pydantic import Field

from agentd.door.grants import DEFAULT_TTL_S, MAX_TTL_S
from agentd.http.answers import json_answer
from agentd.http.bodies import Body, read_model
from agentd.http.deps import DEPS, IDENTITY
from agentd.http.models import Answer
from agentd.http.table import ANY, Example, Route

Scope = Literal["control", "read", "transcripts", "metrics", "confirm", "admin"]


class GrantBody(Body):
    """How long the token shall live, and what it may do; both may be left out."""

    ttl_seconds: float | None = Field(
        default=None, ge=1, le=MAX_TTL_S, multiple_of=1, description=f"Whole seconds; {DEFAULT_TTL_S} when left out."
    )
    scopes: list[Scope] | None = Field(
        default=None, min_length=1, description="All of the granting token's scopes when left out."
    )


class Grant(Answer):
    """Deepgram's words for it."""

    access_token: str = Field(description="Good as `Authorization: Bearer`, and as WebSocket subprotocol `bearer, <token>`.")
    expires_in: int = Field(description="Seconds. What the token opened before its end stays open.")


async def grant(request: web.Request) -> web.Response:
    """``POST /v1/auth/grant``."""
    body = await read_model(request, GrantBody)
    ttl_s = DEFAULT_TTL_S if body.ttl_seconds is None else int(body.ttl_seconds)
    scopes = None if body.scopes is None else frozenset(body.scopes)
    token = request.app[DEPS].tokens.grant(request[IDENTITY], ttl_s, scopes)
    return json_answer(Grant(access_token=token, expires_in=ttl_s).model_dump())


ROUTES: Final = (
    Route(
        "POST", "/v1/auth/grant", grant, ANY,
        summary="Grant a token for a moment",
        description="For web pages and devices that must never see the token itself. It carries the scopes of the granting "
        "token, or some of them.",
        body=GrantBody,
        answers={200: Grant},
        compatible=True,
        example=Example(body={"ttl_seconds": 60}),
    ),
)  # fmt: skip
