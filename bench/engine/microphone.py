"""A microphone that never stops: frames in real time, what is said laid over the room, the agent's own sound if asked for.

A frame goes out once its last sample was "recorded", as from a sound card; so the instant at which any sample was spoken is
known to the microsecond, and latencies are counted from there.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from agentd.audio.formats import AudioFormat, from_samples
from agentd.audio.resample import Converter
from agentd.engine.providers import LISTEN_RATE, Samples

FRAME_S: Final = 0.02
"""What a frame holds: telephones and browsers send as much."""

NATIVE: Final = AudioFormat("linear16", LISTEN_RATE)


@dataclass(frozen=True, slots=True)
class Said:
    """Something that was said into the microphone.

    Attributes:
        began: when its first sample was spoken, by the loop's clock.
    """

    began: float

    def instant(self, sample: int) -> float:
        """When the sample of that number was spoken."""
        return self.began + sample / LISTEN_RATE


class Microphone:
    """Streams one user's sound.

    Args:
        send: takes a frame.
        room: is heard all the time, again and again.
        echo: gives so many samples of what the loudspeaker plays from an instant on, as the microphone hears it; or None.
        frame_s: length of a frame.
        audio: format of the frames.
    """

    def __init__(
        self,
        send: Callable[[bytes], Awaitable[None]],
        *,
        room: Samples,
        echo: Callable[[float, int], Samples] | None = None,
        frame_s: float = FRAME_S,
        audio: AudioFormat = NATIVE,
    ) -> None:
        self._send = send
        self._length = round(frame_s * LISTEN_RATE)
        self._room = np.concatenate((room, room[: self._length]))
        self._echo = echo
        self._frame_s = frame_s
        self._converter = Converter(NATIVE, audio)
        self._sound = np.zeros(0, dtype=np.float32)
        self._begun: asyncio.Future[float] | None = None
        self._done = asyncio.Event()
        self._done.set()
        self.sent_s = 0.0

    async def say(self, sound: Samples) -> Said:
        """Begin to say something with the next frame, in place of the room's own sound."""
        await self._done.wait()
        self._sound = sound
        self._begun = asyncio.get_running_loop().create_future()
        self._done.clear()
        return Said(await self._begun)

    async def silent(self) -> None:
        """Wait until what is being said is over."""
        await self._done.wait()

    async def run(self) -> None:
        """Stream until cancelled."""
        loop = asyncio.get_running_loop()
        length = self._length
        began = loop.time()
        number = at = 0
        while True:
            spoken = began + number * self._frame_s
            if self._begun is not None and not self._begun.done():
                self._begun.set_result(spoken)
                at = 0
            start = number * length % (len(self._room) - length)
            frame = self._room[start : start + length]
            if len(self._sound):
                part = self._sound[at : at + length]
                frame = np.concatenate((part, frame[len(part) :]))
                at += length
                if at >= len(self._sound):
                    self._sound = self._sound[:0]
                    self._done.set()
            if self._echo is not None:
                frame = frame + self._echo(spoken, length)
            number += 1
            await asyncio.sleep(max(0.0, began + number * self._frame_s - loop.time()))
            await self._send(self._converter.feed(from_samples(frame, NATIVE.encoding)))
            self.sent_s += self._frame_s
