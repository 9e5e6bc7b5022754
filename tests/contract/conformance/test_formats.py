"""Audio in every format a server has to take and to give."""

import asyncio
import wave
from io import BytesIO
from typing import Any

import pytest

from tests.contract.conformance.caller import GREETING, LAMP_CLIP, LAMP_SPOKEN, Caller, clip, document
from tests.contract.conformance.servers import CONFORMANCE, Ability, Server, needs
from tests.support.agent_client import SETTINGS

pytestmark = CONFORMANCE


def sounding(*, greeting: str = GREETING, **audio: Any) -> dict[str, Any]:
    return document(greeting=greeting) | {"audio": SETTINGS["audio"] | audio}


@pytest.mark.parametrize(
    ("encoding", "rate"),
    [("linear16", rate) for rate in (8000, 16000, 22050, 24000, 44100, 48000)]
    + [(encoding, rate) for encoding in ("mulaw", "alaw") for rate in (8000, 16000)],
)
async def test_a_greeting_lasts_as_long_in_every_output_format(server: Server, encoding: str, rate: int) -> None:
    width = 2 if encoding == "linear16" else 1
    seconds = []
    for output in (
        {"encoding": encoding, "sample_rate": rate, "container": "none"},
        {"encoding": "linear16", "sample_rate": 24000},
    ):
        async with server.client() as client:
            await client.begin(sounding(greeting="Hello!", output=output))
            await client.done()
            used = width if output["encoding"] == encoding else 2
            assert all(0 < len(item) <= 64 * 1024 and len(item) % used == 0 for item in client.items if isinstance(item, bytes))
            seconds.append(len(client.audio()) / used / float(str(output["sample_rate"])))
    assert seconds[0] == pytest.approx(seconds[1], rel=0.05, abs=0.05)
    assert seconds[0] > 0.15


@needs(Ability.CONDUCT)
async def test_wav_begins_each_reply_with_a_header(client: Caller) -> None:
    await client.begin(sounding(output={"encoding": "linear16", "sample_rate": 16000, "container": "wav"}))
    await client.done()
    at = len(client.items)
    await client.inject("Tea is ready.", behavior="interrupt")
    await client.done(after=at)
    for reply in (client.items[:at], client.items[at:]):
        audio = b"".join(item for item in reply if isinstance(item, bytes))
        assert (audio[:4], audio[8:12]) == (b"RIFF", b"WAVE")
        assert audio.count(b"RIFF") == 1
        samples = audio[44:]
        sized = BytesIO(
            audio[:4] + (len(audio) - 8).to_bytes(4, "little") + audio[8:40] + len(samples).to_bytes(4, "little") + samples
        )
        with wave.open(sized) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)


async def test_without_a_container_there_is_no_header(client: Caller) -> None:
    await client.begin(sounding(output={"encoding": "linear16", "sample_rate": 16000}))
    await client.done()
    assert b"RIFF" not in client.audio()


async def understood(server: Server, encoding: str, rate: int) -> str:
    """What the server makes of a recording in an input format."""
    async with server.client() as client:
        await client.begin(document() | {"audio": SETTINGS["audio"] | {"input": {"encoding": encoding, "sample_rate": rate}}})
        async with client.microphone(clip(LAMP_CLIP, encoding=encoding, rate=rate), encoding=encoding, rate=rate):
            return await client.heard()


@needs(Ability.EARS)
async def test_speech_is_understood_in_every_input_format(server: Server) -> None:
    formats = [("mulaw", 8000), ("alaw", 8000), ("alaw", 16_000), ("linear16", 8000), ("linear16", 48_000)]
    heard = await asyncio.gather(*(understood(server, encoding, rate) for encoding, rate in formats))
    assert dict(zip(formats, heard, strict=True)) == dict.fromkeys(formats, LAMP_SPOKEN)


async def test_audio_in_frames_of_any_size_is_taken(client: Caller) -> None:
    """Odd lengths, single bytes, two seconds at once: what telephones, browsers and files send."""
    await client.begin()
    sound = bytes(9600) + clip(LAMP_CLIP) + bytes(48_000)
    at = 0
    for size in (1, 333, 4096, 3200, 2730, 64_000):
        await client.send_audio(sound[at : at + size])
        at += size
    await client.send_audio(sound[at:])
    await client.until("UserStartedSpeaking", timeout=30)
    await client.asked()


@needs(Ability.VOICE)
async def test_what_is_spoken_is_speech(client: Caller) -> None:
    """It is neither silence nor clipped, and as long as such a sentence takes."""
    import numpy as np

    await client.begin(greeting=GREETING)
    await client.done()
    samples = np.frombuffer(client.audio(), dtype="<i2").astype(np.float32) / 32768
    assert 0.4 < len(samples) / 24_000 < 3
    assert 0.02 < float(np.sqrt(np.mean(samples**2))) < 0.5
    assert float(np.mean(np.abs(samples) > 0.99)) < 0.001
