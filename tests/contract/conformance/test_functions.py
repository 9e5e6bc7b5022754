"""Functions that the client runs: asked for one at a time, answered in any way clients were seen to answer."""

import json
from typing import Any

import pytest

from tests.contract.conformance.caller import (
    CALLED,
    LAMP_CLIP,
    RESULT,
    SET_LAMP,
    STILL,
    TYPED,
    WATER_PLANTS,
    Caller,
    arguments,
    clip,
    document,
)
from tests.contract.conformance.servers import CONFORMANCE, Ability, needs
from tests.support.agent_client import AUDIO

pytestmark = CONFORMANCE


async def test_a_call_is_asked_for_with_everything_a_client_reads(client: Caller) -> None:
    await client.begin()
    await client.write(TYPED)
    call = await client.asked()
    assert call["name"] == "set_lamp"
    assert call["id"]
    assert isinstance(call["id"], str)
    assert call["client_side"] is True
    assert arguments(call) == CALLED


async def test_the_answer_is_echoed_and_the_agent_goes_on(client: Caller) -> None:
    await client.begin()
    await client.write(TYPED)
    call = await client.asked()
    await client.answer(call)
    await client.done()
    echo = client.of_type("FunctionCallResponse")
    assert [(one["id"], one["name"], one["content"]) for one in echo] == [(call["id"], "set_lamp", RESULT)]
    order = client.order(after=client.index("FunctionCallRequest"))
    assert order[:2] == ["FunctionCallRequest", "FunctionCallResponse"]
    assert order[2:4] == ["ConversationText:assistant", AUDIO]
    assert order[-1] == "AgentAudioDone"


async def test_history_tells_the_call_with_its_result(client: Caller) -> None:
    await client.begin()
    await client.write(TYPED)
    call = await client.asked()
    await client.answer(call)
    history = await client.until(lambda item: isinstance(item, dict) and item.get("function_calls") is not None, timeout=30)
    (told,) = history["function_calls"]
    assert history["type"] == "History"
    assert {name: told[name] for name in ("id", "name", "client_side", "arguments", "response")} == {
        "id": call["id"], "name": "set_lamp", "client_side": True, "arguments": call["arguments"], "response": RESULT,
    }  # fmt: skip


async def test_nothing_is_said_before_the_answer(client: Caller) -> None:
    await client.begin()
    await client.write(TYPED)
    await client.asked()
    await client.quiet(0.5)
    assert client.order()[-1] == "FunctionCallRequest"


async def test_an_answer_without_an_id_goes_to_the_open_call_of_its_name(client: Caller) -> None:
    await client.begin()
    await client.write(TYPED)
    await client.asked()
    await client.send({"type": "FunctionCallResponse", "name": "set_lamp", "content": RESULT})
    await client.done()
    assert len(client.of_type("FunctionCallResponse")) == 1


async def test_an_answer_may_carry_more_than_it_must(client: Caller) -> None:
    await client.begin()
    await client.write(TYPED)
    call = await client.asked()
    answer = {"type": "FunctionCallResponse", "id": call["id"], "name": call["name"], "content": RESULT}
    await client.send(answer | {"thought_signature": "c2ln", "client_side": True})
    await client.done()


@needs(Ability.CONDUCT)
async def test_a_second_answer_to_one_call_changes_nothing(client: Caller) -> None:
    await client.begin()
    await client.write(TYPED)
    call = await client.asked()
    await client.answer(call)
    await client.answer(call, "There is no function of that name.")
    await client.done()
    await client.alive()
    assert "There is no function of that name." not in " ".join(client.texts("assistant"))
    echoed = [one["content"] for one in client.of_type("FunctionCallResponse")]
    assert echoed == [RESULT]


async def test_an_answer_nobody_asked_for_is_no_end(client: Caller) -> None:
    await client.begin()
    await client.answer({"id": "nobody", "name": "set_lamp"})
    await client.alive()
    assert client.texts("assistant") == [STILL]


async def test_an_answer_of_another_name_is_no_end(client: Caller) -> None:
    await client.begin()
    await client.write(TYPED)
    call = await client.asked()
    await client.send({"type": "FunctionCallResponse", "name": "something_else", "content": "?"})
    await client.answer(call)
    await client.done()


@needs(Ability.CONDUCT, Ability.LIMITS)
async def test_a_call_that_is_never_answered_is_given_up_and_the_agent_says_so(client: Caller) -> None:
    await client.begin()
    await client.write(TYPED)
    call = await client.asked()
    await client.warned(after=client.index("FunctionCallRequest"))
    await client.done()
    assert client.texts("assistant")
    said = list(client.texts("assistant"))
    await client.answer(call, "Too late.")
    await client.alive()
    assert "Too late." not in " ".join(client.texts("assistant"))
    assert client.texts("assistant")[: len(said)] == said


@needs(Ability.CONDUCT)
async def test_speech_during_a_call_cancels_it_and_a_late_answer_is_dropped(client: Caller) -> None:
    await client.begin()
    await client.write(TYPED)
    call = await client.asked()
    async with client.microphone(clip(LAMP_CLIP)):
        cancelled = await client.until("FunctionCallCancelled", timeout=30)
        assert cancelled["functions"] == [{"id": call["id"], "name": "set_lamp"}]
        await client.answer(call, "Too late.")
        again = await client.asked(after=client.index("FunctionCallCancelled"))
        await client.answer(again, "It is on.")
        await client.done()
    order = client.order()
    assert order.index("UserStartedSpeaking") < order.index("FunctionCallCancelled")
    assert again["id"] != call["id"]
    assert "Too late." not in " ".join(client.texts("assistant"))
    assert [one["id"] for one in client.of_type("FunctionCallResponse")] == [again["id"]]


@needs(Ability.MIND)
async def test_two_calls_of_one_turn_are_asked_for_one_message_each(client: Caller) -> None:
    """A known client's receiver dies on two functions in one request."""
    await client.begin(document(SET_LAMP, WATER_PLANTS))
    await client.write("Turn off the kitchen lamp and water the plants.")
    first = await client.asked()
    await client.answer(first)
    second = await client.asked(after=client.index("FunctionCallRequest") + 1)
    await client.answer(second, "Done.")
    await client.done(after=client.items.index(client.of_type("FunctionCallRequest")[1]))
    assert {first["name"], second["name"]} == {"set_lamp", "water_plants"}


@needs(Ability.MIND)
async def test_what_the_function_answered_is_said(client: Caller) -> None:
    await client.begin()
    await client.write(TYPED)
    await client.answer(await client.asked(), "The kitchen lamp is broken.")
    await client.done()
    assert "broken" in " ".join(client.texts("assistant"))


@pytest.mark.parametrize("content", ["", "{}", '{"error": "no such room"}', "äöü ✓", "x" * 5000, {"error": None}, 7])
async def test_an_answer_of_any_content_is_taken(client: Caller, content: Any) -> None:
    await client.begin()
    await client.write(TYPED)
    call = await client.asked()
    await client.answer(call, content)
    echo = await client.until("FunctionCallResponse")
    assert echo["id"] == call["id"]
    assert isinstance(echo["content"], str)
    assert echo["content"] == content if isinstance(content, str) else json.loads(echo["content"]) == content
    await client.inject("Enough.", behavior="interrupt")
    await client.says("Enough.")
