"""Sessions: start, ensure, list, show, stop."""

from typing import Any

from aiohttp import web
from pydantic import Field

from agentd.config import LimitSettings
from agentd.door import require
from agentd.errors import FieldError, InvalidRequest, SessionNotFound
from agentd.http.answers import json_answer, page
from agentd.http.bodies import Body, read_model
from agentd.http.deps import DEPS, IDENTITY, STARTS, sees_words
from agentd.http.queries import Query
from agentd.sessions.manager import Manager
from agentd.sessions.session import Session
from agentd.sessions.spec import StartSpec
from agentd.sessions.state import State

_MAX_METADATA = 32
_MAX_METADATA_CHARS = 1024
_MAX_KEY_CHARS = 200


class StartBody(Body):
    """What a start may say; every member is optional."""

    agent: str | None = None
    id: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    prompt: str | None = None
    greeting: str | None = None
    functions: list[str] | None = None
    metadata: dict[str, str] = Field(default_factory=dict, max_length=_MAX_METADATA)
    record: bool = False
    idle_timeout_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    max_duration_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)


def session_of(request: web.Request) -> Session:
    """The session in the path: the latest run of that name, or the run with that run id."""
    return request.app[DEPS].manager.get(request.match_info["id"])


async def start(request: web.Request) -> web.Response:
    """``POST /v1/sessions``."""
    query = Query(request, "wait")
    wait = query.choice("wait", ("ready", "none"))
    body = await read_model(request, StartBody)
    key = request.headers.get("Idempotency-Key")
    if key is not None and not 1 <= len(key) <= _MAX_KEY_CHARS:
        raise InvalidRequest(f"The Idempotency-Key must have 1 to {_MAX_KEY_CHARS} characters.")
    if key is not None:
        key = f"{request[IDENTITY].name}:{key}"  # one holder's key says nothing about another's
    spec = _spec(request, body, body.id)
    request.app[STARTS].admit(request[IDENTITY].name)
    session, started = await request.app[DEPS].manager.start(spec, wait_ready=wait == "ready", idempotency_key=key)
    return _launched(request, session, started=started, waited=wait == "ready")


async def ensure(request: web.Request) -> web.Response:
    """``PUT /v1/sessions/{id}``."""
    query = Query(request, "wait")
    wait = query.choice("wait", ("ready", "none"))
    id_ = request.match_info["id"]
    body = await read_model(request, StartBody)
    if body.id is not None and body.id != id_:
        raise InvalidRequest("The body names another session than the path.", errors=[FieldError("/id", f"must be {id_[:64]!r}")])
    spec, manager = _spec(request, body, id_), request.app[DEPS].manager
    if not _is_live(manager, id_):
        request.app[STARTS].admit(request[IDENTITY].name)
    session, started = await manager.ensure(spec, wait_ready=wait == "ready")
    return _launched(request, session, started=started, waited=wait == "ready")


async def index(request: web.Request) -> web.Response:
    """``GET /v1/sessions``."""
    query = Query(request, "state", "agent", "metadata.*", "limit", "cursor")
    state = query.choice("state", tuple(State)) if query.has("state") else None
    sessions = request.app[DEPS].manager.list(state=state, agent=query.text("agent"), metadata=query.family("metadata"))
    shown, cursor = page(sessions, query, key=lambda session: session.run_id, descending=True)
    words = sees_words(request)
    return json_answer({"items": [session.view(words=words) for session in shown], "next": cursor})


async def show(request: web.Request) -> web.Response:
    """``GET /v1/sessions/{id}``."""
    Query(request)
    return json_answer(session_of(request).view(words=sees_words(request)))


async def stop(request: web.Request) -> web.Response:
    """``DELETE /v1/sessions/{id}``: idempotent; erasing needs scope ``admin``."""
    query = Query(request, "wait", "drain", "purge")
    wait = query.choice("wait", ("ended", "none")) == "ended"
    purge = query.flag("purge")
    if purge:
        require(request[IDENTITY], "admin")
    session = await request.app[DEPS].manager.stop(
        request.match_info["id"], drain=query.flag("drain"), purge=purge, wait=wait or purge
    )
    return json_answer(session.view(words=sees_words(request)), status=200 if wait or not session.live else 202)


def _is_live(manager: Manager, id_: str) -> bool:
    try:
        return manager.get(id_).live
    except SessionNotFound:
        return False


def _spec(request: web.Request, body: StartBody, id_: str | None) -> StartSpec:
    _check_bounds(body, request.app[DEPS].settings.limits)
    return StartSpec(
        agent=body.agent,
        id=id_,
        settings=body.settings,
        prompt=body.prompt,
        greeting=body.greeting,
        functions=None if body.functions is None else tuple(body.functions),
        metadata=body.metadata,
        record=body.record,
        idle_timeout_s=body.idle_timeout_s,
        max_duration_s=body.max_duration_s,
    )


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
