"""Text to speech by Hibari: one American voice, 24 kHz, about 30 ms of compute for a sentence of ten words."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from agentd.engine.models import VOICE, locate
from agentd.engine.providers import Samples
from agentd.engine.speak.shape import CLAUSE_PAUSE_S, SENTENCE_PAUSE_S, shaped
from agentd.engine.speak.text import clauses, speakable

_GAIN: Final = 1.8
"""The voice speaks at -24 dBFS with peaks below 0.45: 5 dB more is heard across a room and still never clips."""


class HibariVoice:
    """The voice. Implements ``Synthesiser``; one instance serves all conversations.

    Raises:
        MissingModel: the package with the voice is not installed.
    """

    def __init__(self) -> None:
        locate(VOICE, "speech synthesis")
        from hibari import Hibari  # type: ignore[import-untyped]  # noqa: PLC0415  # no types; the base installation lacks it

        self._voice: Any = Hibari(voice="heart", threads=1)  # the one voice inside the package; others would be downloads
        self.sample_rate: int = self._voice.sample_rate
        for _ in self.synthesise("Ready, xylq."):  # loads the dictionaries, and the guesser for words they lack
            pass

    def synthesise(self, text: str, speed: float = 1.0) -> Iterator[Samples]:
        """One array per sentence or clause, as soon as it is made; the same text gives the same sound."""
        for sentence in self._voice.split_sentences(speakable(text)):
            *openings, closing = clauses(sentence)
            for opening in openings:
                yield from self._speak(opening, speed, CLAUSE_PAUSE_S)
            yield from self._speak(closing, speed, SENTENCE_PAUSE_S)

    def _speak(self, clause: str, speed: float, pause_s: float) -> Iterator[Samples]:
        """Usually one array; the voice itself divides what is longer than it can say in one breath."""
        if not any(map(str.isalnum, clause)):
            return  # of bare punctuation the voice makes a murmur
        for samples in self._voice.stream(clause, speed, seed=0):
            speech = shaped(np.asarray(samples, dtype=np.float32), self.sample_rate, pause_s, gain=_GAIN)
            if speech.size:
                yield speech
