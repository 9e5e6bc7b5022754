"""Start, ensure and stop sessions; the caps; the one ticker. ``shelf`` finds them."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import structlog

from agentd.config import Settings
from agentd.errors import (
    AgentDiffers,
    AgentNotFound,
    Conflict,
    Draining,
    FieldError,
    InvalidRequest,
    SessionExists,
    SessionNotFound,
    TooManySessions,
    Unavailable,
)
from agentd.ids import RunIds, is_run_id, is_session_id
from agentd.sessions.actions import Actions
from agentd.sessions.budget import Budget
from agentd.sessions.feed import TICK_S
from agentd.sessions.going_down import until_empty, wind_down
from agentd.sessions.profiles import PASSTHROUGH, Profiles, UpstreamName
from agentd.sessions.recorder import Recorder
from agentd.sessions.recovery import recover
from agentd.sessions.resumption import resumed, with_history
from agentd.sessions.runs import Run
from agentd.sessions.session import Session, SessionDeps
from agentd.sessions.shelf import Sessions, Shelf
from agentd.sessions.spec import PassthroughClient, StartSpec
from agentd.sessions.spending import keep_to
from agentd.sessions.state import EndReason
from agentd.store import Store, StoreUnavailable
from agentd.supervise import Nursery

_log = structlog.get_logger("agentd.sessions")

IDEMPOTENCY_KEYS: Final = 1000
FORGET_S: Final = 3600.0
Views = list[dict[str, Any]]


class Manager:
    """Every session of the daemon.

    Attributes:
        shelf: where runs are found; its ``get``, ``find``, ``past`` and ``list`` are the manager's.
    """

    def __init__(self, settings: Settings, deps: SessionDeps, store: Store) -> None:
        self.shelf = Shelf(store, kept=lambda: self._settings.limits.ended_sessions)
        self.get = self.shelf.get
        self.find = self.shelf.find
        self.past = self.shelf.past
        self.list = self.shelf.list
        self._live = self.shelf.live
        self._settings = settings
        self._store = store
        self._recorder = Recorder(store)
        deps.hub.tap(self._recorder.event)
        self._deps = deps
        self._profiles: Profiles = deps.profiles
        self._run_ids = RunIds()
        self._reserved: dict[UpstreamName, int] = {"deepgram": 0, "engine": 0}
        self._keys: OrderedDict[str, str] = OrderedDict()
        self._nursery = Nursery()
        self._awake = asyncio.Event()
        self._draining = False
        self._stopping = False
        self._budget = Budget(settings.limits.minutes_per_day)
        deps.metrics.watch_budget(lambda: self._budget.left_s)

    # life of the manager

    def begin(self) -> None:
        """Start the ticker."""
        self._nursery.start(self._tick(), name="sessions:ticker")
        self._nursery.start(self._recorder.checkpoints(), name="sessions:checkpoints")
        self._nursery.start(self._forget(), name="sessions:retention")
        self._nursery.start(keep_to(self._budget, self._live), name="sessions:budget")

    async def recover(self) -> None:
        """Mark the runs that an earlier daemon left open as ``interrupted``; before anything is started."""
        await recover(self._store)
        today = self._budget.day
        for line in await self._store.usage(by=("upstream",), first=today, last=today):
            if line["upstream"] == "deepgram":
                self._budget.begin(line["connection_s"])

    async def close(self, *, bound_s: float) -> None:
        """End every session as ``daemon_shutdown``, within ``bound_s`` seconds."""
        self._stopping = True
        sessions = list(self._live.values())
        for session in sessions:
            session.stop(EndReason.DAEMON_SHUTDOWN)
        try:
            async with asyncio.timeout(bound_s):
                for session in sessions:
                    await session.ended.wait()
        except TimeoutError:
            _log.error("sessions_do_not_end", sessions=[session.id for session in sessions if session.live])
        await self._nursery.close()

    # start and stop

    async def start(
        self, spec: StartSpec, *, wait_ready: bool = True, idempotency_key: str | None = None
    ) -> tuple[Session, bool]:
        """Start a session.

        Returns:
            The session, and False when ``idempotency_key`` had already started it.

        Raises:
            SessionExists, TooManySessions, AgentNotFound, InvalidSettings, UpstreamError and its kin.
        """
        started = self._keys.get(idempotency_key or "")
        known = self.shelf.peek(started) if started is not None else None
        if known is not None:
            if known.live:
                await self._until_started(known, wait=wait_ready)
            return known, False
        if spec.id is not None and spec.id in self._live:
            raise SessionExists(f"Session {spec.id} is live; stop it first, or use PUT to ensure that it runs.")
        session = self._launch(spec)
        if idempotency_key is not None:
            self._keys[idempotency_key] = session.run_id
            while len(self._keys) > IDEMPOTENCY_KEYS:
                self._keys.popitem(last=False)
        await self._until_started(session, wait=wait_ready)
        return session, True

    async def resumed(self, spec: StartSpec, serves: Callable[[Sequence[str]], bool] = lambda _: True) -> StartSpec:
        """The request with the agent and the conversation of the run it goes on from, if it names one.

        Args:
            spec: the request.
            serves: whether the caller may reach conversations with these agents.

        Raises:
            InvalidRequest, SessionNotFound, SessionExists, Conflict: no run id, no such run, live, or without words.
        """
        if spec.resume is None:
            return spec
        if not is_run_id(spec.resume):
            fault = FieldError("/resume", "must be the run_id of a past run")
            raise InvalidRequest(f"{spec.resume[:64]!r} is no run id.", errors=[fault])
        run = await self.find(spec.resume)
        if not serves(run.agents):
            raise SessionNotFound(f"There is no session {spec.resume!r}.")
        return await resumed(spec, run, self.find)

    async def ensure(self, spec: StartSpec, *, wait_ready: bool = True) -> tuple[Session, bool]:
        """The live session of that id, or a new one; True when it was started now.

        Raises:
            AgentDiffers: it is live with another agent.
        """
        live = self._live.get(spec.id or "")
        if live is not None and live.stopping:
            await live.ended.wait()
            live = self._live.get(spec.id or "")
        if live is None:
            return await self.start(spec, wait_ready=wait_ready)
        if spec.agent is not None and live.agent != spec.agent:
            raise AgentDiffers(f"Session {live.id} is live with agent {live.agent!r}; stop it first, or leave the agent out.")
        await self._until_started(live, wait=wait_ready)
        return live, False

    async def start_passthrough(
        self,
        *,
        agent: str | None,
        client: PassthroughClient,
        started_by: str | None = None,
        agents: frozenset[str] | None = None,
    ) -> Session:
        """A session for a Voice Agent client: returns once the upstream is connected, before its Settings are known.

        Args:
            agent: its profile.
            client: the connection.
            started_by: the name of its token.
            agents: those that its token is for; None: all.
        """
        session = self._launch(StartSpec(agent=agent or PASSTHROUGH, started_by=started_by, agents=agents), client)
        await self._until_started(session, wait=True)
        await self._store.flushed()
        return session

    async def stop(self, key: str, *, drain: bool = False, purge: bool = False, wait: bool = True) -> Run:
        """End a session; an ended one stays as it is. ``purge`` also erases it: words, audio, events, and that it was.

        Raises:
            Unavailable: it could not be erased from the disk now.
        """
        run = await self.find(key)
        session = self.shelf.peek(run.run_id)
        if session is not None and session.live:
            if drain:
                session.end_when_quiet(EndReason.STOPPED)
            else:
                session.stop(EndReason.STOPPED)
            if wait or purge:
                await session.ended.wait()
        if purge:
            await self._purge(run.run_id, session)
        return run

    async def _purge(self, run_id: str, session: Session | None) -> None:
        try:
            await self._store.purge(run_id)
            self._deps.functions.run_purged(run_id)
        except StoreUnavailable as error:
            raise Unavailable(f"The session could not be erased from the disk: {error}.", retry_after_s=5) from None
        if session is not None:
            self.shelf.remove(session)

    async def count_usage(self) -> None:
        """Bring the stored sums up to this moment, as far as the disk takes it."""
        self._recorder.checkpoint_all()
        await self._store.flushed()

    # what is asked

    def states(self) -> dict[str, int]:
        """How many live sessions are in which state, for the metrics."""
        counts: dict[str, int] = {}
        for session in self._live.values():
            counts[str(session.state)] = counts.get(str(session.state), 0) + 1
        return counts

    def actions(self, session_id: str) -> Actions | None:
        """What a handler may do to the live session of that id or run id; None when it is not live."""
        session = self.shelf.peek(session_id)
        if session is None or not session.live:
            return None
        return Actions(session, self._profiles, self._deps.functions.registry)

    async def hand_over(self, session: Session, agent: str) -> None:
        """Let a session go on as another agent, by the profiles and functions as they are now; see ``HandOver``."""
        await session.hand_over(agent, self._profiles, self._deps.functions.registry)

    def adopt(self, settings: Settings, profiles: Profiles) -> None:
        """Take these settings for sessions that start from now on; live ones keep theirs."""
        self._settings, self._profiles = settings, profiles
        self._deps = replace(self._deps, limits=settings.limits, profiles=profiles)
        self._budget.adopt(settings.limits.minutes_per_day)

    # before the daemon is stopped

    @property
    def draining(self) -> bool:
        """True while nothing is started, on somebody's order or because the daemon goes down."""
        return self._draining or self._stopping

    def drain(self) -> None:
        """Start nothing until ``undrain``; what is live goes on, renewals included."""
        self._draining = True
        _log.info("draining", sessions=len(self._live))

    def undrain(self) -> None:
        """Start sessions again.

        Raises:
            Conflict: the daemon goes down, which nothing takes back.
        """
        if self._stopping:
            raise Conflict("The daemon is stopping; that cannot be taken back.")
        self._draining = False
        _log.info("draining_ended", sessions=len(self._live))

    async def until_empty(self, timeout_s: float) -> bool:
        """Wait until no session is live; False when some are after ``timeout_s`` seconds."""
        return await until_empty(self._live, timeout_s)

    async def wind_down(self, bound_s: float, *, hurry: asyncio.Event) -> None:
        """Go down: start nothing, and let conversations end for ``bound_s`` seconds; the rest is left to ``close``."""
        self._stopping = True
        await wind_down(self._live, self._profiles, bound_s, hurry=hurry)

    def refuse_starts(self) -> None:
        """Start nothing any more: the daemon is going down."""
        self._stopping = True

    @property
    def live_sessions(self) -> Sessions:
        """The live sessions."""
        return list(self._live.values())

    @property
    def agent_names(self) -> list[str]:
        """Every profile's name."""
        return self._profiles.names

    def agents(self) -> Views:
        """Every profile as it resolves, secrets masked."""
        return [self.agent(name) for name in self._profiles.names]

    def agent(self, name: str) -> dict[str, Any]:
        """One profile as it resolves, secrets masked."""
        return self._profiles.view(name, self._deps.functions.registry)

    # inside

    def _launch(self, spec: StartSpec, client: PassthroughClient | None = None) -> Session:
        """Check, reserve and start: nothing here waits, so a cap cannot be overrun."""
        if self.draining:
            why = "is shutting down" if self._stopping else "drains (POST /v1/admin/undrain ends that)"
            raise Draining(f"The daemon {why} and starts no sessions.", retry_after_s=10)
        if spec.id is not None and not is_session_id(spec.id):
            raise InvalidRequest(
                f"{spec.id!r} is no session id.",
                errors=[FieldError("/id", "lower-case letters, digits, '-' and '_'; at most 64; begins with a letter or digit")],
            )
        try:
            agent, profile = self._profiles.get(spec.agent)
        except AgentNotFound as error:
            if client is not None:
                raise
            # 404 is for what a URL names; here the agent is a member of the body
            raise InvalidRequest(error.detail, errors=[FieldError("/agent", "no such agent")]) from None
        upstream = self._profiles.upstream(profile)
        if upstream == "deepgram":
            self._budget.check()
        functions = self._profiles.functions(profile, self._deps.functions.registry, spec.functions)
        document = with_history(self._profiles.document(profile, spec, functions), spec) if client is None else {}
        self._reserve(upstream)
        session = Session(
            id=spec.id or self.shelf.free_id(),
            run_id=self._run_ids.new(),
            agent=agent,
            upstream=upstream,
            spec=spec,
            document=document,
            allowed=frozenset(function.name for function in functions),
            deps=self._deps,
            client=client,
            merge=self._profiles.merge(agent, profile, functions) if client is not None else None,
        )
        self.shelf.add(session)
        self._awake.set()
        self._recorder.started(session)
        self._deps.metrics.session_started(upstream)
        self._nursery.start(self._run(session), name=f"session:{session.id}")
        return session

    async def _run(self, session: Session) -> None:
        with structlog.contextvars.bound_contextvars(session_id=session.id, run_id=session.run_id):
            try:
                await session.run()
            finally:
                self._reserved[session.upstream] -= 1
                if session.upstream == "deepgram":
                    self._budget.close(session.run_id, session.usage()["connection_s"])
                self.shelf.retire(session)

    def _reserve(self, upstream: UpstreamName) -> None:
        limit = self._settings.limits.sessions
        own_limit = self._settings.deepgram.max_sessions if upstream == "deepgram" else self._settings.engine.max_sessions
        if sum(self._reserved.values()) >= limit:
            raise TooManySessions(
                f"All {limit} sessions are taken (limits.sessions); stop one first.", retry_after_s=5, extra={"limit": "sessions"}
            )
        if self._reserved[upstream] >= own_limit:
            raise TooManySessions(f"All {own_limit} {upstream} sessions are taken ({upstream}.max_sessions).", retry_after_s=5)
        self._reserved[upstream] += 1

    async def _forget(self) -> None:
        """Every hour: runs whose words are no longer kept on the disk go out of memory, too."""
        while True:
            await asyncio.sleep(FORGET_S)
            self.shelf.forget(ended_before=time.time() - self._settings.store.transcript_days * 86_400)

    async def _until_started(self, session: Session, *, wait: bool) -> None:
        if not wait:
            return
        await session.started.wait()
        if not session.live:
            if session.error is not None:
                raise session.error
            session.check_alive()

    async def _tick(self) -> None:
        """Every 20 ms one pass over the live sessions; at rest while there are none."""
        loop = asyncio.get_running_loop()
        while True:
            if not self._live:
                self._awake.clear()
                await self._awake.wait()
            now = loop.time()
            for session in list(self._live.values()):
                self._tick_one(session, now)
            due = max(now + TICK_S, loop.time() + 0.001)
            await asyncio.sleep(due - loop.time())
            self._deps.metrics.loop_lag(max(0.0, loop.time() - due))

    def _tick_one(self, session: Session, now: float) -> None:
        try:
            session.tick(now)
        except Exception:  # noqa: BLE001 - the guard: one session's fault must not stop the ticker of all
            _log.exception("tick_failed", session_id=session.id, run_id=session.run_id)
            session.stop(EndReason.UPSTREAM_ERROR)
