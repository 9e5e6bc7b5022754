"""What is said while functions run, and what comes of them by itself: each at its moment."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agentd.sessions.session import Session
from tests.support.sessions import World, world
from tests.support.sound import chunks, loud, quiet

pytestmark = pytest.mark.e2e

HANDLERS = """
import asyncio
import pathlib
from agentd.functions import *

@function(tier="low", filler=("One moment.", "Still at it."), filler_after_s=0.05)
async def order(ctx: CallContext) -> str:
    "Takes its time."
    await there("order")
    return "ordered"

@function(tier="low", background=True)
async def search(ctx: CallContext) -> dict[str, str]:
    "Reports later."
    await there("search")
    return {"say": "I have found it."}

async def there(name: str) -> None:
    while not (FOLDER / name).exists():
        await asyncio.sleep(0.005)
"""

SCRIPT: dict[str, Any] = {
    "on": [
        {"event": "user", "match": "order", "steps": [{"call": "order"}, {"say": "It is {result}.", "audio_s": 0.1}]},
        {"event": "user", "match": "search", "steps": [{"call": "search"}, {"say": "I am on it.", "audio_s": 0.1}]},
        {"event": "user", "match": "story", "steps": [{"wait_s": 0.3}, {"say": "Once upon a time.", "audio_s": 0.6}]},
        {"event": "user", "hears": "never mind", "steps": [{"say": "Fine.", "audio_s": 0.1}]},
        {"event": "inject_agent", "steps": [{"say": "{text}", "audio_s": 0.1}]},
    ],
}


def handlers(folder: Path) -> dict[str, str]:
    return {"work.py": HANDLERS + f"\nFOLDER = pathlib.Path({str(folder)!r})\n"}


def injected(here: World) -> list[str]:
    return [message["message"] for message in here.peer.connections[0].of_type("InjectAgentMessage")]


async def said(session: Session, text: str) -> None:
    """Wait until the agent says ``text``."""

    def probe() -> bool | None:
        return any(piece.text == text for turn in session.turns for piece in turn.said) or None

    await session.conversation.changes.until(probe, timeout_s=30)


async def test_a_filler_is_said_at_once_and_is_neither_the_answer_nor_the_end_of_the_turn(tmp_path: Path) -> None:
    async with world(tmp_path, SCRIPT, handlers=handlers(tmp_path), dead_air_s=0.5) as here:
        session = await here.session()
        turn = await session.inject_user("order")
        await said(session, "One moment.")
        assert turn.outcome is None
        assert session.conversation.tracker.current is turn
        (tmp_path / "order").touch()
        await session.conversation.changes.until(lambda: turn.settled or None, timeout_s=30)
        assert turn.said_text == "One moment. It is ordered."
        assert [call.outcome for call in turn.calls] == ["ok"]
        assert len(session.turns) == 1
        assert "DeadAir" not in [event.type for event in session.events_since(0)[0]]


async def test_who_speaks_over_a_call_hears_no_filler_of_it_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentd.functions.fillers.FILLER_EVERY_S", 0.3)
    async with world(tmp_path, SCRIPT, handlers=handlers(tmp_path)) as here:
        session = await here.session()
        await session.inject_user("order")
        await said(session, "One moment.")
        await session.inject_audio(chunks(loud(0.6)))
        await said(session, "Fine.")
        so_far = len(injected(here))
        reply = await session.inject_user("story", wait="reply")  # longer than the next filler takes to come
        assert reply.said_text == "Once upon a time."
        assert len(injected(here)) == so_far
        (tmp_path / "order").touch()


async def test_a_result_that_comes_by_itself_is_said_when_it_is_quiet(tmp_path: Path) -> None:
    async with world(tmp_path, SCRIPT, handlers=handlers(tmp_path)) as here:
        session = await here.session()
        assert (await session.inject_user("search", wait="reply")).said_text == "I am on it."
        story = await session.inject_user("story")
        (tmp_path / "search").touch()
        await said(session, "I have found it.")
        assert story.said_text == "Once upon a time.", "it does not go between question and answer"
        assert session.turns[-1].cause == "agent"
        assert session.turns[-1].said_text == "I have found it."


async def test_a_result_that_comes_while_the_user_speaks_waits(tmp_path: Path) -> None:
    async with world(tmp_path, SCRIPT, handlers=handlers(tmp_path)) as here:
        session = await here.session()
        await session.inject_user("search", wait="reply")
        async with asyncio.TaskGroup() as group:
            group.create_task(session.inject_audio(chunks(loud(1.0) + quiet(0.5)), wait="reply"))
            await session.conversation.changes.until(lambda: session.conversation.user_speaking or None, timeout_s=30)
            (tmp_path / "search").touch()
            await said(session, "I have found it.")
        texts = [piece.text for turn in session.turns for piece in turn.said]
        assert texts == ["I am on it.", "Fine.", "I have found it."]
        assert [turn.interrupted for turn in session.turns] == [False] * len(session.turns)


async def test_a_filler_does_not_stand_behind_a_result_that_waits_for_quiet(tmp_path: Path) -> None:
    async with world(tmp_path, SCRIPT, handlers=handlers(tmp_path)) as here:
        session = await here.session()
        await session.inject_user("search", wait="reply")
        turn = await session.inject_user("order")
        await session.conversation.changes.until(lambda: turn.calls or None, timeout_s=30)
        (tmp_path / "search").touch()
        await said(session, "One moment.")
        (tmp_path / "order").touch()
        await said(session, "I have found it.")
        texts = [piece.text for kept in session.turns for piece in kept.said]
        assert texts == ["I am on it.", "One moment.", "It is ordered.", "I have found it."]
