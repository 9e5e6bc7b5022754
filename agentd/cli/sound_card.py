"""The microphone and the speaker of this machine, through PortAudio (extra ``audio``)."""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, Final

from agentd.cli.talk import FRAME_BYTES, RATE
from agentd.errors import AgentdError

_WAITING_FRAMES: Final = 50
"""A second of the microphone may wait for a slow network; then the oldest goes."""
_LONGEST_BYTES: Final = 2 * RATE * 300
"""Five minutes of the agent: what comes on top is not played."""


class NoSoundCard(AgentdError):
    """There is no usable sound. The command line's own: it never travels over HTTP."""


def _library() -> Any:
    try:
        import sounddevice
    except ModuleNotFoundError:
        raise NoSoundCard("`agentd talk` needs the audio extra: pip install 'agentd[audio]'.") from None
    except OSError:
        raise NoSoundCard("PortAudio is missing: on Debian and Ubuntu, apt-get install libportaudio2.") from None
    return sounddevice


def devices() -> str:
    """The sound devices of this machine, one a line, with their numbers."""
    return str(_library().query_devices())


class CardMicrophone:
    """Frames come on PortAudio's thread and wait for the event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._frames: deque[bytes] = deque(maxlen=_WAITING_FRAMES)
        self._something = asyncio.Event()

    def callback(self, samples: Any, _frames: int, _time: object, _status: object) -> None:
        """PortAudio has the next frame."""
        self._loop.call_soon_threadsafe(self._take, bytes(samples))

    async def frames(self) -> AsyncIterator[bytes]:
        """See ``Microphone``."""
        while True:
            while not self._frames:
                self._something.clear()
                await self._something.wait()
            yield self._frames.popleft()

    def _take(self, frame: bytes) -> None:
        self._frames.append(frame)
        self._something.set()


class CardSpeaker:
    """What waits is fetched by PortAudio's thread; gaps are silence."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting = bytearray()

    def callback(self, samples: Any, _frames: int, _time: object, _status: object) -> None:
        """PortAudio wants the next frame."""
        with self._lock:
            pcm = self._waiting[: len(samples)]
            del self._waiting[: len(samples)]
        samples[:] = bytes(pcm).ljust(len(samples), b"\0")

    def play(self, pcm: bytes) -> None:
        """See ``Speaker``."""
        with self._lock:
            if len(self._waiting) + len(pcm) <= _LONGEST_BYTES:
                self._waiting += pcm

    def cut(self) -> None:
        """See ``Speaker``."""
        with self._lock:
            self._waiting.clear()

    @property
    def playing(self) -> bool:
        """See ``Speaker``."""
        with self._lock:
            return bool(self._waiting)


@contextmanager
def sound_card(*, microphone: str | None = None, speaker: str | None = None) -> Iterator[tuple[CardMicrophone, CardSpeaker]]:
    """The devices, open until the block is left.

    Args:
        microphone, speaker: number or part of the name of a device; None: the machine's default.

    Raises:
        NoSoundCard: there is none, or it does not take 16 kHz mono.
    """
    library = _library()
    heard, said = CardMicrophone(), CardSpeaker()
    shape = {"samplerate": RATE, "channels": 1, "dtype": "int16", "blocksize": FRAME_BYTES // 2}
    try:
        with (
            library.RawInputStream(callback=heard.callback, device=_device(microphone), **shape),
            library.RawOutputStream(callback=said.callback, device=_device(speaker), **shape),
        ):
            yield heard, said
    except (library.PortAudioError, ValueError) as error:
        raise NoSoundCard(f"The sound device cannot be used: {error}. `agentd talk --devices` lists them.") from error


def _device(name: str | None) -> int | str | None:
    return int(name) if name is not None and name.isdigit() else name
