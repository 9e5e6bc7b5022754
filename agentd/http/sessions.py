"""Sessions: start, ensure, list, show, stop."""

from typing import Any, Final, Literal

from aiohttp import web
from pydantic import Field

from agentd.config import LimitSettings
from agentd.door import require
from agentd.errors import (
    AgentDiffers,
    BudgetExhausted,
    Conflict,
    Draining,
    EngineNotReady,
    FieldError,
    InvalidRequest,
    InvalidSettings,
    SessionEnded,
    SessionExists,
    SessionNotFound,
    TooManySessions,
    Unavailable,
)
from agentd.http.answers import json_answer, page, position
from agentd.http.bodies import Body, read_model
from agentd.http.deps import DEPS, IDENTITY, STARTS, sees_words
from agentd.http.models import Listing, SessionView
from agentd.http.queries import Family, Flag, Page, Parameters
from agentd.http.reach import require_agent, serves
from agentd.http.table import UPSTREAM, ErrorType, Example, Route
from agentd.sessions.manager import Manager
from agentd.sessions.runs import Run
from agentd.sessions.session import Session
from agentd.sessions.spec import StartSpec
from agentd.sessions.state import State

_MAX_METADATA = 32
_MAX_METADATA_CHARS = 1024
_MAX_KEY_CHARS = 200


class StartBody(Body):
    """What a start may say; every member is optional."""

    agent: str | None = Field(
        default=None,
        description="A profile of the configuration; otherwise the one that had the word last in `resume`, or `default_agent`.",
    )
    id: str | None = Field(default=None, description="The session's name: `[a-z0-9][a-z0-9_-]{0,63}`; generated otherwise.")
    settings: dict[str, Any] = Field(
        default_factory=dict, description="A partial Voice Agent Settings document, merged over the profile's. null removes."
    )
    prompt: str | None = None
    greeting: str | None = None
    functions: list[str] | None = Field(default=None, description="Narrows the profile's list.")
    metadata: dict[str, str] = Field(default_factory=dict, max_length=_MAX_METADATA)
    record: bool | None = Field(default=None, description="Record the conversation; as `[store] record_audio` says otherwise.")
    resume: str | None = Field(
        default=None, description="The `run_id` of a past run to go on from: its conversation is told to the agent, no greeting."
    )
    idle_timeout_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    max_duration_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)


class StartParameters(Parameters):
    """``?wait=``."""

    wait: Literal["ready", "none"] = Field("ready", description="`none` answers 202 before the session is active.")


class ListParameters(Page):
    """Filters."""

    state: State | None = Field(default=None, description="Sessions in this state.")
    agent: str | None = Field(default=None, description="Sessions of this agent.")
    metadata: Family = Field(default_factory=dict, description="Sessions whose metadata has this value, exactly.")


class StopParameters(Parameters):
    """How to stop."""

    wait: Literal["ended", "none"] = Field("ended", description="`none` answers 202 before the session has ended.")
    drain: Flag = Field(default=False, description="Let the turn in progress end.")
    purge: Flag = Field(default=False, description="Also erase its words, audio and events; needs scope `admin`.")


def session_of(request: web.Request) -> Session:
    """The session in the path: the latest run of that name, or the run with that run id."""
    return request.app[DEPS].manager.get(request.match_info["id"])


async def run_of(request: web.Request) -> Run:
    """The run in the path, to be read: also one that only the store has.

    Raises:
        SessionNotFound: there is none, or it is of an agent that the token is not for.
    """
    run = await request.app[DEPS].manager.find(request.match_info["id"])
    if not serves(request, *run.agents):
        raise SessionNotFound(f"There is no session {request.match_info['id'][:64]!r}.")
    return run


async def start(request: web.Request) -> web.Response:
    """``POST /v1/sessions``."""
    waits = StartParameters.of(request).wait == "ready"
    body = await read_model(request, StartBody)
    key = request.headers.get("Idempotency-Key")
    if key is not None and not 1 <= len(key) <= _MAX_KEY_CHARS:
        raise InvalidRequest(f"The Idempotency-Key must have 1 to {_MAX_KEY_CHARS} characters.")
    if key is not None:
        key = f"{request[IDENTITY].name}:{key}"  # one holder's key says nothing about another's
    spec = await _resumed(request, _spec(request, body, body.id))
    request.app[STARTS].admit(request[IDENTITY].name)
    session, started = await request.app[DEPS].manager.start(spec, wait_ready=waits, idempotency_key=key)
    return _launched(request, session, started=started, waited=waits)


async def ensure(request: web.Request) -> web.Response:
    """``PUT /v1/sessions/{id}``."""
    waits = StartParameters.of(request).wait == "ready"
    id_ = request.match_info["id"]
    body = await read_model(request, StartBody)
    if body.id is not None and body.id != id_:
        raise InvalidRequest("The body names another session than the path.", errors=[FieldError("/id", f"must be {id_[:64]!r}")])
    spec, manager = await _resumed(request, _spec(request, body, id_)), request.app[DEPS].manager
    if not _is_live(manager, id_):
        request.app[STARTS].admit(request[IDENTITY].name)
    session, started = await manager.ensure(spec, wait_ready=waits)
    return _launched(request, session, started=started, waited=waits)


async def index(request: web.Request) -> web.Response:
    """``GET /v1/sessions``."""
    query = ListParameters.of(request)
    manager = request.app[DEPS].manager
    runs: list[Session | Run] = [*manager.list(state=query.state, agent=query.agent, metadata=query.metadata)]
    if query.state in (None, State.ENDED):
        before, limit = position(query), query.limit + 1
        agents = {query.agent} if query.agent is not None else request[IDENTITY].agents
        runs += await manager.past(agents=agents, metadata=query.metadata, before=before, limit=limit)
        runs.sort(key=lambda run: run.run_id, reverse=True)
    runs = [run for run in runs if serves(request, *run.agents)]
    shown, cursor = page(runs, query, key=lambda run: run.run_id, descending=True)
    words = sees_words(request)
    return json_answer({"items": [run.view(words=words) for run in shown], "next": cursor})


async def show(request: web.Request) -> web.Response:
    """``GET /v1/sessions/{id}``."""
    return json_answer((await run_of(request)).view(words=sees_words(request)))


async def stop(request: web.Request) -> web.Response:
    """``DELETE /v1/sessions/{id}``: idempotent; erasing needs scope ``admin``."""
    query = StopParameters.of(request)
    wait = query.wait == "ended"
    if query.purge:
        require(request[IDENTITY], "admin")
    run = await request.app[DEPS].manager.stop((await run_of(request)).run_id, drain=query.drain, purge=query.purge, wait=wait)
    words = sees_words(request) and not query.purge
    return json_answer(run.view(words=words), status=202 if run.live else 200)


def _is_live(manager: Manager, id_: str) -> bool:
    try:
        return manager.get(id_).live
    except SessionNotFound:
        return False


def _spec(request: web.Request, body: StartBody, id_: str | None) -> StartSpec:
    settings = request.app[DEPS].settings
    _check_bounds(body, settings.limits)
    return StartSpec(
        agent=body.agent,
        id=id_,
        settings=body.settings,
        prompt=body.prompt,
        greeting=body.greeting,
        functions=None if body.functions is None else tuple(body.functions),
        metadata=body.metadata,
        resume=body.resume,
        started_by=request[IDENTITY].name,
        record=body.record,
        idle_timeout_s=body.idle_timeout_s,
        max_duration_s=body.max_duration_s,
        agents=request[IDENTITY].agents,
    )


async def _resumed(request: web.Request, spec: StartSpec) -> StartSpec:
    """The request with the agent and the conversation of the run that it goes on from."""
    resumed = await request.app[DEPS].manager.resumed(spec, lambda agents: serves(request, *agents))
    require_agent(request, resumed.agent or request.app[DEPS].settings.default_agent)
    return resumed


def _check_bounds(body: StartBody, limits: LimitSettings) -> None:
    faults = [
        FieldError(f"/metadata/{key[:64]}", f"at most {_MAX_METADATA_CHARS} characters")
        for key, value in body.metadata.items()
        if len(key) + len(value) > _MAX_METADATA_CHARS
    ]
    if body.max_duration_s is not None and body.max_duration_s > limits.max_duration_s:
        faults.append(FieldError("/max_duration_s", f"at most {limits.max_duration_s:g} (limits.max_duration_s)"))
    if body.idle_timeout_s is not None and body.idle_timeout_s > limits.max_duration_s:
        faults.append(FieldError("/idle_timeout_s", f"at most {limits.max_duration_s:g} (limits.max_duration_s)"))
    if faults:
        raise InvalidRequest("The start request has faults; see errors.", errors=faults)


def _launched(request: web.Request, session: Session, *, started: bool, waited: bool) -> web.Response:
    status = 200 if not started else 201 if waited else 202
    headers = {"Location": f"/v1/sessions/{session.id}"}
    return json_answer(session.view(words=sees_words(request)), status=status, headers=headers)


_STARTS: Final[tuple[ErrorType, ...]] = (
    InvalidSettings,
    TooManySessions,
    BudgetExhausted,
    SessionEnded,
    SessionNotFound,
    SessionExists,
    Conflict,
    Draining,
    EngineNotReady,
    Unavailable,
    *UPSTREAM,
)

ROUTES: Final = (
    Route(
        "POST", "/v1/sessions", start, "control",
        summary="Start a session",
        description="The same `Idempotency-Key` again answers 200 with the session it started.",
        query=StartParameters,
        headers={"Idempotency-Key": "Any text of at most 200 characters; names this start."},
        body=StartBody,
        answers={201: SessionView, 200: SessionView, 202: SessionView},
        errors=_STARTS,
        example=Example(body={"id": "kitchen", "prompt": "You are a kitchen helper.", "record": True}),
    ),
    Route(
        "GET", "/v1/sessions", index, "read",
        summary="List sessions, the newest first",
        query=ListParameters,
        answers={200: Listing[SessionView]},
        example=Example(query="?state=active"),
    ),
    Route(
        "PUT", "/v1/sessions/{id}", ensure, "control",
        summary="Ensure that a session runs",
        description="201: it was started now. 200: it is live already, whatever the body says besides another agent.",
        query=StartParameters,
        body=StartBody,
        answers={200: SessionView, 201: SessionView, 202: SessionView},
        errors=(AgentDiffers, *_STARTS),
        example=Example(),
    ),
    Route(
        "GET", "/v1/sessions/{id}", show, "read",
        summary="Show a session",
        answers={200: SessionView},
    ),
    Route(
        "DELETE", "/v1/sessions/{id}", stop, "control",
        summary="Stop a session",
        description=(
            "Idempotent. Answers the final session with its usage. `purge` (scope `admin`) also erases the run, in memory and "
            "on the disk, without a trace; afterwards it is not found."
        ),
        query=StopParameters,
        answers={200: SessionView, 202: SessionView},
        errors=(Unavailable,),
        example=Example(query="?drain=true"),
    ),
)  # fmt: skip
