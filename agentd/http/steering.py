"""Steering a live session: prompt, think, speak, listen; texts in; what the agent says; ending a turn, stopping speech."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, Final, Literal

from aiohttp import web
from pydantic import AwareDatetime, ConfigDict, Field, RootModel

from agentd.errors import (
    FieldError,
    InjectionRefused,
    InvalidRequest,
    InvalidSettings,
    NobodyListening,
    NotAcceptable,
    SessionEnded,
    UpstreamRefused,
    UpstreamTimeout,
)
from agentd.http.answers import json_answer
from agentd.http.bodies import Body, parse_json, read_bytes, read_model, require_json
from agentd.http.deps import DEPS, sees_words
from agentd.http.models import Answer, Turn, Words
from agentd.http.queries import Applied, Parameters, Timeout
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

    wait: Literal["spoken", "played", "none"] = Field(
        "spoken", description="`played` waits until it was played to its end; `none` answers 202 at once."
    )


class EndTurnParameters(Parameters):
    """What to wait for."""

    wait: Literal["applied", "none"] = Field("applied", description="`none` answers 202 at once.")


class SayBody(Body):
    """A text for the agent to speak."""

    text_member: ClassVar = "text"

    text: str
    behavior: Literal["queue", "default", "interrupt"] = Field(
        default="queue",
        description="`queue` waits until the user is done and is said behind what is being said; `interrupt` is said at once; "
        "`default` only if nobody speaks.",
    )


class AskBody(Body):
    """A question to the user."""

    text_member: ClassVar = "text"

    text: str
    quiet: bool = Field(default=False, description="Nobody hears what the model replies to the answer; functions it calls run.")
    answer_by: Literal["speech", "any"] = Field(
        default="speech", description="`any`: a typed text answers too, and nobody need be attached."
    )


State = Literal["accepted", "applied", "spoken", "refused", "no_effect", "superseded"]


class Commanded(Answer):
    """A command was accepted, or has had its effect; the event `CommandFinished` tells its outcome."""

    command_id: str = Field(pattern="^cmd_[0-9A-HJKMNP-TV-Z]{26}$")
    state: State
    turn: int | None = Field(default=None, description="The turn it belongs to.")
    detail: str | None = Field(default=None, description="What the upstream said to it, or why it had no effect.")


class Spoken(Commanded):
    """A text is being said."""

    state: Literal["spoken", "played", "interrupted"]  # type: ignore[assignment]  # fewer, and one more
    delivered: bool = Field(description="False: nobody was attached who could hear it.")


class Asked(Answer):
    """What became of a question."""

    command_id: str
    state: Literal["answered", "unanswered"]
    answered: bool
    asked_at: AwareDatetime = Field(description="When the agent began to ask.")
    heard: Words = None
    turn: int | None = Field(default=None, description="The turn of the answer.")
    detail: str | None = None


class Prompt(Answer):
    """The prompt in effect."""

    prompt: str | None


class EffectiveBlock(RootModel[dict[str, Any] | list[dict[str, Any]]]):
    """The block in effect, secrets masked; an array where `think` has several entries."""


def show_block(kind: UpdateKind) -> Callable[[web.Request], Awaitable[web.Response]]:
    """The handler of ``GET …/think``, ``…/speak`` or ``…/listen``."""

    async def get(request: web.Request) -> web.Response:
        return json_answer(session_of(request).block_view(kind))

    get.__doc__ = f"``GET …/{kind}``: the effective block."
    return get


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
        return json_answer(await session.inject_agent(body.content, body.behavior, timeout_s=query.timeout_s))
    if body.behavior != "default":
        fault = FieldError("/behavior", 'is for role "assistant"; a user\'s text always comes next')
        raise InvalidRequest("The message has a fault; see errors.", errors=[fault])
    turn = await session.inject_user(body.content, wait=query.wait, timeout_s=query.timeout_s)
    if query.wait == "accepted":
        return json_answer({"command_id": turn.command_id, "state": "accepted", "turn": turn.n})
    return reply(request, session, [turn], as_audio=as_audio)


async def say(request: web.Request) -> web.Response:
    """``POST …/say``."""
    query = SayParameters.of(request)
    session = session_of(request)
    body = await read_model(request, SayBody)
    return _done(await session.say(body.text, body.behavior, wait=query.wait, timeout_s=query.timeout_s))


async def ask(request: web.Request) -> web.Response:
    """``POST …/ask``."""
    query = Timeout.of(request)
    session = session_of(request)
    body = await read_model(request, AskBody)
    found = await session.ask(body.text, quiet=body.quiet, answer_by=body.answer_by, timeout_s=query.timeout_s)
    return json_answer(found if sees_words(request) else {name: value for name, value in found.items() if name != "heard"})


async def end_turn(request: web.Request) -> web.Response:
    """``POST …/end-turn``."""
    waits = EndTurnParameters.of(request).wait == "applied"
    return _done(await session_of(request).end_turn(wait=waits))


async def interrupt(request: web.Request) -> web.Response:
    """``POST …/interrupt``."""
    return _done(await session_of(request).interrupt())


def _done(result: dict[str, Any]) -> web.Response:
    return json_answer(result, status=202 if result.get("state") == "accepted" else 200)


_SESSION: Final = "/v1/sessions/{id}"
_COMMAND: Final = (SessionEnded, UpstreamRefused, UpstreamTimeout)
_COMMANDED: Final[Mapping[int, type[Answer]]] = {200: Commanded, 202: Commanded}


def _shown(kind: UpdateKind, scope: str) -> Route:
    return Route(
        "GET", f"{_SESSION}/{kind}", show_block(kind), scope,
        summary=f"Show the {kind} block in effect",
        answers={200: EffectiveBlock},
    )  # fmt: skip


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
    _shown("think", "transcripts"),  # it holds the prompt
    _shown("speak", "read"),
    _shown("listen", "read"),
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
        answers={200: (Commanded, Turn, SPOKEN_REPLY)},
        errors=(InjectionRefused, NotAcceptable, *_COMMAND),
        example=Example(body={"role": "user", "content": "Turn on the living room lamp."}, query="?wait=reply"),
    ),
    Route(
        "POST", _SESSION + "/say", say, "control",
        summary="Let the agent say something",
        description="Nothing overtakes: texts are said in the order they came. What the upstream refuses because the user speaks "
        "is said when it is quiet, what it ignores is sent once more.",
        query=SayParameters,
        body=SayBody,
        body_required=True,
        answers={200: Spoken, 202: Commanded},
        errors=(InjectionRefused, *_COMMAND),
        example=Example(body={"text": "Dinner is ready."}),
    ),
    Route(
        "POST", _SESSION + "/ask", ask, "control",
        summary="Ask the user something",
        description="The agent says it; the answer is what the user says next. `timeout_s` counts from the request to "
        "the answer; no answer by then is 200 with `answered: false`. What was heard is words: it needs scope `transcripts`.",
        query=Timeout,
        body=AskBody,
        body_required=True,
        answers={200: Asked},
        errors=(NobodyListening, InjectionRefused, *_COMMAND),
        example=Example(body={"text": "Shall I close the blinds?", "quiet": True}, query="?timeout_s=60"),
    ),
    Route(
        "POST", _SESSION + "/end-turn", end_turn, "control",
        summary="End the user's turn now",
        description="`no_effect` where the user was not speaking, or the upstream cannot do it (Deepgram: listen v1).",
        query=EndTurnParameters,
        answers=_COMMANDED,
        errors=_COMMAND,
        example=Example(),
    ),
    Route(
        "POST", _SESSION + "/interrupt", interrupt, "control",
        summary="Stop the agent's speech",
        description="`no_effect` where the agent was not speaking.",
        answers={200: Commanded},
        errors=_COMMAND,
        example=Example(),
    ),
)  # fmt: skip
