"""Makes the MCP functions of the configuration, or says why a table cannot be used."""

import asyncio
import importlib.util
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agentd.config.functions import McpTable, declared
from agentd.functions.credentials import CredentialMissing, Credentials
from agentd.functions.mcp.provider import McpFunctions
from agentd.functions.mcp.reach import Access
from agentd.functions.provider import Admitted, Loading, Provider, Serve
from agentd.functions.registry import FunctionSpec, LoadProblem
from agentd.functions.wire import Reply
from agentd.protocol.origins import CONFIG_KEY, origin_of


class _Unusable(Exception):
    """A table that cannot be used; the text says why."""


class NoServers:
    """A ``Provider`` of nothing: no server is configured, or none can be."""

    specs: tuple[FunctionSpec, ...] = ()
    busy = False

    def __init__(self, problems: Sequence[LoadProblem] = ()) -> None:
        self.problems = tuple(problems)

    async def check(self, spec: FunctionSpec, arguments: dict[str, Any]) -> dict[str, Any]:
        """Nobody can ask."""
        raise AssertionError("there is no function here")

    async def run(self, call: Admitted, serve: Serve) -> Reply:
        """Nobody can call."""
        raise AssertionError("there is no function here")

    def retire(self) -> None:
        """Nothing runs."""

    async def close(self) -> None:
        """Nothing runs."""


async def load_mcp(loading: Loading) -> Provider:
    """The functions of ``[functions.mcp.*]``. Waits for no server: its tools are there once they have been listed."""
    tables = declared(loading.tables).mcp
    if not tables:
        return NoServers()
    if importlib.util.find_spec("mcp") is None:
        reason = "the mcp package is not installed: pip install 'agentd[mcp]'"
        return NoServers([LoadProblem(f"[functions.mcp.{name}]", None, reason) for name in tables])
    credentials = Credentials(loading.credentials)
    allowed = {origin_of(entry) for entry in loading.allowed_endpoints} - {None}
    usable: dict[str, Access] = {}
    problems: list[LoadProblem] = []
    for name, table in tables.items():
        try:
            usable[name] = await asyncio.to_thread(_access, table, allowed, credentials)
        except (CredentialMissing, _Unusable) as fault:
            problems.append(LoadProblem(f"[functions.mcp.{name}]", None, str(fault)))
    return McpFunctions(tables, usable, problems, loading)


def _access(table: McpTable, allowed: set[str | None], credentials: Credentials) -> Access:
    """Blocking: small files."""
    if table.url is not None:
        origin = origin_of(table.url)
        if origin not in allowed:
            raise _Unusable(f"{origin or 'the origin of url'} is not in {CONFIG_KEY}; add it there if the daemon may call it")
    else:
        command = table.command or ""
        if shutil.which(command, path=os.environ.get("PATH")) is None:
            raise _Unusable(f"there is no program {command!r}; install it, or give its whole path")
        if table.cwd is not None and not Path(table.cwd).is_dir():
            raise _Unusable(f"cwd: there is no folder {table.cwd!r}")
    headers = credentials.resolve(table.headers)
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()):
            raise _Unusable(f"the credential of the header {name} holds characters that no header has")
    own = {name: os.environ[name] for name in table.pass_env if name in os.environ}
    return Access(headers=tuple(headers.items()), env=tuple((own | credentials.resolve(table.env)).items()))
