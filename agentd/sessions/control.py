"""Commands on a live session: update, inject, say; each is followed from sent to its effect, because upstreams accept and ignore.

One outstanding command per kind; the rest stand in line. The effective settings are changed before the message goes
out, so a connection that breaks in between is renewed with them, and the command counts as applied then.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from agentd.config import LimitSettings
from agentd.errors import (
    AgentdError,
    FieldError,
    InjectionRefused,
    InvalidSettings,
    NothingHeard,
    SessionEnded,
    UpstreamTimeout,
)
from agentd.metrics import Metrics
from agentd.protocol import settings as documents
from agentd.protocol.messages import (
    ForceEndTurn,
    InjectAgentMessage,
    InjectUserMessage,
    Message,
    UpdateListen,
    UpdatePrompt,
    UpdateSpeak,
    UpdateThink,
)
from agentd.sessions.commands import Lines
from agentd.sessions.conversation import Conversation
from agentd.sessions.feed import Talker
from agentd.sessions.profiles import Profiles, too_long
from agentd.sessions.turns import Turn

Behavior = Literal["default", "queue", "interrupt"]
UpdateKind = Literal["think", "speak", "listen"]

REFUSAL_S: Final = 1.0
"""A refusal comes within a round trip; an injection that was not refused by then counts as accepted."""
TURN_SETTLES_S: Final = 1.0
"""Silence after a recording's last sample before its turn can be over (docs/architecture.md, rules of the conversation)."""
NOTHING_HEARD_S: Final = 3.5
UNCONFIRMED_S: Final = 10.0


@dataclass(slots=True)
class Injection:
    """What became of an injected recording; ``turns`` are those it caused."""

    accepted_bytes: int = 0
    accepted_s: float = 0.0
    queued_s: float = 0.0
    turns: list[Turn] = field(default_factory=list)


class Control:
    """What callers can do to one session.

    Args:
        alive: raises ``SessionEnded`` once the session is over.
        background: runs a command nobody waits for.
    """

    def __init__(
        self,
        conversation: Conversation,
        *,
        limits: LimitSettings,
        metrics: Metrics,
        profiles: Profiles,
        alive: Callable[[], None],
        background: Callable[[Any, str], None],
    ) -> None:
        self._conversation = conversation
        self._limits = limits
        self._metrics = metrics
        self._profiles = profiles
        self._alive = alive
        self._background = background
        self._lines = Lines(limits.commands)
        self._loop = asyncio.get_running_loop()

    # settings in mid-session

    def prompt_view(self) -> dict[str, Any]:
        """The effective prompt."""
        return {"prompt": documents.prompt(self._conversation.document)}

    async def set_prompt(self, text: str, *, wait: bool = True, timeout_s: float = 30.0) -> dict[str, Any]:
        """Replace the prompt (UpdateThink with the whole effective block, so that functions stay)."""
        self._check_prompt(text)
        return await self._apply(
            "think", lambda now: documents.with_prompt(now, text), _update_think, wait=wait, timeout_s=timeout_s
        )

    async def append_prompt(self, text: str, *, wait: bool = True, timeout_s: float = 30.0) -> dict[str, Any]:
        """Add to the prompt (UpdatePrompt, which adds: Deepgram docs, "Update Prompt")."""
        longer = documents.append_prompt(self._conversation.document, text)
        self._check_prompt(documents.prompt(longer) or "")
        return await self._apply(
            "prompt",
            lambda now: documents.append_prompt(now, text),
            lambda _: UpdatePrompt(prompt=text),
            wait=wait,
            timeout_s=timeout_s,
        )

    async def update(
        self, kind: UpdateKind, block: dict[str, Any], *, wait: bool = True, timeout_s: float = 30.0
    ) -> dict[str, Any]:
        """Merge a partial think, speak or listen block over the effective one and send it whole.

        Raises:
            InvalidSettings: the result has faults, or names an address that is not allowed.
        """
        self._profiles.check_block(kind, block)
        merge, message = _UPDATES[kind]
        faults = documents.validate(merge(self._conversation.document, block))
        if faults:
            raise InvalidSettings(f"The {kind} block is not valid; see errors.", errors=faults)
        return await self._apply(kind, lambda now: merge(now, block), message, wait=wait, timeout_s=timeout_s)

    # text in

    async def inject_user(self, text: str, *, wait: Literal["accepted", "reply"] = "accepted", timeout_s: float = 30.0) -> Turn:
        """Say ``text`` as the user. Returns its turn, finished with ``wait="reply"``."""
        self._check_message(text)
        async with self._lines.turn("inject"), _bounded("message", timeout_s):
            await self._until_ready()
            refused = self._conversation.refusals
            turn = self._conversation.tracker.user_said(text, self._loop.time(), injected=True)
            if turn is None:
                raise AssertionError("an injected text always belongs to a turn")
            self._send(InjectUserMessage(content=text))
            await self._unless_refused(
                refused, lambda: (not self._conversation.tracker.awaits_echo(text)) or turn.outcome or None
            )
        self._metrics.command("message", "accepted")
        return await self._finished(turn, timeout_s) if wait == "reply" else turn

    async def inject_agent(self, text: str, behavior: Behavior = "default", *, timeout_s: float = 30.0) -> None:
        """Let the agent say ``text``; returns once it was not refused.

        Raises:
            InjectionRefused: the user or the agent speaks and ``behavior`` does not allow it.
        """
        await self._inject_agent("message", text, behavior, spoken=False, timeout_s=timeout_s)

    async def say(
        self, text: str, behavior: Behavior = "queue", *, wait: Literal["spoken", "none"] = "spoken", timeout_s: float = 30.0
    ) -> dict[str, Any]:
        """Let the agent say ``text``; with ``wait="spoken"`` returns when it is being spoken."""
        self._check_message(text)
        work = self._inject_agent("say", text, behavior, spoken=True, timeout_s=timeout_s)
        if wait == "none":
            self._background(work, "say")
            return {"state": "accepted"}
        await work
        return {"state": "spoken"}

    async def end_turn(self) -> None:
        """ForceEndTurn: the user's turn is over now."""
        self._alive()
        self._send(ForceEndTurn())

    async def interrupt(self) -> None:
        """Stop the agent's speech here: what was not played yet is thrown away."""
        self._alive()
        self._conversation.cut(self._loop.time())

    # speech in

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
        conversation = self._conversation
        first = await anext(pcm, None)  # a bad recording fails here, before anything reaches the upstream
        if first is None:
            raise NothingHeard("The recording holds no audio.")
        await self._until_ready_within(timeout_s)
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
                self._alive()
                await talker.write(chunk)
        finally:
            talker.finish()

    async def _turns_caused(self, before: int, timeout_s: float) -> list[Turn]:
        conversation = self._conversation
        tracker, feed = conversation.tracker, conversation.feed

        def probe() -> list[Turn] | None:
            self._alive()
            caused = [turn for turn in tracker.turns if turn.n > before and turn.cause == "speech"]
            if conversation.user_speaking:
                if feed.silence_s >= UNCONFIRMED_S:
                    raise NothingHeard("Speech was noticed, but no words were recognised.")
                return None
            if not caused and feed.silence_s >= NOTHING_HEARD_S and tracker.current is None:
                raise NothingHeard("No speech was recognised in the recording.")
            over = caused and tracker.current is None and feed.silence_s >= TURN_SETTLES_S
            return caused if over else None

        try:
            return await conversation.changes.until(probe, timeout_s=timeout_s)
        except TimeoutError:
            raise _no_answer(timeout_s) from None

    async def _while_alive(self, event: asyncio.Event) -> None:
        """Wait for ``event``; it comes with the ticks, which end with the session."""

        def probe() -> bool | None:
            self._alive()
            return event.is_set() or None

        await self._conversation.changes.until(probe, timeout_s=self._limits.max_duration_s)

    # shared

    async def _apply(
        self,
        kind: str,
        change: Callable[[dict[str, Any]], dict[str, Any]],
        message: Callable[[dict[str, Any]], Message],
        *,
        wait: bool,
        timeout_s: float,
    ) -> dict[str, Any]:
        self._alive()
        work = self._tracked_update(kind, change, message, timeout_s)
        if not wait:
            self._background(work, kind)
            return {"state": "accepted"}
        await work
        return {"state": "applied"}

    async def _tracked_update(
        self,
        kind: str,
        change: Callable[[dict[str, Any]], dict[str, Any]],
        message: Callable[[dict[str, Any]], Message],
        timeout_s: float,
    ) -> None:
        conversation = self._conversation
        outcome = "no_effect"
        try:
            async with self._lines.turn(kind), _bounded(kind, timeout_s):
                await self._until_ready()
                conversation.document = change(conversation.document)
                link, before = conversation.link, conversation.acknowledged[kind]
                self._send(message(conversation.document))

                def probe() -> bool | None:
                    self._alive()
                    renewed = conversation.link is not link and conversation.link is not None and conversation.link.is_ready
                    return conversation.acknowledged[kind] > before or renewed or None

                await conversation.changes.until(probe, timeout_s=timeout_s)
                outcome = "applied"
        finally:
            self._report(kind, outcome)

    async def _inject_agent(self, kind: str, text: str, behavior: Behavior, *, spoken: bool, timeout_s: float) -> None:
        self._check_message(text)
        conversation = self._conversation
        tracker = conversation.tracker
        outcome = "no_effect"
        try:
            async with self._lines.turn("inject"), _bounded(kind, timeout_s):
                await self._until_ready()
                refused, audio_before = conversation.refusals, conversation.audio_out_bytes
                was_idle = tracker.current is None and not conversation.playback.playing(self._loop.time())
                tracker.own_text(text)
                self._send(InjectAgentMessage(message=text, behavior=behavior))

                def begun() -> bool | None:
                    heard = was_idle and conversation.audio_out_bytes > audio_before
                    return not tracker.awaits_own(text) or heard or None

                try:
                    await self._unless_refused(refused, begun, bound_s=timeout_s if spoken else REFUSAL_S)
                except InjectionRefused:
                    tracker.own_text_refused(text)
                    outcome = "refused"
                    raise
                outcome = "spoken" if spoken else "accepted"
        finally:
            self._report(kind, outcome)

    async def _unless_refused(
        self, refusals_before: int, effect: Callable[[], object | None], *, bound_s: float = REFUSAL_S
    ) -> None:
        """Wait for the effect; a refusal raises. Without either, ``REFUSAL_S`` counts as accepted, a longer bound times out."""
        conversation = self._conversation

        def probe() -> object | None:
            self._alive()
            if conversation.refusals > refusals_before:
                raise InjectionRefused(f"The upstream refused: {conversation.refusal or 'somebody is speaking'}.")
            return effect()

        try:
            await conversation.changes.until(probe, timeout_s=bound_s)
        except TimeoutError:
            if bound_s > REFUSAL_S:
                raise

    async def _finished(self, turn: Turn, timeout_s: float) -> Turn:
        def probe() -> Turn | None:
            if turn.outcome is not None:
                return turn
            self._alive()
            return None

        try:
            return await self._conversation.changes.until(probe, timeout_s=timeout_s)
        except TimeoutError:
            raise _no_answer(timeout_s) from None

    async def _until_ready(self) -> None:
        conversation = self._conversation

        def probe() -> bool | None:
            self._alive()
            return (conversation.link is not None and conversation.link.is_ready) or None

        await conversation.changes.until(probe, timeout_s=self._limits.renewal_s + self._limits.upstream_connect_s)

    async def _until_ready_within(self, timeout_s: float) -> None:
        async with _bounded("audio", timeout_s):
            await self._until_ready()

    def _send(self, message: Message) -> None:
        link = self._conversation.link
        if link is None or not link.is_ready:
            raise SessionEnded("The session has no connection just now; try again.")
        self._conversation.touch()
        self._metrics.upstream_message(self._conversation.upstream, "out", message.type)
        link.send(message)

    def _report(self, kind: str, outcome: str) -> None:
        self._metrics.command(kind, outcome)
        self._conversation.publish("CommandFinished", {"kind": kind, "outcome": outcome})

    def _check_prompt(self, text: str) -> None:
        if len(text) > self._limits.prompt_chars:
            raise too_long("prompt", text, self._limits.prompt_chars, "/prompt")

    def _check_message(self, text: str) -> None:
        if not text.strip():
            raise InvalidSettings("The text is empty.", errors=[FieldError("/text", "must not be empty")])
        if len(text) > self._limits.message_chars:
            raise too_long("text", text, self._limits.message_chars, "/text")


def _update_think(document: dict[str, Any]) -> Message:
    return UpdateThink(think=document["agent"]["think"])


_UPDATES: Final[
    dict[str, tuple[Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]], Callable[[dict[str, Any]], Message]]]
] = {
    "think": (documents.with_think, _update_think),
    "speak": (documents.with_speak, lambda document: UpdateSpeak(speak=document["agent"]["speak"])),
    "listen": (documents.with_listen, lambda document: UpdateListen(listen=document["agent"]["listen"])),
}


@asynccontextmanager
async def _bounded(what: str, timeout_s: float) -> AsyncIterator[None]:
    """``asyncio.timeout`` that raises ``UpstreamTimeout`` and says what was waited for."""
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError:
        raise _no_effect(what, timeout_s) from None


def _no_effect(what: str, timeout_s: float) -> AgentdError:
    return UpstreamTimeout(f"The {what} command had no visible effect within {timeout_s:g} s; ?timeout_s= waits longer.")


def _no_answer(timeout_s: float) -> AgentdError:
    return UpstreamTimeout(f"The agent had not finished its reply {timeout_s:g} s later; ?timeout_s= waits longer.")
