"""A turn that is answered before it is certain that the user is done: thought through, but not heard."""

import asyncio

from agentd.engine.latency import TurnClock
from agentd.engine.speech import Speech
from agentd.engine.turns import Turn


class Draft:
    """An answer ahead of its time.

    Args:
        text: what the user seems to have said.
        clock: of the turn; started when it is certain.

    Attributes:
        certain: set when the user is done.
        called: a function was called for it, so that for the client it is the agent's turn already.
        asides: messages the client then wants said, which wait as the answer does.
    """

    def __init__(self, text: str, clock: TurnClock) -> None:
        self.text = text
        self.clock = clock
        self.certain = asyncio.Event()
        self.answer: Turn | None = None
        self.called = False
        self.asides: list[str] = []
        self._held: list[Speech] = []

    def speech(self) -> Speech:
        """A speech that is heard only when the turn is certain."""
        speech = Speech(self.clock, held=not self.certain.is_set())
        self._held.append(speech)
        return speech

    def aside(self, text: str) -> Speech:
        """A speech for a message of the client's that came meanwhile: it is heard before the answer that follows it."""
        speech = Speech(held=True)
        self.asides.append(text)
        self._held.append(speech)
        return speech

    def confirm(self) -> None:
        """The user is done: what was prepared may be heard."""
        self.certain.set()
        for speech in self._held:
            speech.release()

    def drop(self) -> None:
        """The user went on: nothing of it is heard."""
        for speech in self._held:
            speech.stop()
