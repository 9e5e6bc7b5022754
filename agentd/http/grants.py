"""Tokens for a moment, so that a web page or a device gets in without ever seeing the token itself."""

from typing import Literal

from aiohttp import web
from pydantic import Field

from agentd.door.grants import DEFAULT_TTL_S, MAX_TTL_S
from agentd.http.answers import json_answer
from agentd.http.bodies import Body, read_model
from agentd.http.deps import DEPS, IDENTITY
from agentd.http.queries import Query

Scope = Literal["control", "read", "transcripts", "metrics", "confirm", "admin"]


class GrantBody(Body):
    """How long the token shall live, and what it may do; both may be left out.

    Attributes:
        ttl_seconds: whole seconds.
        scopes: all of the granting token's when left out.
    """

    ttl_seconds: float | None = Field(default=None, ge=1, le=MAX_TTL_S, multiple_of=1)
    scopes: list[Scope] | None = Field(default=None, min_length=1)


class GrantAnswer(Body):
    """Deepgram's words for it.

    Attributes:
        access_token: good as ``Authorization: Bearer``, and as WebSocket subprotocol ``bearer, <token>``.
        expires_in: seconds. What the token opened before its end stays open.
    """

    access_token: str
    expires_in: int


async def grant(request: web.Request) -> web.Response:
    """``POST /v1/auth/grant``."""
    Query(request)
    body = await read_model(request, GrantBody)
    ttl_s = DEFAULT_TTL_S if body.ttl_seconds is None else int(body.ttl_seconds)
    scopes = None if body.scopes is None else frozenset(body.scopes)
    token = request.app[DEPS].tokens.grant(request[IDENTITY], ttl_s, scopes)
    return json_answer(GrantAnswer(access_token=token, expires_in=ttl_s).model_dump())
