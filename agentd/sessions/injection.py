"""Injected speech: a recording is sent as the user's, and its turns are awaited."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final, Literal

from agentd.errors import NothingHeard
from agentd.sessions.feed import Talker
from agentd.sessions.records import Turn
from agentd.sessions.sending import Sending, bounded, no_answer

TURN_SETTLES_S: Final = 1.0
"""Silence after a recording's last sample before its turn can be over (docs/architecture.md, rules of the conversation)."""
NOTHING_HEARD_S: Final = 3.5
"""Silence after a recording in which nothing was noticed."""


@dataclass(slots=True)
class Injection:
    """What became of an injected recording; ``turns`` are those it caused."""

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
        """Raise ``SessionBusy`` or ``SessionEnded`` where ``inject_audio`` would: before its recording is read."""
        self._out.alive()
        self._out.conversation.feed.check_line(wait_in_line=queue)

    async def inject_audio(
        self,
        pcm: AsyncIterator[bytes],
        *,
        wait: Literal["sent", "reply"] = "sent",
        queue: bool = True,
        realtime: bool = True,
        timeout_s: float = 30.0,
    ) -> Injection:
        """Send a recording (chunks in the session's input format) as the user's speech.

        Args:
            wait: return when the last sample was sent, or when the turn it caused is over.
            queue: wait behind other recordings.
            realtime: False sends as fast as it comes.
            timeout_s: bound of the wait for the reply, from the last sample on.

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
            await self._while_alive(talker.started)
            result.queued_s = self._loop.time() - joined
            before = conversation.tracker.count
            conversation.touch()
            await self._pour(talker, first, pcm)
            await self._while_alive(talker.drained)
            result.accepted_bytes = talker.sent_bytes
            result.accepted_s = conversation.input_format.duration_s(talker.sent_bytes)
            if wait == "reply":
                result.turns = await self._turns_caused(before, timeout_s)
        finally:
            conversation.feed.leave(talker)
        return result

    async def _pour(self, talker: Talker, first: bytes, pcm: AsyncIterator[bytes]) -> None:
        try:
            await talker.write(first)
            async for chunk in pcm:
                self._out.alive()
                await talker.write(chunk)
        finally:
            talker.finish()

    async def _turns_caused(self, before: int, timeout_s: float) -> list[Turn]:
        conversation = self._out.conversation
        tracker, feed = conversation.tracker, conversation.feed

        def probe() -> list[Turn] | None:
            self._out.alive()
            caused = [turn for turn in tracker.turns if turn.n > before and turn.cause == "speech"]
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

    async def _while_alive(self, event: asyncio.Event) -> None:
        """Wait for ``event``; it comes with the ticks, which end with the session."""

        def probe() -> bool | None:
            self._out.alive()
            return event.is_set() or None

        await self._out.conversation.changes.until(probe, timeout_s=self._out.limits.max_duration_s)
