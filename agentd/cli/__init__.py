"""The ``agentd`` command. Each command imports what it needs when it runs, so that ``agentd --help`` stays quick.

Exit status: 0 done, 1 it failed, 2 wrong usage or configuration, 130 interrupted.
"""

from agentd.cli.program import main

__all__ = ["main"]
