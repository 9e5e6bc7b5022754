"""Recordings on disk: what is written, read back, cut short, and played by others."""

import gc
import math
import shutil
import stat
import struct
import subprocess
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.audio.adpcm import BLOCK_BYTES, BLOCK_SAMPLES
from agentd.audio.formats import AudioFormat
from agentd.audio.tape_file import FRAME_BYTES, HEADER_BYTES, TapeReader, TapeWriter, recording_rate
from agentd.audio.timeline import Track

USER = AudioFormat("mulaw", 8000)
AGENT = AudioFormat("linear16", 16000)
STARTED = "2026-11-25T03:00:00.000Z"


def tone(seconds: float, hz: float = 440.0, rate: int = 16000) -> bytes:
    return b"".join(struct.pack("<h", round(12000 * math.sin(2 * math.pi * hz * i / rate))) for i in range(round(seconds * rate)))


def recorded(path: Path, seconds: int = 3, *, close: bool = True) -> TapeWriter:
    """The user is silent, the agent sings."""
    writer = TapeWriter(path, USER, AGENT, started=STARTED)
    for second in range(seconds):
        writer.write(USER.silence(8000), tone(seconds)[second * 32000 : (second + 1) * 32000])
    if close:
        writer.close()
    return writer


def stereo(pcm: bytes) -> "np.ndarray[tuple[int, int], np.dtype[np.int16]]":
    return np.frombuffer(pcm, "<i2").reshape(-1, 2)


def test_what_was_recorded_is_read_back_to_the_sample(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    recorded(path)
    found = TapeReader.open(path)
    assert (found.sample_rate, found.samples, found.started) == (16000, 3 * 16000, STARTED)
    both = stereo(found.pcm(0, found.pcm_bytes))
    assert both.shape == (48000, 2)
    assert not both[:, 0].any()
    sung = np.frombuffer(tone(3), "<i2").astype(float)
    noise = both[:, 1] - sung
    assert 10 * np.log10(np.mean(sung**2) / np.mean(noise**2)) > 25
    assert path.stat().st_size < found.pcm_bytes / 3.8


def test_it_is_for_its_owner_alone_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    recorded(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        TapeWriter(path, USER, AGENT, started=STARTED)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 190_000), st.integers(0, 190_000))
def test_any_piece_is_the_same_as_in_the_whole(tmp_path_factory: pytest.TempPathFactory, start: int, length: int) -> None:
    path = tmp_path_factory.getbasetemp() / "piece.wav"
    if not path.exists():
        recorded(path)
    found = TapeReader.open(path)
    whole = found.pcm(0, found.pcm_bytes)
    assert found.pcm(start, start + length) == whole[start : start + length]


@pytest.mark.parametrize("close", [True, False])
@pytest.mark.parametrize("decoder", ["ffmpeg", "own"])
def test_other_players_read_it_finished_or_not(tmp_path: Path, decoder: str, *, close: bool) -> None:
    path = tmp_path / "call.wav"
    writer = recorded(path, close=close)
    if decoder == "ffmpeg":
        ffmpeg = shutil.which("ffmpeg")
        assert ffmpeg
        command = [ffmpeg, "-v", "error", "-xerror", "-i", str(path), "-f", "s16le", "pipe:1"]
        pcm = subprocess.run(command, check=True, capture_output=True).stdout
        own = TapeReader.open(path)
        pcm = pcm[: own.pcm_bytes]  # a closed file says its length in samples, which ffmpeg rounds up to whole blocks
        theirs, ours = stereo(pcm).astype(float), stereo(own.pcm(0, own.pcm_bytes)).astype(float)
        assert np.abs(theirs - ours).max() < 200  # its arithmetic rounds otherwise than the standard's
    else:
        pcm = TapeReader.open(path).pcm(0, 10**9)
    missing = 48000 - len(pcm) // FRAME_BYTES
    assert missing == 0 if close else 0 < missing < 3 * BLOCK_SAMPLES
    writer.abandon()


def test_a_file_torn_off_anywhere_is_good_up_to_its_last_block(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    recorded(path)
    whole = TapeReader.open(path).pcm(0, 10**9)
    data = path.read_bytes()
    torn = tmp_path / "torn.wav"
    torn.write_bytes(data[: HEADER_BYTES + 5 * BLOCK_BYTES + 17])
    pcm = TapeReader.open(torn).pcm(0, 10**9)
    assert pcm == whole[: 5 * BLOCK_SAMPLES * FRAME_BYTES]


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"RIFF" + bytes(200)):
        (tmp_path / "x.wav").write_bytes(content)
        with pytest.raises(ValueError, match="file is"):
            TapeReader.open(tmp_path / "x.wav")


def test_it_is_recorded_at_the_better_rate_as_far_as_speech_needs_it() -> None:
    assert recording_rate(USER, AGENT) == 16000
    assert recording_rate(USER, AudioFormat("linear16", 48000)) == 24000


# the timeline

FORMAT = AudioFormat("linear16", 1000)
MS = 2
"""Bytes of a millisecond."""


def test_audio_stands_where_it_was_heard_with_silence_between() -> None:
    track = Track(FORMAT, 10.0, most_s=10)
    track.put(b"\x01" * 100 * MS, 10.1)
    track.put(b"\x02" * 100 * MS, 10.15)  # sent ahead: it plays after the first
    assert track.take(10.5) == bytes(100 * MS) + b"\x01" * 100 * MS + b"\x02" * 100 * MS + bytes(200 * MS)
    track.put(b"\x03" * MS, 10.2)  # too late for its place
    assert track.take(10.6) == b"\x03" * MS + bytes(99 * MS)


def test_a_barge_in_leaves_out_what_was_not_heard() -> None:
    track = Track(FORMAT, 0.0, most_s=10)
    track.put(b"\x01" * 1000 * MS, 0.0)
    track.put(b"\x02" * 1000 * MS, 0.0)
    track.cut(1.25)
    track.put(b"\x03" * 10 * MS, 1.5)
    assert track.take(2.0) == b"\x01" * 1000 * MS + b"\x02" * 250 * MS + bytes(250 * MS) + b"\x03" * 10 * MS + bytes(490 * MS)


def test_a_little_lateness_tears_no_hole() -> None:
    track = Track(FORMAT, 0.0, most_s=10)
    for i in range(10):
        track.put(b"\x01" * 20 * MS, i * 0.02 + (0.1 if i == 4 else 0.0), slack_s=0.25)
    assert track.take(0.2) == b"\x01" * 200 * MS


def test_no_more_than_the_bound_waits() -> None:
    track = Track(FORMAT, 0.0, most_s=1)
    assert track.put(bytes(1000 * MS), 0.0)
    assert not track.put(bytes(MS), 0.0)
    track.take(0.5)
    assert track.put(bytes(MS), 0.5)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0.001, 0.5), st.integers(0, 300), st.booleans()), min_size=1, max_size=40))
def test_what_is_taken_is_always_as_long_as_the_time(steps: list[tuple[float, int, bool]]) -> None:
    track, now, taken = Track(FORMAT, 0.0, most_s=5), 0.0, 0
    for step, n_bytes, cut in steps:
        now += step
        track.put(b"\x01" * (n_bytes * MS), now)
        if cut:
            track.cut(now)
        taken += len(track.take(now))
        assert taken == FORMAT.bytes_for(now)


def test_a_long_call_is_written_in_the_memory_of_a_short_one(tmp_path: Path) -> None:
    user, agent = Track(USER, 0.0, most_s=120), Track(AGENT, 0.0, most_s=120)
    writer = TapeWriter(tmp_path / "call.wav", USER, AGENT, started=STARTED)

    def talk(start: int, end: int) -> int:
        for second in range(start, end):
            user.put(bytes(range(250)) * 32, second)
            if second % 5 == 0:
                agent.put(bytes(range(250)) * 512, second)  # 4 s at once
            if second % 20 == 3:
                agent.cut(second + 0.5)
            writer.write(user.take(second + 0.5), agent.take(second + 0.5))
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        grown = -talk(0, 60) + talk(60, 360)
    finally:
        tracemalloc.stop()
    writer.close()
    assert grown < 32_768
    assert abs(TapeReader.open(tmp_path / "call.wav").samples / 16000 - 359.5) < 0.01
