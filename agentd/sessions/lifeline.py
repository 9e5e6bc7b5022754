"""The line of a session to its upstream: connect, notice the loss, judge it, renew.

A renewed connection gets the effective settings, what was said so far, the speech that was not confirmed yet and the
question nobody answered (docs/architecture.md, decision 4).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from agentd.config import LimitSettings
from agentd.errors import AgentdError, UpstreamRefused, UpstreamTimeout
from agentd.metrics import Metrics
from agentd.protocol import settings as documents
from agentd.protocol.messages import Error, InjectUserMessage
from agentd.protocol.reading import agent_of, object_of
from agentd.sessions.client_side import ClientSide
from agentd.sessions.client_view import CLIENT_SILENT, ends_conversation
from agentd.sessions.conversation import Conversation
from agentd.sessions.history import Context, context
from agentd.sessions.link import Link
from agentd.sessions.profiles import UpstreamName
from agentd.sessions.state import EndReason
from agentd.upstream.deepgram import UpstreamClient, UpstreamTarget
from agentd.upstream.renewal import Backoff, is_retryable

STABLE_S: Final = 5.0
"""A connection that lasted this long was a good one; losses before that count against ``MAX_QUICK_LOSSES``."""
MAX_QUICK_LOSSES: Final = 5
AFTER_ERROR_S: Final = 1.0
"""An upstream that sent Error and does not close within this time is hung up on."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why the loss of a connection ends the session."""

    reason: EndReason
    error: AgentdError | None


class Lifeline:
    """The connections of one session, one after the other.

    Args:
        target: where the upstream is reached now; raises ``EngineNotReady`` while the engine starts.
        client_side: the Voice Agent client whose session this is; None when we speak for ourselves.
        welcomed: called at the first Welcome.

    Attributes:
        request_id: the upstream's id of the present connection.
        renewals: connections made after the first.
    """

    def __init__(
        self,
        conversation: Conversation,
        *,
        target: Callable[[UpstreamName], UpstreamTarget],
        upstream: UpstreamName,
        client: UpstreamClient,
        metrics: Metrics,
        limits: LimitSettings,
        client_side: ClientSide | None,
        welcomed: Callable[[], None],
    ) -> None:
        self.request_id: str | None = None
        self.renewals = 0
        self._conversation = conversation
        self._target = target
        self._upstream = upstream
        self._client = client
        self._metrics = metrics
        self._limits = limits
        self._client_side = client_side
        self._welcomed = welcomed
        self._loop = asyncio.get_running_loop()
        self._links = 0
        self._past_s = 0.0
        self._quick_losses = 0

    @property
    def connected_s(self) -> float:
        """Seconds connected, over all connections: what Deepgram bills."""
        link = self._conversation.link
        return self._past_s + (self._loop.time() - link.opened_at if link is not None and link.connection is not None else 0.0)

    async def connect(self) -> None:
        """Make a connection and bring it to SettingsApplied.

        Raises:
            AgentdError: unreachable, refused, settings rejected, or too slow.
        """
        conversation = self._conversation
        self._links += 1
        link = Link(conversation, self._links)
        conversation.link, conversation.lost = link, None
        await self._dial(link)
        try:
            await self._within(link.welcomed, "Welcome")
            self.request_id = link.request_id
            self._welcomed()
            if self._client_side is not None and link.n == 1:
                await self._until_client_settings(self._client_side)
            else:
                link.send_settings(self._effective_document())
            await self._within(link.ready, "SettingsApplied")
        except BaseException:
            await link.close()
            raise
        conversation.feed.connected(self._loop.time())
        if self._client_side is not None and link.n == 1:
            self._client_side.connected()

    async def until_lost(self) -> None:
        """Return when the connection is gone."""
        conversation, link = self._conversation, self._conversation.link
        if link is None:
            raise AssertionError("a connection is lost only after it was made")
        up_since = self._loop.time()
        longest_s = self._limits.max_duration_s + self._limits.turn_s
        await conversation.changes.until(lambda: conversation.lost or link.failure, timeout_s=longest_s)
        if conversation.lost is None:  # an Error ends the session, and the connection "often closes shortly after"
            try:
                await conversation.changes.until(lambda: conversation.lost, timeout_s=AFTER_ERROR_S)
            except TimeoutError:
                await link.close()
        self._hung_up()
        self._quick_losses = self._quick_losses + 1 if self._loop.time() - up_since < STABLE_S else 0

    def verdict(self) -> Verdict | None:
        """Why the loss ends the session, or None when the connection is to be renewed."""
        link, lost = self._conversation.link, self._conversation.lost
        if self._client_side is not None and link is not None and link.failure is not None and link.failure.code == CLIENT_SILENT:
            return Verdict(EndReason.CLIENT_LEFT, None)
        if link is not None and link.failure is not None and self._is_final(link.failure.code):
            return Verdict(EndReason.UPSTREAM_ERROR, _failure(link.failure.code, link.failure.description))
        if lost is not None and lost.cause != "local" and not is_retryable(lost):
            return Verdict(EndReason.UPSTREAM_CLOSED, None)
        if self._quick_losses > MAX_QUICK_LOSSES:
            detail = f"{self._quick_losses} connections were closed as soon as they were made."
            return Verdict(EndReason.UPSTREAM_CLOSED, _failure("upstream-closed", detail))
        return None

    async def renew(self) -> AgentdError | None:
        """One renewal: wait for calls in progress, then try at once and with back-off for up to ``limits.renewal_s``.

        Returns:
            None when the conversation goes on, else what the last try failed with.
        """
        conversation = self._conversation
        if self._client_side is not None:
            self._client_side.disconnected()
        await conversation.calls.in_progress()
        conversation.dispatch.withdraw()
        failure: AgentdError | None = None
        for delay_s in Backoff(bound_s=self._limits.renewal_s):
            await asyncio.sleep(delay_s)
            carried = context(conversation.tracker.turns)
            conversation.calls.remember(carried.settled)  # the upstream may be quicker with them than we are
            try:
                await self.connect()
            except AgentdError as error:
                failure = error
                if not is_retryable(error):
                    break
            else:
                self.renewals += 1
                self._carry_on(carried)
                return None
        return failure or _failure("upstream-closed", "The connection could not be renewed.")

    async def close(self) -> None:
        """Hang up."""
        if self._conversation.link is not None:
            await self._conversation.link.close()
        self._hung_up()

    async def _dial(self, link: Link) -> None:
        began, outcome = self._loop.time(), "ok"
        try:
            link.connection = await self._client.connect(
                self._target(self._upstream), link, input_bytes_per_s=self._conversation.input_format.bytes_per_second
            )
        except AgentdError as error:
            outcome = error.code
            raise
        finally:
            link.opened_at = self._loop.time()
            self._metrics.upstream_connect(self._upstream, outcome, link.opened_at - began)

    async def _within(self, future: asyncio.Future[None], what: str) -> None:
        try:
            async with asyncio.timeout(self._limits.upstream_settings_s):
                await asyncio.shield(future)
        except TimeoutError:
            raise UpstreamTimeout(f"The upstream sent no {what} within {self._limits.upstream_settings_s:g} s.") from None

    async def _until_client_settings(self, client_side: ClientSide) -> None:
        """The client sends its Settings, or the upstream loses its patience with it first."""
        conversation = self._conversation
        try:
            await conversation.changes.until(
                lambda: client_side.settings_sent.done() or conversation.lost or _failure_of(conversation.link),
                timeout_s=self._limits.idle_timeout_s,
            )
        except TimeoutError:
            raise UpstreamTimeout("The client sent no Settings.") from None

    def _effective_document(self) -> dict[str, Any]:
        document = self._conversation.document
        if self._links == 1:
            return document
        before = object_of(agent_of(document).get("context")).get("messages")
        known = before if isinstance(before, list) else []
        return documents.with_context(document, [*known, *context(self._conversation.tracker.turns).messages])

    def _carry_on(self, carried: Context) -> None:
        conversation = self._conversation
        now = self._loop.time()
        conversation.feed.replay(now)
        if carried.unanswered and conversation.link is not None:
            for text in carried.unanswered:
                conversation.tracker.expect_echo(text)
                if conversation.view is not None:
                    conversation.view.expect_echo(text)
                conversation.link.send(InjectUserMessage(content=text))
        else:
            conversation.tracker.failed(now)
            conversation.calls.remember(carried.settled)  # of a turn that was half told, until the user says something new
        if self._client_side is not None:
            self._client_side.connected()

    def _is_final(self, code: str) -> bool:
        return ends_conversation(code) if self._client_side is not None else not is_retryable(code)

    def _hung_up(self) -> None:
        link = self._conversation.link
        if link is not None and link.connection is not None:
            self._past_s += self._loop.time() - link.opened_at
            link.connection = None


def _failure_of(link: Link | None) -> Error | None:
    return link.failure if link is not None else None


def _failure(code: str, description: str) -> AgentdError:
    return UpstreamRefused(f"{code}: {description}", extra={"upstream_error": code})
