"""A plain Voice Agent client for tests: one WebSocket, everything received in order, waiting with a bound."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson

Item = dict[str, Any] | bytes
SETTINGS: dict[str, Any] = {
    "type": "Settings",
    "audio": {
        "input": {"encoding": "linear16", "sample_rate": 16000},
        "output": {"encoding": "linear16", "sample_rate": 24000, "container": "none"},
    },
    "agent": {},
}
AUDIO = "~"
"""How ``kinds`` writes a run of binary frames."""


class AgentClient:
    """A connected client.

    Attributes:
        items: what was received: messages as dicts, audio as bytes, in order.
        times: when each item was taken from the socket, in seconds of the loop's clock.
        close_code: of the server's close frame, once it closed.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.items: list[Item] = []
        self.times: list[float] = []
        self.close_code: int | None = None
        self.headers = socket._response.headers
        self.protocol = socket.protocol

    async def send(self, message: dict[str, Any] | str) -> None:
        """Send a text frame."""
        await self._socket.send_str(message if isinstance(message, str) else orjson.dumps(message).decode())

    async def send_bytes_as_text(self, data: bytes) -> None:
        """Send a text frame whose bytes may be no text."""
        await self._socket.send_frame(data, aiohttp.WSMsgType.TEXT)

    async def ping_every(self, seconds: float) -> None:
        """Send WebSocket pings until the connection ends or the task is cancelled."""
        while not self._socket.closed:
            await self._socket.ping()
            await asyncio.sleep(seconds)

    async def send_audio(self, audio: bytes) -> None:
        """Send a binary frame."""
        await self._socket.send_bytes(audio)

    async def speak(self, audio: bytes, *, bytes_per_s: int = 32000, chunk_s: float = 0.02) -> None:
        """Send audio in real time."""
        loop = asyncio.get_running_loop()
        begin, step = loop.time(), round(bytes_per_s * chunk_s)
        for number, start in enumerate(range(0, len(audio), step)):
            await self._socket.send_bytes(audio[start : start + step])
            await asyncio.sleep(max(0.0, begin + (number + 1) * chunk_s - loop.time()))

    async def until(self, what: str | Callable[[Item], bool], *, timeout: float = 30.0, after: int = 0) -> dict[str, Any]:  # noqa: ASYNC109
        """The first message from position ``after`` on of a type, or for which the predicate is true.

        Raises:
            AssertionError: it did not come in time, or the connection closed; shows what came.
        """
        fits = (lambda item: isinstance(item, dict) and item["type"] == what) if isinstance(what, str) else what
        at = after
        try:
            async with asyncio.timeout(timeout):
                while True:
                    while at < len(self.items):
                        item = self.items[at]
                        at += 1
                        if fits(item):
                            assert isinstance(item, dict)
                            return item
                    if not await self._receive():
                        break
        except TimeoutError:
            pass
        raise AssertionError(f"{what} did not come in {timeout} s; got {self.kinds()}, close {self.close_code}")

    async def closed(self, *, timeout: float = 30.0) -> int | None:  # noqa: ASYNC109
        """Read to the end; the server's close code."""
        async with asyncio.timeout(timeout):
            while await self._receive():
                pass
        return self.close_code

    def vanish(self) -> None:
        """Break the connection without a word, as a client that crashes does."""
        connection = self._socket._response.connection
        assert connection is not None
        assert connection.transport is not None
        connection.transport.abort()

    async def quiet(self, seconds: float) -> None:
        """Read for so long whatever comes."""
        try:
            async with asyncio.timeout(seconds):
                while await self._receive():
                    pass
        except TimeoutError:
            pass

    def kinds(self, *, without: tuple[str, ...] = ()) -> list[str]:
        """The types received, a run of audio frames as one "~"."""
        kinds: list[str] = []
        for item in self.items:
            kind = AUDIO if isinstance(item, bytes) else item["type"]
            if kind not in without and not (kind == AUDIO and kinds[-1:] == [AUDIO]):
                kinds.append(kind)
        return kinds

    def of_type(self, name: str) -> list[dict[str, Any]]:
        """The messages of a type, in order."""
        return [item for item in self.items if isinstance(item, dict) and item["type"] == name]

    def audio(self) -> bytes:
        """All audio received."""
        return b"".join(item for item in self.items if isinstance(item, bytes))

    def texts(self, role: str) -> list[str]:
        """What one side said."""
        return [item["content"] for item in self.of_type("ConversationText") if item["role"] == role]

    async def _receive(self) -> bool:
        frame = await self._socket.receive()
        match frame.type:
            case aiohttp.WSMsgType.TEXT:
                try:
                    data = orjson.loads(frame.data)
                except orjson.JSONDecodeError:
                    data = {"type": "(not JSON)", "text": frame.data}
                self.items.append(data)
            case aiohttp.WSMsgType.BINARY:
                self.items.append(frame.data)
            case _:
                self.close_code = self._socket.close_code
                return False
        self.times.append(asyncio.get_running_loop().time())
        return True


@asynccontextmanager
async def agent_socket(
    url: str, key: str, *, path: str = "/v1/agent/converse", **options: Any
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """Connect to ``url`` (``ws://host:port``).

    Args:
        key: for the Authorization header; with an empty one there is none.
        path: what is asked for.
        options: of aiohttp's ``ws_connect``.
    """
    headers = ({"Authorization": f"Token {key}"} if key else {}) | options.pop("headers", {})
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{url}{path}", headers=headers, max_msg_size=0, **options) as socket,
    ):
        yield socket


@asynccontextmanager
async def agent_client(url: str, key: str, **options: Any) -> AsyncIterator[AgentClient]:
    """A client on an ``agent_socket``; nothing is sent yet."""
    async with agent_socket(url, key, **options) as socket:
        yield AgentClient(socket)


def settings(**agent: Any) -> dict[str, Any]:
    """A Settings message with these parts of ``agent``."""
    return SETTINGS | {"agent": agent}
