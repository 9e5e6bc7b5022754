"""The kinds of functions there are, and how each is loaded."""

from collections.abc import Awaitable, Callable
from typing import Final

from agentd.functions.mcp.tables import load_mcp
from agentd.functions.provider import Loading, Provider
from agentd.functions.remote.delegated import load_delegated
from agentd.functions.remote.http import load_http
from agentd.functions.workers.generation import load_folder

KINDS: Final[tuple[Callable[[Loading], Awaitable[Provider]], ...]] = (load_folder, load_http, load_delegated, load_mcp)
"""In the order in which they are loaded: what a handler file cannot start with, nothing else is started for."""


async def load(loading: Loading) -> tuple[Provider, ...]:
    """Every kind, loaded; what does not load is in ``problems``. Closes what was loaded if it is cancelled."""
    loaded: list[Provider] = []
    try:
        for kind in KINDS:
            loaded.append(await kind(loading))  # noqa: PERF401 - what is loaded already must be closed if the next one fails
    except BaseException:
        for provider in loaded:
            await provider.close()
        raise
    return tuple(loaded)
