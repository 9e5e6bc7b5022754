"""Events of the running daemon as they happen: read as server-sent events, resumed when the daemon comes back."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any, Final

import orjson

from agentd.cli.client import Daemon, NoDaemon

_WAITS_S: Final = (0.5, 1.0, 2.0, 5.0)
"""How long after a loss the daemon is tried again; then on at the last."""


async def follow(daemon: Daemon, path: str, query: dict[str, str]) -> AsyncIterator[dict[str, Any]]:
    """The events at ``path``, until the session ends. A lost stream is told as ``{"type": "Lost"}`` and resumed.

    Raises:
        DaemonError: a refusal; or no daemon at the very beginning.
    """
    position: str | None = None
    losses, was_there = 0, False
    while True:
        try:
            async with daemon.request("GET", path, query=query, headers=_headers(position)) as response:
                losses, was_there = 0, True
                async for id_, event in _parsed(response.content):
                    position = id_ or position
                    yield event
                    if event.get("type") == "SessionEnded" and path != "/v1/events":
                        return
        except NoDaemon:
            if not was_there:
                raise
        yield {"type": "Lost", "data": {"daemon": daemon.base}}
        await asyncio.sleep(_WAITS_S[min(losses, len(_WAITS_S) - 1)])
        losses += 1


def _headers(position: str | None) -> dict[str, str]:
    return {"Accept": "text/event-stream"} | ({"Last-Event-ID": position} if position else {})


async def _parsed(lines: AsyncIterable[bytes]) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Each event with its id (WHATWG HTML, section 9.2.6; the daemon writes one ``data`` line an event)."""
    id_ = ""
    async for line in lines:
        field, _, value = line.decode("utf-8").rstrip("\n").partition(": ")
        if field == "id":
            id_ = value
        elif field == "data":
            yield id_, orjson.loads(value)
            id_ = ""
