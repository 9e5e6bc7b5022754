"""Conversations that a chat completions server thinks for, over real sockets on both sides: what its failures come to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from agentd.engine.think import build_thinker
from tests.support.agent_client import AgentClient, settings
from tests.support.engine import LAMP, made_up_engine, silence, speech
from tests.support.model_server import Answer, ModelServer, called, delta, model_server

pytestmark = pytest.mark.timeout(120)

REFUSED = Answer(status=500, content_type="application/json", body=b'{"error": {"message": "no capacity"}}')
GO = {"type": "InjectUserMessage", "content": "go"}
CANNOT_THINK = "Sorry, I am having trouble thinking. Please try again later."


def said(text: str) -> Answer:
    return Answer([delta(content=text, finish="stop")])


@asynccontextmanager
async def thinking(*plans: list[Answer], **think: Any) -> AsyncIterator[tuple[AgentClient, list[ModelServer]]]:
    """A conversation whose think blocks each have a server of their own, in this order."""
    async with AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(model_server(*plan)) for plan in plans]
        origins = tuple(f"http://{urlsplit(url).netloc}" for _, url in peers)
        engine = await stack.enter_async_context(made_up_engine(thinker=build_thinker, allowed_endpoints=origins))
        client = await stack.enter_async_context(engine.client())
        common = {"provider": {"type": "open_ai", "model": "any"}, "prompt": "Be brief.", "functions": [LAMP]} | think
        await client.send(settings(think=[common | {"endpoint": {"url": url}} for _, url in peers]))
        await client.until("SettingsApplied")
        yield client, [server for server, _ in peers]


def warnings(client: AgentClient) -> list[str]:
    """What was warned of, but for names that this engine has other things for."""
    return [item["code"] for item in client.of_type("Warning") if not item["code"].endswith("_MAPPED")]


async def test_the_next_provider_answers_for_one_that_fails_and_each_request_begins_with_the_first() -> None:
    async with thinking([REFUSED, said("First is back.")], [said("Second here.")]) as (client, (first, second)):
        await client.send(GO)
        await client.until("AgentAudioDone")
        assert client.texts("assistant") == ["Second here."]
        assert warnings(client) == ["THINK_REQUEST_FAILED"]
        assert "answered 500: " in client.of_type("Warning")[0]["description"]
        await client.send(GO)
        await client.until("AgentAudioDone", after=len(client.items))
        assert client.texts("assistant") == ["Second here.", "First is back."]
        assert (len(first.requests), len(second.requests)) == (2, 1)


async def test_when_every_provider_fails_the_agent_says_so_before_the_error_ends_the_session() -> None:
    async with thinking([REFUSED], [Answer(status=401, body=b"who are you")]) as (client, _):
        await client.send(GO)
        error = await client.until("Error")
        assert error["code"] == "FAILED_TO_THINK"
        assert "answered 500" in error["description"]
        assert "answered 401" in error["description"]
        assert client.texts("assistant") == [CANNOT_THINK]
        kinds = client.kinds(without=("History", "LatencyReport"))
        assert kinds[-6:] == ["Warning", "Warning", "ConversationText", "~", "AgentAudioDone", "Error"]
        assert await client.closed() == 1011


async def test_a_provider_that_breaks_off_is_not_asked_again_for_what_it_said() -> None:
    broken = Answer([delta(content="The lamp is on. And the")], breaks=True)
    async with thinking([broken, said("Still here.")], [said("Second here.")]) as (client, (_, second)):
        await client.send(GO)
        await client.until("AgentAudioDone")
        assert client.texts("assistant")[0] == "The lamp is on."
        assert warnings(client) == ["THINK_REQUEST_FAILED"]
        assert second.requests == []
        await client.send(GO)
        await client.until("AgentAudioDone", after=len(client.items))
        assert client.texts("assistant")[-1] == "Still here."


async def test_a_model_is_told_once_of_a_function_that_does_not_exist() -> None:
    async with thinking([Answer([called("launch_rocket")]), said("I cannot do that.")]) as (client, (server,)):
        await client.send(GO)
        await client.until("AgentAudioDone")
        assert warnings(client) == ["FUNCTION_CALL_FAILED"]
        assert server.messages[-1] == {"role": "tool", "tool_call_id": "call_1", "content": "There is no function of that name."}
        assert client.texts("assistant") == ["I cannot do that."]


async def test_a_model_that_insists_on_a_function_that_does_not_exist_ends_the_session() -> None:
    async with thinking([Answer([called("launch_rocket")])]) as (client, (server,)):
        await client.send(GO)
        error = await client.until("Error")
        assert error["code"] == "NON_EXISTENT_FUNCTION_CALLED"
        assert "launch_rocket" in error["description"]
        assert len(server.requests) == 2
        assert client.texts("assistant") == [CANNOT_THINK]
        assert client.kinds()[-2:] != ["~", "Error"]


async def test_a_prompt_for_an_endpoint_of_ones_own_may_be_longer() -> None:
    async with thinking([said("Yes.")], prompt="x" * 30_000) as (client, (server,)):
        await client.send(GO)
        await client.until("AgentAudioDone")
        assert warnings(client) == []
        assert len(server.messages[0]["content"]) == 30_000


async def test_a_provider_of_another_kind_is_asked_in_chat_completions_and_the_client_is_told_once() -> None:
    provider = {"type": "anthropic", "model": "claude-haiku-4-5"}
    async with thinking([said("Yes.")], [said("No.")], provider=provider) as (client, (server, _)):
        await client.send(GO)
        await client.until("AgentAudioDone")
        await client.send({"type": "UpdatePrompt", "prompt": "Be kind."})
        await client.until("PromptUpdated")
        await client.send(GO)
        await client.until("AgentAudioDone", after=len(client.items))
        assert client.texts("assistant") == ["Yes.", "Yes."]
        assert server.requests[0]["body"]["model"] == "claude-haiku-4-5"
        (told,) = [item for item in client.of_type("Warning") if item["code"] == "THINK_PROVIDER_MAPPED"]
        assert "'anthropic'" in told["description"]


async def test_a_changed_prompt_is_thought_by_over_the_connection_that_is_open() -> None:
    async with thinking([said("Yes.")]) as (client, (server,)):
        await client.send(GO)
        await client.until("AgentAudioDone")
        await client.send({"type": "UpdatePrompt", "prompt": "Be kind."})
        await client.until("PromptUpdated")
        await client.send(GO)
        await client.until("AgentAudioDone", after=len(client.items))
        assert server.messages[0]["content"] == "Be brief.\n\nBe kind."
        assert len(server.connections) == 1


async def test_another_endpoint_is_asked_from_the_next_request_on() -> None:
    async with thinking([said("First.")], [said("Second.")]) as (client, (first, second)):
        await client.send(GO)
        await client.until("AgentAudioDone")
        block = {"provider": {"type": "open_ai", "model": "any"}, "endpoint": {"url": second.url}}
        await client.send({"type": "UpdateThink", "think": block})
        await client.until("ThinkUpdated")
        await client.send(GO)
        await client.until("AgentAudioDone", after=len(client.items))
        assert client.texts("assistant") == ["First.", "Second."]
        assert (len(first.requests), len(second.requests)) == (1, 1)


async def test_a_whole_turn_with_words_calls_and_several_rounds_is_one_conversation_for_the_model() -> None:
    plan = [
        Answer([delta(content="Let me see."), called("set_light", '{"on": true}', id="one")]),
        Answer([called("set_light", '{"on": ', id="two"), called("set_light", "{}", id="three")]),
        Answer([delta(reasoning_content="Two of three."), delta(content="Both are on.", finish="stop")]),
    ]
    async with thinking(plan) as (client, (server,)):
        await client.send(GO)
        for call_id in ("one", "three"):
            request = await client.until("FunctionCallRequest", after=len(client.items) if call_id == "three" else 0)
            (call,) = request["functions"]
            assert call["id"] == call_id
            await client.send(
                {"type": "FunctionCallResponse", "id": call_id, "name": call["name"], "content": f"{call_id} is on"}
            )
        await client.until(lambda item: isinstance(item, dict) and item.get("content") == "Both are on.")
        assert client.texts("assistant") == ["Let me see.", "Both are on."]
        assert [item["content"] for item in client.of_type("AgentThinking")] == ["Two of three."]
        assert warnings(client) == ["FUNCTION_CALL_FAILED"]
        last = server.messages
        assert [message["role"] for message in last] == "system user assistant tool assistant tool tool".split()
        assert last[2]["content"] == "Let me see."
        assert [call["id"] for call in last[4]["tool_calls"]] == ["two", "three"]
        results = {message["tool_call_id"]: message["content"] for message in last if message["role"] == "tool"}
        assert results["one"] == "one is on"
        assert results["three"] == "three is on"
        assert "not a JSON object" in results["two"]


async def test_a_server_that_takes_long_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentd.engine.thinking.SLOW_THINK_S", 0.1)
    async with thinking([Answer([delta(content="Well")], stall=True)]) as (client, (server,)):
        await client.send(GO)
        assert (await client.until("Warning"))["code"] == "SLOW_THINK_REQUEST"
        server.go_on.set()
        await client.until("AgentAudioDone")
        assert client.texts("assistant") == ["Well"]


async def test_a_server_that_keeps_alive_and_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentd.engine.thinking.THINK_S", 0.3)
    async with thinking([Answer([b": keep-alive\n\n", delta(role="assistant")], stall=True)], [said("Here.")]) as (
        client,
        (first, _),
    ):
        await client.send(GO)
        await client.until("AgentAudioDone")
        assert client.texts("assistant") == ["Here."]
        assert "no end of the answer within 0.3 seconds" in client.of_type("Warning")[-1]["description"]
        async with asyncio.timeout(30):
            await first.gone.wait()


async def test_speech_ends_the_request() -> None:
    async with thinking([Answer([delta(role="assistant")], stall=True)]) as (client, (server,)):
        await client.send(GO)
        await client.until("ConversationText")
        await client.send_audio(speech(0.6))
        await client.until("UserStartedSpeaking")
        async with asyncio.timeout(30):
            await server.gone.wait()


async def test_in_a_spoken_turn_nothing_of_a_failure_is_heard_before_the_turn_is_certain() -> None:
    async with thinking([REFUSED]) as (client, _):
        await client.speak(silence(0.3) + speech(0.8) + silence(1.2))
        assert (await client.until("Error"))["code"] == "FAILED_TO_THINK"
        kinds = client.kinds(without=("History", "LatencyReport"))
        words = [kind for kind in kinds if kind in {"ConversationText", "~", "AgentAudioDone", "Error"}]
        assert words == ["ConversationText", "ConversationText", "~", "AgentAudioDone", "Error"]
        assert client.texts("user") == ["hello"]
        assert client.texts("assistant") == [CANNOT_THINK]
        assert warnings(client) == ["THINK_REQUEST_FAILED"]
