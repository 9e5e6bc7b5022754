"""A conversation over a microphone and a speaker: what is heard goes in, what the agent says comes out.

Half duplex: while the agent is heard the microphone is not sent, or the agent would hear itself. With headphones both
may be open; then the user can interrupt.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Final, Protocol

import aiohttp
import orjson

from agentd.supervise import spawn

RATE: Final = 16_000
FRAME_S: Final = 0.02
FRAME_BYTES: Final = int(RATE * FRAME_S) * 2
"""One frame of linear16 mono: 20 ms."""
ECHO_S: Final = 0.25
"""How long the room and the sound card go on after the speaker has played its last sample."""


class Microphone(Protocol):
    """Where the user is heard."""

    def frames(self) -> AsyncIterator[bytes]:
        """Frames of ``FRAME_BYTES`` linear16 at ``RATE``, in real time, without end."""


class Speaker(Protocol):
    """Where the agent is heard."""

    def play(self, pcm: bytes) -> None:
        """Play linear16 at ``RATE`` behind what is already playing."""

    def cut(self) -> None:
        """Be silent now."""

    @property
    def playing(self) -> bool:
        """True while something is left to play."""


async def converse(
    socket: aiohttp.ClientWebSocketResponse,
    microphone: Microphone,
    speaker: Speaker,
    show: Callable[[dict[str, Any]], None],
    *,
    half_duplex: bool = True,
) -> None:
    """Talk until the session ends or the socket closes.

    Args:
        socket: the session's stream, both ways at ``RATE``.
        show: gets each event.
        half_duplex: do not send the microphone while the agent is heard.
    """
    async with asyncio.TaskGroup() as group:
        talking = spawn(group, _talk(socket, microphone, speaker, half_duplex=half_duplex), name="talk:microphone")
        try:
            await _listen(socket, speaker, show)
        finally:
            talking.cancel()


async def _talk(socket: aiohttp.ClientWebSocketResponse, microphone: Microphone, speaker: Speaker, *, half_duplex: bool) -> None:
    loop = asyncio.get_running_loop()
    deaf_until = 0.0
    async for frame in microphone.frames():
        if half_duplex and speaker.playing:
            deaf_until = loop.time() + ECHO_S
        elif loop.time() >= deaf_until:
            await socket.send_bytes(frame)


async def _listen(socket: aiohttp.ClientWebSocketResponse, speaker: Speaker, show: Callable[[dict[str, Any]], None]) -> None:
    async for message in socket:
        if message.type is aiohttp.WSMsgType.BINARY:
            speaker.play(message.data)
        elif message.type is aiohttp.WSMsgType.TEXT:
            event = orjson.loads(message.data)
            if event.get("type") == "AudioCut":
                speaker.cut()
            show(event)
            if event.get("type") == "SessionEnded":
                return
