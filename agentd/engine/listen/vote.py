"""Two recognisers: the second is asked where the first is not sure, and then both judge what either heard."""

from typing import Final, Protocol

from agentd.engine.listen.moonshine import Moonshine
from agentd.engine.listen.nonspeech import is_invented, is_tone
from agentd.engine.listen.parts import joined, parts
from agentd.engine.listen.whisper import Whisper
from agentd.engine.providers import Samples, Transcript

_SURE: Final = 0.9
"""Confidence of the first recogniser from which nobody else is asked: some half of all commands in a quiet room."""


class Judge(Protocol):
    """A recording as one recogniser heard it."""

    def log_probability(self, text: str) -> float:
        """How likely it is that just ``text`` was said, as a natural logarithm."""
        ...


class Vote:
    """Moonshine, with Whisper beside it. Implements ``Recogniser``.

    What is likeliest to both together is taken, as if they were one model with independent errors.
    """

    def __init__(self, first: Moonshine, second: Whisper) -> None:
        self._first = first
        self._second = second

    def transcribe(self, samples: Samples, vocabulary: tuple[str, ...] = ()) -> Transcript:
        """The words in ``samples`` (mono, 16 kHz); "" when it is no speech. A long recording is taken in parts."""
        return joined([self._transcribe(part, vocabulary) for part in parts(samples)])

    def _transcribe(self, samples: Samples, vocabulary: tuple[str, ...]) -> Transcript:
        if is_tone(samples):
            return Transcript("", 0.0)
        heard = self._first.hear(samples)
        found = heard.best(self._first.favoured(vocabulary))
        if found.confidence >= _SURE or is_invented(found.text, 1.0):
            return _unless_invented(found)
        again = self._second.hear(samples)
        other = again.best()
        if is_invented(other.text, other.confidence):
            return _unless_invented(found)
        return found if other.text == found.text else likeliest((found, other), (heard, again))


def _unless_invented(found: Transcript) -> Transcript:
    return Transcript("", found.confidence) if is_invented(found.text, found.confidence) else found


def likeliest(transcripts: tuple[Transcript, ...], judges: tuple[Judge, ...]) -> Transcript:
    """The transcript that all judges together find likeliest."""
    return max(transcripts, key=lambda each: sum(judge.log_probability(each.text) for judge in judges))
