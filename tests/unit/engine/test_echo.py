"""The agent's own voice is told from somebody else's by its sound, on the voice that ships and on recordings of people."""

import wave
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from agentd.audio.formats import AudioFormat, Encoding, Samples, from_samples, to_samples
from agentd.audio.resample import RateConverter
from agentd.engine.echo import SAME, SIMILAR, WINDOW_S, Played
from agentd.engine.providers import LISTEN_RATE
from agentd.engine.speak.hibari import HibariVoice

SPEECH = Path(__file__).parents[2] / "data" / "speech"
STORY = "Once there was a keeper of a lighthouse. Every evening he climbed two hundred steps to light the lamp."
MOMENTS_S = (1.4, 2.2, 3.1, 4.0)


@cache
def agent() -> Samples:
    """The agent's speech at 24 kHz."""
    return np.concatenate(list(HibariVoice().synthesise(STORY)))


@cache
def picked_up() -> Samples:
    """The same as a microphone has it, without delay: 16 kHz, 12 dB softer, in a room."""
    dry = RateConverter(24_000, LISTEN_RATE).feed(agent(), last=True) * np.float32(10 ** (-12 / 20))
    rng = np.random.default_rng(7)
    room = rng.standard_normal(3200) * np.exp(-np.arange(3200) / 600) * 0.3
    room[0] = 1.0
    return np.convolve(dry, room)[: len(dry)].astype(np.float32)


def played(encoding: Encoding = "linear16", rate: int = 24_000) -> Played:
    """The story, sent in frames of 200 ms from time 0 on."""
    audio = AudioFormat(encoding, rate)
    data = from_samples(RateConverter(24_000, rate).feed(agent(), last=True), encoding)
    memory, step = Played(audio), audio.bytes_for(0.2)
    for number, start in enumerate(range(0, len(data), step)):
        memory.note(data[start : start + step], number * 0.2, 0.0)
    return memory


def microphone(at_s: float, delay_s: float) -> Samples:
    """What a microphone hears of the story up to ``at_s``."""
    end = round((at_s - delay_s) * LISTEN_RATE)
    return picked_up()[max(0, end - round(WINDOW_S * LISTEN_RATE)) : end]


@pytest.mark.parametrize("delay_s", [0.0, 0.08, 0.25, 0.5])
@pytest.mark.parametrize("output", [("linear16", 24_000), ("mulaw", 8000), ("linear16", 48_000)])
def test_the_agents_voice_in_a_room_is_recognised_at_any_delay(output: tuple[Encoding, int], delay_s: float) -> None:
    memory = played(*output)
    for at_s in MOMENTS_S:
        assert memory.before(at_s).likeness(microphone(at_s, delay_s)) > SIMILAR
    assert np.median([memory.before(at_s).likeness(microphone(at_s, delay_s)) for at_s in MOMENTS_S]) > SAME


@pytest.mark.parametrize("clip", sorted(SPEECH.glob("*.wav")), ids=lambda path: path.stem)
def test_people_do_not_sound_like_the_agent(clip: Path) -> None:
    with wave.open(str(clip)) as file:
        voice = to_samples(file.readframes(file.getnframes()), "linear16")
    memory = played()
    for at_s in MOMENTS_S:
        end = min(len(voice), round(1.3 * LISTEN_RATE))
        assert memory.before(at_s).likeness(voice[:end]) < SAME


def test_where_nothing_was_played_nothing_is_an_echo() -> None:
    assert Played(AudioFormat("linear16", 24_000)).before(2.0).likeness(microphone(2.0, 0.1)) == 0.0


def test_what_was_cut_is_not_looked_for() -> None:
    memory = played()
    memory.cut(1.0)
    assert memory.before(4.0).likeness(microphone(4.0, 0.1)) < SAME
