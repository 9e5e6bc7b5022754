"""Faults of a script, from the handshake on, over a real WebSocket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from agentd.audio.formats import AudioFormat, wav_header
from tests.support.agent_client import AgentClient, agent_client, settings
from tests.support.engine import silence, speech
from tests.support.scripted import KEY, scripted_engine


@asynccontextmanager
async def talking(script: dict[str, Any], text: str = "x", **agent: Any) -> AsyncIterator[AgentClient]:
    """A client of a script whose Settings are applied, and who has typed ``text``."""
    async with scripted_engine(script) as engine, agent_client(engine.url, KEY) as client:
        await client.send(settings(**agent))
        await client.until("SettingsApplied")
        await client.send({"type": "InjectUserMessage", "content": text})
        yield client


def does(*steps: dict[str, Any], **rule: Any) -> dict[str, Any]:
    return {"on": [{"steps": list(steps)} | rule]}


@pytest.mark.parametrize(
    ("handshake", "code", "headers"),
    [
        ({"status": 401}, "INVALID_AUTH", {"dg-error": "refused by the script"}),
        ({"status": 402, "reason": "no money"}, "ASR_PAYMENT_REQUIRED", {"dg-error": "no money"}),
        ({"status": 429, "retry_after_s": 3}, "TOO_MANY_REQUESTS", {"Retry-After": "3"}),
        ({"status": 503, "code": "BUSY", "headers": {"X-Why": "lunch"}}, "BUSY", {"X-Why": "lunch"}),
    ],
)
async def test_a_handshake_is_refused_with_any_status(handshake: dict[str, Any], code: str, headers: dict[str, str]) -> None:
    async with scripted_engine({"handshake": handshake}) as engine, aiohttp.ClientSession() as http:
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Authorization": f"Token {KEY}"}
        async with http.get(f"{engine.http_url}/v1/agent/converse", headers=upgrade) as response:
            assert response.status == handshake["status"]
            assert (await response.json())["err_code"] == code
            assert {name: response.headers[name] for name in headers} == headers
            assert response.headers["dg-request-id"]


async def test_the_connection_breaks_in_the_handshake_and_then_it_is_slow() -> None:
    async with scripted_engine({"handshake": {"drop": True, "times": 2, "delay_s": 0.05}}) as engine:
        with pytest.raises(aiohttp.ClientConnectionError):  # aiohttp tries twice
            async with agent_client(engine.url, KEY):
                pass
        async with agent_client(engine.url, KEY) as client:
            await client.until("Welcome")


async def test_what_happens_before_welcome_is_the_rule_of_connect() -> None:
    script = does({"warning": "EARLY"}, {"text": "garbage"}, {"wait_s": 0.05}, event="connect")
    async with scripted_engine(script) as engine, agent_client(engine.url, KEY) as client:
        await client.send(settings())
        await client.until("SettingsApplied")
        assert client.kinds() == ["Warning", "(not JSON)", "Welcome", "SettingsApplied"]
    async with scripted_engine(does({"drop": True}, event="connect")) as engine, agent_client(engine.url, KEY) as client:
        assert await client.closed() == 1006


async def test_messages_are_left_out_or_sent_twice() -> None:
    script = {"mute": ["Welcome", "SettingsApplied"], "duplicate": ["ConversationText"], "default": {"say": "{text}"}}
    async with scripted_engine(script) as engine, agent_client(engine.url, KEY) as client:
        await client.send(settings(greeting="Hello"))
        await client.send({"type": "InjectUserMessage", "content": "hi"})
        await client.until(lambda item: item == {"type": "History", "role": "assistant", "content": "hi"})
        assert not {"Welcome", "SettingsApplied"} & set(client.kinds())
        assert client.texts("assistant") == ["Hello", "Hello", "hi", "hi"]


async def test_settings_may_never_be_answered() -> None:
    async with scripted_engine(does({"stall": True}, event="settings")) as engine, agent_client(engine.url, KEY) as client:
        await client.send(settings())
        await client.quiet(0.1)
        assert client.kinds() == ["Welcome"]


async def test_an_error_may_leave_the_connection_open() -> None:
    async with talking(does({"error": "FAILED_TO_THINK", "description": "{text}", "hang": True}, {"say": "never"})) as client:
        assert await client.until("Error") == {"type": "Error", "code": "FAILED_TO_THINK", "description": "x"}
        await client.send({"type": "UpdatePrompt", "prompt": "still there"})
        await client.until("PromptUpdated")
        assert client.close_code is None


async def test_half_a_reply_and_then_nothing() -> None:
    async with talking(does({"say": "Half", "audio_s": 0.2, "done": False}, {"drop": True})) as client:
        assert await client.closed() == 1006
        assert len(client.audio()) == 0.2 * 48000
        assert "AgentAudioDone" not in client.kinds()


async def test_frames_come_in_any_size() -> None:
    async with talking(does({"audio_s": 0.1, "frame_bytes": 641}, {"binary": 3}, {"binary": "00ff"}, {"binary": 0})) as client:
        await client.until("AgentAudioDone")
        await client.quiet(0.1)
        frames = [len(item) for item in client.items if isinstance(item, bytes)]
        assert frames[:3] == [641, 641, 641]
        assert sum(frames) == 0.1 * 48000 + 5
        assert frames[-2:] == [3, 2]


async def test_frames_of_a_cut_reply_come_late() -> None:
    async with talking(does({"say": "Long", "audio_s": 60, "realtime": True, "late_s": 0.3})) as client:
        await client.until("AgentStartedSpeaking")
        await client.send_audio(speech(0.2))
        await client.until("AgentAudioDone")
        kinds = client.kinds()
        assert kinds[-3:] == ["UserStartedSpeaking", "~", "AgentAudioDone"]
        begun = client.items.index({"type": "UserStartedSpeaking"})
        assert sum(len(item) for item in client.items[begun:] if isinstance(item, bytes)) == 0.3 * 48000


async def test_the_first_audio_may_be_slow_and_all_of_it_unsteady() -> None:
    step = {"say": "Slow", "audio_s": 0.3, "first_audio_after_s": 0.05, "realtime": True, "jitter_s": 0.02}
    async with talking(does(step)) as client:
        await client.until("AgentAudioDone")
        assert len(client.audio()) == 0.3 * 48000


async def test_latencies_are_what_the_script_says() -> None:
    latency = {"ttt_text_latency": 0.5, "tts_latency": 0.25, "total_latency": 0.9}
    async with talking(does({"say": "a", "audio_s": 0.1, "latency": latency})) as client:
        await client.until("AgentAudioDone")
        started = {"type": "AgentStartedSpeaking", "total_latency": 0.9, "tts_latency": 0.25, "ttt_latency": 0.5}
        assert client.of_type("AgentStartedSpeaking") == [started]
        assert client.of_type("LatencyReport") == [{"type": "LatencyReport"} | latency]


async def test_a_recording_is_the_voice(tmp_path: Path) -> None:
    audio = AudioFormat("linear16", 16000)
    sound = speech(0.5)
    (tmp_path / "hello.wav").write_bytes(wav_header(audio, len(sound)) + sound)
    async with talking(does({"say": "Hello", "audio_file": str(tmp_path / "hello.wav")})) as client:
        await client.until("AgentAudioDone")
        assert abs(len(client.audio()) - 0.5 * 48000) < 480
        assert max(client.audio()) > 0


async def test_a_client_that_wants_wav_gets_a_header_with_each_speech() -> None:
    output = {"encoding": "linear16", "sample_rate": 24000, "container": "wav"}
    async with scripted_engine({}) as engine, agent_client(engine.url, KEY) as client:
        await client.send(settings() | {"audio": {"output": output}})
        for text in ("one", "two"):
            await client.send({"type": "InjectUserMessage", "content": text})
        await client.until(lambda item: item == {"type": "History", "role": "assistant", "content": "I heard: two"})
        frames = [item for item in client.items if isinstance(item, bytes)]
        assert [frame[:4] for frame in frames].count(b"RIFF") == 2
        assert len(client.audio()) == 2 * (44 + 0.3 * 48000)


async def test_any_message_can_be_made_up() -> None:
    steps: list[dict[str, Any]] = [
        {"history": "earlier", "role": "user"},
        {"thinking": "about {text}"},
        {"interrupt": True},
        {"raw": {"type": "Welcome", "request_id": "{text}"}},
        {"call": "f", "id": "1", "wait": False},
        {"call": "f", "id": "1", "wait": False},
        {"cancel": True},
        {"duplicate": "Warning"},
        {"warning": "W"},
        {"mute": "Warning"},
        {"warning": "V"},
        {"close": 4001, "reason": "enough"},
    ]
    async with talking({"mode": "bare"} | does(*steps)) as client:
        assert await client.closed() == 4001
        assert client.kinds()[3:] == [
            "History", "History", "AgentThinking", "UserStartedSpeaking", "Welcome",
            "FunctionCallRequest", "FunctionCallRequest", "FunctionCallCancelled", "Warning", "Warning",
        ]  # fmt: skip
        assert client.of_type("Welcome")[1]["request_id"] == "x"
        assert client.of_type("AgentThinking")[0]["content"] == "about x"


async def test_a_call_that_is_not_answered_does_not_hold_the_rule_for_ever() -> None:
    async with talking(does({"call": "f", "within_s": 0.05}, {"say": "without it"})) as client:
        await client.until("AgentAudioDone")
        assert client.texts("assistant") == ["without it"]


async def test_rules_answer_whatever_happens() -> None:
    events = ["keepalive", "force_end_turn", "speech_started", "audio"]
    script = {"on": [{"event": event, "times": 1, "steps": [{"raw": {"type": f"on {event}"}}]} for event in events]}
    async with talking(script) as client:
        await client.send({"type": "KeepAlive"})
        await client.until("on keepalive")
        await client.send({"type": "ForceEndTurn"})
        await client.until("on force_end_turn")
        await client.send_audio(silence(0.1))
        await client.until("on audio")
        await client.send_audio(speech(0.2))
        await client.until("on speech_started")


async def test_pings_may_stay_without_an_answer() -> None:
    async def pong(script: dict[str, Any]) -> bool:
        headers = {"Authorization": f"Token {KEY}"}
        async with (
            scripted_engine(script) as engine,
            aiohttp.ClientSession() as http,
            http.ws_connect(f"{engine.url}/v1/agent/converse", headers=headers, autoping=False) as socket,
        ):
            await socket.receive()
            await socket.ping(b"there?")
            await socket.send_json(settings())
            async with asyncio.timeout(30):
                while True:
                    frame = await socket.receive()
                    if frame.type is aiohttp.WSMsgType.PONG:
                        return True
                    if frame.type is aiohttp.WSMsgType.TEXT and "SettingsApplied" in frame.data:
                        return False

    assert await pong({})
    assert not await pong({"answer_pings": False})


async def test_a_withdrawn_call_may_go_untold() -> None:
    script = {"mute": ["FunctionCallCancelled"]} | does({"call": "f", "wait": False}, {"cancel": True}, {"say": "on"})
    async with talking(script) as client:
        await client.until("AgentAudioDone")
        assert "FunctionCallRequest" in client.kinds()
        assert "FunctionCallCancelled" not in client.kinds()


async def test_a_result_may_lead_to_another_call() -> None:
    chain = [
        {"event": "function_result", "match": "first", "steps": [{"call": "second"}]},
        {"event": "function_result", "steps": [{"say": "{result}!"}]},
    ]
    async with talking({"on": [{"steps": [{"call": "first"}]}, *chain]}) as client:
        for name in ("first", "second"):
            call = (await client.until("FunctionCallRequest", after=len(client.items)))["functions"][0]
            assert call["name"] == name
            await client.send({"type": "FunctionCallResponse", "id": call["id"], "name": name, "content": name})
        await client.until("AgentAudioDone")
        assert client.texts("assistant") == ["second!"]


async def test_audio_is_kept_until_settings_are_applied_but_not_for_ever() -> None:
    script = does({"wait_s": 0.2}, event="settings")
    async with scripted_engine(script) as engine, agent_client(engine.url, KEY) as client:
        await client.send(settings())
        await client.send_audio(speech(1.0) + silence(12.0))
        await client.send_audio(speech(0.3) + silence(0.4))
        await client.until("AgentAudioDone")
        assert client.texts("user") == ["something"]
