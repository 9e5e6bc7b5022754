"""Commands to a session are followed to their effect, over every kind of upstream, and told once."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agentd.errors import InjectionRefused, InvalidRequest, SessionEnded, TooManyRequests, UpstreamRefused, UpstreamTimeout
from tests.support.commands import outcome, outcomes
from tests.support.sessions import world
from tests.support.sound import chunks, loud

STORY: dict[str, Any] = {
    "event": "user",
    "match": "story",
    "steps": [{"say": "Once upon a time.", "audio_s": 2.0, "realtime": True}],
}
SPEAK = {"provider": {"type": "deepgram", "model": "aura-2-zeus-en"}}


@pytest.mark.parametrize("mode", ["full", "bare"])
async def test_every_command_has_an_id_and_one_outcome(tmp_path: Path, mode: str) -> None:
    async with world(tmp_path, {"mode": mode}) as here:
        session = await here.session()
        answers = [
            await session.set_prompt("Be brief."),
            await session.append_prompt("Be bold."),
            await session.update("speak", SPEAK),
            await session.update("listen", {"provider": {"type": "deepgram", "model": "nova-3"}}),
            await session.say("Dinner."),
            await session.interrupt(),
            await session.end_turn(),
        ]
        turn = await session.inject_user("hello", wait="reply")
        told = outcomes(session)
        assert [one["command_id"] for one in told] == [answer["command_id"] for answer in answers] + [turn.command_id]
        assert [(one["kind"], one["outcome"]) for one in told] == [
            ("think", "applied"),
            ("prompt", "applied"),
            ("speak", "applied"),
            ("listen", "applied"),
            ("say", "spoken"),
            ("interrupt", "applied"),
            ("end_turn", "no_effect"),
            ("message", "accepted"),
        ]
        assert all(one["duration_s"] >= 0 for one in told)
        assert len({one["command_id"] for one in told}) == len(told)
        value = here.registry.get_sample_value
        assert value("agentd_commands_total", {"kind": "think", "outcome": "applied"}) == 1
        assert value("agentd_command_effect_seconds_count", {"kind": "say"}) == 1
        assert not value("agentd_command_effect_seconds_count", {"kind": "end_turn"}), "it had none"


async def test_an_update_that_is_never_acknowledged_is_told(tmp_path: Path) -> None:
    async with world(tmp_path, {"mute": ["ThinkUpdated"]}, command_s=0.3) as here:
        session = await here.session()
        with pytest.raises(UpstreamTimeout, match="think") as caught:
            await session.set_prompt("Be brief.")
        assert outcomes(session)[0]["outcome"] == "no_effect"
        assert outcomes(session)[0]["command_id"] == caught.value.extra["command_id"]


async def test_a_command_is_followed_on_when_its_caller_has_given_up(tmp_path: Path) -> None:
    script = {"on": [{"event": "update", "match": "UpdateThink", "steps": [{"wait_s": 0.4}]}]}
    async with world(tmp_path, script) as here:
        session = await here.session()
        with pytest.raises(UpstreamTimeout, match="still followed") as caught:
            await session.set_prompt("Be brief.", timeout_s=0.1)
        assert not outcomes(session)
        told = await outcome(session, str(caught.value.extra["command_id"]))
        assert told["outcome"] == "applied"
        assert told["duration_s"] >= 0.3


async def test_what_nobody_waits_for_is_told_all_the_same(tmp_path: Path) -> None:
    async with world(tmp_path, {}) as here:
        session = await here.session()
        accepted = await session.update("speak", SPEAK, wait=False)
        assert accepted["state"] == "accepted"
        assert (await outcome(session, accepted["command_id"]))["outcome"] == "applied"


async def test_the_end_of_the_session_is_the_outcome_of_what_was_open(tmp_path: Path) -> None:
    async with world(tmp_path, {"mute": ["ThinkUpdated", "SpeakUpdated"]}) as here:
        session = await here.session()
        unwatched = await session.update("speak", SPEAK, wait=False)

        async def watched() -> None:
            with pytest.raises(SessionEnded):
                await session.set_prompt("Be brief.")

        async with asyncio.TaskGroup() as group:
            group.create_task(watched())
            await here.peer.wait_for(lambda peer: len(peer.connections[0].messages) == 3)
            await here.manager.stop(session.id)
        told = sorted(outcomes(session), key=lambda one: one["kind"])
        assert [(one["kind"], one["outcome"]) for one in told] == [("speak", "session_ended"), ("think", "session_ended")]
        assert told[0]["command_id"] == unwatched["command_id"]
        assert session.events_since(0)[0][-1].type == "SessionEnded", "nothing is told after the end"


async def test_what_is_added_to_the_prompt_at_once_does_not_exceed_its_limit_together(tmp_path: Path) -> None:
    async with world(tmp_path, {}, prompt_chars=100) as here:
        session = await here.session()
        added = await asyncio.gather(*(session.append_prompt(letter * 60) for letter in "ab"), return_exceptions=True)
        assert [type(one) for one in added] == [dict, InvalidRequest]
        assert session.prompt_view()["prompt"].endswith("a" * 60)
        assert [message["prompt"] for message in here.peer.connections[0].of_type("UpdatePrompt")] == ["a" * 60]


async def test_what_the_upstream_warns_of_stands_in_the_detail(tmp_path: Path) -> None:
    warning = {"warning": "PROMPT_TOO_LONG", "description": "cut at 25000"}
    async with world(tmp_path, {"on": [{"event": "update", "steps": [warning]}]}) as here:
        session = await here.session()
        answer = await session.set_prompt("Be brief.")
        assert (answer["state"], answer["detail"]) == ("applied", "PROMPT_TOO_LONG: cut at 25000")
        assert outcomes(session)[0]["detail"] == answer["detail"]


async def test_an_update_that_is_answered_with_an_error_was_refused(tmp_path: Path) -> None:
    error = {"error": "INVALID_SETTINGS", "description": "no such voice"}
    async with world(tmp_path, {"on": [{"event": "update", "steps": [error]}]}) as here:
        session = await here.session()
        with pytest.raises(UpstreamRefused, match="no such voice"):
            await session.update("speak", SPEAK)
        assert outcomes(session)[0]["outcome"] == "refused"


async def test_an_update_whose_connection_breaks_is_applied_with_the_next_one(tmp_path: Path) -> None:
    script = {"on": [{"event": "update", "times": 1, "steps": [{"drop": True}]}]}
    async with world(tmp_path, script) as here:
        session = await here.session()
        answer = await session.set_prompt("Be brief.")
        assert (answer["state"], answer["detail"]) == ("applied", "The connection was renewed with it.")
        assert here.peer.connections[1].messages[0]["agent"]["think"]["prompt"] == "Be brief."
        assert len(outcomes(session)) == 1


async def test_too_many_commands_of_a_kind_are_refused_at_once_and_the_line_empties(tmp_path: Path) -> None:
    script = {"on": [{"event": "update", "steps": [{"wait_s": 0.1}]}]}
    async with world(tmp_path, script, commands=2) as here:
        session = await here.session()
        first, second = [await session.update("speak", SPEAK, wait=False) for _ in range(2)]
        with pytest.raises(TooManyRequests):
            await session.update("speak", SPEAK)
        assert (await outcome(session, first["command_id"]))["outcome"] == "applied"
        await outcome(session, second["command_id"])
        assert (await session.update("speak", SPEAK))["state"] == "applied"


async def test_ending_a_turn_is_applied_when_its_words_come(tmp_path: Path) -> None:
    async with world(tmp_path, {"speech_default": "lights"}) as here:
        session = await here.session()
        async with asyncio.TaskGroup() as group:
            talk = group.create_task(session.inject_audio(chunks(loud(2.0))))
            await session.conversation.changes.until(lambda: session.conversation.user_speaking or None, timeout_s=30)
            assert (await session.end_turn())["state"] == "applied"
            talk.cancel()


async def test_ending_a_turn_where_the_upstream_cannot_says_so(tmp_path: Path) -> None:
    warning = {"warning": "FORCE_END_TURN_UNSUPPORTED", "description": "needs listen v2"}
    async with world(tmp_path, {"on": [{"event": "force_end_turn", "steps": [warning]}]}) as here:
        session = await here.session()
        answer = await session.end_turn()
        assert (answer["state"], answer["detail"]) == ("no_effect", "FORCE_END_TURN_UNSUPPORTED: needs listen v2")


async def test_an_interrupted_reply_is_over_and_what_still_comes_of_it_is_nobodys(tmp_path: Path) -> None:
    story = [{"say": "Once upon a time.", "audio_s": 0.6, "realtime": True}, {"say": "The end.", "audio_s": 0.3}]
    async with world(tmp_path, {"on": [STORY | {"steps": story}]}) as here:
        session = await here.session()
        turn = await session.inject_user("story")
        await session.conversation.changes.until(lambda: turn.audio_bytes or None, timeout_s=30)
        assert (await session.interrupt())["state"] == "applied"
        assert (turn.outcome, turn.interrupted) == ("interrupted", True)
        await session.conversation.changes.until(lambda: not session.conversation.tracker.unheard or None, timeout_s=30)
        assert [(one.n, one.said_text) for one in session.turns] == [(1, "Once upon a time.")]
        assert (await session.inject_user("again", wait="reply")).said_text == "I heard: again"
        assert (await session.interrupt())["state"] == "applied", "it still plays"
        assert (await session.interrupt())["state"] == "no_effect"


async def test_a_text_after_an_interruption_takes_the_place_of_the_reply(tmp_path: Path) -> None:
    async with world(tmp_path, {"on": [STORY]}) as here:
        session = await here.session()
        turn = await session.inject_user("story")
        await session.conversation.changes.until(lambda: turn.audio_bytes or None, timeout_s=30)
        await session.interrupt()
        assert (await session.say("Dinner is ready."))["state"] == "spoken"
        assert here.peer.connections[0].of_type("InjectAgentMessage")[0]["behavior"] == "interrupt"


async def test_a_refused_message_leaves_no_turn(tmp_path: Path) -> None:
    script = {"on": [{"event": "settings", "steps": [{"mute": "AgentThinking"}]}], "default": {"stall": True}}
    async with world(tmp_path, script | {"mute": ["ConversationText", "EndOfTurn"]}) as here:
        session = await here.session()

        async def refuse() -> None:
            await here.peer.wait_for(lambda peer: bool(peer.connections[0].of_type("InjectUserMessage")))
            here.peer.connections[0].line.send_unchecked('{"type":"InjectionRefused","message":"not now"}')

        async with asyncio.TaskGroup() as group:
            group.create_task(refuse())
            with pytest.raises(InjectionRefused, match="not now"):
                await session.inject_user("hello")
        assert session.turns == []
        assert outcomes(session)[0]["outcome"] == "refused"


async def test_a_message_that_is_ignored_is_told(tmp_path: Path) -> None:
    script = {"mute": ["ConversationText", "EndOfTurn"], "default": {"stall": True}}
    async with world(tmp_path, script, turn_s=0.6, command_s=0.2) as here:
        session = await here.session()
        turn = await session.inject_user("hello", timeout_s=2)
        assert turn.command_id is not None
        assert (await outcome(session, turn.command_id))["outcome"] == "no_effect"


async def test_a_call_ahead_of_words_that_go_on_leaves_no_turn_of_its_own(tmp_path: Path) -> None:
    script = {
        "on": [
            {"event": "speech_started", "times": 1, "steps": [{"wait_s": 0.1}, {"call": "get_time", "wait": False}]},
            {"event": "function_result", "times": 1, "steps": [{"wait_s": 0.0}]},
            {"event": "user", "hears": "what time is it in Rome", "steps": [{"say": "Noon.", "audio_s": 0.1}]},
        ]
    }
    async with world(tmp_path, script) as here:
        session = await here.session()

        async def goes_on() -> None:
            await session.conversation.changes.until(lambda: session.turns or None, timeout_s=30)
            here.peer.connections[0].line.send_unchecked('{"type":"UserStartedSpeaking"}')

        async with asyncio.TaskGroup() as group:
            group.create_task(goes_on())
            injection = await session.inject_audio(chunks(loud(0.8)), wait="reply")
        assert [(turn.n, turn.heard, turn.outcome) for turn in injection.turns] == [(1, "what time is it in Rome", "completed")]
        assert len(session.turns) == 1


async def test_draining_lets_what_was_accepted_be_said(tmp_path: Path) -> None:
    async with world(tmp_path, {"on": [STORY]}) as here:
        session = await here.session()
        turn = await session.inject_user("story")
        await session.conversation.changes.until(lambda: turn.audio_bytes or None, timeout_s=30)
        said = await session.say("Dinner is ready.", wait="none")
        await here.manager.stop(session.id, drain=True)
        assert (await outcome(session, said["command_id"]))["outcome"] == "spoken"
        assert turn.outcome == "completed"
        assert session.end_reason == "stopped"


async def test_texts_typed_at_once_get_an_answer_each(tmp_path: Path) -> None:
    story = [{"say": "Once upon a time.", "audio_s": 0.3, "realtime": True}, {"say": "The end.", "audio_s": 0.1}]
    async with world(tmp_path, {"on": [STORY | {"steps": story}]}, agent={"greeting": "Hello!"}) as here:
        session = await here.session()
        turns = await asyncio.gather(*(session.inject_user(text, wait="reply") for text in ("story", "one", "two")))
        assert [turn.said_text for turn in turns] == ["Once upon a time. The end.", "I heard: one", "I heard: two"]
        assert [turn.outcome for turn in turns] == ["completed"] * 3


async def test_a_text_typed_into_an_announcement_gets_none_of_its_sound(tmp_path: Path) -> None:
    announcement = [{"say": "{text}", "audio_s": 0.6, "realtime": True}]
    async with world(tmp_path, {"on": [{"event": "inject_agent", "steps": announcement}]}) as here:
        session = await here.session()
        await session.say("The doorbell rang.")
        answer = await session.inject_user("who is it", wait="reply")
        said = [(turn.said_text, turn.audio_bytes, turn.outcome) for turn in session.turns]
        assert said == [("The doorbell rang.", 0.6 * 32000, "completed"), ("I heard: who is it", 0.3 * 32000, "completed")]
        assert answer is session.turns[1]
