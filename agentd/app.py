"""The composition root: builds everything from ``Settings`` in start order, and takes it down in the reverse order.

One straight line on purpose: what stands on what, and what stops before what, can be read here from top to bottom.
"""

import asyncio
import contextlib
import fcntl
import gc
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import structlog
import uvloop
from prometheus_client import CollectorRegistry

from agentd import log
from agentd.audio.tapes import Tapes
from agentd.config import Settings, is_loopback
from agentd.door import Door, Peers, TokenStore
from agentd.engine.child import EngineChild
from agentd.errors import AgentdError, ConfigError, EngineNotReady, Unavailable
from agentd.functions.audit import Audit
from agentd.functions.service import Functions
from agentd.functions.workers.watch import watch
from agentd.http.deps import HttpDeps, Readiness
from agentd.http.runner import make_runner
from agentd.http.server import adopt, build_app
from agentd.http.sockets import Sockets
from agentd.hub import Hub
from agentd.metrics import Metrics
from agentd.notify import notify, watchdog_s
from agentd.process import forbid_dumps, raise_descriptors
from agentd.reload import Reload
from agentd.sessions.manager import Manager
from agentd.sessions.profiles import Profiles, UpstreamName
from agentd.sessions.session import SessionDeps
from agentd.store import FutureSchema, Store
from agentd.supervise import Nursery, spawn, unless
from agentd.upstream.deepgram import UpstreamClient, UpstreamTarget
from agentd.upstream.transport import install_transport

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
        state_dir = _state_dir(settings)
        stack.enter_context(_only_one(state_dir))
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
        _write_url(state_dir, url)
        _log.info("listening", url=url, host=settings.server.host, unix_socket=settings.server.unix_socket)

        yield Daemon(
            url=url, settings=settings, manager=manager, functions=functions, engine=engine, sockets=sockets, reload=reload
        )

        manager.refuse_starts()
        await manager.close(bound_s=reload.settings.limits.shutdown_s)  # before HTTP: streams see their session end


def run(settings: Settings, read: Callable[[], Settings] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit status: 0 stopped, 1 could not start.

    Args:
        settings: what the daemon starts with.
        read: reads them again, for a reload.
    """
    secrets = [settings.deepgram.api_key.get_secret_value()] if settings.deepgram.api_key else []
    log.configure(settings.log, secrets=secrets)
    forbid_dumps()
    raise_descriptors()
    if settings.deepgram.transport == "picows":
        install_transport()
    return uvloop.run(_serve(settings, read))


async def _serve(settings: Settings, read: Callable[[], Settings] | None) -> int:
    stop, hurry = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(*, patient: bool) -> None:
        if hurry.is_set():
            os._exit(1)  # one more than anybody needs: now
        if stop.is_set() or not patient:
            hurry.set()
        notify("STOPPING=1")
        stop.set()

    # A service manager has time for who is talking; who presses Ctrl-C has not.
    loop.add_signal_handler(signal.SIGTERM, lambda: on_signal(patient=True))
    loop.add_signal_handler(signal.SIGINT, lambda: on_signal(patient=False))
    try:
        async with running(settings, progress=_say, read=read) as daemon, _reloading(daemon):
            if daemon.engine is not None:
                await unless(stop, _until_engine_ready(daemon.engine), name="app:engine")
            gc.collect()
            gc.freeze()
            notify("READY=1", f"STATUS=Listening on {daemon.url}")
            if not stop.is_set():
                _welcome(daemon)
            await _watch(stop)
            await _wind_down(daemon, hurry)
            _log.info("stopping")
    except ConfigError as error:
        _say(f"agentd: {error.detail}")
        return 2
    except AgentdError as error:
        _say(f"agentd: {error.detail}")
        return 1
    return 0


@asynccontextmanager
async def _reloading(daemon: Daemon) -> AsyncIterator[None]:
    """At SIGHUP read the certificate and the configuration again, while the block runs; at changes, if wanted, the handlers."""
    nursery = Nursery()
    paths = daemon.settings.paths
    if paths.watch_functions:
        nursery.start(watch(paths.functions_dir, daemon.functions.reload, _say), name="app:watch")

    async def reload() -> None:
        notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            daemon.sockets.reload_certificate()
        except ConfigError as error:
            _log.warning("certificate_not_loaded", reason=error.detail)
        with contextlib.suppress(AgentdError):  # it is in the log
            await daemon.reload()
        notify("READY=1")

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, lambda: nursery.start(reload(), name="app:reload"))
    try:
        yield
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
        await nursery.close()


async def _wind_down(daemon: Daemon, hurry: asyncio.Event) -> None:
    """Let conversations come to their end, while the watchdog goes on hearing from us."""
    over = asyncio.Event()
    notify(f"STATUS=Draining: {len(daemon.manager.live_sessions)} sessions")
    async with asyncio.TaskGroup() as group:
        spawn(group, _watch(over), name="app:watchdog")
        try:
            await daemon.manager.wind_down(daemon.reload.settings.limits.drain_s, hurry=hurry)
        finally:
            over.set()


async def _watch(stop: asyncio.Event) -> None:
    """Wait for the signal; meanwhile tell systemd's watchdog that the loop turns."""
    every_s = watchdog_s()
    while not stop.is_set():
        try:
            async with asyncio.timeout(every_s):
                await stop.wait()
        except TimeoutError:
            notify("WATCHDOG=1")


async def _until_engine_ready(engine: EngineChild) -> None:
    """Wait for the engine so that the first curl works; a failure is told and the daemon goes on (``/readyz`` says so)."""
    try:
        await engine.wait_ready(60.0)
    except AgentdError as error:
        _say(f"agentd: the embedded engine is not ready: {error.detail}")


# pieces, in the order they are used


def _warn_of_plain_http(settings: Settings) -> None:
    server = settings.server
    if server.allow_plain_http and server.tls_cert is None and not is_loopback(server.host):
        _log.warning("plain_http", host=server.host, detail="tokens cross the network unencrypted")


def _state_dir(settings: Settings) -> Path:
    path = settings.paths.state_dir
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(f"The state folder {path} cannot be made: {error.strerror}. Set paths.state_dir.") from error
    return path


@contextlib.contextmanager
def _only_one(state_dir: Path) -> Iterator[TextIO]:
    """Hold the state folder's lock: two daemons on one folder would share tokens, stores and the address file.

    A folder that was used before and is read-only now is used as it is: tokens are there, nothing is kept.
    """
    lock = state_dir / "lock"
    try:
        opened = lock.open("w", encoding="ascii")
    except OSError as error:
        if not lock.exists():
            raise ConfigError(
                f"The state folder {state_dir} cannot be written: {error.strerror}. Set paths.state_dir."
            ) from error
        _log.warning("state_folder_read_only", path=str(state_dir), error=error.strerror)
        opened = lock.open("r", encoding="ascii")
    with opened as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(
                f"Another agentd uses the state folder {state_dir}. Stop it, or give this one its own with --state-dir."
            ) from None
        yield file


def _write_url(state_dir: Path, url: str) -> None:
    """Tell programs on this machine where the daemon listens; they can be told otherwise."""
    try:
        (state_dir / "agentd.url").write_text(url + "\n", encoding="ascii")
    except OSError as error:
        _log.warning("url_not_written", path=str(state_dir), error=error.strerror)


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


def _welcome(daemon: Daemon) -> None:
    """What a person needs next."""
    state = daemon.settings.paths.state_dir
    auth, base = f"-H @{state}/auth", daemon.url
    ready = daemon.engine is None or daemon.engine.state == "ready"
    program = "agentd" if shutil.which("agentd") else Path(sys.argv[0]).resolve()
    _say(
        f"""
agentd is {"ready" if ready else "listening, but its engine is not ready"}: {base}
in a browser:    {base}/console   (paste the token there)
token:           {state}/token   (for curl: -H @{state}/auth; in a shell: eval "$({program} env)" sets $A and $S)

  curl {auth} -X PUT {base}/v1/sessions/kitchen
  curl {auth} --json '{{"role": "user", "content": "turn on the living room lamp"}}' \\
       "{base}/v1/sessions/kitchen/messages?wait=reply"
  curl {auth} -X DELETE {base}/v1/sessions/kitchen
"""
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - to the person who started the daemon; the log has its own stream
