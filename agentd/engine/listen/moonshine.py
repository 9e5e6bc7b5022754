"""Speech to text by Moonshine tiny (English): encoder and decoder run straight on onnxruntime.

The package's own library is not used: its segmentation cuts utterances that our endpointing has already found, and
more than doubles the errors. About 50 ms of compute for a sentence, whatever follows in silence.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from agentd.engine.inference import open_model
from agentd.engine.models import RECOGNISER, locate
from agentd.engine.providers import LISTEN_RATE, Samples

_BEGIN: Final = 1
_END: Final = 2
_TOKENS_PER_S: Final = 6.5
"""No one speaks more (Moonshine's authors give this bound): beyond it the decoder is repeating itself."""

_SHORTEST: Final = LISTEN_RATE // 2
"""Samples; shorter recordings are filled up with silence, which the model was trained with."""


class Moonshine:
    """The recogniser. Implements ``Recogniser``; one instance serves all conversations.

    Raises:
        MissingModel: the package with the model is not installed.
    """

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or locate(RECOGNISER, "speech recognition") / "assets" / "tiny-en"
        self._encoder = open_model(folder / "encoder_model.ort")
        self._decoder = open_model(folder / "decoder_model_merged.ort")
        self._pieces = read_pieces((folder / "tokenizer.bin").read_bytes())
        inputs = self._decoder.get_inputs()
        caches = [tensor for tensor in inputs if tensor.name.startswith("past_key_values")]
        self._caches = [tensor.name for tensor in caches]
        self._empty = {
            tensor.name: np.zeros((1, int(tensor.shape[1] or 0), 0, int(tensor.shape[3] or 0)), dtype=np.float32)
            for tensor in caches
        }
        self._updates = [tensor.name.replace("present", "past_key_values") for tensor in self._decoder.get_outputs()[1:]]
        self.transcribe(np.zeros(LISTEN_RATE, dtype=np.float32))  # the first run allocates: not in somebody's turn

    def transcribe(self, samples: Samples) -> str:
        """The words in ``samples`` (mono, 16 kHz), or ""."""
        if len(samples) < _SHORTEST:
            samples = np.pad(samples, (0, _SHORTEST - len(samples)))
        longest = int(len(samples) / LISTEN_RATE * _TOKENS_PER_S) + 2
        pieces = (self._pieces[token] for token in islice(self._tokens(samples), longest))
        return b"".join(pieces).decode("utf-8", "replace").replace("\N{LOWER ONE EIGHTH BLOCK}", " ").strip()

    def _tokens(self, samples: Samples) -> Iterator[int]:
        """Greedy decoding, token by token.

        The encoder's keys and values come out of the first step and stay; the decoder's grow with each.
        """
        mask = np.ones((1, len(samples)), dtype=np.int64)  # of the raw audio, for the decoder too
        (hidden,) = self._encoder.run(None, {"input_values": samples[np.newaxis], "attention_mask": mask})
        fixed: dict[str, NDArray[Any]] = {"encoder_hidden_states": hidden, "encoder_attention_mask": mask}
        past: dict[str, NDArray[Any]] = dict(self._empty)
        token, cached = _BEGIN, False
        while True:
            step = {"input_ids": np.array([[token]], dtype=np.int64), "use_cache_branch": np.array([cached])}
            logits, *present = self._decoder.run(None, fixed | past | step)
            token = int(logits[0, -1].argmax())
            if token == _END:
                return
            yield token
            past.update(
                (name, value) for name, value in zip(self._updates, present, strict=True) if not cached or ".decoder." in name
            )
            cached = True


def read_pieces(data: bytes) -> list[bytes]:
    """The vocabulary of a ``tokenizer.bin``: pieces one after the other, each after its length.

    A length below 128 is one byte; a longer one is ``low - 128 + 128 * high`` in two.
    """
    pieces: list[bytes] = []
    at = 0
    while at < len(data):
        length, at = data[at], at + 1
        if length >= 128:
            length, at = length - 128 + 128 * data[at], at + 1
        pieces.append(data[at : at + length])
        at += length
    return pieces
