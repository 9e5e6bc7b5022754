"""The client's state machine: order of messages, the barge-in gate, activity. No socket, no clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.protocol.client import GATE_REOPENS_AFTER_S, Activity, ClientPhase, ClientProtocol
from agentd.protocol.codec import LocalProtocolError
from agentd.protocol.messages import (
    AgentAudioDone,
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
    KeepAlive,
    Message,
    Settings,
    SettingsApplied,
    UserStartedSpeaking,
    Welcome,
)

SETTINGS = Settings.model_validate({"type": "Settings", "audio": {}, "agent": {}})
CALL = FunctionCall(id="c1", name="set_light", arguments="{}", client_side=True)


def ready() -> ClientProtocol:
    client = ClientProtocol()
    client.receive(Welcome(request_id="r"))
    client.send(SETTINGS)
    client.receive(SettingsApplied())
    return client


def test_settings_go_out_after_welcome_and_only_once() -> None:
    client = ClientProtocol()
    with pytest.raises(LocalProtocolError, match="Settings"):
        client.send(SETTINGS)
    client.receive(Welcome(request_id="r"))
    client.send(SETTINGS)
    with pytest.raises(LocalProtocolError, match="settling"):
        client.send(SETTINGS)


def test_nothing_but_settings_goes_out_before_they_are_applied() -> None:
    client = ClientProtocol()
    client.receive(Welcome(request_id="r"))
    with pytest.raises(LocalProtocolError, match="KeepAlive"):
        client.send(KeepAlive())


def test_after_a_barge_in_late_audio_of_the_cut_reply_is_not_heard() -> None:
    client = ready()
    assert client.receive_audio(1.0)
    client.receive(UserStartedSpeaking())
    assert not client.receive_audio(1.02)
    client.receive(ConversationText(role="assistant", content="late text of the cut reply"))
    assert not client.receive_audio(1.04)


@pytest.mark.parametrize(
    "opener",
    [
        ConversationText(role="user", content="stop"),
        EndOfTurn(trigger="model"),
        AgentThinking(content=""),
        FunctionCallRequest(functions=[CALL]),
        AgentAudioDone(),
    ],
    ids=lambda message: message.type,
)
def test_the_gate_opens_at_what_begins_the_next_reply(opener: Message) -> None:
    client = ready()
    client.receive_audio(1.0)
    client.receive(UserStartedSpeaking())
    client.receive(opener)
    assert client.receive_audio(1.1)


def test_the_gate_opens_at_our_own_injection_and_after_a_pause_without_frames() -> None:
    client = ready()
    client.receive_audio(1.0)
    client.receive(UserStartedSpeaking())
    client.send(InjectAgentMessage(message="hello"))
    assert client.receive_audio(1.1)
    client.receive(UserStartedSpeaking())
    assert not client.receive_audio(1.2)
    assert client.receive_audio(1.2 + GATE_REOPENS_AFTER_S)


def test_activity_follows_a_turn_on_what_every_upstream_sends() -> None:
    client = ready()
    seen = [client.activity]
    client.receive(UserStartedSpeaking())
    seen.append(client.activity)
    client.receive(ConversationText(role="user", content="hi"))
    seen.append(client.activity)
    client.receive(ConversationText(role="assistant", content="hello"))
    client.receive_audio(2.0)
    seen.append(client.activity)
    client.receive(AgentAudioDone())
    seen.append(client.activity)
    client.playback_ended()
    seen.append(client.activity)
    assert seen == [Activity.IDLE, Activity.LISTENING, Activity.THINKING, Activity.SPEAKING, Activity.SPEAKING, Activity.IDLE]


def test_a_noise_that_never_became_words_leaves_the_agent_idle() -> None:
    client = ready()
    client.receive(UserStartedSpeaking())
    client.nothing_said()
    assert (client.activity, client.user_speaking) == (Activity.IDLE, False)


def test_an_injected_text_makes_the_agent_think() -> None:
    client = ready()
    client.send(InjectUserMessage(content="hi"))
    assert client.activity is Activity.THINKING


def test_a_call_is_open_until_it_is_answered_or_cancelled() -> None:
    client = ready()
    other = FunctionCall(id="c2", name="set_light", arguments="{}", client_side=True)
    elsewhere = FunctionCall(id="c3", name="lookup", arguments="{}", client_side=False)
    client.receive(FunctionCallRequest(functions=[CALL, other, elsewhere]))
    assert set(client.open_calls) == {"c1", "c2"}
    client.send(FunctionCallResponse(id="c1", name="set_light", content="ok"))
    client.receive(
        FunctionCallCancelled.model_validate({"type": "FunctionCallCancelled", "functions": [{"id": "c2", "name": "x"}]})
    )
    assert not client.open_calls


def test_an_error_of_the_upstream_ends_sending() -> None:
    client = ready()
    client.receive(Error(description="over", code="INTERNAL_SERVER_ERROR"))
    assert client.phase is ClientPhase.FAILED
    with pytest.raises(LocalProtocolError):
        client.send(KeepAlive())


ANY_MESSAGE = st.sampled_from(
    [
        Welcome(request_id="r"),
        SettingsApplied(),
        UserStartedSpeaking(),
        ConversationText(role="user", content="a"),
        ConversationText(role="assistant", content="b"),
        AgentAudioDone(),
        FunctionCallRequest(functions=[CALL]),
        Error(description="", code="X"),
    ]
)


@given(st.lists(ANY_MESSAGE | st.just(b"audio"), max_size=40))
def test_no_order_of_frames_breaks_the_machine_or_revives_a_failed_connection(frames: list[Message | bytes]) -> None:
    client, failed = ClientProtocol(), False
    for i, frame in enumerate(frames):
        if isinstance(frame, bytes):
            client.receive_audio(float(i))
        else:
            client.receive(frame)
            failed = failed or isinstance(frame, Error)
        assert not failed or client.phase is ClientPhase.FAILED
