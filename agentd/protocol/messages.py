"""The messages of the Voice Agent protocol, both directions, as typed values; pure data, no I/O.

One class per wire type, named as on the wire where Python allows it. Fields that are not known here are kept and go out
again: the protocol grows between releases, and agentd passes on what it does not act upon.
Sources: Deepgram's asyncapi.yml, deepgram-sdk 7.17 ``agent/v1/types``, developers.deepgram.com "Voice Agent".
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Self

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, StrictBool, StrictFloat, StrictInt, model_validator

Role = Literal["user", "assistant"]
Behavior = Literal["default", "queue", "interrupt"]
Block = dict[str, Any]
"""A part of a Settings document; ``settings.py`` knows its shape."""


def _arguments_text(value: object) -> object:
    """The arguments of a call as the JSON text the protocol promises; servers were seen to send the object itself."""
    if isinstance(value, str):
        return value
    if value is None:
        return "{}"
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError as error:  # orjson reads deeper nesting than it writes
        raise ValueError(f"cannot be written as JSON: {error}") from None


ArgumentsText = Annotated[str, BeforeValidator(_arguments_text)]


class Part(BaseModel):
    """An object inside a message. Immutable; unknown fields are kept."""

    model_config = ConfigDict(extra="allow", frozen=True)

    def wire(self) -> dict[str, Any]:
        """The JSON object as it goes out: declared fields first, optional ones that are None left out, extras kept."""
        fields = type(self).model_fields
        data = {name: _plain(value) for name, value in self.__dict__.items() if value is not None or fields[name].is_required()}
        if self.__pydantic_extra__:
            data.update(self.__pydantic_extra__)
        return data


def _plain(value: object) -> object:
    """A field's value as JSON."""
    if isinstance(value, Part):
        return value.wire()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


class Message(Part):
    """A text frame: an object with a ``type``."""

    type: str


class Unknown(Message):
    """A message of a type not listed here, or of a known type in a shape it should not have; kept whole."""


# --- both directions -----------------------------------------------------------------------------------------------


class FunctionCallResponse(Message):
    """The result of a call: the client's answer, the server's own result, or the echo of the client's answer."""

    type: Literal["FunctionCallResponse"] = "FunctionCallResponse"
    id: str | None = None
    name: str
    content: str


# --- client to server ----------------------------------------------------------------------------------------------


class Settings(Message):
    """The first message of a client. Its document stays a plain dict (``wire()``); ``settings.validate`` judges it."""

    type: Literal["Settings"] = "Settings"


class KeepAlive(Message):
    """Keeps the connection open while no audio is sent; never answered."""

    type: Literal["KeepAlive"] = "KeepAlive"


class UpdatePrompt(Message):
    """Adds to the prompt; acknowledged by PromptUpdated."""

    type: Literal["UpdatePrompt"] = "UpdatePrompt"
    prompt: str


class UpdateThink(Message):
    """Replaces the whole think block, functions and prompt included; acknowledged by ThinkUpdated."""

    type: Literal["UpdateThink"] = "UpdateThink"
    think: Block | list[Block]


class UpdateSpeak(Message):
    """Replaces the speak block; acknowledged by SpeakUpdated."""

    type: Literal["UpdateSpeak"] = "UpdateSpeak"
    speak: Block | list[Block]


class UpdateListen(Message):
    """Changes parts of the listen block: what is left out stays, except ``language_hints``; acknowledged by ListenUpdated."""

    type: Literal["UpdateListen"] = "UpdateListen"
    listen: Block


class UpdateThinkLive(Message):
    """Changes Think Live (invite only); acknowledged by ThinkLiveUpdated."""

    type: Literal["UpdateThink_Live"] = "UpdateThink_Live"
    think_live: Block


class InjectUserMessage(Message):
    """A text the agent answers as if the user had said it."""

    type: Literal["InjectUserMessage"] = "InjectUserMessage"
    content: str


class InjectAgentMessage(Message):
    """A text the agent speaks; with ``is_dynamic`` Think Live words it and there is no ``message``."""

    type: Literal["InjectAgentMessage"] = "InjectAgentMessage"
    message: str = ""
    behavior: Behavior = "default"
    is_dynamic: StrictBool = False

    @model_validator(mode="before")
    @classmethod
    def _accept_content(cls, data: Any) -> Any:
        """Takes the text from ``content`` too: Deepgram's migration guide shows it so (deepgram-js-sdk issue 463)."""
        if isinstance(data, dict) and "message" not in data and "content" in data:
            data = {("message" if key == "content" else key): value for key, value in data.items()}
        return data

    @model_validator(mode="after")
    def _needs_words(self) -> Self:
        if not self.is_dynamic and "message" not in self.model_fields_set:
            raise ValueError("`message` is required unless `is_dynamic` is true")
        return self

    def wire(self) -> dict[str, Any]:
        data = super().wire()
        del data["message" if self.is_dynamic else "is_dynamic"]
        return data


class ForceEndTurn(Message):
    """Ends the user's turn now (listen v2 only)."""

    type: Literal["ForceEndTurn"] = "ForceEndTurn"


class CustomToThinkProvider(Message):
    """Any JSON for a custom think provider."""

    type: Literal["__customToThinkProvider"] = "__customToThinkProvider"
    content: Any


# --- server to client ----------------------------------------------------------------------------------------------


class Welcome(Message):
    """The connection is open; ``request_id`` is what Deepgram's support asks for."""

    type: Literal["Welcome"] = "Welcome"
    request_id: str


class SettingsApplied(Message):
    """The Settings are in force."""

    type: Literal["SettingsApplied"] = "SettingsApplied"


class ConversationText(Message):
    """Something said: a confirmed turn of the user, or a sentence of the agent."""

    type: Literal["ConversationText"] = "ConversationText"
    role: Role
    content: str
    conversational_behavior: str = "default"
    languages_hinted: list[str] | None = None
    languages: list[str] | None = None


class UserStartedSpeaking(Message):
    """The user began to speak: stop playback and throw away buffered agent audio."""

    type: Literal["UserStartedSpeaking"] = "UserStartedSpeaking"


class AgentThinking(Message):
    """A thought that is not spoken."""

    type: Literal["AgentThinking"] = "AgentThinking"
    content: str


class FunctionCall(Part):
    """One call the model wants made.

    ``arguments`` is JSON text and may be malformed. A request that does not say who runs it is taken as ours to answer:
    nobody else would, and the conversation would hang.
    """

    id: str
    name: str
    arguments: ArgumentsText = "{}"
    client_side: StrictBool = True
    thought_signature: str | None = None


class FunctionCallRequest(Message):
    """Calls to make; those with ``client_side`` are the client's to answer, each by its own FunctionCallResponse."""

    type: Literal["FunctionCallRequest"] = "FunctionCallRequest"
    functions: list[FunctionCall]


class CancelledCall(Part):
    """A call that is no longer wanted."""

    id: str
    name: str


class FunctionCallCancelled(Message):
    """The user spoke again: stop these calls and answer none of them."""

    type: Literal["FunctionCallCancelled"] = "FunctionCallCancelled"
    functions: list[CancelledCall]


class AgentStartedSpeaking(Message):
    """The first audio of a reply; latencies in seconds, 0.0 where unknown (deepgram-sdk 4.8 dies when one is missing)."""

    type: Literal["AgentStartedSpeaking"] = "AgentStartedSpeaking"
    total_latency: StrictFloat = 0.0
    tts_latency: StrictFloat = 0.0
    ttt_latency: StrictFloat = 0.0


class AgentAudioDone(Message):
    """The last audio of a reply was sent; the user may still be hearing it."""

    type: Literal["AgentAudioDone"] = "AgentAudioDone"


class LatencyReport(Message):
    """Latencies of a turn in seconds; real servers send several with one value each."""

    type: Literal["LatencyReport"] = "LatencyReport"
    stt_latency: StrictFloat | None = None
    ttt_token_latency: StrictFloat | None = None
    ttt_text_latency: StrictFloat | None = None
    ttt_tool_latency: StrictFloat | None = None
    ttt_thinking_latency: StrictFloat | None = None
    tts_latency: StrictFloat | None = None
    total_latency: StrictFloat | None = None


class PromptUpdated(Message):
    """Answers UpdatePrompt."""

    type: Literal["PromptUpdated"] = "PromptUpdated"


class ThinkUpdated(Message):
    """Answers UpdateThink."""

    type: Literal["ThinkUpdated"] = "ThinkUpdated"


class SpeakUpdated(Message):
    """Answers UpdateSpeak."""

    type: Literal["SpeakUpdated"] = "SpeakUpdated"


class ListenUpdated(Message):
    """Answers UpdateListen."""

    type: Literal["ListenUpdated"] = "ListenUpdated"


class ThinkLiveUpdated(Message):
    """Answers UpdateThink_Live."""

    type: Literal["ThinkLiveUpdated"] = "ThinkLiveUpdated"


class InjectionRefused(Message):
    """An InjectAgentMessage came at a moment its behavior does not allow."""

    type: Literal["InjectionRefused"] = "InjectionRefused"
    message: str = ""


class HistoryCall(Part):
    """A finished call as history tells it."""

    id: str
    name: str
    client_side: StrictBool = True
    arguments: ArgumentsText = "{}"
    response: str
    thought_signature: str | None = None


class History(Message):
    """One entry of the conversation's history, in the shape ``agent.context.messages`` takes: words, or finished calls."""

    type: Literal["History"] = "History"
    role: Role | None = None
    content: str | None = None
    function_calls: list[HistoryCall] | None = None

    @model_validator(mode="after")
    def _one_shape(self) -> Self:
        if self.function_calls is None and (self.role is None or self.content is None):
            raise ValueError("needs `role` and `content`, or `function_calls`")
        return self


class FrustrationDetected(Message):
    """Think Live counts signs of frustration, from 1."""

    type: Literal["FrustrationDetected"] = "FrustrationDetected"
    count: StrictInt
    escalated: StrictBool


class CustomFromThinkProvider(Message):
    """Any JSON from a custom think provider."""

    type: Literal["__customFromThinkProvider"] = "__customFromThinkProvider"
    content: Any


class Error(Message):
    """Fatal: the session ends. Read even when incomplete, for what it means does not depend on its text."""

    type: Literal["Error"] = "Error"
    description: str = ""
    code: str = ""


class Warn(Message):
    """Type ``Warning``: something went wrong and the session goes on."""

    type: Literal["Warning"] = "Warning"
    description: str = ""
    code: str = ""


class EndOfTurn(Message):
    """The user's turn is over; undocumented, seen from the real server with trigger model, manual or timeout."""

    type: Literal["EndOfTurn"] = "EndOfTurn"
    trigger: str = ""


def _by_type(*classes: type[Message]) -> Mapping[str, type[Message]]:
    return MappingProxyType({cls.model_fields["type"].default: cls for cls in classes})


CLIENT_MESSAGES: Final = _by_type(
    Settings,
    KeepAlive,
    UpdatePrompt,
    UpdateThink,
    UpdateSpeak,
    UpdateListen,
    UpdateThinkLive,
    InjectUserMessage,
    InjectAgentMessage,
    FunctionCallResponse,
    ForceEndTurn,
    CustomToThinkProvider,
)
"""What a client may send, by wire type."""

SERVER_MESSAGES: Final = _by_type(
    Welcome,
    SettingsApplied,
    ConversationText,
    UserStartedSpeaking,
    AgentThinking,
    FunctionCallRequest,
    FunctionCallResponse,
    FunctionCallCancelled,
    AgentStartedSpeaking,
    AgentAudioDone,
    LatencyReport,
    PromptUpdated,
    ThinkUpdated,
    SpeakUpdated,
    ListenUpdated,
    ThinkLiveUpdated,
    InjectionRefused,
    History,
    FrustrationDetected,
    CustomFromThinkProvider,
    Error,
    Warn,
    EndOfTurn,
)
"""What a server may send, by wire type."""
