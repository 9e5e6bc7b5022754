"""What a client may change while the conversation runs."""

from typing import Any

import pytest

from tests.contract.conformance.caller import (
    LAMP_CLIP,
    LAMP_SPOKEN,
    RESULT,
    SET_LAMP,
    TYPED,
    WATER_PLANTS,
    Caller,
    arguments,
    clip,
    document,
    think,
)
from tests.contract.conformance.servers import CONFORMANCE, Ability, needs

pytestmark = CONFORMANCE

SPEAK = {"provider": {"type": "deepgram", "model": "aura-2-orion-en"}}


@pytest.mark.parametrize(
    ("message", "acknowledged"),
    [
        ({"type": "UpdatePrompt", "prompt": "Speak like a pirate."}, "PromptUpdated"),
        ({"type": "UpdateThink", "think": think(SET_LAMP)}, "ThinkUpdated"),
        ({"type": "UpdateThink", "think": [think(SET_LAMP), think()]}, "ThinkUpdated"),
        ({"type": "UpdateSpeak", "speak": SPEAK}, "SpeakUpdated"),
        ({"type": "UpdateSpeak", "speak": [SPEAK]}, "SpeakUpdated"),
        ({"type": "UpdateListen", "listen": {"provider": {"type": "deepgram", "model": "nova-3"}}}, "ListenUpdated"),
        ({"type": "UpdateListen", "listen": {"provider": {"keyterms": ["agentd"]}}}, "ListenUpdated"),
    ],
)
async def test_an_update_is_acknowledged_once_and_the_conversation_goes_on(
    client: Caller, message: dict[str, Any], acknowledged: str
) -> None:
    await client.begin()
    await client.send(message)
    await client.until(acknowledged)
    await client.alive()
    assert client.order().count(acknowledged) == 1


async def test_updates_are_acknowledged_in_their_order(client: Caller) -> None:
    await client.begin()
    await client.send({"type": "UpdatePrompt", "prompt": "a"})
    await client.send({"type": "UpdateSpeak", "speak": SPEAK})
    await client.send({"type": "UpdateThink", "think": think(SET_LAMP)})
    await client.until("ThinkUpdated")
    assert client.order()[2:] == ["PromptUpdated", "SpeakUpdated", "ThinkUpdated"]


async def test_new_functions_replace_the_old(client: Caller) -> None:
    await client.begin()
    await client.send({"type": "UpdateThink", "think": think(WATER_PLANTS)})
    await client.until("ThinkUpdated")
    await client.write("Water the plants.")
    call = await client.asked()
    assert call["name"] == "water_plants"
    await client.answer(call, "Done.")
    await client.done()


@needs(Ability.MIND)
async def test_a_function_that_was_taken_away_is_not_called(client: Caller) -> None:
    await client.begin()
    await client.send({"type": "UpdateThink", "think": think(WATER_PLANTS)})
    await client.until("ThinkUpdated")
    await client.write(TYPED)
    await client.done()
    assert not client.of_type("FunctionCallRequest")


async def test_an_update_during_a_reply_changes_nothing_of_it(client: Caller) -> None:
    await client.begin()
    await client.write(TYPED)
    call = await client.asked()
    await client.send({"type": "UpdatePrompt", "prompt": "a"})
    await client.until("PromptUpdated")
    await client.answer(call)
    await client.done()
    assert RESULT in " ".join(client.texts("assistant"))


@pytest.mark.parametrize(
    "message",
    [
        {"type": "UpdateThink", "think": {"provider": {"type": "nobody", "model": "m"}}},
        {"type": "UpdateSpeak", "speak": {"provider": {"type": "deepgram"}}},
        {"type": "UpdateListen", "listen": {"provider": {"type": "deepgram", "version": "v9", "model": "x"}}},
    ],
    ids=lambda message: message["type"],
)
async def test_an_update_that_is_not_valid_is_an_error(client: Caller, message: dict[str, Any]) -> None:
    await client.begin()
    await client.send(message)
    assert await client.error() == "INVALID_SETTINGS"


@needs(Ability.CONDUCT)
@pytest.mark.parametrize(
    "message",
    [
        {"type": "UpdateThink_Live", "think_live": {"provider": {"type": "deepgram", "version": "v1"}}},
        {"type": "__customToThinkProvider", "content": {"any": ["thing", None]}},
    ],
    ids=lambda message: message["type"],
)
async def test_what_a_server_has_not_got_is_a_warning(client: Caller, message: dict[str, Any]) -> None:
    await client.begin()
    await client.alive()
    await client.quiet(0.2)
    at = len(client.items)
    await client.send(message)
    await client.warned(after=at)
    await client.alive()


@needs(Ability.EARS)
async def test_after_an_update_of_the_ear_speech_is_still_understood(client: Caller) -> None:
    await client.begin(listen={"provider": {"type": "deepgram", "version": "v2", "model": "flux-general-en"}})
    await client.send({"type": "UpdateListen", "listen": {"provider": {"eot_threshold": 0.8, "keyterms": ["lamp"]}}})
    await client.until("ListenUpdated")
    async with client.microphone(bytes(9600), clip(LAMP_CLIP)):
        assert await client.heard() == LAMP_SPOKEN
        await client.asked()


@needs(Ability.MIND)
async def test_a_conversation_is_taken_up_again_from_its_context(client: Caller) -> None:
    call = {"id": "1", "name": "set_lamp", "client_side": True, "arguments": '{"room":"kitchen","on":true}', "response": "ok"}
    await client.begin(
        context={
            "messages": [
                {"type": "History", "role": "user", "content": "Turn on the kitchen lamp."},
                {"type": "History", "function_calls": [call]},
                {"type": "History", "role": "assistant", "content": "The kitchen lamp is on."},
            ]
        }
    )
    await client.quiet(0.3)
    assert client.order() == ["Welcome", "SettingsApplied"], "what was said is not said again"
    await client.write("Turn it off again.")
    assert arguments(await client.asked()) == {"room": "kitchen", "on": False}


async def test_a_prompt_of_the_longest_length_is_taken(client: Caller) -> None:
    await client.begin(document())
    await client.send({"type": "UpdatePrompt", "prompt": "word " * 5000})
    await client.until("PromptUpdated")
    await client.alive()
