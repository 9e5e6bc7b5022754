"""Sessions against a scripted upstream over a real socket: turns, injections, refusals, limits, what is left behind."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agentd.errors import (
    InjectionRefused,
    InvalidRequest,
    InvalidSettings,
    NothingHeard,
    SessionBusy,
    SessionEnded,
    SessionExists,
    TooManySessions,
    UpstreamAuth,
    UpstreamBusy,
    UpstreamPayment,
)
from agentd.sessions.manager import Manager
from agentd.sessions.session import Session
from agentd.sessions.spec import StartSpec
from tests.support.sessions import world
from tests.support.sound import chunks, loud, quiet

LAMP = '''
from agentd.functions import CallContext, function

@function(tier="low")
async def set_lamp(ctx: CallContext, on: bool) -> str:
    """Switch the lamp."""
    count = (await ctx.store.get("count", 0)) + 1
    await ctx.store.set("count", count)
    return f"switched {count} times"
'''
LAMP_ON = {
    "event": "user",
    "match": "lamp",
    "steps": [{"call": "set_lamp", "arguments": {"on": True}}, {"say": "Done: {result}.", "audio_s": 0.1}],
}


@pytest.mark.parametrize("mode", ["full", "bare"])
async def test_a_text_is_answered_with_a_function_call_and_speech(tmp_path: Path, mode: str) -> None:
    script = {"mode": mode, "on": [LAMP_ON]}
    async with world(tmp_path, script, handlers={"lamp.py": LAMP}) as here:
        session = await here.session()
        turn = await session.inject_user("lamp on", wait="reply")
        assert (turn.heard, turn.said_text, turn.outcome) == ("lamp on", "Done: switched 1 times.", "completed")
        assert [(call.name, call.outcome, call.result) for call in turn.calls] == [("set_lamp", "ok", "switched 1 times")]
        assert session.output_format.duration_s(len(turn.audio)) == pytest.approx(0.1, abs=0.01)
        latency = turn.latency()
        assert latency.total_s is not None


@pytest.mark.parametrize("mode", ["full", "bare"])
async def test_a_recording_is_heard_and_answered(tmp_path: Path, mode: str) -> None:
    script = {"mode": mode, "on": [{"event": "user", "hears": "what time is it", "steps": [{"say": "Noon.", "audio_s": 0.2}]}]}
    async with world(tmp_path, script) as here:
        session = await here.session()
        injection = await session.inject_audio(chunks(loud(0.6)), wait="reply")
        assert [(turn.heard, turn.said_text, turn.cause) for turn in injection.turns] == [("what time is it", "Noon.", "speech")]
        assert injection.accepted_bytes == len(loud(0.6))


async def test_a_recording_with_a_pause_is_several_turns_and_all_are_told(tmp_path: Path) -> None:
    script = {
        "on": [
            {"event": "user", "hears": "first", "times": 1, "steps": [{"say": "One.", "audio_s": 0.1}]},
            {"event": "user", "hears": "second", "steps": [{"say": "Two.", "audio_s": 0.1}]},
        ]
    }
    async with world(tmp_path, script) as here:
        session = await here.session()
        sound = loud(0.4) + quiet(0.8) + loud(0.4)
        injection = await session.inject_audio(chunks(sound), wait="reply")
        assert [turn.heard for turn in injection.turns] == ["first", "second"]


async def test_silence_is_reported_as_nothing_heard_and_the_session_goes_on(tmp_path: Path) -> None:
    async with world(tmp_path, {}) as here:
        session = await here.session()
        with pytest.raises(NothingHeard):
            await session.inject_audio(chunks(quiet(0.2)), wait="reply")
        turn = await session.inject_user("hello", wait="reply")
        assert turn.said_text == "I heard: hello"


async def test_an_upload_that_breaks_off_leaves_the_session_to_the_next(tmp_path: Path) -> None:
    async def torn() -> Any:
        yield loud(0.3)
        raise ConnectionResetError("the client left")

    async with world(tmp_path, {"speech_default": "half a word"}) as here:
        session = await here.session()
        with pytest.raises(ConnectionResetError):
            await session.inject_audio(torn(), wait="reply")
        injection = await session.inject_audio(chunks(loud(0.4)), wait="reply")
        assert injection.turns


async def test_one_talks_at_a_time_and_the_next_waits_in_line(tmp_path: Path) -> None:
    async with world(tmp_path, {}) as here:
        session = await here.session()
        async with asyncio.TaskGroup() as group:
            first = group.create_task(session.inject_audio(chunks(loud(0.5))))
            await session.conversation.changes.until(lambda: session.conversation.feed.talking or None, timeout_s=30)
            with pytest.raises(SessionBusy):
                await session.inject_audio(chunks(loud(0.2)), queue=False)
            second = await session.inject_audio(chunks(loud(0.2)))
        assert first.result().queued_s == pytest.approx(0, abs=0.1)
        assert second.queued_s > 0.1


async def test_the_prompt_is_replaced_and_added_to_in_mid_session(tmp_path: Path) -> None:
    script = {"default": {"say": "{prompt}", "audio_s": 0.05}}
    async with world(tmp_path, script) as here:
        session = await here.session(prompt="Be kind.")
        assert (await session.set_prompt("Be brief."))["state"] == "applied"
        assert (await session.inject_user("prompt?", wait="reply")).said_text == "Be brief."
        await session.append_prompt("Be bold.")
        assert session.prompt_view() == {"prompt": "Be brief.\n\nBe bold."}
        assert (await session.inject_user("and now?", wait="reply")).said_text == "Be brief.\n\nBe bold."


async def test_a_too_long_prompt_and_an_empty_text_are_refused_before_they_are_sent(tmp_path: Path) -> None:
    async with world(tmp_path, {}) as here:
        session = await here.session()
        with pytest.raises(InvalidRequest, match="25001 characters"):
            await session.set_prompt("x" * 25_001)
        with pytest.raises(InvalidRequest, match="empty"):
            await session.inject_user("  ")


async def test_say_returns_when_it_is_spoken_and_a_refusal_is_told(tmp_path: Path) -> None:
    script = {"on": [{"event": "inject_agent", "match": "never", "steps": [{"refuse": "the user is speaking"}]}]}
    async with world(tmp_path, script) as here:
        session = await here.session()
        assert (await session.say("The doorbell rang."))["state"] == "spoken"
        with pytest.raises(InjectionRefused, match="the user is speaking"):
            await session.say("never say this")
        assert (await session.say("Still here."))["state"] == "spoken"
        assert [line["text"] for line in session.transcript()] == ["The doorbell rang.", "Still here."]


async def test_the_user_who_speaks_cuts_the_reply_and_the_record_says_what_was_played(tmp_path: Path) -> None:
    story = {"say": "one two three four five six seven eight", "audio_s": 40.0, "realtime": True}
    async with world(tmp_path, {"on": [{"event": "user", "match": "story", "steps": [story]}]}) as here:
        session = await here.session()
        turn = await session.inject_user("story")
        await session.conversation.changes.until(lambda: turn.audio_bytes or None, timeout_s=30)
        await session.inject_audio(chunks(loud(0.6)), wait="reply")
        assert (turn.outcome, turn.interrupted) == ("interrupted", True)
        assert session.output_format.duration_s(turn.audio_bytes) < 20, "the rest was never sent"


async def test_the_caps_hold_for_starts_at_once_and_are_free_again_after_the_end(tmp_path: Path) -> None:
    async with world(tmp_path, {}, sessions=10) as here:
        results = await asyncio.gather(*(here.manager.start(StartSpec()) for _ in range(200)), return_exceptions=True)
        started = [result for result in results if isinstance(result, tuple)]
        refused = [result for result in results if isinstance(result, TooManySessions)]
        assert (len(started), len(refused)) == (10, 190)
        await asyncio.gather(*(here.manager.stop(session.id) for session, _ in started))
        assert (await here.session(id="again")).state == "active"


async def test_a_failed_start_gives_its_place_back(tmp_path: Path) -> None:
    async with world(tmp_path, {"handshake": {"status": 401, "times": 3}}, sessions=1) as here:
        for _ in range(3):
            with pytest.raises(UpstreamAuth):
                await here.session()
        assert (await here.session()).state == "active"


@pytest.mark.parametrize(
    ("status", "error"), [(401, UpstreamAuth), (402, UpstreamPayment), (429, UpstreamBusy), (503, UpstreamBusy)], ids=str
)
async def test_a_refused_handshake_says_why(tmp_path: Path, status: int, error: type[Exception]) -> None:
    async with world(tmp_path, {"handshake": {"status": status, "reason": "the script says no", "retry_after_s": 7}}) as here:
        with pytest.raises(error) as caught:
            await here.session()
        assert "the script says no" in str(caught.value.detail)  # type: ignore[attr-defined]


async def test_settings_the_upstream_rejects_end_the_start_as_such(tmp_path: Path) -> None:
    script = {"on": [{"event": "settings", "steps": [{"error": "INVALID_SETTINGS", "description": "no such voice"}]}]}
    async with world(tmp_path, script) as here:
        with pytest.raises(InvalidSettings, match="no such voice"):
            await here.session(id="bad")
        assert here.manager.get("bad").end_reason == "settings_rejected"


async def test_an_unknown_agent_or_function_is_named_with_those_there_are(tmp_path: Path) -> None:
    async with world(tmp_path, {}, handlers={"lamp.py": LAMP}) as here:
        with pytest.raises(InvalidRequest, match="Known agents: test"):
            await here.session(agent="nobody")
        with pytest.raises(InvalidRequest) as caught:
            await here.session(functions=("fly",))
        assert "set_lamp" in caught.value.errors[0].detail
        assert here.manager.list() == [], "nothing was started"


async def test_an_id_is_live_once_and_ensure_finds_it(tmp_path: Path) -> None:
    async with world(tmp_path, {}) as here:
        session = await here.session(id="kitchen")
        with pytest.raises(SessionExists):
            await here.session(id="kitchen")
        assert await here.manager.ensure(StartSpec(id="kitchen")) == (session, False)
        await here.manager.stop("kitchen")
        again, started = await here.manager.ensure(StartSpec(id="kitchen"))
        assert started
        assert again.run_id > session.run_id
        assert here.manager.get(session.run_id) is session


async def test_an_idempotency_key_starts_one_session(tmp_path: Path) -> None:
    async with world(tmp_path, {}) as here:
        first, started = await here.manager.start(StartSpec(), idempotency_key="k")
        assert started
        assert await here.manager.start(StartSpec(), idempotency_key="k") == (first, False)


async def test_an_idle_session_ends_and_an_old_one_too(tmp_path: Path) -> None:
    async with world(tmp_path, {}) as here:
        idle = await here.session(idle_timeout_s=0.3)
        old = await here.session(max_duration_s=0.3)
        async with asyncio.timeout(30):
            await idle.ended.wait()
            await old.ended.wait()
        assert (idle.end_reason, old.end_reason) == ("idle_timeout", "max_duration")
        with pytest.raises(SessionEnded):
            await idle.inject_user("anybody there?")


async def test_nothing_of_a_session_is_left_when_it_ends(tmp_path: Path) -> None:
    async with world(tmp_path, {"on": [LAMP_ON]}, handlers={"lamp.py": LAMP}) as here:
        warm = await here.session()
        await warm.inject_user("lamp on", wait="reply")
        await here.manager.stop(warm.id)
        for _ in range(3):
            session = await here.session()
            await session.inject_user("lamp on", wait="reply")
            await _stopped_while_talking(here.manager, session)
        assert not [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("session:")]


async def _stopped_while_talking(manager: Manager, session: Session) -> None:
    async def talk() -> None:
        with pytest.raises(SessionEnded):
            await session.inject_audio(chunks(loud(5.0)), wait="reply")

    async with asyncio.TaskGroup() as group:
        group.create_task(talk(), name="test:talk")
        await session.conversation.changes.until(lambda: session.conversation.feed.talking or None, timeout_s=30)
        await manager.stop(session.id)


async def test_the_end_is_the_last_event_and_seq_has_no_gaps(tmp_path: Path) -> None:
    async with world(tmp_path, {}, agent={"greeting": "Hello!"}) as here:
        session = await here.session()
        await session.inject_user("hi", wait="reply")
        await here.manager.stop(session.id)
        events, missed = session.events_since(0)
        assert missed == 0
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        types = [event.type for event in events]
        assert types[-1] == "SessionEnded"
        assert types.index("Welcome") < types.index("SettingsApplied") < types.index("TurnFinished")
        assert events[-1].data["usage"]["turns"] == 1


async def test_silence_flows_until_the_turn_is_over_then_only_keepalives(tmp_path: Path) -> None:
    script = {"on": [{"event": "user", "match": "slow", "steps": [{"wait_s": 0.6}, {"say": "Here.", "audio_s": 0.05}]}]}
    async with world(tmp_path, script) as here:
        session = await here.session()
        await session.inject_user("slow", wait="reply")
        heard_s = session.conversation.feed.sent_bytes / 32000
        assert heard_s == pytest.approx(0.6, abs=0.25)


async def test_a_handler_can_speak_and_end_the_session(tmp_path: Path) -> None:
    source = '''
from agentd.functions import CallContext, function

@function(tier="low")
async def goodbye(ctx: CallContext) -> str:
    """End the call."""
    await ctx.say("Bye now.")
    await ctx.end_session(after_speech=True)
    return "ended"
'''
    script = {"on": [{"event": "user", "match": "bye", "steps": [{"call": "goodbye"}, {"say": "Farewell.", "audio_s": 0.05}]}]}
    async with world(tmp_path, script, handlers={"goodbye.py": source}) as here:
        session = await here.session()
        await session.inject_user("bye")
        async with asyncio.timeout(30):
            await session.ended.wait()
        assert session.end_reason == "agent_ended"
        assert [line["text"] for line in session.transcript()] == ["bye", "Bye now. Farewell."]


async def test_warnings_that_only_say_what_the_engine_uses_instead_are_not_counted_as_errors(tmp_path: Path) -> None:
    async with world(tmp_path, {}) as here:
        session = await here.session()
        line = here.peer.connections[0].line
        for code in ("LISTEN_MODEL_MAPPED", "THINK_MODEL_MAPPED", "VOICE_MAPPED", "LANGUAGE_NOT_SUPPORTED", "SLOW_THINK_REQUEST"):
            line.warn(code, "for a person")
        await session.inject_user("hi", wait="reply")  # came after them
        counted = {
            sample.labels["code"]
            for metric in here.registry.collect()
            for sample in metric.samples
            if sample.name == "agentd_upstream_errors_total" and sample.value
        }
        assert counted == {"SLOW_THINK_REQUEST"}
