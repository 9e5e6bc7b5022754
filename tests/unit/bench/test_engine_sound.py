import numpy as np
import pytest

from agentd.engine.providers import LISTEN_RATE, Samples
from bench.engine.clips import Clip, Speech
from bench.engine.disturbances import ECHO_DELAYS_MS
from bench.engine.gaps import dips, load_gaps
from bench.engine.sound import (
    at_level,
    clicks,
    cough,
    count,
    delayed,
    joined,
    level,
    mixed,
    music,
    room_noise,
    transposed,
    with_pause,
)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def tone(seconds: float, volume: float = 0.3) -> Samples:
    time = np.arange(round(seconds * LISTEN_RATE)) / LISTEN_RATE
    return (volume * np.sin(2 * np.pi * 220 * time)).astype(np.float32)


def speech_like() -> Samples:
    """Half a second of quiet room, a second of tone, half a second of room."""
    room = at_level(rng().standard_normal(LISTEN_RATE // 2), -60)
    return np.concatenate((room, tone(1.0), room))


def test_room_noise_is_as_loud_as_the_room_and_never_the_speech() -> None:
    noise = room_noise(speech_like(), 2 * LISTEN_RATE, rng())
    assert len(noise) == 2 * LISTEN_RATE
    assert 20 * np.log10(level(noise)) == pytest.approx(-60, abs=1.5)


def test_a_recording_without_a_quiet_moment_gets_noise_made_up_far_below_it() -> None:
    noise = room_noise(tone(0.5), LISTEN_RATE, rng())
    assert level(noise) == pytest.approx(level(tone(0.5)) / 100, rel=0.01)


@pytest.mark.parametrize("pause_ms", [300, 500, 800])
def test_a_pause_makes_a_recording_longer_by_just_itself_and_leaves_the_rest_alone(pause_ms: int) -> None:
    recording, at = speech_like(), LISTEN_RATE
    paused = with_pause(recording, at, pause_ms, rng())
    assert len(paused) == len(recording) + count(pause_ms)
    fade = count(10)
    assert np.array_equal(paused[: at - fade], recording[: at - fade])
    assert np.array_equal(paused[at + count(pause_ms) + fade :], recording[at + fade :])
    middle = paused[at + fade : at + count(pause_ms) - fade]
    assert 20 * np.log10(level(middle)) < -55


def test_joined_sounds_go_over_without_a_jump() -> None:
    whole = joined([np.full(800, 0.5, dtype=np.float32), np.full(800, -0.5, dtype=np.float32)])
    assert len(whole) == 1600 - count(10)
    assert np.max(np.abs(np.diff(whole))) < 0.01


def test_mixed_sounds_begin_together_and_are_as_long_as_the_longest() -> None:
    assert np.array_equal(mixed(np.array([0.5, 0.5], dtype=np.float32), np.array([0.25], dtype=np.float32)), [0.75, 0.5])
    assert len(delayed(tone(0.1), 50)) == count(150)


def test_the_same_seed_makes_the_same_sound() -> None:
    for make in (clicks, cough, music):
        assert np.array_equal(make(rng()), make(rng()))
        assert not np.array_equal(make(rng()), make(np.random.default_rng(1)))


def test_a_transposed_voice_is_higher_and_quicker() -> None:
    high = transposed(tone(1.0), 1.25)
    assert len(high) == pytest.approx(LISTEN_RATE / 1.25, abs=2)
    spectrum = np.abs(np.fft.rfft(high))
    assert np.argmax(spectrum) * LISTEN_RATE / len(high) == pytest.approx(275, abs=3)


def test_speech_knows_its_ends_its_voiced_time_and_its_pauses() -> None:
    speech = Speech((False, True, True, False, False, True, False))
    assert (speech.start, speech.end) == (512, 6 * 512)
    assert speech.after_voiced(64) == 3 * 512
    assert speech.after_voiced(96) == 6 * 512
    assert speech.after_voiced(97) is None
    assert speech.pauses(64) == [(3 * 512, 5 * 512)]
    assert speech.pauses(65) == []


def test_silence_has_no_speech() -> None:
    assert (Speech((False, False)).start, Speech((False, False)).end) == (0, 0)


def test_dips_are_where_the_energy_is_least_and_apart_from_each_other() -> None:
    sound = tone(1.0)
    for at in (4000, 5000, 11000):
        sound[at - 250 : at + 250] *= 0.01 if at != 5000 else 0.1
    found = dips(sound, 2000, 14000)
    assert all(min(abs(at - 4000), abs(at - 11000)) < 250 for at in found[:2])
    assert not any(abs(at - 5000) < 250 for at in found)
    assert all(abs(one - other) >= count(120) for one in found for other in found if one != other)


def test_a_clips_randomness_is_its_own_and_the_same_every_time() -> None:
    one, other = Clip("one", "", tone(0.5)), Clip("other", "", tone(0.5))
    assert one.rng(1).integers(1000) == one.rng(1).integers(1000)
    assert one.rng(1).integers(1 << 30) != other.rng(1).integers(1 << 30)


def test_the_set_of_pauses_has_at_least_sixty_cases() -> None:
    gaps = load_gaps()
    assert 3 * len(gaps) >= 60
    assert len({(gap.clip, gap.at) for gap in gaps}) == len(gaps)
    assert ECHO_DELAYS_MS == (50, 100, 150, 200)
