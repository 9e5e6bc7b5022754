"""An upstream that says nothing but what it is told to, and knows when each answer came."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from aiohttp import WSMsgType, web

ANSWER_S: Final = 30.0


@dataclass(slots=True)
class Link:
    """One connection to the upstream.

    Attributes:
        messages: text frames as they came, Settings first; KeepAlive and acknowledgements are left out.
        gone: set when it is closed.
    """

    socket: web.WebSocketResponse
    request: web.Request
    messages: list[dict[str, Any]] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _answers: dict[str, "asyncio.Future[tuple[float, str]]"] = field(default_factory=dict)

    @property
    def session(self) -> str:
        """What its Settings say whose they are: the tag that the session was started with."""
        return str((self.messages[0].get("tags") or [""])[0])

    async def send(self, message: dict[str, Any]) -> None:
        """Send a text frame."""
        await self.socket.send_str(orjson.dumps(message).decode())

    async def call(self, *calls: tuple[str, str, dict[str, Any]]) -> list[tuple[float, str, str]]:
        """Ask for calls (id, name, arguments) in one request: seconds until each answer, its id and text, as they came."""
        came: list[tuple[float, str, str]] = []
        began = await self.ask(*calls)

        async def answer(call_id: str) -> None:
            at, content = await self._answers[call_id]
            came.append((at - began, call_id, content))

        async with asyncio.timeout(ANSWER_S):
            await asyncio.gather(*(answer(call_id) for call_id, _, _ in calls))
        return sorted(came)

    async def ask(self, *calls: tuple[str, str, dict[str, Any]]) -> float:
        """Ask for calls and do not wait for answers; when that was."""
        loop = asyncio.get_running_loop()
        functions = [
            {"id": call_id, "name": name, "arguments": orjson.dumps(arguments).decode(), "client_side": True}
            for call_id, name, arguments in calls
        ]
        self._answers |= {call_id: loop.create_future() for call_id, _, _ in calls}
        frame = orjson.dumps({"type": "FunctionCallRequest", "functions": functions}).decode()
        began = time.perf_counter()
        await self.socket.send_str(frame)
        return began

    async def end_turn(self) -> None:
        """The agent says something and has said it, so that records do not grow."""
        await self.send({"type": "ConversationText", "role": "assistant", "content": "Done."})
        await self.send({"type": "AgentAudioDone"})

    def drop(self) -> None:
        """The connection is gone, without a word."""
        if self.request.transport is not None:
            self.request.transport.abort()

    def took(self, text: str, at: float) -> None:
        """A text frame came."""
        message = orjson.loads(text)
        if message["type"] == "FunctionCallResponse":
            waiting = self._answers.pop(message["id"], None)
            if waiting is not None and not waiting.done():
                waiting.set_result((at, message["content"]))
        if message["type"] != "KeepAlive":
            self.messages.append(message)
            self._changed.set()

    async def came(self, type_: str) -> None:
        """Wait until a message of that type has come."""
        async with asyncio.timeout(ANSWER_S):
            while not any(message["type"] == type_ for message in self.messages):
                self._changed.clear()
                await self._changed.wait()


class Upstream:
    """The server.

    Attributes:
        url: for WebSockets.
        links: in the order of their Settings.
    """

    def __init__(self) -> None:
        self.url = ""
        self.links: list[Link] = []
        self._changed = asyncio.Condition()
        self._numbers = itertools.count(1)

    async def link(self, n: int, *, timeout_s: float = 30.0) -> Link:
        """The nth connection, counted from 0, once it is there."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(lambda: len(self.links) > n)
        return self.links[n]

    async def next_link(self, before: Link) -> Link:
        """The connection that the same session makes next."""
        return await self.link_of(before.session, self.links.index(before) + 1)

    async def link_of(self, session: str, since: int = 0) -> Link:
        """The first connection of that session from the one numbered ``since`` on, once it is there."""
        async with asyncio.timeout(ANSWER_S), self._changed:
            await self._changed.wait_for(lambda: any(link.session == session for link in self.links[since:]))
        return next(link for link in self.links[since:] if link.session == session)

    async def converse(self, request: web.Request) -> web.WebSocketResponse:
        """``/v1/agent/converse``: welcome, take Settings, then pass on."""
        socket = web.WebSocketResponse(compress=False, max_msg_size=0)
        await socket.prepare(request)
        link = Link(socket, request)
        await link.send({"type": "Welcome", "request_id": f"bench-{next(self._numbers)}"})
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            at = time.perf_counter()
            link.took(message.data, at)
            if link.messages[-1]["type"] == "Settings" and link not in self.links:
                await link.send({"type": "SettingsApplied"})
                async with self._changed:
                    self.links.append(link)
                    self._changed.notify_all()
            elif link.messages[-1]["type"] == "InjectUserMessage":
                await link.send({"type": "ConversationText", "role": "user", "content": link.messages[-1]["content"]})
        link.gone.set()
        return socket


@asynccontextmanager
async def upstream() -> AsyncIterator[Upstream]:
    """It, listening on a free port."""
    served = Upstream()
    app = web.Application()
    app.router.add_get("/v1/agent/converse", served.converse)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    served.url = f"ws://127.0.0.1:{port}"
    try:
        yield served
    finally:
        await runner.cleanup()


_NUMBERS: Final = itertools.count(1)


def new_id() -> str:
    """A call id of its own."""
    return f"call-{next(_NUMBERS)}"
