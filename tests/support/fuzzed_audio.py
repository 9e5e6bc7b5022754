"""Beginnings of recordings, damaged in every way: seeds of each format, and mutations that a number names again."""

import random
import resource
import struct
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import orjson

from agentd.audio import codec_worker
from agentd.audio.codec_wire import END
from agentd.audio.containers import CONTAINERS, recognised
from agentd.audio.decode import PIECE_BYTES, WavDecoder
from agentd.audio.formats import AudioFormat, wav_header
from agentd.errors import InvalidAudio, MalformedRequest
from tests.support.recordings import KINDS, record, tone

TARGET: Final = AudioFormat("linear16", 16_000)
_EXTREMES: Final = (b"\x00", b"\xff", b"\x7f", b"\x80", b"\x01")
_HEADER_BYTES: Final = 600


@dataclass(slots=True)
class Findings:
    """What became of the cases.

    Attributes:
        outcomes: cases by format and outcome.
        defects: cases that ended in anything but a refusal or audio, with what it was.
        slowest_s: the longest that one case took.
        peak_mb: the most memory the process had.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    defects: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    peak_mb: float = 0.0


@lru_cache(maxsize=1)
def seeds() -> tuple[tuple[str, bytes], ...]:
    """Short sound recordings: every kind of WAV header, and every compressed format."""
    samples = tone(0.05, 16_000)
    pcm = samples.tobytes()
    plain = wav_header(TARGET, len(pcm)) + pcm
    extensible = struct.pack("<HHIIHHHHI", 0xFFFE, 1, 16_000, 32_000, 2, 16, 22, 16, 4) + b"\x01\x00\x00\x00\x00\x00\x10\x00"
    extensible += bytes.fromhex("800000aa00389b71")
    found = [
        ("WAV", plain),
        ("WAV", wav_header(TARGET, None) + pcm),
        ("WAV", wav_header(AudioFormat("mulaw", 8000), 400) + bytes(400)),
        ("WAV", plain[:12] + b"LIST\x04\x00\x00\x00INFO" + plain[12:]),
        ("WAV", plain[:12] + b"fmt " + struct.pack("<I", 40) + extensible + plain[36:]),
        ("WAV", b"RF64" + plain[4:12] + b"ds64" + struct.pack("<IQQQI", 28, 0, len(pcm), 0, 0) + plain[12:]),
    ]
    found += [(name, record(kind, tone(0.15, kind.rate), channels=2)) for name, kind in KINDS.items()]
    return tuple(found)


def cases(seed: int, start: int, count: int) -> Iterator[tuple[int, str, bytes]]:
    """Cases by their number: what they were made of, and their bytes."""
    for number in range(start, start + count):
        chance = random.Random(f"{seed}:{number}")
        # Every second one is a WAV: its header is read in the daemon itself.
        pool = [seed_ for seed_ in seeds() if (seed_[0] == "WAV") == (number % 2 == 0)]
        name, data = chance.choice(pool)
        yield number, name, _mutated(chance, data)


def _mutated(chance: random.Random, sound: bytes) -> bytes:
    data = bytearray(sound)
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        end = max(1, min(len(data), chance.choice((16, 64, _HEADER_BYTES, len(data)))))
        at = chance.randrange(end)
        match chance.randrange(8):
            case 0:
                data[at : at + 1] = bytes((chance.randrange(256),))
            case 1:
                data[at : at + 4] = chance.choice(_EXTREMES) * 4
            case 2:
                data[at : at + 8] = chance.randbytes(8)
            case 3:
                del data[at : at + chance.randrange(1, 64)]
            case 4:
                data[at:at] = chance.randbytes(chance.randrange(1, 64))
            case 5:
                data[at:at] = data[max(0, at - 64) : at] * chance.randrange(1, 40)
            case 6:
                del data[at:]
            case _:
                other = chance.choice(seeds())[1]
                data[at:] = other[chance.randrange(len(other)) :]
    return bytes(data)


class _Bytes:
    """A body in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, n_bytes: int) -> bytes:
        part, self._data = self._data[:n_bytes], self._data[n_bytes:]
        return part


def run(seed: int, start: int, count: int) -> Findings:
    """Decode cases in this process, as the daemon and its decoder process do; a crash ends it."""
    findings = Findings()
    for number, name, data in cases(seed, start, count):
        began = time.perf_counter()
        try:
            outcome = _decoded(data)
        except Exception as failure:  # noqa: BLE001 - whatever it is, it is the finding
            outcome = "defect"
            findings.defects.append(f"{number} ({name}): {type(failure).__name__}: {failure}")
        findings.outcomes[f"{name}: {outcome}"] += 1
        findings.slowest_s = max(findings.slowest_s, time.perf_counter() - began)
    findings.peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return findings


def _decoded(data: bytes) -> str:
    found = recognised(data[:12])
    if found is None:
        return "refused as unknown"
    if found == "WAV":
        try:
            decoder = WavDecoder(TARGET)
            for at in range(0, len(data), PIECE_BYTES):
                decoder.feed(data[at : at + PIECE_BYTES])
            decoder.finish()
        except (MalformedRequest, InvalidAudio) as refusal:
            return f"refused as {refusal.code}"
        return "heard"
    last: list[bytes] = []

    def send(kind: bytes, body: bytes | memoryview) -> None:
        if kind == END:
            last.append(bytes(body))

    codec_worker.decode(CONTAINERS[found], _Bytes(data), send)
    end = orjson.loads(last[0])
    return f"refused as {end['error']}" if "error" in end else "heard"
