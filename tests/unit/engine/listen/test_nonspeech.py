import numpy as np
import pytest

from agentd.engine.listen.nonspeech import is_invented, is_tone, once
from tests.support.noises import noises


@pytest.mark.parametrize("kind", ["tone", "sweep"])
def test_tones_and_sweeps_are_known_by_their_spectrum(kind: str) -> None:
    assert all(is_tone(sound) for sound in noises(kind, 20))


@pytest.mark.parametrize("length", [0, 1, 1000, 16_000])
def test_silence_of_any_length_is_no_tone(length: int) -> None:
    assert not is_tone(np.zeros(length, dtype=np.float32))


@pytest.mark.parametrize("text", ["", "you", "You.", "♪♪♪", "...", "© transcript by somebody", "Thank you for watching!"])
def test_what_recognisers_make_of_silence_and_music_is_dropped_however_sure_they_are(text: str) -> None:
    assert is_invented(text, 0.99)


@pytest.mark.parametrize("text", ["Thank you.", "No.", "Yeah"])
def test_a_word_that_noises_are_heard_as_must_be_heard_clearly(text: str) -> None:
    assert is_invented(text, 0.6)
    assert not is_invented(text, 0.7)


def test_a_sentence_may_be_less_sure_than_a_word() -> None:
    assert is_invented("Quick.", 0.45)
    assert not is_invented("How old is the bridge?", 0.45)
    assert is_invented("How old is the bridge?", 0.3)


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        ("Turn it on. Turn it on. Turn", "Turn it on."),
        ("Well, what time is it? What time is it? What time is it? What", "Well, what time is it?"),
        ("Turn it on and turn it off.", "Turn it on and turn it off."),
        ("Louder, louder, louder, and stop.", "Louder, louder, louder, and stop."),
        ("Ask not what your country can do for you, ask what you can do for your country.", None),
        ("", ""),
    ],
)
def test_a_decoder_that_repeats_itself_is_stopped_and_a_person_who_does_is_not(heard: str, said: str | None) -> None:
    assert once(heard) == (heard if said is None else said)
