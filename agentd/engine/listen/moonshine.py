"""Speech to text by Moonshine tiny (English): encoder and decoder run straight on onnxruntime.

The package's own library is not used: its segmentation cuts utterances that our endpointing has already found, and
more than doubles the errors. Some 60 ms of compute for a sentence, begun during the silence that may be its end.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from agentd.engine.inference import Model, open_model
from agentd.engine.listen.beam import search
from agentd.engine.listen.favoured import FavouredWords
from agentd.engine.listen.nonspeech import is_invented, is_tone, once
from agentd.engine.listen.parts import joined, parts
from agentd.engine.listen.pieces import Pieces
from agentd.engine.listen.soften import softened
from agentd.engine.models import RECOGNISER, locate
from agentd.engine.providers import LISTEN_RATE, Samples, Transcript

_BEGIN: Final = 1
_END: Final = 2
_TOKENS_PER_S: Final = 6.5
"""No one speaks more (Moonshine's authors give this bound): beyond it the decoder is repeating itself."""

_BEAM: Final = 2
"""Hypotheses followed. In noise a second one saves a sixth of the errors for a fifth more time; a third saves none."""

_SILENCE_AFTER: Final = LISTEN_RATE // 2
"""Samples of silence put behind every recording: with its end in the open the last word is guessed less."""

_SHORTEST: Final = LISTEN_RATE
"""Samples; what is shorter even so is filled up with silence."""

_VOCABULARIES: Final = 64
"""Prepared vocabularies kept: as many as there are different sets of functions in use."""


class Moonshine:
    """The recogniser. Implements ``Recogniser``; one instance serves all conversations.

    Raises:
        MissingModel: the package with the model is not installed.
    """

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or locate(RECOGNISER, "speech recognition") / "assets" / "tiny-en"
        self._encoder = open_model(folder / "encoder_model.ort")
        self._decoder = open_model(folder / "decoder_model_merged.ort")
        self._pieces = Pieces((folder / "tokenizer.bin").read_bytes())
        self._favoured = lru_cache(_VOCABULARIES)(partial(FavouredWords, self._pieces.all))
        self.transcribe(np.zeros(LISTEN_RATE, dtype=np.float32))  # the first run allocates: not in somebody's turn

    def transcribe(self, samples: Samples, vocabulary: tuple[str, ...] = ()) -> Transcript:
        """The words in ``samples`` (mono, 16 kHz); "" when it is no speech. A long recording is taken in parts."""
        return joined([self._transcribe(part, vocabulary) for part in parts(samples)])

    def hear(self, samples: Samples) -> "Heard":
        """Take in some seconds, for whatever is to be known of them."""
        padded = np.pad(softened(samples), (0, max(_SILENCE_AFTER, _SHORTEST - len(samples))))
        mask = np.ones((1, len(padded)), dtype=np.int64)
        (encoded,) = self._encoder.run(None, {"input_values": padded[np.newaxis], "attention_mask": mask})
        return Heard(partial(_Decoding, self._decoder, encoded, mask), self._pieces, len(padded) / LISTEN_RATE)

    def favoured(self, vocabulary: tuple[str, ...]) -> FavouredWords | None:
        """A vocabulary as the search takes it; prepared once."""
        return self._favoured(vocabulary) if vocabulary else None

    def _transcribe(self, samples: Samples, vocabulary: tuple[str, ...]) -> Transcript:
        if is_tone(samples):
            return Transcript("", 0.0)
        found = self.hear(samples).best(self.favoured(vocabulary))
        return Transcript("" if is_invented(found.text, found.confidence) else found.text, found.confidence)


class Heard:
    """A recording as the encoder heard it. Implements ``vote.Heard``."""

    def __init__(self, decoding: "Callable[[], _Decoding]", pieces: Pieces, seconds: float) -> None:
        self._decoding = decoding
        self._pieces = pieces
        self._seconds = seconds

    def best(self, favour: FavouredWords | None = None) -> Transcript:
        """The likeliest words, whatever the sound is."""
        found = search(
            self._decoding().step,
            begin=_BEGIN,
            end=_END,
            width=_BEAM,
            longest=int(self._seconds * _TOKENS_PER_S) + 2,
            favour=favour,
        )
        return Transcript(once(self._pieces.text(found.tokens)), found.confidence)

    def log_probability(self, text: str) -> float:
        """How likely it is that just ``text`` was said, as a natural logarithm."""
        decoding, total = self._decoding(), 0.0
        tokens = [*self._pieces.tokens(text), _END]
        for token, before in zip(tokens, [_BEGIN, *tokens], strict=False):
            logits = decoding.step([before], [0])[0].astype(np.float64)
            total += float(logits[token] - np.logaddexp.reduce(logits))
        return total


class _Decoding:
    """The decoder's memory for one recording: keys and values of what was decoded, a row for each hypothesis."""

    def __init__(self, decoder: Model, encoded: NDArray[Any], mask: NDArray[np.int64]) -> None:
        self._decoder = decoder
        self._encoded = encoded
        self._mask = mask  # of the raw audio: the decoder counts its frames from it
        self._outputs = [tensor.name for tensor in decoder.get_outputs()]
        self._past: dict[str, NDArray[Any]] = {
            tensor.name: np.zeros((1, int(tensor.shape[1] or 0), 0, int(tensor.shape[3] or 0)), dtype=np.float32)
            for tensor in decoder.get_inputs()
            if tensor.name.startswith("past_key_values")
        }
        self._begun = False

    def step(self, tokens: list[int], parents: list[int]) -> NDArray[np.float32]:
        """Logits of what may follow each token; see ``beam.Step``.

        The encoder's keys and values come out of the first step and stay as they are; the decoder's grow with each.
        """
        rows = len(tokens)
        if self._begun:
            self._follow(parents)
        logits, *present = self._decoder.run(
            self._outputs,
            {
                "input_ids": np.array(tokens, dtype=np.int64)[:, np.newaxis],
                "encoder_hidden_states": np.repeat(self._encoded, rows, axis=0),
                "encoder_attention_mask": np.repeat(self._mask, rows, axis=0),
                "use_cache_branch": np.array([self._begun]),
                **self._past,
            },
        )
        for name, value in zip(self._outputs[1:], present, strict=True):
            self._past[name.replace("present", "past_key_values")] = value
        if not self._begun:  # the encoder's part stays as it is: it is not asked for again, for that would copy it
            self._outputs = [name for name in self._outputs if ".encoder." not in name]
        self._begun = True
        last: NDArray[np.float32] = logits[:, -1]
        return last

    def _follow(self, parents: list[int]) -> None:
        """Give every hypothesis the memory of the one it grew from; the encoder's is the same for all."""
        for name, value in self._past.items():
            if ".decoder." in name or len(value) != len(parents):
                self._past[name] = value[parents]
