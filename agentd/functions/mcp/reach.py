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
        messages_per_s, bytes_per_s: how fast it is read.
        connect_s: seconds to reach the other end over HTTP.
        silence_s: seconds that a stream over HTTP may say nothing.
        look_s: its tools are listed again so often over HTTP, where nothing else may tell that it is gone.
        stop_s: what a process has to end, twice.
        retry_s: longest wait between two tries to connect.
        tools: most that are read of its list.
    """

    command: Command | None
    url: str | None
    headers: tuple[tuple[str, str], ...]
    start_timeout_s: float
    connect_s: float
    silence_s: float
    look_s: float
    stop_s: float
    retry_s: float
    message_bytes: int
    messages_per_s: int
    bytes_per_s: int
    log_bytes: int
    tools: int


@dataclass(frozen=True, slots=True)
class Told:
    """What a server tells of a tool, as it came.

    Attributes:
        as_task: it is called as a task alone, which outlives its request (MCP, "Tasks").
    """

    name: str
    title: str | None
    description: str | None
    input_schema: dict[str, Any]
    as_task: bool = False


@dataclass(frozen=True, slots=True)
class Access:
    """What a server is given: headers, or variables; and what of them is secret."""

    headers: tuple[tuple[str, str], ...]
    env: tuple[tuple[str, str], ...]
    secrets: frozenset[str]
