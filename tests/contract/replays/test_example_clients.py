"""What Deepgram's six example systems put on the wire, quirks included, written down from watching them.

Each replay asserts what its client needs: the order it relies on, that nothing it waits for is lost, and that the server keeps
nothing of it when it is gone.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.contract.conformance.caller import LAMP_CLIP, LAMP_SPOKEN, TIME_CLIP, Caller, arguments, clip
from tests.contract.replays.conftest import FUNCTION_S, IDLE_S, Engine
from tests.support.agent_client import AUDIO
from tests.support.model_server import NO_CHOICES, Answer, called, delta

pytestmark = [pytest.mark.e2e, pytest.mark.models, pytest.mark.asyncio(loop_scope="session")]


def sounding(rate_in: int = 16000, rate_out: int = 24000, encoding: str = "linear16") -> dict[str, Any]:
    return {
        "input": {"encoding": encoding, "sample_rate": rate_in},
        "output": {"encoding": encoding, "sample_rate": rate_out, "container": "none"},
    }


def provided(*functions: dict[str, Any], listen: str = "nova-3", voice: str = "aura-2-thalia-en", **more: Any) -> dict[str, Any]:
    """``agent`` as most of them write it."""
    think = {"provider": {"type": "open_ai", "model": "gpt-4o-mini", "temperature": 0.7}, "prompt": "You are helpful."}
    return {
        "listen": {"provider": {"type": "deepgram", "model": listen}},
        "speak": {"provider": {"type": "deepgram", "model": voice}},
        "think": think | ({"functions": list(functions)} if functions else {}),
        **more,
    }


def function(name: str, /, **properties: str) -> dict[str, Any]:
    """A declaration whose arguments are all texts that must be given."""
    schema = {key: {"type": "string", "description": text} for key, text in properties.items()}
    parameters = {"type": "object", "properties": schema, "required": list(schema)}
    return {"name": name, "description": f"{name.replace('_', ' ').capitalize()}.", "parameters": parameters}


@asynccontextmanager
async def microphone(
    client: Caller, sound: bytes, *, frame: int, bytes_per_s: int = 32_000, quiet: bytes = b"\0"
) -> AsyncIterator[None]:
    """The sound, then silence, in frames of the client's own length, in real time, while the block runs."""

    async def stream() -> None:
        loop = asyncio.get_running_loop()
        begin, at = loop.time(), 0
        while True:
            piece = sound[at : at + frame]
            await client.send_audio(piece + quiet * (frame - len(piece)))
            at += frame
            await asyncio.sleep(max(0.0, begin + at / bytes_per_s - loop.time()))  # the pace of a microphone

    async with asyncio.TaskGroup() as group:
        speaking = group.create_task(stream(), name="microphone")
        try:
            yield
        finally:
            speaking.cancel()


async def granted(engine: Engine) -> str:
    """A token for a moment, as a page's own server fetches it."""
    headers = {"Authorization": f"Token {engine.key}"}
    async with aiohttp.ClientSession(headers=headers) as session, session.post(f"{engine.http_url}/v1/auth/grant") as response:
        return str((await response.json())["access_token"])


async def test_the_basic_demo_wakes_hears_and_changes_its_voice_and_prompt(engine: Engine) -> None:
    """It sleeps first, and then drops everything until the user is said to speak; its latencies come with ``experimental``."""
    agent = provided(voice="aura-asteria-en")
    agent["think"]["functions"] = []
    message = {"type": "Settings", "audio": sounding(), "agent": agent, "experimental": True}
    async with engine.client(protocols=("bearer", await granted(engine))) as client:
        assert client.protocol == "bearer"
        await client.send(message)
        await client.until("SettingsApplied")
        await client.send({"type": "KeepAlive"})
        await client.quiet(0.3)
        async with microphone(client, bytes(9600) + clip(TIME_CLIP), frame=2730):
            await client.done()
            await client.send({"type": "UpdateSpeak", "speak": {"provider": {"type": "deepgram", "model": "aura-orion-en"}}})
            await client.until("SpeakUpdated")
            await client.send({"type": "UpdatePrompt", "prompt": "You are helpful.\nundefined"})
            await client.until("PromptUpdated")
        order = client.order()
        awake = order.index("UserStartedSpeaking")
        assert order[:awake] == ["Welcome", "SettingsApplied"], "nothing that counts was dropped while it was waking"
        assert order[awake : awake + 5] == [
            "UserStartedSpeaking", "ConversationText:user", "ConversationText:assistant", "AgentStartedSpeaking", AUDIO,
        ]  # fmt: skip
        assert order.count("AgentAudioDone") == 1
        assert client.texts("user")[0].lower().strip(" .?") == "what time is it"
        started = client.of_type("AgentStartedSpeaking")[0]
        assert started["tts_latency"] > 0
        assert all(len(item) % 2 == 0 and item for item in client.items if isinstance(item, bytes)), "it reads 16-bit samples"


MEDICAL = [
    function("set_patient_name", name="The patient's full name"),
    function("set_mrn", mrn="Medical record number"),
    function("set_date", date="Date as YYYY-MM-DD"),
    function("set_time", time="Time as HH:MM"),
    function("set_provider", provider="The doctor's name"),
    function("set_reason", reason="Reason of the visit"),
    function("schedule_appointment"),
    function("clear_appointment"),
]


async def test_the_medical_assistant_answers_a_call_twice(engine: Engine) -> None:
    """When something of a request fails it answers all of it again, the answered calls too."""
    message = {
        "type": "Settings", "audio": sounding(), "experimental": False, "mip_opt_out": False,
        "agent": provided(*MEDICAL, listen="nova-3-medical", greeting="Clinic.", language="en"),
    }  # fmt: skip
    async with engine.client(protocols=("token", engine.key)) as client:
        await client.send(message)
        await client.send({"type": "KeepAlive"})
        await client.done()
        async with microphone(client, b"", frame=2730):
            await client.write("Clear the appointment.")
            call = await client.asked()
            assert call["name"] == "clear_appointment"
            assert arguments(call) == {}
            at = len(client.items)
            await client.answer(call, "Success")
            await client.answer(call, "Error: no such function")
            await client.done(after=at)
            await client.alive()
        said = " ".join(client.texts("assistant"))
        assert "no such function" not in said
        assert [one["content"] for one in client.of_type("FunctionCallResponse")] == ["Success"]
        assert client.order()[:5] == ["Welcome", "SettingsApplied", "ConversationText:assistant", AUDIO, "AgentAudioDone"]


async def test_the_medical_assistants_scheduling_tab_never_answers(engine: Engine) -> None:
    """It reads JSON in binary frames alone, so it knows of no call; the agent must not wait for it for ever."""
    message = {"type": "Settings", "audio": sounding(), "agent": provided(*MEDICAL, listen="nova-3-medical")}
    async with engine.client(protocols=("token", engine.key)) as client:
        await client.begin(message)
        async with microphone(client, b"", frame=2730):
            await client.write("Clear the appointment.")
            await client.asked()
            at = len(client.items)
            await client.warned("FUNCTION_CALL_TIMEOUT")
            await client.done(after=at)
            assert client.texts("assistant"), f"after {FUNCTION_S} s the agent says something"
            at = len(client.items)
            await client.write("Clear the appointment.")
            await client.asked(after=at)


async def test_a_telephone_call_is_held_and_its_forgotten_socket_is_closed(engine: Engine) -> None:
    """µ-law in frames of 0.4 s, no KeepAlive; after the caller has hung up nobody closes the socket."""
    agent = provided(language="en", greeting="Hello there!")
    agent["listen"]["provider"]["keyterms"] = ["hello", "goodbye"]
    message = {"type": "Settings", "audio": sounding(8000, 8000, "mulaw"), "agent": agent}
    async with engine.client(protocols=("token", engine.key)) as client:
        await client.send(message)
        await client.done()
        at = len(client.items)
        sound = clip(TIME_CLIP, encoding="mulaw", rate=8000)
        async with microphone(client, sound, frame=3200, bytes_per_s=8000, quiet=b"\xff"):
            await client.until("UserStartedSpeaking", timeout=10, after=at)  # the call's edge sends "clear"
            await client.done(after=client.index("UserStartedSpeaking"))
        greeting = sum(len(item) for item in client.items[:at] if isinstance(item, bytes))
        assert 0.4 < greeting / 8000 < 3, "a byte is a sample"
        order = client.order(after=at)
        assert order[:4] == ["UserStartedSpeaking", "ConversationText:user", "ConversationText:assistant", AUDIO]
        assert order[-1] == "AgentAudioDone"
        hung_up = time.monotonic()
        error = await client.until("Error", timeout=IDLE_S + 10)
        assert error["code"] == "CLIENT_MESSAGE_TIMEOUT"
        assert time.monotonic() - hung_up > IDLE_S / 2
        await client.closed()
        await engine.is_empty()


async def test_the_text_demo_gives_up_its_first_socket_and_shows_what_was_said_once_it_is_done(engine: Engine) -> None:
    """The first has no key, or is closed before the handshake or the Settings are through; the second has all it needs."""
    host, _, port = engine.url.removeprefix("ws://").partition(":")
    path = f"/v1/agent/converse?t={int(time.time() * 1000)}"
    handshake = (
        f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    for more in ("\r\n", f"Sec-WebSocket-Protocol: bearer, {engine.key}\r\n\r\n", ""):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write((handshake + more).encode())
        await writer.drain()
        writer.transport.abort()
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with engine.client(path=path):
            pass
    assert refused.value.status == 401
    message = {"type": "Settings", "audio": sounding(), "agent": provided()}
    async with engine.client(path=path, protocols=("bearer", engine.key)) as client:
        await client.send(message)
        client.vanish()
    async with engine.client(path=path, protocols=("bearer", engine.key)) as client:
        await client.send(message)
        async with microphone(client, bytes(9600) + clip(TIME_CLIP), frame=4096):
            await client.done()
        order = client.order()
        turn = order[order.index("UserStartedSpeaking") :]
        assert turn[:4] == ["UserStartedSpeaking", "ConversationText:user", "ConversationText:assistant", AUDIO]
        assert turn[-1] == "AgentAudioDone"
        assert turn.count("AgentAudioDone") == turn.count("UserStartedSpeaking") == 1, "a second would drop what is not shown yet"
        assert " ".join(client.texts("assistant")).strip()


async def test_the_azure_demo_speaks_early_access_and_brings_its_model(engine: Engine) -> None:
    """Its URL with the query and its header arrive as they are; the first chunk of Azure's stream is empty, and no end."""
    engine.models.answers[:] = [Answer([NO_CHOICES, delta(role="assistant"), delta(content="It is noon."), delta(finish="stop")])]
    message = {
        "type": "SettingsConfiguration",
        "audio": sounding(16000, 16000),
        "agent": {
            "listen": {"model": "nova-2"},
            "think": {
                "provider": {"type": "custom", "url": engine.models_url, "headers": [{"key": "api-key", "value": "azure-key"}]},
                "model": "gpt-4o-mini",
                "instructions": "You are a helpful assistant.",
            },
            "speak": {"model": "aura-orion-en"},
        },
        "context": {"messages": [{"role": "assistant", "content": "Where were we?"}], "replay": True},
    }
    async with engine.client(key=engine.key, path="/agent") as client:
        await client.send(message)
        async with microphone(client, bytes(64_000) + clip(TIME_CLIP), frame=1600):
            await client.says("Where were we?")
            await client.says("It is noon.")
            await client.done(after=client.items.index(client.of_type("ConversationText")[-1]))
        welcome = client.items[0]
        assert isinstance(welcome, dict)
        assert welcome.keys() == {"type", "session_id"}
        assert client.texts("user")[0].lower().strip(" .?") == "what time is it"
        assert not {"History", "LatencyReport"} & set(client.order(without=()))
    request = engine.models.requests[-1]
    assert request["path"] == engine.models_url[engine.models_url.index("/openai") :]
    assert request["headers"]["api-key"] == "azure-key"
    assert "Authorization" not in request["headers"]
    assert request["body"]["messages"][-1]["content"].lower().strip(" .?") == "what time is it"


FLASK = [
    function("agent_filler", message_type="lookup or general"),
    function("find_customer", customer_id="CUSTxxxx"),
    function("end_call", farewell_type="thanks, general or help"),
]


def flask(engine: Engine) -> dict[str, Any]:
    agent = provided(*FLASK, greeting="Hi.", language="en")
    agent["think"]["endpoint"] = {"url": engine.models_url, "headers": {}}
    return {"type": "Settings", "audio": sounding(16000, 16000), "agent": agent}


def says(text: str) -> Answer:
    return Answer([delta(content=text), delta(finish="stop")])


def calls(name: str, call_id: str, /, **given: str) -> Answer:
    return Answer([called(name, json.dumps(given), id=call_id), delta(finish="tool_calls")])


async def test_the_flask_demo_has_a_filler_said_while_its_customer_is_looked_up(engine: Engine) -> None:
    """The answer of ``agent_filler`` and the words to be said leave it together; the model then calls the look-up."""
    engine.models.answers[:] = [
        calls("agent_filler", "1", message_type="lookup"),
        calls("find_customer", "2", customer_id="CUST0001"),
        says("Your order is on its way."),
    ]
    filler = "Let me look that up for you..."
    async with engine.client(key=engine.key) as client:
        await client.send(flask(engine))
        await client.done()
        async with microphone(client, bytes(9600) + clip(LAMP_CLIP), frame=744):
            call = await client.asked()
            assert call["name"] == "agent_filler"
            await client.answer(call, '{"status": "queued", "message_type": "lookup"}')
            await client.inject(filler)
            look_up = await client.asked(after=client.index("FunctionCallRequest") + 1)
            assert look_up["name"] == "find_customer"
            await client.answer(look_up, '{"name": "Ann"}')
            await client.says("Your order is on its way.")
            await client.done(after=client.items.index(client.of_type("ConversationText")[-1]))
    assert client.texts("assistant") == ["Hi.", filler, "Your order is on its way."]
    assert client.texts("user")[0].lower().strip(" .") == LAMP_SPOKEN
    assert not {"InjectionRefused", "FunctionCallCancelled", "Error"} & set(client.order())
    assert all(len(request["functions"]) == 1 for request in client.of_type("FunctionCallRequest")), "it dies on two"


async def test_the_flask_demo_ends_the_call_when_its_farewell_was_said(engine: Engine) -> None:
    """It waits for exactly its words, then for the end of their audio: refused or reworded, it would wait for ever."""
    engine.models.answers[:] = [calls("end_call", "1", farewell_type="thanks"), says("")]
    farewell = "Thank you for calling! Have a great day!"
    async with engine.client(key=engine.key) as client:
        await client.send(flask(engine))
        await client.done()
        async with microphone(client, bytes(9600) + clip(LAMP_CLIP), frame=744):
            call = await client.asked()
            await client.answer(call, '{"status": "closing", "message": "' + farewell + '"}')
            await client.inject(farewell)
            await client.says(farewell)
            await client.done(after=client.items.index(client.of_type("ConversationText")[-1]))
    assert not {"InjectionRefused", "Error"} & set(client.order())


async def test_two_functions_of_one_turn_reach_the_flask_demo_one_by_one(engine: Engine) -> None:
    engine.models.answers[:] = [
        Answer([
            called("find_customer", '{"customer_id": "CUST0001"}', id="1"),
            delta(tool_calls=[{"index": 1, "id": "2", "type": "function",
                               "function": {"name": "agent_filler", "arguments": '{"message_type": "general"}'}}]),
            delta(finish="tool_calls"),
        ]),
        says("Both are done."),
    ]  # fmt: skip
    async with engine.client(key=engine.key) as client:
        await client.begin(flask(engine))
        await client.write("Look me up.")
        first = await client.asked()
        await client.answer(first, "a")
        second = await client.asked(after=client.items.index(client.of_type("FunctionCallRequest")[0]) + 1)
        await client.answer(second, "b")
        await client.says("Both are done.")
    assert {first["name"], second["name"]} == {"find_customer", "agent_filler"}
    results = {message["tool_call_id"]: message["content"] for message in engine.models.messages if message["role"] == "tool"}
    assert results == {first["id"]: "a", second["id"]: "b"}
