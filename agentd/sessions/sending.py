"""What every command on a live session shares: wait until it can be sent, send it, tell what came of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from agentd.config import LimitSettings
from agentd.errors import AgentdError, SessionEnded, UpstreamTimeout
from agentd.metrics import Metrics
from agentd.protocol.messages import Message
from agentd.sessions.commands import Lines
from agentd.sessions.conversation import Conversation


class Sending:
    """The way out for commands.

    Args:
        alive: raises ``SessionEnded`` once the session is over.
        background: runs a command nobody waits for.

    Attributes:
        lines: one outstanding command per kind; the rest stand in line.
    """

    def __init__(
        self,
        conversation: Conversation,
        *,
        limits: LimitSettings,
        metrics: Metrics,
        alive: Callable[[], None],
        background: Callable[[Coroutine[Any, Any, Any], str], None],
    ) -> None:
        self.conversation = conversation
        self.limits = limits
        self.metrics = metrics
        self.alive = alive
        self.background = background
        self.lines = Lines(limits.commands)

    async def until_ready(self) -> None:
        """Wait until the session has a connection that takes messages, renewals included."""
        conversation = self.conversation

        def probe() -> bool | None:
            self.alive()
            return (conversation.link is not None and conversation.link.is_ready) or None

        await conversation.changes.until(probe, timeout_s=self.limits.renewal_s + self.limits.upstream_connect_s)

    def send(self, message: Message) -> None:
        """Send one message now.

        Raises:
            SessionEnded: there is no connection at the moment.
        """
        link = self.conversation.link
        if link is None or not link.is_ready:
            raise SessionEnded("The session has no connection just now; try again.")
        self.conversation.touch()
        self.metrics.upstream_message(self.conversation.upstream, "out", message.type)
        link.send(message)

    def report(self, kind: str, outcome: str) -> None:
        """Tell what came of a command, to metrics and readers."""
        self.metrics.command(kind, outcome)
        self.conversation.publish("CommandFinished", {"kind": kind, "outcome": outcome})


@asynccontextmanager
async def bounded(what: str, timeout_s: float) -> AsyncIterator[None]:
    """``asyncio.timeout`` that raises ``UpstreamTimeout`` and says what was waited for."""
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError:
        raise _no_effect(what, timeout_s) from None


def _no_effect(what: str, timeout_s: float) -> AgentdError:
    return UpstreamTimeout(f"The {what} command had no visible effect within {timeout_s:g} s; ?timeout_s= waits longer.")


def no_answer(timeout_s: float) -> AgentdError:
    """The error for a reply that did not come in time."""
    return UpstreamTimeout(f"The agent had not finished its reply {timeout_s:g} s later; ?timeout_s= waits longer.")
