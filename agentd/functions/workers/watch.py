"""Loads the handlers anew when a file of theirs changes, while somebody writes them.

As with a reload on request it is all or nothing, and calls under way keep their code.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import structlog

from agentd.errors import AgentdError
from agentd.functions.registry import Registry

QUIET_MS: Final = 100
"""An editor writes a file in steps: what belongs together has come when nothing changes for so long."""
TOGETHER_MS: Final = 2000
"""Changes that go on are loaded so often at most."""

_log = structlog.get_logger("agentd.functions")


async def watch(directory: Path, reload: Callable[[], Awaitable[Registry]], tell: Callable[[str], None]) -> None:
    """Reload at every change of a Python file in ``directory``, until cancelled.

    Args:
        reload: raises AgentdError when something does not load; then the functions from before stay.
        tell: is told in a line what came of it, for the person who writes.
    """
    from watchfiles import awatch  # noqa: PLC0415 - a service does not need it

    try:
        async for changes in awatch(directory, watch_filter=_is_code, step=QUIET_MS, debounce=TOGETHER_MS, recursive=False):
            changed = ", ".join(sorted({Path(path).name for _, path in changes}))
            try:
                registry = await reload()
            except AgentdError as error:
                _log.warning("functions_not_reloaded", changed=changed, reason=error.detail)
                tell(f"agentd: {changed} changed. {error.detail}")
            else:
                _log.info("functions_reloaded", changed=changed, functions=len(registry.specs))
                tell(f"agentd: {changed} changed and is loaded. Functions: {len(registry.specs)}.")
    except OSError as error:
        _log.warning("functions_not_watched", path=str(directory), error=str(error))
        tell(f"agentd: {directory} cannot be watched: {error}")


def _is_code(_: object, path: str) -> bool:
    """Handler files, and the shared ones beside them; no backups and temporary files of editors."""
    name = Path(path).name
    return name.endswith(".py") and not name.startswith(".")
