"""An agent that ends the session: its farewell is heard to its end, whatever else happens, and it ends once."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agentd.sessions.session import Session
from tests.support.sessions import world
from tests.support.sound import chunks, loud

pytestmark = pytest.mark.e2e

HANDLERS = '''
from agentd.functions import *

@function(tier="low")
async def hang_up(ctx: CallContext, say: str = "", times: int = 1) -> str:
    """End the conversation."""
    if say:
        await ctx.say(say)
    for _ in range(times):
        await ctx.end_session()
    return "ends"
'''


def hang_up(**arguments: Any) -> dict[str, Any]:
    return {"call": "hang_up", "arguments": arguments}


def scripted(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"on": [{"event": "user", "match": "goodbye", "steps": list(steps)}]} | more


async def ended(session: Session) -> list[str]:
    """Wait for the end; the types of the last events."""
    async with asyncio.timeout(60):
        await session.ended.wait()
    return [event.type for event in session.events_since(0)[0]]


async def test_the_farewell_is_played_to_its_end(tmp_path: Path) -> None:
    script = scripted(hang_up(), {"say": "Goodbye, then.", "audio_s": 0.8})
    async with world(tmp_path, script, handlers={"end.py": HANDLERS}) as here:
        session = await here.session()
        turn = await session.inject_user("goodbye")
        await ended(session)
        assert session.end_reason == "agent_ended"
        assert (turn.outcome, turn.played_text) == ("completed", "Goodbye, then.")
        assert asyncio.get_running_loop().time() >= session.conversation.playback.until


async def test_who_waits_for_the_reply_to_a_spoken_goodbye_gets_the_farewell(tmp_path: Path) -> None:
    heard = {"event": "user", "hears": "goodbye", "steps": [hang_up(say="Goodbye, then.")]}
    spoken = {"event": "inject_agent", "steps": [{"say": "{text}", "audio_s": 0.3}]}
    async with world(tmp_path, {"on": [heard, spoken]}, handlers={"end.py": HANDLERS}) as here:
        session = await here.session()
        answered = await session.inject_audio(chunks(loud(0.6)), wait="reply")
        await ended(session)
        assert session.end_reason == "agent_ended"
        (turn,) = answered.turns
        assert turn.outcome == "completed"
        assert (turn.played_text or "").startswith("Goodbye, then.")


async def test_what_the_handler_says_itself_is_heard_too(tmp_path: Path) -> None:
    more = {"event": "inject_agent", "steps": [{"say": "{text}", "audio_s": 0.3}]}
    script = scripted(hang_up(say="It was a pleasure."), {"say": "Bye.", "audio_s": 0.3})
    script["on"].append(more)
    async with world(tmp_path, script, handlers={"end.py": HANDLERS}) as here:
        session = await here.session()
        turn = await session.inject_user("goodbye")
        await ended(session)
        assert session.end_reason == "agent_ended"
        assert turn.played_text == "It was a pleasure. Bye."


async def test_a_model_that_says_nothing_more_keeps_nobody_on_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentd.sessions.ending.SAID_S", 0.2)
    script = scripted({"say": "Goodbye.", "audio_s": 0.1}, hang_up(), {"stall": True})
    async with world(tmp_path, script, handlers={"end.py": HANDLERS}) as here:
        session = await here.session()
        await session.inject_user("goodbye")
        await ended(session)
        assert session.end_reason == "agent_ended"


async def test_337_hang_ups_are_one(tmp_path: Path) -> None:
    script = scripted(hang_up(times=336), hang_up(), {"say": "Goodbye.", "audio_s": 0.1})
    async with world(tmp_path, script, handlers={"end.py": HANDLERS}) as here:
        session = await here.session()
        turn = await session.inject_user("goodbye")
        assert (await ended(session)).count("SessionEnded") == 1
        assert [call.outcome for call in turn.calls] == ["ok", "ok"]
        assert turn.said_text == "Goodbye."


async def test_who_speaks_over_the_farewell_is_answered_and_then_it_ends(tmp_path: Path) -> None:
    answer = {"event": "user", "hears": "wait", "steps": [{"say": "Too late, but gladly.", "audio_s": 0.3}]}
    script = scripted(hang_up(), {"say": "Goodbye to you all.", "audio_s": 3.0})
    script["on"].append(answer)
    async with world(tmp_path, script, handlers={"end.py": HANDLERS}) as here:
        session = await here.session()
        turn = await session.inject_user("goodbye")
        await session.conversation.changes.until(lambda: turn.said or None, timeout_s=30)
        await session.inject_audio(chunks(loud(0.6)))
        await ended(session)
        assert session.end_reason == "agent_ended"
        assert [(kept.outcome, kept.played_text) for kept in session.turns[1:]] == [("completed", "Too late, but gladly.")]


@pytest.mark.parametrize("fault", [{"drop": True}, {"close": 1000}, {"close": 1011}, {"error": "FAILED_TO_THINK", "hang": True}])
async def test_an_upstream_that_fails_before_the_farewell_does_not_change_why_it_ends(
    tmp_path: Path, fault: dict[str, Any]
) -> None:
    async with world(tmp_path, scripted(hang_up(), fault), handlers={"end.py": HANDLERS}, renewal_s=0.3) as here:
        session = await here.session()
        here.peer.refuse(503, times=1000)
        await session.inject_user("goodbye")
        await ended(session)
        assert session.end_reason == "agent_ended"
        assert session.calls(words=False)[0]["outcome"] == "ok"
