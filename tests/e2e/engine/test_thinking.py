"""Conversations that a chat completions server thinks for, over real sockets on both sides: what its failures come to."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from agentd.engine.think import build_thinker
from tests.support.agent_client import AgentClient, settings
from tests.support.engine import LAMP, made_up_engine
from tests.support.model_server import Answer, ModelServer, called, delta, model_server

pytestmark = pytest.mark.timeout(30)

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
    return [item["code"] for item in client.of_type("Warning")]


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


async def test_a_prompt_too_long_for_a_managed_model_is_cut_and_told() -> None:
    async with made_up_engine() as engine, engine.client() as client:
        block = {"provider": {"type": "open_ai", "model": "gpt-4o-mini"}, "prompt": "x" * 25_001}
        await client.send(settings(think=[block, block]))
        await client.until("SettingsApplied")
        await client.send(GO)
        await client.until("AgentAudioDone")
        assert warnings(client) == ["PROMPT_TOO_LONG"]
        assert "25001 characters" in client.of_type("Warning")[0]["description"]
        assert len(engine.mind.requests[0].prompt) == 25_000


async def test_a_prompt_for_an_endpoint_of_ones_own_may_be_longer() -> None:
    async with thinking([said("Yes.")], prompt="x" * 30_000) as (client, (server,)):
        await client.send(GO)
        await client.until("AgentAudioDone")
        assert warnings(client) == []
        assert len(server.messages[0]["content"]) == 30_000
