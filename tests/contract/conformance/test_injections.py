"""Texts a client has the agent say, or answer."""

from typing import Any

import pytest

from tests.contract.conformance.caller import LAMP_CLIP, LONG, RESULT, TYPED, Caller, clip
from tests.contract.conformance.servers import CONFORMANCE, Ability, needs
from tests.support.agent_client import AUDIO

pytestmark = CONFORMANCE

FILLER = "One moment..."


@pytest.mark.parametrize(
    "message",
    [
        {"message": "Tea is ready."},
        {"content": "Tea is ready."},
        {"message": "Tea is ready.", "behavior": "default"},
        {"message": "Tea is ready.", "behavior": "queue"},
        {"message": "Tea is ready.", "behavior": "interrupt"},
    ],
)
async def test_in_silence_a_message_is_spoken_in_every_behaviour_and_both_spellings(
    client: Caller, message: dict[str, Any]
) -> None:
    await client.begin()
    await client.send({"type": "InjectAgentMessage", **message})
    await client.done()
    assert client.texts("assistant") == ["Tea is ready."]
    assert client.order()[2:] == ["ConversationText:assistant", AUDIO, "AgentAudioDone"]


@needs(Ability.CONDUCT)
async def test_while_the_agent_speaks_a_message_is_refused_by_default(client: Caller) -> None:
    await client.begin()
    await client.inject(LONG)
    await client.first_audio()
    await client.inject("Tea is ready.")
    assert (await client.until("InjectionRefused"))["message"]
    assert "Tea is ready." not in client.texts("assistant")


async def test_while_the_agent_speaks_a_message_can_wait_for_its_end(client: Caller) -> None:
    await client.begin()
    await client.inject("First the news.")
    await client.first_audio()
    await client.inject("Then the tea.", behavior="queue")
    await client.says("Then the tea.")
    await client.done(after=client.items.index(client.of_type("ConversationText")[1]))
    assert client.texts("assistant") == ["First the news.", "Then the tea."]
    assert not client.of_type("InjectionRefused")


@needs(Ability.CONDUCT)
async def test_while_the_agent_speaks_a_message_can_replace_what_it_says(client: Caller) -> None:
    await client.begin()
    await client.inject(LONG)
    await client.first_audio()
    await client.inject("Fire!", behavior="interrupt")
    await client.says("Fire!")
    await client.done(after=client.items.index(client.of_type("ConversationText")[1]))
    heard = sum(map(len, (item for item in client.items if isinstance(item, bytes))))
    assert heard < 2 * 24_000 * 9, "the rest of the long text was not sent"


@needs(Ability.CONDUCT)
async def test_while_the_user_speaks_a_message_is_refused(client: Caller) -> None:
    await client.begin()
    async with client.microphone(bytes(9600), clip(LAMP_CLIP)):
        await client.until("UserStartedSpeaking", timeout=30)
        await client.inject("Tea is ready.")
        await client.inject("Tea is ready.", behavior="queue")
        call = await client.asked()
        refused = client.of_type("InjectionRefused")
        assert len(refused) == 2
        assert all(refusal["message"] for refusal in refused)
        await client.answer(call)
        await client.done()
    assert "Tea is ready." not in client.texts("assistant")


async def test_while_the_user_speaks_an_interrupting_message_is_spoken(client: Caller) -> None:
    await client.begin()
    async with client.microphone(bytes(9600), clip(LAMP_CLIP)):
        await client.until("UserStartedSpeaking", timeout=30)
        await client.inject("Fire!", behavior="interrupt")
        await client.says("Fire!")
    assert not client.of_type("InjectionRefused")


async def test_while_a_call_is_open_a_message_is_spoken_and_the_turn_goes_on(client: Caller) -> None:
    """Fillers: refused, a known client would wait for ever."""
    await client.begin()
    await client.write(TYPED)
    call = await client.asked()
    await client.inject(FILLER)
    await client.says(FILLER)
    await client.done()
    at = len(client.items)
    await client.answer(call)
    await client.done(after=at)
    assert RESULT in " ".join(client.texts("assistant"))
    assert not client.of_type("InjectionRefused")
    assert not client.of_type("FunctionCallCancelled")


async def test_right_behind_an_answer_a_message_is_spoken_and_the_turn_goes_on(client: Caller) -> None:
    await client.begin()
    await client.write(TYPED)
    call = await client.asked()
    await client.answer(call)
    await client.inject(FILLER)
    await client.says(FILLER)
    await client.until(
        lambda item: isinstance(item, dict) and item["type"] == "ConversationText" and RESULT in item["content"], timeout=10
    )
    assert not client.of_type("InjectionRefused")


async def test_an_injection_is_never_without_an_answer(client: Caller) -> None:
    """Spoken, or refused, after a turn as before it (deepgram-js-sdk issue 463)."""
    await client.begin()
    await client.write("Hello!")
    await client.done()
    at = len(client.items)
    await client.inject("Tea is ready.")
    await client.until(
        lambda item: isinstance(item, dict) and (item["type"] == "InjectionRefused" or item.get("content") == "Tea is ready."),
        after=at,
    )


async def test_a_message_that_the_server_would_have_to_word_is_refused_or_spoken(client: Caller) -> None:
    await client.begin()
    await client.send({"type": "InjectAgentMessage", "is_dynamic": True, "behavior": "queue"})
    await client.until(lambda item: isinstance(item, dict) and item["type"] in {"InjectionRefused", "ConversationText"})


async def test_a_typed_text_is_told_as_the_users(client: Caller) -> None:
    await client.begin()
    await client.write(TYPED)
    text = await client.until("ConversationText")
    assert (text["role"], text["content"]) == ("user", TYPED)


async def test_special_characters_come_back_as_they_were_sent(client: Caller) -> None:
    await client.begin()
    await client.inject('Zwölf Grad — «kühl» ☂, "ja" & <nein>.')
    await client.says('Zwölf Grad — «kühl» ☂, "ja" & <nein>.')
    await client.done()
