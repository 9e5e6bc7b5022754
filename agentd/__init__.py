"""agentd: voice agents as a system service."""

from typing import Final

__version__: Final = "0.1.0"
