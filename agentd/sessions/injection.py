"""Injected speech: a recording is sent as the user's, and its turns are awaited."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final, Literal

import structlog

from agentd.audio.formats import ENCODINGS
from agentd.errors import AgentdError, InvalidAudio, NothingHeard, SessionEnded
from agentd.protocol import settings as documents
from agentd.sessions.feed import Talker
from agentd.sessions.records import Turn
from agentd.sessions.sending import Sending, bounded, no_answer

_log = structlog.get_logger("agentd.sessions")

TURN_SETTLES_S: Final = 1.0
"""Silence after a recording's last sample before its turn can be over (docs/architecture.md, rules of the conversation)."""
NOTHING_HEARD_S: Final = 3.5
"""Silence after a recording in which nothing was noticed."""
_STEP_S: Final = 0.25
"""How much is handed on before it is asked whether the sender is still there."""


@dataclass(slots=True)
class Injection:
    """What became of an injected recording; ``turns`` are those it caused."""

    command_id: str = ""
    accepted_bytes: int = 0
    accepted_s: float = 0.0
    queued_s: float = 0.0
    turns: list[Turn] = field(default_factory=list)


class Speech:
    """Injects recordings into one session."""

    def __init__(self, out: Sending) -> None:
        self._out = out
        self._loop = asyncio.get_running_loop()

    def check_line(self, *, queue: bool) -> None:
        """Raise what ``inject_audio`` would, before its recording is read.

        Raises:
            SessionBusy, SessionEnded: nobody can talk now.
            InvalidAudio: the session's own client sends an encoding that is passed through and not made here.
        """
        self._out.alive()
        encoding, _ = documents.input_format(self._out.conversation.document)
        if encoding not in ENCODINGS:
            raise InvalidAudio(f"This session's client sends {encoding}, which recordings are not converted to.")
        self._out.conversation.feed.check_line(wait_in_line=queue)

    async def inject_audio(
        self,
        pcm: AsyncIterator[bytes],
        *,
        wait: Literal["sent", "reply"] = "sent",
        queue: bool = True,
        realtime: bool = True,
        timeout_s: float = 30.0,
        present: Callable[[], None] = lambda: None,
    ) -> Injection:
        """Send a recording (chunks in the session's input format) as the user's speech.

        Args:
            wait: return when the last sample was sent, or when the turn it caused is over.
            queue: wait behind other recordings.
            realtime: False sends as fast as it comes.
            timeout_s: bound of the wait for the reply, from the last sample on.
            present: raises when whoever sends the recording has left; asked while it waits and while it is sent.

        Raises:
            SessionBusy, SessionEnded, NothingHeard, UpstreamTimeout.
        """
        conversation = self._out.conversation
        first = await anext(pcm, None)  # a bad recording fails here, before anything reaches the upstream
        if first is None:
            raise NothingHeard("The recording holds no audio.")
        async with bounded("audio", timeout_s):
            await self._out.until_ready()
        talker = Talker(conversation.input_format, realtime=realtime)
        conversation.feed.join(talker, wait_in_line=queue)
        joined = self._loop.time()
        result = Injection()
        try:
            await self._while_alive(talker.started, present)
            result.queued_s = self._loop.time() - joined
            before = conversation.tracker.count
            conversation.touch()
            try:
                await self._pour(talker, first, pcm, present)
                await self._while_alive(talker.drained)
            except (AgentdError, OSError) as failure:
                self._broken_off(talker, failure, joined)
                raise
            result.accepted_bytes = talker.sent_bytes
            result.accepted_s = conversation.input_format.duration_s(talker.sent_bytes)
            result.command_id = self._out.commands.done("audio", "accepted", since=joined).id
            if wait == "reply":
                result.turns = await self._turns_caused(before, timeout_s)
        finally:
            conversation.feed.leave(talker)
        return result

    def _broken_off(self, talker: Talker, failure: Exception, since: float) -> None:
        """Tell readers, the metrics and the log how much of a recording was sent before it ended too early."""
        sent_s = round(self._out.conversation.input_format.duration_s(talker.sent_bytes), 3)
        code = failure.code if isinstance(failure, AgentdError) else "client-gone"
        _log.info("audio_broken_off", code=code, sent_s=sent_s, bytes=talker.sent_bytes)
        outcome: Literal["session_ended", "partial"] = "session_ended" if isinstance(failure, SessionEnded) else "partial"
        detail = f"The recording broke off ({code}); {sent_s:g} s of it were sent."
        self._out.commands.done("audio", outcome, detail, since=since)

    async def _pour(self, talker: Talker, first: bytes, pcm: AsyncIterator[bytes], present: Callable[[], None]) -> None:
        step = self._out.conversation.input_format.bytes_for(_STEP_S)

        async def hand_on(chunk: bytes) -> None:
            for start in range(0, len(chunk), step):
                self._out.alive()
                present()
                await talker.write(chunk[start : start + step])

        try:
            await hand_on(first)
            async for chunk in pcm:
                await hand_on(chunk)
        finally:
            talker.finish()

    async def _turns_caused(self, before: int, timeout_s: float) -> list[Turn]:
        conversation = self._out.conversation
        tracker, feed = conversation.tracker, conversation.feed

        def probe() -> list[Turn] | None:
            caused = [turn for turn in tracker.turns if turn.n > before and turn.cause == "speech"]
            try:
                self._out.alive()
            except SessionEnded:
                if caused and not conversation.over:
                    return None  # its turns are closed in a moment
                if not caused or caused[-1].outcome != "completed":
                    raise
                return caused  # the agent has hung up, and its farewell is the reply
            if conversation.user_speaking:  # the session takes it back when no words follow
                return None
            if not caused and feed.after_talk_s >= NOTHING_HEARD_S and tracker.current is None:
                raise NothingHeard("No speech was recognised in the recording.")
            over = caused and tracker.idle and feed.after_talk_s >= TURN_SETTLES_S
            return caused if over else None

        try:
            return await conversation.changes.until(probe, timeout_s=timeout_s)
        except TimeoutError:
            raise no_answer(timeout_s) from None

    async def _while_alive(self, event: asyncio.Event, present: Callable[[], None] = lambda: None) -> None:
        """Wait for ``event``; it comes with the ticks, which end with the session."""

        def probe() -> bool | None:
            self._out.alive()
            present()
            return event.is_set() or None

        await self._out.conversation.changes.until(probe, timeout_s=self._out.limits.max_duration_s)
