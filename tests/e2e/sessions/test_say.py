"""What the agent is told to say: in order, at a good moment, once more when it was ignored, and told truthfully."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agentd.errors import InjectionRefused, UpstreamTimeout
from agentd.sessions import speaking
from agentd.sessions.session import Session
from tests.support.commands import Ear, outcome, outcomes
from tests.support.sessions import world
from tests.support.sound import chunks, loud

STORY: dict[str, Any] = {
    "event": "user",
    "match": "story",
    "steps": [{"say": "Once upon a time.", "audio_s": 0.8, "realtime": True}],
}


def said(session: Session) -> list[str]:
    """What the agent said, in order."""
    return [line["text"] for line in session.transcript() if line["role"] == "assistant"]


async def test_nothing_overtakes(tmp_path: Path) -> None:
    async with world(tmp_path, {"on": [STORY]}) as here:
        session = await here.session()
        await session.inject_user("story")
        answers = await asyncio.gather(*(session.say(f"Number {n}.") for n in range(4)))
        assert [answer["state"] for answer in answers] == ["spoken"] * 4
        assert " ".join(said(session)) == "Once upon a time. Number 0. Number 1. Number 2. Number 3."


async def test_what_interrupts_does_not_wait_behind_what_is_queued(tmp_path: Path) -> None:
    script = {
        "on": [{"event": "inject_agent", "match": "Dinner", "steps": [{"wait_s": 0.4}, {"say": "Dinner.", "audio_s": 0.1}]}]
    }
    async with world(tmp_path, script) as here:
        session = await here.session()
        dinner = await session.say("Dinner.", wait="none")
        await here.peer.wait_for(lambda peer: bool(peer.connections[0].of_type("InjectAgentMessage")))
        await session.say("Fire!", "interrupt")
        assert not outcomes(session) or outcomes(session)[0]["command_id"] != dinner["command_id"]
        assert (await outcome(session, dinner["command_id"]))["outcome"] == "spoken"


async def test_it_waits_until_the_user_is_done(tmp_path: Path) -> None:
    async with world(tmp_path, {"speech_default": "hello"}) as here:
        session = await here.session()
        async with asyncio.TaskGroup() as group:
            group.create_task(session.inject_audio(chunks(loud(1.0)), wait="reply"))
            await session.conversation.changes.until(lambda: session.conversation.user_speaking or None, timeout_s=30)
            assert (await session.say("Dinner is ready."))["state"] == "spoken"
        assert [turn.heard for turn in session.turns if turn.heard] == ["hello"]
        assert not any(turn.interrupted for turn in session.turns)


async def test_what_was_refused_is_said_when_it_is_quiet(tmp_path: Path) -> None:
    script = {"on": [{"event": "inject_agent", "times": 1, "steps": [{"refuse": "The user is speaking."}]}]}
    async with world(tmp_path, script) as here:
        session = await here.session()
        assert (await session.say("Dinner is ready."))["state"] == "spoken"
        assert len(here.peer.connections[0].of_type("InjectAgentMessage")) == 2


async def test_a_warning_that_means_a_refusal_is_one(tmp_path: Path) -> None:
    warning = {"warning": "INJECT_AGENT_MESSAGE_DURING_AGENT_SPEECH", "description": "not now"}
    async with world(tmp_path, {"on": [{"event": "inject_agent", "steps": [warning]}]}) as here:
        session = await here.session()
        with pytest.raises(InjectionRefused, match="not now"):
            await session.say("Hello.", "default")
        assert outcomes(session)[0]["outcome"] == "refused"


async def test_what_was_ignored_is_sent_once_more_and_then_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaking, "IGNORED_S", 0.8)
    nothing = [{"wait_s": 0.0}]
    script = {
        "on": [
            {"event": "inject_agent", "match": "once", "times": 1, "steps": nothing},
            {"event": "inject_agent", "match": "never", "steps": nothing},
        ]
    }
    async with world(tmp_path, script) as here:
        session = await here.session()
        assert (await session.say("Ignored once."))["state"] == "spoken"
        with pytest.raises(UpstreamTimeout, match="twice") as caught:
            await session.say("Ignored for ever, never said.")
        told = outcomes(session)
        assert [one["outcome"] for one in told] == ["spoken", "no_effect"]
        assert told[1]["command_id"] == caught.value.extra["command_id"]
        assert len(here.peer.connections[0].of_type("InjectAgentMessage")) == 4
        assert (await session.say("Still here."))["state"] == "spoken"


async def test_at_the_start_it_comes_behind_the_greeting(tmp_path: Path) -> None:
    async with world(tmp_path, {"greeting_audio_s": 0.3}, agent={"greeting": "Hello there!"}) as here:
        session = await here.session()
        assert (await session.say("Dinner is ready."))["state"] == "spoken"
        assert " ".join(said(session)) == "Hello there! Dinner is ready."


async def test_a_connection_that_breaks_loses_nothing(tmp_path: Path) -> None:
    script = {"on": [{"event": "inject_agent", "times": 1, "steps": [{"drop": True}]}]}
    async with world(tmp_path, script) as here:
        session = await here.session()
        assert (await session.say("Dinner is ready."))["state"] == "spoken"
        assert (len(here.peer.connections), said(session)) == (2, ["Dinner is ready."])
        assert len(outcomes(session)) == 1


async def test_a_long_text_that_is_said_in_pieces_is_spoken_with_the_first(tmp_path: Path) -> None:
    pieces = [
        {"say": "Dinner is ready.", "audio_s": 0.4, "realtime": True},
        {"say": "Wash your  hands!", "audio_s": 0.1},
    ]
    async with world(tmp_path, {"on": [{"event": "inject_agent", "steps": pieces}]}) as here:
        session = await here.session()
        await session.say("Dinner is ready. Wash your hands!")
        assert said(session) == ["Dinner is ready."]
        await session.conversation.changes.until(lambda: session.turns[-1].outcome, timeout_s=30)
        assert said(session) == ["Dinner is ready. Wash your  hands!"]


async def test_an_upstream_that_tells_no_text_is_known_by_its_audio(tmp_path: Path) -> None:
    async with world(tmp_path, {"mute": ["ConversationText"]}) as here:
        session = await here.session()
        assert (await session.say("Dinner is ready."))["state"] == "spoken"
        assert session.turns[0].audio_bytes


async def test_played_is_when_it_was_heard_to_its_end_or_cut(tmp_path: Path) -> None:
    script = {"on": [{"event": "inject_agent", "steps": [{"say": "{text}", "audio_s": 0.6}]}]}
    async with world(tmp_path, script) as here:
        session = await here.session()
        unheard = await session.say("Anybody?", wait="played")
        assert (unheard["state"], unheard["delivered"]) == ("played", False)
        ear = Ear(session)
        heard = await session.say("Hello.", wait="played")
        assert (heard["state"], heard["delivered"], len(ear.heard)) == ("played", True, 0.6 * 32000)

        async def interrupt() -> None:
            await session.conversation.changes.until(lambda: len(outcomes(session)) == 3 or None, timeout_s=30)
            await session.interrupt()

        async with asyncio.TaskGroup() as group:
            group.create_task(interrupt())
            assert (await session.say("Hello again.", wait="played"))["state"] == "interrupted"


async def test_what_a_handler_says_is_a_command_too(tmp_path: Path) -> None:
    source = '''
from agentd.functions import CallContext, function

@function(tier="low")
async def look(ctx: CallContext) -> str:
    """Look around."""
    await ctx.say("One moment.")
    await ctx.update_prompt("Be brief.")
    return "seen"
'''
    script = {"on": [{"event": "user", "match": "look", "steps": [{"call": "look"}, {"say": "I see.", "audio_s": 0.1}]}]}
    async with world(tmp_path, script, handlers={"look.py": source}) as here:
        session = await here.session()
        turn = await session.inject_user("look", wait="reply")
        assert turn.said_text == "One moment. I see."
        assert [(one["kind"], one["outcome"]) for one in outcomes(session)] == [
            ("message", "accepted"),
            ("say", "spoken"),
            ("prompt", "applied"),
        ]


async def test_a_filler_is_for_its_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaking, "IGNORED_S", 0.3)
    source = '''
from agentd.functions import CallContext, FunctionError, function

@function(tier="low")
async def look(ctx: CallContext) -> str:
    """Look around."""
    try:
        await ctx.say("One moment.")
    except FunctionError:
        return "nobody waits"
    return "seen"
'''
    script = {
        "on": [
            {"event": "user", "match": "look", "steps": [{"call": "look"}, {"say": "{result}", "audio_s": 0.1}]},
            {"event": "inject_agent", "times": 1, "steps": [{"refuse": "The user went on speaking."}]},
            {"event": "inject_agent", "steps": [{"wait_s": 0.0}]},
        ]
    }
    async with world(tmp_path, script, handlers={"look.py": source}) as here:
        session = await here.session()
        assert (await session.inject_user("look", wait="reply")).said_text == "nobody waits"
        assert (await session.inject_user("look again", wait="reply")).said_text == "seen"
        await session.conversation.changes.until(lambda: len(_says(session)) == 2 or None, timeout_s=30)
        assert [one["outcome"] for one in _says(session)] == ["refused", "no_effect"]
        assert len(here.peer.connections[0].of_type("InjectAgentMessage")) == 2, "neither was sent again"


def _says(session: Session) -> list[dict[str, Any]]:
    return [one for one in outcomes(session) if one["kind"] == "say"]
