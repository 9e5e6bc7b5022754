"""One upstream connection of a session: frames in, state machine, frames out.

A session outlives its connections; each has its own ``Link``, so a late frame of an old one can never touch the
state of the new one.
"""

import asyncio
from typing import Any, Protocol

import structlog

from agentd.errors import AgentdError, InvalidSettings, UpstreamRefused, UpstreamUnreachable
from agentd.protocol.client import ClientPhase, ClientProtocol
from agentd.protocol.codec import ProtocolError, encode, parse_server
from agentd.protocol.messages import Error, Message, Settings, SettingsApplied, Welcome
from agentd.sessions.asked import Asked
from agentd.upstream.deepgram import Closed, Connection

_log = structlog.get_logger("agentd.sessions")

SETTINGS_FAULTS = frozenset({"INVALID_SETTINGS", "UNPARSABLE_CLIENT_MESSAGE", "INVALID_AGENT_ID", "AGENT_ID_NOT_SUPPORTED"})


class LinkOwner(Protocol):
    """The session, as a link sees it. Called on the event loop; must not block."""

    def on_message(self, link: "Link", message: Message, frame: bytes) -> None:
        """A text frame was taken into the link's state."""

    def on_agent_audio(self, link: "Link", frame: bytes, *, heard: bool) -> None:
        """A binary frame came; ``heard`` is False when it belongs to a reply that was cut."""

    def on_lost(self, link: "Link", closed: Closed) -> None:
        """The connection is gone; called once."""

    def on_unreadable(self, link: "Link", detail: str) -> None:
        """A text frame was no JSON object with a type; it is counted and skipped."""


class Link:
    """Listener of one connection (``agentd.upstream.deepgram.Listener``).

    Attributes:
        n: 1 for a session's first connection, counting up.
        welcomed, ready: done at Welcome and SettingsApplied; failed with an ``AgentdError`` when that cannot come any more.
        failure: the Error the upstream sent, if it did.
        asked: who waits for which acknowledgement.
    """

    def __init__(self, owner: LinkOwner, n: int) -> None:
        loop = asyncio.get_running_loop()
        self.n = n
        self.protocol = ClientProtocol()
        self.connection: Connection | None = None
        self.request_id: str | None = None
        self.opened_at = loop.time()
        self.failure: Error | None = None
        self.asked = Asked()
        self.welcomed: asyncio.Future[None] = loop.create_future()
        self.ready: asyncio.Future[None] = loop.create_future()
        self._owner = owner
        self._loop = loop

    # from the upstream

    def on_text(self, frame: bytes) -> None:
        """Parse once, update the state, hand on."""
        try:
            message = parse_server(frame)
        except ProtocolError as error:
            self._owner.on_unreadable(self, error.description)
            return
        self.protocol.receive(message)
        match message:
            case Welcome():
                self.request_id = message.request_id
                _resolve(self.welcomed)
            case SettingsApplied():
                _resolve(self.ready)
            case Error():
                self.failure = message
                self._fail(_refusal(message))
            case _:
                pass
        self._owner.on_message(self, message, frame)

    def on_audio(self, frame: bytes | memoryview) -> None:
        """Pass agent audio on; what belongs to a cut reply is marked."""
        data = bytes(frame)
        self._owner.on_agent_audio(self, data, heard=self.protocol.receive_audio(self._loop.time()))

    def on_closed(self, closed: Closed) -> None:
        """The connection is gone."""
        why = f" ({closed.reason})" if closed.reason else ""
        self._fail(
            UpstreamUnreachable(f"The upstream closed the connection before the session was ready, code {closed.code}{why}.")
        )
        self._owner.on_lost(self, closed)

    # to the upstream

    @property
    def is_ready(self) -> bool:
        """True when messages and audio may be sent."""
        return self.connection is not None and not self.connection.closed and self.protocol.phase is ClientPhase.READY

    def send(self, message: Message, frame: bytes | None = None, *, by_client: bool = False) -> None:
        """Send a message; ``frame`` is its text where it is passed on as it came, ``by_client`` who waits for the answer."""
        self.protocol.send(message)
        self.asked.sent(message, self._loop.time(), by_client=by_client)
        if self.connection is None:
            raise AssertionError("a link sends only after it is connected")
        self.connection.send_text(frame if frame is not None else encode(message))

    def send_audio(self, frame: bytes) -> None:
        """Send user audio; dropped when the connection is not ready (the session's ring keeps it)."""
        if self.is_ready and self.connection is not None:
            self.connection.send_audio(frame)

    def send_settings(self, settings: dict[str, Any]) -> None:
        """Send the Settings document."""
        self.send(Settings.model_validate(settings), encode(settings))

    async def close(self) -> None:
        """Close the connection, bounded by the transport."""
        if self.connection is not None:
            await self.connection.close()

    def _fail(self, error: AgentdError) -> None:
        for future in (self.welcomed, self.ready):
            if not future.done():
                future.set_exception(error)
                future.exception()  # mark as seen: nobody may be waiting for it


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _refusal(error: Error) -> AgentdError:
    text = f"The upstream refused with {error.code}: {error.description}"
    return InvalidSettings(text) if error.code in SETTINGS_FAULTS else UpstreamRefused(text, extra={"upstream_error": error.code})
