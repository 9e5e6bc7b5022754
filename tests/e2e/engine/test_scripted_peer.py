"""The scripted peer over a real WebSocket: each step of a script, and what it does with speech."""

from typing import Any

import aiohttp
import pytest

from tests.support.agent_client import AgentClient, agent_client, settings
from tests.support.engine import silence, speech
from tests.support.scripted import KEY, scripted_engine

LAMP = """
on:
  - match: lamp
    hears: turn on the lamp
    steps:
      - call: set_light
        arguments: {room: kitchen}
      - say: "Done: {result}"
        audio_s: 0.5
"""


async def opened(client: AgentClient, **agent: Any) -> None:
    await client.send(settings(**agent))
    await client.until("SettingsApplied")


async def tell(client: AgentClient, text: str) -> None:
    await client.send({"type": "InjectUserMessage", "content": text})


async def answer(client: AgentClient, content: str = "ok") -> None:
    call = (await client.until("FunctionCallRequest"))["functions"][0]
    await client.send({"type": "FunctionCallResponse", "id": call["id"], "name": call["name"], "content": content})


def one(steps: list[dict[str, Any]], **rule: Any) -> dict[str, Any]:
    return {"on": [{"steps": steps} | rule]}


async def test_a_spoken_turn_with_a_call_in_full_mode() -> None:
    async with scripted_engine(LAMP) as engine, agent_client(engine.url, KEY) as client:
        await opened(client)
        await client.send_audio(silence(0.1) + speech(0.5) + silence(0.4))
        await answer(client)
        await client.until(lambda item: item == {"type": "History", "role": "assistant", "content": "Done: ok"})
        assert client.kinds() == [
            "Welcome",
            "SettingsApplied",
            "UserStartedSpeaking",
            "ConversationText",
            "EndOfTurn",
            "History",
            "AgentThinking",
            "FunctionCallRequest",
            "FunctionCallResponse",
            "History",
            "ConversationText",
            "AgentStartedSpeaking",
            "LatencyReport",
            "~",
            "AgentAudioDone",
            "History",
        ]
        assert client.texts("user") == ["turn on the lamp"]
        assert len(client.audio()) == 0.5 * 24000 * 2


async def test_bare_mode_leaves_out_what_real_servers_do_not_send() -> None:
    async with scripted_engine("mode: bare") as engine, agent_client(engine.url, KEY) as client:
        await opened(client, greeting="Hello")
        await tell(client, "hi")
        await client.until(lambda item: item == {"type": "History", "role": "assistant", "content": "I heard: hi"})
        assert not {"AgentThinking", "AgentStartedSpeaking", "EndOfTurn"} & set(client.kinds())
        assert client.texts("assistant") == ["Hello", "I heard: hi"]


async def test_what_came_in_is_recorded() -> None:
    async with scripted_engine({}) as engine, agent_client(engine.url, KEY) as client:
        await opened(client)
        await client.send({"type": "KeepAlive"})
        await client.send_audio(bytes(640))
        await engine.wait_for(lambda engine: engine.connections[0].audio_bytes == 640)
        assert [message["type"] for message in engine.connections[0].messages] == ["Settings", "KeepAlive"]
        assert engine.connection_count == 1
        with pytest.raises(AssertionError, match="KeepAlive"):
            await engine.wait_for(lambda engine: engine.connection_count == 2, timeout=0.05)


async def test_speech_cuts_the_reply_and_cancels_the_call() -> None:
    async with scripted_engine(LAMP) as engine, agent_client(engine.url, KEY) as client:
        await opened(client)
        await tell(client, "lamp")
        await client.until("FunctionCallRequest")
        await client.send_audio(speech(0.2))
        await client.until("FunctionCallCancelled")
        kinds = client.kinds()
        assert kinds.index("UserStartedSpeaking") < kinds.index("FunctionCallCancelled")


async def test_a_reply_in_real_time_is_cut_and_still_gets_its_audio_done() -> None:
    script = one([{"say": "long", "audio_s": 30, "realtime": True}])
    async with scripted_engine(script) as engine, agent_client(engine.url, KEY) as client:
        await opened(client)
        await tell(client, "go")
        await client.until(lambda item: isinstance(item, bytes) or item["type"] == "LatencyReport")
        await client.send_audio(speech(0.2))
        await client.until("AgentAudioDone")
        assert client.kinds()[-2:] == ["UserStartedSpeaking", "AgentAudioDone"]
        assert len(client.audio()) < 5 * 48000


async def test_several_calls_can_be_open_and_unawaited_results_have_their_event() -> None:
    script = {
        "on": [
            {"match": "two", "steps": [{"call": "a", "wait": False}, {"call": "b", "wait": False}]},
            {"event": "function_result", "match": "first", "steps": [{"say": "one"}]},
            {"event": "function_result", "steps": [{"say": "other: {result}"}]},
        ]
    }
    async with scripted_engine(script) as engine, agent_client(engine.url, KEY) as client:
        await opened(client)
        await tell(client, "two")
        await client.until(lambda item: isinstance(item, dict) and item.get("functions", [{}])[0].get("name") == "b")
        for name, content in (("b", "second"), ("a", "first")):
            await client.send({"type": "FunctionCallResponse", "name": name, "content": content})
        await client.until(lambda item: isinstance(item, dict) and item.get("content") == "one")
        assert client.texts("assistant") == ["other: second", "one"]


async def test_a_function_of_the_servers_own_is_shown_with_its_result() -> None:
    script = one([{"call": "weather", "client_side": False, "result": "sunny"}, {"say": "It is {result}."}])
    async with scripted_engine(script) as engine, agent_client(engine.url, KEY) as client:
        await opened(client)
        await tell(client, "weather?")
        await client.until("AgentAudioDone")
        assert client.of_type("FunctionCallRequest")[0]["functions"][0]["client_side"] is False
        assert client.of_type("FunctionCallResponse")[0]["content"] == "sunny"
        assert client.texts("assistant") == ["It is sunny."]


async def test_malformed_arguments_go_out_as_they_are() -> None:
    async with scripted_engine(one([{"call": "f", "arguments": '{"half'}])) as engine, agent_client(engine.url, KEY) as client:
        await opened(client)
        await tell(client, "x")
        assert (await client.until("FunctionCallRequest"))["functions"][0]["arguments"] == '{"half'


@pytest.mark.parametrize(
    ("step", "code"), [({"close": 1011}, 1011), ({"drop": True}, 1006), ({"error": "FAILED_TO_THINK"}, 1011)]
)
async def test_a_script_can_end_the_connection(step: dict[str, Any], code: int) -> None:
    async with scripted_engine(one([step])) as engine, agent_client(engine.url, KEY) as client:
        await opened(client)
        await tell(client, "x")
        assert await client.closed() == code
        assert [error["code"] for error in client.of_type("Error")] == [step["error"] for _ in step if "error" in step]


async def test_a_script_can_send_anything() -> None:
    steps: list[dict[str, Any]] = [
        {"warning": "SLOW_THINK_REQUEST", "description": "hm"},
        {"raw": {"type": "Strange", "x": [1]}},
        {"text": "not json"},
        {"audio_s": 0.1},
    ]
    async with scripted_engine(one(steps)) as engine, agent_client(engine.url, KEY) as client:
        await opened(client)
        await tell(client, "x")
        await client.until("AgentAudioDone")
        assert client.of_type("Warning") == [{"type": "Warning", "code": "SLOW_THINK_REQUEST", "description": "hm"}]
        assert client.of_type("Strange") == [{"type": "Strange", "x": [1]}]
        assert client.of_type("(not JSON)")[0]["text"] == "not json"
        assert client.texts("assistant") == []


async def test_handshakes_are_refused_as_often_as_the_script_says() -> None:
    script = {"handshake": {"status": 503, "times": 2, "reason": "no place", "retry_after_s": 1}}
    async with scripted_engine(script) as engine:
        for _ in range(2):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                async with agent_client(engine.url, KEY):
                    pass
            assert refused.value.status == 503
            assert refused.value.headers is not None
            assert refused.value.headers["dg-error"] == "no place"
            assert refused.value.headers["Retry-After"] == "1"
        async with agent_client(engine.url, KEY) as client:
            await client.until("Welcome")


async def test_updates_change_what_placeholders_tell_and_can_be_muted_or_delayed() -> None:
    script = {
        "default": {"say": "{prompt}/{voice}/{context}"},
        "on": [
            {"event": "settings", "steps": [{"mute": "SpeakUpdated"}]},
            {"event": "update", "match": "UpdatePrompt", "steps": [{"wait_s": 0.05}]},
        ],
    }
    context = {"messages": [{"type": "History", "role": "user", "content": "earlier"}]}
    async with scripted_engine(script) as engine, agent_client(engine.url, KEY) as client:
        think = {"provider": {"type": "open_ai", "model": "m"}, "prompt": "A"}
        await opened(client, think=think, context=context)
        await client.send({"type": "UpdatePrompt", "prompt": "B"})
        await client.send({"type": "UpdateSpeak", "speak": {"provider": {"type": "deepgram", "model": "aura-asteria-en"}}})
        await client.until("PromptUpdated")
        await tell(client, "x")
        await client.until("AgentAudioDone")
        assert client.texts("assistant") == ["A\n\nB/aura-asteria-en/earlier"]
        assert client.of_type("SpeakUpdated") == []


async def test_an_injected_message_is_spoken_or_refused() -> None:
    script = one([{"refuse": "not now"}], event="inject_agent", match="secret")
    async with scripted_engine(script) as engine, agent_client(engine.url, KEY) as client:
        await opened(client)
        await client.send({"type": "InjectAgentMessage", "message": "the secret"})
        assert (await client.until("InjectionRefused"))["message"] == "not now"
        await client.send({"type": "InjectAgentMessage", "message": "the news"})
        await client.until("AgentAudioDone")
        assert client.texts("assistant") == ["the news"]


async def test_settings_can_be_answered_by_an_error() -> None:
    script = one([{"error": "INVALID_SETTINGS", "description": "no"}], event="settings")
    async with scripted_engine(script) as engine, agent_client(engine.url, KEY) as client:
        await client.send(settings())
        assert (await client.until("Error"))["code"] == "INVALID_SETTINGS"
        assert "SettingsApplied" not in client.kinds()
