"""The server's side of one conversation: what may be received and sent, and when; pure, no socket and no clock.

    AWAITING_SETTINGS ──receive(Settings)──► READY
            │                                  │
            └──send(Error), close()──► CLOSED ◄┘

The engine and the scripted peer drive it. For every frame that comes in they call ``receive`` or ``receive_audio``; on a
``ProtocolError`` they MUST send ``error_message(error)`` and close the connection. Everything that goes out passes ``send``.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Literal

from agentd.errors import FieldError
from agentd.protocol import codec, settings
from agentd.protocol.codec import Frame, LocalProtocolError, ProtocolError
from agentd.protocol.messages import (
    CancelledCall,
    Error,
    FunctionCall,
    FunctionCallCancelled,
    FunctionCallRequest,
    FunctionCallResponse,
    Message,
    Settings,
    SettingsApplied,
    UpdateListen,
    UpdateSpeak,
    UpdateThink,
    UpdateThinkLive,
    Warn,
    Welcome,
)

Answer = Literal["matched", "duplicate", "unknown", "cancelled"]
"""What a client's FunctionCallResponse turned out to be."""

_SETTLED_KEPT: Final = 1024
"""Ids of settled calls remembered per conversation: late answers come within seconds, conversations last two hours."""

_FAULTS_TOLD: Final = 10


class ServerPhase(StrEnum):
    """Where a conversation stands."""

    AWAITING_SETTINGS = "awaiting_settings"
    READY = "ready"
    CLOSED = "closed"


def error_message(error: ProtocolError) -> Error:
    """The fatal ``Error`` that tells the client how it broke the protocol."""
    return Error(description=error.description, code=error.code)


class ServerProtocol:
    """Keeps the order of one conversation and its open function calls.

    Args:
        faults: judges the document of ``Settings``; the engine adds what it cannot hear or speak.
    """

    def __init__(self, *, faults: Callable[[dict[str, Any]], list[FieldError]] = settings.validate) -> None:
        self._faults = faults
        self._phase = ServerPhase.AWAITING_SETTINGS
        self._welcomed = False
        self._applied = False
        self._open: dict[str, FunctionCall] = {}
        self._settled: dict[str, Answer] = {}
        self._settings: dict[str, Any] = {}
        self.open_calls: Mapping[str, FunctionCall] = MappingProxyType(self._open)
        """Calls the client was asked for and has neither answered nor lost, by id, oldest first."""

    @property
    def phase(self) -> ServerPhase:
        """Where the conversation stands."""
        return self._phase

    def welcome(self, request_id: str) -> Welcome:
        """The first message; pass it to ``send`` before anything else."""
        return Welcome(request_id=request_id)

    def receive(self, frame: Frame) -> Message:
        """Read a client's text frame.

        Clients send Settings before they have seen Welcome (deepgram-sdk 4.8 and the 7.17 README): that is no fault.

        Raises:
            ProtocolError: the client is at fault; the conversation cannot go on.
            LocalProtocolError: the conversation is over.
        """
        self._require_open("receive")
        message = codec.parse_client(frame)
        if isinstance(message, Settings):
            self._begin(message)
        elif self._phase is ServerPhase.AWAITING_SETTINGS:
            raise ProtocolError(
                "NON_SETTINGS_MESSAGE_BEFORE_SETTINGS", f"The first message must be Settings, but it was {message.type}."
            )
        else:
            require_valid(f"{message.type} is not valid", self._update_faults(message))
        return message

    def receive_audio(self) -> None:
        """Note a client's binary frame.

        Raises:
            ProtocolError: audio came before Settings.
            LocalProtocolError: the conversation is over.
        """
        self._require_open("receive audio")
        if self._phase is ServerPhase.AWAITING_SETTINGS:
            raise ProtocolError("NON_SETTINGS_MESSAGE_BEFORE_SETTINGS", "The first message must be Settings, but it was audio.")

    def send(self, message: Message) -> bytes:
        """The frame of a message to the client, once it is clear that it may go out now.

        Welcome comes first and once. Until SettingsApplied, which comes once, only Warning and Error may go. After an Error
        the conversation is over.

        Raises:
            LocalProtocolError: the message has no place here, or asks for a call whose id is already open.
        """
        self._require_open(f"send {message.type}")
        if isinstance(message, Welcome) == self._welcomed:
            raise LocalProtocolError(f"cannot send {message.type}: Welcome is sent first and once")
        if isinstance(message, SettingsApplied):
            if self._applied or self._phase is not ServerPhase.READY:
                raise LocalProtocolError("cannot send SettingsApplied: it answers Settings, once")
        elif not self._applied and not isinstance(message, Welcome | Warn | Error):
            raise LocalProtocolError(f"cannot send {message.type} before SettingsApplied")
        if isinstance(message, FunctionCallRequest):
            self._require_new(message)
        frame = codec.encode(message)
        self._note_sent(message)
        return frame

    def answer(self, response: FunctionCallResponse) -> Answer:
        """Match a client's answer with an open call and settle it.

        An answer without an id, which the schema allows, goes to the oldest open call of its name.
        """
        call_id = response.id
        if call_id is None:
            call_id = next((call.id for call in self._open.values() if call.name == response.name), None)
            if call_id is None:
                return "unknown"
        if self._open.pop(call_id, None) is None:
            return self._settled.get(call_id, "unknown")
        self._settle(call_id, "duplicate")
        return "matched"

    def cancel_open_calls(self) -> FunctionCallCancelled | None:
        """Withdraw every open call, because the user spoke again; the message that tells the client, for ``send``."""
        if not self._open:
            return None
        calls = [CancelledCall(id=call.id, name=call.name) for call in self._open.values()]
        for call in calls:
            self._settle(call.id, "cancelled")
        self._open.clear()
        return FunctionCallCancelled(functions=calls)

    def close(self) -> None:
        """The connection is gone, from whichever side; nothing comes or goes any more."""
        self._phase = ServerPhase.CLOSED

    def _begin(self, message: Settings) -> None:
        if self._phase is ServerPhase.READY:
            raise ProtocolError("SETTINGS_ALREADY_APPLIED", "Settings may be sent once; use the Update messages to change them.")
        document = message.wire()
        require_valid("The Settings are not valid", self._faults(document))
        self._settings = document
        self._phase = ServerPhase.READY

    def _update_faults(self, message: Message) -> list[FieldError]:
        match message:
            case UpdateThink():
                return settings.block_faults("think", message.think, "/think")
            case UpdateSpeak():
                return settings.block_faults("speak", message.speak, "/speak")
            case UpdateListen():  # partial: it can be judged only together with what it leaves out
                updated = settings.with_listen_update(self._settings, message.listen)
                faults = settings.block_faults("listen", settings.listen_block(updated), "/listen")
                self._settings = self._settings if faults else updated
                return faults
            case UpdateThinkLive():
                return settings.block_faults("think_live", message.think_live, "/think_live")
            case _:
                return []

    def _note_sent(self, message: Message) -> None:
        match message:
            case Welcome():
                self._welcomed = True
            case SettingsApplied():
                self._applied = True
            case Error():
                self.close()
            case FunctionCallRequest():
                for call in message.functions:
                    if call.client_side:
                        self._settled.pop(call.id, None)
                        self._open[call.id] = call
            case _:
                pass

    def _require_new(self, request: FunctionCallRequest) -> None:
        asked = [call.id for call in request.functions if call.client_side]
        taken = {call_id for call_id in asked if call_id in self._open or asked.count(call_id) > 1}
        if taken:
            raise LocalProtocolError(f"cannot send FunctionCallRequest: calls already open: {', '.join(sorted(taken))}")

    def _settle(self, call_id: str, later_answers_are: Answer) -> None:
        self._settled[call_id] = later_answers_are
        if len(self._settled) > _SETTLED_KEPT:
            del self._settled[next(iter(self._settled))]

    def _require_open(self, what: str) -> None:
        if self._phase is ServerPhase.CLOSED:
            raise LocalProtocolError(f"cannot {what}: the conversation is over")


def require_valid(what: str, faults: list[FieldError]) -> None:
    """Refuse a document for its faults.

    Args:
        what: what is wrong with it as a whole, as the beginning of a sentence.
        faults: each is told with its pointer, up to ten.

    Raises:
        ProtocolError: INVALID_SETTINGS, if there is any fault.
    """
    if faults:
        told = [f"{fault.pointer or '/'} {fault.detail}" for fault in faults[:_FAULTS_TOLD]]
        if len(faults) > _FAULTS_TOLD:
            told.append(f"and {len(faults) - _FAULTS_TOLD} more")
        raise ProtocolError("INVALID_SETTINGS", f"{what}: {'; '.join(told)}.")
