"""The agent's voice: one queue of speech per conversation, made clause by clause and sent a little ahead of its playback."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from agentd.audio.formats import AudioFormat, wav_header
from agentd.engine.compute import Compute
from agentd.engine.echo import Played
from agentd.engine.latency import SPEAK, THINK, TurnClock
from agentd.engine.line import Hangup, Line
from agentd.engine.memory import Memory
from agentd.engine.playback import Playback, Sentence
from agentd.engine.speak.choice import Choice
from agentd.engine.speech import Piece, Speech, Synthesis
from agentd.protocol.messages import AgentAudioDone, AgentStartedSpeaking, ConversationText, LatencyReport

__all__ = ["Mouth", "Speech"]

FRAME_S: Final = 0.2
"""Agent audio per frame: little enough that a barge-in wastes nothing, enough that a reply is a dozen frames."""

JUST_BEGUN_S: Final = 1.3
"""From a reply's first audio: nobody nods yet, but whoever was not done speaking goes on, noticed after 0.3 s of it."""

LINGERS_S: Final = 0.4
"""How long after its playback the agent's voice may begin to come back."""

ECHO_S: Final = 1.5
"""How long after its playback a sentence may still be recognised in the user's audio: buffers, the room, the utterance's end."""

LATELY: Final = 8
"""Sentences remembered for that."""

TEXT_GAP_S: Final = 0.06
"""Least time between the messages of a reply where AgentStartedSpeaking is among them (``experimental``): the browser demos that
ask for it lose the first of two text frames that come at once (measured: always at 0 ms, never at 60). Synthesis goes on
meanwhile; without ``experimental`` nothing waits."""

LEAST_LATENCY_S: Final = 0.001
"""Told of a stage that took no time: the browser demos take a 0 for unknown and show nothing."""

SLOW_SPEAK_S: Final = 5.0
"""Wait for a piece of speech after which the client is told that it takes long."""

MAX_QUEUED: Final = 64
"""Speeches that may wait; more injected messages than that are refused."""


class Mouth:
    """Says one speech after the other: nothing overtakes, nothing overlaps.

    Args:
        line: to the client.
        memory: is told what was said.
        compute: runs the synthesis.
        choices: who speaks: the first, or when it fails the next.
        output: format of the agent's audio.
        container: each reply begins with a WAV header when this is "wav".
        experimental: announce each reply's first audio by AgentStartedSpeaking.
        ahead_s: how far audio may be sent ahead of its playback.
        clock: the loop's time, in seconds.
    """

    def __init__(
        self,
        line: Line,
        memory: Memory,
        compute: Compute,
        choices: Sequence[Choice],
        *,
        output: AudioFormat,
        container: str,
        experimental: bool,
        ahead_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._line = line
        self._memory = memory
        self._compute = compute
        self._choices = choices
        self._output = output
        self._wav = container == "wav"
        self._experimental = experimental
        self._ahead_s = ahead_s
        self._clock = clock
        self._frame_bytes = max(2, output.bytes_for(min(FRAME_S, ahead_s / 2)) // 2 * 2)
        self._playback = Playback()
        self._begun_at = -JUST_BEGUN_S
        self.played = Played(output)
        self._queue: deque[Speech] = deque()
        self._queued = asyncio.Event()
        self._current: Speech | None = None
        self._making: dict[Speech, tuple[Synthesis, asyncio.Task[None]]] = {}
        self._recent: deque[Sentence] = deque()
        self._lately: deque[Sentence] = deque(maxlen=LATELY)
        self._done_owed = False
        self._reports: list[LatencyReport] = []

    def use(self, choices: Sequence[Choice]) -> None:
        """Speak by these voices from the next speech on; the one that is being said is finished as it began."""
        self._choices = choices

    def speaking(self) -> bool:
        """True while the user hears the agent, or is about to: judged by playback, not by what is sent."""
        return self._done_owed or self._playback.playing(self._clock())

    def heard(self) -> bool:
        """True while audio that went out is played; what is only told in text can still have something said before or behind."""
        return self._playback.playing(self._clock())

    def just_begun(self) -> bool:
        """True while the user has heard so little of a reply that what they say now went on before it, or means to."""
        return self._clock() - self._begun_at < JUST_BEGUN_S

    def audible(self) -> bool:
        """True while the user's microphone may pick up what was said last: buffers and rooms return it a moment late."""
        return self._playback.playing(self._clock() - LINGERS_S)

    def said_lately(self) -> str:
        """The words that the user's microphone may pick up now: those that are played, and those of a moment ago."""
        now = self._clock()
        return " ".join(
            sentence.text
            for sentence in self._lately
            if sentence.begin is not None and sentence.begin <= now <= sentence.end + ECHO_S
        )

    @property
    def full(self) -> bool:
        """True when no more speech should be added."""
        return len(self._queue) >= MAX_QUEUED

    def add(self, speech: Speech) -> None:
        """Queue a speech; it may still grow. One that is held lets others pass until it is released."""
        speech.on_change = self._queued.set
        self._queue.append(speech)
        if speech.held:
            self._make(speech)
        self._queued.set()

    def say(self, text: str, speech: Speech | None = None) -> Speech:
        """Queue one complete text, as a speech of its own unless one is given, and remember it."""
        speech = speech or Speech()
        sentence = Sentence(text if text.strip() else "")
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
        self.played.cut(now)
        self._line.drop_audio()
        stopped = [self._current, *self._queue] if self._current is not None else list(self._queue)
        self._queue.clear()
        for speech in stopped:
            for sentence in speech.sentences:
                if sentence.cut_at is None and not (sentence.complete and sentence.end <= now):
                    sentence.cut_at = now
            speech.stop()
            self._unmake(speech)
        self._audio_done()
        for speech in stopped:
            self._memory.agent_said(speech.sentences)

    async def run(self) -> None:
        """Speak until cancelled."""
        while True:
            while (speech := self._pick()) is not None:
                self._current = speech
                await self._speak(speech)
                self._current = None
            self._queued.clear()
            await self._queued.wait()

    def _pick(self) -> Speech | None:
        """Take the first speech that may go out from the queue, and those that were stopped."""
        for speech in list(self._queue):
            if speech.cut:
                self._queue.remove(speech)
                self._unmake(speech)
            elif not speech.held:
                self._queue.remove(speech)
                return speech
        return None

    def _make(self, speech: Speech) -> Synthesis:
        """The speech's audio, which is being made from now on if it is not already."""
        if speech not in self._making:
            synthesis = Synthesis(speech, self._choices, self._output, self._compute)
            self._making[speech] = synthesis, self._line.spawn(synthesis.make(), "synthesis")
        return self._making[speech][0]

    def _unmake(self, speech: Speech) -> None:
        if speech in self._making:
            synthesis, task = self._making.pop(speech)
            synthesis.close()
            task.cancel()

    async def _speak(self, speech: Speech) -> None:
        reply = _Reply(speech, self._clock())
        synthesis = self._make(speech)
        try:
            while not speech.cut and (piece := await self._next(synthesis)) is not None:
                await self._utter(piece, reply)
        finally:
            self._unmake(speech)
        if synthesis.failed and not speech.cut:
            raise Hangup.failed("FAILED_TO_SPEAK", "No voice could say it.")
        if reply.sentence is not None and not reply.started and not speech.cut:
            self._note_latencies(reply)  # nothing in it could be heard
        await self._apart(speech)
        if speech.cut or not any(not waiting.held for waiting in self._queue):
            self._audio_done()  # of a speech that was cut it usually went out with the cut
        if not speech.cut:
            self._memory.agent_said(speech.sentences)
            speech.over.set()

    async def _next(self, synthesis: Synthesis) -> Piece | None:
        """The next piece of a speech; the client is told when it is long in coming although there is something to say."""
        loop = asyncio.get_running_loop()
        slow = loop.call_later(SLOW_SPEAK_S, self._tell_slow) if synthesis.busy else None
        try:
            return await synthesis.next()
        finally:
            if slow is not None:
                slow.cancel()

    def _tell_slow(self) -> None:
        self._line.warn("SLOW_SPEAK_REQUEST", "The speech takes long to be made.")

    async def _utter(self, piece: Piece, reply: "_Reply") -> None:
        """One piece: the text of a sentence before its audio, then the audio."""
        if piece.sentence is not reply.sentence:
            await self._apart(reply.speech)
            if reply.speech.cut:
                return
            reply.sentence = piece.sentence
            self._done_owed = True
            self._recent.append(piece.sentence)
            self._lately.append(piece.sentence)
            self._line.send(ConversationText(role="assistant", content=piece.sentence.text))
        if piece.failure:
            self._line.warn("SPEAK_REQUEST_FAILED", piece.failure)
        if piece.audio:
            header = b"" if reply.started else await self._begin(reply)
            await self._send(header, piece, reply.speech)
        if piece.last and not reply.speech.cut:
            piece.sentence.complete = True
            self._forget_played()

    async def _begin(self, reply: "_Reply") -> bytes:
        """The first audio of a reply is there: the latencies are known now. What goes before the audio."""
        reply.started = True
        await self._apart(reply.speech)
        if reply.speech.cut:
            return b""
        clock = self._note_latencies(reply)
        if self._experimental:
            tts = self._clock() - reply.began if clock is None else clock.part_s(SPEAK)
            self._line.send(
                AgentStartedSpeaking(
                    total_latency=round(tts if clock is None else clock.total_s, 4),
                    tts_latency=round(max(LEAST_LATENCY_S, tts), 4),
                    ttt_latency=round(max(LEAST_LATENCY_S, 0.0 if clock is None else clock.part_s(THINK)), 4),
                )
            )
        return wav_header(self._output, None) if self._wav else b""

    def _note_latencies(self, reply: "_Reply") -> TurnClock | None:
        """Stop the turn's clock, whose report goes out after the reply; None when it was stopped before or there is none."""
        clock = reply.speech.clock
        if clock is None or not clock.running:
            return None
        clock.stop(self._clock())
        self._reports.append(clock.report())
        return clock

    async def _send(self, header: bytes, piece: Piece, speech: Speech) -> None:
        """Send audio in frames, each no more than the permitted time before it is heard."""
        for start in range(0, len(piece.audio), self._frame_bytes):
            frame = piece.audio[start : start + self._frame_bytes]
            seconds = self._output.duration_s(len(frame))
            await self._wait(speech, self._playback.due(seconds, self._ahead_s))
            await self._line.room()
            if speech.cut:
                return
            self._line.send_audio(header + frame)
            header = b""
            now = self._clock()
            if not self._playback.playing(now):
                self._begun_at = now
            begin, end = self._playback.sent(seconds, now)
            piece.sentence.note(begin, end)
            self.played.note(frame, begin, now)

    async def _apart(self, speech: Speech) -> None:
        """Wait until the last message is far enough away for another, where the client wants more of them than others get."""
        if self._experimental:
            await self._wait(speech, self._line.last_text_at + TEXT_GAP_S)

    async def _wait(self, speech: Speech, until: float) -> None:
        """Wait for a time by the clock, or until the speech is cut."""
        seconds = until - self._clock()
        if seconds > 0 and not speech.cut:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await speech.over.wait()

    def _audio_done(self) -> None:
        if self._done_owed:
            self._done_owed = False
            self._line.send(AgentAudioDone())
        for report in self._reports:
            self._line.note(report)
        self._reports.clear()

    def _forget_played(self) -> None:
        now = self._clock()
        while self._recent and self._recent[0].complete and self._recent[0].end <= now:
            self._recent.popleft()


class _Reply:
    """A speech on its way out."""

    def __init__(self, speech: Speech, began: float) -> None:
        self.speech = speech
        self.began = began
        self.sentence: Sentence | None = None
        self.started = False
