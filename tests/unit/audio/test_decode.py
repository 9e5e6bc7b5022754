import io
import struct
import wave
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.audio.decode import Decoder, RawDecoder, WavDecoder, raw_layout
from agentd.audio.formats import AudioFormat, from_samples, to_samples, wav_header
from agentd.errors import InvalidAudio, MalformedRequest

TARGET = AudioFormat("linear16", 16_000)


def ramp(count: int = 1600) -> np.ndarray:
    return np.linspace(-0.9, 0.9, count, dtype=np.float32)


def wav(
    body: bytes, tag: int, bits: int, rate: int = 16_000, channels: int = 1, *, size: int | None = None, fmt: bytes = b""
) -> bytes:
    block = bits // 8 * channels
    head = struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits) + fmt
    size = len(body) if size is None else size
    return b"RIFF\xff\xff\xff\xffWAVEfmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", size) + body


def decode(data: bytes, target: AudioFormat = TARGET) -> bytes:
    decoder = WavDecoder(target)
    return decoder.feed(data) + decoder.finish()


def in_pieces(decoder: Decoder, data: bytes, cuts: list[int]) -> bytes:
    out, at = b"", 0
    for cut in cuts:
        out += decoder.feed(data[at : at + cut])
        at += cut
    return out + decoder.feed(data[at:]) + decoder.finish()


def as_24_bit(samples: np.ndarray) -> bytes:
    wide = (samples.astype(np.float64) * 2**31).astype("<i4")
    return wide.view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()


DEPTHS = {
    "8 bit": ((ramp() * 127 + 128).astype(np.uint8).tobytes(), 1, 8, 0.02),
    "16 bit": (from_samples(ramp(), "linear16"), 1, 16, 0.0001),
    "24 bit": (as_24_bit(ramp()), 1, 24, 0.0001),
    "32 bit": ((ramp().astype(np.float64) * 2**31).astype("<i4").tobytes(), 1, 32, 0.0001),
    "float": (ramp().astype("<f4").tobytes(), 3, 32, 0.0001),
    "double": (ramp().astype("<f8").tobytes(), 3, 64, 0.0001),
    "A-law": (from_samples(ramp(), "alaw"), 6, 8, 0.03),
    "mu-law": (from_samples(ramp(), "mulaw"), 7, 8, 0.03),
}


@pytest.mark.parametrize("depth", DEPTHS)
def test_every_common_depth_is_decoded(depth: str) -> None:
    body, tag, bits, tolerance = DEPTHS[depth]
    np.testing.assert_allclose(to_samples(decode(wav(body, tag, bits)), "linear16"), ramp(), atol=tolerance)


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_extensible_header_means_the_same(depth: str) -> None:
    body, tag, bits, _ = DEPTHS[depth]
    guid = struct.pack("<H", tag) + bytes.fromhex("000000001000800000aa00389b71")
    extensible = wav(body, 0xFFFE, bits, fmt=struct.pack("<HHI", 22, bits, 4) + guid)
    assert decode(extensible) == decode(wav(body, tag, bits))


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFF000, 0x7FFFFFDA, 0x80000000])
def test_the_samples_of_a_pipe_go_on_to_the_end_whatever_size_its_header_claims(size: int) -> None:
    body = from_samples(ramp(), "linear16")
    assert decode(wav(body, 1, 16, size=size)) == body


def rf64(body: bytes, *, size: int, form: bytes = b"RF64") -> bytes:
    plain = wav(body, 1, 16, size=0xFFFFFFFF)
    ds64 = b"ds64" + struct.pack("<IQQQI", 28, len(body) + 72, size, 0, 0)
    return form + plain[4:12] + ds64 + plain[12:]


@pytest.mark.parametrize("form", [b"RF64", b"BW64"])
def test_a_header_of_64_bits_says_where_the_samples_end(form: bytes) -> None:
    body = from_samples(ramp(), "linear16")
    assert decode(rf64(body, size=len(body), form=form) + b"LIST\x04\x00\x00\x00loud") == body


@pytest.mark.parametrize("size", [0, 2**64 - 1])
def test_a_header_of_64_bits_of_a_pipe_knows_no_end_either(size: int) -> None:
    body = from_samples(ramp(), "linear16")
    assert decode(rf64(body, size=size)) == body


def test_tags_after_the_samples_are_not_heard() -> None:
    body = from_samples(ramp(), "linear16")
    assert decode(wav(body, 1, 16) + b"LIST\x04\x00\x00\x00loud") == body


def test_chunks_before_the_samples_are_passed_over_with_their_padding() -> None:
    body = from_samples(ramp(), "linear16")
    plain = wav(body, 1, 16)
    assert decode(plain[:12] + b"LIST\x03\x00\x00\x00abc\x00" + plain[12:]) == body
    assert decode(plain[:36] + b"junk\x05\x00\x00\x00data\x01\x00" + plain[36:]) == body


@given(cuts=st.lists(st.integers(0, 50), max_size=60))
def test_where_the_upload_is_split_makes_no_difference(cuts: list[int]) -> None:
    body = from_samples(np.repeat(ramp(500), 2), "linear16")
    data = (
        b"RIFF\x00\x00\x00\x00WAVELIST\x03\x00\x00\x00abc\x00"
        + wav(body, 1, 16, rate=44_100, channels=2)[12:]
        + b"tail\x02\x00\x00\x00xx"
    )
    assert in_pieces(WavDecoder(TARGET), data, cuts) == decode(data)


def test_stereo_of_another_rate_keeps_its_duration_and_is_counted() -> None:
    decoder = WavDecoder(TARGET)
    out = (
        decoder.feed(wav(from_samples(np.repeat(ramp(48_000), 2), "linear16"), 1, 16, rate=48_000, channels=2)) + decoder.finish()
    )
    assert decoder.seconds == 1.0
    assert TARGET.duration_s(len(out)) == pytest.approx(1.0, abs=0.001)
    assert decoder.input == "WAV, 16 bit PCM, 48000 Hz, stereo"


def test_a_float_file_with_nan_and_infinity_does_not_silence_what_follows() -> None:
    samples = np.concatenate([np.array([np.nan, np.inf, -np.inf, 3e38], dtype=np.float32), ramp(8000)])
    heard = to_samples(decode(wav(samples.astype("<f4").tobytes(), 3, 32, rate=24_000)), "linear16")
    assert np.abs(heard[-500:]).max() > 0.8


def test_what_the_standard_library_writes_is_read() -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, 16_000, 0, "NONE", ""))
        writer.writeframes(from_samples(ramp(), "linear16"))
    assert decode(file.getvalue()) == from_samples(ramp(), "linear16")


@pytest.mark.parametrize("encoding", ["linear16", "mulaw", "alaw"])
def test_what_we_write_is_read(encoding: str) -> None:
    audio = AudioFormat(encoding, 8000)  # type: ignore[arg-type]
    data = from_samples(ramp(), audio.encoding)
    assert decode(wav_header(audio, len(data)) + data, target=audio) == data
    assert decode(wav_header(audio, None) + data, target=audio) == data


def test_raw_samples_without_parameters_are_in_the_target_format() -> None:
    data = from_samples(ramp(), "linear16")
    decoder = RawDecoder(raw_layout("", TARGET), TARGET)
    assert decoder.feed(data) + decoder.finish() == data


def test_raw_samples_are_converted_as_their_parameters_say() -> None:
    data = from_samples(np.repeat(ramp(800), 2), "mulaw")
    decoder = RawDecoder(raw_layout(' encoding="mulaw"; Rate=8000 ;channels=2', TARGET), TARGET)
    assert decoder.input == "raw samples, 8 bit mu-law, 8000 Hz, stereo"
    assert TARGET.duration_s(len(decoder.feed(data) + decoder.finish())) == pytest.approx(0.1, abs=0.001)


@pytest.mark.parametrize(
    "parameters",
    ["rate=0", "rate=3999", "rate=192001", "rate=-16000", "rate=16k", "channels=9", "channels=0", "encoding=opus", "bits=16"],
)
def test_parameters_that_cannot_be_used_are_named(parameters: str) -> None:
    with pytest.raises(InvalidAudio) as caught:
        raw_layout(parameters, TARGET)
    assert parameters.partition("=")[2].lstrip("-") in caught.value.detail
    assert "Content-Type: audio/pcm;encoding=linear16;rate=16000;channels=1" in caught.value.detail


BROKEN = {
    "'ds64' chunk has 4 bytes": b"RF64\xff\xff\xff\xffWAVEds64\x04\x00\x00\x00abcd",
    "is not a WAV file": b"not a wave file at all",
    "begins with b'RIFF": b"RIFF\x00\x00\x00\x00AVI LIST",
    "no 'fmt ' chunk": b"RIFF\x00\x00\x00\x00WAVEdata\x04\x00\x00\x00abcd",
    "ends before its samples": wav(b"", 1, 16)[:30],
    "claims 70000 bytes": b"RIFF\x00\x00\x00\x00WAVEfmt \x70\x11\x01\x00",
    "16 at least are needed": b"RIFF\x00\x00\x00\x00WAVEfmt \x04\x00\x00\x00abcd",
    "more than 64 chunks": b"RIFF\x00\x00\x00\x00WAVE" + b"junk\x00\x00\x00\x00" * 100,
    "has 2: it is damaged": wav(b"", 1, 16)[:32] + b"\x07\x00" + wav(b"", 1, 16)[34:],
}


@pytest.mark.parametrize("message", BROKEN)
def test_a_broken_wav_is_malformed_and_told_why(message: str) -> None:
    with pytest.raises(MalformedRequest, match=message):
        decode(BROKEN[message])


FOREIGN = {
    "16 bit codec 0x0161": wav(b"", 0x161, 16),
    "8 bit MP3": wav(b"", 85, 8),
    "64 bit PCM": wav(b"", 1, 64),
    "16 bit float": wav(b"", 3, 16),
    "1000000 Hz": wav(b"", 1, 16, rate=1_000_000),
    "0 channels": wav(b"", 1, 16, channels=0),
    "300 channels": wav(b"", 1, 16, channels=300),
    "RIFX": b"RIFX\x00\x00\x00\x00WAVEfmt ",
    "unknown kind": wav(b"", 0xFFFE, 16, fmt=bytes(24)),
}


@pytest.mark.parametrize("message", FOREIGN)
def test_a_wav_that_is_not_taken_is_named(message: str) -> None:
    with pytest.raises(InvalidAudio, match=message):
        decode(FOREIGN[message])


def test_a_header_chunk_of_four_gigabytes_is_passed_over_without_being_kept() -> None:
    decoder = WavDecoder(TARGET)
    decoder.feed(b"RIFF\x00\x00\x00\x00WAVELIST\xff\xff\xff\xff")
    for _ in range(64):
        assert decoder.feed(bytes(65_536)) == b""
    assert len(decoder._header._buffer) == 0


@settings(max_examples=400)
@given(data=st.binary(max_size=120), at=st.integers(0, 60))
def test_no_header_can_do_worse_than_be_refused(data: bytes, at: int) -> None:
    sound = wav(from_samples(ramp(20), "linear16"), 1, 16)
    with suppress(MalformedRequest, InvalidAudio):
        decode(sound[:at] + data + sound[at + len(data) // 2 :])
