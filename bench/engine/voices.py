"""Synthesised voices: the engine's own, and those of programs that happen to be installed."""

import shutil
import subprocess
import wave
from collections.abc import Iterator
from io import BytesIO
from typing import Final

import numpy as np

from agentd.audio.formats import to_samples
from agentd.audio.resample import RateConverter
from agentd.engine.providers import LISTEN_RATE, Samples
from agentd.engine.speak.hibari import HibariVoice
from bench.engine.clips import Clip
from bench.engine.sound import at_level, transposed

SPEECH_DBFS: Final = -26.0
"""Level of synthesised speech: that of the recordings."""

SPEAKERS: Final = {"": 1.0, " (low)": 0.85, " (high)": 1.15}
"""Speakers made of the one voice, by transposition."""

_PROGRAMS: Final = {
    "espeak-ng": ["espeak-ng", "-v", "en-us", "--stdout"],
    "flite": ["flite", "-voice", "slt", "-o", "/dev/stdout", "-t"],
}


class Voices:
    """Says texts with the engine's voice, loaded once."""

    def __init__(self) -> None:
        self._voice = HibariVoice()

    def say(self, text: str) -> Samples:
        """The text at 16 kHz."""
        sound = np.concatenate(list(self._voice.synthesise(text)))
        return at_level(RateConverter(self._voice.sample_rate, LISTEN_RATE).feed(sound, last=True), SPEECH_DBFS)

    def pieces(self, text: str) -> Iterator[float]:
        """Length of each piece of the text as it is made, in seconds."""
        for piece in self._voice.synthesise(text):
            yield len(piece) / self._voice.sample_rate

    def clip(self, text: str) -> Clip:
        """The text as a clip."""
        return Clip(text, text, self.say(text))

    def everyone(self, text: str) -> Iterator[tuple[str, Samples]]:
        """The text by every speaker there is here: who, and the sound."""
        own = self.say(text)
        for who, factor in SPEAKERS.items():
            yield f"hibari{who}", own if factor == 1.0 else at_level(transposed(own, factor), SPEECH_DBFS)
        for program, command in _PROGRAMS.items():
            if shutil.which(program):
                yield program, at_level(_run([*command, text]), SPEECH_DBFS)


def _run(command: list[str]) -> Samples:
    data = subprocess.run(command, capture_output=True, check=True, timeout=20).stdout
    with wave.open(BytesIO(data)) as file:
        sound = to_samples(file.readframes(file.getnframes()), "linear16")
        return RateConverter(file.getframerate(), LISTEN_RATE).feed(sound, last=True)
