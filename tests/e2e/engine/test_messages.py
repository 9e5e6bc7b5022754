"""Every message of the protocol over a real WebSocket, in each spelling that clients use, and what the engine answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agentd.engine.providers import AgentText, Call, CallMade, Say, ThinkEvent, ThinkRequest, UserText
from tests.support.agent_client import SETTINGS, AgentClient, settings
from tests.support.engine import LAMP, MadeUp, made_up_engine, silence, speech, with_lamp

NOVA = {"type": "deepgram", "model": "nova-3"}
FLUX = {"type": "deepgram", "version": "v2", "model": "flux-general-en"}
OPEN_AI = {"type": "open_ai", "model": "gpt-4o-mini"}
AURA = {"type": "deepgram", "model": "aura-2-thalia-en"}


@asynccontextmanager
async def conversation(**agent: Any) -> AsyncIterator[tuple[MadeUp, AgentClient]]:
    """An engine and a client whose Settings are applied."""
    async with made_up_engine() as engine, engine.client() as client:
        await client.send(settings(**with_lamp(**agent)))
        await client.until("SettingsApplied")
        yield engine, client


async def text_turn(client: AgentClient, text: str) -> None:
    """Ask something in writing, and hear the answer."""
    at = len(client.items)
    await client.send({"type": "InjectUserMessage", "content": text})
    await client.until("AgentAudioDone", after=at)


# --- Settings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        {"agent": {}},
        {"agent": {"language": "en", "speak": {}}},  # deepgram-sdk 4.8's default
        {"audio": None, "agent": {"listen": None, "think": None, "speak": None, "greeting": None, "context": None}},
        {"tags": ["a", "b"], "mip_opt_out": True, "experimental": False, "flags": {}, "agent": {}, "later": {"x": 1}},
        {"audio": {"input": {"encoding": "linear16", "sample_rate": 16000.0}}, "agent": {"later": [1]}},
        {"audio": {"output": {"encoding": "linear16", "sample_rate": 24000, "container": "wav", "bitrate": None}}, "agent": {}},
        {"agent": {"speak": [{"provider": AURA}, {"provider": AURA}], "think": [{"provider": OPEN_AI}, {"provider": OPEN_AI}]}},
        {
            "agent": {
                "think": {"provider": OPEN_AI | {"temperature": 1}, "functions": []},
                "speak": {"provider": AURA | {"speed": 1}},
            }
        },
        {"agent": {"listen": {"provider": FLUX | {"eot_threshold": 1, "eot_timeout_ms": 5000.0, "keyterms": ["x"]}}}},
        {"agent": {"listen": {"provider": FLUX | {"language_hint": "en"}}}},
    ],
)
async def test_settings_in_every_spelling_are_applied(document: dict[str, Any]) -> None:
    async with made_up_engine() as engine, engine.client() as client:
        await client.send({"type": "Settings"} | document)
        await client.until("SettingsApplied")
        await text_turn(client, "hi")
        assert client.texts("assistant") == ["You said hi"]


async def test_audio_may_follow_settings_at_once() -> None:
    async with made_up_engine() as engine, engine.client() as client:
        await client.send(settings(**with_lamp()))
        await client.send_audio(silence(0.2) + speech(0.6) + silence(1.0))
        await client.until("AgentAudioDone")
        assert client.texts("user") == ["hello"]


@pytest.mark.parametrize("flags", [{"flags": {"history": False}}, {"settings": {"flags": {"history": False}}}])
async def test_history_is_switched_off_in_either_place(flags: dict[str, Any]) -> None:
    async with made_up_engine() as engine, engine.client() as client:
        await client.send(SETTINGS | {"agent": with_lamp(greeting="hello")} | flags)
        await client.until("AgentAudioDone")
        await text_turn(client, "hi")
        assert "History" not in client.kinds()


async def test_what_the_engine_has_not_is_said_once_each_in_warnings_and_nothing_fails() -> None:
    agent = {
        "listen": {"provider": NOVA | {"language": "es"}},
        "think": {"provider": OPEN_AI},
        "think_live": {"provider": {"type": "deepgram", "version": "v1"}},
        "greeting": "hello",
    }
    async with made_up_engine() as engine, engine.client() as client:
        await client.send(settings(**agent))
        await client.until("AgentAudioDone")
        await text_turn(client, "hi")
        await client.send({"type": "UpdateListen", "listen": {"provider": NOVA | {"model": "nova-2", "language": "de"}}})
        await client.send({"type": "UpdateThink", "think": [{"provider": OPEN_AI | {"model": "gpt-4o"}}]})
        await client.until("ThinkUpdated")
        await text_turn(client, "hi again")
        await client.until(lambda item: item == {"type": "History", "role": "assistant", "content": "You said hi again"})
        told = sorted(warning["code"] for warning in client.of_type("Warning"))
        assert told == ["LANGUAGE_NOT_SUPPORTED", "LISTEN_MODEL_MAPPED", "THINK_LIVE_NOT_SUPPORTED", "THINK_MODEL_MAPPED"]


async def test_keepalive_alone_holds_a_client_through_a_long_reply() -> None:
    async with made_up_engine(idle_timeout_s=1.2, word_s=0.2) as engine, engine.client() as client:
        await client.send(settings(**with_lamp(greeting="one two three four five six seven eight nine ten eleven twelve")))
        async with asyncio.TaskGroup() as group:

            async def keep_alive() -> None:
                while True:
                    await client.send({"type": "KeepAlive"})
                    await asyncio.sleep(0.15)

            holding = group.create_task(keep_alive())
            await client.until("AgentAudioDone")
            assert len(client.audio()) == round(12 * 0.2 * 24000) * 2
            holding.cancel()
        assert (await client.until("Error"))["code"] == "CLIENT_MESSAGE_TIMEOUT"


# --- updates -------------------------------------------------------------------------------------------------------


async def test_listening_changes_in_parts_and_between_versions() -> None:
    async with conversation(listen={"provider": NOVA}) as (_, client):
        for provider in (
            {"language": "en"},
            FLUX | {"eot_threshold": 0.8, "language_hints": ["en"]},
            {"version": "v2", "eot_timeout_ms": 3000},
            NOVA | {"version": "v1"},
            {"keyterms": ["lamp"]},
        ):
            at = len(client.items)
            await client.send({"type": "UpdateListen", "listen": {"provider": provider}})
            await client.until("ListenUpdated", after=at)


async def test_key_terms_reach_the_recogniser_and_an_update_replaces_them() -> None:
    async with conversation(listen={"provider": FLUX | {"keyterms": ["hallway", "Hue"]}}) as (engine, client):
        for terms in (("hallway", "Hue"), ("attic",)):
            at = len(client.items)
            await client.send({"type": "UpdateListen", "listen": {"provider": {"version": "v2", "keyterms": list(terms)}}})
            await client.send_audio(silence(0.2) + speech(0.6) + silence(1.6))
            await client.until("AgentAudioDone", after=at)
            await client.quiet(0.3)  # the words are heard for so long
            assert engine.ear.vocabularies[-1] == terms


async def test_a_listen_update_that_fits_nothing_is_refused() -> None:
    async with conversation(listen={"provider": FLUX}) as (_, client):
        await client.send({"type": "UpdateListen", "listen": {"provider": {"version": "v2", "eot_threshold": 7}}})
        error = await client.until("Error")
        assert error["code"] == "INVALID_SETTINGS"
        assert "/listen/provider/eot_threshold" in error["description"]


@pytest.mark.parametrize("block", [{"provider": AURA}, [{"provider": AURA}, {"provider": AURA}], {}])
async def test_the_voice_is_changed_by_an_object_or_a_list(block: Any) -> None:
    async with conversation() as (_, client):
        await client.send({"type": "UpdateSpeak", "speak": block})
        await client.until("SpeakUpdated")
        await text_turn(client, "hi")


@pytest.mark.parametrize("as_list", [False, True])
async def test_thinking_is_replaced_whole_by_an_object_or_a_list(as_list: bool) -> None:
    async with conversation() as (engine, client):
        block = {"provider": OPEN_AI, "functions": [LAMP | {"name": "other"}]}
        await client.send({"type": "UpdateThink", "think": [block] if as_list else block})
        await client.until("ThinkUpdated")
        await text_turn(client, "hi")
        assert engine.mind.requests[0].prompt == ""
        assert [function["name"] for function in engine.mind.requests[0].functions] == ["other"]


async def test_a_prompt_that_grows_beyond_its_limit_is_cut_and_told() -> None:
    async with conversation() as (engine, client):
        for number in range(2):
            at = len(client.items)
            await client.send({"type": "UpdatePrompt", "prompt": str(number) * 20_000})
            await client.until("PromptUpdated", after=at)
        assert (await client.until("Warning"))["code"] == "PROMPT_TOO_LONG"
        await text_turn(client, "hi")
        assert len(engine.mind.requests[0].prompt) == 25_000


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"type": "UpdateThink_Live", "think_live": {"provider": {"type": "deepgram"}}}, "THINK_LIVE_NOT_SUPPORTED"),
        ({"type": "__customToThinkProvider", "content": None}, "CUSTOM_THINK_PROVIDER_NOT_SUPPORTED"),
    ],
)
async def test_what_cannot_be_updated_is_a_warning_that_names_it(message: dict[str, Any], code: str) -> None:
    async with conversation() as (_, client):
        await client.send(message)
        warning = await client.until("Warning")
        assert warning["code"] == code
        assert message["type"] in warning["description"]
        await text_turn(client, "hi")
        assert "ThinkLiveUpdated" not in client.kinds()


# --- the rest ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [{"state": "on"}, "plain", ["a", 1], None])
async def test_a_result_of_any_shape_reaches_the_mind_as_text_and_is_echoed(content: Any) -> None:
    async with conversation() as (engine, client):
        await client.send({"type": "InjectUserMessage", "content": "lamp"})
        (call,) = (await client.until("FunctionCallRequest"))["functions"]
        assert set(call) == {"id", "name", "arguments", "client_side"}
        await client.send({"type": "FunctionCallResponse", "id": call["id"], "name": call["name"], "content": content})
        echo = await client.until("FunctionCallResponse")
        await client.until("AgentAudioDone")
        last = engine.mind.requests[-1].messages[-1]
        assert isinstance(last, CallMade)
        assert echo["content"] == last.result
        assert isinstance(last.result, str)


async def test_an_answer_without_an_id_goes_to_the_oldest_call_of_its_name() -> None:
    def mind(request: ThinkRequest) -> list[ThinkEvent | float]:
        results = [f"{m.id}:{m.result}" for m in request.messages if isinstance(m, CallMade)]
        return [Say(" ".join(results))] if results else [Call("set_light", {}, id="a"), Call("set_light", {}, id="b")]

    async with made_up_engine(mind) as engine, engine.client() as client:
        await client.send(settings(**with_lamp()))
        await client.send({"type": "InjectUserMessage", "content": "both"})
        await client.until(lambda item: isinstance(item, dict) and item.get("functions", [{}])[0].get("id") == "b")
        for content in ("first", "second"):
            await client.send({"type": "FunctionCallResponse", "name": "set_light", "content": content})
        await client.until("AgentAudioDone")
        assert client.texts("assistant") == ["a:first b:second"]
        assert [echo["id"] for echo in client.of_type("FunctionCallResponse")] == ["a", "b"]


@pytest.mark.parametrize("message", [{"message": " \n"}, {"content": ""}, {"is_dynamic": True}])
async def test_an_injection_without_words_is_refused_and_not_passed_over_in_silence(message: dict[str, Any]) -> None:
    async with conversation() as (_, client):
        await client.send({"type": "InjectAgentMessage"} | message)
        assert (await client.until("InjectionRefused"))["message"]


@pytest.mark.parametrize(
    ("listen", "ends"),
    [({}, True), ({"provider": FLUX}, True), ({"provider": NOVA}, False)],
)
async def test_a_turn_is_ended_on_demand_with_listen_v2_alone(listen: dict[str, Any], ends: bool) -> None:
    async with conversation(listen=listen) as (_, client):
        await client.send_audio(speech(0.6))
        await client.until("UserStartedSpeaking")
        await client.send({"type": "ForceEndTurn"})
        if ends:
            await client.until("AgentAudioDone")
            assert client.texts("user") == ["hello"]
        else:
            codes = [warning["code"] for warning in client.of_type("Warning")]
            while "FORCE_END_TURN_UNSUPPORTED" not in codes:
                await client.until("Warning", after=len(client.items))
                codes = [warning["code"] for warning in client.of_type("Warning")]


async def test_a_forced_end_without_a_turn_is_ignored() -> None:
    async with conversation() as (_, client):
        await client.send({"type": "ForceEndTurn"})
        await text_turn(client, "hi")
        assert client.texts("user") == ["hi"]


async def test_everything_the_server_says_is_an_object_and_every_text_says_how_it_was_meant() -> None:
    context = {"messages": [{"role": "user", "content": "before"}, {"role": "assistant", "content": "yes"}]}
    async with conversation(greeting="hello there", context=context) as (engine, client):
        await client.until("AgentAudioDone")
        await client.send({"type": "KeepAlive"})
        await text_turn(client, "hi")
        assert engine.mind.requests[0].messages[:2] == (UserText("before"), AgentText("yes hello there"))
        for item in client.items:
            assert isinstance(item, bytes) or "type" in item
            assert not isinstance(item, bytes) or (0 < len(item) <= 65536 and len(item) % 2 == 0)
        assert {text["conversational_behavior"] for text in client.of_type("ConversationText")} == {"default"}
        assert "EndOfTurn" not in client.kinds()
