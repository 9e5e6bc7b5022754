"""IMA ADPCM in WAV blocks: stereo, four bits a sample, every block decodes by itself.

Source: IMA Digital Audio Focus and Technical Working Group, "Recommended Practices for Enhancing Digital Audio
Compatibility", 1992; the WAV layout is Microsoft's (``WAVE_FORMAT_DVI_ADPCM``, 0x11).
"""

import audioop
import struct
from typing import Final

import numpy as np
from numpy.typing import NDArray

CHANNELS: Final = 2
BLOCK_BYTES: Final = 2048
"""One block of both channels."""
BLOCK_SAMPLES: Final = (BLOCK_BYTES // CHANNELS - 4) * 2 + 1
"""Samples of each channel in a block: one in its header, and two in a byte."""

_WORD: Final = 4
"""Bytes of one channel before the other has its turn."""
_WORDS: Final = (BLOCK_BYTES // CHANNELS - 4) // _WORD


class Encoder:
    """Encodes one recording, block after block; the step size is carried over."""

    def __init__(self) -> None:
        self._steps = [0] * CHANNELS

    def block(self, channels: tuple[bytes, bytes]) -> bytes:
        """One block of ``BLOCK_SAMPLES`` linear16 samples of each channel."""
        heads, words = [], []
        for i, pcm in enumerate(channels):
            (first,) = struct.unpack_from("<h", pcm)
            heads.append(struct.pack("<hBx", first, self._steps[i]))
            codes, (_, self._steps[i]) = audioop.lin2adpcm(pcm[2:], 2, (first, self._steps[i]))
            words.append(_swapped(codes).reshape(_WORDS, 1, _WORD))
        return b"".join(heads) + np.concatenate(words, axis=1).tobytes()


def decode(blocks: bytes) -> bytes:
    """Whole blocks as interleaved linear16."""
    decoded = np.empty((len(blocks) // BLOCK_BYTES * BLOCK_SAMPLES, CHANNELS), dtype="<i2")
    for n in range(len(blocks) // BLOCK_BYTES):
        block = memoryview(blocks)[n * BLOCK_BYTES : (n + 1) * BLOCK_BYTES]
        words = np.frombuffer(block, np.uint8, offset=4 * CHANNELS).reshape(_WORDS, CHANNELS, _WORD)
        for i in range(CHANNELS):
            first, step = struct.unpack_from("<hB", block, 4 * i)
            pcm, _ = audioop.adpcm2lin(_swapped(words[:, i].tobytes()).tobytes(), 2, (first, min(step, 88)))
            into = decoded[n * BLOCK_SAMPLES : (n + 1) * BLOCK_SAMPLES, i]
            into[0] = first
            into[1:] = np.frombuffer(pcm, "<i2")
    return decoded.tobytes()


def _swapped(codes: bytes) -> NDArray[np.uint8]:
    """WAV has the earlier code in the lower half of a byte, ``audioop`` in the upper one."""
    pairs = np.frombuffer(codes, np.uint8)
    return ((pairs << 4) | (pairs >> 4)).astype(np.uint8)
