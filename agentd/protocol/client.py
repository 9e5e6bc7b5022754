"""The client's side of one Voice Agent connection, as a pure state machine.

It knows in which order messages come and go, which function calls are open, what the agent is doing and
whether agent audio may be heard. It has no socket and no clock: the caller passes ``now`` (monotonic seconds).
What the real server does decides: the activity rests only on what every upstream sends; AgentThinking,
AgentStartedSpeaking and EndOfTurn refine it and are never needed.
"""

from enum import StrEnum
from typing import Final

from agentd.protocol.codec import LocalProtocolError
from agentd.protocol.messages import (
    AgentAudioDone,
    AgentStartedSpeaking,
    AgentThinking,
    ConversationText,
    EndOfTurn,
    Error,
    FunctionCall,
    FunctionCallCancelled,
    FunctionCallRequest,
    FunctionCallResponse,
    InjectAgentMessage,
    InjectUserMessage,
    Message,
    Settings,
    SettingsApplied,
    UserStartedSpeaking,
    Welcome,
)

GATE_REOPENS_AFTER_S: Final = 0.7
"""After a barge-in, binary frames of the cut reply come late; a pause of this length means they are through."""


class ClientPhase(StrEnum):
    """Where the connection stands."""

    OPENING = "opening"  # connected, Welcome has not come
    WELCOMED = "welcomed"  # Settings may go out
    SETTLING = "settling"  # Settings are out, SettingsApplied has not come
    READY = "ready"
    FAILED = "failed"  # the upstream sent Error: it closes soon


class Activity(StrEnum):
    """What the conversation is doing."""

    IDLE = "idle"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"


class ClientProtocol:
    """State of one connection; feed it every frame in order.

    Attributes:
        phase: see ``ClientPhase``.
        activity: see ``Activity``; ``playback_ended`` is the caller's to report, since playback is the client's clock.
        open_calls: client-side function calls without an answer, by id.
        user_speaking: an utterance has begun and is not confirmed as text.
    """

    def __init__(self) -> None:
        self.phase = ClientPhase.OPENING
        self.activity = Activity.IDLE
        self.open_calls: dict[str, FunctionCall] = {}
        self.user_speaking = False
        self._gate_open = True
        self._last_audio_at: float | None = None

    def send(self, message: Message) -> None:
        """Note that ``message`` goes out now.

        Raises:
            LocalProtocolError: Settings twice or before Welcome, or anything else before SettingsApplied
                (Deepgram docs, "Voice Agent Message Flow").
        """
        if isinstance(message, Settings):
            if self.phase is not ClientPhase.WELCOMED:
                raise LocalProtocolError(f"Settings may not be sent while {self.phase}")
            self.phase = ClientPhase.SETTLING
            return
        if self.phase is not ClientPhase.READY:
            raise LocalProtocolError(f"{message.type} may not be sent while {self.phase}")
        match message:
            case FunctionCallResponse():
                if message.id is not None:
                    self.open_calls.pop(message.id, None)
            case InjectAgentMessage():
                self._gate_open = True
            case InjectUserMessage():
                self.user_speaking = False
                self.activity = Activity.THINKING
            case _:
                pass

    def receive(self, message: Message) -> None:  # noqa: C901, PLR0912 - the table of messages, best read in one piece
        """Take one text frame of the upstream into the state."""
        match message:
            case Welcome():
                if self.phase is ClientPhase.OPENING:
                    self.phase = ClientPhase.WELCOMED
            case SettingsApplied():
                if self.phase is ClientPhase.SETTLING:
                    self.phase = ClientPhase.READY
            case Error():
                self.phase = ClientPhase.FAILED
            case UserStartedSpeaking():
                self.user_speaking = True
                self.activity = Activity.LISTENING
                self._gate_open = False
            case ConversationText(role="user"):
                self.user_speaking = False
                self._think()
            case EndOfTurn() | AgentThinking():
                self._think()
            case FunctionCallRequest():
                self._gate_open = True
                self.open_calls |= {call.id: call for call in message.functions if call.client_side}
            case FunctionCallCancelled():
                for call in message.functions:
                    self.open_calls.pop(call.id, None)
            case AgentStartedSpeaking() | AgentAudioDone():
                self._gate_open = True
            case _:
                pass

    def receive_audio(self, now: float) -> bool:
        """Take one binary frame; True when it may be heard, False when it belongs to a reply that was cut."""
        if self._last_audio_at is None or now - self._last_audio_at >= GATE_REOPENS_AFTER_S:
            self._gate_open = True
        self._last_audio_at = now
        if not self._gate_open:
            return False
        self.activity = Activity.SPEAKING
        return True

    def playback_ended(self) -> None:
        """What was received has been played out."""
        if self.activity is Activity.SPEAKING:
            self.activity = Activity.IDLE

    def nothing_said(self) -> None:
        """The utterance that had begun never became words: it was a noise."""
        self.user_speaking = False
        if self.activity is Activity.LISTENING:
            self.activity = Activity.IDLE

    def interrupt(self) -> None:
        """Our own barge-in: what still comes of this reply is not heard."""
        self._gate_open = False
        if self.activity is Activity.SPEAKING:
            self.activity = Activity.IDLE

    def turn_ended(self) -> None:
        """The turn is over without speech to wait for."""
        if self.activity is Activity.THINKING:
            self.activity = Activity.IDLE

    def _think(self) -> None:
        self._gate_open = True
        if self.activity is not Activity.SPEAKING:
            self.activity = Activity.THINKING
