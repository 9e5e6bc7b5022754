"""The engine's application on a TCP socket, for the length of a block."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from aiohttp import web

from agentd.config import EngineSettings
from agentd.engine.admission import Admission, loopback_hosts
from agentd.engine.exchange import DialogueFactory
from agentd.engine.server import Engine, build_app

SHUTDOWN_S: Final = 5.0
"""How long conversations may take to say goodbye."""


@asynccontextmanager
async def serving(
    dialogue: DialogueFactory,
    settings: EngineSettings,
    key: str,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    hosts: frozenset[str] = frozenset(),
    before_handshake: Callable[[], None] | None = None,
    models: dict[str, Any] | None = None,
    think_models: list[dict[str, str]] | None = None,
) -> AsyncIterator[str]:
    """Serve conversations until the block is left.

    Args:
        dialogue: makes the turn-taker of each conversation.
        settings: limits.
        key: what clients must send.
        host: address to listen on.
        port: TCP port; 0 takes a free one.
        hosts: further Host headers to answer to, with the port.
        before_handshake: see ``Admission``.
        models: see ``Engine``.
        think_models: see ``Engine``.

    Yields:
        ``host:port`` as bound.

    Raises:
        OSError: the address cannot be bound.
    """
    accepted: set[str] = set(hosts)
    engine = Engine(
        settings=settings,
        admission=Admission(key, hosts=lambda: frozenset(accepted), before_handshake=before_handshake),
        dialogue=dialogue,
        models=models or {},
        think_models=think_models or [],
    )
    runner = web.AppRunner(build_app(engine), handle_signals=False, access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        bound_host, bound_port = runner.addresses[0][:2]
        address = f"[{bound_host}]:{bound_port}" if ":" in bound_host else f"{bound_host}:{bound_port}"
        accepted |= loopback_hosts(bound_port) | {address}
        yield address
    finally:
        await runner.cleanup()
