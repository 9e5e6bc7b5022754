"""When turns begin and end, what was played of them, and that their latencies add up."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.sessions.history import context
from agentd.sessions.records import Turn
from agentd.sessions.turns import TurnTracker

SECOND = b"\0" * 100  # a second of audio in these tests


@pytest.fixture
def ended() -> list[Turn]:
    return []


@pytest.fixture
def tracker(ended: list[Turn]) -> TurnTracker:
    return TurnTracker(finished=ended.append, wall=lambda: 1_000_000.0)


def reply_ends(tracker: TurnTracker, now: float) -> None:
    """As upstreams do: AgentAudioDone, then the report."""
    tracker.agent_done(now)
    tracker.report({"total_latency": 5.0})


def test_a_turn_ends_at_the_audio_done_of_the_reply(tracker: TurnTracker, ended: list[Turn]) -> None:
    tracker.user_said("what time is it", 1.0)
    tracker.agent_said("It is noon.", 1.5)
    tracker.agent_audio(SECOND, 1.6)
    reply_ends(tracker, 1.7)
    assert [(turn.heard, turn.said_text, turn.outcome) for turn in ended] == [("what time is it", "It is noon.", "completed")]


def test_a_filler_before_a_function_call_is_part_of_the_turn(tracker: TurnTracker, ended: list[Turn]) -> None:
    tracker.user_said("turn on the lamp", 1.0)
    call = tracker.call_started("c1", "set_light", {"on": True}, 1.1, client_side=True)
    tracker.expect_own("One moment.")
    tracker.agent_said("One moment.", 1.2)
    tracker.agent_audio(SECOND, 1.2)
    tracker.agent_done(1.3)
    assert not ended, "a call is open"
    tracker.call_finished(call, "ok", "on", 1.4)
    tracker.agent_done(1.45)
    assert not ended, "the model has not spoken since the answer"
    tracker.agent_said("The lamp is on.", 1.5)
    tracker.agent_audio(SECOND, 1.5)
    reply_ends(tracker, 1.6)
    assert ended[0].said_text == "One moment. The lamp is on."
    assert ended[0].calls == [call]


def test_two_rounds_of_calls_are_one_turn(tracker: TurnTracker, ended: list[Turn]) -> None:
    tracker.user_said("everything off", 1.0)
    for i in range(2):
        call = tracker.call_started(f"c{i}", "set_light", {}, 1.0 + i, client_side=True)
        tracker.call_finished(call, "ok", "off", 1.5 + i)
    tracker.agent_said("Done.", 4.0)
    reply_ends(tracker, 4.1)
    assert len(ended) == 1
    assert ended[0].latency().function_s == pytest.approx(1.0)


def test_a_report_behind_the_last_audio_is_waited_for(tracker: TurnTracker, ended: list[Turn]) -> None:
    tracker.user_said("what time is it", 1.0)
    tracker.agent_said("It is noon.", 1.5)
    tracker.agent_done(1.7)
    assert (ended, tracker.idle) == ([], False)
    tracker.report({"total_latency": 0.4, "tts_latency": 0.1})
    assert ended[0].settled
    assert (len(ended), tracker.idle) == (1, True)
    assert ended[0].latency().total_s == 0.4


def test_an_upstream_that_reports_nothing_is_waited_for_once(tracker: TurnTracker, ended: list[Turn]) -> None:
    tracker.user_said("hello", 1.0)
    tracker.agent_said("Hello.", 1.5)
    tracker.agent_done(1.7)
    tracker.expire(1.8, 60.0)
    assert not ended
    tracker.expire(2.0, 60.0)
    assert [turn.heard for turn in ended] == ["hello"]
    tracker.user_said("bye", 3.0)
    tracker.agent_said("Goodbye.", 3.5)
    tracker.agent_done(3.7)
    assert [turn.heard for turn in ended] == ["hello", "bye"]


def test_a_call_made_before_the_words_are_confirmed_belongs_to_their_turn(tracker: TurnTracker, ended: list[Turn]) -> None:
    tracker.user_started(1.0, 0)
    call = tracker.call_started("c1", "get_time", {}, 1.9, client_side=True)
    tracker.call_finished(call, "ok", "noon", 1.95)
    tracker.user_said("what time is it", 2.0)
    tracker.agent_said("It is noon.", 2.1)
    reply_ends(tracker, 2.2)
    assert [(turn.cause, turn.heard, turn.calls) for turn in ended] == [("speech", "what time is it", [call])]


def test_our_own_injection_alone_does_not_answer_the_user(tracker: TurnTracker, ended: list[Turn]) -> None:
    tracker.user_said("hello", 1.0)
    tracker.expect_own("The doorbell rang.")
    tracker.agent_said("The doorbell rang.", 1.1)
    tracker.agent_done(1.2)
    assert not ended
    assert tracker.current is not None


def test_an_injection_in_silence_is_a_turn_of_the_agent(tracker: TurnTracker, ended: list[Turn]) -> None:
    tracker.expect_own("The doorbell rang.")
    tracker.agent_said("The doorbell rang.", 1.1)
    tracker.agent_audio(SECOND, 1.1)
    tracker.agent_done(1.2)
    assert [(turn.cause, turn.heard, turn.outcome) for turn in ended] == [("agent", None, "completed")]
    assert tracker.user_turns == 0


def test_a_barge_in_during_the_reply_cuts_the_turn_and_what_was_played(tracker: TurnTracker, ended: list[Turn]) -> None:
    tracker.user_said("tell me a story", 1.0)
    tracker.agent_said("once upon a time there", 1.5)
    tracker.agent_audio(SECOND * 5, 1.5)
    tracker.user_started(3.5, len(SECOND) * 3)
    assert (ended[0].outcome, ended[0].interrupted, ended[0].played_text) == ("interrupted", True, "once upon")


def test_a_barge_in_while_a_finished_reply_still_plays_is_told_too(tracker: TurnTracker, ended: list[Turn]) -> None:
    tracker.user_said("tell me a story", 1.0)
    tracker.agent_said("one two three four", 1.5)
    tracker.agent_audio(SECOND * 4, 1.5)
    reply_ends(tracker, 1.6)
    assert ended[0].outcome == "completed"
    tracker.user_started(2.5, len(SECOND) * 3)
    assert (ended[0].outcome, ended[0].played_text) == ("interrupted", "one")


def test_speech_after_the_reply_was_played_interrupts_nothing(tracker: TurnTracker, ended: list[Turn]) -> None:
    tracker.user_said("hi", 1.0)
    tracker.agent_said("hello", 1.5)
    tracker.agent_done(1.6)
    tracker.user_started(9.0, 0)
    assert ended[0].outcome == "completed"
    assert not ended[0].interrupted


def test_a_text_typed_into_the_greeting_is_answered_after_it(tracker: TurnTracker, ended: list[Turn]) -> None:
    tracker.agent_said("Hello, what can I do for you?", 1.0)
    tracker.user_said("lamp on", 1.1, injected=True)
    tracker.agent_audio(SECOND, 1.2)
    tracker.agent_done(1.3)
    assert [turn.cause for turn in ended] == ["agent"], "that was the greeting's end"
    tracker.agent_said("Done.", 1.4)
    tracker.agent_audio(SECOND, 1.4)
    reply_ends(tracker, 1.5)
    assert [(turn.said_text, turn.audio_bytes) for turn in ended] == [("Hello, what can I do for you?", 100), ("Done.", 100)]


def test_a_text_typed_before_the_greeting_is_heard_is_answered_after_it(tracker: TurnTracker, ended: list[Turn]) -> None:
    tracker.expect_greeting("Hello. What can I do for you?")
    asked = tracker.user_said("lamp on", 1.0, injected=True)
    assert asked is not None
    for piece in ("Hello.", "What can I do for you?"):
        tracker.agent_said(piece, 1.1)
        tracker.agent_audio(SECOND, 1.1)
    assert tracker.agent_done(1.3) is None
    assert tracker.current is asked
    tracker.agent_said("Hello. It is on.", 1.4)
    tracker.agent_audio(SECOND, 1.4)
    reply_ends(tracker, 1.5)
    assert [(turn.cause, turn.said_text, turn.audio_bytes) for turn in ended] == [
        ("agent", "Hello. What can I do for you?", 200),
        ("text", "Hello. It is on.", 100),
    ]


def test_a_greeting_said_when_the_typed_text_has_already_called_a_function_is_a_turn_of_its_own(
    tracker: TurnTracker, ended: list[Turn]
) -> None:
    tracker.expect_greeting("Hello. What can I do for you?")
    tracker.user_said("lamp on", 1.0, injected=True)
    tracker.user_said("lamp on", 1.1)
    call = tracker.call_started("c1", "set_light", {}, 1.1, client_side=True)
    for piece in ("Hello.", "What can I do for you?"):
        tracker.agent_said(piece, 1.2)
        tracker.agent_audio(SECOND, 1.2)
    tracker.call_finished(call, "ok", "on", 1.3)
    tracker.agent_said("It is on.", 1.4)
    tracker.agent_audio(SECOND, 1.4)
    reply_ends(tracker, 1.5)
    assert [(turn.cause, turn.said_text, turn.audio_bytes, len(turn.calls)) for turn in ended] == [
        ("agent", "Hello. What can I do for you?", 200, 0),
        ("text", "It is on.", 100, 1),
    ]


def test_a_text_typed_into_a_reply_is_answered_after_it(tracker: TurnTracker, ended: list[Turn]) -> None:
    tracker.user_said("tell me a story", 1.0)
    tracker.agent_said("Once upon a time.", 1.5)
    typed = tracker.user_said("lamp on", 1.6, injected=True)
    tracker.agent_said("The end.", 1.7)
    tracker.agent_audio(SECOND, 1.7)
    tracker.agent_done(1.8)
    tracker.report({"total_latency": 0.5})
    assert [(turn.said_text, turn.outcome, turn.latency().total_s) for turn in ended] == [
        ("Once upon a time. The end.", "completed", 0.5)
    ]
    assert tracker.current is typed
    assert tracker.user_said("lamp on", 1.9) is None, "the echo"
    tracker.agent_said("Done.", 2.0)
    reply_ends(tracker, 2.1)
    assert [turn.said_text for turn in ended] == ["Once upon a time. The end.", "Done."]


def test_texts_typed_one_after_the_other_are_answered_so(tracker: TurnTracker, ended: list[Turn]) -> None:
    for text in ("one", "two"):
        tracker.user_said(text, 1.0, injected=True)
    for text in ("one", "two"):
        tracker.user_said(text, 2.0)
        tracker.agent_said(f"I heard {text}.", 2.0)
        reply_ends(tracker, 2.0)
    assert [(turn.heard, turn.said_text) for turn in ended] == [("one", "I heard one."), ("two", "I heard two.")]
    assert tracker.idle


def test_what_is_being_said_when_a_typed_text_is_taken_up_is_said_to_its_end(tracker: TurnTracker, ended: list[Turn]) -> None:
    tracker.expect_own("The doorbell rang.")
    tracker.agent_said("The doorbell rang.", 1.5)
    tracker.user_said("lamp on", 1.6, injected=True)
    tracker.user_said("lamp on", 1.7)  # the echo, at once
    tracker.agent_audio(SECOND * 2, 1.8)
    tracker.agent_said("Done.", 2.0)
    tracker.agent_audio(SECOND, 2.0)
    reply_ends(tracker, 2.1)
    assert [(turn.said_text, turn.outcome, turn.audio_bytes) for turn in ended] == [
        ("The doorbell rang.", "completed", 200),
        ("Done.", "completed", 100),
    ]


def test_it_can_be_stopped_and_the_typed_text_is_answered_all_the_same(tracker: TurnTracker, ended: list[Turn]) -> None:
    tracker.expect_own("The doorbell rang.")
    tracker.agent_said("The doorbell rang.", 1.5)
    tracker.user_said("lamp on", 1.6, injected=True)
    tracker.user_said("lamp on", 1.7)
    tracker.agent_audio(SECOND * 2, 1.8)
    tracker.cut(1.9, len(SECOND))
    stopped = tracker.unheard
    tracker.agent_said("Done.", 2.0)
    assert (stopped, tracker.unheard) == (True, False)
    tracker.agent_audio(SECOND, 2.0)
    reply_ends(tracker, 2.1)
    assert [(turn.said_text, turn.outcome, turn.played_text) for turn in ended] == [
        ("The doorbell rang.", "interrupted", "The doorbell"),
        ("Done.", "completed", "Done."),
    ]


def test_what_was_stopped_stays_so_when_the_next_text_is_taken_up(tracker: TurnTracker) -> None:
    tracker.agent_said("A long announcement.", 1.5)
    tracker.cut(1.6, 0)
    tracker.user_said("lamp on", 1.7, injected=True)
    tracker.user_said("lamp on", 1.8)
    stopped = tracker.unheard
    tracker.agent_said("Done.", 2.0)
    assert (stopped, tracker.unheard) == (True, False), "until then the rest of it still comes"


def test_what_is_to_be_heard_is_no_part_of_a_turn_that_is_hushed(tracker: TurnTracker, ended: list[Turn]) -> None:
    turn = tracker.user_said("yes", 1.0)
    assert turn is not None
    turn.hush()
    tracker.agent_said("I did not understand that.", 1.1)
    assert tracker.unheard
    tracker.expect_own("The blinds are closing.")
    tracker.agent_said("The blinds are closing.", 1.2)
    tracker.agent_audio(SECOND, 1.3)
    tracker.agent_done(1.4)
    assert [(turn.said_text, turn.played_text, turn.audio_bytes) for turn in ended] == [
        ("I did not understand that.", None, 0),
        ("The blinds are closing.", "The blinds are closing.", 100),
    ]


def test_who_speaks_overtakes_what_was_typed(tracker: TurnTracker, ended: list[Turn]) -> None:
    tracker.user_said("tell me a story", 1.0)
    tracker.agent_said("Once upon a time.", 1.5)
    tracker.user_said("lamp on", 1.6, injected=True)
    tracker.user_started(1.7, 0)
    assert [(turn.heard, turn.outcome) for turn in ended] == [("tell me a story", "interrupted"), ("lamp on", "interrupted")]
    assert tracker.idle


def test_what_is_typed_after_we_stopped_the_agent_is_answered_by_what_comes_behind_the_stopped_reply(
    tracker: TurnTracker, ended: list[Turn]
) -> None:
    tracker.user_said("tell me a story", 1.0)
    tracker.agent_said("Once upon a time.", 1.5)
    tracker.cut(1.6, 0)
    tracker.user_said("lamp on", 1.7, injected=True)
    tracker.agent_said("The end.", 1.8)
    tracker.agent_done(1.9)
    tracker.agent_said("Done.", 2.0)
    reply_ends(tracker, 2.1)
    assert [(turn.said_text, turn.outcome) for turn in ended] == [("Once upon a time.", "interrupted"), ("Done.", "completed")]


def test_words_that_go_on_after_a_call_ahead_of_them_are_one_turn(tracker: TurnTracker, ended: list[Turn]) -> None:
    tracker.user_started(1.0, 0)
    tracker.call_finished(tracker.call_started("c1", "get_time", {}, 1.5, client_side=True), "cancelled", None, 1.6)
    tracker.user_started(1.6, 0)
    tracker.user_said("what time is it in Rome", 2.0)
    tracker.agent_said("Noon.", 2.1)
    reply_ends(tracker, 2.2)
    assert [(turn.n, turn.heard) for turn in ended] == [(1, "what time is it in Rome")]


def test_calls_ahead_of_their_words_and_behind_them_have_one_turns_number(tracker: TurnTracker) -> None:
    tracker.user_said("before", 0.1)
    tracker.agent_said("Yes.", 0.2)
    tracker.user_started(1.0, 0)
    ahead = tracker.call_started("a", "look", {}, 1.1, client_side=True)
    tracker.user_started(1.2, 0)
    again = tracker.call_started("b", "look", {}, 1.3, client_side=True)
    turn = tracker.user_said("look at it", 1.4)
    behind = tracker.call_started("c", "look", {}, 1.5, client_side=True)
    assert turn is not None
    assert [call.turn for call in (ahead, again, behind)] == [turn.n] * 3


def test_a_call_that_nobody_waits_for_any_more_holds_up_no_turn(tracker: TurnTracker, ended: list[Turn]) -> None:
    tracker.user_started(1.0, 0)
    call = tracker.call_started("a", "act", {}, 1.1, client_side=True)
    call.awaited = False  # the user went on speaking, and the function acts all the same
    tracker.user_started(1.2, 0)
    tracker.user_said("act, please", 1.3)
    tracker.agent_said("Yes.", 1.4)
    reply_ends(tracker, 1.5)
    assert [turn.outcome for turn in ended] == ["completed"]
    tracker.call_finished(call, "ok", "acted", 2.0)
    assert (call.outcome, call.result) == ("ok", "acted")


def test_a_noise_does_not_undo_what_was_called_for_it(tracker: TurnTracker, ended: list[Turn]) -> None:
    tracker.user_started(1.0, 0)
    call = tracker.call_started("a", "act", {}, 1.1, client_side=True)
    call.awaited = False
    tracker.nothing_said(11.0)
    tracker.expire(12.0, 60.0)
    assert [turn.calls for turn in ended] == [[call]]


def test_a_call_ahead_of_words_that_never_came_leaves_no_turn(tracker: TurnTracker, ended: list[Turn]) -> None:
    tracker.user_started(1.0, 0)
    tracker.call_finished(tracker.call_started("c1", "get_time", {}, 1.5, client_side=True), "cancelled", None, 1.6)
    tracker.nothing_said(9.0)
    assert (list(tracker.turns), ended, tracker.idle) == ([], [], True)
    tracker.user_started(10.0, 0)
    tracker.call_finished(tracker.call_started("c2", "get_time", {}, 10.5, client_side=True), "ok", "noon", 10.6)
    tracker.nothing_said(19.0)
    assert [(turn.outcome, turn.calls[0].outcome) for turn in ended] == [("interrupted", "ok")], "it ran"


def test_the_echo_of_an_injected_text_opens_no_second_turn(tracker: TurnTracker) -> None:
    tracker.user_said("what time is it", 1.0, injected=True)
    assert tracker.user_said("what time is it", 1.1) is None
    assert tracker.count == tracker.user_turns == 1


def test_a_text_turns_latency_is_ours_and_adds_up(tracker: TurnTracker) -> None:
    turn = tracker.user_said("lamp on", 10.0, injected=True)
    assert turn is not None
    call = tracker.call_started("c1", "set_light", {}, 10.1, client_side=True)
    tracker.call_finished(call, "ok", "", 10.3)
    tracker.agent_said("Done.", 10.5)
    tracker.agent_audio(SECOND, 10.6)
    latency = turn.latency()
    assert latency.basis == "text"
    assert latency.total_s == pytest.approx(0.6)
    assert _sum(latency.view()) == pytest.approx(0.6, abs=0.001)


def test_without_a_report_the_latency_of_speech_is_unknown(tracker: TurnTracker) -> None:
    turn = tracker.user_said("lamp on", 10.0)
    assert turn is not None
    tracker.agent_audio(SECOND, 10.6)
    assert (turn.latency().total_s, turn.latency().basis) == (None, "unknown")


@given(
    st.fixed_dictionaries(
        {"total_latency": st.floats(0, 60)},
        optional={name: st.floats(0, 60) for name in ("stt_latency", "ttt_text_latency", "tts_latency", "endpointing_latency")},
    )
)
def test_whatever_an_upstream_reports_the_parts_add_up(report: dict[str, float]) -> None:
    tracker = TurnTracker(finished=lambda _: None, wall=lambda: 0.0)
    turn = tracker.user_said("hi", 1.0)
    assert turn is not None
    for key, value in report.items():  # the real server sends one key a message
        tracker.report({"type": "LatencyReport", key: value})
    view = turn.latency().view()
    assert view["total_s"] == pytest.approx(report["total_latency"], abs=0.001)
    assert _sum(view) == pytest.approx(report["total_latency"], abs=0.002)


def test_absurd_latencies_of_an_upstream_are_not_believed(tracker: TurnTracker) -> None:
    turn = tracker.user_said("hi", 1.0)
    assert turn is not None
    tracker.report({"total_latency": -3.0, "stt_latency": 1e9, "tts_latency": "0.1"})
    assert turn.latency().total_s is None


def test_a_turn_nobody_ends_times_out(tracker: TurnTracker, ended: list[Turn]) -> None:
    tracker.user_said("hi", 1.0)
    tracker.expire(60.9, 60.0)
    assert not ended
    tracker.expire(61.0, 60.0)
    assert ended[0].outcome == "timeout"


def test_old_audio_gives_way_and_old_turns_too() -> None:
    tracker = TurnTracker(finished=lambda _: None, wall=lambda: 0.0, kept=3, audio_limit_bytes=250)
    for i in range(5):
        tracker.user_said(f"turn {i}", float(i))
        tracker.agent_said("yes", i + 0.1)
        tracker.agent_audio(SECOND, i + 0.1)
        tracker.agent_done(i + 0.2)
    assert [(turn.n, len(turn.audio)) for turn in tracker.turns] == [(3, 0), (4, 100), (5, 100)]
    tracker.user_said("a long one", 9.0)
    for _ in range(12):
        tracker.agent_audio(SECOND, 9.1)
    assert [len(turn.audio) for turn in tracker.turns] == [0, 0, 1000], "a long one is kept up to a bound"


def spoken(tracker: TurnTracker, heard: str, said: str, at: float) -> None:
    tracker.user_said(heard, at)
    tracker.agent_said(said, at)
    tracker.agent_audio(SECOND, at)
    tracker.agent_done(at)


def test_the_context_holds_what_was_heard_called_and_played(tracker: TurnTracker) -> None:
    tracker.user_said("lamp on", 1.0)
    call = tracker.call_started("c1", "set_light", {"on": True}, 1.1, client_side=True)
    tracker.call_finished(call, "ok", "on", 1.2)
    tracker.agent_said("The lamp is on now.", 1.3)
    tracker.agent_audio(SECOND * 5, 1.3)
    tracker.user_started(2.0, 300)
    assert context(tracker.turns).messages == [
        {"type": "History", "role": "user", "content": "lamp on"},
        {
            "type": "History",
            "function_calls": [
                {"id": "c1", "name": "set_light", "client_side": True, "arguments": '{"on":true}', "response": "on"}
            ],
        },
        {"type": "History", "role": "assistant", "content": "The lamp"},
    ]


def test_an_unanswered_turn_is_not_in_the_context_but_asked_again(tracker: TurnTracker) -> None:
    spoken(tracker, "hi", "hello", 1.0)
    tracker.user_said("lamp on", 2.0)
    call = tracker.call_started("c1", "set_light", {}, 2.1, client_side=True)
    tracker.call_finished(call, "ok", "on", 2.2)
    carried = context(tracker.turns)
    assert [message["content"] for message in carried.messages] == ["hi", "hello"]
    assert (carried.unanswered, carried.settled) == (("lamp on",), (call,))


def test_an_unfinished_call_is_told_as_unknown(tracker: TurnTracker) -> None:
    tracker.user_said("lamp on", 1.0)
    tracker.call_started("c1", "set_light", {}, 1.1, client_side=True)
    tracker.failed(2.0)
    calls = context(tracker.turns).messages[1]["function_calls"]
    assert calls[0]["response"] == "interrupted; outcome unknown"


@pytest.mark.parametrize(
    ("turns", "text", "kept"),
    [(80, "x", 50), (10, "y" * 10_000, 3)],
    ids=["at most fifty turns", "at most 64 KiB"],
)
def test_the_context_is_bounded(turns: int, text: str, kept: int, tracker: TurnTracker) -> None:
    for i in range(turns):
        spoken(tracker, text, text, float(i))
    assert len(context(tracker.turns).messages) == kept * 2


def _sum(view: dict[str, object]) -> float:
    parts = ("endpointing_s", "listen_s", "think_s", "function_s", "speak_s", "rest_s")
    return sum(value for name in parts if isinstance(value := view[name], float))


def test_reading_a_turn_without_words_shows_none_of_them(tracker: TurnTracker) -> None:
    tracker.user_said("secret words", 1.0)
    tracker.call_started("c1", "unlock", {"code": "secret words"}, 1.1, client_side=True)
    tracker.agent_said("secret words", 1.2)
    view: Callable[[bool], str] = lambda words: str(tracker.turns[0].view(words=words, audio_link=None))  # noqa: E731
    assert "secret" in view(True)
    assert "secret" not in view(False)


def _echo(tracker: TurnTracker, now: float) -> None:
    if tracker._expected._echoes:
        tracker.user_said(tracker._expected._echoes[0][0], now)


def _refuse(tracker: TurnTracker, _: float) -> None:
    for turn in list(tracker.turns):
        if tracker.awaits_echo(turn):
            tracker.withdraw(turn)


def _answer(tracker: TurnTracker, now: float) -> None:
    for turn in tracker.turns:
        for call in turn.calls:
            tracker.call_finished(call, "ok", "seen", now)


ACTS: dict[str, Callable[[TurnTracker, float], object]] = {
    "user starts": lambda tracker, now: tracker.user_started(now, 50),
    "user says": lambda tracker, now: tracker.user_said("hello", now),
    "noise": lambda tracker, now: tracker.nothing_said(now),
    "typed": lambda tracker, now: tracker.user_said(f"text {now}", now, injected=True),
    "echo": _echo,
    "refused": _refuse,
    "greeting": lambda tracker, now: tracker.agent_said("Hello there.", now),
    "agent says": lambda tracker, now: tracker.agent_said("It is noon.", now),
    "own": lambda tracker, _: tracker.expect_own("Dinner is ready."),
    "own said": lambda tracker, now: tracker.agent_said("Dinner is ready.", now),
    "audio": lambda tracker, now: tracker.agent_audio(SECOND, now),
    "done": lambda tracker, now: tracker.agent_done(now),
    "cut": lambda tracker, now: tracker.cut(now, 50),
    "call": lambda tracker, now: tracker.call_started(f"c{now}", "look", {}, now, client_side=True),
    "answer": _answer,
    "report": lambda tracker, _: tracker.report({"total_latency": 0.5}),
    "tick": lambda tracker, now: tracker.expire(now, 20.0),
}


@given(st.lists(st.sampled_from(sorted(ACTS)), max_size=40))
def test_whatever_comes_in_whatever_order_every_turn_ends_once(acts: list[str]) -> None:
    ended: list[Turn] = []
    tracker = TurnTracker(finished=ended.append, wall=lambda: 0.0)
    tracker.expect_greeting("Hello there.")
    for i, act in enumerate(acts):
        ACTS[act](tracker, float(i))
        assert [turn.n for turn in tracker.turns] == list(range(1, tracker.count + 1))
        assert tracker.current is None or tracker.current.outcome is None
    tracker.failed(100.0)
    assert tracker.idle
    assert sorted(turn.n for turn in ended) == list(range(1, tracker.count + 1))
    assert all(turn.outcome is not None and turn.settled for turn in tracker.turns)
    assert tracker.user_turns == sum(turn.heard is not None for turn in tracker.turns)
    assert tracker.kept.audio_bytes == sum(len(turn.audio) for turn in tracker.turns)
