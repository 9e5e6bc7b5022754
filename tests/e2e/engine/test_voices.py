"""Voices of a conversation over a real WebSocket: which one speaks, from when on, and what is told once."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from agentd.engine.providers import Samples, Voice
from tests.support.agent_client import AgentClient, settings
from tests.support.engine import made_up_engine, with_lamp


class Quiet:
    """A voice of another level and pace than the built-in one: 0.2 s a word."""

    sample_rate = 8000

    def synthesise(self, text: str, speed: float = 1.0) -> Iterator[Samples]:
        for _ in text.split():
            yield np.full(round(0.2 / speed * self.sample_rate), 0.01, dtype=np.float32)


QUIET = (Voice("quiet", "quiet", "de", Quiet()),)


def speak(model: str, **more: Any) -> dict[str, Any]:
    return {"provider": {"type": "deepgram", "model": model} | more}


def loudest(audio: bytes) -> int:
    return int(np.abs(np.frombuffer(audio, "<i2")).max())


async def say(client: AgentClient, text: str) -> bytes:
    """Have a text said; its audio."""
    at, before = len(client.items), len(client.audio())
    await client.send({"type": "InjectAgentMessage", "message": text, "behavior": "queue"})
    await client.until("AgentAudioDone", after=at)
    return client.audio()[before:]


async def test_a_voice_is_chosen_by_its_name_and_changed_for_the_next_utterance() -> None:
    async with made_up_engine(voices=QUIET) as engine, engine.client() as client:
        await client.send(settings(**with_lamp(speak=speak("quiet"))))
        await client.until("SettingsApplied")
        assert loudest(await say(client, "one two")) < 1000
        await client.send({"type": "UpdateSpeak", "speak": speak("heart")})
        await client.until("SpeakUpdated")
        assert loudest(await say(client, "one two")) > 1000
        assert client.of_type("Warning") == []


async def test_what_is_being_said_is_finished_in_the_voice_it_began_in() -> None:
    async with made_up_engine(voices=QUIET, audio_ahead_s=0.1) as engine, engine.client() as client:
        await client.send(settings(**with_lamp(speak=speak("quiet"), greeting="one two three four")))
        await client.until("ConversationText")
        await client.send({"type": "UpdateSpeak", "speak": speak("heart")})
        await client.until("SpeakUpdated")
        await client.until("AgentAudioDone")
        assert loudest(client.audio()) < 1000


async def test_a_voice_that_is_elsewhere_is_told_once_after_the_reply() -> None:
    async with made_up_engine() as engine, engine.client() as client:
        await client.send(settings(**with_lamp(speak=speak("aura-2-thalia-en"), greeting="hello")))
        warning = await client.until("Warning")
        assert warning["code"] == "VOICE_MAPPED"
        assert "aura-2-thalia-en" in warning["description"]
        assert "heart" in warning["description"]
        await client.send({"type": "UpdateSpeak", "speak": speak("aura-orion-en")})
        await client.until("SpeakUpdated")
        await say(client, "hello again")
        assert len(client.of_type("Warning")) == 1


@pytest.mark.parametrize(("speed", "seconds"), [(0.8, 0.25), (1.25, 0.16)])
async def test_speed_is_honoured(speed: float, seconds: float) -> None:
    async with made_up_engine() as engine, engine.client() as client:
        await client.send(settings(**with_lamp(speak=speak("aura-2-thalia-en", speed=speed))))
        await client.until("SettingsApplied")
        assert len(await say(client, "one two")) == pytest.approx(seconds * 24_000 * 2, abs=4)


async def test_a_speech_server_that_may_be_asked_is_not_and_the_client_is_told_once() -> None:
    server = {
        "provider": {"type": "open_ai", "model": "tts-1", "voice": "alloy"},
        "endpoint": {"url": "https://tts.example.org/v1"},
    }
    async with made_up_engine(allowed_endpoints=("https://tts.example.org",)) as engine, engine.client() as client:
        await client.send(settings(**with_lamp(speak=server, greeting="hello")))
        assert (await client.until("Warning"))["code"] == "SPEAK_REQUEST_FAILED"
        await say(client, "hello again")
        assert len(client.of_type("Warning")) == 1
        assert client.texts("assistant") == ["hello", "hello again"]


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ({"encoding": "mp3"}, "linear16, mulaw, alaw"),
        ({"encoding": "opus", "sample_rate": 48000}, "linear16, mulaw, alaw"),
        ({"encoding": "linear16", "sample_rate": 96000}, "8000 to 48000"),
        ({"encoding": "linear16", "sample_rate": 24000, "container": "ogg"}, "none, wav"),
    ],
)
async def test_formats_that_the_engine_does_not_speak_are_refused_with_those_it_does(output: dict[str, Any], told: str) -> None:
    async with made_up_engine() as engine, engine.client() as client:
        await client.send(settings(**with_lamp()) | {"audio": {"output": output}})
        error = await client.until("Error")
        assert error["code"] == "INVALID_SETTINGS"
        assert told in error["description"]


@pytest.mark.parametrize("encoding", ["linear16", "mulaw", "alaw"])
@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100])
async def test_a_wav_stream_has_one_header_per_reply_and_frames_stay_even(encoding: str, rate: int) -> None:
    async with made_up_engine(word_s=0.0777) as engine, engine.client() as client:
        output = {"encoding": encoding, "sample_rate": rate, "container": "wav"}
        await client.send(settings(**with_lamp()) | {"audio": {"output": output}})
        await client.until("SettingsApplied")
        for reply in (await say(client, "one two three"), await say(client, "four")):
            assert reply.startswith(b"RIFF\xff\xff\xff\xff")
            assert reply.count(b"RIFF") == 1
        assert all(len(item) % 2 == 0 and item for item in client.items if isinstance(item, bytes))
