"""A scripted Voice Agent server in this process, as the upstream of a test, with a record of what came in."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web

from agentd.config import EngineSettings
from agentd.engine.admission import Refusal
from agentd.engine.line import Dialogue, Line
from agentd.engine.reception import Reception
from agentd.engine.scripted.loading import parse_script
from agentd.engine.scripted.peer import ScriptedPeer
from agentd.engine.scripted.report import Report
from agentd.engine.serving import serving
from agentd.protocol.messages import Message

KEY = "scripted-key"


@dataclass(slots=True)
class Received:
    """What one connection brought.

    Attributes:
        request_id: as in its Welcome.
        messages: the client's text frames as JSON objects, Settings first, in order.
        audio: the client's audio, joined.
        line: the way out, to send something or to end the connection in mid-test.
    """

    request_id: str
    line: Line
    messages: list[dict[str, Any]] = field(default_factory=list)
    audio: bytearray = field(default_factory=bytearray)

    @property
    def audio_bytes(self) -> int:
        """Length of the audio that came."""
        return len(self.audio)

    def of_type(self, name: str) -> list[dict[str, Any]]:
        """The messages of one type, in order."""
        return [message for message in self.messages if message["type"] == name]


@dataclass(slots=True)
class ScriptedEngine:
    """The running peer.

    Attributes:
        url: base for the WebSocket, ``ws://127.0.0.1:<port>``.
        http_url: base for REST.
        key: what it accepts.
        connections: what each connection brought, in the order of their Settings.
        report: what came of the script's expectations.
    """

    url: str
    http_url: str
    key: str
    report: Report
    connections: list[Received] = field(default_factory=list)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _refusals: list[int] = field(default_factory=list)

    def refuse(self, status: int, *, times: int) -> None:
        """Refuse the next ``times`` handshakes with this HTTP status."""
        self._refusals += [status] * times

    def refuse_next(self) -> None:
        """Asked at every handshake.

        Raises:
            Refusal: as ``refuse`` said.
        """
        if self._refusals:
            raise Refusal(self._refusals.pop(0), "SCRIPTED", "refused by the test", {})

    @property
    def connection_count(self) -> int:
        """Connections that got as far as Settings."""
        return len(self.connections)

    async def wait_for(self, predicate: Callable[["ScriptedEngine"], bool], timeout: float = 30.0) -> None:  # noqa: ASYNC109
        """Wait until something that came in makes ``predicate`` true.

        Raises:
            AssertionError: it did not within ``timeout`` seconds; shows what came.
        """
        try:
            async with asyncio.timeout(timeout), self._changed:
                await self._changed.wait_for(lambda: predicate(self))
        except TimeoutError:
            came = [[message["type"] for message in one.messages] + [one.audio_bytes] for one in self.connections]
            raise AssertionError(f"not within {timeout} s; received so far: {json.dumps(came)}") from None

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


class _Recording:
    """A dialogue that notes what it is given and passes it on."""

    def __init__(self, inner: Dialogue, received: Received, engine: ScriptedEngine) -> None:
        self._inner = inner
        self._received = received
        self._engine = engine

    async def open(self) -> None:
        await self._engine._notify()
        await self._inner.open()

    async def hear(self, audio: bytes) -> None:
        self._received.audio += audio
        await self._engine._notify()
        await self._inner.hear(audio)

    async def handle(self, message: Message) -> None:
        self._received.messages.append(message.wire())
        await self._engine._notify()
        await self._inner.handle(message)


@asynccontextmanager
async def scripted_engine(
    script: str | dict[str, Any], *, settings: EngineSettings | None = None
) -> AsyncIterator[ScriptedEngine]:
    """Serve ``script`` (YAML text, or the same as a dict) on a free loopback port."""
    peer = ScriptedPeer(parse_script(script))
    engine = ScriptedEngine(url="", http_url="", key=KEY, report=peer.report)

    async def receive(request: web.Request) -> Reception:
        engine.refuse_next()
        reception = await peer.receive(request)

        def dialogue(line: Line, document: dict[str, Any]) -> Dialogue:
            received = Received(line.request_id, line, [document])
            engine.connections.append(received)
            return _Recording(reception.dialogue(line, document), received, engine)

        return replace(reception, dialogue=dialogue)

    async with serving(receive, settings or EngineSettings(max_sessions=1000), KEY) as address:
        engine.url, engine.http_url = f"ws://{address}", f"http://{address}"
        yield engine
