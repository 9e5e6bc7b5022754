"""``agentd demo``: one conversation, spoken and typed, from start to end, with everything it left in files."""

from agentd.demo.show import run

__all__ = ["run"]
