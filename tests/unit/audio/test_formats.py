import io
import sys
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.audio.formats import AudioFormat, Encoding, from_samples, to_samples, wav_header

ENCODINGS: tuple[Encoding, ...] = ("linear16", "mulaw", "alaw")


@pytest.mark.parametrize(("encoding", "per_second"), [("linear16", 32_000), ("mulaw", 16_000), ("alaw", 16_000)])
def test_a_second_has_the_bytes_of_its_encoding(encoding: Encoding, per_second: int) -> None:
    audio = AudioFormat(encoding, 16_000)
    assert audio.bytes_per_second == per_second
    assert audio.duration_s(per_second * 3) == 3.0


@given(seconds=st.floats(0, 7200), rate=st.sampled_from([8000, 11025, 16000, 24000, 44100, 48000]))
def test_bytes_for_a_duration_are_whole_samples_and_within_one_sample_of_it(seconds: float, rate: int) -> None:
    audio = AudioFormat("linear16", rate)
    n_bytes = audio.bytes_for(seconds)
    assert n_bytes % 2 == 0
    assert abs(audio.duration_s(n_bytes) - seconds) <= 1 / rate


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_silence_decodes_to_nothing_audible_in_every_encoding(encoding: Encoding) -> None:
    silence = AudioFormat(encoding, 8000).silence(160)
    assert len(silence) == 160
    assert np.abs(to_samples(silence, encoding)).max() <= 8 / 32768  # alaw has no exact zero


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encoding_what_was_decoded_gives_the_same_bytes(encoding: Encoding) -> None:
    data = np.arange(-32768, 32768, dtype="<i2").tobytes() if encoding == "linear16" else bytes(range(256))
    again = from_samples(to_samples(data, encoding), encoding)
    if encoding == "mulaw":  # 0x7F and 0xFF are both zero
        assert [(a, b) for a, b in zip(data, again, strict=True) if a != b] == [(0x7F, 0xFF)]
    else:
        assert again == data


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_too_loud_samples_are_clipped_and_keep_their_sign(encoding: Encoding) -> None:
    loud = to_samples(from_samples(np.array([3.0, -3.0], dtype=np.float32), encoding), encoding)
    assert loud[0] > 0.9
    assert loud[1] < -0.9


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of element size"):
        to_samples(b"\x00\x00\x00", "linear16")


def test_a_wav_header_is_read_by_the_standard_library() -> None:
    data = b"\x01\x00" * 2400
    with wave.open(io.BytesIO(wav_header(AudioFormat("linear16", 24_000), len(data)) + data)) as file:
        assert file.getparams()[:4] == (1, 2, 24_000, 2400)
        assert file.readframes(2400) == data


def test_a_wav_header_of_unknown_length_says_so_in_both_sizes() -> None:
    header = wav_header(AudioFormat("linear16", 16_000), None)
    assert len(header) == 44
    assert header[4:8] == header[40:44] == b"\xff\xff\xff\xff"


@pytest.mark.parametrize(("encoding", "tag"), [("mulaw", 7), ("alaw", 6)])
def test_a_companded_wav_header_carries_its_tag_and_its_length_in_samples(encoding: Encoding, tag: int) -> None:
    header = wav_header(AudioFormat(encoding, 8000), 800)
    assert int.from_bytes(header[20:22], sys.byteorder) == tag
    assert header[38:42] == b"fact"
    assert header[46:50] == (800).to_bytes(4, "little")
    assert header[4:8] == (len(header) - 8 + 800).to_bytes(4, "little")


def test_a_length_beyond_what_the_header_can_hold_is_written_as_unknown() -> None:
    assert wav_header(AudioFormat("linear16", 16_000), 5_000_000_000)[40:44] == b"\xff\xff\xff\xff"
