"""For who runs the daemon: refuse starts before it is stopped, and read its configuration again."""

from typing import Final, Literal

from aiohttp import web
from pydantic import Field

from agentd.errors import ConfigError, Conflict, Unavailable, UpstreamTimeout
from agentd.http.answers import json_answer
from agentd.http.deps import DEPS
from agentd.http.models import Answer, Count
from agentd.http.queries import Timeout
from agentd.http.table import Example, Route
from agentd.sessions.manager import Manager


class DrainParameters(Timeout):
    """What to wait for."""

    wait: Literal["none", "drained"] = Field("none", description="`drained` answers when no session is live any more.")


class Drain(Answer):
    """Whether sessions are started, and how many are live."""

    state: Literal["serving", "draining", "drained"]
    sessions: Count


class Reloaded(Answer):
    """What a reload did, by dotted key."""

    changed: list[str] = Field(description="In effect from now on; live sessions keep what they were started with.")
    needs_restart: list[str] = Field(description="Differs from what is in effect, and cannot change while the daemon runs.")


async def drain(request: web.Request) -> web.Response:
    """``POST /v1/admin/drain``."""
    query, manager = DrainParameters.of(request), request.app[DEPS].manager
    manager.drain()
    if query.wait == "drained" and not await manager.until_empty(query.timeout_s):
        left = len(manager.live_sessions)
        raise UpstreamTimeout(f"{left} sessions are live after {query.timeout_s:g} s; the daemon goes on draining.")
    return _drain(manager)


async def undrain(request: web.Request) -> web.Response:
    """``POST /v1/admin/undrain``."""
    manager = request.app[DEPS].manager
    manager.undrain()
    return _drain(manager)


async def reload(request: web.Request) -> web.Response:
    """``POST /v1/admin/reload``: all or nothing."""
    changes = await request.app[DEPS].reload()
    return json_answer({"changed": list(changes.changed), "needs_restart": list(changes.needs_restart)})


def _drain(manager: Manager) -> web.Response:
    live = len(manager.live_sessions)
    state = "serving" if not manager.draining else "draining" if live else "drained"
    return json_answer({"state": state, "sessions": live})


ROUTES: Final = (
    Route(
        "POST", "/v1/admin/drain", drain, "admin",
        summary="Start no more sessions",
        description="Starts are refused with 503 `draining`; what is live goes on until it ends by itself. Again does nothing.",
        query=DrainParameters,
        answers={200: Drain},
        errors=(UpstreamTimeout,),
        example=Example(query="?wait=drained&timeout_s=60"),
    ),
    Route(
        "POST", "/v1/admin/undrain", undrain, "admin",
        summary="Start sessions again",
        answers={200: Drain},
        errors=(Conflict,),
        example=Example(),
    ),
    Route(
        "POST", "/v1/admin/reload", reload, "admin",
        summary="Read the configuration again",
        description="Agents, limits, functions, the Deepgram key and the log's level. Checked whole and taken whole: a fault "
        "anywhere is answered with its key and line, and nothing changes. SIGHUP does the same.",
        answers={200: Reloaded},
        errors=(ConfigError, Unavailable),
        example=Example(),
    ),
)  # fmt: skip
