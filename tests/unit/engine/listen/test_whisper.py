"""The second recogniser, and the vote of both, on real recordings."""

import wave
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ctranslate2")

from agentd.audio.formats import to_samples
from agentd.engine.listen.moonshine import Moonshine
from agentd.engine.listen.vote import Vote, likeliest
from agentd.engine.listen.whisper import Whisper, features
from agentd.engine.providers import Transcript
from tests.support.noises import KINDS, noises

pytestmark = pytest.mark.models

SPEECH = Path(__file__).parents[3] / "data" / "speech"
HEARD = {
    "what_time_is_it.wav": "What time is it?",
    "set_timer.wav": "Set a timer for 10 minutes.",
    "date_today.wav": "What's the date today?",
}


def clip(name: str) -> np.ndarray:
    with wave.open(str(SPEECH / name)) as file:
        return to_samples(file.readframes(file.getnframes()), "linear16")


@pytest.fixture(scope="module")
def whisper() -> Whisper:
    return Whisper()


@pytest.fixture(scope="module")
def vote(whisper: Whisper) -> Vote:
    return Vote(Moonshine(), whisper)


@pytest.mark.parametrize("name", HEARD)
def test_a_command_is_recognised_by_it_alone_and_by_the_vote(whisper: Whisper, vote: Vote, name: str) -> None:
    assert whisper.transcribe(clip(name)).text == HEARD[name]
    assert vote.transcribe(clip(name)).text == HEARD[name]


@pytest.mark.parametrize("kind", KINDS)
def test_no_noise_of_a_home_is_heard_as_words(whisper: Whisper, vote: Vote, kind: str) -> None:
    for sound in noises(kind, 2):
        assert whisper.transcribe(sound).text == ""
        assert vote.transcribe(sound).text == ""


def test_where_the_first_is_unsure_the_likeliest_to_both_is_taken() -> None:
    class Judge:
        def __init__(self, **likely: float) -> None:
            self.likely = likely

        def log_probability(self, text: str) -> float:
            return self.likely[text]

    first, second = Transcript("lamb", 0.6), Transcript("lamp", 0.5)
    assert likeliest((first, second), (Judge(lamb=-1, lamp=-2), Judge(lamb=-5, lamp=-1))) == second
    assert likeliest((first, second), (Judge(lamb=-1, lamp=-9), Judge(lamb=-5, lamp=-1))) == first


def test_what_was_said_is_likelier_than_what_sounds_alike(whisper: Whisper) -> None:
    heard = whisper.hear(clip("set_timer.wav"))
    assert heard.log_probability("Set a timer for 10 minutes.") > heard.log_probability("Set a time or four ten minutes.") + 5


@pytest.mark.parametrize(("seconds", "frames"), [(0.0, 1500), (2.0, 1500), (10.5, 1600), (40.0, 3000)])
def test_features_are_80_bands_by_10_ms_of_at_least_15_and_at_most_30_seconds(seconds: float, frames: int) -> None:
    noise = np.random.default_rng(1).standard_normal(round(seconds * 16_000)).astype(np.float32)
    found = features(noise)
    assert found.shape == (80, frames)
    assert found.dtype == np.float32


def test_a_tone_shows_in_the_band_of_its_pitch() -> None:
    def loudest(hertz: float) -> int:
        tone = np.sin(2 * np.pi * hertz * np.arange(16_000) / 16_000).astype(np.float32)
        return int(features(tone)[:, 50].argmax())

    assert loudest(200) < loudest(1000) < loudest(4000) < 80
    assert loudest(1000) == 26  # 1 kHz is 15 of 45.2 mel, so 26.9 of 81 steps; the first step is the foot of band 0
