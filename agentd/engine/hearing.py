"""The agent's ear: user audio to utterances, recognised already during the silence that may be their end."""

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np

from agentd.audio.formats import AudioFormat, to_samples
from agentd.audio.resample import Converter
from agentd.engine.compute import Compute, Urgency
from agentd.engine.echo import SAME, SIMILAR, Played, Reference
from agentd.engine.endpointing import (
    ONSET_MS,
    Endpointer,
    SpeechEnded,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    samples,
)
from agentd.engine.patience import Patience
from agentd.engine.providers import LISTEN_RATE, VAD_FRAME, Ending, Recogniser, Samples, Transcript, VoiceActivity
from agentd.engine.utterance import Listener, Utterance, Words

PRE_ROLL_MS: Final = 500
"""Audio before the first voiced frame that the recogniser hears too: soft consonants are voiced late."""

POST_ROLL_MS: Final = 200
"""Audio after the last voiced frame that it hears."""

RECHECK_MS: Final = 128
"""Further voiced time after which doubtful speech is recognised again."""

DECIDED_MS: Final = 480
"""Voiced time from which speech that is somewhat like the agent's is judged by its words."""

SETTLED_MS: Final = 6000
"""Speech before a pause from which its words stay as they are: what follows is recognised alone, so that the words of a long
utterance are there as soon after its end as those of a short one."""

STARVED_S: Final = 1.0
"""Without audio for so long in mid-utterance, silence is assumed: push-to-talk clients stop sending when the key is let go."""

FRAMES_AT_A_TIME: Final = 16
"""Frames between two looks at the other tasks: 16 of 0.15 ms each."""

LISTENING: Final = AudioFormat("linear16", LISTEN_RATE)


class _Guess:
    """The recognition of an utterance as far as it was said: ``voiced_to`` samples of the stream."""

    def __init__(self, voiced_to: int, *, doubtful: bool) -> None:
        self.voiced_to = voiced_to
        self.doubtful = doubtful
        self.transcript: Transcript | None = None
        self.task: asyncio.Task[Words] | None = None


class Ear:
    """Listens to one user.

    Args:
        source: format of the user's audio.
        voice_activity: this conversation's detector.
        recogniser: speech to text.
        compute: runs the recogniser.
        patience: how long silences may last; may be replaced at any time.
        barge_in_ms: voiced time that counts as speech while the agent is heard.
        clock: the loop's time, in seconds.
        spawn: starts a task of this conversation.
        played: the agent's audio, which may come back as an echo.
        listener: is told and asked.
    """

    def __init__(
        self,
        source: AudioFormat,
        voice_activity: VoiceActivity,
        recogniser: Recogniser,
        compute: Compute,
        *,
        patience: Patience,
        barge_in_ms: int,
        clock: Callable[[], float],
        spawn: Callable[..., "asyncio.Task[Any]"],
        played: Played,
        listener: Listener,
    ) -> None:
        self.patience = patience
        self._converter = Converter(source, LISTENING)
        self._voice_activity = voice_activity
        self._recogniser = recogniser
        self._compute = compute
        self._barge_in_ms = max(ONSET_MS, barge_in_ms)
        self._clock = clock
        self._spawn = spawn
        self._played = played
        self._listener = listener
        self._endpointer = Endpointer(end_ms=patience.longest_ms)
        self._rest = np.zeros(0, dtype=np.float32)
        self._kept: deque[Samples] = deque()
        self._kept_from = 0
        self._guess: _Guess | None = None
        self._settled: list[str] = []
        self._settled_to = 0
        self._doubtful = False
        self._goes_on = False
        self._checked_ms = 0.0
        self._eager_ms: float | None = None
        self._told_done = False
        self._starving: asyncio.Task[None] | None = None
        self._arrived = clock()
        self._voiced_at = self._arrived

    @property
    def speaking(self) -> bool:
        """True while the user is in mid-turn, for all that is known."""
        return self._endpointer.speaking and not self._doubtful

    async def feed(self, audio: bytes) -> None:
        """Take a frame of the user's audio, of any length."""
        if self._starving is not None:
            self._starving.cancel()
            self._starving = None
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
        if self._endpointer.speaking:
            self._starving = self._spawn(self._go_silent(), "silence")

    def finish(self) -> bool:
        """End the user's turn now; False when there is none."""
        ended = self._endpointer.finish() if self.speaking else None
        if ended is not None:
            self._end(ended)
        return ended is not None

    # -- frames -----------------------------------------------------------------------------------------------------

    def _frame(self, frame: Samples, said: float) -> None:
        self._kept.append(frame)
        if not self._endpointer.speaking:
            self._doubtful = self._listener.guarded()
        event = self._endpointer.feed(
            self._voice_activity.feed(frame), onset_ms=self._barge_in_ms if self._doubtful else ONSET_MS
        )
        if self._endpointer.voiced_to == self._endpointer.position:
            self._voiced_at = said
        match event:
            case SpeechStarted():
                self._start()
            case SpeechPaused():
                self._recognise()
            case SpeechResumed():
                self._resume()
            case SpeechEnded():
                self._end(event)
            case None if self._endpointer.speaking:
                self._go_on()
            case None:
                self._forget_silence()

    def _start(self) -> None:
        self._endpointer.end_ms = self.patience.longest_ms
        self._eager_ms, self._told_done = None, False
        self._goes_on = self._doubtful and self._listener.expects_more()
        if self._doubtful:
            self._recognise()
        else:
            self._listener.started()

    def _go_on(self) -> None:
        """In mid-utterance, or in a pause of it."""
        endpointer, guess = self._endpointer, self._guess
        if endpointer.paused:
            known = guess.transcript if guess is not None else None
            if known is not None and self._eager_ms is not None and endpointer.silence_ms >= self._eager_ms:
                self._eager_ms, self._told_done = None, True
                self._listener.seems_done(known)
        elif (
            self._doubtful
            and endpointer.voiced_ms - self._checked_ms >= RECHECK_MS
            and (guess is None or guess.transcript is not None)
        ):
            self._recognise()

    def _resume(self) -> None:
        """It was a pause. The words before it are kept when there are enough of them, else recognised anew with the rest."""
        guess = self._guess
        if guess is not None and guess.transcript is not None and guess.voiced_to - self._from >= samples(SETTLED_MS):
            self._settled.append(guess.transcript.text)
            self._settled_to = guess.voiced_to + samples(PRE_ROLL_MS + POST_ROLL_MS // 2)
        self._drop_guess()
        self._endpointer.end_ms = self.patience.longest_ms
        self._eager_ms = None
        if self._told_done:
            self._told_done = False
            self._listener.resumed()

    def _end(self, ended: SpeechEnded) -> None:
        if self._guess is None or self._guess.voiced_to != ended.voiced_to:
            self._recognise(ended.start, ended.voiced_to)
        guess, self._guess = self._guess, None
        if guess is None or guess.task is None:
            raise AssertionError("an utterance that has ended is being recognised")
        utterance = Utterance(self._voiced_at, self._clock(), self._doubtful, guess.task)
        self._settled, self._settled_to = [], 0
        self._told_done = False
        self._listener.done(utterance)

    async def _go_silent(self) -> None:
        """The client stopped sending in mid-utterance: go on with silence, as fast as it would have come."""
        await asyncio.sleep(STARVED_S)
        silence = np.zeros(VAD_FRAME, dtype=np.float32)
        while self._endpointer.speaking:
            self._frame(silence, self._clock())
            await asyncio.sleep(VAD_FRAME / LISTEN_RATE)

    # -- words ------------------------------------------------------------------------------------------------------

    @property
    def _from(self) -> int:
        """First sample whose words are not settled."""
        return max(self._endpointer.keep_from, self._settled_to)

    def _recognise(self, start: int | None = None, voiced_to: int | None = None) -> None:
        """Recognise what was said so far: if it was all, the words are there when the turn ends."""
        self._drop_guess()
        start = self._from if start is None else max(start, self._settled_to)
        guess = _Guess(self._endpointer.voiced_to if voiced_to is None else voiced_to, doubtful=self._doubtful)
        self._checked_ms = self._endpointer.voiced_ms
        heard = self._between(start, guess.voiced_to)
        guess.task = self._spawn(self._transcribe(guess, heard, tuple(self._settled)), "words")
        self._guess = guess

    async def _transcribe(self, guess: _Guess, heard: Samples, settled: tuple[str, ...]) -> Words:
        vocabulary = self._listener.vocabulary()
        if guess.doubtful:
            reference = self._played.before(self._arrived - len(self._rest) / LISTEN_RATE)
            goes_on = self._goes_on
            words = await self._compute.run(Urgency.TRANSCRIPT, self._hear_past_echo, heard, reference, vocabulary)
            words = replace(words, goes_on=goes_on)
        else:
            words = Words(await self._compute.run(Urgency.TRANSCRIPT, self._recogniser.transcribe, heard, vocabulary))
        if settled:
            text = " ".join((*settled, words.transcript.text)).strip()
            words = replace(words, transcript=Transcript(text, words.transcript.confidence))
        guess.transcript = words.transcript
        if guess is self._guess:
            self._recognised(words)
        return words

    def _hear_past_echo(self, heard: Samples, reference: Reference, vocabulary: tuple[str, ...]) -> Words:
        """The words, unless the agent's own voice is all there is. On a compute thread."""
        likeness = reference.likeness(heard)
        nothing_else = likeness >= SAME
        return Words(Transcript("", 0.0) if nothing_else else self._recogniser.transcribe(heard, vocabulary), likeness)

    def _recognised(self, words: Words) -> None:
        """The words of the utterance so far are known, while it goes on or pauses."""
        if self._doubtful and words.likeness >= SAME:
            self._settled_to = self._endpointer.position  # whoever may speak next has not begun before this
        elif self._doubtful and not self._undecided(words) and self._listener.takes_word(words):
            self._doubtful = False
            self._listener.started()
        if not self._endpointer.paused:
            return
        if self._doubtful or not words.transcript.text:
            self._endpointer.end_ms = self.patience.wait_ms(Ending.CLOSED)
            return
        ending = self._listener.judge(words.transcript)
        self._endpointer.end_ms = self.patience.wait_ms(ending)
        eager_ms = self.patience.eager_ms(ending)
        self._eager_ms = eager_ms if eager_ms is not None and math.isfinite(eager_ms) else None

    def _undecided(self, words: Words) -> bool:
        """Whether so little was heard that it may still turn out to be the agent's voice."""
        return words.likeness >= SIMILAR and self._endpointer.voiced_ms < DECIDED_MS

    def _drop_guess(self) -> None:
        if self._guess is not None and self._guess.task is not None:
            self._guess.task.cancel()
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
