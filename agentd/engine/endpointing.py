"""When the user begins to speak, pauses, goes on, and is done: pure, from one probability of speech per frame.

    QUIET ──enough voiced──► SPEAKING ──short silence──► PAUSED ──long silence──► QUIET
                                 ▲───────voice again───────┘

Time is counted in samples of the audio itself, so nothing here depends on how fast it arrives.
"""

import enum
from dataclasses import dataclass
from typing import Final

from agentd.engine.providers import LISTEN_RATE, VAD_FRAME

VOICED: Final = 0.5
"""Probability from which a frame begins speech or ends a pause."""

STILL_VOICED: Final = 0.35
"""Probability from which a frame continues speech: Silero falls slowly at soft word ends."""

ONSET_MS: Final = 224
"""Voiced time that makes speech of a noise: 7 frames. A door or a click gives 1 to 3, the shortest word ("no") 8."""

ONSET_GAP_MS: Final = 160
"""Silence after which a too short sound is forgotten; stops inside words are shorter."""

PAUSE_MS: Final = 160
"""Silence after which it is worth recognising what was said so far: the words are complete by then."""

LONGEST_MS: Final = 30_000
"""An utterance is cut here: recognisers are trained on up to 30 s, and memory is bounded."""


def samples(milliseconds: float) -> int:
    """``milliseconds`` of listening audio, in samples."""
    return round(milliseconds * LISTEN_RATE / 1000)


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The user speaks; ``at`` is the first voiced sample."""

    at: int


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """Silence since ``voiced_to``; perhaps a pause, perhaps the end."""

    voiced_to: int


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """It was a pause."""


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The utterance is over.

    Attributes:
        start: its first voiced sample.
        voiced_to: one past its last voiced sample.
        voiced: voiced samples in it.
    """

    start: int
    voiced_to: int
    voiced: int


Event = SpeechStarted | SpeechPaused | SpeechResumed | SpeechEnded


class _State(enum.Enum):
    QUIET = "quiet"
    SPEAKING = "speaking"
    PAUSED = "paused"


class Endpointer:
    """Turns frames of 512 samples into the events of utterances.

    Args:
        end_ms: silence after which an utterance is over.

    Attributes:
        end_ms: may be changed at any time; counts from the next frame on.
        position: samples seen so far.
        voiced_to: one past the last voiced sample, of the current utterance or sound.
    """

    def __init__(self, *, end_ms: float) -> None:
        self.end_ms = end_ms
        self.position = 0
        self.voiced_to = 0
        self._state = _State.QUIET
        self._start: int | None = None
        self._voiced = 0

    @property
    def speaking(self) -> bool:
        """True from SpeechStarted to SpeechEnded."""
        return self._state is not _State.QUIET

    @property
    def paused(self) -> bool:
        """True from SpeechPaused to SpeechResumed or SpeechEnded."""
        return self._state is _State.PAUSED

    @property
    def silence_ms(self) -> float:
        """Since the last voiced sample."""
        return 1000 * (self.position - self.voiced_to) / LISTEN_RATE

    @property
    def voiced_ms(self) -> float:
        """Voiced time of the current utterance or sound."""
        return 1000 * self._voiced / LISTEN_RATE

    @property
    def keep_from(self) -> int:
        """First sample that an utterance now or soon may need: where the current sound began, else here."""
        return self.position if self._start is None else self._start

    def feed(self, probability: float, *, onset_ms: int = ONSET_MS) -> Event | None:
        """Take the next frame.

        Args:
            probability: of speech, 0 to 1.
            onset_ms: voiced time that counts as speech now; more of it while the agent speaks.
        """
        begin, self.position = self.position, self.position + VAD_FRAME
        continuing = self._start is not None and self._state is not _State.PAUSED
        if probability >= (STILL_VOICED if continuing else VOICED):
            return self._voice(begin, onset_ms)
        return self._silence()

    def finish(self) -> SpeechEnded | None:
        """End the utterance now, whatever comes; None when there is none."""
        return self._end() if self.speaking else None

    def _voice(self, begin: int, onset_ms: int) -> Event | None:
        if self._start is None:
            self._start = begin
        self._voiced += VAD_FRAME
        self.voiced_to = self.position
        if self._state is _State.QUIET:
            if self._voiced < samples(onset_ms):
                return None
            self._state = _State.SPEAKING
            return SpeechStarted(self._start)
        if self.position - self._start >= samples(LONGEST_MS):
            return self._end()
        if self._state is _State.PAUSED:
            self._state = _State.SPEAKING
            return SpeechResumed()
        return None

    def _silence(self) -> Event | None:
        if self._start is None:
            return None
        silence = self.position - self.voiced_to
        if self._state is _State.QUIET:
            if silence >= samples(ONSET_GAP_MS):
                self._forget()
            return None
        if self.silence_ms >= self.end_ms:
            return self._end()
        if self._state is _State.SPEAKING and silence >= samples(PAUSE_MS):
            self._state = _State.PAUSED
            return SpeechPaused(self.voiced_to)
        return None

    def _end(self) -> SpeechEnded:
        ended = SpeechEnded(self._start or 0, self.voiced_to, self._voiced)
        self._state = _State.QUIET
        self._forget()
        return ended

    def _forget(self) -> None:
        self._start = None
        self._voiced = 0
