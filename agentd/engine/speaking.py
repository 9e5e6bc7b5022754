"""The agent's voice: one queue of speech per conversation, synthesised clause by clause and sent as soon as it is made."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from agentd.audio.formats import AudioFormat, from_samples, wav_header
from agentd.audio.resample import RateConverter
from agentd.engine.compute import Compute, Urgency
from agentd.engine.latency import SPEAK, THINK, TurnClock
from agentd.engine.line import Line
from agentd.engine.memory import Memory
from agentd.engine.playback import Playback, Sentence
from agentd.engine.providers import Samples, Synthesiser
from agentd.protocol.messages import AgentAudioDone, AgentStartedSpeaking, ConversationText

FRAME_S: Final = 0.2
"""Agent audio per frame: little enough that a barge-in wastes nothing, enough that a reply is a dozen frames."""

MAX_QUEUED: Final = 64
"""Speeches that may wait; more injected messages than that are refused."""

_NOTHING: Final = np.zeros(0, dtype=np.float32)


class Speech:
    """Something to say: a greeting, a reply as it is thought, an injected message.

    Args:
        clock: of the turn it answers, if it answers one.
    """

    def __init__(self, clock: TurnClock | None = None) -> None:
        self.clock = clock
        self.sentences: list[Sentence] = []
        self.cut = False
        self.over = asyncio.Event()
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

    def stop(self) -> None:
        """Nobody wants to hear the rest."""
        self.cut = True
        self._more.set()
        self.over.set()

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


class Mouth:
    """Says one speech after the other: nothing overtakes, nothing overlaps.

    Args:
        line: to the client.
        memory: is told what was said.
        compute: runs the synthesis.
        voice: the synthesiser.
        output: format of the agent's audio.
        container: each reply begins with a WAV header when this is "wav".
        experimental: announce each reply's first audio by AgentStartedSpeaking.
        clock: the loop's time, in seconds.
    """

    def __init__(
        self,
        line: Line,
        memory: Memory,
        compute: Compute,
        voice: Synthesiser,
        *,
        output: AudioFormat,
        container: str,
        experimental: bool,
        clock: Callable[[], float],
    ) -> None:
        self._line = line
        self._memory = memory
        self._compute = compute
        self._voice = voice
        self._output = output
        self._wav = container == "wav"
        self._experimental = experimental
        self._clock = clock
        self._playback = Playback()
        self._queue: deque[Speech] = deque()
        self._queued = asyncio.Event()
        self._current: Speech | None = None
        self._recent: deque[Sentence] = deque()
        self._done_owed = False

    def speaking(self) -> bool:
        """True while the user hears the agent, or is about to: judged by playback, not by what is sent."""
        return self._done_owed or self._playback.playing(self._clock())

    @property
    def full(self) -> bool:
        """True when no more speech should be added."""
        return len(self._queue) >= MAX_QUEUED

    def add(self, speech: Speech) -> None:
        """Queue a speech; it may still grow."""
        self._queue.append(speech)
        self._queued.set()

    def say(self, text: str) -> Speech:
        """Queue one complete text, and remember it."""
        speech = Speech()
        sentence = Sentence(text)
        self._memory.agent_says(sentence)
        speech.say(sentence)
        speech.finish()
        self.add(speech)
        return speech

    def cut(self) -> None:
        """Be silent at once: unsent audio is dropped, queued speech forgotten, and what was heard is kept.

        AgentAudioDone comes for a reply that was being sent, so that clients see its end.
        """
        now = self._clock()
        for sentence in self._recent:
            if sentence.cut_at is None and not (sentence.complete and sentence.end <= now):
                sentence.cut_at = now
        self._recent.clear()
        self._playback.cut(now)
        self._line.drop_audio()
        stopped = [self._current, *self._queue] if self._current is not None else list(self._queue)
        self._queue.clear()
        for speech in stopped:
            for sentence in speech.sentences:
                if sentence.cut_at is None and not (sentence.complete and sentence.end <= now):
                    sentence.cut_at = now
            speech.stop()
        self._audio_done()
        for speech in stopped:
            self._memory.agent_said(speech.sentences)

    async def run(self) -> None:
        """Speak until cancelled."""
        while True:
            while self._queue:
                self._current = self._queue.popleft()
                await self._speak(self._current)
                self._current = None
            self._queued.clear()
            await self._queued.wait()

    async def _speak(self, speech: Speech) -> None:
        began = self._clock()
        out = _Reply(speech, began)
        while (sentence := await speech.next()) is not None:
            await self._say(sentence, out)
        if speech.cut:
            return
        if not self._queue:
            self._audio_done()
        self._memory.agent_said(speech.sentences)
        speech.over.set()

    async def _say(self, sentence: Sentence, reply: "_Reply") -> None:
        """One sentence: its text, then its audio."""
        if not sentence.text.strip():
            sentence.complete = True
            return
        self._done_owed = True
        self._recent.append(sentence)
        self._line.send(ConversationText(role="assistant", content=sentence.text))
        pieces = _Pieces(self._voice, sentence.text, self._output)
        urgency = Urgency.AHEAD if reply.started else Urgency.FIRST_AUDIO
        while (audio := await self._compute.run(urgency, pieces.next)) is not None:
            if reply.speech.cut:
                return
            if not reply.started and audio:
                audio = self._begin(reply) + audio
            await self._send(audio, sentence, reply)
            urgency = Urgency.AHEAD
        sentence.complete = True
        self._forget_played()

    def _begin(self, reply: "_Reply") -> bytes:
        """The first audio of a reply: the latencies are known now."""
        reply.started = True
        now = self._clock()
        clock = reply.speech.clock if reply.speech.clock is not None and reply.speech.clock.running else None
        if clock is not None:
            clock.stop(now)
        if self._experimental:
            tts = now - reply.began if clock is None else clock.part_s(SPEAK)
            self._line.send(
                AgentStartedSpeaking(
                    total_latency=round(tts if clock is None else clock.total_s, 4),
                    tts_latency=round(tts, 4),
                    ttt_latency=round(0.0 if clock is None else clock.part_s(THINK), 4),
                )
            )
        if clock is not None:
            self._line.send(clock.report())
        return wav_header(self._output, None) if self._wav else b""

    async def _send(self, audio: bytes, sentence: Sentence, reply: "_Reply") -> None:
        step = self._output.bytes_for(FRAME_S)
        for start in range(0, len(audio), step):
            frame = audio[start : start + step]
            await self._line.room()
            if reply.speech.cut:
                return
            self._line.send_audio(frame)
            sentence.note(*self._playback.sent(self._output.duration_s(len(frame)), self._clock()))

    def _audio_done(self) -> None:
        if self._done_owed:
            self._done_owed = False
            self._line.send(AgentAudioDone())

    def _forget_played(self) -> None:
        now = self._clock()
        while self._recent and self._recent[0].complete and self._recent[0].end <= now:
            self._recent.popleft()


class _Reply:
    """A speech on its way out."""

    def __init__(self, speech: Speech, began: float) -> None:
        self.speech = speech
        self.began = began
        self.started = False


class _Pieces:
    """A sentence's audio in the output format, piece by piece; all of its work belongs on a compute thread."""

    def __init__(self, voice: Synthesiser, text: str, output: AudioFormat) -> None:
        self._clauses: Iterator[Samples] = voice.synthesise(text)
        self._rate = RateConverter(voice.sample_rate, output.sample_rate)
        self._encoding = output.encoding
        self._ended = False

    def next(self) -> bytes | None:
        """The next piece; None after the last."""
        if self._ended:
            return None
        clause = next(self._clauses, None)
        self._ended = clause is None
        rest = self._rate.feed(_NOTHING if clause is None else clause, last=self._ended)
        return from_samples(rest, self._encoding)
