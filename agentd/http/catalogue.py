"""The model lists that Voice Agent clients ask for: what the upstream of the compatible endpoint has."""

from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from aiohttp import web

from agentd.engine import catalogue as engine
from agentd.http.answers import json_answer
from agentd.http.deps import DEPS
from agentd.http.models import Answer
from agentd.http.queries import Anything
from agentd.http.table import Route
from agentd.sessions.profiles import PASSTHROUGH

THINK_MODELS: Final[list[dict[str, str]]] = [
    {"id": "gpt-4o-mini", "name": "GPT-4o mini", "provider": "open_ai"},
    {"id": "gpt-4.1-mini", "name": "GPT-4.1 mini", "provider": "open_ai"},
    {"id": "claude-haiku-4-5", "name": "Claude Haiku 4.5", "provider": "anthropic"},
]
"""Some that Deepgram manages. A list of all of them is Deepgram's to give; any model it takes is passed on."""


def _model(canonical_name: str, architecture: str, **more: Any) -> dict[str, Any]:
    """An entry as Deepgram's lists have it."""
    return {
        "name": canonical_name.split("-")[2] if architecture == "aura-2" else canonical_name,
        "canonical_name": canonical_name,
        "architecture": architecture,
        "languages": ["en"],
        "version": "",
        "uuid": str(uuid5(NAMESPACE_URL, canonical_name)),
    } | more


MODELS: Final[dict[str, Any]] = {
    "stt": [
        _model("nova-3", "nova-3", batch=False, streaming=True, formatted_output=True),
        _model("flux-general-en", "flux", batch=False, streaming=True, formatted_output=False),
    ],
    "tts": [
        _model(f"aura-2-{name}-en", "aura-2", metadata={"accent": "American", "age": "Adult", "tags": [tag], "use_cases": []})
        for name, tag in (("thalia", "feminine"), ("apollo", "masculine"))
    ],
}


class ThinkModels(Answer):
    """As Deepgram answers."""

    models: list[dict[str, Any]]


class Models(Answer):
    """As Deepgram answers."""

    stt: list[dict[str, Any]]
    tts: list[dict[str, Any]]


async def think_models(request: web.Request) -> web.Response:
    """``GET /v1/agent/settings/think/models``."""
    return json_answer({"models": engine.THINK_MODELS if _uses_engine(request) else THINK_MODELS})


async def models(request: web.Request) -> web.Response:
    """``GET /v1/models``."""
    return json_answer(engine.MODELS if _uses_engine(request) else MODELS)


def _uses_engine(request: web.Request) -> bool:
    return bool(request.app[DEPS].manager.agent(PASSTHROUGH)["upstream"] == "engine")


ROUTES: Final = (
    Route(
        "GET", "/v1/agent/settings/think/models", think_models, None,
        summary="Models that think, as Voice Agent clients ask for them",
        description="Open: @deepgram/sdk sends no key here, as Deepgram gives the list to everybody.",
        query=Anything,
        answers={200: ThinkModels},
        compatible=True,
    ),
    Route(
        "GET", "/v1/models", models, "read",
        summary="Models that listen and speak, as Voice Agent clients ask for them",
        query=Anything,
        answers={200: Models},
        compatible=True,
    ),
)  # fmt: skip
