"""Functions: what is loaded and what is not, calling one without a conversation, loading them again."""

import secrets
from collections.abc import Mapping
from typing import Any, Final, Literal

from aiohttp import web
from pydantic import AwareDatetime, ConfigDict, Field

from agentd.errors import FieldError, FunctionDenied, FunctionNotFound, InvalidRequest
from agentd.functions.declare import Tier
from agentd.functions.registry import FunctionSpec, Kind
from agentd.functions.service import CallRequest
from agentd.http.answers import json_answer, page
from agentd.http.bodies import Body, read_model
from agentd.http.deps import DEPS, IDENTITY, sees_words
from agentd.http.models import Answer, Count, Listing, Seconds, Words
from agentd.http.queries import Page
from agentd.http.reach import require_agent, require_every_agent
from agentd.http.table import Example, Route


class InvokeBody(Body):
    """``{"arguments": {…}, "agent": …}``."""

    arguments: dict[str, Any] = Field(default_factory=dict)
    agent: str | None = Field(
        default=None,
        max_length=64,
        description="Call it as this agent, by its rules. Without, nothing of tier high is called.",
    )


class FunctionError(Answer):
    """The last failure of a function."""

    time: AwareDatetime
    outcome: str
    kind: str | None


class Counters(Answer):
    """How often it was called, and with what outcome."""

    calls: Count
    ok: Count
    error: Count
    timeout: Count
    invalid: Count
    unknown: Count
    denied: Count
    cancelled: Count
    last_error: FunctionError | None


class FunctionView(Answer):
    """A function that agents may call."""

    model_config = ConfigDict(title="Function")

    name: str
    description: str
    parameters: dict[str, Any] = Field(description="JSON Schema of the arguments.")
    tier: Tier
    timeout_s: Seconds
    kind: Kind = Field(description="What runs it.")
    server: str | None = Field(description="The MCP server whose tool it is.")
    file: str = Field(description="The handler file, or the table of the configuration that declares it.")
    line: int | None
    sha256: str | None = Field(description="Of the file as it was loaded.")
    examples: list[str]
    options: dict[str, Any] = Field(description="How it wants to be called: barge-in, fillers, duplicates, rate, background.")
    declaration: dict[str, Any] = Field(description="What a model is told of it: the object in `agent.think.functions`.")
    counters: Counters


class LoadProblem(Answer):
    """A file, or a function in it, that did not load."""

    file: str
    line: int | None
    reason: str


class SwitchedOff(Answer):
    """A file that offers nothing for now, with which nothing is wrong."""

    file: str
    reason: str = Field(description="How to switch it on.")


class Functions(Listing[FunctionView]):
    """What is loaded, and what is not."""

    problems: list[LoadProblem]
    off: list[SwitchedOff]


class Invoked(Answer):
    """How the call ended."""

    outcome: Literal["ok", "error", "timeout", "unknown", "cancelled"]
    duration_s: Seconds
    content: Words = Field(default=None, description="What a model would be told.")
    result: Any = None
    arguments: Any = None


async def index(request: web.Request) -> web.Response:
    """``GET /v1/functions``."""
    return _listing(request, Page.of(request))


def _listing(request: web.Request, query: Page) -> web.Response:
    registry = request.app[DEPS].functions.registry
    specs = sorted(registry.specs.values(), key=lambda spec: spec.name)
    shown, cursor = page(specs, query, key=lambda spec: spec.name)
    counters = request.app[DEPS].functions.counters
    off = [{"file": off.place, "reason": off.reason} for off in registry.off]
    items = [_view(spec, counters) for spec in shown]
    return json_answer({"items": items, "next": cursor, "problems": _problems(request), "off": off})


async def show(request: web.Request) -> web.Response:
    """``GET /v1/functions/{name}``."""
    return json_answer(_view(_spec_of(request), request.app[DEPS].functions.counters))


async def invoke(request: web.Request) -> web.Response:
    """``POST /v1/functions/{name}/invoke``: through the same gate as a conversation's calls."""
    deps = request.app[DEPS]
    body = await read_model(request, InvokeBody)
    if body.agent is None:
        require_every_agent(request)
    else:
        require_agent(request, body.agent)
        if body.agent not in deps.manager.agent_names:
            raise InvalidRequest(f"There is no agent {body.agent!r}.", errors=[FieldError("/agent", "no such agent")])
    spec = _spec_of(request)
    outcome = await deps.functions.call(
        CallRequest(
            call_id=f"invoke-{secrets.token_hex(8)}",
            name=spec.name,
            arguments=body.arguments,
            session_id=None,
            run_id=None,
            agent=body.agent,
            allowed=None,
            metadata={},
            started_by=request[IDENTITY].name,
        )
    )
    if outcome.outcome == "invalid":
        raise InvalidRequest(outcome.content)
    if outcome.outcome == "denied":
        raise FunctionDenied(outcome.content)
    answer: dict[str, Any] = {"outcome": outcome.outcome, "duration_s": round(outcome.duration_s, 6)}
    if sees_words(request):
        answer |= {"content": outcome.content, "result": outcome.result, "arguments": outcome.arguments}
    return json_answer(answer)


async def reload(request: web.Request) -> web.Response:
    """``POST /v1/functions/reload``: all or nothing."""
    await request.app[DEPS].functions.reload()
    return _listing(request, Page())


def _spec_of(request: web.Request) -> FunctionSpec:
    name = request.match_info["name"]
    specs = request.app[DEPS].functions.registry.specs
    if name not in specs:
        raise FunctionNotFound(f"There is no function {name[:64]!r}; loaded are {', '.join(sorted(specs)) or 'none'}.")
    return specs[name]


def _view(spec: FunctionSpec, counters: Mapping[str, Any]) -> dict[str, Any]:
    return spec.describe() | {"counters": counters.get(spec.name, {})}


def _problems(request: web.Request) -> list[dict[str, Any]]:
    return [
        {"file": problem.place, "line": problem.line, "reason": problem.reason}
        for problem in request.app[DEPS].functions.registry.problems
    ]


ROUTES: Final = (
    Route(
        "GET", "/v1/functions", index, "read",
        summary="List the functions, and the files that did not load",
        query=Page,
        answers={200: Functions},
    ),
    Route(
        "POST", "/v1/functions/reload", reload, "admin",
        summary="Load the functions anew",
        description="All or nothing: when a file does not load, it is reported and the old functions stay.",
        answers={200: Functions},
        example=Example(),
    ),
    Route(
        "GET", "/v1/functions/{name}", show, "read",
        summary="Show a function",
        answers={200: FunctionView},
        errors=(FunctionNotFound,),
        example=Example(path={"name": "set_light"}),
    ),
    Route(
        "POST", "/v1/functions/{name}/invoke", invoke, "control",
        summary="Call a function without a conversation",
        description="Through the same gate as an agent's calls. One of tier `high` needs `agent`, whose profile allows it, and "
        "answers when it was confirmed (`GET /v1/confirmations`), refused or not confirmed in time.",
        body=InvokeBody,
        answers={200: Invoked},
        errors=(FunctionNotFound, FunctionDenied),
        example=Example(path={"name": "set_light"}, body={"arguments": {"room": "living room", "on": True}}),
    ),
)  # fmt: skip
