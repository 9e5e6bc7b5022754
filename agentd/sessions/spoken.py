"""What the agent said in a turn, cut out of the recording: the place was noted when the turn was written."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from agentd.audio.formats import AudioFormat
from agentd.audio.tape_file import FRAME_BYTES, TapeReader
from agentd.sessions.runs import Run
from agentd.sessions.views import AUDIO_AT, AUDIO_S
from agentd.store import Store

PIECE_BYTES: Final = 1 << 19
"""What is decoded at a time, as stereo: 5 s at 24 kHz."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A span of the agent's side of a recording, mono linear16.

    Attributes:
        start, end: bytes of the recording as stereo.
    """

    tape: TapeReader
    start: int
    end: int

    @property
    def format(self) -> AudioFormat:
        """What comes out."""
        return AudioFormat("linear16", self.tape.sample_rate)

    @property
    def pcm_bytes(self) -> int:
        """Its length."""
        return (self.end - self.start) // 2

    async def piece(self, at: int) -> bytes:
        """The next piece from byte ``at`` of what comes out; empty at the end, or when the recording was erased."""
        first = self.start + at * 2
        if first >= self.end:
            return b""
        try:
            both = await asyncio.to_thread(self.tape.pcm, first, min(first + PIECE_BYTES, self.end))
        except FileNotFoundError:
            return b""
        agent = bytearray(len(both) // 2)
        agent[0::2], agent[1::2] = both[2::4], both[3::4]
        return bytes(agent)


async def spoken(run: Run, store: Store, n: int) -> Spoken | None:
    """The agent's speech of turn ``n``; None when nothing was said, it was not recorded, or it is no longer kept."""
    turn = await store.turn(run.run_id, n)
    path = await asyncio.to_thread(store.recordings.find, run.run_id)
    if turn is None or path is None or not turn.get(AUDIO_S):
        return None
    try:
        tape = await asyncio.to_thread(TapeReader.open, path)
    except (FileNotFoundError, ValueError):
        return None
    began = datetime.fromisoformat(tape.started).timestamp()
    start = max(0, round((turn[AUDIO_AT] - began) * tape.sample_rate)) * FRAME_BYTES
    end = min(tape.pcm_bytes, start + round(turn[AUDIO_S] * tape.sample_rate) * FRAME_BYTES)
    return Spoken(tape, start, end) if start < end else None
