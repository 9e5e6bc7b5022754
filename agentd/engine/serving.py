"""The engine's application on a TCP socket, for the length of a block."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from aiohttp import web

from agentd.config import EngineSettings
from agentd.door.parser import require_compiled_parser
from agentd.engine.admission import Admission, loopback_hosts
from agentd.engine.reception import Receive
from agentd.engine.server import REQUEST_READ_S, Engine, build_app

SHUTDOWN_S: Final = 5.0
"""How long conversations may take to say goodbye."""


@asynccontextmanager
async def serving(
    receive: Receive,
    settings: EngineSettings,
    key: str,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    hosts: frozenset[str] = frozenset(),
    models: dict[str, Any] | None = None,
    think_models: list[dict[str, str]] | None = None,
) -> AsyncIterator[str]:
    """Serve conversations until the block is left.

    Args:
        receive: how each connection is received; ``always`` makes one from a dialogue.
        settings: limits, and the web pages that may connect.
        key: what clients must send.
        host: address to listen on.
        port: TCP port; 0 takes a free one.
        hosts: further Host headers to answer to, with the port.
        models: see ``Engine``.
        think_models: see ``Engine``.

    Yields:
        ``host:port`` as bound.

    Raises:
        OSError: the address cannot be bound.
    """
    accepted: set[str] = set(hosts)
    origins = frozenset(origin.rstrip("/") for origin in settings.allowed_origins)
    engine = Engine(
        settings=settings,
        admission=Admission(key, hosts=lambda: frozenset(accepted), origins=origins),
        receive=receive,
        models=models or {},
        think_models=think_models or [],
    )
    require_compiled_parser()
    runner = web.AppRunner(
        build_app(engine),
        handle_signals=False,
        access_log=None,
        shutdown_timeout=SHUTDOWN_S,
        keepalive_timeout=REQUEST_READ_S,  # also aiohttp's deadline for a request's headers
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        bound_host, bound_port = runner.addresses[0][:2]
        address = f"[{bound_host}]:{bound_port}" if ":" in bound_host else f"{bound_host}:{bound_port}"
        accepted |= loopback_hosts(bound_port) | {address}
        yield address
    finally:
        await runner.cleanup()
