"""A session whose Settings, audio and messages come from a Voice Agent client of its own (the compatible endpoint).

Frames are passed on as they came; what they change is noted, so that the session can be renewed and steered.
"""

import asyncio
from typing import Final

from agentd.protocol import settings as documents
from agentd.protocol.codec import LocalProtocolError, ProtocolError, parse_client
from agentd.protocol.messages import (
    FunctionCallResponse,
    InjectUserMessage,
    Message,
    Settings,
    UpdateListen,
    UpdatePrompt,
    UpdateSpeak,
    UpdateThink,
)
from agentd.sessions.conversation import Conversation

EARLY_AUDIO_S: Final = 2.0
"""Audio held for a client that talks before SettingsApplied; the oldest is dropped beyond that."""


class ClientSide:
    """What the client sends.

    Attributes:
        settings_sent: done when the client's Settings went to the upstream.
    """

    def __init__(self, conversation: Conversation) -> None:
        self.settings_sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._conversation = conversation
        self._early = bytearray()

    def text(self, frame: bytes) -> None:
        """One text frame.

        Raises:
            ProtocolError: it is no message, or not one that may come now.
        """
        conversation = self._conversation
        message = parse_client(frame)
        if isinstance(message, Settings):
            if self.settings_sent.done():
                raise ProtocolError("SETTINGS_ALREADY_APPLIED", "Settings may be sent once.")
            conversation.adopt(message.wire())
        conversation.touch()
        link = conversation.link
        if link is None:
            return
        try:
            link.send(message, frame)
        except LocalProtocolError as error:
            raise ProtocolError("NON_SETTINGS_MESSAGE_BEFORE_SETTINGS", str(error)) from None
        self._note(message)
        if isinstance(message, Settings):
            self.settings_sent.set_result(None)
            conversation.changes.notify()

    def audio(self, frame: bytes) -> None:
        """User audio: straight on; before SettingsApplied at most two seconds are held."""
        conversation = self._conversation
        if conversation.link is not None and conversation.link.is_ready:
            conversation.feed.live(frame, asyncio.get_running_loop().time())
            return
        self._early += frame
        excess = len(self._early) - conversation.input_format.bytes_for(EARLY_AUDIO_S)
        if excess > 0:
            del self._early[:excess]

    def connected(self) -> None:
        """SettingsApplied came: pass on what was held."""
        if self._early:
            self._conversation.feed.live(bytes(self._early), asyncio.get_running_loop().time())
            self._early.clear()

    def _note(self, message: Message) -> None:
        conversation = self._conversation
        match message:
            case UpdatePrompt():
                conversation.document = documents.append_prompt(conversation.document, message.prompt)
            case UpdateThink():
                conversation.document = documents.merge(conversation.document, {"agent": {"think": message.wire()["think"]}})
            case UpdateSpeak():
                conversation.document = documents.merge(conversation.document, {"agent": {"speak": message.wire()["speak"]}})
            case UpdateListen():
                conversation.document = documents.with_listen_update(conversation.document, message.wire()["listen"])
            case InjectUserMessage():
                conversation.tracker.user_said(message.content, asyncio.get_running_loop().time(), injected=True)
            case FunctionCallResponse():
                conversation.answered(message)
            case _:
                pass
