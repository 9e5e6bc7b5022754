"""Who asked for what on one connection: acknowledgements and refusals carry no id, so each goes to whoever asked first."""

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Final

from agentd.protocol.messages import (
    ForceEndTurn,
    InjectAgentMessage,
    InjectionRefused,
    InjectUserMessage,
    Message,
    UpdateListen,
    UpdatePrompt,
    UpdateSpeak,
    UpdateThink,
    UpdateThinkLive,
    Warn,
)

ACKNOWLEDGED_BY: Final[dict[type[Message], str]] = {
    UpdatePrompt: "PromptUpdated",
    UpdateThink: "ThinkUpdated",
    UpdateSpeak: "SpeakUpdated",
    UpdateListen: "ListenUpdated",
    UpdateThinkLive: "ThinkLiveUpdated",
}
"""The message that acknowledges each update."""

REFUSALS: Final = frozenset({"INJECT_AGENT_MESSAGE_DURING_USER_SPEECH", "INJECT_AGENT_MESSAGE_DURING_AGENT_SPEECH"})
"""Warnings that mean InjectionRefused, instead of it or beside it."""
UNSUPPORTED: Final = "FORCE_END_TURN_UNSUPPORTED"

REFUSED_WITHIN_S: Final = 2.0
"""A refusal comes within a round trip: an injection this old was taken."""

_SAME_WITHIN_S: Final = 0.5
"""A message and a Warning about one refusal come together."""

_MOST: Final = 64
"""What is remembered of each kind; upstreams answer at once."""


@dataclass(frozen=True, slots=True)
class _Refusal:
    type: str
    by_client: bool
    at: float


@dataclass(frozen=True, slots=True)
class _Injection:
    text: str
    by_client: bool
    at: float


class Asked:
    """What went out and is not answered yet. ``by_client`` is False for what the API, a function or we ourselves asked."""

    def __init__(self) -> None:
        self._updates: defaultdict[str, deque[bool]] = defaultdict(lambda: deque(maxlen=_MOST))
        self._injections: deque[_Injection] = deque(maxlen=_MOST)
        self._forced: deque[bool] = deque(maxlen=_MOST)
        self._refusal: _Refusal | None = None

    def sent(self, message: Message, now: float, *, by_client: bool) -> None:
        """``message`` goes out."""
        acknowledgement = ACKNOWLEDGED_BY.get(type(message))
        if acknowledgement is not None:
            self._updates[acknowledgement].append(by_client)
        elif isinstance(message, InjectAgentMessage):
            self._injections.append(_Injection(message.message, by_client, now))
        elif isinstance(message, InjectUserMessage):
            self._injections.append(_Injection(message.content, by_client, now))
        elif isinstance(message, ForceEndTurn):
            self._forced.append(by_client)

    def is_clients(self, message: Message, now: float) -> bool:
        """Whether ``message``, which came, answers what the client asked for: an acknowledgement, or a refusal.

        A refusal that nobody else can have caused is the client's.
        """
        match message:
            case InjectionRefused():
                return self._refused(message.type, now)
            case Warn(code=code) if code in REFUSALS:
                return self._refused(message.type, now)
            case Warn(code=code) if code == UNSUPPORTED:
                return self._forced.popleft() if self._forced else True
            case _:
                waiting = self._updates.get(message.type)
                return waiting.popleft() if waiting else False

    def said(self, text: str) -> None:
        """A text was said: the injection it belongs to was taken, and so were those before it."""
        for position, injection in enumerate(self._injections):
            if text and text in injection.text:
                for _ in range(position + 1):
                    self._injections.popleft()
                return

    def owed_to_client(self) -> list[str]:
        """The acknowledgements the client still waits for, by type, the connection being gone."""
        return [type_ for type_, waiting in self._updates.items() for by_client in waiting if by_client]

    def _refused(self, type_: str, now: float) -> bool:
        last, self._refusal = self._refusal, None
        if last is not None and last.type != type_ and now - last.at <= _SAME_WITHIN_S:
            return last.by_client
        by_client = True
        while self._injections:
            injection = self._injections.popleft()
            by_client = injection.by_client
            if now - injection.at <= REFUSED_WITHIN_S:
                break
        self._refusal = _Refusal(type_, by_client, now)
        return by_client
