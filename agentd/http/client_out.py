"""What goes to one client of the compatible endpoint: messages and agent audio, in order and bounded."""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final

from aiohttp import WSCloseCode

from agentd.http.deps import HttpDeps
from agentd.sessions.session import Session

FRAME_BYTES: Final = 64 * 1024
"""Largest audio frame to a client."""


@dataclass(frozen=True, slots=True)
class Close:
    """The end, after everything before."""

    code: int
    reason: str


class ClientOut:
    """Implements ``PassthroughClient``. Nothing here waits but ``get``, which one writer calls.

    Beyond ``limits.playback_buffer_s`` the oldest audio is dropped; a client that leaves ``limits.subscriber_queue`` messages,
    or ``limits.subscriber_queue_bytes`` of them, unread is cut off.

    Attributes:
        session: whose client it is; set before the first audio.
    """

    def __init__(self, deps: HttpDeps) -> None:
        self.session: Session | None = None
        self._deps = deps
        self._limits = deps.settings.limits
        self._frames: deque[bytes | str | Close] = deque()
        self._audio_bytes = 0
        self._texts = self._text_bytes = 0
        self._closing = False
        self._something = asyncio.Event()

    def send_text(self, frame: bytes) -> None:
        """Pass one JSON text frame on to the client."""
        if self._closing:
            return
        text = frame.decode("utf-8", "replace")
        full = self._texts >= self._limits.subscriber_queue or self._text_bytes + len(text) > self._limits.subscriber_queue_bytes
        if full and self._texts:  # one message alone may be of any size
            self._frames.clear()
            self._deps.hub.drops["ws", "control"] += 1
            self.close(WSCloseCode.TRY_AGAIN_LATER, "slow consumer")
            return
        self._texts += 1
        self._text_bytes += len(text)
        self._put(text)

    def agent_audio(self, frame: bytes) -> None:
        """Pass agent audio on, in frames of at most ``FRAME_BYTES``."""
        if self._closing or self.session is None:
            return
        for start in range(0, len(frame), FRAME_BYTES):
            piece = bytes(frame[start : start + FRAME_BYTES])
            self._audio_bytes += len(piece)
            self._put(piece)
        while self._audio_bytes > self.session.output_format.bytes_for(self._limits.playback_buffer_s):
            self._drop_oldest(self.session)

    def reply_ended(self) -> None:
        """Nothing is held back."""

    def cut(self) -> None:
        """A barge-in: audio that has not gone out yet is not wanted any more."""
        self._frames = deque(frame for frame in self._frames if not isinstance(frame, bytes))
        self._audio_bytes = 0

    def ended(self) -> None:
        """Nothing more is said; ``close`` tells why."""

    def close(self, code: int, reason: str) -> None:
        """The session ended: close the connection once everything before is sent."""
        if not self._closing:
            self._closing = True
            self._put(Close(code, reason))

    async def get(self) -> bytes | str | Close:
        """The next frame: bytes are audio."""
        while not self._frames:
            self._something.clear()
            await self._something.wait()
        frame = self._frames.popleft()
        if isinstance(frame, bytes):
            self._audio_bytes -= len(frame)
        elif isinstance(frame, str):
            self._texts -= 1
            self._text_bytes -= len(frame)
        return frame

    def _put(self, frame: bytes | str | Close) -> None:
        self._frames.append(frame)
        self._something.set()

    def _drop_oldest(self, session: Session) -> None:
        for i, frame in enumerate(self._frames):
            if isinstance(frame, bytes):
                self._audio_bytes -= len(frame)
                self._deps.hub.drops["ws", "audio"] += 1
                session.conversation.dropped.note("listener", session.output_format.duration_s(len(frame)))
                del self._frames[i]
                return
