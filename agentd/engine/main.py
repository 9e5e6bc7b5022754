"""``agentd engine``: the engine as a process, alone or as the daemon's child, with its models or with a script."""

import asyncio
import gc
import secrets
import signal
import stat
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog
import uvloop

from agentd import log
from agentd.config import EngineSettings, LogSettings
from agentd.engine.catalogue import THINK_MODELS, with_voices
from agentd.engine.compute import Compute
from agentd.engine.conversation import Conversation
from agentd.engine.leash import Leash
from agentd.engine.line import Line
from agentd.engine.load import load_providers
from agentd.engine.providers import MissingModel
from agentd.engine.reception import always
from agentd.engine.scripted.loading import load_script
from agentd.engine.scripted.peer import ScriptedPeer
from agentd.engine.scripted.report import Report
from agentd.engine.serving import serving
from agentd.errors import ConfigError

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_CONFIG: Final = 2
EXIT_EXPECTATIONS: Final = 3

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8691
"""One above the daemon's."""

_log = structlog.get_logger("agentd.engine")


def run(
    settings: EngineSettings,
    *,
    allowed_endpoints: tuple[str, ...] = (),
    host: str | None = None,
    port: int | None = None,
    token_file: Path | None = None,
    script: Path | None = None,
    report: Path | None = None,
    once: bool = False,
    child_fd: int | None = None,
) -> int:
    """Serve until SIGTERM, SIGINT, or, as a child, the daemon's end.

    Args:
        settings: limits and timing; a child gets its own from the daemon instead.
        allowed_endpoints: ``[security] allowed_endpoints``; a child gets them from the daemon as well.
        host: address to listen on; default loopback.
        port: TCP port; 0 takes a free one.
        token_file: holds the key clients must send; without one a key is made and shown.
        script: answer by this script instead of models.
        report: file that tells at the end what came of the script's expectations.
        once: end when every conversation of the script was played.
        child_fd: descriptor to report on: this is the daemon's child, which gets its key on standard input.

    Returns:
        Exit status: 0 stopped, 1 could not start, 2 the configuration or the script is at fault, 3 a client did not do what the
        script expects.
    """
    leash: Leash | None = None
    try:
        if child_fd is not None:
            leash = Leash.take(child_fd)
            settings, allowed_endpoints = leash.settings, leash.allowed_endpoints
            key, host, port = leash.key, DEFAULT_HOST, 0
        else:
            key = _key(token_file)
        log.configure(leash.log if leash is not None else LogSettings(), secrets=(key,))
        host, port = host or DEFAULT_HOST, DEFAULT_PORT if port is None else port
        peer = None if script is None else ScriptedPeer(load_script(script))
        uvloop.run(_serve(_Plan(settings, allowed_endpoints, key, host, port, peer, leash, once=once)))
    except ConfigError as error:
        return _fail(leash, error.detail, EXIT_CONFIG)
    except MissingModel as error:
        return _fail(leash, f"The engine cannot start: {error}", EXIT_FAILED)
    except OSError as error:
        return _fail(leash, f"The engine cannot listen on {host}:{port}: {error.strerror or error}", EXIT_FAILED)
    return EXIT_OK if peer is None else _verdict(peer.report, report)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to serve, where, and to whom."""

    settings: EngineSettings
    allowed_endpoints: tuple[str, ...]
    key: str
    host: str
    port: int
    peer: ScriptedPeer | None
    leash: Leash | None
    once: bool

    @property
    def hosts(self) -> frozenset[str]:
        """Host headers answered to besides its own address."""
        return frozenset(name.lower() for name in self.settings.allowed_hosts)


async def _serve(plan: _Plan) -> None:
    """Load, listen, report, and wait for the end."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    # A child shares its daemon's terminal: Ctrl-C reaches both, and the daemon decides when the engine goes.
    loop.add_signal_handler(signal.SIGINT, stop.set if plan.leash is None else lambda: None)
    if plan.leash is not None:
        plan.leash.on_release(stop.set)
    tell = _say if plan.leash is None else plan.leash.progress
    if plan.peer is not None and plan.once:
        plan.peer.report.on_done = stop.set
    async with _scripted(plan, plan.peer) if plan.peer is not None else _conversing(plan, tell) as address:
        _log.info("engine_listening", url=f"ws://{address}")
        if plan.leash is not None:
            plan.leash.ready(f"ws://{address}")
        else:
            tell(f"engine: ws://{address}/v1/agent/converse")
        await stop.wait()


def _scripted(plan: _Plan, peer: ScriptedPeer) -> AbstractAsyncContextManager[str]:
    return serving(
        peer.receive, plan.settings, plan.key,
        host=plan.host, port=plan.port, hosts=plan.hosts,
    )  # fmt: skip


@asynccontextmanager
async def _conversing(plan: _Plan, tell: Callable[[str], None]) -> AsyncIterator[str]:
    """Serve with the models, which are loaded first."""
    providers = await asyncio.to_thread(load_providers, tell, plan.settings.recogniser)
    compute = Compute(plan.settings.threads)
    gc.collect()
    gc.freeze()  # what is loaded stays: the collector need not look through it during a reply

    def dialogue(line: Line, document: dict[str, Any]) -> Conversation:
        return Conversation(
            line,
            document,
            providers=providers,
            compute=compute,
            limits=plan.settings,
            allowed_endpoints=plan.allowed_endpoints,
        )

    try:
        async with serving(
            always(dialogue), plan.settings, plan.key,
            host=plan.host, port=plan.port, hosts=plan.hosts, models=with_voices(providers.voices), think_models=THINK_MODELS,
        ) as address:  # fmt: skip
            yield address
    finally:
        compute.close()


def _verdict(report: Report, path: Path | None) -> int:
    """Tell what came of the script's expectations."""
    for line in report.lines():
        _say(line)
    if path is not None:
        try:
            report.write(path)
        except OSError as error:
            return _fail(None, f"The report cannot be written: {error}", EXIT_FAILED)
    return EXIT_EXPECTATIONS if report.failed else EXIT_OK


def _key(token_file: Path | None) -> str:
    """The key in a file, or a new one that is shown once.

    Raises:
        ConfigError: the file cannot be used.
    """
    if token_file is None:
        key = secrets.token_urlsafe(24)
        _say(f"engine: key {key} (for this run; --token-file sets a lasting one)")
        return key
    try:
        if token_file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigError(f"Others can read the token file {token_file}; run: chmod 600 {token_file}")
        key = token_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"The token file cannot be read: {error}") from None
    if not key:
        raise ConfigError(f"The token file {token_file} is empty.")
    return key


def _fail(leash: Leash | None, message: str, status: int) -> int:
    if leash is not None:
        leash.failed(message)
    else:
        _say(f"agentd: {message}")
    return status


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
