"""Functions: what is loaded and what is not, calling one without a conversation, loading them again."""

import secrets
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from pydantic import Field

from agentd.errors import Forbidden, FunctionNotFound, InvalidRequest
from agentd.functions.registry import FunctionSpec
from agentd.functions.service import CallRequest
from agentd.http.answers import json_answer, page
from agentd.http.bodies import Body, read_model
from agentd.http.deps import DEPS, sees_words
from agentd.http.queries import Query


class InvokeBody(Body):
    """``{"arguments": {…}}``."""

    arguments: dict[str, Any] = Field(default_factory=dict)


async def index(request: web.Request) -> web.Response:
    """``GET /v1/functions``."""
    query = Query(request, "limit", "cursor")
    registry = request.app[DEPS].functions.registry
    specs = sorted(registry.specs.values(), key=lambda spec: spec.name)
    shown, cursor = page(specs, query, key=lambda spec: spec.name)
    counters = request.app[DEPS].functions.counters
    return json_answer({"items": [_view(spec, counters) for spec in shown], "next": cursor, "problems": _problems(request)})


async def show(request: web.Request) -> web.Response:
    """``GET /v1/functions/{name}``."""
    Query(request)
    return json_answer(_view(_spec_of(request), request.app[DEPS].functions.counters))


async def invoke(request: web.Request) -> web.Response:
    """``POST /v1/functions/{name}/invoke``: through the same gate as a conversation's calls."""
    Query(request)
    deps = request.app[DEPS]
    spec = _spec_of(request)
    body = await read_model(request, InvokeBody)
    outcome = await deps.functions.call(
        CallRequest(
            call_id=f"invoke-{secrets.token_hex(8)}",
            name=spec.name,
            arguments=body.arguments,
            session_id=None,
            run_id=None,
            agent=None,
            allowed=None,
            metadata={},
        )
    )
    deps.metrics.function_call(spec.name, outcome.outcome, outcome.duration_s)
    if outcome.outcome == "invalid":
        raise InvalidRequest(outcome.content)
    if outcome.outcome == "denied":
        raise Forbidden(outcome.content)
    answer: dict[str, Any] = {"outcome": outcome.outcome, "duration_s": round(outcome.duration_s, 6)}
    if sees_words(request):
        answer |= {"content": outcome.content, "result": outcome.result, "arguments": outcome.arguments}
    return json_answer(answer)


async def reload(request: web.Request) -> web.Response:
    """``POST /v1/functions/reload``: all or nothing."""
    Query(request)
    await request.app[DEPS].functions.reload()
    return await index(request)


def _spec_of(request: web.Request) -> FunctionSpec:
    name = request.match_info["name"]
    specs = request.app[DEPS].functions.registry.specs
    if name not in specs:
        raise FunctionNotFound(f"There is no function {name[:64]!r}; loaded are {', '.join(sorted(specs)) or 'none'}.")
    return specs[name]


def _view(spec: FunctionSpec, counters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": spec.name,
        "description": spec.description,
        "parameters": spec.parameters,
        "tier": spec.tier,
        "timeout_s": spec.timeout_s,
        "file": str(spec.file),
        "line": spec.line,
        "sha256": spec.sha256,
        "examples": list(spec.examples),
        "counters": counters.get(spec.name, {}),
    }


def _problems(request: web.Request) -> list[dict[str, Any]]:
    return [
        {"file": str(problem.file), "line": problem.line, "reason": problem.reason}
        for problem in request.app[DEPS].functions.registry.problems
    ]
