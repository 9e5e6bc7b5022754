"""When Settings may come, what they may hold, and how a server says that they will not do."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.contract.conformance.caller import SET_LAMP, WAIT_S, Caller, document, think
from tests.contract.conformance.servers import CONFORMANCE, Ability, needs
from tests.support.agent_client import SETTINGS

pytestmark = CONFORMANCE

SAMPLES = {path.stem: json.loads(path.read_text())["settings"] for path in Path(__file__).parents[1].glob("settings/*.json")}
"""What real clients send."""

TAKEN = sorted(SAMPLES.keys() - {"reusable_configuration", "seed_azure_as_v1", "providers", "full", "whole_numbers_for_floats"})
"""Left out: those that name servers of others, or a configuration stored with Deepgram."""


def with_audio(**audio: Any) -> dict[str, Any]:
    return document() | {"audio": SETTINGS["audio"] | audio}


async def test_settings_may_come_before_welcome_is_read(client: Caller) -> None:
    await client.send(document())
    await client.until("SettingsApplied")
    assert client.order()[:2] == ["Welcome", "SettingsApplied"]
    assert len(client.of_type("SettingsApplied")) == 1


async def test_settings_may_come_late(client: Caller) -> None:
    await client.until("Welcome")
    await client.quiet(0.3)
    assert client.order() == ["Welcome"], "a server waits for Settings in silence"
    await client.begin()


@pytest.mark.parametrize("name", TAKEN)
async def test_settings_of_a_real_client_are_applied(client: Caller, name: str) -> None:
    await client.send(json.dumps(SAMPLES[name], indent=4))
    await client.until("SettingsApplied")


@pytest.mark.parametrize(
    "message",
    [
        SETTINGS,
        {"type": "Settings", "audio": {}, "agent": {}},
        SETTINGS | {"agent": {"language": "en", "speak": {}}},
        SETTINGS | {"tags": ["a"], "mip_opt_out": True, "wire": {"later": 1}},
        document() | {"experimental": None, "flags": None, "tags": None},
        document(listen={"provider": {"type": "deepgram", "model": "nova-3", "keyterms": ["agentd"], "smart_format": True}}),
        document(listen={"provider": {"type": "deepgram", "version": "v2", "model": "flux-general-en", "eot_threshold": 1}}),
        document(think=[think() | {"provider": {"type": "open_ai", "model": "a", "temperature": 1}}, think()]),
        with_audio(input={"encoding": "linear16", "sample_rate": 16000.0}),
        with_audio(output={"encoding": "linear16", "sample_rate": 24000, "container": "wav"}),
    ],
    ids=["agent-empty", "audio-empty", "speak-empty", "extra", "nulls", "v1", "v2-int", "fallbacks", "float", "wav"],
)  # fmt: skip
async def test_settings_in_every_documented_form_are_applied(client: Caller, message: dict[str, Any]) -> None:
    await client.begin(message)


@needs(Ability.CONDUCT)
async def test_think_live_is_not_there_but_the_conversation_is(client: Caller) -> None:
    """It is invite only: who has not got it says so, once, and goes on."""
    await client.send(SAMPLES["think_live"])
    await client.until("SettingsApplied")
    await client.until("Warning")
    await client.alive()


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ({"type": "Settings", "audio": {}}, "agent"),
        (with_audio(input={"encoding": "morse", "sample_rate": 16000}), "/audio/input/encoding"),
        (with_audio(input={"encoding": "linear16", "sample_rate": 0}), "/audio/input/sample_rate"),
        (with_audio(output={"encoding": "linear16", "sample_rate": "fast"}), "/audio/output/sample_rate"),
        (with_audio(output={"encoding": "linear16", "sample_rate": 24000, "container": "box"}), "/audio/output/container"),
        (document(greeting=["Hello"]), "/agent/greeting"),
        (document(think={"provider": {"model": "gpt-4o-mini"}}), "/agent/think"),
        (document(think={"provider": {"type": "open_ai", "model": "m", "temperature": 3}}), "/agent/think/provider/temperature"),
        (document(think=[]), "/agent/think"),
        (document(SET_LAMP | {"name": ""}), "/agent/think/functions/0/name"),
        (document(listen={"provider": {"type": "deepgram", "version": "v9", "model": "x"}}), "/agent/listen/provider/version"),
        (document(context={"messages": [{"type": "History", "role": "system", "content": "x"}]}), "/context/messages/0/role"),
        (document() | {"flags": {"history": "yes"}}, "/flags/history"),
        (document() | {"experimental": "yes"}, "/experimental"),
    ],
)  # fmt: skip
async def test_settings_that_are_not_valid_end_the_conversation_and_say_where(
    client: Caller, message: dict[str, Any], told: str
) -> None:
    await client.send(message)
    assert await client.error() == "INVALID_SETTINGS"
    assert told in client.of_type("Error")[0]["description"]
    assert "SettingsApplied" not in client.order()


@pytest.mark.parametrize("encoding", ["opus", "flac", "g729"])
async def test_an_input_encoding_that_is_not_there_is_refused_with_those_that_are(client: Caller, encoding: str) -> None:
    await client.send(with_audio(input={"encoding": encoding, "sample_rate": 16000}))
    assert await client.error() == "INVALID_SETTINGS"
    assert all(name in client.of_type("Error")[0]["description"] for name in ("linear16", "mulaw", "alaw"))


@pytest.mark.parametrize("encoding", ["mp3", "opus", "aac"])
async def test_an_output_encoding_that_is_not_there_is_refused_with_those_that_are(client: Caller, encoding: str) -> None:
    await client.send(with_audio(output={"encoding": encoding}))
    assert await client.error() == "INVALID_SETTINGS"
    assert all(name in client.of_type("Error")[0]["description"] for name in ("linear16", "mulaw", "alaw"))


async def test_a_configuration_stored_with_deepgram_is_not_known_here(client: Caller) -> None:
    await client.send(SAMPLES["reusable_configuration"])
    assert await client.error() in {"INVALID_AGENT_ID", "AGENT_ID_NOT_SUPPORTED"}


async def test_settings_come_once(client: Caller) -> None:
    await client.begin()
    await client.send(document())
    assert await client.error() == "SETTINGS_ALREADY_APPLIED"


@pytest.mark.parametrize(
    "message",
    [
        {"type": "KeepAlive"},
        {"type": "InjectUserMessage", "content": "Hello"},
        {"type": "InjectAgentMessage", "message": "Hello"},
        {"type": "UpdatePrompt", "prompt": "Be brief."},
        {"type": "FunctionCallResponse", "id": "x", "name": "y", "content": "z"},
        {"type": "ForceEndTurn"},
    ],
    ids=lambda message: message["type"],
)
async def test_another_message_before_settings_ends_the_conversation(client: Caller, message: dict[str, Any]) -> None:
    await client.send(message)
    assert await client.error() == "NON_SETTINGS_MESSAGE_BEFORE_SETTINGS"


async def test_audio_before_settings_ends_the_conversation(client: Caller) -> None:
    await client.send_audio(bytes(640))
    assert await client.error() == "NON_SETTINGS_MESSAGE_BEFORE_SETTINGS"


async def test_audio_right_behind_settings_is_taken(client: Caller) -> None:
    await client.send(document())
    await client.send_audio(bytes(640))
    await client.until("SettingsApplied", timeout=WAIT_S)
    await client.alive()


async def test_a_client_that_leaves_at_once_takes_nobody_with_it(client: Caller) -> None:
    await client.send(document(greeting="Hello."))
    client.vanish()
    await asyncio.sleep(0)
