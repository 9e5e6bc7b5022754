"""What is done to a live conversation as its user: a typed text, the end of a turn, silence for the agent."""

import asyncio
from typing import Any, Final, Literal

from agentd.errors import InjectionRefused, UpstreamTimeout
from agentd.protocol.messages import ForceEndTurn, InjectUserMessage
from agentd.sessions.commands import Command, Outcome
from agentd.sessions.records import Turn
from agentd.sessions.sending import Sending, no_answer
from agentd.sessions.speaking import REFUSAL_S, Speaking

UNSUPPORTED: Final = "FORCE_END_TURN_UNSUPPORTED"
END_TURN_S: Final = 3.0
"""The words of a turn that was ended come by then."""
NO_TURN_S: Final = 0.5
"""Where nobody seems to speak, the upstream may know better: for so long what it says is waited for."""


class Texts:
    """Commands in the user's name."""

    def __init__(self, out: Sending, speaking: Speaking) -> None:
        self._out = out
        self._speaking = speaking
        self._loop = asyncio.get_running_loop()

    async def inject_user(self, text: str, *, wait: Literal["accepted", "reply"] = "accepted", timeout_s: float = 30.0) -> Turn:
        """Say ``text`` as the user. Returns its turn, finished with ``wait="reply"``.

        Raises:
            InjectionRefused, SessionEnded.
            UpstreamTimeout: it could not be sent, or the reply did not come, within ``timeout_s``.
        """
        self._speaking.check(text, "/content")
        self._out.alive()
        place = self._out.commands.lines.join("message")
        turns: list[Turn] = []

        async def work(command: Command) -> Outcome:
            limits = self._out.limits
            with self._out.noting(command):
                async with place, asyncio.timeout(limits.turn_s + limits.command_s):
                    await self._out.until_ready()
                    turns.append(self._send_user(command, text))
                    outcome = await self._taken(command, turns[0], within_s=REFUSAL_S)
                return outcome or await self._taken(command, turns[0], within_s=limits.turn_s + limits.command_s) or "no_effect"

        command = self._out.commands.begin("message", work, place)
        deadline = self._loop.time() + timeout_s
        turn = await self._sent(command, turns, timeout_s)
        return await self._finished(command, turn, deadline) if wait == "reply" else turn

    async def end_turn(self, *, wait: bool = True) -> dict[str, Any]:
        """ForceEndTurn: the user's turn is over now. ``no_effect`` where there was none, or the upstream cannot do it."""
        self._out.alive()
        place = self._out.commands.lines.join("end_turn")

        async def work(command: Command) -> Outcome:
            with self._out.noting(command):
                async with place:
                    return await self._turn_ended(command)

        command = self._out.commands.begin("end_turn", work, place)
        if wait:
            await command.over.wait()
        return command.view()

    async def interrupt(self) -> dict[str, Any]:
        """Stop the agent's speech here: what was not played yet is thrown away, and what still comes of it is not heard.

        The protocol has no message that only stops the upstream: it goes on until it is done, or the next text is said.
        """
        self._out.alive()
        self._out.conversation.touch()
        if self._out.conversation.cut(self._loop.time()):
            return self._out.commands.done("interrupt", "applied").view()
        return self._out.commands.done("interrupt", "no_effect", "The agent was not speaking.").view()

    def _send_user(self, command: Command, text: str) -> Turn:
        turn = self._out.conversation.tracker.user_said(text, self._loop.time(), injected=True)
        if turn is None:
            raise AssertionError("an injected text always belongs to a turn")
        turn.command_id = command.id
        command.turn = turn
        self._out.send(InjectUserMessage(content=text), command)
        return turn

    async def _taken(self, command: Command, turn: Turn, *, within_s: float) -> Outcome | None:
        """See whether the upstream took the text: by its echo, or by answering it. None when that is not known yet."""
        conversation = self._out.conversation
        tracker = conversation.tracker
        with conversation.remarks.injecting() as injected:

            def probe() -> Outcome | None:
                if injected.refusal is not None:
                    raise InjectionRefused(f"The upstream refused: {injected.refusal}.")
                answered = turn.calls or turn.first_text_at is not None or turn.first_audio_at is not None
                if answered or (turn.outcome in (None, "completed") and not tracker.awaits_echo(turn)):
                    return "accepted"
                if turn.outcome is not None:
                    command.detail = f"The turn ended ({turn.outcome}) before the upstream took the text."
                    return "superseded" if turn.outcome == "interrupted" else "no_effect"
                self._out.alive()
                return None

            try:
                return await conversation.changes.until(probe, timeout_s=within_s)
            except InjectionRefused:
                tracker.forget_echo(turn)
                tracker.withdraw(turn)
                command.turn = None
                raise
            except TimeoutError:
                return None

    async def _sent(self, command: Command, turns: list[Turn], timeout_s: float) -> Turn:
        """The turn, once the text was sent and not refused for a round trip."""

        def probe() -> Turn | None:
            if command.over.is_set():
                command.view()
            sent = command.sent_at is not None and self._loop.time() - command.sent_at >= REFUSAL_S
            return turns[0] if turns and (sent or command.over.is_set()) else None

        try:
            return await self._out.conversation.changes.until(probe, timeout_s=timeout_s)
        except TimeoutError:
            raise UpstreamTimeout(
                f"The message could not be sent within {timeout_s:g} s; ?timeout_s= waits longer.",
                extra={"command_id": command.id},
            ) from None

    async def _finished(self, command: Command, turn: Turn, deadline: float) -> Turn:
        conversation = self._out.conversation

        def probe() -> Turn | None:
            if turn.settled:
                return turn
            if command.over.is_set() and command.outcome == "refused":
                command.view()
            if conversation.over:  # until then the turn may come to its end, even that of the session
                self._out.alive()
            return None

        left_s = max(0.0, deadline - self._loop.time())
        try:
            return await conversation.changes.until(probe, timeout_s=left_s)
        except TimeoutError:
            error = no_answer(left_s)
            error.extra["command_id"] = command.id
            raise error from None

    async def _turn_ended(self, command: Command) -> Outcome:
        conversation = self._out.conversation
        link = await self._out.until_ready()
        speaking, before, complaints = conversation.user_speaking, conversation.turns_ended, conversation.remarks.count
        self._out.send(ForceEndTurn(), command)

        def probe() -> Outcome | None:
            if any(complaint.code == UNSUPPORTED for complaint in conversation.remarks.since(complaints)):
                return "no_effect"
            if conversation.turns_ended > before:
                return "applied"
            self._out.check(link)
            return None

        try:
            return await conversation.changes.until(probe, timeout_s=END_TURN_S if speaking else NO_TURN_S)
        except TimeoutError:
            command.detail = "The upstream did not end the turn." if speaking else "The user was not speaking."
            return "no_effect"
