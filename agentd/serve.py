"""The life of the process: ``agentd serve`` from its start to its end, by signals, and what a service manager hears of it."""

import asyncio
import contextlib
import gc
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
import uvloop

from agentd import log
from agentd.app import Daemon, running
from agentd.config import Settings
from agentd.engine.child import EngineChild
from agentd.errors import AgentdError, ConfigError
from agentd.functions.workers.watch import watch
from agentd.notify import notify, watchdog_s
from agentd.process import forbid_dumps, raise_descriptors
from agentd.supervise import Nursery, spawn, unless
from agentd.upstream.transport import install_transport

_log = structlog.get_logger("agentd.serve")


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
                await unless(stop, _until_engine_ready(daemon.engine), name="serve:engine")
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
        nursery.start(watch(paths.functions_dir, daemon.functions.reload, _say), name="serve:watch")

    async def reload() -> None:
        notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            daemon.sockets.reload_certificate()
        except ConfigError as error:
            _log.warning("certificate_not_loaded", reason=error.detail)
        with contextlib.suppress(AgentdError):  # it is in the log
            await daemon.reload()
        notify("READY=1")

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, lambda: nursery.start(reload(), name="serve:reload"))
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
        spawn(group, _watch(over), name="serve:watchdog")
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
