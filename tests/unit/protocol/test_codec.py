"""Frames to messages and back: what is let through, what is refused, and that nothing gets lost."""

import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.protocol.codec import (
    UNPARSABLE_CLIENT_MESSAGE,
    UNPARSABLE_SERVER_MESSAGE,
    ProtocolError,
    encode,
    parse_client,
    parse_server,
)
from agentd.protocol.messages import (
    CLIENT_MESSAGES,
    SERVER_MESSAGES,
    CancelledCall,
    ConversationText,
    CustomToThinkProvider,
    FunctionCall,
    FunctionCallCancelled,
    FunctionCallRequest,
    FunctionCallResponse,
    History,
    HistoryCall,
    InjectAgentMessage,
    LatencyReport,
    Message,
    Settings,
    Unknown,
    Welcome,
)

text = st.text(st.characters(codec="utf-8"), max_size=20)
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(text, values, max_size=5)
wire_types = st.sampled_from([*SERVER_MESSAGES, *CLIENT_MESSAGES, "EndOfThought", "FunctionCalling", ""])


@given(objects, wire_types)
def test_any_object_of_a_server_is_a_message_that_keeps_every_field(data: dict[str, Any], wire_type: str) -> None:
    data = {**data, "type": wire_type}
    message = parse_server(orjson.dumps(data))
    assert message.type == wire_type
    written = message.wire()
    declared = set(type(message).model_fields)
    assert {key: value for key, value in written.items() if key not in declared} == {
        key: value for key, value in data.items() if key not in declared
    }
    if type(message) is Unknown:
        assert written == data


def _outcome(parse: Callable[[bytes], Message], frame: bytes) -> Message | ProtocolError:
    try:
        return parse(frame)
    except ProtocolError as error:
        return error


@given(st.binary(max_size=60) | text.map(str.encode) | values.map(orjson.dumps))
def test_no_frame_of_a_peer_raises_anything_but_a_protocol_error(frame: bytes) -> None:
    for parse, code in ((parse_server, UNPARSABLE_SERVER_MESSAGE), (parse_client, UNPARSABLE_CLIENT_MESSAGE)):
        outcome = _outcome(parse, frame)
        if isinstance(outcome, ProtocolError):
            assert outcome.code == code
            assert outcome.description


@given(objects, wire_types)
def test_no_object_of_a_client_is_read_as_another_type(data: dict[str, Any], wire_type: str) -> None:
    outcome = _outcome(parse_client, orjson.dumps({**data, "type": wire_type}))
    assert type(outcome) in (ProtocolError, CLIENT_MESSAGES.get(wire_type))


calls = st.builds(FunctionCall, id=text, name=text, arguments=text, client_side=st.booleans(), thought_signature=st.none() | text)
seconds = st.none() | st.floats(0, 100)
server_messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(Welcome, request_id=text),
    st.builds(ConversationText, role=st.sampled_from(["user", "assistant"]), content=text, languages=st.none() | st.lists(text)),
    st.builds(FunctionCallRequest, functions=st.lists(calls, max_size=3)),
    st.builds(FunctionCallCancelled, functions=st.lists(st.builds(CancelledCall, id=text, name=text), max_size=3)),
    st.builds(LatencyReport, stt_latency=seconds, tts_latency=seconds, total_latency=seconds),
    st.builds(History, role=st.sampled_from(["user", "assistant"]), content=text),
    st.builds(History, function_calls=st.lists(st.builds(HistoryCall, id=text, name=text, response=text), max_size=3)),
)
client_messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(FunctionCallResponse, id=st.none() | text, name=text, content=text),
    st.builds(InjectAgentMessage, message=text, behavior=st.sampled_from(["default", "queue", "interrupt"])),
    st.builds(CustomToThinkProvider, content=values),
    objects.map(lambda data: Settings.model_validate({**data, "type": "Settings"})),
)


@given(server_messages)
def test_a_message_of_a_server_is_read_as_it_was_written(message: Message) -> None:
    assert parse_server(encode(message)) == message


@given(client_messages)
def test_a_message_of_a_client_is_read_as_it_was_written(message: Message) -> None:
    assert parse_client(encode(message)) == message


def test_bytes_text_and_views_of_a_frame_are_read_alike() -> None:
    frame = b'{"type":"Welcome","request_id":"r"}'
    for same in (frame, frame.decode(), bytearray(frame), memoryview(frame)):
        assert parse_server(same) == Welcome(request_id="r")


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        ('{"type":"KeepAlive"', "not JSON"),
        ("", "not JSON"),
        ("null", "not a JSON object"),
        ('[{"type":"KeepAlive"}]', "not a JSON object"),
        ("{}", "no `type`"),
        ('{"type":null}', "no `type`"),
        ('{"type":"Welcome","request_id":"r"}', "Unknown message type 'Welcome'. Accepted: Settings, KeepAlive"),
        ('{"type":"InjectUserMessage"}', "InjectUserMessage: content: Field required"),
        ('{"type":"InjectAgentMessage","behavior":"queue"}', "`message` is required"),
        ('{"type":"InjectAgentMessage","message":"hi","behavior":"later"}', "'default', 'queue' or 'interrupt'"),
        ('{"type":"FunctionCallResponse","name":"f"}', "content: Field required"),
        ('{"type":"UpdateThink","think":"gpt"}', "UpdateThink: think"),
    ],
)
def test_a_client_is_told_what_was_wrong_with_its_frame(frame: str, says: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_client(frame)
    assert caught.value.code == "UNPARSABLE_CLIENT_MESSAGE"
    assert says in caught.value.description
    assert str(caught.value) == f"UNPARSABLE_CLIENT_MESSAGE: {caught.value.description}"


def test_a_fault_does_not_repeat_what_the_client_sent() -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_client('{"type":"UpdatePrompt","prompt":["my secret"]}')
    assert "secret" not in caught.value.description


def test_a_client_with_very_many_faults_is_told_a_few_and_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentd.protocol.codec._FAULTS_TOLD", 1)
    with pytest.raises(ProtocolError, match=r"name: Field required; and 1 more"):
        parse_client('{"type":"FunctionCallResponse"}')


@pytest.mark.parametrize(
    "data",
    [
        {"type": "ConversationText", "role": "narrator", "content": "x"},
        {"type": "FunctionCallRequest", "functions": {"id": "1"}},
        {"type": "FunctionCallRequest", "functions": [{"id": 1, "name": "f"}]},
        {"type": "History", "role": "user"},
        {"type": "LatencyReport", "stt_latency": "fast"},
        {"type": "Welcome"},
    ],
)
def test_a_known_type_in_a_wrong_shape_is_kept_whole_as_unknown(data: dict[str, Any]) -> None:
    message = parse_server(json.dumps(data))
    assert type(message) is Unknown
    assert message.wire() == data


@pytest.mark.parametrize("parse", [parse_server, parse_client])
def test_a_frame_nested_absurdly_deep_is_refused_before_anything_recurses_into_it(
    parse: Callable[[str], Message],
) -> None:
    def frame(levels: int) -> str:
        return f'{{"type":"Settings","later":{"[" * (levels - 1)}{"]" * (levels - 1)}}}'

    assert parse(frame(100)).type == "Settings"
    for levels in (101, 900):
        with pytest.raises(ProtocolError, match="deeper than 100 levels"):
            parse(frame(levels))


def test_a_long_flat_frame_is_no_deep_one() -> None:
    assert parse_server(orjson.dumps({"type": "Strange", "items": [{"n": n} for n in range(1000)]})).type == "Strange"


def test_a_mapping_is_encoded_as_it_is() -> None:
    assert encode({"type": "Strange", "n": 1.0, "s": "é"}) == '{"type":"Strange","n":1.0,"s":"é"}'.encode()


@pytest.mark.parametrize(
    ("content", "text"), [('{"a":1}', '{"a":1}'), ("[1,2]", "[1,2]"), ("true", "true"), ("null", "null"), ('"as is"', "as is")]
)
def test_a_result_that_is_no_string_is_taken_as_its_json(content: str, text: str) -> None:
    message = parse_client(f'{{"type":"FunctionCallResponse","id":"1","name":"f","content":{content}}}')
    assert isinstance(message, FunctionCallResponse)
    assert message.content == text


@pytest.mark.parametrize(
    "frame",
    [
        '{"type":"InjectAgentMessage","message":null,"content":"hi","behavior":null,"is_dynamic":null}',
        '{"type":"InjectAgentMessage","message":"hi","content":null}',
        '{"type":"InjectAgentMessage","message":"hi","content":"something else"}',
    ],
)
def test_null_counts_as_left_out(frame: str) -> None:
    message = parse_client(frame)
    assert isinstance(message, InjectAgentMessage)
    assert (message.message, message.behavior) == ("hi", "default")
