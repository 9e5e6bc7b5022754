"""What a conversation expects to hear from its upstream: our own texts said, typed texts echoed, the greeting, answers."""

from collections import deque
from typing import Final

from agentd.sessions.injected import OwnText, Question
from agentd.sessions.records import Turn

OWN_TEXTS: Final = 32
"""Injected texts whose ConversationText is awaited; the oldest is forgotten beyond that."""


class Expected:
    """The texts that are awaited.

    Attributes:
        own: those that we inject for the agent to say.
    """

    def __init__(self) -> None:
        self.own: deque[OwnText] = deque(maxlen=OWN_TEXTS)
        self._questions: list[Question] = []
        self._echoes: deque[tuple[str, Turn | None]] = deque(maxlen=OWN_TEXTS)
        self._greeting = ""

    # our own texts

    def expect_own(self, text: str) -> OwnText:
        """We inject ``text`` for the agent to say; its ConversationText is ours, not the model's."""
        own = OwnText(text)
        self.own.append(own)
        return own

    def forget_own(self, own: OwnText) -> None:
        """It is not awaited any more."""
        if own in self.own:
            self.own.remove(own)

    def forget_begun(self) -> None:
        """What was being said is over, said to its end or not."""
        for own in [own for own in self.own if own.begun_at is not None]:
            self.own.remove(own)

    def take_own(self, text: str) -> OwnText | None:
        """The text that the agent says with this piece, if it is ours."""
        return next((pending for pending in self.own if pending.take(text)), None)

    # questions

    def ask(self, question: Question) -> None:
        """From now on look for its answer."""
        self._questions.append(question)

    def drop_question(self, question: Question) -> None:
        """Nobody waits for its answer."""
        self._questions.remove(question)

    def offer(self, turn: Turn, text: str, *, typed: bool, began_at: float) -> None:
        """The user has said or typed ``text``: it may be an answer."""
        for question in self._questions:
            question.offer(turn, text, typed=typed, began_at=began_at)

    # typed texts

    def typed(self, text: str, turn: Turn) -> None:
        """``text`` was sent as the user's, for this turn: its echo opens no other."""
        self._echoes.append((text, turn))

    def expect_echo(self, text: str) -> None:
        """``text`` is sent once more for a turn that is open: its echo opens no new one."""
        if not any(awaited == text for awaited, _ in self._echoes):
            self._echoes.append((text, None))

    def take_echo(self, text: str) -> tuple[str, Turn | None] | None:
        """The echo that ``text`` is, with its turn; None when it is none."""
        echo = next((echo for echo in self._echoes if echo[0] == text), None)
        if echo is not None:
            self._echoes.remove(echo)
        return echo

    def forget_echo(self, turn: Turn) -> None:
        """The upstream did not take the text of this turn."""
        self._echoes = deque((echo for echo in self._echoes if echo[1] is not turn), maxlen=OWN_TEXTS)

    def awaits_echo(self, turn: Turn) -> bool:
        """True until the upstream has echoed the injected text of this turn."""
        return any(awaited is turn for _, awaited in self._echoes)

    # the greeting

    @property
    def greeting_due(self) -> bool:
        """The agent has not begun to greet yet, and will."""
        return bool(self._greeting)

    def expect_greeting(self, text: str) -> None:
        """The agent will say ``text`` first, even if a text of the user's is sent before it has begun."""
        self._greeting = text

    def greets(self, text: str) -> bool:
        """True when ``text`` is the next piece of the greeting."""
        before, found, after = self._greeting.partition(text)
        if not found or before.strip():
            return False
        self._greeting = after or " "  # until its AgentAudioDone
        return True

    def greeted(self) -> None:
        """The greeting is over."""
        self._greeting = ""
