"""Beginning, pause, end: the endpointer on made-up probabilities."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.engine.endpointing import (
    Endpointer,
    Event,
    SpeechEnded,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
)
from agentd.engine.providers import VAD_FRAME

FRAME_MS = 32


def run(endpointer: Endpointer, *spans: tuple[float, int], onset_ms: int = 128) -> list[Event]:
    """The events of spans of (probability, milliseconds)."""
    events = []
    for probability, milliseconds in spans:
        for _ in range(round(milliseconds / FRAME_MS)):
            event = endpointer.feed(probability, onset_ms=onset_ms)
            if event is not None:
                events.append(event)
    return events


def kinds(events: list[Event]) -> list[type[Event]]:
    return [type(event) for event in events]


def test_an_utterance_starts_pauses_and_ends() -> None:
    events = run(Endpointer(end_ms=500), (0.0, 320), (0.9, 960), (0.1, 960))
    assert kinds(events) == [SpeechStarted, SpeechPaused, SpeechEnded]
    started, paused, ended = events
    assert started == SpeechStarted(at=10 * VAD_FRAME)
    assert paused == SpeechPaused(voiced_to=40 * VAD_FRAME)
    assert ended == SpeechEnded(start=10 * VAD_FRAME, voiced_to=40 * VAD_FRAME, voiced=30 * VAD_FRAME)


def test_the_end_comes_when_the_silence_is_as_long_as_asked_for() -> None:
    for end_ms in (100, 300, 500, 800):
        endpointer = Endpointer(end_ms=end_ms)
        run(endpointer, (0.9, 640))
        silent_ms = 0
        while endpointer.speaking:
            endpointer.feed(0.0)
            silent_ms += FRAME_MS
        assert end_ms <= silent_ms < end_ms + FRAME_MS


def test_a_short_pause_does_not_end_the_utterance_but_is_told() -> None:
    events = run(Endpointer(end_ms=500), (0.9, 640), (0.1, 384), (0.9, 640), (0.1, 640))
    assert kinds(events) == [SpeechStarted, SpeechPaused, SpeechResumed, SpeechPaused, SpeechEnded]
    assert isinstance(events[-1], SpeechEnded)
    assert events[-1].start == 0


def test_a_click_is_no_speech() -> None:
    endpointer = Endpointer(end_ms=500)
    assert run(endpointer, (0.9, 64), (0.0, 960), (0.9, 64), (0.0, 960)) == []
    assert not endpointer.speaking


def test_clicks_do_not_add_up_to_speech() -> None:
    assert run(Endpointer(end_ms=500), *[(0.9, 64), (0.0, 192)] * 20) == []


def test_a_stop_inside_a_short_word_does_not_hide_its_beginning() -> None:
    events = run(Endpointer(end_ms=500), (0.9, 96), (0.1, 96), (0.9, 96))
    assert events == [SpeechStarted(at=0)]


def test_it_takes_more_speech_to_interrupt_than_to_begin() -> None:
    assert run(Endpointer(end_ms=500), (0.9, 256), (0.0, 640), onset_ms=300) == []
    assert kinds(run(Endpointer(end_ms=500), (0.9, 320), onset_ms=300)) == [SpeechStarted]


def test_soft_word_ends_count_as_speech_but_do_not_begin_it() -> None:
    assert run(Endpointer(end_ms=500), (0.4, 3200)) == []
    endpointer = Endpointer(end_ms=500)
    run(endpointer, (0.9, 320), (0.4, 640))
    assert endpointer.voiced_to == endpointer.position


def test_an_endless_utterance_is_cut_at_thirty_seconds() -> None:
    endpointer = Endpointer(end_ms=500)
    events = run(endpointer, (0.9, 45_000))
    assert kinds(events) == [SpeechStarted, SpeechEnded, SpeechStarted]
    assert isinstance(events[1], SpeechEnded)
    assert events[1].voiced_to / 16 == pytest.approx(30_000, abs=FRAME_MS)


def test_a_turn_can_be_ended_by_hand() -> None:
    endpointer = Endpointer(end_ms=500)
    assert endpointer.finish() is None
    run(endpointer, (0.9, 640))
    assert isinstance(endpointer.finish(), SpeechEnded)
    assert not endpointer.speaking
    assert endpointer.finish() is None


def test_the_longer_wait_for_an_unfinished_sentence_applies_at_once() -> None:
    endpointer = Endpointer(end_ms=300)
    run(endpointer, (0.9, 640), (0.0, 224))
    endpointer.end_ms = 800
    assert kinds(run(endpointer, (0.0, 480))) == []
    assert kinds(run(endpointer, (0.0, 320))) == [SpeechEnded]


@given(st.lists(st.floats(0, 1), max_size=400), st.integers(100, 1000), st.integers(0, 500))
def test_events_always_come_in_an_order_that_makes_sense(probabilities: list[float], end_ms: int, onset_ms: int) -> None:
    endpointer = Endpointer(end_ms=end_ms)
    inside = paused = False
    for number, probability in enumerate(probabilities, start=1):
        event = endpointer.feed(probability, onset_ms=onset_ms)
        assert endpointer.position == number * VAD_FRAME
        match event:
            case SpeechStarted(at):
                assert not inside
                assert 0 <= at < endpointer.position
                inside, paused = True, False
            case SpeechPaused(voiced_to):
                assert inside
                assert not paused
                assert voiced_to < endpointer.position
                paused = True
            case SpeechResumed():
                assert inside
                assert paused
                paused = False
            case SpeechEnded(start, voiced_to, voiced):
                assert inside
                assert start < voiced_to <= endpointer.position
                assert 0 < voiced <= voiced_to - start
                inside = False
            case None:
                pass
        assert endpointer.speaking is inside
        assert endpointer.keep_from <= endpointer.position
