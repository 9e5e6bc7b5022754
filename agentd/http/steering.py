"""Steering a live session: prompt, think, speak, listen; texts in; what the agent says; ending a turn, stopping speech."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal

from aiohttp import web

from agentd.errors import FieldError, InvalidRequest
from agentd.http.answers import json_answer
from agentd.http.bodies import Body, parse_json, read_bytes, read_model, require_json
from agentd.http.deps import DEPS
from agentd.http.queries import Query
from agentd.http.replies import prefers_audio, reply
from agentd.http.sessions import session_of
from agentd.sessions.updates import UpdateKind


class PromptBody(Body):
    """``{"prompt": …}``."""

    prompt: str


class AppendBody(Body):
    """``{"append": …}``."""

    append: str


class MessageBody(Body):
    """A text for the conversation."""

    content: str
    role: Literal["user", "assistant"] = "user"
    behavior: Literal["default", "queue", "interrupt"] = "default"


class SayBody(Body):
    """A text for the agent to speak."""

    text: str
    behavior: Literal["queue", "default", "interrupt"] = "queue"


async def show_prompt(request: web.Request) -> web.Response:
    """``GET …/prompt``."""
    Query(request)
    return json_answer(session_of(request).prompt_view())


async def set_prompt(request: web.Request) -> web.Response:
    """``PUT …/prompt``: JSON, or the prompt itself as ``text/plain``."""
    query = Query(request, "wait", "timeout_s")
    wait, timeout_s = _applied(query), query.timeout_s()
    session = session_of(request)
    body = await read_model(request, PromptBody, text_member="prompt")
    return _done(await session.set_prompt(body.prompt, wait=wait, timeout_s=timeout_s))


async def append_prompt(request: web.Request) -> web.Response:
    """``PATCH …/prompt``."""
    query = Query(request, "wait", "timeout_s")
    wait, timeout_s = _applied(query), query.timeout_s()
    session = session_of(request)
    body = await read_model(request, AppendBody, text_member="append")
    return _done(await session.append_prompt(body.append, wait=wait, timeout_s=timeout_s))


def update(kind: UpdateKind) -> Callable[[web.Request], Awaitable[web.Response]]:
    """The handler of ``PUT …/think``, ``…/speak`` or ``…/listen``."""

    async def put(request: web.Request) -> web.Response:
        query = Query(request, "wait", "timeout_s")
        wait, timeout_s = _applied(query), query.timeout_s()
        session = session_of(request)
        raw = await read_bytes(request)
        if raw is None:
            raise InvalidRequest(f"Send the part of the {kind} block to change, as a JSON object.")
        require_json(request)
        block = parse_json(raw, request.app[DEPS].settings.limits)
        if not isinstance(block, dict):
            raise InvalidRequest(f"The {kind} block must be a JSON object.", errors=[FieldError("", "must be an object")])
        return _done(await session.update(kind, block, wait=wait, timeout_s=timeout_s))

    put.__doc__ = f"``PUT …/{kind}``: a partial block, merged over the effective one."
    return put


async def message(request: web.Request) -> web.StreamResponse:
    """``POST …/messages``: a text of the user, or one for the agent to say."""
    query = Query(request, "wait", "timeout_s")
    wait: Literal["accepted", "reply"] = query.choice("wait", ("accepted", "reply"))
    timeout_s = query.timeout_s()
    as_audio = prefers_audio(request, waits=wait == "reply")
    session = session_of(request)
    body = await read_model(request, MessageBody, text_member="content")
    if body.role == "assistant":
        if wait == "reply":
            raise InvalidRequest("Nobody replies to an assistant's message; leave out wait=reply, or use POST …/say to wait.")
        await session.inject_agent(body.content, body.behavior, timeout_s=timeout_s)
        return json_answer({"state": "accepted"})
    if body.behavior != "default":
        fault = FieldError("/behavior", 'is for role "assistant"; a user\'s text always comes next')
        raise InvalidRequest("The message has a fault; see errors.", errors=[fault])
    turn = await session.inject_user(body.content, wait=wait, timeout_s=timeout_s)
    if wait == "accepted":
        return json_answer({"state": "accepted", "turn": turn.n})
    return reply(request, session, [turn], as_audio=as_audio)


async def say(request: web.Request) -> web.Response:
    """``POST …/say``."""
    query = Query(request, "wait", "timeout_s")
    wait: Literal["spoken", "none"] = query.choice("wait", ("spoken", "none"))
    timeout_s = query.timeout_s()
    session = session_of(request)
    body = await read_model(request, SayBody, text_member="text")
    return _done(await session.say(body.text, body.behavior, wait=wait, timeout_s=timeout_s))


async def end_turn(request: web.Request) -> web.Response:
    """``POST …/end-turn``."""
    Query(request)
    await session_of(request).end_turn()
    return json_answer({"state": "accepted"})


async def interrupt(request: web.Request) -> web.Response:
    """``POST …/interrupt``."""
    Query(request)
    await session_of(request).interrupt()
    return json_answer({"state": "interrupted"})


def _applied(query: Query) -> bool:
    return query.choice("wait", ("applied", "none")) == "applied"


def _done(result: dict[str, Any]) -> web.Response:
    return json_answer(result, status=202 if result.get("state") == "accepted" else 200)
