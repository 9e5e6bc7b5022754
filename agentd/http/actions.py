"""The kill switch: stop everything that is felt or dangerous, at once and until somebody takes it back."""

from typing import Final

from aiohttp import web
from pydantic import AwareDatetime, Field

from agentd.clock import rfc3339
from agentd.errors import Unavailable
from agentd.functions.gate.switch import Setting
from agentd.http.answers import json_answer
from agentd.http.deps import DEPS, IDENTITY
from agentd.http.models import Answer, Count
from agentd.http.reach import require_every_agent
from agentd.http.table import Example, Route
from agentd.store import StoreUnavailable

RETRY_S: Final = 5.0


class Actions(Answer):
    """Whether functions of the tiers medium and high may be called."""

    enabled: bool
    changed_at: AwareDatetime | None = Field(description="Null: never.")
    changed_by: str | None = Field(description="The name of a token.")
    running: Count = Field(description="Calls of those tiers under way.")
    waiting: Count = Field(description="Calls that wait for a confirmation.")


async def show(request: web.Request) -> web.Response:
    """``GET /v1/actions``."""
    return _answer(request, request.app[DEPS].functions.gate.switch.setting)


async def disable(request: web.Request) -> web.Response:
    """``POST /v1/actions/disable``."""
    require_every_agent(request)
    try:
        setting = await request.app[DEPS].functions.gate.switch.disable(request[IDENTITY].name)
    except StoreUnavailable as error:
        raise Unavailable(
            f"Actions are switched off, but the disk does not keep that for a restart: {error}.", retry_after_s=RETRY_S
        ) from None
    return _answer(request, setting)


async def enable(request: web.Request) -> web.Response:
    """``POST /v1/actions/enable``."""
    require_every_agent(request)
    try:
        setting = await request.app[DEPS].functions.gate.switch.enable(request[IDENTITY].name)
    except StoreUnavailable as error:
        raise Unavailable(f"Actions stay as they are; the disk does not take it: {error}.", retry_after_s=RETRY_S) from None
    return _answer(request, setting)


def _answer(request: web.Request, setting: Setting) -> web.Response:
    gate = request.app[DEPS].functions.gate
    return json_answer(
        {
            "enabled": setting.enabled,
            "changed_at": None if setting.changed_at is None else rfc3339(setting.changed_at),
            "changed_by": setting.changed_by,
            "running": gate.switch.running,
            "waiting": len(gate.confirmations.waiting()),
        }
    )


ROUTES: Final = (
    Route(
        "GET", "/v1/actions", show, "read",
        summary="Show whether actions are enabled",
        answers={200: Actions},
    ),
    Route(
        "POST", "/v1/actions/disable", disable, "control",
        summary="Stop all actions at once (kill switch)",
        description="No function of the tiers medium and high is called any more, those that run are stopped, and what waits for "
        "a confirmation is refused. It survives restarts.",
        answers={200: Actions},
        errors=(Unavailable,),
        example=Example(),
    ),
    Route(
        "POST", "/v1/actions/enable", enable, "admin",
        summary="Allow actions again",
        answers={200: Actions},
        errors=(Unavailable,),
        example=Example(),
    ),
)  # fmt: skip
