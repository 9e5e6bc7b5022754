"""What was used, by day and agent: what the upstream bills, and how much was said for it."""

from typing import Annotated, Any, Final

from aiohttp import web
from pydantic import Field, create_model

from agentd.errors import FieldError, InvalidRequest
from agentd.http.answers import json_answer
from agentd.http.deps import DEPS, identity_of
from agentd.http.models import Answer, Count, Seconds
from agentd.http.queries import Parameters
from agentd.http.table import Example, Route
from agentd.store.usage import DIMENSIONS, By

Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$", examples=["2026-11-24"])]

_SPAN: Final[dict[str, Any]] = {  # `from` is no name in Python
    "from": (Day | None, Field(None, description="First day (UTC).")),
    "to": (Day | None, Field(None, description="Last day (UTC).")),
}


class _By(Parameters):
    """Which sums."""

    by: str = Field("day", description="One line for each combination of these: `agent`, `day`, `upstream`, divided by commas.")


UsageParameters: Final = create_model("UsageParameters", __base__=_By, **_SPAN)


class UsageLine(Answer):
    """Sums over all runs, live ones included."""

    day: str | None = Field(default=None, description="UTC; with `by=day`.")
    agent: str | None = Field(default=None, description="With `by=agent`.")
    upstream: str | None = Field(default=None, description="With `by=upstream`.")
    sessions: Count = Field(description="Runs begun.")
    connection_s: Seconds = Field(description="Connected to the upstream, over all connections: what it bills.")
    connection_hours: Seconds = Field(description="The same in hours.")
    audio_in_s: Seconds
    audio_out_s: Seconds
    turns: Count
    function_calls: Count
    renewals: Count


class UsageTable(Answer):
    """What was used."""

    items: list[UsageLine]
    total: UsageLine


async def usage(request: web.Request) -> web.Response:
    """``GET /v1/usage``."""
    query: Any = UsageParameters.of(request)
    by = _dimensions(query.by)
    identity = identity_of(request)
    agents = None if identity is None else identity.agents
    first, last = getattr(query, "from"), query.to
    deps = request.app[DEPS]
    await deps.manager.count_usage()
    items = await deps.store.usage(by=by, first=first, last=last, agents=agents)
    total = await deps.store.usage(by=(), first=first, last=last, agents=agents)
    return json_answer({"items": items, "total": total[0]})


def _dimensions(text: str) -> tuple[By, ...]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names or len(set(names)) < len(names) or not set(names) <= set(DIMENSIONS):
        raise InvalidRequest(
            "The query parameter by cannot be used.",
            errors=[FieldError("?by", f"some of {', '.join(DIMENSIONS)}, each once, divided by commas")],
        )
    return tuple(dimension for name in names for dimension in DIMENSIONS if dimension == name)


ROUTES: Final = (
    Route(
        "GET", "/v1/usage", usage, "read",
        summary="What was used, by agent, day or upstream",
        description=(
            "Connection hours, audio, turns and calls, over all runs and their renewals. The sums outlive runs, retention and "
            "erasure. A crash of the daemon may leave the last minute of a session uncounted."
        ),
        query=UsageParameters,
        answers={200: UsageTable},
        example=Example(query="?by=agent,day"),
    ),
)  # fmt: skip
