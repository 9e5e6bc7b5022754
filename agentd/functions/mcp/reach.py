"""How an MCP server is reached, and what it tells of its tools: plain values, without the ``mcp`` package."""

from dataclasses import dataclass
from typing import Any

from agentd.functions.mcp.process import Command


@dataclass(frozen=True, slots=True)
class Reach:
    """How a server is reached; two that are equal are one server.

    Attributes:
        command: what the daemon starts, or None.
        url, headers: where it runs otherwise.
        message_bytes: longest message it may send.
        silence_s: seconds that a stream over HTTP may say nothing.
        tools: most that are read of its list.
    """

    command: Command | None
    url: str | None
    headers: tuple[tuple[str, str], ...]
    start_timeout_s: float
    silence_s: float
    message_bytes: int
    log_bytes: int
    tools: int


@dataclass(frozen=True, slots=True)
class Told:
    """What a server tells of a tool, as it came."""

    name: str
    title: str | None
    description: str | None
    input_schema: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Access:
    """What a server is given: headers, or variables; and what of them is secret."""

    headers: tuple[tuple[str, str], ...]
    env: tuple[tuple[str, str], ...]
    secrets: frozenset[str]
