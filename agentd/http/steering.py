"""Steering a live session: prompt, think, speak, listen; texts in; what the agent says; ending a turn, stopping speech."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, Final, Literal

from aiohttp import web
from pydantic import ConfigDict, Field

from agentd.errors import (
    FieldError,
    InjectionRefused,
    InvalidRequest,
    InvalidSettings,
    NotAcceptable,
    SessionEnded,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from agentd.http.answers import json_answer
from agentd.http.bodies import Body, parse_json, read_bytes, read_model, require_json
from agentd.http.deps import DEPS
from agentd.http.models import Accepted, Answer, Turn
from agentd.http.queries import Applied, Timeout
from agentd.http.replies import SPOKEN_REPLY, prefers_audio, reply
from agentd.http.sessions import session_of
from agentd.http.table import Example, Route
from agentd.sessions.updates import UpdateKind


class PromptBody(Body):
    """``{"prompt": …}``."""

    text_member: ClassVar = "prompt"

    prompt: str


class AppendBody(Body):
    """``{"append": …}``."""

    text_member: ClassVar = "append"

    append: str


class Block(Body):
    """A partial block of the settings: `{"provider": {…}}` and what else it may hold."""

    model_config = ConfigDict(extra="allow")


class MessageBody(Body):
    """A text for the conversation."""

    text_member: ClassVar = "content"

    content: str
    role: Literal["user", "assistant"] = "user"
    behavior: Literal["default", "queue", "interrupt"] = Field(
        default="default", description="For role `assistant`: what happens when somebody is speaking."
    )


class MessageParameters(Timeout):
    """What to wait for."""

    wait: Literal["accepted", "reply"] = Field("accepted", description="`reply` waits for the turn the text causes.")


class SayParameters(Timeout):
    """What to wait for."""

    wait: Literal["spoken", "none"] = Field("spoken", description="`none` answers 202 at once.")


class SayBody(Body):
    """A text for the agent to speak."""

    text_member: ClassVar = "text"

    text: str
    behavior: Literal["queue", "default", "interrupt"] = "queue"


class Prompt(Answer):
    """The prompt in effect."""

    prompt: str | None


async def show_prompt(request: web.Request) -> web.Response:
    """``GET …/prompt``."""
    return json_answer(session_of(request).prompt_view())


async def set_prompt(request: web.Request) -> web.Response:
    """``PUT …/prompt``: JSON, or the prompt itself as ``text/plain``."""
    query = Applied.of(request)
    session = session_of(request)
    body = await read_model(request, PromptBody)
    return _done(await session.set_prompt(body.prompt, wait=query.wait == "applied", timeout_s=query.timeout_s))


async def append_prompt(request: web.Request) -> web.Response:
    """``PATCH …/prompt``."""
    query = Applied.of(request)
    session = session_of(request)
    body = await read_model(request, AppendBody)
    return _done(await session.append_prompt(body.append, wait=query.wait == "applied", timeout_s=query.timeout_s))


def update(kind: UpdateKind) -> Callable[[web.Request], Awaitable[web.Response]]:
    """The handler of ``PUT …/think``, ``…/speak`` or ``…/listen``."""

    async def put(request: web.Request) -> web.Response:
        query = Applied.of(request)
        session = session_of(request)
        raw = await read_bytes(request)
        if raw is None:
            raise InvalidRequest(f"Send the part of the {kind} block to change, as a JSON object.")
        require_json(request)
        block = parse_json(raw, request.app[DEPS].settings.limits)
        if not isinstance(block, dict):
            raise InvalidRequest(f"The {kind} block must be a JSON object.", errors=[FieldError("", "must be an object")])
        return _done(await session.update(kind, block, wait=query.wait == "applied", timeout_s=query.timeout_s))

    put.__doc__ = f"``PUT …/{kind}``: a partial block, merged over the effective one."
    return put


async def message(request: web.Request) -> web.StreamResponse:
    """``POST …/messages``: a text of the user, or one for the agent to say."""
    query = MessageParameters.of(request)
    as_audio = prefers_audio(request, waits=query.wait == "reply")
    session = session_of(request)
    body = await read_model(request, MessageBody)
    if body.role == "assistant":
        if query.wait == "reply":
            raise InvalidRequest("Nobody replies to an assistant's message; leave out wait=reply, or use POST …/say to wait.")
        await session.inject_agent(body.content, body.behavior, timeout_s=query.timeout_s)
        return json_answer({"state": "accepted"})
    if body.behavior != "default":
        fault = FieldError("/behavior", 'is for role "assistant"; a user\'s text always comes next')
        raise InvalidRequest("The message has a fault; see errors.", errors=[fault])
    turn = await session.inject_user(body.content, wait=query.wait, timeout_s=query.timeout_s)
    if query.wait == "accepted":
        return json_answer({"state": "accepted", "turn": turn.n})
    return reply(request, session, [turn], as_audio=as_audio)


async def say(request: web.Request) -> web.Response:
    """``POST …/say``."""
    query = SayParameters.of(request)
    session = session_of(request)
    body = await read_model(request, SayBody)
    return _done(await session.say(body.text, body.behavior, wait=query.wait, timeout_s=query.timeout_s))


async def end_turn(request: web.Request) -> web.Response:
    """``POST …/end-turn``."""
    await session_of(request).end_turn()
    return json_answer({"state": "accepted"})


async def interrupt(request: web.Request) -> web.Response:
    """``POST …/interrupt``."""
    await session_of(request).interrupt()
    return json_answer({"state": "interrupted"})


def _done(result: dict[str, Any]) -> web.Response:
    return json_answer(result, status=202 if result.get("state") == "accepted" else 200)


_SESSION: Final = "/v1/sessions/{id}"
_COMMAND: Final = (SessionEnded, UpstreamUnreachable, UpstreamTimeout)
_COMMANDED: Final[Mapping[int, type[Answer]]] = {200: Accepted, 202: Accepted}


def _block(kind: UpdateKind, example: dict[str, Any]) -> Route:
    return Route(
        "PUT", f"{_SESSION}/{kind}", update(kind), "control",
        summary=f"Change the {kind} block",
        description="A partial block, merged over the effective one and sent whole, so that prompt and functions stay.",
        query=Applied,
        body=Block,
        body_required=True,
        answers=_COMMANDED,
        errors=(InvalidSettings, *_COMMAND),
        example=Example(body=example),
    )  # fmt: skip


ROUTES: Final = (
    Route(
        "GET", _SESSION + "/prompt", show_prompt, "transcripts",
        summary="Show the prompt in effect",
        answers={200: Prompt},
    ),
    Route(
        "PUT", _SESSION + "/prompt", set_prompt, "control",
        summary="Replace the prompt",
        description="`applied` means that the upstream acknowledged it: nobody can see whether a model obeys.",
        query=Applied,
        body=PromptBody,
        body_required=True,
        answers=_COMMANDED,
        errors=_COMMAND,
        example=Example(body={"prompt": "Answer in one short sentence."}),
    ),
    Route(
        "PATCH", _SESSION + "/prompt", append_prompt, "control",
        summary="Add to the prompt",
        query=Applied,
        body=AppendBody,
        body_required=True,
        answers=_COMMANDED,
        errors=_COMMAND,
        example=Example(body={"append": "The user is called Ada."}),
    ),
    _block("think", {"provider": {"type": "open_ai", "model": "gpt-4o-mini"}}),
    _block("speak", {"provider": {"type": "deepgram", "model": "aura-2-thalia-en"}}),
    _block("listen", {"provider": {"type": "deepgram", "model": "nova-3"}}),
    Route(
        "POST", _SESSION + "/messages", message, "control",
        summary="Inject a text",
        description="As the user, who is answered, or (role `assistant`) for the agent to say. Speech of the reply is words: "
        "`Accept: audio/wav` needs scope `transcripts`.",
        query=MessageParameters,
        body=MessageBody,
        body_required=True,
        answers={200: (Accepted, Turn, SPOKEN_REPLY)},
        errors=(InjectionRefused, NotAcceptable, *_COMMAND),
        example=Example(body={"role": "user", "content": "Turn on the living room lamp."}, query="?wait=reply"),
    ),
    Route(
        "POST", _SESSION + "/say", say, "control",
        summary="Let the agent say something",
        query=SayParameters,
        body=SayBody,
        body_required=True,
        answers=_COMMANDED,
        errors=(InjectionRefused, *_COMMAND),
        example=Example(body={"text": "Dinner is ready."}),
    ),
    Route(
        "POST", _SESSION + "/end-turn", end_turn, "control",
        summary="End the user's turn now",
        answers={200: Accepted},
        errors=_COMMAND,
        example=Example(),
    ),
    Route(
        "POST", _SESSION + "/interrupt", interrupt, "control",
        summary="Stop the agent's speech",
        answers={200: Accepted},
        errors=_COMMAND,
        example=Example(),
    ),
)  # fmt: skip
