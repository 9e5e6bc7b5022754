"""A session outlives its connection: what a renewed one is told, hears again, and does not do twice."""

import asyncio
from pathlib import Path

import pytest

from agentd.sessions.session import Session
from agentd.sessions.spec import StartSpec
from tests.e2e.sessions.test_conversations import LAMP, LAMP_ON
from tests.support.sessions import drop_all, world
from tests.support.sound import chunks, loud


async def renewed(session: Session) -> None:
    await session.conversation.changes.until(
        lambda: (session.lifeline.renewals and session.state == "active") or None, timeout_s=30
    )


async def test_a_renewal_carries_prompt_voice_and_what_a_function_said(tmp_path: Path) -> None:
    script = {
        "on": [
            LAMP_ON,
            {"event": "user", "match": "drop", "times": 1, "steps": [{"say": "Dropping.", "audio_s": 0.05}, {"drop": True}]},
            {"event": "user", "match": "remember", "steps": [{"say": "{prompt} / {voice} / {context}", "audio_s": 0.05}]},
        ]
    }
    async with world(tmp_path, script, handlers={"lamp.py": LAMP}, agent={"greeting": "Hello!"}) as here:
        session = await here.session()
        await session.set_prompt("You are a butler.")
        await session.update("speak", {"provider": {"type": "deepgram", "model": "aura-2-zeus-en"}})
        await session.inject_user("lamp on", wait="reply")
        await session.inject_user("drop the line")
        await renewed(session)
        turn = await session.inject_user("what do you remember", wait="reply")
        assert turn.said_text is not None
        assert turn.said_text.startswith("You are a butler. / aura-2-zeus-en / ")
        assert "lamp on" in turn.said_text
        assert "switched 1 times" in turn.said_text
        assert session.lifeline.renewals == 1
        assert "Hello!" not in [line["text"] for line in session.transcript()][1:], "the greeting is spoken once"


async def test_half_a_command_is_heard_whole_after_the_connection_broke(tmp_path: Path) -> None:
    async with world(tmp_path, {"speech_default": "turn on the living room lamp"}) as here:
        session = await here.session()
        async with asyncio.TaskGroup() as group:
            talking = group.create_task(session.inject_audio(chunks(loud(1.5)), wait="reply"))
            await session.conversation.changes.until(lambda: session.conversation.user_speaking or None, timeout_s=30)
            drop_all(here.peer)
        await renewed(session)
        first, second = here.peer.connections[0].audio_bytes, here.peer.connections[1].audio_bytes
        assert second >= len(loud(1.5)), f"the new connection heard all of it ({first} then {second} bytes)"
        assert [turn.heard for turn in talking.result().turns] == ["turn on the living room lamp"]


async def test_an_unanswered_question_is_asked_once_more(tmp_path: Path) -> None:
    script = {"on": [{"event": "user", "match": "slow", "times": 1, "steps": [{"drop": True}]}]}
    async with world(tmp_path, script) as here:
        session = await here.session()
        turn = await session.inject_user("slow question", wait="reply")
        assert turn.said_text == "I heard: slow question"
        assert [kept.heard for kept in session.turns] == ["slow question"]
        asked = [m["content"] for m in here.peer.connections[1].messages if m["type"] == "InjectUserMessage"]
        assert asked == ["slow question"]


async def test_a_call_that_ran_before_the_break_is_answered_from_the_record_and_not_run_again(tmp_path: Path) -> None:
    script = {
        "on": [
            {
                "event": "user",
                "match": "lamp",
                "times": 1,
                "steps": [{"call": "set_lamp", "arguments": {"on": True}}, {"drop": True}],
            },
            LAMP_ON,
        ]
    }
    async with world(tmp_path, script, handlers={"lamp.py": LAMP}) as here:
        session = await here.session()
        turn = await session.inject_user("lamp on", wait="reply")
        assert turn.said_text == "Done: switched 1 times."
        second = await session.inject_user("lamp on again", wait="reply")
        assert second.said_text == "Done: switched 2 times.", "a new question is a new act"


async def test_an_upstream_that_comes_back_late_is_waited_for_with_back_off(tmp_path: Path) -> None:
    async with world(tmp_path, {}) as here:
        session = await here.session()
        await session.inject_user("hello", wait="reply")
        here.peer.refuse(503, times=2)
        drop_all(here.peer)
        await renewed(session)
        assert (await session.inject_user("hello again", wait="reply")).outcome == "completed"


async def test_a_final_error_of_the_upstream_ends_the_session_and_says_why(tmp_path: Path) -> None:
    script = {"on": [{"event": "user", "steps": [{"error": "USER_AUDIO_FORMAT", "description": "that is no linear16"}]}]}
    async with world(tmp_path, script) as here:
        session = await here.session()
        await session.inject_user("hello")
        async with asyncio.timeout(30):
            await session.ended.wait()
        assert session.end_reason == "upstream_error"
        assert session.error is not None
        assert "that is no linear16" in session.error.detail


async def test_an_upstream_that_reports_an_error_and_hangs_is_hung_up_on(tmp_path: Path) -> None:
    error = {"type": "Error", "code": "FAILED_TO_THINK", "description": "no model"}
    async with world(tmp_path, {"on": [{"event": "user", "times": 1, "steps": [{"raw": error}, {"wait_s": 30}]}]}) as here:
        session = await here.session()
        await session.inject_user("hello")
        await renewed(session)
        assert session.lifeline.renewals == 1


async def test_ensuring_a_session_that_is_being_stopped_starts_it_anew(tmp_path: Path) -> None:
    async with world(tmp_path, {}) as here:
        old = await here.session(id="kitchen")
        await here.manager.stop("kitchen", wait=False)
        new, started = await here.manager.ensure(StartSpec(id="kitchen"))
        assert started
        assert new.run_id != old.run_id
        assert new.state == "active"


async def test_an_upstream_that_only_ever_drops_is_given_up(tmp_path: Path) -> None:
    script = {"on": [{"event": "settings", "steps": [{"drop": True}]}]}
    async with world(tmp_path, script, renewal_s=1.0) as here:
        with pytest.raises(Exception, match="before the session was ready"):
            await here.session()
