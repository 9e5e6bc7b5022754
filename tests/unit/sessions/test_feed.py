"""What the upstream hears, tick by tick: pacing, silence, KeepAlive, the line of talkers, the ring."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.audio.formats import AudioFormat
from agentd.errors import SessionBusy
from agentd.sessions.feed import KEEPALIVE_S, MICROPHONE_LATE_S, RING_S, SILENCE_AFTER_SPEECH_S, TICK_S, Feed, Talker

FORMAT = AudioFormat("linear16", 16000)
SECOND = FORMAT.bytes_per_second
SPEECH = b"\x01\x02"


class Upstream:
    """Takes down what is sent."""

    def __init__(self, *, own_silence: bool = True) -> None:
        self.audio = bytearray()
        self.keepalives = 0
        self.feed = Feed(FORMAT, queue=2, send_audio=self.audio.extend, send_keepalive=self.keepalive, own_silence=own_silence)

    def keepalive(self) -> None:
        self.keepalives += 1

    def run(self, start: float, seconds: float, *, silence_due: bool = True, step: float = TICK_S) -> float:
        now = start
        while now < start + seconds - 1e-9:
            self.feed.tick(now, silence_due=silence_due)
            now += step
        return now


async def talker(seconds: float) -> Talker:
    one = Talker(FORMAT)
    await one.write(SPEECH * int(seconds * 16000))
    one.finish()
    return one


async def test_speech_is_paced_in_real_time_and_silence_follows_without_a_gap() -> None:
    upstream = Upstream()
    one = await talker(1.0)
    upstream.feed.join(one, wait_in_line=True)
    now = upstream.run(100.0, 0.5)
    assert len(upstream.audio) == pytest.approx(0.5 * SECOND, abs=0.05 * SECOND)
    upstream.run(now, 1.0)
    assert one.drained.is_set()
    assert len(upstream.audio) == pytest.approx(1.5 * SECOND, abs=0.05 * SECOND)
    assert bytes(upstream.audio[:SECOND]) == SPEECH * 16000
    assert not any(upstream.audio[SECOND:])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.005, 0.3), min_size=5, max_size=60))
def test_however_unevenly_the_ticks_come_what_was_sent_equals_the_time_passed(steps: list[float]) -> None:
    upstream = Upstream()
    now = 50.0
    for step in steps:
        upstream.feed.tick(now, silence_due=True)
        now += step
    passed = sum(steps[:-1]) + TICK_S
    assert len(upstream.audio) / SECOND == pytest.approx(passed, abs=0.001)


async def test_a_slow_upload_does_not_tear_a_hole_into_the_stream() -> None:
    upstream = Upstream()
    one = Talker(FORMAT)
    upstream.feed.join(one, wait_in_line=True)
    await one.write(SPEECH * 1600)
    now = upstream.run(10.0, 0.5)
    assert len(upstream.audio) == pytest.approx(0.5 * SECOND, abs=MICROPHONE_LATE_S * SECOND)
    upstream.run(now, 5.0)
    assert len(upstream.audio) == pytest.approx(5.5 * SECOND, abs=MICROPHONE_LATE_S * SECOND)


@settings(max_examples=40, deadline=None)
@given(jitter=st.lists(st.floats(0.0, 0.15), min_size=20, max_size=80))
def test_a_live_upload_that_jitters_is_heard_without_a_hole(jitter: list[float]) -> None:
    upstream = Upstream()
    one = Talker(FORMAT)
    upstream.feed.join(one, wait_in_line=True)
    now, said = 50.0, 0
    for number, late_s in enumerate(jitter, start=1):  # a piece of 100 ms is due every 100 ms and comes a little later
        due = 50.0 + number * 0.1 + late_s
        while now < due:
            upstream.feed.tick(now, silence_due=True)
            now += TICK_S
        one._buffer += SPEECH * 1600
        said += 3200
    one.finish()
    upstream.run(now, 0.6)
    assert bytes(upstream.audio[:said]) == SPEECH * (said // 2)


async def test_a_live_upload_that_was_held_up_is_not_behind_for_the_rest_of_its_life() -> None:
    upstream = Upstream()
    one = Talker(FORMAT)
    upstream.feed.join(one, wait_in_line=True)
    now = 10.0
    for second in range(10):
        if second == 4:  # nothing for a second, then the second that is missing at once
            now = upstream.run(now, 1.0)
            await one.write(SPEECH * 16000)
            continue
        for _ in range(10):
            await one.write(SPEECH * 1600)
            now = upstream.run(now, 0.1)
    one.finish()
    assert len(one._buffer) < 0.15 * SECOND, "what came late has been caught up with"
    silent_s = bytes(upstream.audio).count(b"\x00\x00\x00\x00") / (SECOND / 4)
    assert 0.5 < silent_s < 1.3


@pytest.mark.parametrize("parts_per_million", [-200, 0, 200])
async def test_half_an_hour_of_a_clock_that_is_not_ours_does_not_drift_apart(parts_per_million: int) -> None:
    upstream = Upstream()
    one = Talker(FORMAT)
    upstream.feed.join(one, wait_in_line=True)
    given_bytes, now, start = 0, 100.0, 100.0
    while now < start + 1800.0:
        due = int((now - start) * 16_000 * (1 + parts_per_million / 1e6)) * 2
        one._buffer += SPEECH * ((due - given_bytes) // 2)
        given_bytes = due
        upstream.feed.tick(now, silence_due=True)
        now += TICK_S
    sent_s = upstream.feed.sent_bytes / SECOND
    assert 1800.0 - (0.05 if parts_per_million >= 0 else MICROPHONE_LATE_S) <= sent_s <= 1800.05
    assert len(one._buffer) / SECOND < 0.4, "a microphone that is fast is heard later and later, by what it is fast"
    holes = bytes(upstream.audio).count(b"\x02\x00\x00")
    assert holes <= 3, "one that is slow leaves few holes, not one in every tick"


async def test_a_fast_recording_waits_for_an_upstream_that_takes_no_more() -> None:
    full = True
    sent = bytearray()
    feed = Feed(FORMAT, queue=1, send_audio=sent.extend, send_keepalive=lambda: None, congested=lambda: full)
    one = Talker(FORMAT, realtime=False)
    await one.write(SPEECH * 16000)
    feed.join(one, wait_in_line=True)
    feed.tick(1.0, silence_due=True)
    assert not sent
    full = False
    feed.tick(1.02, silence_due=True)
    assert len(sent) == SECOND


async def test_when_nothing_is_due_a_keepalive_goes_out_every_five_seconds_and_no_audio() -> None:
    upstream = Upstream()
    upstream.feed.connected(0.0)
    upstream.run(0.0, 60.0, silence_due=False, step=0.1)
    assert upstream.keepalives == pytest.approx(60 / KEEPALIVE_S, abs=1)
    assert not upstream.audio


async def test_a_client_with_a_stream_of_its_own_gets_no_silence_of_ours() -> None:
    upstream = Upstream(own_silence=False)
    upstream.run(0.0, 1.0)
    assert not upstream.audio


async def test_talkers_queue_and_the_line_is_bounded() -> None:
    upstream = Upstream()
    first, second, third = await talker(0.1), await talker(0.1), await talker(0.1)
    upstream.feed.join(first, wait_in_line=False)
    with pytest.raises(SessionBusy):
        upstream.feed.join(second, wait_in_line=False)
    upstream.feed.join(second, wait_in_line=True)
    upstream.feed.join(third, wait_in_line=True)
    with pytest.raises(SessionBusy, match="already wait"):
        upstream.feed.join(await talker(0.1), wait_in_line=True)
    assert first.started.is_set()
    assert not second.started.is_set()
    upstream.feed.leave(first)
    assert second.started.is_set()


async def test_a_talker_that_leaves_in_the_middle_frees_the_next_and_whoever_writes() -> None:
    upstream = Upstream()
    one = Talker(FORMAT)
    upstream.feed.join(one, wait_in_line=True)
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(one.write(SPEECH * 16000 * 60), name="test:writer")
        await asyncio.sleep(0)
        upstream.feed.leave(one)
    assert not upstream.feed.talking


async def test_a_writer_waits_while_two_seconds_are_buffered() -> None:
    one = Talker(FORMAT)
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        writer = group.create_task(one.write(SPEECH * 16000 * 6), name="test:writer")
        for _ in range(10):
            await asyncio.sleep(0)
        assert not writer.done()
        taken = 0
        while not writer.done():
            taken += len(one.take(SECOND))
            await asyncio.sleep(0)
    assert taken + len(one.take(None)) == 6 * SECOND


async def test_after_a_renewal_the_unconfirmed_audio_is_sent_again_and_confirmed_audio_is_not() -> None:
    upstream = Upstream()
    upstream.feed.live(SPEECH * 8000, 1.0)
    upstream.feed.confirmed()
    upstream.feed.live(SPEECH * 1600, 2.0)
    upstream.audio.clear()
    upstream.feed.replay(3.0)
    assert bytes(upstream.audio) == SPEECH * 1600


async def test_the_ring_keeps_ten_seconds_at_most() -> None:
    upstream = Upstream()
    for i in range(300):
        upstream.feed.live(SPEECH * 1600, i / 10)
    upstream.audio.clear()
    upstream.feed.replay(31.0)
    assert len(upstream.audio) <= RING_S * SECOND
    assert len(upstream.audio) >= (RING_S - 0.2) * SECOND


async def test_silence_is_owed_for_a_while_after_speech_and_then_no_more() -> None:
    upstream = Upstream()
    owed = [upstream.feed.silence_owed]
    upstream.feed.live(SPEECH, 0.0)
    for tick in range(1, 400):
        owed.append(upstream.feed.silence_owed)
        upstream.feed.tick(tick * TICK_S, silence_due=True)
    assert owed[0] is False
    assert sum(owed) * TICK_S == pytest.approx(SILENCE_AFTER_SPEECH_S, abs=0.1)
    assert owed[-1] is False


async def test_an_open_microphone_is_not_heard_while_a_recording_talks() -> None:
    upstream = Upstream()
    upstream.feed.join(await talker(1.0), wait_in_line=True)
    upstream.feed.live(b"\x09" * 320, 0.0)
    assert b"\x09" not in upstream.audio


async def test_an_open_microphone_gets_no_silence_on_top() -> None:
    upstream = Upstream()
    now = 10.0
    for _ in range(100):  # 2 s in frames of 20 ms
        now += TICK_S
        upstream.feed.live(SPEECH * 320, now)
        upstream.feed.tick(now, silence_due=True)
    assert bytes(upstream.audio) == SPEECH * 320 * 100


async def test_silence_fills_what_a_microphone_stops_giving_and_nothing_else() -> None:
    upstream = Upstream()
    now = 10.0
    for _ in range(50):
        now += TICK_S
        upstream.feed.live(SPEECH * 320, now)
        upstream.feed.tick(now, silence_due=True)
    now = upstream.run(now, 1.0)  # the device stops, or a browser sends speech alone
    assert len(upstream.audio) / SECOND == pytest.approx(2.0, abs=0.05)
    for _ in range(50):
        upstream.feed.live(SPEECH * 320, now)
        upstream.feed.tick(now, silence_due=True)
        now += TICK_S
    assert len(upstream.audio) / SECOND == pytest.approx(3.0, abs=0.05)


async def test_frames_that_come_late_and_in_heaps_are_not_torn_apart() -> None:
    upstream = Upstream()
    now = 10.0
    for _ in range(10):  # a quarter of a second at once, from a network that stutters
        now = upstream.run(now, 0.25)
        for _ in range(5):
            upstream.feed.live(SPEECH * 800, now)
    assert SPEECH * 4000 * 9 in bytes(upstream.audio)


async def test_the_time_since_a_recording_counts_on_while_a_microphone_is_open() -> None:
    upstream = Upstream()
    upstream.feed.join(await talker(0.1), wait_in_line=True)
    now = upstream.run(10.0, 0.2)
    for _ in range(100):
        now += TICK_S
        upstream.feed.live(SPEECH * 320, now)
    assert upstream.feed.after_talk_s == pytest.approx(2.0, abs=0.15)
    assert upstream.feed.silence_s == 0.0


async def test_a_microphone_is_kept_while_it_gives_and_free_when_it_is_quiet_or_hung_up() -> None:
    upstream = Upstream()
    assert upstream.feed.live(SPEECH, 1.0, "first")
    assert not upstream.feed.live(SPEECH, 1.5, "second")
    assert upstream.feed.live(SPEECH, 2.6, "second")
    assert not upstream.feed.live(SPEECH, 2.7, "first")
    upstream.feed.hang_up("first")
    assert not upstream.feed.live(SPEECH, 2.8, "first")
    upstream.feed.hang_up("second")
    assert upstream.feed.live(SPEECH, 2.9, "first")


async def test_the_tap_hears_once_what_a_renewed_connection_hears_again() -> None:
    upstream = Upstream()
    tapped = bytearray()
    upstream.feed.tap = tapped.extend
    upstream.feed.live(SPEECH * 1600, 2.0)
    upstream.feed.replay(3.0)
    assert len(tapped) == 3200
    assert len(upstream.audio) == 6400
