"""The chat completions thinker against a real server on loopback that speaks the protocol's server-sent events."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from agentd.engine.providers import AgentText, Call, CallMade, Say, ThinkEvent, ThinkFailed, ThinkRequest, Thought, UserText
from agentd.engine.think import build_thinker
from agentd.engine.think.matcher.thinker import OfflineMatcher
from agentd.engine.think.openai import OpenAIThinker

Peer = tuple["Server", str]

PATH = "/openai/deployments/gpt/chat/completions"
QUERY = "api-version=2024-10-21&x=a%2Fb"


class Server:
    """Answers every request with ``chunks``, and keeps what it was asked."""

    def __init__(self) -> None:
        self.chunks: list[dict[str, Any] | str] = []
        self.requests: list[dict[str, Any]] = []
        self.status = 200
        self.content_type = "text/event-stream"
        self.body = b""
        self.gone = asyncio.Event()
        self.hold: asyncio.Event | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.requests.append(
            {"path": request.raw_path, "headers": dict(request.headers), "body": orjson.loads(body) if body else None},
        )
        if self.status != 200 or self.body:
            return web.Response(
                status=self.status, body=self.body, content_type=self.content_type, headers={"Location": "/elsewhere"}
            )
        response = web.StreamResponse(headers={"Content-Type": self.content_type})
        await response.prepare(request)
        try:
            for chunk in self.chunks:
                data = chunk if isinstance(chunk, str) else orjson.dumps(chunk).decode()
                await response.write(f"data: {data}\n\n".encode())
            if self.hold is not None:
                await self.hold.wait()
            await response.write(b"data: [DONE]\n\n")
        except (asyncio.CancelledError, ConnectionError):
            self.gone.set()
            raise
        return response


def delta(**fields: Any) -> dict[str, Any]:
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": fields}]}


def tool(index: int | None, *, id: str | None = None, name: str | None = None, arguments: str = "") -> dict[str, Any]:
    return {"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


NO_CHOICES = {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}


@pytest.fixture
async def peer() -> AsyncIterator[tuple[Server, str]]:
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", server.handle)
    async with TestServer(app) as running:
        yield server, f"http://127.0.0.1:{running.port}{PATH}?{QUERY}"


def ask(*messages: Any, **given: Any) -> ThinkRequest:
    fields: dict[str, Any] = {
        "prompt": "Be brief.",
        "messages": messages or (UserText("hello"),),
        "functions": (),
        "provider": {"type": "open_ai", "model": "gpt-4o-mini"},
    }
    return ThinkRequest(**{**fields, **given})


async def answer(url: str, request: ThinkRequest, headers: dict[str, str] | None = None) -> list[ThinkEvent]:
    thinker = OpenAIThinker({"url": url, "headers": headers or {}})
    try:
        return [event async for event in thinker.think(request)]
    finally:
        await thinker.aclose()


async def test_an_endpoint_makes_a_chat_thinker_and_none_the_matcher() -> None:
    assert isinstance(build_thinker({"provider": {"type": "open_ai"}, "endpoint": {"url": "http://x/y"}}), OpenAIThinker)
    assert isinstance(build_thinker({"provider": {"type": "open_ai", "model": "gpt-4o"}}), OfflineMatcher)
    assert isinstance(build_thinker({}), OfflineMatcher)


async def test_text_is_spoken_sentence_by_sentence_while_it_streams(peer: Peer) -> None:
    server, url = peer
    server.chunks = [
        NO_CHOICES,
        delta(role="assistant", content=""),
        *(delta(content=piece) for piece in ("He", "llo. I", " am", " here")),
    ]
    server.hold = asyncio.Event()
    thinker = OpenAIThinker({"url": url})
    events = thinker.think(ask())

    async with asyncio.timeout(5):
        assert await anext(events) == Say("Hello."), "before the answer is complete"
    server.hold.set()
    assert [event async for event in events] == [Say("I am here")]
    await thinker.aclose()


async def test_the_url_and_the_headers_are_used_exactly_as_given(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    server, url = peer
    monkeypatch.setenv("OPENAI_API_KEY", "from-the-environment")
    monkeypatch.setenv("OPENAI_ORG_ID", "from-the-environment")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    server.chunks = [delta(content="Yes.")]

    assert await answer(url, ask(), {"api-key": "azure-key", "X-Team": "kitchen"}) == [Say("Yes.")]

    sent = server.requests[0]
    assert sent["path"] == f"{PATH}?{QUERY}"
    headers = {name.lower(): value for name, value in sent["headers"].items()}
    assert headers.pop("api-key") == "azure-key"
    assert headers.pop("x-team") == "kitchen"
    assert set(headers) <= {"host", "accept", "connection", "content-type", "content-length"}
    assert "from-the-environment" not in str(sent)


async def test_an_authorization_header_is_sent_only_when_given(peer: Peer) -> None:
    server, url = peer
    server.chunks = [delta(content="Yes.")]
    await answer(url, ask(), {"Authorization": "Bearer mine"})

    assert server.requests[0]["headers"]["Authorization"] == "Bearer mine"


async def test_prompt_history_functions_and_model_options_are_sent(peer: Peer) -> None:
    server, url = peer
    server.chunks = [delta(content="Yes.")]
    function = {"name": "get_time", "description": "Tell the time.", "parameters": {"type": "object"}, "defer_until_eot": False}
    request = ask(
        AgentText("Hello."),
        UserText("what time is it"),
        CallMade("c1", "get_time", {"zone": "UTC"}, "noon"),
        CallMade("c2", "get_time", {}, "one"),
        AgentText("It is noon."),
        UserText("thanks"),
        functions=(function, {"name": "bare"}),
        provider={"type": "open_ai", "model": "m1", "temperature": 0.5, "reasoning_mode": "low"},
    )

    await answer(url, request)

    body = server.requests[0]["body"]
    assert body["stream"] is True
    assert (body["model"], body["temperature"], body["reasoning_effort"]) == ("m1", 0.5, "low")
    assert body["tools"] == [
        {"type": "function", "function": {"name": "get_time", "description": "Tell the time.", "parameters": {"type": "object"}}},
        {"type": "function", "function": {"name": "bare", "description": "", "parameters": {"type": "object", "properties": {}}}},
    ]
    roles = [message["role"] for message in body["messages"]]
    assert roles == ["system", "assistant", "user", "assistant", "tool", "tool", "assistant", "user"]
    assert [call["id"] for call in body["messages"][3]["tool_calls"]] == ["c1", "c2"]
    assert body["messages"][4] == {"role": "tool", "tool_call_id": "c1", "content": "noon"}


async def test_without_functions_no_tools_are_sent(peer: Peer) -> None:
    server, url = peer
    server.chunks = [delta(content="Yes.")]
    await answer(url, ask())

    assert "tools" not in server.requests[0]["body"]


async def test_a_streamed_tool_call_is_put_together(peer: Peer) -> None:
    server, url = peer
    server.chunks = [
        delta(role="assistant", content=None, tool_calls=[tool(0, id="call_1", name="set_light")]),
        delta(tool_calls=[tool(0, arguments='{"room": "kit')]),
        delta(tool_calls=[tool(0, arguments='chen", "on": true}')]),
        delta(tool_calls=[tool(1, id="call_2", name="get_time")]),
    ]

    assert await answer(url, ask()) == [
        Call("set_light", {"room": "kitchen", "on": True}, "call_1"),
        Call("get_time", {}, "call_2"),
    ]


async def test_whole_calls_that_are_all_numbered_alike_stay_apart(peer: Peer) -> None:
    server, url = peer
    server.chunks = [
        delta(tool_calls=[tool(0, id="a", name="get_time", arguments="{}")]),
        delta(tool_calls=[tool(0, id="b", name="get_date", arguments="{}")]),
    ]

    assert [event.id for event in await answer(url, ask()) if isinstance(event, Call)] == ["a", "b"]


async def test_words_before_a_call_are_said_before_it(peer: Peer) -> None:
    server, url = peer
    server.chunks = [delta(content="One moment."), delta(tool_calls=[tool(0, id="a", name="get_time", arguments="{}")])]

    assert await answer(url, ask()) == [Say("One moment."), Call("get_time", {}, "a")]


async def test_reasoning_is_a_thought_and_not_spoken(peer: Peer) -> None:
    server, url = peer
    server.chunks = [delta(reasoning_content="The user "), delta(reasoning_content="greets."), delta(content="Hello.")]

    assert await answer(url, ask()) == [Thought("The user greets."), Say("Hello.")]


async def test_an_empty_answer_says_something_rather_than_nothing(peer: Peer) -> None:
    server, url = peer
    server.chunks = [delta(role="assistant", content=""), NO_CHOICES]

    assert await answer(url, ask()) == [Say("Sorry, I have no answer to that.")]


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
async def test_a_refusal_fails_with_the_status_and_the_servers_words(peer: Peer, status: int) -> None:
    server, url = peer
    server.status, server.content_type = status, "application/json"
    server.body = b'{"error": {"message": "Incorrect key secret-key-1 given", "code": "x"}}'

    with pytest.raises(ThinkFailed) as failed:
        await answer(url, ask(), {"Authorization": "Bearer secret-key-1"})

    assert f"answered {status}" in str(failed.value)
    assert "Incorrect key *** given" in str(failed.value)
    assert "secret-key-1" not in str(failed.value)
    assert QUERY not in str(failed.value), "the query may hold a key"
    assert len(server.requests) == 1, "the next think block is tried, not the same server again"


async def test_a_redirect_is_not_followed(peer: Peer) -> None:
    server, url = peer
    server.status, server.body = 307, b"moved"

    with pytest.raises(ThinkFailed, match="answered 307"):
        await answer(url, ask())
    assert len(server.requests) == 1


async def test_a_server_that_is_not_there_is_told(unused_tcp_port: int) -> None:
    with pytest.raises(ThinkFailed, match="cannot be reached"):
        await answer(f"http://127.0.0.1:{unused_tcp_port}/v1/chat/completions", ask())


@pytest.mark.parametrize(
    ("content_type", "body", "told"),
    [
        ("application/json", b'{"choices": []}', "instead of an event stream"),
        ("text/html", b"<html>", "instead of an event stream"),
        ("text/event-stream", b"data: {not json\n\n", "no chat completion"),
        ("text/event-stream", b'data: {"error": {"message": "overloaded"}}\n\n', "overloaded"),
    ],
)
async def test_another_kind_of_answer_fails_with_what_came(peer: Peer, content_type: str, body: bytes, told: str) -> None:
    server, url = peer
    server.content_type, server.body = content_type, body

    with pytest.raises(ThinkFailed, match=told):
        await answer(url, ask())


@pytest.mark.parametrize("arguments", ['{"room": ', "[1, 2]", "kitchen"])
async def test_arguments_that_are_no_object_fail_the_round(peer: Peer, arguments: str) -> None:
    server, url = peer
    server.chunks = [delta(tool_calls=[tool(0, id="a", name="set_light", arguments=arguments)])]

    with pytest.raises(ThinkFailed):
        await answer(url, ask())


async def test_a_model_that_does_not_stop_is_stopped(peer: Peer) -> None:
    server, url = peer
    server.chunks = [delta(content="word " * 100)] * 60

    with pytest.raises(ThinkFailed, match="more than 16000 characters"):
        await answer(url, ask())


@pytest.mark.parametrize("url", ["ftp://host/x", "not a url", "http://", "/v1/chat/completions"])
async def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises(ThinkFailed, match="full http or https URL"):
        await answer(url, ask())


async def test_closing_the_iterator_ends_the_request(peer: Peer) -> None:
    server, url = peer
    server.chunks, server.hold = [delta(content="One. Two")], asyncio.Event()
    thinker = OpenAIThinker({"url": url})
    events = thinker.think(ask())
    async with asyncio.timeout(5):
        await anext(events)
        await events.aclose()
        await server.gone.wait()
        await thinker.aclose()

    assert thinker._rounds == 0


async def test_rounds_of_one_turn_share_a_connection_that_closes_itself_when_idle(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, url = peer
    monkeypatch.setattr("agentd.engine.think.openai.IDLE_S", 0.05)
    server.chunks = [delta(content="Yes.")]
    thinker = OpenAIThinker({"url": url})

    first = [event async for event in thinker.think(ask())]
    client = thinker._client
    assert client is not None
    closed, close = asyncio.Event(), client.close

    async def close_and_tell() -> None:
        await close()
        closed.set()

    monkeypatch.setattr(client, "close", close_and_tell)
    second = [event async for event in thinker.think(ask())]
    assert first == second == [Say("Yes.")]
    assert thinker._client is client

    async with asyncio.timeout(5):
        await closed.wait()
    assert client.is_closed()
    assert thinker._client is None
