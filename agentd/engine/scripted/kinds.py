"""The kinds of steps: what the peer does, one thing each.

Texts of ``say``, ``raw``, ``arguments``, ``result``, ``refuse``, ``history``, ``thinking`` and ``description`` may hold
``{text}`` (what the user said last), ``{result}`` (the last function result), ``{prompt}`` (the prompt in force), ``{voice}``
(the speak model) and ``{context}`` (texts of ``agent.context.messages``, joined by " | ").
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from agentd.engine.scripted.shapes import Part, Seconds, ServerType, filled, unknown_key
from agentd.engine.scripted.sound import read_recording
from agentd.protocol.messages import LatencyReport

CloseCode = Annotated[int, Field(ge=1000, le=4999)]


class Say(Part):
    """Speak: ConversationText, and audio, which is a tone or a recording; one of the two may be left out."""

    say: str | None = None
    audio_s: float | None = Field(default=None, ge=0, le=3600)
    """Length of the tone."""
    audio_file: str | None = None
    """A WAV file, relative to the script; it is converted to what the client asked for."""
    realtime: bool = False
    """Send the audio no faster than it plays, so that a barge-in finds some of it unsent."""
    first_audio_after_s: Seconds = 0
    """Pause between the text and the first audio."""
    jitter_s: float = Field(default=0, ge=0, le=60)
    """With ``realtime``: each frame is late by a random part of this, the same at every run (see ``seed``)."""
    frame_bytes: int | None = Field(default=None, ge=1, le=65536)
    """Size of the binary frames; odd ones split samples. Left out: 0.1 s each."""
    late_s: float = Field(default=0, ge=0, le=10)
    """When the user cuts this speech, so much more audio of it comes after UserStartedSpeaking."""
    done: bool = True
    """False: no AgentAudioDone for this speech."""
    latency: dict[str, float] | None = None
    """Fields of the LatencyReport that goes with this speech; AgentStartedSpeaking tells the same."""

    _recording: bytes = PrivateAttr(default=b"")

    @field_validator("latency")
    @classmethod
    def _known_latencies(cls, value: dict[str, float] | None) -> dict[str, float] | None:
        known = [name for name in LatencyReport.model_fields if name != "type"]
        for name in value or ():
            if name not in known:
                raise unknown_key(name, known)
        return value

    @model_validator(mode="after")
    def _one_sound(self, info: ValidationInfo) -> "Say":
        if self.audio_file is not None:
            if self.audio_s is not None:
                raise PydanticCustomError("two_sounds", "either audio_s or audio_file, not both")
            folder = info.context if isinstance(info.context, Path) else Path()
            self._recording = read_recording(folder / self.audio_file)
        return self

    @property
    def recording(self) -> bytes:
        """The WAV file's bytes; empty without one."""
        return self._recording


class FunctionCallSpec(Part):
    """One function call of a request."""

    name: str
    arguments: dict[str, Any] | str = Field(default_factory=dict)
    """A text goes out as it is, well-formed JSON or not."""
    id: str | None = None
    """Generated when left out."""
    client_side: bool = True
    """False: the peer says it runs the function itself, and gives ``result`` as its response."""
    result: str = ""


class _Calling(Part):
    wait: bool | None = None
    """In rules, whether the next step waits for the answers (it does by default); a conversation expects them by a step."""
    within_s: Seconds | None = None
    """Of waiting: go on after so long without an answer."""


class Call(_Calling):
    """Ask for one function call."""

    call: str
    arguments: dict[str, Any] | str = Field(default_factory=dict)
    id: str | None = None
    client_side: bool = True
    result: str = ""

    @property
    def calls(self) -> tuple[FunctionCallSpec, ...]:
        """As a list of one."""
        spec = FunctionCallSpec(
            name=self.call, arguments=self.arguments, id=self.id, client_side=self.client_side, result=self.result
        )
        return (spec,)


class Calls(_Calling):
    """Ask for several function calls in one request."""

    calls: Annotated[tuple[FunctionCallSpec, ...], AfterValidator(filled)]


class Wait(Part):
    """Do nothing for so many seconds."""

    wait_s: Seconds


class Stall(Part):
    """Do nothing more; the idle limit, the client or the end of the session ends it."""

    stall: Literal[True]


class Drop(Part):
    """Abort the TCP connection."""

    drop: Literal[True]


class Close(Part):
    """Close the WebSocket with this code."""

    close: CloseCode
    reason: str = Field(default="the script closes the connection", max_length=120)


class SendError(Part):
    """Send an Error with this code, and close with 1011."""

    error: str
    description: str = ""
    hang: bool = False
    """Do not close, and do nothing more."""


class SendWarning(Part):
    """Send a Warning with this code."""

    warning: str
    description: str = ""


class Raw(Part):
    """Send this object, whatever it is."""

    raw: dict[str, Any]


class Text(Part):
    """Send this text frame, JSON or not."""

    text: str


class Binary(Part):
    """Send one binary frame: so many zero bytes, or these bytes in hexadecimal."""

    binary: Annotated[int, Field(ge=0, le=2**20)] | str

    @field_validator("binary")
    @classmethod
    def _is_hexadecimal(cls, value: int | str) -> int | str:
        if isinstance(value, str):
            try:
                bytes.fromhex(value)
            except ValueError:
                raise PydanticCustomError("not_hex", "a number of bytes, or hexadecimal digits in quotes") from None
        return value

    @property
    def data(self) -> bytes:
        """The frame."""
        return bytes(self.binary) if isinstance(self.binary, int) else bytes.fromhex(self.binary)


class Refuse(Part):
    """Send InjectionRefused with this message."""

    refuse: str


class Mute(Part):
    """From now on, leave out messages of this type, an acknowledgement for instance."""

    mute: ServerType


class Duplicate(Part):
    """From now on, send messages of this type twice."""

    duplicate: ServerType


class Interrupt(Part):
    """Act as if the user had begun to speak: UserStartedSpeaking."""

    interrupt: Literal[True]


class Cancel(Part):
    """Withdraw the open calls: FunctionCallCancelled."""

    cancel: Literal[True]


class Remember(Part):
    """Send History with this text."""

    history: str
    role: Literal["user", "assistant"] = "assistant"


class Think(Part):
    """Send AgentThinking with this content."""

    thinking: str
