"""Texts into a live session: as the user, or for the agent to say; each is followed to its effect.

Upstreams accept and ignore (deepgram-js-sdk issue 463), so accepted, refused and spoken are told apart.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Literal

from agentd.errors import FieldError, InjectionRefused, InvalidRequest
from agentd.protocol.messages import ForceEndTurn, InjectAgentMessage, InjectUserMessage
from agentd.sessions.profiles import too_long
from agentd.sessions.records import Turn
from agentd.sessions.sending import Sending, bounded, no_answer

Behavior = Literal["default", "queue", "interrupt"]

REFUSAL_S: Final = 1.0
"""A refusal comes within a round trip; an injection that was not refused by then counts as accepted."""


class Texts:
    """Injects texts into one session."""

    def __init__(self, out: Sending) -> None:
        self._out = out
        self._loop = asyncio.get_running_loop()

    async def inject_user(self, text: str, *, wait: Literal["accepted", "reply"] = "accepted", timeout_s: float = 30.0) -> Turn:
        """Say ``text`` as the user. Returns its turn, finished with ``wait="reply"``."""
        self._check_message(text)
        async with self._out.lines.turn("inject"), bounded("message", timeout_s):
            await self._out.until_ready()
            refused = self._out.conversation.refusals
            turn = self._out.conversation.tracker.user_said(text, self._loop.time(), injected=True)
            if turn is None:
                raise AssertionError("an injected text always belongs to a turn")
            self._out.send(InjectUserMessage(content=text))
            await self._unless_refused(
                refused, lambda: (not self._out.conversation.tracker.awaits_echo(text)) or turn.outcome or None
            )
        self._out.metrics.command("message", "accepted")
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
            self._out.background(work, "say")
            return {"state": "accepted"}
        await work
        return {"state": "spoken"}

    async def end_turn(self) -> None:
        """ForceEndTurn: the user's turn is over now."""
        self._out.alive()
        self._out.send(ForceEndTurn())

    async def interrupt(self) -> None:
        """Stop the agent's speech here: what was not played yet is thrown away."""
        self._out.alive()
        self._out.conversation.cut(self._loop.time())

    async def _inject_agent(self, kind: str, text: str, behavior: Behavior, *, spoken: bool, timeout_s: float) -> None:
        self._check_message(text)
        conversation = self._out.conversation
        tracker = conversation.tracker
        outcome = "no_effect"
        try:
            async with self._out.lines.turn("inject"), bounded(kind, timeout_s):
                await self._out.until_ready()
                refused, audio_before = conversation.refusals, conversation.audio_out_bytes
                was_idle = tracker.current is None and not conversation.playback.playing(self._loop.time())
                tracker.own_text(text)
                self._out.send(InjectAgentMessage(message=text, behavior=behavior))

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
            self._out.report(kind, outcome)

    async def _unless_refused(
        self, refusals_before: int, effect: Callable[[], object | None], *, bound_s: float = REFUSAL_S
    ) -> None:
        """Wait for the effect; a refusal raises. Without either, ``REFUSAL_S`` counts as accepted, a longer bound times out."""
        conversation = self._out.conversation

        def probe() -> object | None:
            self._out.alive()
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
            if turn.settled:
                return turn
            self._out.alive()
            return None

        try:
            return await self._out.conversation.changes.until(probe, timeout_s=timeout_s)
        except TimeoutError:
            raise no_answer(timeout_s) from None

    def _check_message(self, text: str) -> None:
        if not text.strip():
            raise InvalidRequest("The text is empty.", errors=[FieldError("/text", "must not be empty")])
        if len(text) > self._out.limits.message_chars:
            raise too_long("text", text, self._out.limits.message_chars, "/text")
