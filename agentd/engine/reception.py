"""How a connection is received: always alike by the engine, as its script says by the scripted peer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from agentd.engine.line import Dialogue, Hangup, Line
from agentd.protocol.messages import Welcome

DialogueFactory = Callable[[Line, dict[str, Any]], Dialogue]
"""Makes the turn-taker of one conversation from its line and its Settings document."""


async def _send(line: Line, welcome: Welcome) -> None:
    line.send(welcome)


def _ignore(hangup: Hangup) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Reception:
    """What happens to one connection.

    Attributes:
        dialogue: makes the turn-taker once Settings have come.
        welcome: sends Welcome, before any frame of the client is read; may wait, or raise ``Hangup``.
        closed: told at the very end how the connection closed.
        answers_pings: False leaves the client's WebSocket pings without a pong.
    """

    dialogue: DialogueFactory
    welcome: Callable[[Line, Welcome], Awaitable[None]] = _send
    closed: Callable[[Hangup], None] = _ignore
    answers_pings: bool = True


Receive = Callable[[web.Request], Awaitable[Reception]]
"""Asked at every handshake that has passed admission; raises ``Refusal`` to turn it away."""


def always(dialogue: DialogueFactory) -> Receive:
    """Receive every connection in the ordinary way."""

    async def receive(_: web.Request) -> Reception:
        return Reception(dialogue)

    return receive
