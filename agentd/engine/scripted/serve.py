"""A scripted peer inside the tests of a client: ``async with scripted_server("lamp.yaml") as server: ...``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentd.config import EngineSettings
from agentd.engine.scripted.loading import load_script, parse_script
from agentd.engine.scripted.peer import ScriptedPeer
from agentd.engine.scripted.report import Report
from agentd.engine.serving import serving


@dataclass(frozen=True, slots=True)
class ScriptedServer:
    """A running peer.

    Attributes:
        url: base for the WebSocket, ``ws://127.0.0.1:<port>``.
        http_url: base for REST.
        key: what clients must send.
        report: what came of the expectations so far.
    """

    url: str
    http_url: str
    key: str
    report: Report


@asynccontextmanager
async def scripted_server(
    script: Path | str | dict[str, Any], *, key: str = "scripted-key", settings: EngineSettings | None = None
) -> AsyncIterator[ScriptedServer]:
    """Serve a script on a free loopback port until the block is left.

    Args:
        script: a file, YAML text, or the same as a dict.
        key: what clients must send.
        settings: limits.

    Raises:
        ConfigError: the script is not valid.
        AssertionError: at the end of the block, an expectation of the script was not met.
    """
    peer = ScriptedPeer(load_script(script) if isinstance(script, Path) else parse_script(script))
    async with serving(peer.receive, settings or EngineSettings(), key) as address:
        yield ScriptedServer(f"ws://{address}", f"http://{address}", key, peer.report)
    if peer.report.failed:
        raise AssertionError("the script was not kept to:\n" + "\n".join(peer.report.lines()))
