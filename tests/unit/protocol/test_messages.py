"""Messages as values: what goes out, what is filled in, and that nobody changes them on the way."""

import pytest
from pydantic import ValidationError

from agentd.protocol.messages import (
    AgentStartedSpeaking,
    ConversationText,
    CustomToThinkProvider,
    FunctionCall,
    FunctionCallRequest,
    FunctionCallResponse,
    History,
    HistoryCall,
    InjectAgentMessage,
    Unknown,
    Warn,
)


def test_what_is_not_set_is_left_out_and_what_clients_rely_on_is_always_there() -> None:
    assert ConversationText(role="user", content="hi").wire() == {
        "type": "ConversationText",
        "role": "user",
        "content": "hi",
        "conversational_behavior": "default",
    }
    assert AgentStartedSpeaking().wire() == {
        "type": "AgentStartedSpeaking",
        "total_latency": 0.0,
        "tts_latency": 0.0,
        "ttt_latency": 0.0,
    }
    assert FunctionCallRequest(functions=[FunctionCall(id="1", name="f")]).wire()["functions"] == [
        {"id": "1", "name": "f", "arguments": "{}", "client_side": True}
    ]
    assert "id" not in FunctionCallResponse(name="f", content="").wire()


def test_a_required_null_is_content_and_stays() -> None:
    assert CustomToThinkProvider(content=None).wire() == {"type": "__customToThinkProvider", "content": None}


def test_type_comes_first_and_unknown_fields_last() -> None:
    message = Unknown.model_validate({"b": 1, "type": "Strange", "a": None})
    assert list(message.wire().items()) == [("type", "Strange"), ("b", 1), ("a", None)]


def test_a_message_cannot_be_changed() -> None:
    message = Warn(description="d", code="c")
    with pytest.raises(ValidationError, match="frozen"):
        message.code = "other"  # type: ignore[misc]  # what this test is about


def test_a_dynamic_injection_goes_out_without_words_and_a_spoken_one_without_the_mark() -> None:
    assert InjectAgentMessage(is_dynamic=True, behavior="queue").wire() == {
        "type": "InjectAgentMessage",
        "behavior": "queue",
        "is_dynamic": True,
    }
    assert InjectAgentMessage(message="hi").wire() == {"type": "InjectAgentMessage", "message": "hi", "behavior": "default"}


def test_an_injection_with_both_fields_is_the_message_and_keeps_the_other() -> None:
    both = InjectAgentMessage.model_validate({"message": "this", "content": "that"})
    assert (both.message, both.wire()["content"]) == ("this", "that")


def test_arguments_that_are_no_json_text_become_json_text() -> None:
    def arguments(value: object) -> str:
        return FunctionCall.model_validate({"id": "1", "name": "f", "arguments": value}).arguments

    assert arguments('{"half') == '{"half'
    assert arguments({"room": "living room"}) == '{"room":"living room"}'
    assert arguments(None) == "{}"
    assert arguments([1]) == "[1]"


def test_history_is_words_or_calls_and_nothing_else() -> None:
    History(role="assistant", content="hi")
    History(function_calls=[HistoryCall(id="1", name="f", response="ok")])
    with pytest.raises(ValidationError, match="function_calls"):
        History(role="user")
    with pytest.raises(ValidationError, match="function_calls"):
        History()
