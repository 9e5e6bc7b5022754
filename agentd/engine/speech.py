"""Something the agent is to say, and its audio, made ahead of the sending."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import structlog

from agentd.audio.formats import AudioFormat, from_samples
from agentd.audio.resample import RateConverter
from agentd.engine.compute import Compute, Urgency
from agentd.engine.latency import TurnClock
from agentd.engine.playback import Sentence
from agentd.engine.providers import Samples
from agentd.engine.speak.choice import Choice

SYNTHESIS_S: Final = 20.0
"""Longest wait for a clause: hundreds of times what it takes, for a machine that has other things to do."""

_log = structlog.get_logger("agentd.engine")

_NOTHING: Final = np.zeros(0, dtype=np.float32)


class Speech:
    """Something to say: a greeting, a reply as it is thought, an injected message.

    Args:
        clock: of the turn it answers, if it answers one.
        held: nothing of it may go out before ``release``: it answers a turn that may not be over. Its first clause is made
            meanwhile.
    """

    def __init__(self, clock: TurnClock | None = None, *, held: bool = False) -> None:
        self.clock = clock
        self.held = held
        self.sentences: list[Sentence] = []
        self.cut = False
        self.over = asyncio.Event()
        self.on_change: Callable[[], None] = lambda: None
        self._next = 0
        self._complete = False
        self._more = asyncio.Event()

    def say(self, sentence: Sentence) -> None:
        """Add a sentence."""
        self.sentences.append(sentence)
        self._more.set()

    def finish(self) -> None:
        """There is no more to say."""
        self._complete = True
        self._more.set()

    def release(self) -> None:
        """It may go out."""
        self.held = False
        self.on_change()

    def stop(self) -> None:
        """Nobody wants to hear the rest; of a speech that is still held nothing was ever said."""
        self.cut = True
        for sentence in self.sentences:
            if sentence.begin is None and sentence.cut_at is None:
                sentence.cut_at = 0.0
        self._more.set()
        self.over.set()
        self.on_change()

    async def next(self) -> Sentence | None:
        """The next sentence, once there is one; None at the end."""
        while True:
            if self.cut:
                return None
            if self._next < len(self.sentences):
                self._next += 1
                return self.sentences[self._next - 1]
            if self._complete:
                return None
            self._more.clear()
            await self._more.wait()


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a speech on its way to the client.

    Attributes:
        sentence: what it belongs to.
        audio: in the output format; empty at the beginning of a sentence.
        last: nothing of the sentence comes after it.
        failure: what went wrong in a voice; the next one goes on.
    """

    sentence: Sentence
    audio: bytes = b""
    last: bool = False
    failure: str = ""


class Synthesis:
    """Makes the audio of one speech, one clause ahead of whoever takes it.

    Args:
        speech: what to say.
        choices: who says it: the first, or when it fails the next.
        output: format of the audio.
        compute: runs the synthesis.
    """

    def __init__(self, speech: Speech, choices: Sequence[Choice], output: AudioFormat, compute: Compute) -> None:
        self._speech = speech
        self._choices = deque(choices)
        self._output = output
        self._compute = compute
        self._pieces: deque[Piece] = deque()
        self._ended = False
        self._added = asyncio.Event()
        self._taken = asyncio.Event()
        self._begun = False
        self._making = False

    async def next(self) -> Piece | None:
        """The next piece, once it is made; None at the end and after ``close``."""
        while not self._pieces:
            if self._ended:
                return None
            self._added.clear()
            await self._added.wait()
        self._taken.set()
        return self._pieces.popleft()

    def close(self) -> None:
        """What is still to come is not wanted; whoever waits for it is told so."""
        self._pieces.clear()
        self._end()

    async def make(self) -> None:
        """Make the audio; returns when all of it is made, or no voice is left."""
        try:
            while self._choices and (sentence := await self._speech.next()) is not None:
                await self._make(sentence)
        finally:
            self._end()

    @property
    def failed(self) -> bool:
        """True when no voice is left."""
        return not self._choices

    @property
    def busy(self) -> bool:
        """True while a sentence is being made: its audio will come, or a failure."""
        return self._making and not self._pieces

    async def _make(self, sentence: Sentence) -> None:
        if not sentence.text.strip():
            sentence.complete = True
            return
        self._add(Piece(sentence))
        made, self._making = False, True
        while self._choices and not made:
            try:
                clauses = _Clauses(self._choices[0], sentence.text, self._output)
                while (audio := await self._clause(clauses)) is not None:
                    if audio:
                        made = self._begun = True
                        self._add(Piece(sentence, audio))
                        await self._room()
                made = True
            except Exception as error:  # noqa: BLE001 - whatever a model raises, the next voice is tried
                name = self._choices.popleft().voice.name
                _log.warning("synthesis_failed", voice=name, error=repr(error))
                reason = f"took more than {SYNTHESIS_S:g} s" if isinstance(error, TimeoutError) else "failed"
                self._add(Piece(sentence, failure=f"The voice {name} {reason}."))
        self._making = False
        self._add(Piece(sentence, last=True))

    async def _clause(self, clauses: "_Clauses") -> bytes | None:
        async with asyncio.timeout(SYNTHESIS_S):
            return await self._compute.run(self._urgency(), clauses.next)

    def _urgency(self) -> Urgency:
        if self._begun:
            return Urgency.AHEAD
        return Urgency.TRANSCRIPT if self._speech.held else Urgency.FIRST_AUDIO

    async def _room(self) -> None:
        """Wait until the last clause is on its way: one is made while one is sent, and the first words of others come between."""
        while any(piece.audio for piece in self._pieces):
            self._taken.clear()
            await self._taken.wait()

    def _add(self, piece: Piece) -> None:
        if not self._ended:
            self._pieces.append(piece)
            self._added.set()

    def _end(self) -> None:
        self._ended = True
        self._added.set()


class _Clauses:
    """A sentence's audio in the output format, clause by clause; all of its work belongs on a compute thread."""

    def __init__(self, choice: Choice, text: str, output: AudioFormat) -> None:
        self._voice = choice.voice.synthesiser
        self._speed = choice.speed
        self._text = text
        self._output = output
        self._rate = RateConverter(self._voice.sample_rate, output.sample_rate)
        self._clauses: Iterator[Samples] | None = None
        self._ended = False

    def next(self) -> bytes | None:
        """The next clause, an even number of bytes; None after the last."""
        if self._ended:
            return None
        if self._clauses is None:
            self._clauses = self._voice.synthesise(self._text, self._speed)
        clause = next(self._clauses, None)
        self._ended = clause is None
        rest = self._rate.feed(_NOTHING if clause is None else clause, last=self._ended)
        audio = from_samples(rest, self._output.encoding)
        return audio + self._output.silence(len(audio) % 2)
