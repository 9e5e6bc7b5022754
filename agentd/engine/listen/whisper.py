"""Speech to text by Whisper tiny (English) on CTranslate2: three times Moonshine's compute, other mistakes. An extra.

Two things are not as usual. The model is given 15 s instead of 30, which takes a third of the time. And it may write time
stamps, which are dropped: forbidden to, it says everything twice in a window so short.
"""

import math
import re
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from agentd.engine.listen.nonspeech import is_invented, is_tone, once
from agentd.engine.listen.parts import joined, parts
from agentd.engine.models import INSTALL_WHISPER, WHISPER, locate
from agentd.engine.providers import LISTEN_RATE, Samples, Transcript

_SHORTEST_S: Final = 15
"""Least length of what the model is given; shorter, it repeats itself."""

_SILENCE_AFTER_S: Final = 5

_LONGEST_S: Final = 30
"""What the model was trained on."""

_TOKENS_PER_S: Final = 8
_TOKENS_MORE: Final = 12
"""Bound of a transcript: time stamps and short words; beyond it the decoder is repeating itself."""

_HOP: Final = 160
_WINDOW: Final = 400
_BANDS: Final = 80
"""The spectrogram that Whisper was trained on: 80 mel bands every 10 ms, from windows of 25 ms (A. Radford et al., 2022)."""

_MARK: Final = re.compile(r"<\|[^|]*\|>")
"""Time stamps and other tokens that are no words."""

_CLOCK: Final = re.compile(r"\b(\d{1,2})\.(\d{2})\.?(?=\s*[ap]\.?m\b)", re.IGNORECASE)
"""Half past two as this model writes it: "2.30. PM"."""

_SURE_OF_SILENCE: Final = 0.5
"""Probability of no speech from which there is none: speech in noise has at most 0.43, synthetic noises have 0.51 to 0.99."""

_LEAST: Final = 1e-9
"""Probability that a token has at least, for one absurd word not to decide over a sentence."""


class Whisper:
    """The recogniser. Implements ``Recogniser``; one instance serves all conversations.

    Raises:
        MissingModel: a package of the extra is not installed.
    """

    def __init__(self, folder: Path | None = None) -> None:
        package, *_ = [locate(source, "speech recognition by Whisper", INSTALL_WHISPER) for source in WHISPER]
        folder = folder or package / "model"
        import ctranslate2  # type: ignore[import-untyped]  # noqa: PLC0415  # ships no types; an extra, and half a second of import
        import tokenizers  # noqa: PLC0415

        self._array = ctranslate2.StorageView.from_array
        self._model = ctranslate2.models.Whisper(str(folder), device="cpu", compute_type="int8", intra_threads=1, inter_threads=1)
        self._tokens = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.transcribe(np.random.default_rng(0).standard_normal(LISTEN_RATE).astype(np.float32))  # the first run allocates

    def transcribe(self, samples: Samples, vocabulary: tuple[str, ...] = ()) -> Transcript:
        """The words in ``samples`` (mono, 16 kHz); "" when it is no speech. The vocabulary does not count."""
        return joined([self._transcribe(part) for part in parts(samples)])

    def hear(self, samples: Samples) -> "Heard":
        """Take in at most half a minute, for whatever is to be known of it."""
        spectrum = features(samples)
        encoded = self._model.encode(self._array(spectrum[np.newaxis]))
        return Heard(self._model, self._tokens, encoded, spectrum.shape[1], len(samples) / LISTEN_RATE)

    def _transcribe(self, samples: Samples) -> Transcript:
        if is_tone(samples):
            return Transcript("", 0.0)
        found = self.hear(samples).best()
        return Transcript("" if is_invented(found.text, found.confidence) else found.text, found.confidence)


class Heard:
    """A recording as the encoder heard it. Implements ``vote.Heard``."""

    def __init__(self, model: Any, tokens: Any, encoded: Any, frames: int, seconds: float) -> None:
        self._model = model
        self._tokens = tokens
        self._encoded = encoded
        self._frames = frames
        self._seconds = seconds
        self._begin = [tokens.token_to_id("<|startoftranscript|>")]

    def best(self) -> Transcript:
        """The likeliest words; none when the model is sure that nobody speaks."""
        (found,) = self._model.generate(
            self._encoded,
            [self._begin],
            beam_size=1,
            max_length=int(self._seconds * _TOKENS_PER_S) + _TOKENS_MORE,
            return_scores=True,
            return_no_speech_prob=True,
        )
        text = _MARK.sub(" ", self._tokens.decode(found.sequences_ids[0], skip_special_tokens=True))
        text = _CLOCK.sub(r"\1:\2", once(" ".join(text.split())))
        silent = found.no_speech_prob > _SURE_OF_SILENCE
        # The score counts the time stamps, which are never sure: its root is on the scale that ``nonspeech`` goes by.
        return Transcript("" if silent else text, math.exp(found.scores[0] / 2))

    def log_probability(self, text: str) -> float:
        """How likely it is that just ``text`` was said, as a natural logarithm."""
        tokens = self._tokens.encode(f" {text.strip()}", add_special_tokens=False).ids
        (aligned,) = self._model.align(self._encoded, self._begin, [tokens], self._frames)
        return sum(math.log(max(probability, _LEAST)) for probability in aligned.text_token_probs)


def features(samples: Samples) -> NDArray[np.float32]:
    """The logarithmic mel spectrogram that Whisper takes, 80 bands by frames of 10 ms, padded with silence."""
    seconds = min(max(_SHORTEST_S, math.ceil(len(samples) / LISTEN_RATE) + _SILENCE_AFTER_S), _LONGEST_S)
    length = seconds * LISTEN_RATE
    padded = np.pad(samples[:length], (0, max(0, length - len(samples))))
    padded = np.pad(padded, _WINDOW // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[:-1:_HOP] * _HANN
    power = np.square(np.abs(np.fft.rfft(frames, axis=1))).astype(np.float32)
    mel = np.log10(np.maximum(_MEL @ power.T, 1e-10))
    return np.ascontiguousarray((np.maximum(mel, mel.max() - 8.0) + 4.0) / 4.0, dtype=np.float32)


def _mel_bands() -> NDArray[np.float32]:
    """Triangles of equal area, evenly spaced on Slaney's mel scale (linear to 1 kHz, logarithmic above) up to 8 kHz."""
    octave = math.log(6.4) / 27
    points = np.linspace(0, 15 + math.log(8) / octave, _BANDS + 2)
    hertz = np.where(points < 15, points * 200 / 3, 1000 * np.exp(octave * (points - 15)))
    bins = np.fft.rfftfreq(_WINDOW, 1 / LISTEN_RATE)
    bands = np.zeros((_BANDS, len(bins)))
    for band, (low, peak, high) in enumerate(zip(hertz, hertz[1:], hertz[2:], strict=False)):
        rising, falling = (bins - low) / (peak - low), (high - bins) / (high - peak)
        bands[band] = np.maximum(0, np.minimum(rising, falling)) * 2 / (high - low)
    return bands.astype(np.float32)


_HANN: Final = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
_MEL: Final = _mel_bands()
