"""A session: one conversation that outlives its upstream connections, from start to end.

One task group owns everything it runs; when ``run`` returns nothing of it is left.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Final

import structlog

from agentd.audio.formats import AudioFormat
from agentd.audio.tapes import Tapes
from agentd.config import LimitSettings
from agentd.errors import (
    AgentdError,
    Conflict,
    InternalError,
    InvalidSettings,
    SessionEnded,
    TurnNotFound,
)
from agentd.functions.service import Functions
from agentd.hub import Envelope, Hub
from agentd.metrics import Metrics
from agentd.protocol import settings as documents
from agentd.sessions import views
from agentd.sessions.asking import Asking
from agentd.sessions.calls import Caller
from agentd.sessions.client_side import ClientSide
from agentd.sessions.commands import Commands
from agentd.sessions.conversation import Conversation
from agentd.sessions.ending import QuietEnd
from agentd.sessions.hand_over import HandOver
from agentd.sessions.injection import Speech
from agentd.sessions.lifeline import Lifeline
from agentd.sessions.merging import Merge
from agentd.sessions.profiles import Profiles, UpstreamName
from agentd.sessions.records import Turn
from agentd.sessions.sending import Sending
from agentd.sessions.speaking import Speaking
from agentd.sessions.spec import PassthroughClient, StartSpec
from agentd.sessions.state import EndReason, State, advance
from agentd.sessions.tape import Tape
from agentd.sessions.texts import Texts
from agentd.sessions.updates import Updates
from agentd.supervise import spawn, unless
from agentd.upstream.deepgram import UpstreamClient, UpstreamTarget

_log = structlog.get_logger("agentd.sessions")

UNCONFIRMED_S: Final = 10.0
"""Speech that was noticed and has been followed by so much silence without words was none."""


@dataclass(frozen=True, slots=True)
class SessionDeps:
    """What a session stands on.

    Attributes:
        target: where an upstream is reached now; raises ``EngineNotReady`` while the engine starts.
        tapes: writes recordings; None: nothing is recorded.
    """

    target: Callable[[UpstreamName], UpstreamTarget]
    client: UpstreamClient
    functions: Functions
    hub: Hub
    metrics: Metrics
    limits: LimitSettings
    profiles: Profiles
    tapes: Tapes | None = None


class Session:
    """One run of a session.

    Attributes:
        started: set when the run is active or has failed to become so; ``error`` tells which.
        ended: set when everything of it is gone.
        client_side: what a client of the compatible endpoint sends goes in here.
    """

    def __init__(
        self,
        *,
        id: str,
        run_id: str,
        agent: str,
        upstream: UpstreamName,
        spec: StartSpec,
        document: dict[str, Any],
        allowed: frozenset[str],
        deps: SessionDeps,
        client: PassthroughClient | None = None,
        merge: Merge | None = None,
    ) -> None:
        self.id = id
        self.run_id = run_id
        self.agent = agent
        self.upstream = upstream
        self.spec = spec
        self.state = State.CONNECTING
        self.end_reason: EndReason | None = None
        self.error: AgentdError | None = None
        self.started_at = time.time()
        self.ended_at: float | None = None
        self.started = asyncio.Event()
        self.ended = asyncio.Event()
        told = bool(documents.messages(dict(spec.settings)))  # nobody knows where what was said before came from
        deps.functions.run_started(run_id, tainted=spec.tainted or told)
        caller = Caller(id, run_id, agent, allowed, dict(spec.metadata), spec.started_by)
        self.conversation = Conversation(
            caller=caller,
            upstream=upstream,
            document=document,
            functions=deps.functions,
            hub=deps.hub,
            metrics=deps.metrics,
            limits=deps.limits,
            client=client,
        )
        commands = Commands(
            alive=self.check_alive,
            spawn=self._spawn_command,
            publish=self.conversation.publish,
            metrics=deps.metrics,
            limit=deps.limits.commands,
        )
        out = Sending(self.conversation, commands, limits=deps.limits, metrics=deps.metrics)
        speaking = Speaking(out)
        updates, texts = Updates(out, deps.profiles), Texts(out, speaking)
        self.client_side = ClientSide(self.conversation, merge)
        self.hand_over = HandOver(
            out,
            updates,
            speaking,
            spec=spec,
            started_as=agent,
            upstream=upstream,
            client_side=self.client_side if client is not None else None,
        )
        # the commands, as callers know them
        self.prompt_view = updates.prompt_view
        self.block_view = updates.block_view
        self.set_prompt = updates.set_prompt
        self.append_prompt = updates.append_prompt
        self.update = updates.update
        self.inject_user = texts.inject_user
        self.inject_agent = speaking.inject
        self.say = speaking.say
        self.ask = Asking(out, speaking).ask
        self.end_turn = texts.end_turn
        self.interrupt = texts.interrupt
        speech = Speech(out)
        self.check_line, self.inject_audio = speech.check_line, speech.inject_audio
        self.listeners = self.conversation.listeners
        self.tape: Tape | None = None
        if deps.tapes is not None and deps.tapes.wanted(spec.record):
            self.tape = Tape(self.conversation, deps.tapes, run_id)
        self._deps = deps
        self._limits = deps.limits
        self._loop = asyncio.get_running_loop()
        self._born = self._loop.time()
        self._group: asyncio.TaskGroup | None = None
        self._stop = asyncio.Event()
        self._quiet_end = QuietEnd(self.conversation, commands, deps.limits)
        self._counted_at = 0.0
        self._commands: set[asyncio.Task[None]] = set()
        self._tainted: bool | None = None
        self.lifeline = Lifeline(
            self.conversation,
            target=deps.target,
            upstream=upstream,
            client=deps.client,
            metrics=deps.metrics,
            limits=deps.limits,
            client_side=self.client_side if client is not None else None,
            welcomed=self.started.set if client is not None else lambda: None,
        )

    # life

    async def run(self) -> None:
        """Live from connect to end; returns when nothing of the session is left."""
        reason = EndReason.UPSTREAM_ERROR
        try:
            async with asyncio.TaskGroup() as group:
                self._group = self.conversation.calls.group = group
                try:
                    reason = await self._live()
                finally:
                    self.conversation.calls.close()
                self._wind_down()
        except* AgentdError as errors:
            self.error = _first(errors)
            reason = EndReason.SETTINGS_REJECTED if isinstance(self.error, InvalidSettings) else EndReason.UPSTREAM_ERROR
        except* Exception:  # noqa: BLE001 - the guard of one session: its neighbours go on
            _log.exception("session_failed", session_id=self.id, run_id=self.run_id)
            self.error = InternalError("The session failed inside agentd; the log has the details.")
        finally:
            await self._finish(reason)

    def stop(self, reason: EndReason) -> None:
        """Ask the session to end; the first reason stays."""
        if self.end_reason is None:
            self.end_reason = reason
        self._stop.set()

    def end_when_quiet(self, reason: EndReason) -> None:
        """Ask the session to end once the turn in progress is over and was played, and what is to be said was said.

        At most ``limits.turn_s`` from now; again changes nothing.
        """
        if self._quiet_end.ask(reason, self._loop.time()):
            _log.info("session_ends_when_quiet", session_id=self.id, run_id=self.run_id, reason=str(reason))

    def tick(self, now: float) -> None:
        """Called every 20 ms by the one ticker: pacing, playback, limits."""
        conversation = self.conversation
        link = conversation.link
        if link is not None and link.is_ready:
            if not conversation.playback.playing(now):
                link.protocol.playback_ended()
            if link.protocol.user_speaking and conversation.feed.silence_s >= UNCONFIRMED_S:
                link.protocol.nothing_said()
                conversation.tracker.nothing_said(now)
            conversation.feed.tick(now, silence_due=conversation.silence_due(now))
        conversation.tracker.expire(now, self._limits.turn_s)
        conversation.show_activity(self.state)
        if self.tape is not None:
            self.tape.tick(now)
        if now - self._counted_at >= 1.0:
            self._counted_at = now
            conversation.count_audio()
            conversation.watch_dead_air(now)
        conversation.changes.notify()
        if conversation.playback.playing(now) or conversation.feed.talking:
            conversation.last_active = now
        quiet_end = self._quiet_end.due(now)
        if quiet_end is not None:
            self.stop(quiet_end)
        idle_s = self.spec.idle_timeout_s or self._limits.idle_timeout_s
        if now - conversation.last_active >= idle_s:
            self.stop(EndReason.IDLE_TIMEOUT)
        if now - self._born >= min(self.spec.max_duration_s or self._limits.max_duration_s, self._limits.max_duration_s):
            self.stop(EndReason.MAX_DURATION)

    @property
    def tainted(self) -> bool:
        """True when the conversation was told something from outside (``untrusted_output``), or went on from one that was."""
        return self._deps.functions.tainted(self.run_id) if self._tainted is None else self._tainted

    @property
    def attended(self) -> bool:
        """True while somebody is in the conversation: hears it (as its clients do), or can talk into it."""
        return self.conversation.attended

    @property
    def stopping(self) -> bool:
        """True from the request to stop on."""
        return self.state in (State.STOPPING, State.ENDED) or self._stop.is_set()

    def check_alive(self) -> None:
        """Raise ``SessionEnded`` when the session takes no more commands."""
        if self.stopping:
            raise SessionEnded(f"Session {self.id} has ended ({self.end_reason or 'stopping'}); start it again.")

    def check_readable(self, sides: Iterable[str]) -> None:
        """Raise ``Conflict`` when audio ``in`` or ``out`` only passes through, between a compatible client and the upstream."""
        unread = self.conversation.unread.intersection(sides)
        if unread:
            raise Conflict(
                f"The audio {' and '.join(sorted(unread))} of session {self.id} is in an encoding of its own client's, which "
                "agentd passes through; it reads linear16, mulaw and alaw."
            )

    def erase_audio(self) -> None:
        """Forget the replies' audio."""
        self.conversation.tracker.kept.forget_audio()

    def erase(self) -> None:
        """Forget every word, all audio and all events of an ended run (purge)."""
        self.conversation.tracker.turns.clear()
        self.conversation.journal.erase()
        self.conversation.document = {}

    async def _live(self) -> EndReason:
        if not await self._unless_stopped(self.lifeline.connect(), "connect"):
            return self.end_reason or EndReason.STOPPED
        self._become(State.ACTIVE)
        if self.tape is not None:
            self.tape.start()
        self.started.set()
        self._deps.functions.session_live(self.id)
        while True:
            if not await self._unless_stopped(self.lifeline.until_lost(), "watch"):
                return self.end_reason or EndReason.STOPPED
            verdict = self.lifeline.verdict()
            if verdict is not None:
                self.error = verdict.error
                return verdict.reason
            self._become(State.RECONNECTING)
            if not await self._unless_stopped(self._renew(), "renew"):
                return self.end_reason or EndReason.STOPPED
            if self.error is not None:
                return EndReason.UPSTREAM_CLOSED
            self._become(State.ACTIVE)

    async def _renew(self) -> None:
        self.error = await self.lifeline.renew()

    def _wind_down(self) -> None:
        if self.state is not State.ENDED:
            self._become(State.STOPPING)
        for task in list(self._commands):
            task.cancel()

    async def _finish(self, reason: EndReason) -> None:
        conversation = self.conversation
        self.end_reason = self.end_reason or self._quiet_end.reason or reason
        self._tainted = self.tainted
        self._deps.functions.run_ended(self.run_id)
        await self.lifeline.close()
        if self.tape is not None:
            await self.tape.close()
        conversation.count_audio()
        conversation.end(heard_out=self.end_reason is EndReason.AGENT_ENDED)
        self.ended_at = time.time()
        self.state = State.ENDED
        if conversation.view is not None:
            failure = conversation.link.failure if conversation.link is not None else None
            conversation.view.end(self.end_reason, self.error, failure)
        self._deps.metrics.session_ended(self.upstream, str(self.end_reason), self.ended_at - self.started_at)
        problem = {"code": self.error.code, "detail": self.error.detail} if self.error else None
        conversation.publish("SessionEnded", {"end_reason": self.end_reason, "error": problem, "usage": self.usage()})
        _log.info(
            "session_ended",
            session_id=self.id,
            run_id=self.run_id,
            agent=self.agent,
            upstream=self.upstream,
            upstream_request_id=self.lifeline.request_id,
            end_reason=str(self.end_reason),
            code=self.error.code if self.error else None,
            duration_s=round(self.ended_at - self.started_at, 3),
            **self.usage(),
        )
        self.started.set()
        self.ended.set()
        conversation.changes.notify()

    async def _unless_stopped(self, work: Coroutine[Any, Any, None], what: str) -> bool:
        return await unless(self._stop, work, name=f"session:{self.id}:{what}")

    def _spawn_command(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        if self._group is None:
            work.close()
            raise SessionEnded(f"Session {self.id} has not begun yet; try again.")
        task = spawn(self._group, work, name=f"session:{self.id}:{name}")
        self._commands.add(task)
        task.add_done_callback(self._commands.discard)
        return task

    def _become(self, state: State) -> None:
        old, self.state = self.state, advance(self.state, state)
        _log.info("session_state", session_id=self.id, run_id=self.run_id, old_state=str(old), state=str(state))
        self.conversation.publish("SessionStateChanged", {"state": state, "activity": self.conversation.activity})

    # a client of the compatible endpoint

    def client_left(self) -> None:
        """The client closed its connection."""
        self.stop(EndReason.CLIENT_LEFT)

    # what it is

    @property
    def live(self) -> bool:
        """True until everything of it is gone."""
        return self.state is not State.ENDED

    @property
    def active_agent(self) -> str:
        """The agent that has the word: another than ``agent`` after a hand-over."""
        return self.hand_over.agent

    @property
    def agents(self) -> list[str]:
        """Every agent it was, in order, ``agent`` first."""
        return self.hand_over.agents

    @property
    def allowed(self) -> frozenset[str]:
        """The functions that the active agent may call."""
        return self.conversation.calls.caller.allowed

    @property
    def input_format(self) -> AudioFormat:
        """What injected audio has to be in."""
        return self.conversation.input_format

    @property
    def output_format(self) -> AudioFormat:
        """What agent audio comes in."""
        return self.conversation.output_format

    def view(self, *, words: bool) -> dict[str, Any]:
        """The session object of the API."""
        return views.session_view(self, words=words)

    def turn_view(self, turn: Turn, *, words: bool) -> dict[str, Any]:
        """A turn of the API."""
        return self.conversation.turn_view(turn, words=words)

    def transcript(self) -> list[dict[str, Any]]:
        """What was said, in order."""
        return views.transcript(self)

    def calls(self, *, words: bool) -> list[dict[str, Any]]:
        """The function calls, oldest first."""
        return views.calls(self, words=words)

    def snapshot(self, *, words: bool) -> dict[str, Any]:
        """What a new reader is told first; ``seq`` is the last event it contains."""
        return {"seq": self.conversation.journal.seq, "session": self.view(words=words)}

    def events_since(self, seq: int | None) -> tuple[list[Envelope], int]:
        """Events after ``seq`` that are still kept, and how many of them are not."""
        return self.conversation.journal.since(seq)

    @property
    def turns(self) -> list[Turn]:
        """The turns kept in memory, oldest first."""
        return list(self.conversation.tracker.turns)

    def turn(self, n: int) -> Turn:
        """The turn with that number.

        Raises:
            TurnNotFound: there is none, or it is no longer kept.
        """
        for turn in self.conversation.tracker.turns:
            if turn.n == n:
                return turn
        raise TurnNotFound(f"Session {self.id} has no turn {n}; it has {self.conversation.tracker.count}.")

    def usage(self) -> dict[str, Any]:
        """What was used, over all connections."""
        return views.usage(self)


def _first(errors: BaseExceptionGroup[AgentdError]) -> AgentdError:
    first = errors.exceptions[0]
    return first if isinstance(first, AgentdError) else _first(first)
