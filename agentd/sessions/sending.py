"""What every command on a live session shares: wait until it can be sent, send it, see what the upstream says to it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from agentd.config import LimitSettings
from agentd.errors import AgentdError, SessionEnded, UpstreamRefused, UpstreamTimeout
from agentd.metrics import Metrics
from agentd.protocol.messages import Message
from agentd.sessions.commands import Command, Commands
from agentd.sessions.conversation import Conversation
from agentd.sessions.link import Link
from agentd.upstream.renewal import is_retryable

_MAX_DETAIL: Final = 500


class Sending:
    """The way out for commands.

    Attributes:
        commands: runs and follows them.
        alive: raises ``SessionEnded`` once the session is over.
    """

    def __init__(self, conversation: Conversation, commands: Commands, *, limits: LimitSettings, metrics: Metrics) -> None:
        self.conversation = conversation
        self.commands = commands
        self.limits = limits
        self.metrics = metrics
        self.alive = commands.alive

    async def until_ready(self) -> Link:
        """Wait until the session has a connection that takes messages, renewals included."""
        conversation = self.conversation

        def probe() -> Link | None:
            self.alive()
            return conversation.link if conversation.link is not None and conversation.link.is_ready else None

        return await conversation.changes.until(probe, timeout_s=self.limits.renewal_s + self.limits.upstream_connect_s)

    def send(self, message: Message, command: Command | None = None) -> None:
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
        if command is not None:
            command.sent_at = asyncio.get_running_loop().time()

    @contextmanager
    def noting(self, command: Command) -> Iterator[None]:
        """Tell in the command's detail what the upstream warns of meanwhile."""
        conversation = self.conversation
        before = conversation.remarks.count
        try:
            yield
        finally:
            text = " ".join(f"{complaint.code}: {complaint.description}" for complaint in conversation.remarks.since(before))
            if text:
                command.detail = " ".join(filter(None, (command.detail, text)))[:_MAX_DETAIL]

    def check(self, link: Link) -> None:
        """Raise when the session is over, or when the upstream has answered on ``link`` with an Error that ends it.

        Raises:
            SessionEnded, UpstreamRefused.
        """
        failure = link.failure
        if failure is not None and not is_retryable(failure.code):
            raise UpstreamRefused(f"The upstream answered {failure.code}: {failure.description}")
        self.alive()

    def renewed(self, link: Link) -> bool:
        """True when another connection than ``link`` has taken over and is ready."""
        now = self.conversation.link
        return now is not link and now is not None and now.is_ready


@asynccontextmanager
async def bounded(what: str, timeout_s: float) -> AsyncIterator[None]:
    """``asyncio.timeout`` that raises ``UpstreamTimeout`` and says what was waited for."""
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError:
        raise UpstreamTimeout(
            f"The {what} command had no visible effect within {timeout_s:g} s; ?timeout_s= waits longer."
        ) from None


def no_answer(timeout_s: float) -> AgentdError:
    """The error for a reply that did not come in time."""
    return UpstreamTimeout(f"The agent had not finished its reply {timeout_s:g} s later; ?timeout_s= waits longer.")
