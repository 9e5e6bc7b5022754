"""What a compatible client is shown of its conversation: one connection, one server, whatever happens behind it.

Calls that the daemon runs look like a server's own; what others asked for is not acknowledged to the client; renewals
are not seen.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Final

from aiohttp import WSCloseCode

from agentd.errors import AgentdError
from agentd.protocol.codec import encode
from agentd.protocol.messages import (
    INFORMING,
    AgentAudioDone,
    CancelledCall,
    ConversationText,
    Error,
    FunctionCall,
    FunctionCallCancelled,
    FunctionCallRequest,
    FunctionCallResponse,
    History,
    Message,
    SettingsApplied,
    UserStartedSpeaking,
    Warn,
    Welcome,
)
from agentd.sessions.asked import ACKNOWLEDGED_BY, REFUSALS, UNSUPPORTED
from agentd.sessions.link import SETTINGS_FAULTS, Link
from agentd.sessions.spec import PassthroughClient
from agentd.sessions.state import EndReason
from agentd.upstream.renewal import is_retryable

_ANSWERS: Final = frozenset(ACKNOWLEDGED_BY.values()) | {"InjectionRefused"}
_OURS_KEPT: Final = 1024
"""Ids of our calls that are remembered; History tells of a call within its turn."""
_ECHOES_KEPT: Final = 8

CLIENT_SILENT: Final = "CLIENT_MESSAGE_TIMEOUT"

_FAREWELLS: Final = {
    EndReason.DAEMON_SHUTDOWN: (
        Error(code="SERVER_GOING_AWAY", description="The server is shutting down."),
        WSCloseCode.GOING_AWAY,
    ),
    EndReason.MAX_DURATION: (
        Error(code="MAXIMUM_SESSION_LENGTH_REACHED", description="The session has lasted as long as it may."),
        WSCloseCode.INTERNAL_ERROR,
    ),
    EndReason.IDLE_TIMEOUT: (
        Error(code=CLIENT_SILENT, description="Nobody has said or typed anything for too long."),
        WSCloseCode.INTERNAL_ERROR,
    ),
}
"""Ends that are nobody's fault, in the protocol's words; who stops a session or lets the agent end it just closes."""


def ends_conversation(code: str) -> bool:
    """True for an Error after which no renewal follows: also when it was the client that was silent."""
    return code == CLIENT_SILENT or not is_retryable(code)


class ClientView:
    """Translates the upstream's messages for one client."""

    def __init__(self, client: PassthroughClient) -> None:
        self._client = client
        self._ours: OrderedDict[str, None] = OrderedDict()
        self._known_echoes: deque[str] = deque(maxlen=_ECHOES_KEPT)
        self._agent_speaks = False
        self._failed = False

    # what the upstream says

    def show(self, link: Link, message: Message, frame: bytes, *, asked_by_client: bool) -> None:
        """Pass on a message as far as it is the client's; FunctionCallRequest goes through ``calls_requested``.

        Args:
            link: where it came from.
            message: as it was read.
            frame: as it came.
            asked_by_client: it answers what the client asked for.
        """
        if self._is_hidden(link, message, asked_by_client=asked_by_client):
            return
        match message:
            case Error():
                self._failed = True
            case FunctionCallCancelled():
                theirs = [call for call in message.functions if call.id not in self._ours]
                if len(theirs) < len(message.functions):
                    frame = encode(message.model_copy(update={"functions": theirs}))
            case History(function_calls=calls) if calls is not None and any(call.id in self._ours for call in calls):
                frame = encode(self._told(message))
            case AgentAudioDone() | UserStartedSpeaking():
                self._agent_speaks = False
            case _:
                pass
        self._client.send_text(frame)

    def _is_hidden(self, link: Link, message: Message, *, asked_by_client: bool) -> bool:  # noqa: PLR0911 - the table of messages
        """Whether ``message`` is none of the client's business."""
        match message:
            case FunctionCallRequest():
                return True  # split by ``calls_requested``
            case Welcome() | SettingsApplied():
                return link.n > 1
            case Warn(code="MAXIMUM_SESSION_LENGTH_APPROACHING"):
                return True  # the daemon renews beyond the upstream's limit
            case Warn(code=code) if code in REFUSALS or code == UNSUPPORTED:
                return not asked_by_client
            case Warn(code=code):
                return link.n > 1 and code in INFORMING  # told before
            case Error(code=code):
                return not ends_conversation(code)  # a renewal follows; should it fail, ``end`` tells
            case ConversationText(role="user", content=text) if text in self._known_echoes:
                self._known_echoes.remove(text)
                return True
            case FunctionCallResponse(id=call_id):
                return call_id in self._ours  # shown when it was given
            case FunctionCallCancelled(functions=calls):
                return all(call.id in self._ours for call in calls)
            case _:
                return message.type in _ANSWERS and not asked_by_client

    def audio_passed(self) -> None:
        """Agent audio went to the client."""
        self._agent_speaks = True

    # function calls

    def calls_requested(
        self, request: FunctionCallRequest, frame: bytes, *, shown: list[FunctionCall], ours: list[FunctionCall]
    ) -> None:
        """A FunctionCallRequest, split: first what the client sees as it was sent, then what the daemon runs.

        Args:
            request: the whole.
            frame: as it came.
            shown: the client's own calls, and those that the upstream runs.
            ours: the calls that the daemon runs.
        """
        if len(shown) == len(request.functions):
            self._client.send_text(frame)
            return
        if shown:
            self._client.send_text(encode(request.model_copy(update={"functions": shown})))
        if ours:
            self._keep(call.id for call in ours)
            told = [call.model_copy(update={"client_side": False}) for call in ours]
            self._client.send_text(encode(request.model_copy(update={"functions": told})))

    def answered(self, response: FunctionCallResponse) -> None:
        """The daemon answers a call: the client sees it, once, as the result of a server's own function."""
        if response.id in self._ours:
            self._client.send_text(encode(response))

    def withdrawn(self, calls: list[FunctionCall]) -> None:
        """Calls the client was asked for are not wanted any more: their connection is gone."""
        if calls:
            cancelled = [CancelledCall(id=call.id, name=call.name) for call in calls]
            self._client.send_text(encode(FunctionCallCancelled(functions=cancelled)))

    def _told(self, history: History) -> History:
        calls = [
            call.model_copy(update={"client_side": False}) if call.id in self._ours else call
            for call in history.function_calls or []
        ]
        return history.model_copy(update={"function_calls": calls})

    # what the daemon says itself

    def warn(self, code: str, description: str) -> None:
        """A Warning of our own."""
        self._client.send_text(encode(Warn(code=code, description=description)))

    def acknowledge(self, type_: str) -> None:
        """An update of the client's took effect without the upstream's acknowledgement: a renewed connection began with it."""
        self._client.send_text(encode({"type": type_}))

    def expect_echo(self, text: str) -> None:
        """``text`` of the user is sent upstream once more; the client knows it."""
        self._known_echoes.append(text)

    def interrupted(self) -> None:
        """Somebody else stopped the agent's speech: the one message at which clients throw away what they have not played."""
        self._agent_speaks = False
        self._client.send_text(encode(UserStartedSpeaking()))

    def renewed(self) -> None:
        """A new connection took over: a reply that was cut by the loss of the old one is over."""
        if self._agent_speaks:
            self._agent_speaks = False
            self._client.send_text(encode(AgentAudioDone()))

    def end(self, reason: EndReason, error: AgentdError | None, failure: Error | None) -> None:
        """The session ended: say why, as the protocol does, and close.

        1008 tells a client that the same Settings will not do the next time either.

        Args:
            reason: why.
            error: what went wrong, if anything did.
            failure: the Error of the last connection.
        """
        told, code = _FAREWELLS.get(reason, (None, WSCloseCode.OK))
        if error is not None:
            told = failure or Error(code="INTERNAL_SERVER_ERROR", description=error.detail)
            code = WSCloseCode.POLICY_VIOLATION if told.code in SETTINGS_FAULTS else WSCloseCode.INTERNAL_ERROR
        if told is not None and not self._failed:
            self._client.send_text(encode(told))
        self._client.close(code, told.code if told is not None else str(reason))

    def _keep(self, ids: Iterable[str]) -> None:
        for call_id in ids:
            self._ours[call_id] = None
        while len(self._ours) > _OURS_KEPT:
            self._ours.popitem(last=False)
