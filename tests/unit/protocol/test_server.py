"""The server's side: the order of messages, fatal faults, and each call settled once."""

import contextlib
import json
from typing import Any

import orjson
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agentd.errors import FieldError
from agentd.protocol import server as module
from agentd.protocol.codec import LocalProtocolError, ProtocolError
from agentd.protocol.messages import (
    AgentAudioDone,
    Error,
    FunctionCall,
    FunctionCallRequest,
    FunctionCallResponse,
    Message,
    SettingsApplied,
    UpdateListen,
    Warn,
    Welcome,
)
from agentd.protocol.server import ServerPhase, ServerProtocol, error_message

SETTINGS = '{"type":"Settings","agent":{}}'


def _ready() -> ServerProtocol:
    protocol = ServerProtocol()
    protocol.send(protocol.welcome("r"))
    protocol.receive(SETTINGS)
    protocol.send(SettingsApplied())
    return protocol


def _ask(protocol: ServerProtocol, *ids: str, name: str = "f", client_side: bool = True) -> None:
    calls = [FunctionCall(id=call_id, name=name, client_side=client_side) for call_id in ids]
    protocol.send(FunctionCallRequest(functions=calls))


def _answer(call_id: str | None, name: str = "f") -> FunctionCallResponse:
    return FunctionCallResponse(id=call_id, name=name, content="ok")


def _refusal(protocol: ServerProtocol, frame: str) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        protocol.receive(frame)
    return caught.value


# --- order ---------------------------------------------------------------------------------------------------------


def test_a_conversation_begins_with_welcome_settings_and_settings_applied() -> None:
    protocol = ServerProtocol()
    phases = [protocol.phase]
    assert orjson.loads(protocol.send(protocol.welcome("r-1"))) == {"type": "Welcome", "request_id": "r-1"}
    protocol.receive(SETTINGS)
    phases.append(protocol.phase)
    assert phases == [ServerPhase.AWAITING_SETTINGS, ServerPhase.READY]
    protocol.send(SettingsApplied())
    assert protocol.send(AgentAudioDone()) == b'{"type":"AgentAudioDone"}'


def test_settings_and_audio_before_welcome_and_settings_applied_are_no_fault() -> None:
    protocol = ServerProtocol()
    protocol.receive(SETTINGS)
    protocol.receive_audio()
    protocol.receive('{"type":"KeepAlive"}')


@pytest.mark.parametrize("first", ["KeepAlive", "UpdatePrompt", "InjectUserMessage", "ForceEndTurn"])
def test_anything_before_settings_is_fatal(first: str) -> None:
    frame = json.dumps({"type": first, "prompt": "p", "content": "c"})
    assert _refusal(ServerProtocol(), frame).code == "NON_SETTINGS_MESSAGE_BEFORE_SETTINGS"


def test_audio_before_settings_is_fatal() -> None:
    with pytest.raises(ProtocolError) as caught:
        ServerProtocol().receive_audio()
    assert caught.value.code == "NON_SETTINGS_MESSAGE_BEFORE_SETTINGS"


def test_settings_twice_are_fatal() -> None:
    assert _refusal(_ready(), SETTINGS).code == "SETTINGS_ALREADY_APPLIED"


def test_invalid_settings_are_refused_with_every_pointer_and_do_not_begin_a_conversation() -> None:
    protocol = ServerProtocol()
    error = _refusal(protocol, '{"type":"Settings","audio":{"input":{"encoding":"mp4"}},"agent":{"greeting":1}}')
    assert error.code == "INVALID_SETTINGS"
    assert "/audio/input/encoding must be one of linear16" in error.description
    assert "/agent/greeting must be a string" in error.description
    assert protocol.phase is ServerPhase.AWAITING_SETTINGS


def test_very_many_faults_are_counted_not_listed() -> None:
    faults = [FieldError(f"/{n}", "is wrong") for n in range(12)]
    error = _refusal(ServerProtocol(faults=lambda _: faults), SETTINGS)
    assert error.description.endswith("/9 is wrong; and 2 more.")


def test_the_engine_can_refuse_more_than_the_protocol_does() -> None:
    seen: list[dict[str, Any]] = []

    def faults(document: dict[str, Any]) -> list[FieldError]:
        seen.append(document)
        return [FieldError("", "is not for this engine")]

    assert _refusal(ServerProtocol(faults=faults), SETTINGS).description.endswith("/ is not for this engine.")
    assert seen == [json.loads(SETTINGS)]


def test_a_frame_that_cannot_be_read_is_fatal_in_any_phase() -> None:
    assert _refusal(ServerProtocol(), "{").code == "UNPARSABLE_CLIENT_MESSAGE"
    assert _refusal(_ready(), '{"type":"Welcome"}').code == "UNPARSABLE_CLIENT_MESSAGE"


@pytest.mark.parametrize(
    ("update", "pointer"),
    [
        ({"type": "UpdateThink", "think": {"provider": {"type": "x"}}}, "/think/provider/type"),
        ({"type": "UpdateThink", "think": []}, "/think"),
        ({"type": "UpdateSpeak", "speak": [{"provider": {"type": "deepgram"}}]}, "/speak/0/provider/model"),
        ({"type": "UpdateListen", "listen": {"provider": {"version": "v2"}}}, "/listen/provider/model"),
        ({"type": "UpdateThink_Live", "think_live": {"provider": {"type": "x"}}}, "/think_live/provider/type"),
    ],
)
def test_an_update_that_is_not_valid_is_refused_with_its_pointer(update: dict[str, Any], pointer: str) -> None:
    error = _refusal(_ready(), json.dumps(update))
    assert error.code == "INVALID_SETTINGS"
    assert f"{update['type']} is not valid: {pointer} " in error.description


def test_an_update_of_listen_is_judged_together_with_what_it_leaves_out() -> None:
    protocol = ServerProtocol()
    flux = {"type": "deepgram", "version": "v2", "model": "flux-general-en"}
    protocol.receive(json.dumps({"type": "Settings", "agent": {"listen": {"provider": flux}}}))
    partial = '{"type":"UpdateListen","listen":{"provider":{"eot_threshold":0.9}}}'
    assert isinstance(protocol.receive(partial), UpdateListen)
    protocol.receive('{"type":"UpdateListen","listen":{"provider":{"eager_eot_threshold":0.8}}}')
    assert (
        "eot_threshold" in _refusal(protocol, '{"type":"UpdateListen","listen":{"provider":{"eot_threshold":0.6}}}').description
    )


# --- sending -------------------------------------------------------------------------------------------------------


def test_nothing_goes_out_before_welcome_and_welcome_goes_out_once() -> None:
    protocol = ServerProtocol()
    for message in (SettingsApplied(), AgentAudioDone(), Error(code="INTERNAL_SERVER_ERROR")):
        with pytest.raises(LocalProtocolError, match="Welcome is sent first"):
            protocol.send(message)
    protocol.send(protocol.welcome("r"))
    with pytest.raises(LocalProtocolError, match="once"):
        protocol.send(protocol.welcome("r"))


def test_settings_applied_answers_settings_and_only_once() -> None:
    protocol = ServerProtocol()
    protocol.send(protocol.welcome("r"))
    with pytest.raises(LocalProtocolError, match="answers Settings"):
        protocol.send(SettingsApplied())
    protocol.receive(SETTINGS)
    with pytest.raises(LocalProtocolError, match="before SettingsApplied"):
        protocol.send(AgentAudioDone())
    protocol.send(Warn(code="PROMPT_TOO_LONG"))
    protocol.send(SettingsApplied())
    with pytest.raises(LocalProtocolError, match="once"):
        protocol.send(SettingsApplied())


def test_an_error_tells_the_client_what_it_did_and_is_the_last_message() -> None:
    protocol = ServerProtocol()
    protocol.send(protocol.welcome("r"))
    error = _refusal(protocol, '{"type":"KeepAlive"}')
    told = orjson.loads(protocol.send(error_message(error)))
    assert told == {"type": "Error", "description": error.description, "code": "NON_SETTINGS_MESSAGE_BEFORE_SETTINGS"}
    assert protocol.phase is ServerPhase.CLOSED
    for use in (lambda: protocol.send(AgentAudioDone()), lambda: protocol.receive(SETTINGS), protocol.receive_audio):
        with pytest.raises(LocalProtocolError, match="over"):
            use()


# --- calls ---------------------------------------------------------------------------------------------------------


def test_a_call_is_open_until_its_answer_and_a_second_answer_is_a_duplicate() -> None:
    protocol = _ready()
    _ask(protocol, "1", "2")
    assert list(protocol.open_calls) == ["1", "2"]
    assert protocol.answer(_answer("2")) == "matched"
    assert list(protocol.open_calls) == ["1"]
    assert protocol.answer(_answer("2")) == "duplicate"
    assert protocol.answer(_answer("3")) == "unknown"


def test_a_call_the_server_makes_itself_is_not_the_clients_to_answer() -> None:
    protocol = _ready()
    _ask(protocol, "1", client_side=False)
    assert not protocol.open_calls
    assert protocol.answer(_answer("1")) == "unknown"


def test_cancelled_calls_are_named_once_and_late_answers_to_them_are_told_apart() -> None:
    protocol = _ready()
    _ask(protocol, "1", "2")
    protocol.answer(_answer("1"))
    cancelled = protocol.cancel_open_calls()
    assert cancelled is not None
    assert [(call.id, call.name) for call in cancelled.functions] == [("2", "f")]
    protocol.send(cancelled)
    assert protocol.answer(_answer("2")) == "cancelled"
    assert protocol.cancel_open_calls() is None


def test_an_answer_without_an_id_goes_to_the_oldest_open_call_of_its_name() -> None:
    protocol = _ready()
    _ask(protocol, "1", name="g")
    _ask(protocol, "2", "3")
    assert protocol.answer(_answer(None)) == "matched"
    assert list(protocol.open_calls) == ["1", "3"]
    assert protocol.answer(_answer(None, name="h")) == "unknown"


def test_an_id_may_be_used_again_once_settled_but_not_while_open() -> None:
    protocol = _ready()
    _ask(protocol, "1")
    with pytest.raises(LocalProtocolError, match="already open: 1"):
        _ask(protocol, "1")
    with pytest.raises(LocalProtocolError, match="already open: 2"):
        _ask(protocol, "2", "2")
    protocol.answer(_answer("1"))
    _ask(protocol, "1")
    assert protocol.answer(_answer("1")) == "matched"


def test_settled_calls_are_forgotten_in_the_end_so_that_memory_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SETTLED_KEPT", 2)
    protocol = _ready()
    for call_id in ("1", "2", "3"):
        _ask(protocol, call_id)
        protocol.answer(_answer(call_id))
    assert [protocol.answer(_answer(call_id)) for call_id in ("1", "2", "3")] == ["unknown", "duplicate", "duplicate"]


# --- every sequence ------------------------------------------------------------------------------------------------

CLIENT_FRAMES = [
    SETTINGS,
    '{"type":"KeepAlive"}',
    '{"type":"UpdatePrompt","prompt":"p"}',
    '{"type":"UpdateListen","listen":{"provider":{}}}',
    '{"type":"UpdateThink","think":[]}',
    '{"type":"Settings","agent":5}',
    "{",
]
SERVER_MESSAGES: list[Message] = [
    Welcome(request_id="r"),
    SettingsApplied(),
    AgentAudioDone(),
    Warn(),
    FunctionCallRequest(functions=[FunctionCall(id="1", name="f")]),
    FunctionCallRequest(functions=[FunctionCall(id="2", name="f"), FunctionCall(id="3", name="f", client_side=False)]),
]


class AnySequence(RuleBasedStateMachine):
    """Whatever comes in whatever order: phases only go forward, and what went out is in order."""

    def __init__(self) -> None:
        super().__init__()
        self.protocol = ServerProtocol()
        self.sent: list[str] = []
        self.phases = [self.protocol.phase]
        self.open: set[str] = set()

    def _note(self) -> None:
        if self.protocol.phase is not self.phases[-1]:
            self.phases.append(self.protocol.phase)

    def _send(self, message: Message) -> None:
        try:
            frame = self.protocol.send(message)
        except LocalProtocolError:
            return
        self.sent.append(orjson.loads(frame)["type"])
        if isinstance(message, FunctionCallRequest):
            self.open |= {call.id for call in message.functions if call.client_side}

    @rule(frame=st.sampled_from(CLIENT_FRAMES))
    def a_text_frame_comes(self, frame: str) -> None:
        with contextlib.suppress(ProtocolError, LocalProtocolError):
            self.protocol.receive(frame)
        self._note()

    @rule()
    def audio_comes(self) -> None:
        try:
            self.protocol.receive_audio()
        except (ProtocolError, LocalProtocolError):
            pass
        else:
            assert self.protocol.phase is ServerPhase.READY

    @rule(message=st.sampled_from(SERVER_MESSAGES))
    def a_message_goes(self, message: Message) -> None:
        self._send(message)
        self._note()

    @precondition(lambda self: len(self.sent) > 4)
    @rule(closes=st.booleans())
    def the_conversation_ends(self, *, closes: bool) -> None:
        if closes:
            self.protocol.close()
        else:
            self._send(Error(code="INTERNAL_SERVER_ERROR"))
        self._note()

    @rule(call_id=st.sampled_from(["1", "2", "3"]))
    def an_answer_comes(self, call_id: str) -> None:
        matched = self.protocol.answer(_answer(call_id)) == "matched"
        assert matched == (call_id in self.open)
        self.open.discard(call_id)

    @rule()
    def the_user_speaks_again(self) -> None:
        cancelled = self.protocol.cancel_open_calls()
        assert {call.id for call in cancelled.functions} == self.open if cancelled else not self.open
        self.open.clear()

    @invariant()
    def phases_only_go_forward_and_nothing_leaves_closed(self) -> None:
        order = list(ServerPhase)
        assert self.phases == sorted(self.phases, key=order.index)
        assert set(self.protocol.open_calls) == self.open

    @invariant()
    def what_went_out_is_in_order(self) -> None:
        assert self.sent.count("Welcome") == (1 if self.sent else 0)
        assert self.sent[:1] in ([], ["Welcome"])
        assert self.sent.count("SettingsApplied") <= 1
        assert "Error" not in self.sent[:-1]
        before = self.sent[: self.sent.index("SettingsApplied")] if "SettingsApplied" in self.sent else self.sent
        assert set(before) <= {"Welcome", "Warning", "Error"}


TestAnySequence = AnySequence.TestCase
