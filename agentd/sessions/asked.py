"""Who asked for what on one connection: acknowledgements and refusals carry no id, so each goes to whoever asked first."""

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Final

from agentd.protocol.messages import (
    InjectAgentMessage,
    InjectUserMessage,
    Message,
    UpdateListen,
    UpdatePrompt,
    UpdateSpeak,
    UpdateThink,
    UpdateThinkLive,
)

ACKNOWLEDGED_BY: Final[dict[type[Message], str]] = {
    UpdatePrompt: "PromptUpdated",
    UpdateThink: "ThinkUpdated",
    UpdateSpeak: "SpeakUpdated",
    UpdateListen: "ListenUpdated",
    UpdateThinkLive: "ThinkLiveUpdated",
}
"""The message that acknowledges each update."""

REFUSED_WITHIN_S: Final = 2.0
"""A refusal comes within a round trip: an injection this old was taken."""

_MOST: Final = 64
"""What is remembered of each kind; upstreams answer at once."""


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

    def sent(self, message: Message, now: float, *, by_client: bool) -> None:
        """``message`` goes out."""
        acknowledgement = ACKNOWLEDGED_BY.get(type(message))
        if acknowledgement is not None:
            self._updates[acknowledgement].append(by_client)
        elif isinstance(message, InjectAgentMessage):
            self._injections.append(_Injection(message.message, by_client, now))
        elif isinstance(message, InjectUserMessage):
            self._injections.append(_Injection(message.content, by_client, now))

    def acknowledged(self, type_: str) -> bool:
        """An acknowledgement of that type came; True when the client asked for it."""
        waiting = self._updates.get(type_)
        return waiting.popleft() if waiting else False

    def said(self, text: str) -> None:
        """A text was said: the injection it belongs to was taken, and so were those before it."""
        for position, injection in enumerate(self._injections):
            if text and text in injection.text:
                for _ in range(position + 1):
                    self._injections.popleft()
                return

    def refused(self, now: float) -> bool:
        """An injection was refused; True when it was the client's."""
        while self._injections:
            injection = self._injections.popleft()
            if now - injection.at <= REFUSED_WITHIN_S:
                return injection.by_client
        return False

    def owed_to_client(self) -> list[str]:
        """The acknowledgements the client still waits for, by type, the connection being gone."""
        return [type_ for type_, waiting in self._updates.items() for by_client in waiting if by_client]
