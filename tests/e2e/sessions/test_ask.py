"""Questions to the user: what counts as an answer, who is there to give it, and what the model may still say."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agentd.errors import NobodyListening, SessionEnded, UpstreamTimeout
from agentd.sessions.session import Session
from tests.support.commands import Ear, outcomes
from tests.support.sessions import drop_all, world
from tests.support.sound import chunks, loud, quiet

YES: dict[str, Any] = {
    "greeting_audio_s": 0.0,
    "speech_default": "yes please",
    "default": {"say": "You said {text}.", "audio_s": 0.1},
}


async def asked(session: Session, question: str) -> None:
    """Return when the agent has begun to ask."""
    await session.conversation.changes.until(
        lambda: any(question in (turn.said_text or "") for turn in session.turns) or None, timeout_s=30
    )


async def answer_aloud(session: Session, question: str) -> None:
    await asked(session, question)
    await session.inject_audio(chunks(loud(0.4)), wait="reply")


async def asking(session: Session, question: str = "Shall I?", **options: Any) -> dict[str, Any]:
    """Ask, and answer aloud."""
    async with asyncio.TaskGroup() as group:
        group.create_task(answer_aloud(session, question))
        found: dict[str, Any] = await session.ask(question, **options)
    return found


@pytest.mark.parametrize("mode", ["full", "bare"])
async def test_the_next_thing_the_user_says_is_the_answer(tmp_path: Path, mode: str) -> None:
    async with world(tmp_path, YES | {"mode": mode}) as here:
        session = await here.session()
        Ear(session)
        found = await asking(session)
        assert (found["state"], found["answered"], found["heard"], found["turn"]) == ("answered", True, "yes please", 2)
        assert found["asked_at"] > "2026"
        assert [turn.said_text for turn in session.turns] == ["Shall I?", "You said yes please."], "the model replies too"
        told = [one for one in outcomes(session) if one["kind"] == "ask"]
        assert [(one["command_id"], one["outcome"]) for one in told] == [(found["command_id"], "answered")]


async def test_with_quiet_nobody_hears_what_the_model_makes_of_the_answer(tmp_path: Path) -> None:
    async with world(tmp_path, YES) as here:
        session = await here.session()
        ear = Ear(session)
        found = await asking(session, quiet=True)
        question, answer = session.turns
        assert len(ear.heard) == question.audio_bytes, "the question was heard and nothing else"
        assert (answer.n, answer.interrupted, answer.outcome, answer.played_text) == (found["turn"], True, "interrupted", None)
        assert answer.audio_bytes == 0
        await session.inject_user("and now?", wait="reply")
        assert len(ear.heard) > question.audio_bytes, "the next reply is heard again"


async def test_what_is_said_after_a_quiet_answer_takes_the_place_of_the_reply(tmp_path: Path) -> None:
    async with world(tmp_path, YES | {"default": {"say": "A long reply.", "audio_s": 1.0, "realtime": True}}) as here:
        session = await here.session()
        ear = Ear(session)
        async with asyncio.TaskGroup() as group:
            group.create_task(answer_aloud(session, "Shall I?"))
            await session.ask("Shall I?", quiet=True)
            assert (await session.say("They are closing.", wait="played"))["state"] == "played"
        sent = here.peer.connections[0].of_type("InjectAgentMessage")
        assert [one["behavior"] for one in sent] == ["queue", "interrupt"]
        assert len(ear.heard) == sum(turn.audio_bytes for turn in session.turns if turn.cause == "agent")


async def test_nobody_there_is_told_before_anything_is_said(tmp_path: Path) -> None:
    async with world(tmp_path, YES) as here:
        session = await here.session()
        with pytest.raises(NobodyListening):
            await session.ask("Shall I?")
        assert not here.peer.connections[0].of_type("InjectAgentMessage")


async def test_an_open_microphone_is_somebody(tmp_path: Path) -> None:
    async def microphone() -> AsyncIterator[bytes]:
        yield quiet(0.2)
        await asked(session, "Shall I?")
        yield loud(0.4) + quiet(0.4)

    async with world(tmp_path, YES) as here:
        session = await here.session()
        async with asyncio.TaskGroup() as group:
            group.create_task(session.inject_audio(microphone()))
            await session.conversation.changes.until(lambda: session.conversation.feed.attended or None, timeout_s=30)
            assert (await session.ask("Shall I?"))["heard"] == "yes please"


async def test_a_typed_text_answers_only_where_it_may(tmp_path: Path) -> None:
    async def type_it(question: str) -> None:
        await asked(session, question)
        await session.inject_user("no", wait="reply")

    async with world(tmp_path, YES) as here:
        session = await here.session()
        async with asyncio.TaskGroup() as group:
            group.create_task(type_it("Shall I?"))
            found = await session.ask("Shall I?", answer_by="any")
        assert (found["heard"], found["answered"]) == ("no", True)
        Ear(session)
        async with asyncio.TaskGroup() as group:
            group.create_task(type_it("Are you sure?"))
            found = await session.ask("Are you sure?", timeout_s=1.5)
        assert (found["state"], found["answered"]) == ("unanswered", False)
        assert "heard" not in found


async def test_what_was_said_before_the_question_was_out_answers_nothing(tmp_path: Path) -> None:
    script = YES | {"on": [{"event": "user", "times": 1, "hears": "what was that", "steps": [{"say": "Hm.", "audio_s": 0.1}]}]}
    async with world(tmp_path, script) as here:
        session = await here.session()
        Ear(session)
        async with asyncio.TaskGroup() as group:
            talk = group.create_task(session.inject_audio(chunks(loud(0.8)), wait="reply"))
            await session.conversation.changes.until(lambda: session.conversation.user_speaking or None, timeout_s=30)
            found = await asking(session)
        assert talk.result().turns[0].heard == "what was that"
        assert found["heard"] == "yes please"


async def test_no_answer_is_an_outcome_and_the_session_goes_on(tmp_path: Path) -> None:
    async with world(tmp_path, YES) as here:
        session = await here.session()
        Ear(session)
        found = await session.ask("Shall I?", timeout_s=1.0)
        assert (found["state"], found["answered"]) == ("unanswered", False)
        assert outcomes(session)[0]["outcome"] == "unanswered"
        injection = await session.inject_audio(chunks(loud(0.4)), wait="reply")
        assert [turn.said_text for turn in injection.turns] == ["You said yes please."]
        assert (await asking(session, "Once more?"))["answered"] is True


async def test_a_question_that_could_not_be_asked_in_time_is_a_timeout(tmp_path: Path) -> None:
    async with world(tmp_path, YES | {"on": [{"event": "inject_agent", "steps": [{"wait_s": 0.0}]}]}) as here:
        session = await here.session()
        Ear(session)
        with pytest.raises(UpstreamTimeout):
            await session.ask("Shall I?", timeout_s=0.4)
        assert outcomes(session)[0]["outcome"] == "no_effect"


async def test_of_two_questions_the_second_waits_for_the_answer_to_the_first(tmp_path: Path) -> None:
    script = YES | {
        "on": [
            {"event": "user", "times": 1, "hears": "one", "steps": [{"say": "Good.", "audio_s": 0.1}]},
            {"event": "user", "hears": "two", "steps": [{"say": "Good.", "audio_s": 0.1}]},
        ]
    }
    async with world(tmp_path, script) as here:
        session = await here.session()
        Ear(session)
        async with asyncio.TaskGroup() as group:
            first = group.create_task(asking(session, "First?"))
            await asked(session, "First?")
            second = group.create_task(asking(session, "Second?"))
        assert (first.result()["heard"], second.result()["heard"]) == ("one", "two")


async def test_a_question_outlives_its_connection(tmp_path: Path) -> None:
    async with world(tmp_path, YES) as here:
        session = await here.session()
        Ear(session)

        async def broken() -> None:
            await asked(session, "Shall I?")
            drop_all(here.peer)
            await session.conversation.changes.until(lambda: session.lifeline.renewals or None, timeout_s=30)
            await session.inject_audio(chunks(loud(0.4)), wait="reply")

        async with asyncio.TaskGroup() as group:
            group.create_task(broken())
            assert (await session.ask("Shall I?"))["heard"] == "yes please"


async def test_the_end_of_the_session_ends_the_wait(tmp_path: Path) -> None:
    async with world(tmp_path, YES) as here:
        session = await here.session()
        Ear(session)

        async def end() -> None:
            await asked(session, "Shall I?")
            await here.manager.stop(session.id)

        async with asyncio.TaskGroup() as group:
            group.create_task(end())
            with pytest.raises(SessionEnded):
                await session.ask("Shall I?")
        assert outcomes(session)[0]["outcome"] == "session_ended"
