import sys

import numpy as np
import pytest

pytest.importorskip("hibari")

from agentd.engine.speak.hibari import HibariVoice

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def voice() -> HibariVoice:
    return HibariVoice()


def test_every_sentence_is_a_piece_of_its_own(voice: HibariVoice) -> None:
    pieces = list(voice.synthesise("The lamp is on. The heating is off."))
    assert len(pieces) == 2
    assert all(piece.dtype == np.float32 and piece.ndim == 1 for piece in pieces)
    assert all(1.0 < len(piece) / voice.sample_rate < 2.5 for piece in pieces)


def test_a_long_sentence_begins_before_all_of_it_is_made(voice: HibariVoice) -> None:
    text = "I have switched on the lamp in the living room, and because it is getting cold I have also set the heating to warm."
    assert len(list(voice.synthesise(text))) == 2


def test_the_same_text_gives_the_same_sound(voice: HibariVoice) -> None:
    first, second = (np.concatenate(list(voice.synthesise("Good morning."))) for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("text", ["", " ", "...", "\N{THUMBS UP SIGN}", "```code```"])
def test_nothing_to_say_gives_no_sound_and_no_error(voice: HibariVoice, text: str) -> None:
    assert list(voice.synthesise(text)) == []


def test_speech_is_neither_clipped_nor_faint(voice: HibariVoice) -> None:
    loudest = max(np.abs(piece).max() for piece in voice.synthesise("Attention! Fire alarm in the kitchen! Which room?"))
    assert 0.3 < loudest < 0.95


def test_the_voice_brings_no_audio_device_library(voice: HibariVoice) -> None:
    assert "sounddevice" not in sys.modules
