"""What goes to one client of the session WebSocket: events, agent audio and texts of its own, in order and bounded."""

import asyncio
from collections import deque
from typing import Any, Final

import orjson
from aiohttp import WSMsgType

from agentd.audio.formats import AudioFormat
from agentd.audio.resample import UtteranceConverter
from agentd.http.deps import HttpDeps
from agentd.hub import Mailbox
from agentd.sessions.session import Session

OWN_TEXTS: Final = 64
"""Texts to this client alone that may wait."""

Frame = tuple[WSMsgType, bytes]
"""TEXT or BINARY, and what is in it."""


class StreamOut:
    """Implements ``Listener``. Nothing here waits but ``get``, which one writer calls.

    Events wait in the hub's mailbox, the rest here: each has its own bound, and a number keeps them in order.

    Args:
        mailbox: its events.
        something: the mailbox's; set whenever there is something to send.
        target: the format the client hears.
        hears: agent audio is wanted.
        words: events come with what was said.

    Attributes:
        slow: the client does not keep up with its events and is to be cut off.
    """

    def __init__(
        self,
        deps: HttpDeps,
        session: Session,
        mailbox: Mailbox,
        something: asyncio.Event,
        *,
        target: AudioFormat,
        hears: bool,
        words: bool,
    ) -> None:
        self.slow = False
        self._deps = deps
        self._session = session
        self._mailbox = mailbox
        self._something = something
        self._target = target
        self._hears = hears
        self._words = words
        self._converter = UtteranceConverter(session.output_format, target)
        self._frames: deque[tuple[int, Frame]] = deque()
        self._audio_bytes = 0
        self._texts = 0
        self._most_bytes = target.bytes_for(deps.settings.limits.playback_buffer_s)
        self._over = not session.live

    def agent_audio(self, frame: bytes) -> None:
        """Agent audio, in the session's output format. Beyond ``limits.playback_buffer_s`` the oldest is dropped."""
        if self._hears:
            self._put_audio(self._converter.feed(frame))

    def reply_ended(self) -> None:
        """What the resampler still holds goes out."""
        if self._hears:
            self._put_audio(self._converter.end())

    def cut(self) -> None:
        """A barge-in: what has not gone out is dropped, and the client is told to do the same."""
        if not self._hears:
            return
        self._frames = deque(item for item in self._frames if item[1][0] is WSMsgType.TEXT)
        self._audio_bytes = 0
        self._converter.cut()
        self.tell("AudioCut", {})

    def ended(self) -> None:
        """The session is over."""
        self._over = True
        self._something.set()

    def tell(self, type_: str, data: dict[str, Any]) -> None:
        """A text to this client alone; it has neither ``seq`` nor ``g``."""
        if self._texts >= OWN_TEXTS:
            self.slow = True
            self._deps.hub.drops["ws", "control"] += 1
            self._something.set()
            return
        self._texts += 1
        message = {"session_id": self._session.id, "run_id": self._session.run_id, "type": type_, "data": data}
        self._put(WSMsgType.TEXT, orjson.dumps(message, default=str))

    async def get(self) -> Frame | None:
        """The next frame, waiting for it; None at the end, and when the client was too slow."""
        while True:
            self.slow = self.slow or self._mailbox.overflowed
            if self.slow:
                return None
            if self._frames and (self._frames[0][0] <= self._mailbox.taken or not len(self._mailbox)):
                kind, data = self._frames.popleft()[1]
                if kind is WSMsgType.TEXT:
                    self._texts -= 1
                else:
                    self._audio_bytes -= len(data)
                return kind, data
            envelope = self._mailbox.take()
            if envelope is not None:
                return WSMsgType.TEXT, envelope.json(words=self._words)
            if self._over or self._mailbox.ended:
                return None
            self._something.clear()
            await self._something.wait()

    def _put(self, kind: WSMsgType, data: bytes) -> None:
        self._frames.append((self._mailbox.arrived, (kind, data)))
        self._something.set()

    def _put_audio(self, data: bytes) -> None:
        if data:
            self._put(WSMsgType.BINARY, data)
            self._audio_bytes += len(data)
        while self._audio_bytes > self._most_bytes:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        for i, (_, (kind, data)) in enumerate(self._frames):
            if kind is WSMsgType.BINARY:
                self._audio_bytes -= len(data)
                self._deps.hub.drops["ws", "audio"] += 1
                self._session.conversation.dropped.note("listener", self._target.duration_s(len(data)))
                del self._frames[i]
                return
