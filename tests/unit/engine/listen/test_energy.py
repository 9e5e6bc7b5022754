import numpy as np

from agentd.engine.listen.energy import EnergyVad
from agentd.engine.providers import VAD_FRAME


def noise(db: float, seconds: float, seed: int = 1) -> np.ndarray:
    samples = np.random.default_rng(seed).standard_normal(int(16_000 * seconds) // VAD_FRAME * VAD_FRAME)
    return (samples * 10 ** (db / 20)).astype(np.float32)


def feed(vad: EnergyVad, samples: np.ndarray) -> list[float]:
    return [vad.feed(samples[at : at + VAD_FRAME]) for at in range(0, len(samples), VAD_FRAME)]


def test_silence_and_a_quiet_room_are_not_speech() -> None:
    vad = EnergyVad()
    assert max(feed(vad, np.zeros(VAD_FRAME * 20, dtype=np.float32))) < 0.1
    assert max(feed(vad, noise(-60, 2))) < 0.1


def test_speech_above_a_quiet_room_is_noticed_at_once_and_its_end_too() -> None:
    vad = EnergyVad()
    feed(vad, noise(-60, 1))
    assert min(feed(vad, noise(-30, 1))) > 0.9
    assert max(feed(vad, noise(-60, 1))) < 0.1


def test_a_stream_that_begins_with_speech_is_heard() -> None:
    assert min(feed(EnergyVad(), noise(-20, 1))) > 0.5


def test_a_fan_that_starts_is_background_after_three_seconds() -> None:
    vad = EnergyVad()
    feed(vad, noise(-60, 1))
    during = feed(vad, noise(-40, 5))
    assert during[0] > 0.9
    assert max(during[-30:]) < 0.1


def test_speech_over_the_fan_is_still_heard() -> None:
    vad = EnergyVad()
    feed(vad, noise(-40, 4))
    assert min(feed(vad, noise(-18, 1))) > 0.9
