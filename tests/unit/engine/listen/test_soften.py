import numpy as np
import pytest

from agentd.engine.listen.soften import softened
from agentd.engine.providers import Samples


def level(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples))))


def tone(seconds: float) -> Samples:
    """Two seconds of a vowel-like sound that comes and goes."""
    time = np.arange(round(seconds * 16_000)) / 16_000
    sound = sum(np.sin(2 * np.pi * 150 * k * time) / k for k in range(1, 20)) * (np.sin(2 * np.pi * 2 * time) > 0)
    return (0.1 * np.asarray(sound)).astype(np.float32)


def noise(seconds: float) -> Samples:
    return (0.02 * np.random.default_rng(1).standard_normal(round(seconds * 16_000))).astype(np.float32)


def test_steady_noise_is_softer_after_it_by_up_to_four_decibels() -> None:
    assert 0.55 < level(softened(noise(2.0))) / level(noise(2.0)) < 0.75


def test_what_is_louder_than_the_noise_stays_and_the_noise_between_goes() -> None:
    mixed = tone(2.0) + noise(2.0)
    after = softened(mixed)
    loud = tone(2.0) != 0
    assert level(after[loud]) / level(mixed[loud]) > 0.95
    assert level(after[~loud]) / level(mixed[~loud]) < 0.8


def test_a_quiet_recording_is_left_as_it_is() -> None:
    quiet = tone(2.0) + noise(2.0) * np.float32(0.02)
    assert np.array_equal(softened(quiet), quiet)


@pytest.mark.parametrize("length", [0, 1, 511, 512, 5000, 16_001])
def test_the_length_stays(length: int) -> None:
    for samples in (np.zeros(length, dtype=np.float32), noise(length / 16_000)):
        after = softened(samples)
        assert after.shape == samples.shape
        assert after.dtype == np.float32
        assert np.isfinite(after).all()
