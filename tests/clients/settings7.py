"""The Settings of the clients on the current SDK, in the SDK's own types."""

from deepgram import DeepgramClientEnvironment
from deepgram.agent.v1.types import (
    AgentV1Settings,
    AgentV1SettingsAgent,
    AgentV1SettingsAgentListen,
    AgentV1SettingsAgentListenProvider_V1,
    AgentV1SettingsAudio,
    AgentV1SettingsAudioInput,
    AgentV1SettingsAudioOutput,
)
from deepgram.types import (
    SpeakSettingsV1,
    SpeakSettingsV1Provider_Deepgram,
    ThinkSettingsV1,
    ThinkSettingsV1FunctionsItem,
    ThinkSettingsV1Provider_OpenAi,
)

from tests.clients import plan


def environment(base: str) -> DeepgramClientEnvironment:
    """The SDK's four addresses, all on one server: how its users point it elsewhere."""
    http = base.replace("ws", "http", 1)
    return DeepgramClientEnvironment(base=http, production=base, agent=base, agent_rest=http)


def settings() -> AgentV1Settings:
    """Of the conversation about lamps."""
    return AgentV1Settings(
        audio=AgentV1SettingsAudio(
            input=AgentV1SettingsAudioInput(encoding="linear16", sample_rate=plan.RATE),
            output=AgentV1SettingsAudioOutput(encoding="linear16", sample_rate=plan.OUTPUT_RATE, container="none"),
        ),
        agent=AgentV1SettingsAgent(
            listen=AgentV1SettingsAgentListen(
                provider=AgentV1SettingsAgentListenProvider_V1(type="deepgram", model="nova-3", smart_format=True)
            ),
            think=ThinkSettingsV1(
                provider=ThinkSettingsV1Provider_OpenAi(model="gpt-4o-mini", temperature=1.0),
                prompt=plan.PROMPT,
                functions=[ThinkSettingsV1FunctionsItem(**plan.FUNCTION)],
            ),
            speak=SpeakSettingsV1(provider=SpeakSettingsV1Provider_Deepgram(model="aura-2-thalia-en")),
            greeting=plan.GREETING,
        ),
    )
