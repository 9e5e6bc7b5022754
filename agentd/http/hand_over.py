"""Letting a conversation go on as another agent."""

from typing import Final

from aiohttp import web
from pydantic import Field

from agentd.errors import InvalidSettings, SessionEnded, UpstreamRefused, UpstreamTimeout
from agentd.http.answers import json_answer
from agentd.http.bodies import Body, read_model
from agentd.http.deps import DEPS, sees_words
from agentd.http.models import SessionView
from agentd.http.reach import require_agent
from agentd.http.sessions import session_of
from agentd.http.table import Example, Route


class AgentBody(Body):
    """``{"agent"}``."""

    agent: str = Field(description="One of those that the present agent's profile lists in `hand_over`.")


async def hand_over(request: web.Request) -> web.Response:
    """``PUT …/agent``."""
    session, body = session_of(request), await read_model(request, AgentBody)
    require_agent(request, body.agent)
    await request.app[DEPS].manager.hand_over(session, body.agent)
    return json_answer(session.view(words=sees_words(request)))


ROUTES: Final = (
    Route(
        "PUT", "/v1/sessions/{id}/agent", hand_over, "control",
        summary="Go on as another agent",
        description=(
            "As a function does with `ctx.hand_over`: the session takes that profile's prompt, functions and voice, and keeps "
            "what was said. Only agents that the present one's `hand_over` lists. The present agent: nothing changes."
        ),
        body=AgentBody,
        body_required=True,
        answers={200: SessionView},
        errors=(InvalidSettings, SessionEnded, UpstreamRefused, UpstreamTimeout),
        example=Example(curl="curl -H @$S/auth --json '{\"agent\": \"notes\"}' -X PUT $A/v1/sessions/kitchen/agent"),
    ),
)  # fmt: skip
