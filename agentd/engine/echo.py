"""The agent's own voice in the user's microphone, told by its sound: what was played is known, so it can be looked for.

Both sounds are compared as pictures of loudness over time and frequency, at every delay that a playback buffer and a room
may cause, where the microphone hears anything at all: silence is like silence. Levels do not matter, nor does the colour a
loudspeaker gives, for each band is taken relative to its own mean. The less there is to compare, the more alike it must be.
"""

from collections import deque
from collections.abc import Iterable
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agentd.audio.formats import AudioFormat, to_samples
from agentd.audio.resample import RateConverter
from agentd.engine.providers import LISTEN_RATE, Samples

SAME: Final = 0.54
"""Likeness from which it is the agent's voice, whatever words were made of it."""

SIMILAR: Final = 0.42
"""Likeness from which it may be: if the words are the agent's, too, or as long as little was heard."""

UNLIKE: Final = 0.3
"""Likeness below which it is somebody else, who may well repeat the agent's words in an answer."""

WINDOW_S: Final = 0.8
"""How much of the microphone's sound is compared."""

LONGEST_DELAY_S: Final = 0.8
"""Between the moment a sound could be played at the earliest and its return: buffers, wireless loudspeakers, the room."""

_KEPT_S: Final = 3.0
_HOP: Final = LISTEN_RATE // 100
_FRAME: Final = LISTEN_RATE // 40
_FFT: Final = 512
_BANDS: Final = 20
_FEWEST: Final = 4
_FLOOR: Final = 1e-7
_QUIET: Final = 2.5
"""Parts of the sound so much softer than its loudest are silence; in powers of ten."""

_DEPTH: Final = 4.0
"""Nothing is told apart below this under the loudest, in powers of ten: how silent a silence is says nothing."""

_LIVELY: Final = 0.05
"""Least variance (of logarithms) that speech has within a band: a steady tone is like any other."""

_PER_FRAME_LESS: Final = 0.003
"""What each 10 ms short of the whole window costs: other speakers are up to 0.7 like the agent for 0.4 s, 0.5 for 0.8 s."""

_HERTZ: Final = np.fft.rfftfreq(_FFT, 1 / LISTEN_RATE)
_EDGES: Final = np.geomspace(150, 6000, _BANDS + 1)
_FILTERS: Final[NDArray[np.float64]] = np.array(
    [(low <= _HERTZ) & (high > _HERTZ) for low, high in pairwise(_EDGES)], dtype=np.float64
).T
_TAPER: Final = np.hanning(_FRAME)


class Played:
    """What the client has been sent to play, and when it is heard at the earliest.

    Args:
        audio: format of the agent's audio.
    """

    def __init__(self, audio: AudioFormat) -> None:
        self._audio = audio
        self._frames: deque[tuple[float, bytes]] = deque()

    def note(self, frame: bytes, begin: float, now: float) -> None:
        """A frame goes out now, to be heard from ``begin`` on (the loop's clock)."""
        self._frames.append((begin, frame))
        while self._frames and self._frames[0][0] < now - _KEPT_S:
            self._frames.popleft()

    def cut(self, now: float) -> None:
        """What was not heard by now never is."""
        while self._frames and self._frames[-1][0] >= now:
            self._frames.pop()

    def before(self, until: float) -> "Reference":
        """What microphone audio that ends at ``until`` may be an echo of; cheap, the work is in ``Reference.likeness``."""
        since = until - WINDOW_S - LONGEST_DELAY_S
        frames = [(begin - since, frame) for begin, frame in self._frames if since - 1.0 < begin < until]
        return Reference(self._audio, frames)


class Reference:
    """A stretch of played audio, frames by their time in it."""

    def __init__(self, audio: AudioFormat, frames: Iterable[tuple[float, bytes]]) -> None:
        self._audio = audio
        self._frames = tuple(frames)

    def likeness(self, heard: Samples) -> float:
        """How much the end of ``heard`` (mono, 16 kHz) is like this, from 0 to 1. Some 3 ms of compute: not for the loop."""
        heard = heard[-round(WINDOW_S * LISTEN_RATE) :]
        if not self._frames or len(heard) < _FRAME * _FEWEST:
            return 0.0
        picture, played = _picture(heard), _picture(self._samples())
        loud = picture.max(axis=1)
        active = loud > loud.max() - _QUIET
        windows = np.lib.stride_tricks.sliding_window_view(played, len(picture), axis=0).transpose(0, 2, 1)[:, active]
        picture = picture[active]
        picture -= picture.mean(axis=0)
        windows = windows - windows.mean(axis=1, keepdims=True)
        products = np.einsum("wtb,tb->w", windows, picture)
        sizes = np.sqrt(np.einsum("wtb,wtb->w", windows, windows) * np.sum(picture * picture))
        likeness = float(np.max(products / np.maximum(sizes, _LIVELY * picture.size)))
        return max(0.0, likeness - _PER_FRAME_LESS * (WINDOW_S * LISTEN_RATE / _HOP - len(picture)))

    def _samples(self) -> Samples:
        """The stretch as the microphone could have picked it up."""
        rate = self._audio.sample_rate
        stretch = np.zeros(round((WINDOW_S + LONGEST_DELAY_S) * rate), dtype=np.float32)
        for begin, frame in self._frames:
            samples = to_samples(frame, self._audio.encoding)
            at = round(begin * rate)
            samples = samples[max(0, -at) : max(0, len(stretch) - at)]
            stretch[max(0, at) : max(0, at) + len(samples)] = samples
        return RateConverter(rate, LISTEN_RATE).feed(stretch, last=True)


def _picture(samples: Samples) -> NDArray[np.float64]:
    """Loudness by 10 ms and band, as logarithms."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, _FRAME)[::_HOP] * _TAPER
    power = np.abs(np.fft.rfft(frames, _FFT, axis=1)) ** 2 @ _FILTERS
    loudness = np.log10(power + _FLOOR)
    picture: NDArray[np.float64] = np.maximum(loudness, loudness.max() - _DEPTH)
    return picture
