import numpy as np
import pytest

from agentd.engine.listen.parts import LONGEST_S, joined, parts
from agentd.engine.providers import LISTEN_RATE, Samples, Transcript


def speech(seconds: float, *pauses_s: float) -> Samples:
    """Noise with pauses of 300 ms that begin at these times."""
    samples = np.random.default_rng(1).standard_normal(round(seconds * LISTEN_RATE)).astype(np.float32)
    for pause in pauses_s:
        samples[round(pause * LISTEN_RATE) : round((pause + 0.3) * LISTEN_RATE)] *= 0.01
    return samples


@pytest.mark.parametrize("seconds", [0.0, 0.5, LONGEST_S])
def test_what_is_short_stays_whole(seconds: float) -> None:
    assert [len(part) for part in parts(speech(seconds))] == [round(seconds * LISTEN_RATE)]


def test_a_long_recording_is_cut_in_its_pauses_and_loses_nothing() -> None:
    whole = speech(25, 3.0, 8.0, 15.0, 22.0)
    cut = list(parts(whole))
    assert np.array_equal(np.concatenate(cut), whole)
    ends = np.cumsum([len(part) for part in cut])[:-1] / LISTEN_RATE
    assert len(ends) == 2
    assert 8.0 < ends[0] < 8.3
    assert 15.0 < ends[1] < 15.3


def test_without_pauses_no_part_is_too_long_either() -> None:
    assert max(len(part) for part in parts(speech(61))) <= LONGEST_S * LISTEN_RATE


def test_a_transcript_in_parts_is_as_sure_as_its_least_sure_words() -> None:
    assert joined([Transcript("A b.", 0.9), Transcript("", 0.1), Transcript("C.", 0.7)]) == Transcript("A b. C.", 0.7)
    assert joined([Transcript("", 0.1)]) == Transcript("", 0.1)
