"""A session whose Settings, audio and messages come from a Voice Agent client of its own (the compatible endpoint).

What the client sends is merged with its profile, passed on, and noted, so that the session can be renewed and steered.
While there is no connection that takes messages, the few that must not be lost wait for the next one.
"""

import asyncio
from collections import deque
from typing import Any, Final

import structlog

from agentd.protocol import settings as documents
from agentd.protocol.client import ClientPhase
from agentd.protocol.codec import ProtocolError, encode, parse_client
from agentd.protocol.messages import (
    ForceEndTurn,
    FunctionCallResponse,
    InjectAgentMessage,
    InjectUserMessage,
    KeepAlive,
    Message,
    Settings,
    UpdateListen,
    UpdatePrompt,
    UpdateSpeak,
    UpdateThink,
    UpdateThinkLive,
)
from agentd.protocol.reading import agent_of, object_of
from agentd.sessions.asked import ACKNOWLEDGED_BY
from agentd.sessions.conversation import Conversation
from agentd.sessions.merging import Merge

_log = structlog.get_logger("agentd.sessions")

EARLY_AUDIO_S: Final = 2.0
"""Audio held for a client that talks before SettingsApplied; the oldest is dropped beyond that."""
SPEED: Final = 2.0
BURST_S: Final = 2.0
"""Clients that read a file send it faster than it plays; what is more than this waits in their own socket."""
HELD_MESSAGES: Final = 64
"""Messages that wait for a connection; the client is told when one more comes."""

Update = UpdatePrompt | UpdateThink | UpdateSpeak | UpdateListen | UpdateThinkLive


class ClientSide:
    """What the client sends.

    Attributes:
        settings_sent: done when the client's Settings went to the upstream.
    """

    def __init__(self, conversation: Conversation, merge: Merge | None) -> None:
        self.settings_sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._conversation = conversation
        self._merge = merge
        self._early = bytearray()
        self._held: deque[tuple[Message, bytes]] = deque()
        self._owed: list[str] = []
        self._open_link = 0
        self._read_until = 0.0
        self._clashes_told: set[str] = set()
        self._loop = asyncio.get_running_loop()

    # from the client

    def text(self, frame: bytes) -> None:
        """One text frame.

        Raises:
            ProtocolError: it is no message, or not one that may come now.
        """
        conversation = self._conversation
        message = parse_client(frame)
        if not isinstance(message, KeepAlive):
            conversation.touch()
        if isinstance(message, Settings):
            self._begin(message, frame)
            return
        if not self.settings_sent.done():
            raise ProtocolError(
                "NON_SETTINGS_MESSAGE_BEFORE_SETTINGS", f"The first message must be Settings, but it was {message.type}."
            )
        match message:
            case FunctionCallResponse():
                conversation.dispatch.client_answered(message, frame)
            case UpdatePrompt() | UpdateThink() | UpdateSpeak() | UpdateListen() | UpdateThinkLive():
                self._update(message, frame)
            case KeepAlive() | ForceEndTurn() if self._reconnecting:
                pass  # they are about a connection that is gone
            case _:
                self._send(message, frame)

    def audio(self, frame: bytes) -> float:
        """User audio: straight on; before SettingsApplied at most two seconds are held.

        Returns:
            Seconds to wait before the next frame is read: audio may come twice as fast as it plays, after a burst of two seconds.

        Raises:
            ProtocolError: it came before Settings.
        """
        if not self.settings_sent.done():
            raise ProtocolError("NON_SETTINGS_MESSAGE_BEFORE_SETTINGS", "The first message must be Settings, but it was audio.")
        conversation, now = self._conversation, self._loop.time()
        if self._open_link:
            conversation.feed.live(frame, now)
        else:
            self._early += frame
            excess = len(self._early) - conversation.input_format.bytes_for(EARLY_AUDIO_S)
            if excess > 0:
                del self._early[:excess]
        self._read_until = max(self._read_until, now - BURST_S / SPEED) + conversation.input_format.duration_s(len(frame)) / SPEED
        return max(0.0, self._read_until - now)

    # a hand-over

    def handed_over(self, merge: Merge, fragment: dict[str, Any]) -> dict[str, Any]:
        """The effective document as another agent has it for this client; nothing changes yet."""
        return merge.handed_over(self._conversation.document, fragment, self._declared)

    def adopt(self, merge: Merge) -> None:
        """The client talks to another agent: its updates are merged with that one's profile from now on."""
        own = merge.own(self._conversation.document, self._declared)
        self._merge, self._conversation.dispatch.ours = merge, merge.handled
        self._tell_clashes({"think": {"functions": own}})

    @property
    def _declared(self) -> tuple[dict[str, Any], ...]:
        """The functions that the present profile adds to the client's."""
        return self._merge.declared if self._merge is not None else ()

    # from the lifeline

    def connected(self) -> None:
        """A connection takes messages, the first or a renewed one: pass on what was held."""
        conversation = self._conversation
        link, first = conversation.link, not self._open_link
        if link is None:
            raise AssertionError("connected means that there is a link")
        self._open_link = link.n
        if first and self._early:
            conversation.feed.live(bytes(self._early), self._loop.time())
            self._early.clear()
        if not first and conversation.view is not None:
            conversation.view.renewed()
            for type_ in self._owed:
                conversation.view.acknowledge(type_)
        self._owed.clear()
        while self._held and self._takes_messages:
            self._pass_on(*self._held.popleft())

    def disconnected(self) -> None:
        """The connection is gone and will be renewed with every update so far: those not acknowledged take effect then."""
        link = self._conversation.link
        if link is not None:
            self._owed += link.asked.owed_to_client()

    # inside

    @property
    def _takes_messages(self) -> bool:
        link = self._conversation.link
        return link is not None and link.is_ready and link.n == self._open_link

    @property
    def _reconnecting(self) -> bool:
        return bool(self._open_link) and not self._takes_messages

    def _begin(self, message: Settings, frame: bytes) -> None:
        conversation = self._conversation
        link = conversation.link
        if self.settings_sent.done():
            raise ProtocolError("SETTINGS_ALREADY_APPLIED", "Settings may be sent once; use the Update messages to change them.")
        if link is None or self._merge is None:
            raise AssertionError("a client is let in after Welcome")
        if link.protocol.phase is not ClientPhase.WELCOMED:
            return  # the upstream has just failed: the session ends and says why
        given = message.wire()
        document = self._merge.settings(given)
        if documents.messages(given):
            conversation.dispatch.taint()
        if documents.agent_id(given) is None:
            conversation.dispatch.ours = self._merge.handled
            self._tell_clashes(given.get("agent"))
        elif self._merge.declared:
            _log.warning("profile_functions_left_out", reason="the client's agent is a reusable configuration")
        conversation.adopt(document)
        if document is given:
            link.send(message, frame)
        else:
            link.send_settings(document)
        self.settings_sent.set_result(None)
        conversation.changes.notify()

    def _update(self, message: Update, frame: bytes) -> None:
        """An update is in the effective document before it goes out: a connection lost meanwhile is renewed with it."""
        conversation = self._conversation
        if isinstance(message, UpdateThink) and self._merge is not None:
            merged = self._merge.think(message.think)
            if documents.agent_id(conversation.document) is None and merged != message.think:
                self._tell_clashes({"think": message.think})
                message = message.model_copy(update={"think": merged})
                frame = encode(message)
        elif isinstance(message, UpdateSpeak) and self._merge is not None:
            self._merge.check_speak(message.speak)
        conversation.document = _updated(conversation.document, message)
        if self._reconnecting:
            self._owed.append(ACKNOWLEDGED_BY[type(message)])
        else:
            self._send(message, frame)

    def _send(self, message: Message, frame: bytes) -> None:
        if self._takes_messages:
            self._pass_on(message, frame)
        elif len(self._held) < HELD_MESSAGES:
            self._held.append((message, frame))
        elif self._conversation.view is not None:
            self._conversation.view.warn("MESSAGE_DROPPED", f"{message.type} was dropped: too many wait for the upstream.")

    def _pass_on(self, message: Message, frame: bytes) -> None:
        conversation = self._conversation
        link = conversation.link
        if link is None:
            raise AssertionError("messages are passed on to a link that takes them")
        match message:
            case InjectUserMessage():
                conversation.tracker.user_said(message.content, self._loop.time(), injected=True)
            case InjectAgentMessage() if message.message:
                conversation.tracker.expect_own(message.message)
            case _:
                pass
        link.send(message, frame, by_client=True)
        conversation.count_message(message)

    def _tell_clashes(self, agent: Any) -> None:
        """Warn once of each function that the client declares and the profile has."""
        view = self._conversation.view
        if self._merge is None or view is None or not isinstance(agent, dict):
            return
        for name in self._merge.clashes(agent.get("think")):
            if name not in self._clashes_told:
                self._clashes_told.add(name)
                view.warn("FUNCTION_NAME_TAKEN", f"The agent has a function {name} of its own, which is called instead of yours.")


def _updated(document: dict[str, Any], message: Update) -> dict[str, Any]:
    """The effective document after an update, as the protocol reads it."""
    match message:
        case UpdatePrompt():
            return documents.append_prompt(document, message.prompt)
        case UpdateThink():
            return documents.with_agent(document, think=message.think)
        case UpdateSpeak():
            return documents.with_agent(document, speak=message.speak)
        case UpdateListen():
            return documents.with_listen_update(document, message.listen)
        case UpdateThinkLive():
            before = object_of(agent_of(document).get("think_live"))
            return documents.with_agent(document, think_live=documents.merge(before, message.think_live))
