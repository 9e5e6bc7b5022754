"""What a server of the Voice Agent protocol sends; FunctionCallResponse, which goes both ways, is in ``shapes``."""

from typing import Any, Final, Literal, Self

from pydantic import StrictBool, StrictFloat, StrictInt, model_validator

from agentd.protocol.shapes import ArgumentsText, Message, Part, Role


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


INFORMING: Final = frozenset(
    {"LANGUAGE_NOT_SUPPORTED", "LISTEN_MODEL_MAPPED", "THINK_MODEL_MAPPED", "THINK_PROVIDER_MAPPED", "VOICE_MAPPED"}
)
"""Codes of the embedded engine's Warnings that only say what it uses instead of what the Settings name: nothing went wrong."""


class EndOfTurn(Message):
    """The user's turn is over; undocumented, seen from the real server with trigger model, manual or timeout."""

    type: Literal["EndOfTurn"] = "EndOfTurn"
    trigger: str = ""
