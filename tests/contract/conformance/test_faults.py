"""What a client can do wrong, and what it is told; time that runs out."""

import asyncio
from typing import Any

import pytest

from tests.contract.conformance.caller import LAMP_CLIP, Caller, clip, document
from tests.contract.conformance.servers import CONFORMANCE, IDLE_S, Ability, Server, needs

pytestmark = CONFORMANCE

UNPARSABLE: dict[str, dict[str, Any] | str] = {
    "not-json": "Hello?",
    "half": '{"type": "KeepAl',
    "empty": "",
    "null": "null",
    "list": "[]",
    "number": "1",
    "no-type": {"content": "Hello"},
    "type-not-text": {"type": 7},
    "unknown-type": {"type": "Nonsense"},
    "server-type": {"type": "Welcome", "request_id": "x"},
    "prompt-missing": {"type": "UpdatePrompt"},
    "prompt-not-text": {"type": "UpdatePrompt", "prompt": ["x"]},
    "think-missing": {"type": "UpdateThink"},
    "speak-not-object": {"type": "UpdateSpeak", "speak": "aura"},
    "content-missing": {"type": "InjectUserMessage"},
    "message-missing": {"type": "InjectAgentMessage"},
    "behavior-unknown": {"type": "InjectAgentMessage", "message": "x", "behavior": "shout"},
    "name-missing": {"type": "FunctionCallResponse", "id": "x", "content": "y"},
    "content-absent": {"type": "FunctionCallResponse", "id": "x", "name": "y"},
}


@pytest.mark.parametrize("frame", UNPARSABLE.values(), ids=UNPARSABLE)
async def test_a_message_that_cannot_be_read_ends_the_conversation(client: Caller, frame: dict[str, Any] | str) -> None:
    await client.begin()
    await client.send(frame)
    assert await client.error() == "UNPARSABLE_CLIENT_MESSAGE"
    assert client.close_code in {1000, 1008}


@pytest.mark.parametrize("frame", ["Hello?", "[]", {"type": "Nonsense"}], ids=["not-json", "list", "unknown-type"])
async def test_so_does_one_before_settings(client: Caller, frame: dict[str, Any] | str) -> None:
    await client.send(frame)
    assert await client.error() == "UNPARSABLE_CLIENT_MESSAGE"


async def test_an_error_does_not_repeat_what_may_be_secret(client: Caller) -> None:
    secret = "sk-do-not-repeat-me"
    message = document(think={"provider": {"type": "open_ai"}, "endpoint": {"url": 7, "headers": {"api-key": secret}}})
    await client.send(message)
    await client.error()
    assert secret not in str(client.items)


async def test_keepalive_is_never_answered(client: Caller) -> None:
    await client.begin()
    for _ in range(3):
        await client.send({"type": "KeepAlive"})
    await client.quiet(0.3)
    assert client.order() == ["Welcome", "SettingsApplied"]


async def test_fields_that_are_not_known_are_let_be(client: Caller) -> None:
    await client.begin()
    await client.send({"type": "KeepAlive", "later": {"a": 1}})
    await client.send({"type": "InjectUserMessage", "content": "Hello!", "later": True})
    await client.done()


@needs(Ability.CONDUCT)
async def test_the_end_of_a_turn_cannot_be_forced_with_listen_v1(client: Caller) -> None:
    await client.begin(listen={"provider": {"type": "deepgram", "model": "nova-3"}})
    await client.send({"type": "ForceEndTurn"})
    await client.warned("FORCE_END_TURN_UNSUPPORTED")
    await client.alive()


V2 = {"provider": {"type": "deepgram", "version": "v2", "model": "flux-general-en", "eot_timeout_ms": 10_000}}


async def test_forcing_the_end_of_no_turn_does_nothing(client: Caller) -> None:
    await client.begin(listen=V2)
    await client.send({"type": "ForceEndTurn"})
    await client.quiet(0.3)
    assert client.order() == ["Welcome", "SettingsApplied"]


async def test_the_end_of_a_turn_can_be_forced_with_listen_v2(client: Caller) -> None:
    """No silence follows the words: nothing but the message ends the turn."""
    await client.begin(listen=V2)
    sound = clip(LAMP_CLIP)
    await client.speak(sound[: int(1.75 * 32_000)])
    await client.send({"type": "ForceEndTurn"})
    await client.until(lambda item: isinstance(item, dict) and item.get("role") == "user", timeout=30)
    assert client.order()[2:4] == ["UserStartedSpeaking", "ConversationText:user"]


async def test_a_frame_beyond_a_mebibyte_is_refused(client: Caller) -> None:
    await client.begin()
    await client.send_audio(bytes(1024 * 1024 + 1))
    await client.closed()
    assert client.close_code == 1009


async def dropped(client: Caller) -> str:
    """Say nothing until the server has had enough; what it says."""
    client.keeps_alive = False
    error = await client.until("Error", timeout=IDLE_S + 10)
    assert error["code"] == "CLIENT_MESSAGE_TIMEOUT"
    await client.closed()
    assert client.close_code in {1000, 1011}
    return str(error["description"])


async def kept(client: Caller) -> None:
    """Say nothing but KeepAlive for longer than the server would wait without it."""
    for _ in range(4):
        await client.quiet(0.4 * IDLE_S)
        await client.send({"type": "KeepAlive"})
    await client.alive()


@needs(Ability.LIMITS)
async def test_who_is_silent_is_dropped_and_told_why_and_keepalive_alone_holds_the_connection(server: Server) -> None:
    async with server.client() as silent, server.client() as undecided, server.client() as patient:
        await silent.begin()
        await patient.begin()
        told_silent, told_undecided, _ = await asyncio.gather(dropped(silent), dropped(undecided), kept(patient))
    assert "user speech" in told_silent
    assert "Settings" in told_undecided


async def test_a_client_may_close_when_it_likes(server: Server) -> None:
    async with server.client() as client:
        await client.begin(greeting="Hello.")
        await client.first_audio()
    async with server.client() as client:
        await client.begin()
        await client.alive()
