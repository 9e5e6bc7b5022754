"""The messages of the Voice Agent protocol, both directions, as typed values; pure data, no I/O.

One class per wire type, named as on the wire where Python allows it (``Warn`` is ``Warning``). Fields that are not known here
are kept and go out again: the protocol grows between releases, and agentd passes on what it does not act upon.
Sources: Deepgram's asyncapi.yml, deepgram-sdk 7.17 ``agent/v1/types``, developers.deepgram.com "Voice Agent".
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from agentd.protocol.from_client import (
    CustomToThinkProvider,
    ForceEndTurn,
    InjectAgentMessage,
    InjectUserMessage,
    KeepAlive,
    Settings,
    UpdateListen,
    UpdatePrompt,
    UpdateSpeak,
    UpdateThink,
    UpdateThinkLive,
)
from agentd.protocol.from_server import (
    INFORMING,
    AgentAudioDone,
    AgentStartedSpeaking,
    AgentThinking,
    CancelledCall,
    ConversationText,
    CustomFromThinkProvider,
    EndOfTurn,
    Error,
    FrustrationDetected,
    FunctionCall,
    FunctionCallCancelled,
    FunctionCallRequest,
    History,
    HistoryCall,
    InjectionRefused,
    LatencyReport,
    ListenUpdated,
    PromptUpdated,
    SettingsApplied,
    SpeakUpdated,
    ThinkLiveUpdated,
    ThinkUpdated,
    UserStartedSpeaking,
    Warn,
    Welcome,
)
from agentd.protocol.shapes import Behavior, Block, FunctionCallResponse, Message, Part, Role, Unknown

__all__ = [
    "CLIENT_MESSAGES",
    "INFORMING",
    "SERVER_MESSAGES",
    "AgentAudioDone",
    "AgentStartedSpeaking",
    "AgentThinking",
    "Behavior",
    "Block",
    "CancelledCall",
    "ConversationText",
    "CustomFromThinkProvider",
    "CustomToThinkProvider",
    "EndOfTurn",
    "Error",
    "ForceEndTurn",
    "FrustrationDetected",
    "FunctionCall",
    "FunctionCallCancelled",
    "FunctionCallRequest",
    "FunctionCallResponse",
    "History",
    "HistoryCall",
    "InjectAgentMessage",
    "InjectUserMessage",
    "InjectionRefused",
    "KeepAlive",
    "LatencyReport",
    "ListenUpdated",
    "Message",
    "Part",
    "PromptUpdated",
    "Role",
    "Settings",
    "SettingsApplied",
    "SpeakUpdated",
    "ThinkLiveUpdated",
    "ThinkUpdated",
    "Unknown",
    "UpdateListen",
    "UpdatePrompt",
    "UpdateSpeak",
    "UpdateThink",
    "UpdateThinkLive",
    "UserStartedSpeaking",
    "Warn",
    "Welcome",
]


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
