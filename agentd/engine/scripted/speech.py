"""The peer speaks: text, then audio in frames, at once or in real time, late or ragged where the script wants it."""

import asyncio
import random
from collections.abc import Iterator
from typing import Any, Final

from agentd.audio.formats import AudioFormat, wav_header
from agentd.engine import abilities
from agentd.engine.line import Line
from agentd.engine.scripted.kinds import Say
from agentd.engine.scripted.outlet import Outlet
from agentd.engine.scripted.sound import recording, tone
from agentd.protocol import messages as wire
from agentd.protocol import settings as documents

FRAME_S: Final = 0.1
"""Audio sent at a time."""

SAID_LATENCY_S: Final = 0.1
"""What the script claims for every latency; the numbers are made up, their presence is not."""


class Speech:
    """The voice on one connection.

    Args:
        line: takes the audio.
        outlet: takes the messages.
        full: whether AgentStartedSpeaking is sent.
        seed: of the jitter.
    """

    def __init__(self, line: Line, outlet: Outlet, *, full: bool, seed: int) -> None:
        self._line = line
        self._outlet = outlet
        self._full = full
        self._dice = random.Random(seed)  # noqa: S311 - a script's runs are to be alike
        self._turn = asyncio.Lock()
        self._done_due = False
        self._late_s = 0.0
        self._report: wire.LatencyReport | None = None

    def begin_turn(self, *, spoken: bool) -> None:
        """A user's turn has come: the next speech reports latencies."""
        self._report = wire.LatencyReport(
            stt_latency=SAID_LATENCY_S if spoken else None,
            ttt_text_latency=SAID_LATENCY_S,
            tts_latency=SAID_LATENCY_S,
            total_latency=SAID_LATENCY_S * (3 if spoken else 2),
        )

    async def say(self, step: Say, text: str | None, settings: dict[str, Any]) -> None:
        """Speak a step whose text is filled in; one speech at a time."""
        async with self._turn:
            if text is not None:
                self._outlet.send(wire.ConversationText(role="assistant", content=text))
            self._done_due = step.done
            if step.first_audio_after_s:
                await asyncio.sleep(step.first_audio_after_s)
            self._tell_latencies(step)
            self._late_s = step.late_s
            try:
                await self._send(_frames(step, settings), step, _output(settings))
            finally:
                self._late_s = 0.0

    def done(self) -> None:
        """AgentAudioDone, once for what was said since the last."""
        if self._done_due:
            self._done_due = False
            self._outlet.send(wire.AgentAudioDone())

    def cut(self, settings: dict[str, Any]) -> None:
        """The user speaks: unsent audio is gone, but for what the script wants to come late."""
        self._line.drop_audio()
        if self._late_s:
            for frame in tone(_output(settings), self._late_s, _output(settings).bytes_for(FRAME_S)):
                self._line.send_audio(frame)
        self.done()

    def _tell_latencies(self, step: Say) -> None:
        told = step.latency or {}
        if self._full and (step.audio_s or step.recording):
            ttt = told.get("ttt_text_latency", SAID_LATENCY_S)
            tts = told.get("tts_latency", SAID_LATENCY_S)
            total = told.get("total_latency", ttt + tts)
            self._outlet.send(wire.AgentStartedSpeaking(total_latency=total, tts_latency=tts, ttt_latency=ttt))
        report = wire.LatencyReport.model_validate(told) if told else self._report
        self._report = None
        if report is not None:
            self._outlet.send(report)

    async def _send(self, frames: Iterator[bytes], step: Say, audio: AudioFormat) -> None:
        loop = asyncio.get_running_loop()
        begin, sent = loop.time(), 0
        for frame in frames:
            late_s = self._dice.uniform(0, step.jitter_s) if step.realtime and step.jitter_s else 0.0
            if late_s:
                await asyncio.sleep(begin + audio.duration_s(sent) + late_s - loop.time())
            self._line.send_audio(frame)
            sent += len(frame)
            if step.realtime:
                await asyncio.sleep(begin + audio.duration_s(sent) - loop.time())
            else:
                await self._line.room()


def _frames(step: Say, settings: dict[str, Any]) -> Iterator[bytes]:
    """The audio of a step; a WAV header goes before it, in the first frame, where the client wants that container."""
    audio = _output(settings)
    size = step.frame_bytes or audio.bytes_for(FRAME_S)
    header = wav_header(audio, None) if abilities.container(settings) == "wav" else b""
    for frame in recording(step.recording, audio, size) if step.recording else tone(audio, step.audio_s or 0.0, size):
        yield header + frame
        header = b""


def _output(settings: dict[str, Any]) -> AudioFormat:
    return AudioFormat(*documents.output_format(settings))  # type: ignore[arg-type]
