"""What a handler has planned for a session happens in the next one of its name, also of the next daemon; a purge ends it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agentd.functions.call import CallRequest
from agentd.sessions.session import Session
from tests.support.handlers import eventually
from tests.support.sessions import World, world

pytestmark = pytest.mark.e2e

HANDLERS = """
import asyncio
import pathlib
from agentd.functions import *

@function(tier="low")
async def plan(ctx: CallContext, seconds: float) -> str:
    "Plan."
    return await ctx.later(seconds, say="Ding.")

@function(tier="low")
async def plan_call(ctx: CallContext, seconds: float, function: str) -> str:
    "Plan a call."
    return await ctx.later(seconds, call=function)

@function(tier="high")
async def unlock() -> str:
    "Unlock the door."
    return "unlocked"

@function(tier="low", background=True)
async def behind(ctx: CallContext) -> str:
    "Goes on behind the conversation."
    (FOLDER / f"{ctx.run_id}.begun").touch()
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        (FOLDER / f"{ctx.run_id}.told").touch()
        raise
    return "done"
"""

SCRIPT: dict[str, Any] = {"on": [{"event": "inject_agent", "steps": [{"say": "{text}", "audio_s": 0.1}]}]}


async def plan(here: World, run_id: str, seconds: float) -> None:
    request = CallRequest("c", "plan", {"seconds": seconds}, session_id="kitchen", run_id=run_id, agent="test")
    assert (await here.functions.call(request)).outcome == "ok"


async def plan_call(here: World, run_id: str, seconds: float, function: str) -> None:
    arguments = {"seconds": seconds, "function": function}
    request = CallRequest("c", "plan_call", arguments, session_id="kitchen", run_id=run_id, agent="test")
    assert (await here.functions.call(request)).outcome == "ok"


def injected(here: World) -> list[str]:
    found = (message["message"] for peer in here.peer.connections for message in peer.of_type("InjectAgentMessage"))
    return list(found)


def is_to_be_said(session: Session) -> bool:
    return any(task.get_name() == f"session:{session.id}:command:say" for task in asyncio.all_tasks())


async def overdue(here: World) -> None:
    await eventually(lambda: any(kept.overdue for kept in here.functions._laters._plans.values()), "it waits for a session")


async def test_what_was_planned_happens_in_the_next_session_of_that_name(tmp_path: Path) -> None:
    async with world(tmp_path, SCRIPT, handlers={"plans.py": HANDLERS}) as here:
        session = await here.session(id="kitchen")
        await here.manager.stop("kitchen")
        await plan(here, session.run_id, 0)
        await overdue(here)
        await here.session(id="hall")
        assert injected(here) == []
        await here.session(id="kitchen")
        await eventually(lambda: injected(here) == ["Ding."], "it rang")
        await eventually(lambda: not here.functions._laters._plans, "it is forgotten")


async def test_what_was_planned_happens_under_the_next_daemon(tmp_path: Path) -> None:
    async with world(tmp_path, SCRIPT, handlers={"plans.py": HANDLERS}) as here:
        session = await here.session(id="kitchen")
        await here.manager.stop("kitchen")
        await plan(here, session.run_id, 0)
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


async def test_a_text_that_was_not_said_before_the_session_ended_is_said_in_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentd.functions.later.RETRY_S", 0.05)
    monkeypatch.setattr("agentd.sessions.speaking.TAKEN_S", 0.0)
    async with world(tmp_path, SCRIPT, handlers={"plans.py": HANDLERS}) as here:
        session = await here.session(id="kitchen")
        here.peer.connections[0].line.send_unchecked('{"type": "UserStartedSpeaking"}')
        await session.conversation.changes.until(lambda: session.conversation.user_speaking or None, timeout_s=30)
        await plan(here, session.run_id, 0)
        await eventually(lambda: is_to_be_said(session), "it waits until the user is done")
        await here.manager.stop("kitchen")
        assert injected(here) == []
        await here.session(id="kitchen")
        await eventually(lambda: injected(here) == ["Ding."], "it rang")
        await eventually(lambda: not here.functions._laters._plans, "it is forgotten")


async def test_a_planned_call_belongs_to_the_run_it_happens_in_and_ends_with_it(tmp_path: Path) -> None:
    handlers = HANDLERS + f"\nFOLDER = pathlib.Path({str(tmp_path)!r})\n"
    async with world(tmp_path, SCRIPT, handlers={"plans.py": handlers}) as here:
        first = await here.session(id="kitchen")
        await here.manager.stop("kitchen")
        await plan_call(here, first.run_id, 0, "behind")
        await overdue(here)
        second = await here.session(id="kitchen")
        await eventually((tmp_path / f"{second.run_id}.begun").exists, "it runs")
        await here.manager.stop("kitchen")
        await eventually((tmp_path / f"{second.run_id}.told").exists, "it was stopped")


async def test_a_planned_call_that_outlives_its_conversation_is_confirmed_and_withdrawn_in_the_next(tmp_path: Path) -> None:
    agent = {"functions": ["plan_call", "unlock"], "allow_high": ["unlock"], "unconfirmed_high": ["unlock"]}
    async with world(tmp_path, SCRIPT, handlers={"plans.py": HANDLERS}, agent=agent) as here:
        first = await here.session(id="kitchen")
        await here.manager.stop("kitchen")
        await plan_call(here, first.run_id, 0, "unlock")
        await overdue(here)
        second = await here.session(id="kitchen")
        await eventually(lambda: bool(here.functions.gate.confirmations.waiting()), "nobody trusts what was said there")
        assert here.functions.gate.confirmations.waiting()[0].run_id == second.run_id
        await here.manager.stop("kitchen")
        assert here.functions.gate.confirmations.waiting() == []
        await eventually(lambda: here.functions.counters["unlock"]["denied"] == 1, "it was not done")
