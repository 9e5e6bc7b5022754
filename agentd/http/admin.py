"""For who runs the daemon: refuse starts before it is stopped."""

from typing import Final, Literal

from aiohttp import web
from pydantic import Field

from agentd.errors import Conflict, UpstreamTimeout
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
)  # fmt: skip
