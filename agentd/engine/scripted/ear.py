"""The peer's ear: loudness; no model."""

from enum import Enum
from typing import Final

import numpy as np

from agentd.audio.formats import AudioFormat, to_samples

LOUD: Final = 0.01
"""Root mean square above which a frame counts as speech: -40 dBFS."""

FRAME_S: Final = 0.02
ONSET_FRAMES: Final = 3
SILENCE_FRAMES: Final = 10
"""60 ms of sound begin an utterance, 200 ms of silence end it."""


class Heard(Enum):
    """What a frame of audio brought about."""

    BEGIN = "begin"
    END = "end"


class LoudnessEar:
    """Finds utterances by loudness, in audio time: nothing happens while no audio comes."""

    def __init__(self, audio: AudioFormat) -> None:
        self._audio = audio
        self._frame_bytes = audio.bytes_for(FRAME_S)
        self._rest = b""
        self._loud = 0
        self._quiet = 0
        self.speaking = False

    def feed(self, data: bytes) -> list[Heard]:
        """Take audio in any split; the beginnings and ends of utterances in it, in order."""
        data = self._rest + data
        whole = len(data) // self._frame_bytes * self._frame_bytes
        self._rest = data[whole:]
        found = (self._frame(data[at : at + self._frame_bytes]) for at in range(0, whole, self._frame_bytes))
        return [heard for heard in found if heard is not None]

    def end(self) -> bool:
        """End the utterance now; False when there is none."""
        ended, self.speaking = self.speaking, False
        self._loud = self._quiet = 0
        return ended

    def _frame(self, frame: bytes) -> Heard | None:
        samples = to_samples(frame, self._audio.encoding)
        if float(np.sqrt(np.mean(np.square(samples)))) > LOUD:
            self._loud, self._quiet = self._loud + 1, 0
            if not self.speaking and self._loud >= ONSET_FRAMES:
                self.speaking = True
                return Heard.BEGIN
            return None
        self._quiet += 1
        if not self.speaking:
            self._loud = 0
        elif self._quiet >= SILENCE_FRAMES:
            self.end()
            return Heard.END
        return None
