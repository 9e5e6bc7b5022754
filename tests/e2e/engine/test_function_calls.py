"""Function calls of a conversation over a real WebSocket: one or several at once, by the client or by a function's own server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from agentd.engine.providers import Call, CallMade, Say, ThinkEvent, ThinkRequest
from tests.support.agent_client import AgentClient, settings
from tests.support.engine import LAMP, MadeUp, made_up_engine, silence, speech, with_lamp
from tests.support.function_server import FunctionServer, function_server

pytestmark = pytest.mark.timeout(120)

GO = {"type": "InjectUserMessage", "content": "go"}


def calls_then_results(*calls: Call) -> Callable[[ThinkRequest], list[ThinkEvent | float]]:
    """A mind that makes these calls, once a turn, and says what came of them."""

    def answer(request: ThinkRequest) -> list[ThinkEvent | float]:
        if isinstance(request.messages[-1], CallMade):
            results = [str(message.result) for message in request.messages if isinstance(message, CallMade)]
            return [Say(" and ".join(results[-len(calls) :]) or "nothing")]
        return list(calls)

    return answer


async def test_calls_of_one_round_go_out_in_one_message_when_asked() -> None:
    mind = calls_then_results(Call("set_light", {"n": 1}, id="a"), Call("set_light", {"n": 2}, id="b"))
    async with made_up_engine(mind, parallel_calls=True) as engine, engine.client() as client:
        await client.send(settings(**with_lamp()))
        await client.send(GO)
        request = await client.until("FunctionCallRequest")
        assert [call["id"] for call in request["functions"]] == ["a", "b"]
        for call_id in ("b", "a"):
            await respond(client, call_id, call_id)
        await client.until("AgentAudioDone")
        assert client.texts("assistant") == ["a and b"]
        assert len(client.of_type("FunctionCallRequest")) == 1


async def respond(client: AgentClient, call_id: str | None, content: str) -> None:
    message = {"type": "FunctionCallResponse", "name": "set_light", "content": content}
    await client.send(message if call_id is None else message | {"id": call_id})


async def test_answers_without_ids_go_to_the_calls_in_their_order() -> None:
    mind = calls_then_results(Call("set_light", {}, id="a"), Call("set_light", {}, id="b"))
    async with made_up_engine(mind) as engine, engine.client() as client:
        await client.send(settings(**with_lamp()))
        await client.send(GO)
        await client.until(lambda item: isinstance(item, dict) and item.get("functions", [{}])[0].get("id") == "b")
        await respond(client, None, "first")
        await respond(client, None, "second")
        await client.until("AgentAudioDone")
        assert client.texts("assistant") == ["first and second"]
        assert [echo["id"] for echo in client.of_type("FunctionCallResponse")] == ["a", "b"]


async def test_several_calls_that_nobody_answers_time_out_together() -> None:
    mind = calls_then_results(*(Call("set_light", {"n": number}) for number in range(5)))
    async with made_up_engine(mind, function_timeout_s=0.5) as engine, engine.client() as client:
        await client.send(settings(**with_lamp()))
        await client.send(GO)
        await client.until("AgentAudioDone", timeout=30)
        assert [warning["code"] for warning in client.of_type("Warning")] == ["FUNCTION_CALL_TIMEOUT"] * 5
        late = client.of_type("FunctionCallRequest")[0]["functions"][0]["id"]
        await respond(client, late, "late")
        await client.send(GO)
        await client.until("FunctionCallRequest", after=len(client.items))
        assert client.of_type("FunctionCallResponse") == [], "a late answer is dropped"


async def test_a_model_that_repeats_its_ids_gets_its_calls_made_under_new_ones() -> None:
    mind = calls_then_results(
        Call("set_light", {}, id="call_0"), Call("set_light", {}, id="call_0"), Call("set_light", {}, id="x" * 500)
    )
    async with made_up_engine(mind) as engine, engine.client() as client:
        await client.send(settings(**with_lamp()))
        for _ in range(2):
            await client.send(GO)
            for _ in range(3):
                request = await client.until("FunctionCallRequest", after=len(client.items))
                await respond(client, request["functions"][0]["id"], "done")
            await client.until("AgentAudioDone", after=len(client.items))
        ids = [request["functions"][0]["id"] for request in client.of_type("FunctionCallRequest")]
        assert ids[0] == "call_0"
        assert len(set(ids)) == 6
        assert max(map(len, ids)) < 100


async def test_a_call_that_cannot_be_made_is_told_to_the_thinker_alone() -> None:
    mind = calls_then_results(Call("set_light", {}, fault="The arguments were not an object."))
    async with made_up_engine(mind) as engine, engine.client() as client:
        await client.send(settings(**with_lamp()))
        await client.send(GO)
        await client.until(lambda item: isinstance(item, dict) and item.get("code") == "FUNCTION_CALL_FAILED")
        await client.until("AgentAudioDone")
        assert client.texts("assistant") == ["The arguments were not an object."]
        assert "FunctionCallRequest" not in client.kinds()


async def test_a_call_answered_before_its_round_was_cut_short_is_remembered() -> None:
    mind = calls_then_results(Call("set_light", {}, id="a"), Call("set_light", {}, id="b"))
    async with made_up_engine(mind) as engine, engine.client() as client:
        await client.send(settings(**with_lamp()))
        await client.send(GO)
        await client.until(lambda item: isinstance(item, dict) and item.get("functions", [{}])[0].get("id") == "b")
        await respond(client, "a", "on")
        await client.until("FunctionCallResponse")
        await client.send_audio(speech(0.6))
        assert [call["id"] for call in (await client.until("FunctionCallCancelled"))["functions"]] == ["b"]
        await client.send_audio(silence(0.8))
        await client.until("FunctionCallRequest", after=len(client.items))
        made = [message for message in engine.mind.requests[-1].messages if isinstance(message, CallMade)]
        assert [(call.id, call.result) for call in made] == [("a", "on")]


# -- functions with an endpoint -----------------------------------------------------------------------------------------


@asynccontextmanager
async def weather(
    *, allowed: bool = True, timeout_s: float = 5.0, arguments: dict[str, Any] | None = None, **endpoint: Any
) -> AsyncIterator[tuple[FunctionServer, MadeUp, AgentClient]]:
    """A conversation whose mind asks for the weather, a function with an endpoint."""
    mind = calls_then_results(Call("get_weather", {"place": "Ulm & Köln"} if arguments is None else arguments, id="w"))
    async with function_server() as server:
        origins = (server.origin,) if allowed else ("https://elsewhere.example",)
        async with (
            made_up_engine(mind, allowed_endpoints=origins, function_timeout_s=timeout_s) as engine,
            engine.client() as client,
        ):
            at = {"url": f"{server.origin}/weather?key=secret-key-1&x=a%2Fb"} | endpoint
            block = {
                "provider": {"type": "open_ai", "model": "any"},
                "functions": [LAMP, {"name": "get_weather", "endpoint": at}],
            }
            await client.send(settings(think=block))
            await client.send(GO)
            yield server, engine, client


async def test_a_function_with_an_endpoint_is_run_there_and_the_client_is_shown() -> None:
    async with weather(headers={"Authorization": "Bearer secret-key-2"}) as (server, _, client):
        await client.until("AgentAudioDone")
        (call,) = (await client.until("FunctionCallRequest"))["functions"]
        assert (call["client_side"], call["id"]) == (False, "w")
        shown = await client.until("FunctionCallResponse")
        assert shown == {"type": "FunctionCallResponse", "id": "w", "name": "get_weather", "content": '{"temperature_c": 21}'}
        assert client.texts("assistant") == ['{"temperature_c": 21}']
        history = await client.until(
            lambda item: isinstance(item, dict) and "function_calls" in item and item["type"] == "History"
        )
        assert history["function_calls"][0]["client_side"] is False
        (came,) = server.calls
        assert (came["method"], came["path"]) == ("POST", "/weather?key=secret-key-1&x=a%2Fb")
        assert orjson.loads(came["body"]) == {"place": "Ulm & Köln"}
        assert came["headers"]["Authorization"] == "Bearer secret-key-2"
        assert came["headers"]["Content-Type"] == "application/json"


async def test_with_get_the_arguments_are_added_to_the_query() -> None:
    arguments = {"place": "Ulm & Köln", "days": 3, "metric": True, "at": ["a"]}
    async with weather(method="get", arguments=arguments) as (server, _, client):
        await client.until("AgentAudioDone")
        (came,) = server.calls
        assert came["method"] == "GET"
        assert came["path"] == ("/weather?key=secret-key-1&x=a%2Fb&place=Ulm+%26+K%C3%B6ln&days=3&metric=true&at=%5B%22a%22%5D")
        assert came["body"] == ""


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"status": 500}, "answered 500"),
        ({"status": 302, "headers": {"Location": "/elsewhere"}}, "answered 302"),
        ({"body": b"x" * 70_000}, "answered with more than 64 KiB"),
        ({"headers": {"Content-Encoding": "gzip"}}, "answered in 'gzip'"),
        ({"stall": True}, "did not answer in time"),
    ],
)
async def test_a_failing_endpoint_is_a_warning_and_the_model_is_told(how: dict[str, Any], told: str) -> None:
    async with weather(timeout_s=0.3 if "stall" in how else 5.0) as (server, _, client):
        for name, value in how.items():
            setattr(server, name, value)
        warning = await client.until(lambda item: isinstance(item, dict) and item.get("code") == "FUNCTION_CALL_FAILED")
        assert told in warning["description"]
        await client.until("AgentAudioDone")
        assert told in client.texts("assistant")[0]
        assert len(server.calls) == 1
        assert "secret-key-1" not in str(client.items)


async def test_an_endpoint_that_is_not_listed_is_not_called() -> None:
    async with weather(allowed=False) as (server, _, client):
        warning = await client.until(lambda item: isinstance(item, dict) and item.get("code") == "FUNCTION_CALL_FAILED")
        assert f"{server.origin} is not in [security] allowed_endpoints" in warning["description"]
        await client.until("AgentAudioDone")
        assert server.calls == []


async def test_speech_ends_the_wait_for_an_endpoint_and_its_result_is_dropped() -> None:
    async with weather() as (server, engine, client):
        server.stall = True
        async with asyncio.timeout(30):
            await asyncio.gather(server.called.wait(), client.until("FunctionCallRequest"))
        server.stall = False
        await client.send_audio(speech(0.6) + silence(0.8))
        async with asyncio.timeout(30):
            await server.gone.wait()
        await client.until("AgentAudioDone")
        made = [message.id for message in engine.mind.requests[-1].messages if isinstance(message, CallMade)]
        assert len(made) == 1
        assert made != ["w"]
        assert "FunctionCallCancelled" not in client.kinds(), "the client was not asked for it"
