"""A server that speaks OpenAI chat completions over a real socket, as well or as badly as the test says."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

PATH = "/openai/deployments/gpt/chat/completions"
QUERY = "api-version=2024-10-21&x=a%2Fb"

NO_CHOICES = {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}
"""Azure's first chunk, and with ``usage`` OpenAI's last."""


def delta(*, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    """A chunk of a streamed answer."""
    choice = {"index": 0, "delta": fields, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def tool(index: int | None, *, id: str | None = None, name: str | None = None, arguments: Any = "") -> dict[str, Any]:
    """A piece of a tool call."""
    return {"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def called(name: str, arguments: str = "{}", *, id: str = "call_1") -> dict[str, Any]:
    """A chunk with one whole tool call."""
    return delta(tool_calls=[tool(0, id=id, name=name, arguments=arguments)])


@dataclass
class Answer:
    """What one request gets.

    Attributes:
        chunks: server-sent events: objects as ``data:``, texts as they are after ``data:``, bytes untouched.
        status: anything but 200 is answered with ``body``, as is a ``body`` that is not empty.
        stall: after the chunks nothing comes any more, until the test sets ``ModelServer.go_on``.
        breaks: after the chunks the connection is cut.
        done: whether ``[DONE]`` ends the answer.
    """

    chunks: Sequence[dict[str, Any] | str | bytes] = ()
    status: int = 200
    content_type: str = "text/event-stream"
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    stall: bool = False
    breaks: bool = False
    done: bool = True


class ModelServer:
    """Gives every request the next answer; the last one again and again.

    Attributes:
        url: of its chat completions.
        requests: what was asked: ``path`` with its query as it came, ``headers``, ``body``.
        connections: the client's port of each.
        gone: set when a client left in the middle of an answer.
    """

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.url = ""
        self.requests: list[dict[str, Any]] = []
        self.connections: set[int] = set()
        self.go_on = asyncio.Event()
        self.gone = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        body = await request.read()
        self.requests.append(
            {"path": request.raw_path, "headers": dict(request.headers), "body": orjson.loads(body) if body else None},
        )
        assert request.transport is not None
        self.connections.add(request.transport.get_extra_info("peername")[1])
        answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        headers = {"Content-Type": answer.content_type} | answer.headers
        if answer.status != 200 or answer.body:
            return web.Response(status=answer.status, body=answer.body, headers=headers)
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        try:
            for chunk in answer.chunks:
                await response.write(chunk if isinstance(chunk, bytes) else b"data: " + _text(chunk) + b"\n\n")
            if answer.breaks:
                request.transport.abort()
                return response
            if answer.stall:
                await self.go_on.wait()
            if answer.done:
                await response.write(b"data: [DONE]\n\n")
        except (asyncio.CancelledError, ConnectionError):
            self.gone.set()
            raise
        return response

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages of the latest request."""
        messages: list[dict[str, Any]] = self.requests[-1]["body"]["messages"]
        return messages


def _text(chunk: dict[str, Any] | str) -> bytes:
    return chunk.encode() if isinstance(chunk, str) else orjson.dumps(chunk)


@asynccontextmanager
async def model_server(*answers: Answer) -> AsyncIterator[tuple[ModelServer, str]]:
    """A running server and the full URL of its chat completions."""
    server, app = ModelServer(*answers), web.Application()
    app.router.add_route("*", "/{tail:.*}", server.handle)
    async with TestServer(app, handler_cancellation=True) as running:
        server.url = f"http://127.0.0.1:{running.port}{PATH}?{QUERY}"
        yield server, server.url
