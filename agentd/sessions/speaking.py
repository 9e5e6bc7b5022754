"""Texts for the agent to say, each followed until it is being said.

Upstreams refuse what comes while somebody speaks, and sometimes accept and say nothing (deepgram-js-sdk issue 463): a text
is sent again when the moment is better, once when it was ignored, and what came of it is told.
"""

import asyncio
from contextlib import suppress
from enum import Enum, auto
from typing import Any, Final, Literal

from agentd.errors import FieldError, InjectionRefused, InvalidRequest, UpstreamTimeout
from agentd.functions.requests import Moment
from agentd.protocol.messages import InjectAgentMessage
from agentd.sessions.commands import Command, CommandKind, Outcome, Place
from agentd.sessions.injected import OwnText, Question
from agentd.sessions.link import Link
from agentd.sessions.profiles import too_long
from agentd.sessions.remarks import Injected
from agentd.sessions.sending import Sending

Behavior = Literal["default", "queue", "interrupt"]

REFUSAL_S: Final = 1.0
"""A refusal comes within a round trip; an injection that was not refused by then counts as accepted."""

IGNORED_S: Final = 5.0
"""What is not being said after so long, while nobody speaks, was ignored (docs/architecture.md, rules of the conversation)."""

PATIENCE_S: Final = 10.0
"""So long is a user let finish, who may only have coughed: then the upstream decides."""

SETTLES_S: Final = 0.5
"""Quiet after a refusal before a text is sent again."""

REFUSALS: Final = 8
"""A text that was refused so often is given up."""

TAKEN_S: Final = 3.0
"""``wait="accepted"`` returns after so long for a text that waits for its moment."""


class _Effort(Enum):
    """How hard to try."""

    ONCE = auto()  # sent once
    SURE = auto()  # and again when it was ignored, or its connection broke
    PATIENT = auto()  # and again when it was refused; it waits for the user to finish


class _Fate(Enum):
    """What came of one attempt."""

    SPOKEN = auto()
    REFUSED = auto()
    IGNORED = auto()
    RENEWED = auto()


class Speaking:
    """Lets the agent of one session say texts, in the order they came."""

    def __init__(self, out: Sending) -> None:
        self._out = out
        self._loop = asyncio.get_running_loop()

    async def inject(self, text: str, behavior: Behavior = "default", *, timeout_s: float = 30.0) -> dict[str, Any]:
        """Let the agent say ``text``, now or never; returns once it was not refused.

        Raises:
            InjectionRefused: the user or the agent speaks and ``behavior`` does not allow it.
        """
        command = self._begin("message", text, behavior, _Effort.SURE, pointer="/content")
        await self._accepted(command, timeout_s)
        return command.view("accepted")

    async def say(
        self,
        text: str,
        behavior: Behavior = "queue",
        *,
        wait: Literal["spoken", "played", "accepted", "none"] = "spoken",
        timeout_s: float = 30.0,
        moment: Moment | None = None,
    ) -> dict[str, Any]:
        """Let the agent say ``text``. Queued, it waits until the user is done and is said behind what is being said.

        Args:
            text: what it says.
            behavior: ``interrupt`` says it at once, ``default`` only if nobody speaks.
            wait: return when it is being said; when it was played; when it was not refused at once; or now.
            timeout_s: bound of the wait; the text is followed on.
            moment: what a queued text waits for; None: that the user is done.

        Raises:
            InjectionRefused: somebody speaks, or nobody waits for a function that it would fill the time of.
            UpstreamTimeout: it is not said within ``timeout_s``, or the upstream ignored it.
        """
        if moment == "filler" and not self._calling():
            raise InjectionRefused("Nobody waits for a function any more.")
        once = moment in {"call", "filler"} and self._calling()
        effort = _Effort.ONCE if once else _Effort.PATIENT if behavior == "queue" else _Effort.SURE
        quiet = moment == "quiet" and behavior == "queue"
        command = self._begin("say", text, behavior, effort, pointer="/text", when_quiet=quiet)
        if wait == "none":
            return command.view()
        if wait == "accepted":
            await self._accepted(command, timeout_s)
            return command.view("accepted")
        deadline = self._loop.time() + timeout_s
        await self._out.commands.wait(command, timeout_s)
        seen = command.view() | {"delivered": self._out.conversation.listeners.present}
        return seen | {"state": await self._played(command, deadline)} if wait == "played" else seen

    def begin_saying(self, text: str) -> Command:
        """Let the agent say ``text`` once the user is done, behind what is being said; nobody waits for it."""
        return self._begin("say", text, "queue", _Effort.PATIENT, pointer="/text")

    def check(self, text: str, pointer: str) -> None:
        """Refuse a text that cannot be said.

        Raises:
            InvalidRequest: it is empty or too long.
        """
        if not text.strip():
            raise InvalidRequest("The text is empty.", errors=[FieldError(pointer, "must not be empty")])
        if len(text) > self._out.limits.message_chars:
            raise too_long("text", text, self._out.limits.message_chars, pointer)

    def join(self, behavior: Behavior) -> Place:
        """A place in the one queue of speech; what interrupts does not wait in it.

        Raises:
            TooManyRequests: too many wait.
        """
        return self._out.commands.lines.join("interrupting say" if behavior == "interrupt" else "say")

    async def queued(self, command: Command, text: str, question: Question) -> Outcome:
        """Send a question until it is being said, behind what is to be said before it.

        Raises:
            InjectionRefused, UpstreamTimeout, UpstreamRefused, SessionEnded.
        """
        async with self.join("queue"):
            return await self._utter(command, text, "queue", _Effort.PATIENT, question)

    async def _utter(
        self, command: Command, text: str, behavior: Behavior, effort: _Effort, question: Question | None = None
    ) -> Outcome:
        refusals, ignored = 0, 0
        while True:
            await self._moment(patient=effort is _Effort.PATIENT, after_refusal=refusals > 0)
            fate, reason, was_quiet = await self._attempt(command, text, behavior, question)
            if fate is _Fate.SPOKEN:
                return "spoken"
            if fate is _Fate.REFUSED:
                refusals += 1
                if effort is not _Effort.PATIENT or refusals >= REFUSALS or (was_quiet and refusals > 1):
                    raise InjectionRefused(f"The upstream refused: {reason}.")
            elif effort is _Effort.ONCE:
                raise UpstreamTimeout("The upstream accepted the text and did not say it.")
            elif fate is _Fate.IGNORED:
                ignored += 1
                if ignored > 1:
                    raise UpstreamTimeout("The upstream accepted the text twice and said nothing.")

    def _begin(
        self, kind: CommandKind, text: str, behavior: Behavior, effort: _Effort, *, pointer: str, when_quiet: bool = False
    ) -> Command:
        self.check(text, pointer)
        self._out.alive()
        place = self._out.commands.lines.join("say when quiet") if when_quiet else self.join(behavior)
        limits = self._out.limits

        async def work(command: Command) -> Outcome:
            async with place, asyncio.timeout(limits.turn_s + limits.command_s):
                with self._out.noting(command):
                    if not when_quiet:
                        return await self._utter(command, text, behavior, effort)
                    await self._until_quiet()
                    async with self.join(behavior):  # only now: what is for this moment does not stand behind what waits
                        return await self._utter(command, text, behavior, effort)

        return self._out.commands.begin(kind, work, place)

    async def _until_quiet(self) -> None:
        """Wait until nobody speaks and nothing is being answered, for at most ``PATIENCE_S``."""

        def probe() -> bool | None:
            self._out.alive()
            return self._quiet() or None

        with suppress(TimeoutError):
            await self._out.conversation.changes.until(probe, timeout_s=PATIENCE_S)

    async def _moment(self, *, patient: bool, after_refusal: bool) -> None:
        """Wait for a moment to send: connected, and, if it can wait, the user not in mid-sentence."""
        link = await self._out.until_ready()
        if not patient:
            return
        conversation = self._out.conversation
        since = quiet_since = self._loop.time()

        def probe() -> bool | None:
            nonlocal quiet_since
            self._out.check(link)
            now = self._loop.time()
            if conversation.user_speaking and not self._calling():
                quiet_since = now
            return now - quiet_since >= (SETTLES_S if after_refusal else 0.0) or now - since >= PATIENCE_S or None

        await conversation.changes.until(probe, timeout_s=PATIENCE_S + 1.0)
        await self._out.until_ready()

    async def _attempt(
        self, command: Command, text: str, behavior: Behavior, question: Question | None
    ) -> tuple[_Fate, str, bool]:
        """Send once and see; what became of it, why it was refused, and whether it was quiet when it was sent."""
        conversation, tracker = self._out.conversation, self._out.conversation.tracker
        link = await self._out.until_ready()
        quiet = self._quiet() and not tracker.greeting_due and not tracker.unheard
        if tracker.unheard and not conversation.user_speaking:  # it takes the place of what nobody hears
            behavior = "interrupt"
        own = tracker.expect_own(text)
        if question is not None:
            question.own = own
        try:
            with conversation.remarks.injecting() as injected:
                self._out.send(InjectAgentMessage(message=text, behavior=behavior), command)
                fate = await self._until_decided(link, own, injected, quiet=quiet)
        finally:
            if own.begun_at is None:
                tracker.forget_own(own)
        command.turn = own.turn
        return fate, injected.refusal or "", quiet

    async def _until_decided(self, link: Link, own: OwnText, injected: Injected, *, quiet: bool) -> _Fate:
        conversation, tracker = self._out.conversation, self._out.conversation.tracker
        texts, audio = (tracker.user_turns, tracker.agent_texts), conversation.audio_out_bytes
        quiet_since: float | None = None

        def heard() -> bool:
            """Sound in silence, for which there is no other reason: some upstreams tell no text."""
            alone = quiet and conversation.remarks.injections == [injected] and texts == (tracker.user_turns, tracker.agent_texts)
            return alone and conversation.audio_out_bytes > audio

        def probe() -> _Fate | None:
            nonlocal quiet_since
            now = self._loop.time()
            if own.begun_at is not None:
                return _Fate.SPOKEN
            if heard():
                own.begin(tracker.current, now)
                return _Fate.SPOKEN
            if injected.refusal is not None:
                return _Fate.REFUSED
            self._out.check(link)
            if self._out.renewed(link):
                return _Fate.RENEWED
            if not self._quiet() or not link.is_ready:
                quiet_since = None
            else:
                quiet_since = now if quiet_since is None else quiet_since
                if now - quiet_since >= IGNORED_S:
                    return _Fate.IGNORED
            return None

        limits = self._out.limits
        return await conversation.changes.until(probe, timeout_s=limits.turn_s + limits.command_s)

    async def _accepted(self, command: Command, timeout_s: float) -> None:
        """Return when it is spoken, or was not refused for a round trip, or waits for its moment."""

        def probe() -> bool | None:
            now = self._loop.time()
            sent = command.sent_at is not None and now - command.sent_at >= REFUSAL_S
            return command.over.is_set() or sent or now - command.accepted_at >= TAKEN_S or None

        try:
            await self._out.conversation.changes.until(probe, timeout_s=timeout_s)
        except TimeoutError:
            await self._out.commands.wait(command, 0.0)

    async def _played(self, command: Command, deadline: float) -> str:
        """Wait until what is being said was played, by our clock: ``played``, or ``interrupted``."""
        conversation, turn = self._out.conversation, command.turn

        def probe() -> str | None:
            if turn is not None and turn.interrupted:
                return "interrupted"
            if (turn is None or turn.outcome is not None) and not conversation.playback.playing(self._loop.time()):
                return "played"
            self._out.alive()
            return None

        try:
            return await conversation.changes.until(probe, timeout_s=max(0.0, deadline - self._loop.time()))
        except TimeoutError:
            raise UpstreamTimeout(
                "The text is being said, and was not played to its end in time; ?timeout_s= waits longer.",
                extra={"command_id": command.id},
            ) from None

    def _quiet(self) -> bool:
        """Nobody speaks, and nothing is being answered."""
        conversation = self._out.conversation
        speaking = conversation.user_speaking or conversation.playback.playing(self._loop.time())
        return conversation.tracker.current is None and not speaking

    def _calling(self) -> bool:
        """A function runs: it may be ahead of the user's last word, and then what it says is held by the upstream."""
        turn = self._out.conversation.tracker.current
        return turn is not None and any(call.open for call in turn.calls)
