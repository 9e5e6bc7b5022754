"""Thinking on any server that speaks OpenAI chat completions, streamed: Ollama, llama.cpp, vLLM, Azure, OpenAI itself.

The request goes to exactly the URL of ``think.endpoint`` with exactly its headers (``engine/outbound``). It is written by
``chat`` and the answer read by ``answer``; here is what lies between them.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from typing import Any, Final

import aiohttp
import orjson

from agentd.engine.outbound import FAULTS, Outbound, Refused, read_at_most
from agentd.engine.providers import CallMade, ThinkEvent, ThinkFailed, ThinkRequest
from agentd.engine.think.answer import Answer, Echo, error_text
from agentd.engine.think.chat import chat_body, wire_names

SILENCE_S: Final = 30.0
"""Longest wait for the next piece of an answer, the first included: a local model may have to be loaded."""

MAX_BYTES: Final = 8 * 1024 * 1024
"""Of one answer, with everything around the words."""

LAST_CHUNK_S: Final = 0.05
"""How long the end of the HTTP answer may take after the end of the stream in it, for the connection to be used again."""

MAX_ECHOES: Final = 64
"""Calls whose belongings are kept; what is older has seldom to be sent back."""

EVENT_STREAM: Final = "text/event-stream"
_HEADERS: Final = {"Content-Type": "application/json", "Accept": EVENT_STREAM}
_ERROR_BYTES: Final = 16 * 1024
_NO_ANSWER: Final = "Sorry, I have no answer to that."
_DONE: Final = "Okay."
"""Where a model has no words for what a function returned."""


class OpenAIThinker:
    """One think block with an endpoint.

    Args:
        endpoint: ``url``, the full chat completions URL, and ``headers``, sent as they are.
    """

    def __init__(self, endpoint: Mapping[str, Any]) -> None:
        self._server = Outbound(endpoint, silence_s=SILENCE_S)
        self._rounds = 0
        self._closing = False
        self._echoes: dict[str, Echo] = {}
        self._in_thought = False

    async def think(self, request: ThinkRequest) -> AsyncGenerator[ThinkEvent, None]:
        """One round; sentences as they complete, then the calls.

        Raises:
            ThinkFailed: the server cannot be reached, refused, or did not answer in chat completions.
        """
        self._rounds += 1
        try:
            async with aclosing(self._round(request)) as events:
                async for event in events:
                    yield event
        except Refused as error:
            raise ThinkFailed(str(error)) from None
        except ThinkFailed as error:
            raise ThinkFailed(self._server.without_secrets(f"{self._server.host}: {error}")) from None
        except FAULTS as error:
            raise ThinkFailed(self._server.fault(error)) from None
        finally:
            self._rounds -= 1
            if self._closing and not self._rounds:
                await self._server.close()

    async def aclose(self) -> None:
        """Close the connection, once no round needs it any more."""
        self._closing = True
        if not self._rounds:
            await self._server.close()

    async def _round(self, request: ThinkRequest) -> AsyncGenerator[ThinkEvent, None]:
        response = await self._server.open("POST", body=orjson.dumps(chat_body(request, self._echoes)), headers=_HEADERS)
        async with response:
            if response.status != 200:
                raise ThinkFailed(await _refusal(response))
            after_call = bool(request.messages) and isinstance(request.messages[-1], CallMade)
            empty = _DONE if after_call else _NO_ANSWER
            answer = Answer(wire_names(request.functions), empty, in_thought=self._in_thought)
            try:
                async with aclosing(_chunks(response)) as chunks:
                    async for chunk in chunks:
                        for event in answer.take(chunk):
                            yield event
            except FAULTS:
                if answer.finished is None:
                    raise
            for event in answer.finish():
                yield event
            self._learn(answer)
            with suppress(*FAULTS):
                async with asyncio.timeout(LAST_CHUNK_S):
                    await response.content.read(1)

    def _learn(self, answer: Answer) -> None:
        """What this server wants back, and whether its model's answers begin in thought."""
        self._in_thought = answer.unopened
        self._echoes |= answer.echoes
        while len(self._echoes) > MAX_ECHOES:
            del self._echoes[next(iter(self._echoes))]


async def _refusal(response: aiohttp.ClientResponse) -> str:
    """Why the server did not answer: its status, and its words unless they are a page for a browser."""
    body = await read_at_most(response, _ERROR_BYTES)
    try:
        words = error_text(orjson.loads(body))
    except orjson.JSONDecodeError:
        words = body.decode(errors="replace").strip() if response.content_type == "text/plain" else ""
    return f"answered {response.status}" + (f": {words}" if words else "")


async def _chunks(response: aiohttp.ClientResponse) -> AsyncGenerator[object, None]:
    """The JSON documents of an answer: of each server-sent event, or the one of a server that does not stream.

    Raises:
        ThinkFailed: it is something else.
    """
    if response.content_type == EVENT_STREAM:
        async with aclosing(_data(response)) as events:
            async for data in events:
                if data.startswith(b"[DONE]"):
                    return
                yield _document(data)
    elif response.content_type == "application/json":
        body = await read_at_most(response, MAX_BYTES)
        if len(body) > MAX_BYTES:
            raise ThinkFailed(f"the answer is longer than {MAX_BYTES} bytes")
        yield _document(body)
    else:
        raise ThinkFailed(
            f"answered in {response.headers.get('Content-Type', 'no content type')[:60]!r}, which is no chat completion"
        )


async def _data(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    """The data of each server-sent event (HTML standard, "Server-sent events"); comments, names and ids are passed over.

    Raises:
        ThinkFailed: it is endless.
        ValueError: a line of it is.
    """
    lines: list[bytes] = []
    size = 0
    while line := await response.content.readline():
        size += len(line)
        if size > MAX_BYTES:
            raise ThinkFailed(f"the answer is longer than {MAX_BYTES} bytes")
        line = line.rstrip(b"\r\n")
        if line.startswith(b"data:"):
            lines.append(line[5:].removeprefix(b" "))
        elif not line and lines:
            yield b"\n".join(lines)
            lines = []
    if lines:
        yield b"\n".join(lines)


def _document(data: bytes) -> object:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        raise ThinkFailed(f"what came is no chat completion: {data[:60].decode(errors='replace')!r}") from None
