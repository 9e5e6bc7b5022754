"""Makes the MCP functions of the configuration, or says why a table cannot be used."""

import asyncio
import importlib.util
import os
import shutil
from collections.abc import Collection
from pathlib import Path

from agentd.config.functions import McpTable, declared
from agentd.functions.mcp.provider import McpFunctions
from agentd.functions.mcp.reach import Access
from agentd.functions.provider import Loading
from agentd.functions.registry import LoadProblem
from agentd.functions.remote.credentials import Credentials
from agentd.functions.remote.declared import FAULTS, Unusable, headers_of, place_of, require_allowed


async def load_mcp(loading: Loading) -> McpFunctions:
    """The functions of ``[functions.mcp.*]``. Waits for no server: its tools are there once they have been listed."""
    tables = declared(loading.tables).mcp
    usable: dict[str, Access] = {}
    problems: list[LoadProblem] = []
    for name, table in tables.items():
        try:
            usable[name] = await asyncio.to_thread(access_of, table, loading.allowed_endpoints, Credentials(loading.credentials))
        except FAULTS as fault:
            problems.append(LoadProblem(place_of("mcp", name), None, str(fault)))
    return McpFunctions(tables, usable, problems, loading)


def access_of(table: McpTable, allowed_endpoints: Collection[str], credentials: Credentials) -> Access:
    """What the server of a table is given. Blocking: small files.

    Raises:
        Unusable, CredentialMissing: it cannot be reached.
    """
    if importlib.util.find_spec("mcp") is None:
        raise Unusable("the mcp package is not installed: pip install 'agentd[mcp]'")
    if table.url is not None:
        require_allowed(table.url, allowed_endpoints)
    elif shutil.which(table.command or "") is None:
        raise Unusable(f"there is no program {table.command!r}; install it, or give its whole path")
    if table.cwd is not None and not Path(table.cwd).is_dir():
        raise Unusable(f"cwd: there is no folder {table.cwd!r}")
    own = {name: os.environ[name] for name in table.pass_env if name in os.environ}
    env: dict[str, str] = own | credentials.resolve(table.env)
    headers = headers_of(table.headers, credentials)
    return Access(headers=tuple(headers.items()), env=tuple(env.items()), secrets=frozenset(credentials.seen))
