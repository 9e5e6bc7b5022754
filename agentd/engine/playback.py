"""What the user hears by now: audio is sent ahead of its playback, so only this clock knows whether the agent still speaks."""

from dataclasses import dataclass
from typing import Final

SPEAKING_RATE: Final = 16.0
"""Characters per second of ordinary speech; says how long a sentence would have become whose audio was cut off."""


class Playback:
    """The client's playback as it must be, if it plays what it gets at once and without a pause."""

    def __init__(self) -> None:
        self._until = 0.0

    def playing(self, now: float) -> bool:
        """True while audio that was sent is not played to its end."""
        return now < self._until

    def due(self, seconds: float, ahead_s: float) -> float:
        """When so much audio may go out, if no more than ``ahead_s`` of what is sent shall be unplayed."""
        return self._until + seconds - ahead_s

    def sent(self, seconds: float, now: float) -> tuple[float, float]:
        """Note audio that goes out now; when it begins and ends to be heard."""
        begin = max(now, self._until)
        self._until = begin + seconds
        return begin, self._until

    def cut(self, now: float) -> None:
        """The client throws away what it has not played."""
        self._until = min(self._until, now)


@dataclass(slots=True)
class Sentence:
    """A piece of the agent's speech, and how much of it was heard.

    Attributes:
        text: the whole of it.
        begin: when its first audio is heard, by the loop's clock; None until there is some.
        end: when the audio made so far is heard to its end.
        complete: whether that audio is all of it.
        cut_at: when playback was stopped, if it was.
    """

    text: str
    begin: float | None = None
    end: float = 0.0
    complete: bool = False
    cut_at: float | None = None

    def note(self, begin: float, end: float) -> None:
        """More of its audio goes out, to be heard from ``begin`` to ``end``."""
        if self.begin is None:
            self.begin = begin
        self.end = end

    def heard(self) -> str:
        """The words that were played, of all words when it was not cut."""
        if self.cut_at is None:
            return self.text
        if self.begin is None:
            return ""
        length = self.end - self.begin
        if not self.complete:
            length = max(length, len(self.text) / SPEAKING_RATE)
        share = (self.cut_at - self.begin) / length if length > 0 else 1.0
        words = self.text.split()
        return " ".join(words[: int(min(1.0, max(0.0, share)) * len(words) + 0.5)])
