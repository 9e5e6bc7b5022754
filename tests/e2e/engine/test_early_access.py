"""The early-access form at ``/agent``: what Deepgram's Azure demo and others of its time put on the wire, replayed."""

import asyncio
from typing import Any

import orjson
import pytest

from agentd.engine.early_access import from_v1, to_v1
from agentd.engine.providers import AgentText, Call, CallMade, Say, ThinkEvent, ThinkRequest, UserText
from agentd.protocol import settings as documents
from tests.support.agent_client import AgentClient, agent_client
from tests.support.engine import MadeUp, made_up_engine, silence, speech
from tests.support.scripted import scripted_engine

AZURE_URL = "https://home.openai.azure.example/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-08-01-preview"


def azure(**context: Any) -> dict[str, Any]:
    """The settings of deepgram-devs/voice-agent-azure-open-ai-services at 61eed83, with its placeholders filled in."""
    return {
        "type": "SettingsConfiguration",
        "audio": {
            "input": {"encoding": "linear16", "sample_rate": 16000},
            "output": {"encoding": "linear16", "sample_rate": 16000, "container": "none"},
        },
        "agent": {
            "listen": {"model": "nova-2"},
            "think": {
                "provider": {"type": "custom", "url": AZURE_URL, "headers": [{"key": "api-key", "value": "azure-key"}]},
                "model": "gpt-4o-mini",
                "instructions": "You are a helpful assistant.",
            },
            "speak": {"model": "aura-orion-en"},
        },
        "context": {"messages": [], "replay": False} | context,
    }


def early(engine: MadeUp) -> Any:
    """A connection as the demo makes it."""
    return engine.client(path="/agent")


async def spoken_turn(client: AgentClient) -> None:
    """Audio in frames of 50 ms, as its microphone gives them; without waiting for anything."""
    audio = silence(0.2) + speech(0.6) + silence(1.6)
    for start in range(0, len(audio), 1600):
        await client.send_audio(audio[start : start + 1600])


async def test_the_azure_demo_holds_a_conversation_with_its_own_model_server() -> None:
    async with made_up_engine(allowed_endpoints=("https://home.openai.azure.example",)) as engine, early(engine) as client:
        await client.send(azure())
        await spoken_turn(client)
        await client.until("AgentAudioDone")
        welcome, *_ = client.items
        assert isinstance(welcome, dict)
        assert set(welcome) == {"type", "session_id"}
        kinds = client.kinds(without=("Warning",))
        assert kinds == [
            "Welcome",
            "SettingsApplied",
            "UserStartedSpeaking",
            "ConversationText",
            "ConversationText",
            "AgentStartedSpeaking",
            "~",
            "AgentAudioDone",
        ]
        assert (client.texts("user"), client.texts("assistant")) == (["hello"], ["You said hello"])
        (request,) = engine.mind.requests
        assert request.endpoint == {"url": AZURE_URL, "headers": {"api-key": "azure-key"}}
        assert request.provider == {"type": "open_ai", "model": "gpt-4o-mini"}
        assert request.prompt == "You are a helpful assistant."


async def test_its_model_server_must_be_allowed_like_any_other() -> None:
    async with made_up_engine() as engine, early(engine) as client:
        await client.send(azure())
        error = await client.until("Error")
        assert "https://home.openai.azure.example:443 is not in [security] allowed_endpoints" in error["message"]
        assert "azure-key" not in error["message"]
        assert await client.closed() == 1008


async def test_a_context_is_taken_up_and_its_last_words_are_replayed() -> None:
    said = [
        {"role": "user", "content": "Is the lamp on?"},
        {"role": "assistant", "content": "It is on."},
    ]
    async with made_up_engine(allowed_endpoints=(AZURE_URL,)) as engine, early(engine) as client:
        await client.send(azure(messages=said, replay=True))
        await client.until("AgentAudioDone")
        assert client.texts("assistant") == ["It is on."]
        await client.quiet(0.4)  # the three words play for so long
        await spoken_turn(client)
        await client.until("AgentAudioDone", after=len(client.items))
        assert engine.mind.requests[0].messages == (UserText("Is the lamp on?"), AgentText("It is on."), UserText("hello"))


async def test_instructions_voice_and_injected_messages_are_changed_without_an_acknowledgement() -> None:
    async with made_up_engine(allowed_endpoints=(AZURE_URL,)) as engine, early(engine) as client:
        await client.send(azure())
        await client.send({"type": "UpdateInstructions", "instructions": "Be brief."})
        await client.send({"type": "UpdateSpeak", "model": "aura-asteria-en"})
        await client.send({"type": "KeepAlive"})
        await client.send({"type": "InjectAgentMessage", "message": "One moment."})
        await client.until("AgentAudioDone")
        assert client.texts("assistant") == ["One moment."]
        await client.quiet(0.3)
        await spoken_turn(client)
        await client.until("AgentAudioDone", after=len(client.items))
        assert engine.mind.requests[0].prompt == "You are a helpful assistant.\n\nBe brief."
        assert not {"PromptUpdated", "SpeakUpdated", "History", "LatencyReport"} & set(client.kinds())


async def test_a_call_is_asked_and_answered_in_the_old_shape() -> None:
    def mind(request: ThinkRequest) -> list[ThinkEvent | float]:
        last = request.messages[-1]
        return [Say(f"Done: {last.result}")] if isinstance(last, CallMade) else [Call("set_light", {"on": True})]

    settings = azure()
    lamp = {"name": "set_light", "description": "Switch the lamp.", "url": "", "parameters": {}}
    settings["agent"]["think"]["functions"] = [lamp]
    async with made_up_engine(mind, allowed_endpoints=(AZURE_URL,)) as engine, early(engine) as client:
        await client.send(settings)
        async with asyncio.TaskGroup() as group:
            group.create_task(spoken_turn(client))
            request = await client.until("FunctionCallRequest")
        assert (request["function_name"], request["input"]) == ("set_light", {"on": True})
        answer = {"function_call_id": request["function_call_id"], "output": "the lamp is on"}
        await client.send({"type": "FunctionCallResponse"} | answer)
        await client.until("AgentAudioDone")
        assert client.texts("assistant") == ["Done: the lamp is on"]
        assert client.kinds().index("FunctionCalling") < client.kinds().index("FunctionCallRequest")


@pytest.mark.parametrize(
    "frame",
    [
        "not JSON",
        "[]",
        '{"type":"SettingsConfiguration","audio":' + '{"a":' * 400 + "1" + "}" * 401,
        '{"type":"SettingsConfiguration","agent":{"think":{"provider":{"type":"custom","url":"nowhere"}}}}',
        '{"type":"SettingsConfiguration","audio":{"input":{"encoding":"opus"}}}',
        '{"type":"UpdateInstructions"}',
        '{"type":"Nonsense"}',
    ],
)
async def test_what_makes_no_sense_is_refused_and_nothing_breaks(frame: str) -> None:
    async with scripted_engine({}) as engine, agent_client(engine.url, engine.key, path="/agent") as client:
        await client.send(frame)
        error = await client.until("Error")
        assert error["code"] in ("UNPARSABLE_CLIENT_MESSAGE", "INVALID_SETTINGS")
        assert await client.closed() == 1008


def test_functions_with_a_url_become_functions_with_an_endpoint() -> None:
    function = {
        "name": "f", "description": "d", "url": "https://h/f", "headers": [{"key": "k", "value": "v"}], "parameters": {},
    }  # fmt: skip
    think = {"provider": {"type": "groq"}, "model": "llama", "functions": [function]}
    document = to_v1({"type": "SettingsConfiguration", "agent": {"think": think}})
    assert documents.validate(document) == []
    assert documents.functions(document) == [
        {
            "name": "f",
            "description": "d",
            "parameters": {},
            "endpoint": {"url": "https://h/f", "headers": {"k": "v"}, "method": "POST"},
        }
    ]


@pytest.mark.parametrize("odd", [None, 1, "x", [], [1], {"a": 1}])
def test_blocks_of_any_shape_are_translated_into_something_that_can_be_judged(odd: Any) -> None:
    for message in (
        {"agent": odd},
        {"agent": {"listen": odd, "think": odd, "speak": odd}, "context": odd, "audio": odd},
        {"agent": {"think": {"provider": odd, "functions": odd, "model": "m"}}, "context": {"messages": odd, "replay": True}},
    ):
        document = to_v1({"type": "SettingsConfiguration"} | message)
        assert isinstance(documents.validate(orjson.loads(orjson.dumps(document))), list)


def test_arguments_that_are_no_json_reach_the_client_as_they_are() -> None:
    call = {"id": "1", "name": "f", "arguments": "{", "client_side": True}
    _, request = from_v1({"type": "FunctionCallRequest", "functions": [call]})
    assert request["input"] == "{"
