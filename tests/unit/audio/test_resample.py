import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.audio.formats import AudioFormat, from_samples, to_samples
from agentd.audio.resample import Converter

CD = AudioFormat("linear16", 44_100)
WIDE = AudioFormat("linear16", 16_000)
PHONE = AudioFormat("mulaw", 8_000)


def tone(rate: int, hz: float, seconds: float = 1.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(samples**2)))


def test_equal_formats_pass_through_untouched_but_for_half_samples_held_back() -> None:
    converter = Converter(WIDE, WIDE)
    assert converter.feed(b"\x01\x02\x03") == b"\x01\x02"
    assert converter.feed(b"\x04") == b"\x03\x04"
    assert converter.feed(b"\x05", last=True) == b""


@given(cuts=st.lists(st.integers(1, 700), min_size=1, max_size=30))
def test_where_the_stream_is_split_makes_no_difference(cuts: list[int]) -> None:
    data = from_samples(np.repeat(tone(44_100, 440, 0.1), 2), "linear16")
    whole = Converter(CD, WIDE, channels=2)
    pieces = Converter(CD, WIDE, channels=2)
    out, at = b"", 0
    for cut in cuts:
        out += pieces.feed(data[at : at + cut])
        at += cut
    assert out + pieces.feed(data[at:], last=True) == whole.feed(data, last=True)


@pytest.mark.parametrize(
    ("source", "target"), [(CD, WIDE), (WIDE, CD), (PHONE, WIDE), (WIDE, PHONE), (AudioFormat("alaw", 8000), PHONE)]
)
def test_conversion_keeps_the_duration_and_the_tone(source: AudioFormat, target: AudioFormat) -> None:
    data = from_samples(tone(source.sample_rate, 500), source.encoding)
    samples = to_samples(Converter(source, target).feed(data, last=True), target.encoding)
    assert abs(len(samples) / target.sample_rate - 1.0) < 0.001
    middle = samples[len(samples) // 4 : -len(samples) // 4]
    assert rms(middle) == pytest.approx(0.5 / np.sqrt(2), rel=0.02)
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert spectrum.argmax() * target.sample_rate / len(middle) == pytest.approx(500, abs=5)


def test_what_lies_above_the_new_nyquist_frequency_is_removed_not_folded_down() -> None:
    samples = to_samples(Converter(CD, WIDE).feed(from_samples(tone(44_100, 12_000), "linear16"), last=True), "linear16")
    assert rms(samples[2000:-2000]) < 0.001


def test_channels_are_averaged() -> None:
    stereo = np.array([0.5, -0.5, 0.75, 0.25], dtype=np.float32)
    mono = np.array([0.0, 0.5], dtype=np.float32)
    assert Converter(WIDE, WIDE, channels=2).feed(from_samples(stereo, "linear16")) == from_samples(mono, "linear16")
