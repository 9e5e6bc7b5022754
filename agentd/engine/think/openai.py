"""Thinking on any server that speaks OpenAI chat completions, streamed: Ollama, llama.cpp, vLLM, Azure, OpenAI itself.

The request goes to exactly the URL of ``think.endpoint`` with exactly its headers: nothing of the client library's own
(keys from the environment, version headers, a path of its choice) reaches the server, and redirects are not followed.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

import openai
import orjson
from openai.types.chat import ChatCompletionChunk

from agentd.engine.providers import Call, Say, ThinkEvent, ThinkFailed, ThinkRequest, Thought
from agentd.engine.think.chat import chat_messages, tools
from agentd.engine.think.sentences import SentenceCutter
from agentd.supervise import Nursery

CONNECT_S: Final = 5.0
SILENCE_S: Final = 30.0
"""Longest wait for the next piece of an answer, the first included: a local model may have to be loaded."""

IDLE_S: Final = 15.0
"""How long the connection is kept for the next round."""

MAX_CHARS: Final = 16_000
"""Of one answer, spoken text and arguments together; a model that goes on is in a loop."""

_OWN_HEADERS: Final = frozenset({"host", "content-length", "content-type", "accept", "connection", "transfer-encoding"})
_SHORTEST_SECRET: Final = 6
_NO_ANSWER: Final = "Sorry, I have no answer to that."


class OpenAIThinker:
    """One think block with an endpoint.

    Args:
        endpoint: ``url``, the full chat completions URL, and ``headers``, sent as they are.
    """

    def __init__(self, endpoint: Mapping[str, Any]) -> None:
        self._url = str(endpoint["url"])
        headers = endpoint.get("headers")
        self._headers = {str(name): str(value) for name, value in headers.items()} if isinstance(headers, Mapping) else {}
        self._client: openai.AsyncOpenAI | None = None
        self._rounds = 0
        self._idle: asyncio.TimerHandle | None = None
        self._closing = Nursery()

    async def think(self, request: ThinkRequest) -> AsyncGenerator[ThinkEvent, None]:
        """One round; sentences as they complete, then the calls.

        Raises:
            ThinkFailed: the server cannot be reached, refused, or did not answer in chat completions.
        """
        client = self._open()
        try:
            async with aclosing(self._round(client, request)) as events:
                async for event in events:
                    yield event
        except openai.APIStatusError as error:
            raise ThinkFailed(self._told(f"{self._host} answered {error.status_code}: {error.message}")) from None
        except openai.APITimeoutError:
            raise ThinkFailed(f"{self._host} did not answer in time") from None
        except openai.APIConnectionError as error:
            raise ThinkFailed(self._told(f"{self._host} cannot be reached: {error.__cause__ or error}")) from None
        except (openai.OpenAIError, ValueError) as error:
            raise ThinkFailed(self._told(f"{self._host} gave an answer that is no chat completion: {error}")) from None
        finally:
            self._release()

    async def aclose(self) -> None:
        """Close the connection; without this it closes itself after ``IDLE_S``."""
        if self._idle is not None:
            self._idle.cancel()
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _round(self, client: openai.AsyncOpenAI, request: ThinkRequest) -> AsyncGenerator[ThinkEvent, None]:
        stream = await client.chat.completions.create(**_body(request), stream=True)
        async with stream:
            kind = stream.response.headers.get("content-type", "")
            if not kind.startswith("text/event-stream"):
                raise ThinkFailed(f"{self._host} answered with {kind or 'no content type'} instead of an event stream")
            answer = _Answer()
            async for chunk in stream:
                for event in answer.take(chunk):
                    yield event
                if answer.chars > MAX_CHARS:
                    raise ThinkFailed(f"{self._host} answered with more than {MAX_CHARS} characters")
            for event in answer.finish():
                yield event

    @property
    def _host(self) -> str:
        """Where the server is, without the path and the query, which may hold keys."""
        parts = urlsplit(self._url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    def _told(self, text: str) -> str:
        """``text`` without the values of our headers and the query, which servers like to repeat in their errors."""
        secrets = [
            *self._headers.values(),
            *(value.split(" ", 1)[-1] for value in self._headers.values()),
            urlsplit(self._url).query,
        ]
        for secret in secrets:
            if len(secret) >= _SHORTEST_SECRET:
                text = text.replace(secret, "***")
        return text[:500]

    def _open(self) -> openai.AsyncOpenAI:
        parts = urlsplit(self._url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ThinkFailed(f"think.endpoint.url must be a full http or https URL, not one that begins {self._url[:12]!r}")
        self._rounds += 1
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if self._client is None:
            self._client = openai.AsyncOpenAI(
                api_key="unused",  # _readdress removes the header made of it
                base_url=self._host,
                max_retries=0,  # the next think block is tried instead: nobody waits through a back-off
                http_client=openai.DefaultAsyncHttpxClient(
                    event_hooks={"request": [self._readdress]},
                    follow_redirects=False,
                    timeout=openai.Timeout(SILENCE_S, connect=CONNECT_S),
                    trust_env=False,
                    verify=_tls(),
                ),
            )
        return self._client

    def _release(self) -> None:
        self._rounds -= 1
        if self._rounds == 0 and self._client is not None:
            loop = asyncio.get_running_loop()
            self._idle = loop.call_later(IDLE_S, lambda: self._closing.start(self.aclose(), name="engine:think:close"))

    async def _readdress(self, request: Any) -> None:
        """The URL and the headers as they were given; of the library's own only what HTTP needs."""
        request.url = type(request.url)(self._url)
        for name in list(request.headers):
            if name.lower() not in _OWN_HEADERS:
                del request.headers[name]
        request.headers.update(self._headers)


@dataclass(slots=True)
class _ToolCall:
    name: str = ""
    arguments: str = ""
    id: str | None = None


@dataclass(slots=True)
class _Answer:
    """Puts one streamed answer together."""

    cutter: SentenceCutter = field(default_factory=SentenceCutter)
    calls: dict[int, _ToolCall] = field(default_factory=dict)
    thought: str = ""
    said: bool = False
    chars: int = 0

    def take(self, chunk: ChatCompletionChunk) -> Iterator[ThinkEvent]:
        """The events that ``chunk`` completes. Azure's first chunk and OpenAI's last have no choices."""
        delta = chunk.choices[0].delta if chunk.choices else None
        if delta is None:
            return
        extra = delta.model_extra or {}
        thought = extra.get("reasoning_content") or extra.get("reasoning")
        if isinstance(thought, str):
            self.thought, self.chars = self.thought + thought, self.chars + len(thought)
        for part in delta.tool_calls or ():
            self._add(part)
        if delta.content:
            yield from self._thought()
            self.chars += len(delta.content)
            yield from self._say(self.cutter.feed(delta.content))

    def finish(self) -> Iterator[ThinkEvent]:
        """What is left when the stream has ended: the last sentence and the calls."""
        yield from self._thought()
        yield from self._say(self.cutter.finish())
        for call in self.calls.values():
            arguments = orjson.loads(call.arguments or "{}")
            if not isinstance(arguments, dict):
                raise ThinkFailed(f"the model called {call.name!r} with arguments that are no object")
            yield Call(call.name, arguments, call.id)
        if not self.said and not self.calls:
            yield Say(_NO_ANSWER)

    def _add(self, part: Any) -> None:
        """A piece of a tool call. Some servers send calls whole and number them all 0, or not at all: a new id is a new call."""
        index = part.index if part.index is not None else len(self.calls)
        held = self.calls.get(index)
        if held is not None and part.id and held.id and part.id != held.id:
            index, held = max(self.calls) + 1, None
        if held is None:
            held = self.calls[index] = _ToolCall()
        held.id = held.id or part.id
        if part.function is not None:
            given = part.function.arguments
            text = given if isinstance(given, str) else orjson.dumps(given).decode() if given else ""
            held.name, held.arguments = held.name or part.function.name or "", held.arguments + text
            self.chars += len(text)

    def _thought(self) -> Iterator[Thought]:
        if self.thought.strip():
            yield Thought(self.thought.strip())
        self.thought = ""

    def _say(self, pieces: Iterator[str]) -> Iterator[Say]:
        for piece in pieces:
            self.said = True
            yield Say(piece)


def _body(request: ThinkRequest) -> dict[str, Any]:
    provider = request.provider
    body: dict[str, Any] = {"model": str(provider.get("model") or "default"), "messages": chat_messages(request)}
    if request.functions:
        body["tools"] = tools(request.functions)
    if isinstance(provider.get("temperature"), int | float):
        body["temperature"] = provider["temperature"]
    if provider.get("reasoning_mode") not in {None, "none"}:
        body["reasoning_effort"] = provider["reasoning_mode"]
    return body


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """One TLS context for all: reading the certificates takes tens of milliseconds."""
    return ssl.create_default_context()
