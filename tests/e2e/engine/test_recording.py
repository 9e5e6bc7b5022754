"""The whole engine with its models: a recording of a person goes in, a call is made, and intelligible speech comes out."""

import wave
from pathlib import Path

import numpy as np
import pytest

from agentd.config import EngineSettings
from agentd.engine.child import EngineChild
from tests.support.agent_client import agent_client, settings
from tests.support.engine import silence

pytestmark = [pytest.mark.e2e, pytest.mark.models]

QUESTION = Path(__file__).parents[3] / "agentd" / "demo" / "question.wav"
ROOMS = ["living room", "kitchen", "bedroom"]
SET_LIGHT = {
    "name": "set_light",
    "description": "Turn the lights of a room on or off.",
    "parameters": {
        "type": "object",
        "properties": {
            "room": {"type": "string", "enum": ROOMS, "description": "The room"},
            "on": {"type": "boolean", "description": "true switches on, false switches off"},
        },
        "required": ["room", "on"],
    },
}


def recording() -> tuple[bytes, int]:
    """The samples (linear16 mono) and their rate."""
    with wave.open(str(QUESTION)) as file:
        assert file.getnchannels() == 1
        assert file.getsampwidth() == 2
        return file.readframes(file.getnframes()), file.getframerate()


async def test_a_spoken_command_is_carried_out_and_answered_in_speech() -> None:
    pytest.importorskip("moonshine_voice", reason="the local extra is not installed")
    audio, rate = recording()
    child = EngineChild(EngineSettings())
    await child.start()
    try:
        await child.wait_ready(60)
        url, _, key = child.target()
        async with agent_client(url, key.get_secret_value()) as client:
            message = settings(think={"provider": {"type": "open_ai", "model": "any"}, "functions": [SET_LIGHT]})
            message["audio"] = {
                "input": {"encoding": "linear16", "sample_rate": rate},
                "output": {"encoding": "linear16", "sample_rate": 16000, "container": "none"},
            }
            await client.send(message)
            await client.until("SettingsApplied")
            quiet = silence(0.3, rate=rate)
            await client.speak(quiet + audio + quiet * 6, bytes_per_s=2 * rate)
            request = await client.until("FunctionCallRequest")
            (call,) = request["functions"]
            assert call["name"] == "set_light"
            assert '"living room"' in call["arguments"]
            result = "The lamp in the living room is on."
            await client.send({"type": "FunctionCallResponse", "id": call["id"], "name": call["name"], "content": result})
            await client.until("AgentAudioDone")
            report = await client.until("LatencyReport")
            assert client.texts("user") == ["Turn on the living room lamp."]
            assert result in " ".join(client.texts("assistant"))
            assert report["endpointing_latency"] > 0
            answer = client.audio()
    finally:
        await child.stop()
    assert _words(answer) >= {"lamp", "living", "room", "on"}


def _words(linear16: bytes) -> set[str]:
    """What the recogniser makes of the agent's own speech."""
    from agentd.engine.listen.moonshine import Moonshine

    heard = Moonshine().transcribe(np.frombuffer(linear16, dtype="<i2").astype(np.float32) / np.float32(32768)).text
    return set(heard.lower().strip(".").split())
