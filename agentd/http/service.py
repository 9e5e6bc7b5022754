"""The service itself: health, readiness, metrics, agents, and the model lists that Voice Agent clients ask for."""

from typing import Any, Final, Literal

from aiohttp import web
from pydantic import Field

from agentd.errors import AgentNotFound
from agentd.http.answers import json_answer
from agentd.http.deps import DEPS, identity_of, sees_words
from agentd.http.models import Answer, Listing
from agentd.http.queries import Anything
from agentd.http.reach import require_agent, serves
from agentd.http.table import Example, Media, Route

_PROMPTS: Final = frozenset({"prompt", "greeting", "goodbye", "messages", "instructions"})


class Health(Answer):
    """The process serves."""

    status: Literal["ok"]


class ReadinessView(Answer):
    """Whether a session could start now."""

    status: Literal["ok", "unavailable"]
    reason: str | None = Field(default=None, description="A stable code, such as `engine-starting`.")
    details: dict[str, Any] | None = Field(default=None, description="Needs scope `read`.")


class Agent(Answer):
    """A profile as it resolves, secrets masked."""

    name: str
    default: bool
    upstream: Literal["deepgram", "engine"] | None
    functions: list[str]
    missing_functions: list[str] = Field(description="What the profile names and no file declares.")
    withheld_functions: list[str] = Field(description="What the profile names and, being of tier high, `allow_high` does not.")
    settings: dict[str, Any] = Field(description="Prompts and greetings are left out without scope `transcripts`.")


async def health(request: web.Request) -> web.Response:
    """``GET /healthz``: the process serves."""
    del request
    return json_answer({"status": "ok"})


async def ready(request: web.Request) -> web.Response:
    """``GET /readyz``: a session could start now. Details need scope ``read``."""
    readiness = request.app[DEPS].readiness()
    answer: dict[str, Any] = {"status": "ok" if readiness.ready else "unavailable"}
    if readiness.reason is not None:
        answer["reason"] = readiness.reason
    identity = identity_of(request)
    if identity is not None and identity.allows("read"):
        answer["details"] = readiness.details
    return json_answer(answer, status=200 if readiness.ready else 503)


async def metrics(request: web.Request) -> web.Response:
    """``GET /metrics``: Prometheus text, or OpenMetrics when the scraper accepts it."""
    body, content_type = request.app[DEPS].metrics.render(",".join(request.headers.getall("Accept", [])))
    return web.Response(body=body, headers={"Content-Type": content_type})


async def agents(request: web.Request) -> web.Response:
    """``GET /v1/agents``."""
    profiles = [profile for profile in request.app[DEPS].manager.agents() if serves(request, profile["name"])]
    return json_answer({"items": [_seen(request, profile) for profile in profiles], "next": None})


async def agent(request: web.Request) -> web.Response:
    """``GET /v1/agents/{name}``."""
    require_agent(request, request.match_info["name"])
    return json_answer(_seen(request, request.app[DEPS].manager.agent(request.match_info["name"])))


def _seen(request: web.Request, profile: dict[str, Any]) -> dict[str, Any]:
    return profile if sees_words(request) else _without_prompts(profile)


def _without_prompts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_prompts(item) for key, item in value.items() if key not in _PROMPTS}
    if isinstance(value, list):
        return [_without_prompts(item) for item in value]
    return value


ROUTES: Final = (
    Route(
        "GET", "/v1/agents", agents, "read",
        summary="List the agents",
        answers={200: Listing[Agent]},
    ),
    Route(
        "GET", "/v1/agents/{name}", agent, "read",
        summary="Show an agent",
        answers={200: Agent},
        errors=(AgentNotFound,),
        example=Example(path={"name": "home"}),
    ),
    Route(
        "GET", "/metrics", metrics, "metrics",
        summary="Metrics for Prometheus",
        description="OpenMetrics when the Accept header asks for it.",
        query=Anything,
        answers={
            200: (
                Media("text/plain", "Prometheus text format."),
                Media("application/openmetrics-text", "OpenMetrics."),
            )
        },
    ),
    Route(
        "GET", "/healthz", health, None,
        summary="Whether the process serves",
        query=Anything,
        answers={200: Health},
        example=Example(curl="curl $A/healthz"),
    ),
    Route(
        "GET", "/readyz", ready, None,
        summary="Whether a session could start now",
        description="Never dials the upstream. Details need scope `read`.",
        query=Anything,
        answers={200: ReadinessView, 503: ReadinessView},
        example=Example(curl="curl $A/readyz"),
    ),
)  # fmt: skip
