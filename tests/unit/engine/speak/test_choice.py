"""Which voice a speak block gets, and what is told about it."""

from collections.abc import Iterator
from typing import Any

import pytest

from agentd.engine.providers import Samples, Voice
from agentd.engine.speak.choice import Asked, choose


class Mute:
    sample_rate = 24_000

    def synthesise(self, text: str, speed: float = 1.0) -> Iterator[Samples]:
        return iter(())


HEART = Voice("heart", "hibari-heart-en", "en-US", Mute())
BRITISH = Voice("espeak-en-gb", "espeak-en-gb", "en-gb", Mute())
GERMAN = Voice("espeak-de", "espeak-de", "de", Mute())
SPANISH = Voice("espeak-es-419", "espeak-es-419", "es-419", Mute())
CASTILIAN = Voice("espeak-es", "espeak-es", "es", Mute())
ALL = (HEART, BRITISH, GERMAN, SPANISH, CASTILIAN)


def deepgram(model: str, **more: Any) -> dict[str, Any]:
    return {"provider": {"type": "deepgram", "model": model} | more}


@pytest.mark.parametrize("block", [{}, {"provider": {}}, {"provider": {"type": "deepgram"}}, {"provider": None}])
def test_who_asks_for_nothing_gets_the_voice_that_ships_without_a_word(block: dict[str, Any]) -> None:
    choices, warnings = choose([block], ALL)
    assert [choice.voice for choice in choices] == [HEART]
    assert warnings == ()
    assert choose([], ALL) == (choices, ())


@pytest.mark.parametrize(
    ("name", "voice"), [("heart", HEART), ("hibari-heart-en", HEART), ("espeak-de", GERMAN), ("espeak-en-gb", BRITISH)]
)
def test_a_voice_that_is_here_is_chosen_by_name_without_a_word(name: str, voice: Voice) -> None:
    choices, warnings = choose([deepgram(name)], ALL)
    assert [choice.voice for choice in choices] == [voice]
    assert warnings == ()


@pytest.mark.parametrize(
    ("block", "name", "voice"),
    [
        (deepgram("aura-asteria-en"), "aura-asteria-en", HEART),
        (deepgram("aura-2-celeste-es"), "aura-2-celeste-es", CASTILIAN),
        (deepgram("flux-kit-en"), "flux-kit-en", HEART),
        ({"provider": {"type": "eleven_labs", "model_id": "eleven_flash", "language": "de-DE"}}, "eleven_flash", GERMAN),
        ({"provider": {"type": "cartesia", "model_id": "sonic", "voice": {"mode": "id", "id": "a0e9"}}}, "a0e9", HEART),
        ({"provider": {"type": "open_ai", "model": "tts-1", "voice": "alloy"}}, "alloy", HEART),
        ({"provider": {"type": "aws_polly", "voice": "Amy", "language": "es-419"}}, "Amy", SPANISH),
        ({"provider": {"type": "aws_polly", "voice": "Hans", "language": "fi"}}, "Hans", HEART),
        (deepgram("espeak-fi"), "espeak-fi", HEART),
    ],
)
def test_a_voice_that_is_elsewhere_is_spoken_by_one_of_its_language_and_both_are_named(
    block: dict[str, Any], name: str, voice: Voice
) -> None:
    choices, (warning,) = choose([block], ALL)
    assert [choice.voice for choice in choices] == [voice]
    assert warning.code == "VOICE_MAPPED"
    assert repr(name) in warning.description
    assert f"{voice.name} speaks" in warning.description


def test_the_language_of_the_agent_counts_where_the_block_names_none() -> None:
    assert choose([{}], ALL, language="de")[0][0].voice is GERMAN
    assert choose([deepgram("heart")], ALL, language="de")[0][0].voice is HEART


def test_fallbacks_are_voices_that_differ() -> None:
    blocks = [deepgram("aura-asteria-en", speed=1.2), deepgram("aura-orion-en"), deepgram("espeak-de")]
    choices, _ = choose(blocks, ALL)
    assert [(choice.voice, choice.speed) for choice in choices] == [(HEART, 1.2), (GERMAN, 1.0)]


def test_a_speech_server_is_not_asked_and_the_client_is_told_which() -> None:
    server = {
        "provider": {"type": "open_ai", "model": "tts-1", "voice": "alloy"},
        "endpoint": {"url": "https://t.example/v1?key=s"},
    }
    choices, (warning,) = choose([server], ALL)
    assert [choice.voice for choice in choices] == [HEART]
    assert warning.code == "SPEAK_REQUEST_FAILED"
    assert "open_ai at https://t.example:443" in warning.description
    assert "key" not in warning.description


def test_the_fallback_of_a_speech_server_is_the_next_block() -> None:
    server = {"provider": {"type": "cartesia", "model_id": "sonic"}, "endpoint": {"url": "wss://t.example"}}
    choices, warnings = choose([server, deepgram("aura-2-celeste-es")], ALL)
    assert [choice.voice for choice in choices] == [CASTILIAN]
    assert [warning.code for warning in warnings] == ["SPEAK_REQUEST_FAILED", "VOICE_MAPPED"]


@pytest.mark.parametrize(
    ("asked", "spoken"), [(None, 1.0), (1.3, 1.3), (1, 1.0), (0.1, 0.5), (9, 2.0), ("fast", 1.0), (True, 1.0)]
)
def test_speed_is_honoured_within_what_voices_can_do(asked: object, spoken: float) -> None:
    assert Asked.of(deepgram("aura-asteria-en", speed=asked)).speed == spoken
