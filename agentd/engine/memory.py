"""What was said and done in a conversation: for the thinker, and told to the client as History messages."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

import orjson

from agentd.engine.playback import Sentence
from agentd.engine.providers import AgentText, CallMade, ChatMessage, UserText
from agentd.protocol.messages import FunctionCall, History, HistoryCall, Message

MAX_ENTRIES: Final = 2000
"""Two hours of brisk conversation; older entries go first."""

MAX_CHARS: Final = 4_000_000
"""Their length in all: one text may have a million characters, and 2000 of those would be all of the memory there is."""


class Memory:
    """The history of one conversation.

    What a user seems to have said, and what was done about it before that was certain, is a draft: it is kept or taken back.

    Args:
        send: takes History messages, or None when the client does not want them.
    """

    def __init__(self, send: Callable[[Message], None] | None) -> None:
        self._send = send
        self._entries: deque[ChatMessage | Sentence] = deque()
        self._chars = 0
        self._draft: int | None = None
        self._untold: list[History] = []

    def begin_draft(self) -> None:
        """What comes from here on may have to be taken back."""
        self._draft = 0

    def keep_draft(self) -> None:
        """It is certain."""
        self._draft = None
        untold, self._untold = self._untold, []
        for history in untold:
            self._tell(history)

    def drop_draft(self) -> None:
        """It never happened."""
        for _ in range(min(self._draft or 0, len(self._entries))):
            self._chars -= _length(self._entries.pop())
        self._draft = None
        self._untold.clear()

    def messages(self) -> tuple[ChatMessage, ...]:
        """The conversation for a thinker: of the agent's words only what was heard, its sentences joined."""
        messages: list[ChatMessage] = []
        for entry in self._entries:
            if not isinstance(entry, Sentence):
                messages.append(entry)
                continue
            text = entry.heard()
            if messages and text and isinstance(before := messages[-1], AgentText):
                messages[-1] = AgentText(f"{before.text} {text}")
            elif text:
                messages.append(AgentText(text))
        return tuple(messages)

    def load(self, context: Iterable[object]) -> None:
        """Take over ``agent.context.messages``: History objects of a conversation before this one."""
        for item in context:
            if not isinstance(item, dict):
                continue
            if isinstance(text := item.get("content"), str):
                self._keep(AgentText(text) if item.get("role") == "assistant" else UserText(text))
            for place, call in enumerate(item.get("function_calls") or ()):
                arguments = arguments_of(call.get("arguments"))
                made = CallMade(str(call["id"]), str(call["name"]), arguments, str(call["response"]), together=place > 0)
                self._keep(made)

    def user_said(self, text: str) -> None:
        """The user's turn."""
        self._keep(UserText(text))
        self._tell(History(role="user", content=text))

    def agent_says(self, sentence: Sentence) -> None:
        """The agent is about to say this; how much of it is heard shows later."""
        self._keep(sentence)

    def agent_said(self, sentences: Iterable[Sentence]) -> None:
        """A reply is out, or was cut."""
        text = " ".join(filter(None, (sentence.heard() for sentence in sentences)))
        if text:
            self._tell(History(role="assistant", content=text))

    def called(self, call: FunctionCall, result: str, *, together: bool = False) -> None:
        """A call was answered; ``together`` with the one before it, if both were asked for at once."""
        self._keep(CallMade(call.id, call.name, arguments_of(call.arguments), result, together))
        done = HistoryCall(id=call.id, name=call.name, client_side=call.client_side, arguments=call.arguments, response=result)
        self._tell(History(function_calls=[done]))

    def _keep(self, entry: ChatMessage | Sentence) -> None:
        self._entries.append(entry)
        self._chars += _length(entry)
        if self._draft is not None:
            self._draft += 1
        while len(self._entries) > MAX_ENTRIES or self._chars > MAX_CHARS:
            self._chars -= _length(self._entries.popleft())

    def _tell(self, history: History) -> None:
        if self._draft is not None:
            self._untold.append(history)
        elif self._send is not None:
            self._send(history)


def arguments_of(text: object) -> dict[str, Any]:
    """The arguments of a call from their JSON text; a client may hand back anything in ``context.messages``."""
    if isinstance(text, dict):
        return text
    try:
        value = orjson.loads(text) if isinstance(text, str) else {}
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _length(entry: ChatMessage | Sentence) -> int:
    return len(entry.result or "") if isinstance(entry, CallMade) else len(entry.text)
