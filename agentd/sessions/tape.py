"""Records one session as it happens: both sides on one timeline, written once a second in another thread."""

import asyncio
import contextlib
import errno
import time
from typing import Final

import structlog

from agentd.audio.tape_file import TapeWriter
from agentd.audio.tapes import NoRoom, Tapes
from agentd.audio.timeline import Track
from agentd.clock import rfc3339
from agentd.sessions.conversation import Conversation

_log = structlog.get_logger("agentd.sessions")

EVERY_S: Final = 1.0
LATE_S: Final = 0.5
"""The timeline is written so long after the fact: until then a microphone may be late, and a barge-in cuts."""
WAITING_S: Final = 120.0
"""Agent audio is sent ahead of its playback, a recording with pace=fast ahead of time; no more than this is held."""
SLOW_S: Final = 30.0
"""A disk that takes longer for one write is too slow to record on."""
CLOSE_S: Final = 5.0


class Tape:
    """Implements ``Listener``; nobody hears by it.

    Attributes:
        stopped: why recording has stopped before the session ended.
    """

    def __init__(self, conversation: Conversation, tapes: Tapes, run_id: str) -> None:
        self.stopped: str | None = None
        self._conversation = conversation
        self._tapes = tapes
        self._run_id = run_id
        self._loop = asyncio.get_running_loop()
        self._user: Track | None = None
        self._agent: Track | None = None
        self._written_at = 0.0
        self._started = 0.0
        self._writer: TapeWriter | None = None
        self._busy = asyncio.Lock()
        self._detach = conversation.listeners.attach(self, hears=False)
        conversation.user_tap = self.user_audio

    # what is heard

    def start(self) -> None:
        """The timeline begins now, unless something was heard before."""
        if self._conversation.unread:
            self._stop("encoding")
        elif self._user is None and self.stopped is None:
            now, conversation = self._loop.time(), self._conversation
            self._started = time.time()
            self._written_at = now - EVERY_S  # the file is there at once
            self._user = Track(conversation.input_format, now, most_s=WAITING_S)
            self._agent = Track(conversation.output_format, now, most_s=WAITING_S)

    def user_audio(self, frame: bytes) -> None:
        """Audio that goes to the upstream; it was spoken before now."""
        self.start()
        if self._user is not None:
            start = self._loop.time() - self._conversation.input_format.duration_s(len(frame))
            self._user.put(frame, start, slack_s=LATE_S / 2)

    def agent_audio(self, frame: bytes) -> None:
        """Audio of the agent; it plays after what plays now."""
        self.start()
        if self._agent is not None:
            self._agent.put(frame, self._loop.time())

    def reply_ended(self) -> None:
        """Nothing is held back."""

    def cut(self) -> None:
        """A barge-in: the rest is not heard."""
        if self._agent is not None:
            self._agent.cut(self._loop.time())

    def ended(self) -> None:
        """What was not heard by the end is not heard."""
        self.cut()

    # what is written

    def tick(self, now: float) -> None:
        """Called with the session's ticks: write once a second."""
        if self.stopped is not None or self._user is None:
            return
        if self._busy.locked():
            if now - self._written_at > SLOW_S:
                self._stop("disk-slow")
        elif now - self._written_at >= EVERY_S:
            self._tapes.tasks.start(self._write(now - LATE_S), name=f"recording:{self._run_id}")

    async def close(self) -> None:
        """The session is over: write the rest, and complete the file; at most ``CLOSE_S`` seconds."""
        self.cut()
        self._detach()
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._write(self._loop.time(), last=True)
        except TimeoutError:
            self._stop("disk-slow")

    async def _write(self, until: float, *, last: bool = False) -> None:
        async with self._busy:
            user, agent = self._user, self._agent
            if user is None or agent is None:
                return
            self._written_at = self._loop.time()
            spans = user.take(until), agent.take(until)
            try:
                if self._writer is None:
                    formats = self._conversation.input_format, self._conversation.output_format
                    self._writer = await self._tapes.begin(self._run_id, *formats, started=rfc3339(self._started))
                await self._tapes.write(self._writer, *spans)
                if last:
                    await self._tapes.finish(self._writer)
            except NoRoom as error:
                self._stop(error.reason)
            except OSError as error:
                _log.warning("recording_failed", run_id=self._run_id, error=error.strerror)
                self._stop("disk-full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "disk-error")
            if self.stopped is not None and self._writer is not None:
                with contextlib.suppress(OSError):  # what was written plays as it is
                    await self._tapes.finish(self._writer)

    def _stop(self, reason: str) -> None:
        """Record no more, and say so; the session goes on."""
        if self.stopped is None:
            self.stopped = reason
            self._detach()
            self._conversation.user_tap = None
            self._user = self._agent = None
            self._conversation.recording_stopped(reason)
