"""What a handler has planned for a session happens in the next one of its name, also of the next daemon; a purge ends it."""

from pathlib import Path
from typing import Any

import pytest

from agentd.functions.call import CallRequest
from tests.support.handlers import eventually
from tests.support.sessions import World, world

pytestmark = pytest.mark.e2e

HANDLERS = """
from agentd.functions import *

@function(tier="low")
async def plan(ctx: CallContext, seconds: float) -> str:
    "Plan."
    return await ctx.later(seconds, say="Ding.")
"""

SCRIPT: dict[str, Any] = {"on": [{"event": "inject_agent", "steps": [{"say": "{text}", "audio_s": 0.1}]}]}


async def plan(here: World, run_id: str, seconds: float) -> None:
    request = CallRequest("c", "plan", {"seconds": seconds}, session_id="kitchen", run_id=run_id, agent="test")
    assert (await here.functions.call(request)).outcome == "ok"


def injected(here: World) -> list[str]:
    found = (message["message"] for peer in here.peer.connections for message in peer.of_type("InjectAgentMessage"))
    return list(found)


async def overdue(here: World) -> None:
    await eventually(lambda: any(kept.overdue for kept in here.functions._laters._plans.values()), "it waits for a session")


async def test_what_was_planned_happens_in_the_next_session_of_that_name(tmp_path: Path) -> None:
    async with world(tmp_path, SCRIPT, handlers={"plans.py": HANDLERS}) as here:
        session = await here.session(id="kitchen")
        await plan(here, session.run_id, 0.3)
        await here.manager.stop("kitchen")
        await overdue(here)
        await here.session(id="hall")
        assert injected(here) == []
        await here.session(id="kitchen")
        await eventually(lambda: injected(here) == ["Ding."], "it rang")
        await eventually(lambda: not here.functions._laters._plans, "it is forgotten")


async def test_what_was_planned_happens_under_the_next_daemon(tmp_path: Path) -> None:
    async with world(tmp_path, SCRIPT, handlers={"plans.py": HANDLERS}) as here:
        session = await here.session(id="kitchen")
        await plan(here, session.run_id, 0.5)
    async with world(tmp_path, SCRIPT) as here:
        await overdue(here)
        await here.session(id="kitchen")
        await eventually(lambda: injected(here) == ["Ding."], "it rang")


async def test_a_purge_ends_what_was_planned(tmp_path: Path) -> None:
    async with world(tmp_path, SCRIPT, handlers={"plans.py": HANDLERS}) as here:
        session = await here.session(id="kitchen")
        await plan(here, session.run_id, 60)
        await here.manager.stop("kitchen", purge=True)
        assert not here.functions._laters._plans
        assert await here.functions._laters._store.load(10) == []
