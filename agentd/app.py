"""The composition root: builds everything from ``Settings`` in start order, and takes it down in the reverse order.

One straight line on purpose: what stands on what, and what stops before what, can be read here from top to bottom.
"""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry

from agentd.audio.tapes import Tapes
from agentd.config import Settings, is_loopback
from agentd.door import Door, Peers, TokenStore
from agentd.engine.child import EngineChild
from agentd.errors import ConfigError, EngineNotReady, Unavailable
from agentd.functions.audit import Audit
from agentd.functions.service import Functions
from agentd.http.deps import HttpDeps, Readiness
from agentd.http.runner import make_runner
from agentd.http.server import adopt, build_app
from agentd.http.sockets import Sockets
from agentd.hub import Hub
from agentd.metrics import Metrics
from agentd.reload import Reload
from agentd.sessions.manager import Manager
from agentd.sessions.profiles import Profiles, UpstreamName
from agentd.sessions.session import SessionDeps
from agentd.state_dir import make_state_dir, only_one, write_url
from agentd.store import FutureSchema, Store
from agentd.upstream.deepgram import UpstreamClient, UpstreamTarget

_log = structlog.get_logger("agentd.app")


@dataclass(frozen=True, slots=True)
class Daemon:
    """A running daemon.

    Attributes:
        url: the base of the API with the port that was really bound.
    """

    url: str
    settings: Settings
    manager: Manager
    functions: Functions
    engine: EngineChild | None
    sockets: Sockets
    reload: Reload


@asynccontextmanager
async def running(  # noqa: PLR0915 - one straight line on purpose
    settings: Settings, *, progress: Callable[[str], None] = lambda _: None, read: Callable[[], Settings] | None = None
) -> AsyncIterator[Daemon]:
    """The daemon, listening and ready, until the block is left.

    Args:
        settings: what it starts with.
        progress: is told what takes long, for a person.
        read: reads the settings again from where they came from; None when they came from nowhere.

    Raises:
        ConfigError: the settings cannot be used on this machine; nothing was started.
    """
    async with AsyncExitStack() as stack:
        _warn_of_plain_http(settings)
        state_dir = make_state_dir(settings.paths.state_dir)
        stack.enter_context(only_one(state_dir))
        tokens = TokenStore(state_dir)
        tokens.load_or_create()

        hub = Hub()
        metrics = Metrics(CollectorRegistry())

        store = Store(state_dir, settings.store, committed=metrics.store_commit)
        try:
            await store.start()
        except FutureSchema as error:
            raise ConfigError(str(error)) from None
        stack.push_async_callback(store.stop)
        metrics.watch_store(store.figures)

        audit = Audit(state_dir, store, settings.store, failed=metrics.audit_failed)
        await audit.start()
        stack.push_async_callback(audit.close)
        store.retention.also.append(audit.forget)
        metrics.watch_audit(audit.figures)

        profiles = Profiles(settings)
        engine = _engine(settings, profiles, progress)
        if engine is not None:
            await engine.start()
            stack.push_async_callback(engine.stop)

        client = UpstreamClient(limits=settings.limits, transport=settings.deepgram.transport)
        stack.push_async_callback(client.close)

        tapes = Tapes(store.recordings.directory, settings.store)
        stack.push_async_callback(tapes.close)
        metrics.watch_recordings(lambda: tapes.written_bytes)

        managers: list[Manager] = []
        functions = Functions(
            directory=settings.paths.functions_dir,
            store=store,
            audit=audit,
            older_values=state_dir / "functions",
            limits=settings.limits,
            config=settings.functions,
            actions=lambda session_id: managers[0].actions(session_id) if managers else None,
            allowed_endpoints=settings.security.allowed_endpoints,
            credentials=state_dir / "credentials",
            policy_of=profiles.policy,
            metrics=metrics,
        )
        metrics.watch_mcp(lambda: functions.mcp_servers)
        await functions.start()
        stack.push_async_callback(functions.close)
        for problem in functions.registry.problems:
            _log.warning("function_file_skipped", file=problem.place, line=problem.line, reason=problem.reason)

        takers: list[Callable[[Settings, Profiles], None]] = [
            lambda new, _: client.adopt(new.limits),
            lambda _, new: functions.take_policies(new.policy),
        ]
        reload = Reload(
            settings,
            read or (lambda: settings),
            functions=functions,
            metrics=metrics,
            takers=takers,
        )

        manager = Manager(
            settings,
            SessionDeps(
                target=lambda name: _target(name, reload.settings, engine),
                client=client,
                functions=functions,
                hub=hub,
                metrics=metrics,
                limits=settings.limits,
                profiles=profiles,
                tapes=tapes,
            ),
            store,
        )
        managers.append(manager)
        takers.append(manager.adopt)
        await manager.recover()
        manager.begin()
        stack.push_async_callback(manager.close, bound_s=settings.limits.shutdown_s)
        metrics.watch_sessions(manager.states, lambda: reload.settings.limits.sessions)
        metrics.watch_draining(lambda: manager.draining)
        stack.callback(hub.close)

        sockets = Sockets(settings.server, handshake_s=settings.limits.request_read_s)
        stack.callback(sockets.close)
        door = Door(
            hosts=lambda: sockets.hosts,
            origins=frozenset({*settings.server.allowed_origins, *filter(None, [settings.server.public_url])}),
            verify=tokens.verify,
            peers=Peers(settings.server.trusted_proxies),
            proxies_only=settings.server.proxies_only,
            failures_per_minute=settings.limits.auth_failures_per_minute,
        )
        readiness = _readiness(reload, engine=engine, functions=functions, store=store, audit=audit, manager=manager)
        deps = HttpDeps(
            settings=settings,
            manager=manager,
            functions=functions,
            door=door,
            tokens=tokens,
            metrics=metrics,
            hub=hub,
            readiness=readiness,
            store=store,
        )
        if read is not None:
            deps.reload = reload
        app = build_app(deps)
        takers.append(lambda new, _: adopt(app, new))
        runner = make_runner(app, settings.limits)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await sockets.open(runner)
        url = sockets.url
        write_url(state_dir, url)
        _log.info("listening", url=url, host=settings.server.host, unix_socket=settings.server.unix_socket)

        yield Daemon(
            url=url, settings=settings, manager=manager, functions=functions, engine=engine, sockets=sockets, reload=reload
        )

        manager.refuse_starts()
        await manager.close(bound_s=reload.settings.limits.shutdown_s)  # before HTTP: streams see their session end


# pieces, in the order they are used


def _warn_of_plain_http(settings: Settings) -> None:
    server = settings.server
    if server.allow_plain_http and server.tls_cert is None and not is_loopback(server.host):
        _log.warning("plain_http", host=server.host, detail="tokens cross the network unencrypted")


def _engine(settings: Settings, profiles: Profiles, progress: Callable[[str], None]) -> EngineChild | None:
    """The embedded engine, when any agent uses it."""
    for name in profiles.names:
        with contextlib.suppress(Unavailable):
            if profiles.upstream(profiles.get(name)[1]) == "engine":
                return EngineChild(
                    settings.engine,
                    log=settings.log,
                    allowed_endpoints=settings.security.allowed_endpoints,
                    progress=progress,
                )
    return None


def _target(name: UpstreamName, settings: Settings, engine: EngineChild | None) -> UpstreamTarget:
    """Where an upstream is reached now."""
    if name == "deepgram":
        deepgram = settings.deepgram
        if deepgram.api_key is None:
            raise Unavailable("No Deepgram API key is set.")
        return UpstreamTarget("deepgram", deepgram.agent_url, deepgram.rest_url, deepgram.api_key, deepgram.proxy)
    if engine is None:
        raise EngineNotReady(
            "The embedded engine does not run: engine.mode switches it off, or no agent used it when the daemon was started."
        )
    ws_url, http_url, key = engine.target()
    return UpstreamTarget("engine", ws_url, http_url, key, None)


def _readiness(
    reload: Reload, *, engine: EngineChild | None, functions: Functions, store: Store, audit: Audit, manager: Manager
) -> Callable[[], Readiness]:
    """What ``/readyz`` answers. It never dials the upstream."""

    def ready() -> Readiness:
        details: dict[str, object] = {
            "functions": len(functions.registry.specs),
            "function_problems": [
                {"file": problem.place, "line": problem.line, "reason": problem.reason} for problem in functions.registry.problems
            ],
            "store": store.status(),
            "audit": audit.status(),
        }
        if manager.draining:
            return Readiness(ready=False, reason="draining", details=details | {"sessions": len(manager.live_sessions)})
        if engine is not None:
            details["engine"] = {"state": engine.state, "failure": engine.failure}
            if engine.state != "ready":
                return Readiness(ready=False, reason="engine-" + engine.state, details=details)
        try:
            reload.profiles.upstream(reload.profiles.get(None)[1])
        except Unavailable as error:
            return Readiness(ready=False, reason="no-upstream", details=details | {"upstream": error.detail})
        return Readiness(ready=True, reason=None, details=details)

    return ready
