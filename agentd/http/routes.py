"""The table of routes: method, path, handler, scope. What is not here does not exist."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from agentd.http import audio, compatible, events, functions, grants, problems, records, service, sessions, steering

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

ANY: Final = "any"
"""The scope of a route that every token may use."""

_SESSION: Final = "/v1/sessions/{id}"


@dataclass(frozen=True, slots=True)
class Route:
    """One line of the table.

    Attributes:
        path: a template; the label of the metrics.
        scope: what the token must allow, or ``ANY``; None: open to everybody who passes the Host and Origin checks.
        compatible: also take tokens as Voice Agent clients send them (``Token``, WebSocket subprotocol).
    """

    method: str
    path: str
    handler: Handler
    scope: str | None
    compatible: bool = False


ROUTES: Final = (
    Route("POST", "/v1/sessions", sessions.start, "control"),
    Route("GET", "/v1/sessions", sessions.index, "read"),
    Route("PUT", _SESSION, sessions.ensure, "control"),
    Route("GET", _SESSION, sessions.show, "read"),
    Route("DELETE", _SESSION, sessions.stop, "control"),
    Route("GET", _SESSION + "/prompt", steering.show_prompt, "transcripts"),
    Route("PUT", _SESSION + "/prompt", steering.set_prompt, "control"),
    Route("PATCH", _SESSION + "/prompt", steering.append_prompt, "control"),
    Route("PUT", _SESSION + "/think", steering.update("think"), "control"),
    Route("PUT", _SESSION + "/speak", steering.update("speak"), "control"),
    Route("PUT", _SESSION + "/listen", steering.update("listen"), "control"),
    Route("POST", _SESSION + "/messages", steering.message, "control"),
    Route("POST", _SESSION + "/say", steering.say, "control"),
    Route("POST", _SESSION + "/audio", audio.inject, "control"),
    Route("PUT", _SESSION + "/audio", audio.inject, "control"),
    Route("POST", _SESSION + "/end-turn", steering.end_turn, "control"),
    Route("POST", _SESSION + "/interrupt", steering.interrupt, "control"),
    Route("GET", _SESSION + "/events", events.of_session, "read"),
    Route("GET", _SESSION + "/transcript", records.transcript, "transcripts"),
    Route("GET", _SESSION + "/turns", records.turns, "read"),
    Route("GET", _SESSION + "/turns/{n}", records.turn, "read"),
    Route("GET", _SESSION + "/turns/{n}/audio", records.turn_audio, "transcripts"),
    Route("GET", _SESSION + "/calls", records.calls, "read"),
    Route("GET", "/v1/events", events.of_all, "read"),
    Route("GET", "/v1/functions", functions.index, "read"),
    Route("POST", "/v1/functions/reload", functions.reload, "admin"),
    Route("GET", "/v1/functions/{name}", functions.show, "read"),
    Route("POST", "/v1/functions/{name}/invoke", functions.invoke, "control"),
    Route("GET", "/v1/agents", service.agents, "read"),
    Route("GET", "/v1/agents/{name}", service.agent, "read"),
    Route("POST", "/v1/auth/grant", grants.grant, ANY, compatible=True),
    Route("GET", "/v1/agent/converse", compatible.converse, "control", compatible=True),
    Route("GET", "/agent", compatible.converse, "control", compatible=True),
    Route("GET", "/v1/agent/settings/think/models", service.think_models, "read", compatible=True),
    Route("GET", "/v1/models", service.models, "read", compatible=True),
    Route("GET", "/metrics", service.metrics, "metrics"),
    Route("GET", "/healthz", service.health, None),
    Route("GET", "/readyz", service.ready, None),
    Route("GET", "/problems/{code}", problems.show, None),
)
