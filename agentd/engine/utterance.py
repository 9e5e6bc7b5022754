"""What an ear makes of the user's speech, and whom it tells."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from agentd.engine.providers import Ending, Transcript


@dataclass(frozen=True, slots=True)
class Words:
    """What was made of an utterance.

    Attributes:
        transcript: its words.
        likeness: of its sound to the agent's own; 0.0 where that was not looked for.
        goes_on: it was begun when the agent had only just begun, too.
    """

    transcript: Transcript
    likeness: float = 0.0
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something the user said.

    Attributes:
        voiced_until: when its last voiced sample arrived, by the loop's clock.
        ended: when it was clear that it is over.
        doubtful: it began while the agent was heard, and nothing in it has shown yet that it is meant for the agent.
        words: the recognition, mostly done by now.
    """

    voiced_until: float
    ended: float
    doubtful: bool
    words: "asyncio.Task[Words]"


class Listener(Protocol):
    """Whom an ear tells what it hears, and asks what it cannot know. Nothing here waits."""

    def guarded(self) -> bool:
        """Whether the agent is heard, so that a sound may be a nod to it or its own echo."""
        ...

    def expects_more(self) -> bool:
        """Whether the agent has only just begun, so that the user may be going on with what it cut off."""
        ...

    def takes_word(self, words: Words) -> bool:
        """Whether what was said so far interrupts the agent."""
        ...

    def vocabulary(self) -> tuple[str, ...]:
        """Words that are likelier than others now."""
        ...

    def judge(self, transcript: Transcript) -> Ending:
        """How finished the words look, in mid-silence."""
        ...

    def started(self) -> None:
        """The user speaks."""
        ...

    def seems_done(self, transcript: Transcript) -> None:
        """The user is silent and probably done."""
        ...

    def resumed(self) -> None:
        """The user was not done, after all."""
        ...

    def done(self, utterance: Utterance) -> None:
        """The user's turn is over."""
        ...
