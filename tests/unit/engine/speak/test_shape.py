import numpy as np

from agentd.engine.providers import Samples
from agentd.engine.speak.shape import shaped

RATE = 24_000


def tone(seconds: float, level: float = 0.2) -> Samples:
    samples: Samples = (level * np.sin(np.arange(int(RATE * seconds)) * 0.2)).astype(np.float32)
    return samples


def silence(seconds: float) -> Samples:
    return np.zeros(int(RATE * seconds), dtype=np.float32)


def test_speech_begins_at_once_and_ends_with_the_pause_asked_for() -> None:
    speech = shaped(np.concatenate((silence(0.3), tone(0.5), silence(0.7))), RATE, 0.25, gain=1.8)
    assert len(speech) == RATE * 0.75
    assert np.abs(speech[:240]).max() > 0.1
    assert not speech[-RATE // 4 :].any()


def test_a_soft_beginning_is_kept() -> None:
    speech = shaped(np.concatenate((silence(0.3), tone(0.1, level=0.001), tone(0.5))), RATE, 0.0, gain=1.8)
    assert len(speech) == RATE * 0.6


def test_a_pause_between_words_is_kept() -> None:
    assert len(shaped(np.concatenate((tone(0.2), silence(0.4), tone(0.2))), RATE, 0.0, gain=1.8)) == RATE * 0.8


def test_nothing_audible_gives_nothing() -> None:
    assert shaped(silence(0.5), RATE, 0.3, gain=1.8).size == 0
    assert shaped(silence(0), RATE, 0.3, gain=1.8).size == 0
