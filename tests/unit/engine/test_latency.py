"""The stopwatch of a turn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.engine.latency import ENDPOINTING, FUNCTIONS, LISTEN, SPEAK, THINK, TurnClock

PARTS = (ENDPOINTING, LISTEN, THINK, FUNCTIONS, SPEAK)


def test_the_parts_of_a_spoken_turn_with_a_call_add_up() -> None:
    clock = TurnClock(10.0)
    clock.lap(ENDPOINTING, 10.5)
    clock.lap(LISTEN, 10.55)
    clock.thought_of_call(10.6)
    clock.lap(FUNCTIONS, 11.6)
    clock.lap(THINK, 11.7)
    clock.stop(11.73)
    report = clock.report().wire()
    assert report["total_latency"] == pytest.approx(1.73)
    assert report["ttt_tool_latency"] == pytest.approx(0.05)
    assert report["ttt_text_latency"] == pytest.approx(0.15)
    assert sum(report[part] for part in PARTS) == pytest.approx(report["total_latency"], abs=0.001)


def test_a_text_turn_reports_no_listening() -> None:
    clock = TurnClock(5.0)
    clock.lap(THINK, 5.2)
    clock.stop(5.25)
    assert clock.report().wire() == {
        "type": "LatencyReport",
        "ttt_text_latency": 0.2,
        "tts_latency": 0.05,
        "total_latency": 0.25,
    }


def test_nothing_counts_after_the_first_audio() -> None:
    clock = TurnClock(0.0)
    clock.stop(1.0)
    clock.lap(THINK, 9.0)
    clock.stop(9.5)
    assert clock.total_s == 1.0
    assert clock.part_s(THINK) == 0.0


@given(st.lists(st.tuples(st.sampled_from(PARTS), st.floats(-5, 50)), max_size=30))
def test_parts_add_up_and_are_never_negative_whatever_the_clock_does(laps: list[tuple[str, float]]) -> None:
    clock = TurnClock(0.0)
    for part, now in laps:
        clock.lap(part, now)
    assert sum(clock.part_s(part) for part in PARTS) == pytest.approx(clock.total_s)
    assert all(clock.part_s(part) >= 0 for part in PARTS)
