"""Questions to the user: the agent says it, and the next thing the user says is the answer."""

import asyncio
import time
from typing import Any, Literal

from agentd.clock import rfc3339
from agentd.errors import NobodyListening
from agentd.sessions.commands import Command, Outcome
from agentd.sessions.injected import Question
from agentd.sessions.records import Turn
from agentd.sessions.sending import Sending
from agentd.sessions.speaking import Speaking

AnswerBy = Literal["speech", "any"]


class Asking:
    """Asks the user of one session, one question after the other."""

    def __init__(self, out: Sending, speaking: Speaking) -> None:
        self._out = out
        self._speaking = speaking

    async def ask(
        self, text: str, *, quiet: bool = False, answer_by: AnswerBy = "speech", timeout_s: float = 30.0
    ) -> dict[str, Any]:
        """Let the agent say ``text`` and return what the user answers.

        The model hears the answer too, and replies to it; ``quiet`` lets nobody hear that reply.

        Args:
            text: the question.
            quiet: see above.
            answer_by: ``any``: a typed text answers as well, and nobody need be attached.
            timeout_s: from now to the answer.

        Returns:
            ``{"command_id", "state": "answered", "answered": True, "heard", "turn", "asked_at"}``, or ``unanswered``.

        Raises:
            NobodyListening: nobody is attached who could hear the question or answer it.
            InjectionRefused, UpstreamTimeout: it could not be asked.
        """
        self._speaking.check(text, "/text")
        self._out.alive()
        if answer_by == "speech" and not self._out.conversation.attended:
            raise NobodyListening(
                "Nobody listens to this session and no microphone is open. Attach one (GET …/audio, …/stream), or take typed "
                'answers too: "answer_by": "any".'
            )
        question = Question(typed=answer_by == "any", quiet=quiet)
        place = self._out.commands.lines.join("ask")

        async def work(command: Command) -> Outcome:
            try:
                async with asyncio.timeout_at(command.accepted_at + timeout_s), place:
                    return await self._asked(command, question, text)
            except TimeoutError:
                if question.own is None or question.own.begun_at is None:
                    raise
                command.facts.setdefault("asked_at", rfc3339(time.time()))
                return "unanswered"

        command = self._out.commands.begin("ask", work, place)
        await command.over.wait()
        seen = command.view() | {"answered": command.outcome == "answered"}
        return seen | ({"heard": question.heard} if question.turn is not None else {})

    async def _asked(self, command: Command, question: Question, text: str) -> Outcome:
        tracker = self._out.conversation.tracker
        tracker.ask(question)
        try:
            with self._out.noting(command):
                await self._speaking.queued(command, text, question)
            command.turn = None
            command.facts["asked_at"] = rfc3339(time.time())

            def probe() -> Turn | None:
                if question.turn is None:
                    self._out.alive()
                return question.turn

            command.turn = await self._out.conversation.changes.until(probe, timeout_s=self._out.limits.max_duration_s)
            return "answered"
        finally:
            tracker.drop_question(question)
