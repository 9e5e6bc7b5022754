"""``agentd engine``: the engine as a process, alone or as the daemon's child, with its models or with a script."""

from typing import Final

import structlog

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_CONFIG: Final = 2

SHUTDOWN_S: Final = 5.0
"""How long conversations may take to say goodbye."""

_log = structlog.get_logger("agentd.engine")
