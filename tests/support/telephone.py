"""A telephone call by way of Twilio Media Streams: the carrier's side, and a bridge between it and a Voice Agent server.

The bridge does what those who connect the two write: one WebSocket to each, base64 on one side, bytes on the other.
Source of the frames: Twilio's documentation, "Media Streams - WebSocket messages".
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

FRAME_BYTES = 160
"""20 ms of mulaw at 8000 Hz: what Twilio sends in a frame."""
PIECE_BYTES = 20 * FRAME_BYTES
"""What the bridge sends at a time."""
SILENCE = b"\xff"


class Bridge:
    """Connects each call to an agent.

    Args:
        agent_url: the whole URL of the Voice Agent WebSocket.
        key: as subprotocol ``token, <key>``.
        settings: the Settings message.

    Attributes:
        messages: what the agent said in text frames, in order.
    """

    def __init__(self, agent_url: str, key: str, settings: dict[str, Any]) -> None:
        self._agent_url = agent_url
        self._key = key
        self._settings = settings
        self.messages: list[dict[str, Any]] = []

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """One call, until either side ends it."""
        call = web.WebSocketResponse()
        await call.prepare(request)
        stream_sid: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(self._agent_url, protocols=("token", self._key)) as agent,
            asyncio.TaskGroup() as group,
        ):
            await agent.send_json(self._settings)
            speaking = group.create_task(self._to_call(agent, call, stream_sid), name="bridge:agent")
            await _to_agent(call, agent, stream_sid)
            speaking.cancel()
            await agent.close()
        return call

    async def _to_call(
        self, agent: aiohttp.ClientWebSocketResponse, call: web.WebSocketResponse, stream_sid: asyncio.Future[str]
    ) -> None:
        sid = await stream_sid
        async for frame in agent:
            if frame.type is WSMsgType.BINARY:
                payload = base64.b64encode(frame.data).decode()
                await call.send_json({"event": "media", "streamSid": sid, "media": {"payload": payload}})
            elif frame.type is WSMsgType.TEXT:
                message = frame.json()
                self.messages.append(message)
                if message["type"] == "UserStartedSpeaking":  # whatever Twilio has not played is thrown away
                    await call.send_json({"event": "clear", "streamSid": sid})


async def _to_agent(call: web.WebSocketResponse, agent: aiohttp.ClientWebSocketResponse, stream_sid: asyncio.Future[str]) -> None:
    waiting = bytearray()
    async for frame in call:
        event = frame.json()
        match event["event"]:
            case "start":
                stream_sid.set_result(event["start"]["streamSid"])
            case "media" if event["media"]["track"] == "inbound":
                waiting += base64.b64decode(event["media"]["payload"])
                while len(waiting) >= PIECE_BYTES:
                    await agent.send_bytes(bytes(waiting[:PIECE_BYTES]))
                    del waiting[:PIECE_BYTES]
            case "stop":
                return
            case _:
                pass


@dataclass
class Call:
    """A caller on the line.

    Attributes:
        sounds: what was played to the caller or waits to be (mulaw, 8000 Hz).
        clears: how often the buffer was emptied.
    """

    socket: aiohttp.ClientWebSocketResponse
    sid: str
    sounds: bytearray = field(default_factory=bytearray)
    clears: int = 0
    _voice: bytearray = field(default_factory=bytearray)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def speak(self, voice: bytes) -> None:
        """Say this (mulaw, 8000 Hz), in real time."""
        self._voice += voice

    async def until_heard(self, seconds: float, *, after: int = 0, bound_s: float = 30.0) -> None:
        """So many seconds of the agent's voice have come from byte ``after`` on."""
        async with asyncio.timeout(bound_s):
            while len(self.sounds) - after < seconds * 8000:
                self._changed.clear()
                await self._changed.wait()

    async def until_cleared(self, *, bound_s: float = 30.0) -> None:
        """The agent was interrupted."""
        async with asyncio.timeout(bound_s):
            while not self.clears:
                self._changed.clear()
                await self._changed.wait()

    async def talk(self) -> None:
        """Send the caller's voice, or silence, every 20 ms: a carrier never pauses."""
        loop = asyncio.get_running_loop()
        begin = loop.time()
        for number, piece in enumerate(self._pieces()):
            media = {"track": "inbound", "chunk": str(number), "payload": base64.b64encode(piece).decode()}
            await self.socket.send_json({"event": "media", "streamSid": self.sid, "media": media})
            await asyncio.sleep(max(0.0, begin + (number + 1) * 0.02 - loop.time()))

    async def listen(self) -> None:
        """Take what comes, until the line is dead."""
        async for frame in self.socket:
            event = frame.json()
            assert event["streamSid"] == self.sid
            if event["event"] == "media":
                self.sounds += base64.b64decode(event["media"]["payload"])
            elif event["event"] == "clear":
                self.clears += 1
            self._changed.set()

    def _pieces(self) -> Iterator[bytes]:
        while True:
            piece = bytes(self._voice[:FRAME_BYTES])
            del self._voice[:FRAME_BYTES]
            yield piece + SILENCE * (FRAME_BYTES - len(piece))


@asynccontextmanager
async def telephone_call(bridge: Bridge, sid: str = "MZ0123456789abcdef") -> AsyncIterator[Call]:
    """Call the bridge, and hang up at the end of the block."""
    app = web.Application()
    app.router.add_get("/twilio", bridge.handle)
    async with (
        TestServer(app) as server,
        aiohttp.ClientSession() as http,
        http.ws_connect(server.make_url("/twilio")) as socket,
        asyncio.TaskGroup() as group,
    ):
        call = Call(socket, sid)
        await socket.send_json({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        media = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
        start = {"streamSid": sid, "callSid": "CA0123", "tracks": ["inbound"], "mediaFormat": media}
        await socket.send_json({"event": "start", "sequenceNumber": "1", "streamSid": sid, "start": start})
        sides = [group.create_task(call.talk(), name="call:talk"), group.create_task(call.listen(), name="call:listen")]
        try:
            yield call
        finally:
            with suppress(ConnectionError):
                await socket.send_json({"event": "stop", "streamSid": sid, "stop": {"callSid": "CA0123"}})
            for side in sides:
                side.cancel()
