"""Playing by a clock of samples."""

from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.audio.formats import AudioFormat
from agentd.audio.pacing import Player

FORMAT = AudioFormat("linear16", 22050)
"""A rate that no tick divides."""
SECOND = 44100


def player(*, silence: bool = True, most_s: float = 10.0) -> Player:
    return Player(FORMAT, 100.0, silence=silence, most_s=most_s)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.001, 1.7), min_size=1, max_size=50))
def test_what_is_heard_equals_the_time_that_passed_however_the_ticks_come(steps: list[float]) -> None:
    one, now, heard = player(), 100.0, 0
    for step in steps:
        now += step
        one.put(b"\x01\x02" * 300)
        heard += len(one.due(now))
        assert heard == FORMAT.bytes_for(now - 100.0)


def test_hours_later_the_clock_is_exact_to_the_sample() -> None:
    one, heard = player(), 0
    for tick in range(1, 20 * 3600 * 5 + 1):  # five hours in ticks of 50 ms
        heard += len(one.due(100.0 + tick / 20))
    assert heard == 5 * 3600 * SECOND


def test_replies_are_heard_in_order_with_silence_between() -> None:
    one = player()
    one.put(b"\x01" * SECOND)
    first = one.due(100.5)
    rest = one.due(102.0)
    assert first == b"\x01" * (SECOND // 2)
    assert rest == b"\x01" * (SECOND // 2) + bytes(SECOND)


def test_a_file_leaves_the_silence_out_and_still_hears_no_faster_than_it_plays() -> None:
    one = player(silence=False)
    one.put(b"\x01" * SECOND)
    assert one.due(100.5) == b"\x01" * (SECOND // 2)
    assert one.due(104.0) == b"\x01" * (SECOND // 2)
    one.put(b"\x02" * SECOND)
    assert one.due(105.0) == b"\x02" * SECOND


def test_a_cut_leaves_what_was_not_heard_unsaid() -> None:
    one = player()
    one.put(b"\x01" * SECOND)
    one.due(100.25)
    one.cut()
    assert not any(one.due(100.5))
    one.put(b"\x02" * SECOND)
    one.cut(keep_s=0.1)
    assert one.waiting_bytes == FORMAT.bytes_for(0.1)


def test_beyond_the_bound_the_oldest_is_dropped() -> None:
    one = player(most_s=1.0)
    assert one.put(b"\x01" * SECOND) == 0
    assert one.put(b"\x02" * 2000) == 2000
    assert one.due(101.0) == b"\x01" * (SECOND - 2000) + b"\x02" * 2000
