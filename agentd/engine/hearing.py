"""The agent's ear: user audio to utterances, recognised already during the silence that may be their end."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from agentd.audio.formats import AudioFormat, to_samples
from agentd.audio.resample import Converter
from agentd.engine.compute import Compute, Urgency
from agentd.engine.endpointing import (
    Endpointer,
    SpeechEnded,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    samples,
)
from agentd.engine.providers import LISTEN_RATE, VAD_FRAME, Recogniser, Samples, Transcript, VoiceActivity

PRE_ROLL_MS: Final = 500
"""Audio before the first voiced frame that the recogniser hears too: soft consonants are voiced late."""

POST_ROLL_MS: Final = 200
"""Audio after the last voiced frame that it hears."""

SHORTEST_MS: Final = 250
"""Less voiced sound than this is no utterance: recognisers make words of coughs."""

FRAMES_AT_A_TIME: Final = 16
"""Frames between two looks at the other tasks: 16 of 0.15 ms each."""

LISTENING: Final = AudioFormat("linear16", LISTEN_RATE)


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something the user said.

    Attributes:
        samples: it, with a little silence around.
        voiced_ms: speech in it.
        voiced_until: when its last voiced sample arrived, by the loop's clock.
        ended: when it was clear that it is over.
        guess: the recognition begun during the silence, or None.
    """

    samples: Samples
    voiced_ms: float
    voiced_until: float
    ended: float
    guess: "asyncio.Task[Transcript] | None"


class Ear:
    """Listens to one user.

    Args:
        source: format of the user's audio.
        voice_activity: this conversation's detector.
        recogniser: speech to text.
        compute: runs the recogniser.
        end_ms: silence that ends a turn.
        onset_ms: voiced time that counts as speech right now.
        clock: the loop's time, in seconds.
        spawn: starts a task of this conversation.
        on_start: the user begins to speak.
        on_end: the user is done.
    """

    def __init__(
        self,
        source: AudioFormat,
        voice_activity: VoiceActivity,
        recogniser: Recogniser,
        compute: Compute,
        *,
        end_ms: int,
        onset_ms: Callable[[], int],
        clock: Callable[[], float],
        spawn: Callable[..., "asyncio.Task[Any]"],
        on_start: Callable[[], None],
        on_end: Callable[[Utterance], None],
    ) -> None:
        self._converter = Converter(source, LISTENING)
        self._voice_activity = voice_activity
        self._recogniser = recogniser
        self._compute = compute
        self._onset_ms = onset_ms
        self._clock = clock
        self._spawn = spawn
        self._on_start = on_start
        self._on_end = on_end
        self._endpointer = Endpointer(end_ms=end_ms)
        self._rest = np.zeros(0, dtype=np.float32)
        self._kept: deque[Samples] = deque()
        self._kept_from = 0
        self._guess: asyncio.Task[Transcript] | None = None
        self._arrived = clock()
        self._voiced_at = self._arrived

    @property
    def speaking(self) -> bool:
        """True while the user is in mid-turn."""
        return self._endpointer.speaking

    async def feed(self, audio: bytes) -> None:
        """Take a frame of the user's audio, of any length."""
        before, self._arrived = self._arrived, self._clock()
        fresh = to_samples(self._converter.feed(audio), LISTENING.encoding)
        heard = np.concatenate((self._rest, fresh)) if self._rest.size else fresh
        whole = len(heard) - len(heard) % VAD_FRAME
        self._rest = heard[whole:]
        for number, start in enumerate(range(0, whole, VAD_FRAME)):
            # In a real-time stream this frame was said so much before its packet came, but not before the packet before.
            said = max(before, self._arrived - (len(heard) - start - VAD_FRAME) / LISTEN_RATE)
            self._frame(heard[start : start + VAD_FRAME], said)
            if number % FRAMES_AT_A_TIME == FRAMES_AT_A_TIME - 1:
                await asyncio.sleep(0)

    def finish(self) -> bool:
        """End the user's turn now; False when there is none."""
        ended = self._endpointer.finish()
        if ended is not None:
            self._end(ended)
        return ended is not None

    async def transcribe(self, utterance: Utterance) -> str:
        """The words of an utterance; "" when it is too short to hold any."""
        if utterance.voiced_ms < SHORTEST_MS:
            return ""
        if utterance.guess is not None:
            return (await utterance.guess).text
        return (await self._compute.run(Urgency.TRANSCRIPT, self._recogniser.transcribe, utterance.samples)).text

    def _frame(self, frame: Samples, said: float) -> None:
        self._kept.append(frame)
        event = self._endpointer.feed(self._voice_activity.feed(frame), onset_ms=self._onset_ms())
        if self._endpointer.voiced_to == self._endpointer.position:
            self._voiced_at = said
        match event:
            case SpeechStarted():
                self._on_start()
            case SpeechPaused():
                self._start_guess()
            case SpeechResumed():
                self._drop_guess()
            case SpeechEnded():
                self._end(event)
            case None:
                self._forget_silence()

    def _end(self, ended: SpeechEnded) -> None:
        utterance = Utterance(
            samples=self._between(ended.start, ended.voiced_to),
            voiced_ms=1000 * ended.voiced / LISTEN_RATE,
            voiced_until=self._voiced_at,
            ended=self._clock(),
            guess=self._guess,
        )
        self._guess = None
        self._on_end(utterance)

    def _start_guess(self) -> None:
        """Recognise what was said so far: if it was all, the words are there when the turn ends."""
        heard = self._between(self._endpointer.keep_from, self._endpointer.voiced_to)
        job = self._compute.run(Urgency.TRANSCRIPT, self._recogniser.transcribe, heard)
        self._guess = self._spawn(job, "guess")

    def _drop_guess(self) -> None:
        if self._guess is not None:
            self._guess.cancel()
            self._guess = None

    def _between(self, start: int, voiced_to: int) -> Samples:
        """The kept audio from ``start`` to ``voiced_to``, with some before and after."""
        first = max(0, start - samples(PRE_ROLL_MS) - self._kept_from)
        last = voiced_to + samples(POST_ROLL_MS) - self._kept_from
        return np.concatenate(tuple(self._kept))[first:last]

    def _forget_silence(self) -> None:
        """Keep the pre-roll of an utterance that may begin now, and what has begun."""
        needed = self._endpointer.keep_from - samples(PRE_ROLL_MS)
        while self._kept and self._kept_from + VAD_FRAME <= needed:
            self._kept.popleft()
            self._kept_from += VAD_FRAME
