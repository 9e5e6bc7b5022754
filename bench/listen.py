"""The recogniser alone: word error rate and time on recordings, whole and as voice activity cuts them.

    python -m bench.listen path/to/clips.tsv [--round-trip]

The table has a header; columns ``file`` (beside it, 16 kHz mono WAV) and ``transcript`` are read. ``--round-trip`` has the
voice say ten sentences and the recogniser write them down. Nothing is asserted; run it on an idle machine.
"""

import argparse
import csv
import statistics
import time
import wave
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from agentd.audio.formats import Samples, to_samples
from agentd.audio.resample import RateConverter
from agentd.engine.endpointing import ONSET_MS, Endpointer, SpeechEnded, samples
from agentd.engine.hearing import POST_ROLL_MS, PRE_ROLL_MS
from agentd.engine.listen.moonshine import Moonshine
from agentd.engine.listen.vad import detectors
from agentd.engine.providers import LISTEN_RATE, VAD_FRAME
from agentd.engine.speak.hibari import HibariVoice
from bench.wer import errors

END_MS = 500

SENTENCES = (
    "The lamp in the living room is on.",
    "It is 14:35 on Tuesday, November 24th.",
    "The heating in the bedroom is set to 21.5 °C.",
    "Humidity is at 45%, and it is -3 °C outside.",
    "A timer for 10 minutes is running.",
    "Which room do you mean, the kitchen or the bathroom?",
    "The blinds in the office are closed to 60 percent.",
    "Sorry, I did not understand that. Please say it again.",
    "Dr. Smith called at 2:05 pm about 1,250 books.",
    "Good morning! Everything in the house is switched off.",
)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("table", type=Path)
    arguments.add_argument("--round-trip", action="store_true", help="also synthesise and recognise ten sentences")
    given = arguments.parse_args()
    with given.table.open(encoding="utf-8", newline="") as file:
        clips = [(row["transcript"], clip(given.table.parent / row["file"])) for row in csv.DictReader(file, delimiter="\t")]

    began = time.perf_counter()
    recogniser = Moonshine()
    print(f"recogniser loaded and warm after {time.perf_counter() - began:.2f} s")
    score("whole clips", recogniser, ((text, [audio]) for text, audio in clips))
    score("cut by voice activity", recogniser, ((text, utterances(audio)) for text, audio in clips))
    if given.round_trip:
        round_trip(recogniser)


def clip(path: Path) -> Samples:
    with wave.open(str(path)) as file:
        if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (LISTEN_RATE, 1, 2):
            raise SystemExit(f"{path}: 16 bit mono at {LISTEN_RATE} Hz is needed")
        return to_samples(file.readframes(file.getnframes()), "linear16")


def utterances(audio: Samples) -> list[Samples]:
    """Cut as a conversation does (``agentd.engine.hearing``), with silence after the clip."""
    audio = np.pad(audio, (0, 2 * LISTEN_RATE))
    detector, endpointer = detectors()(), Endpointer(end_ms=END_MS)
    found: list[Samples] = []
    for at in range(0, len(audio) - VAD_FRAME + 1, VAD_FRAME):
        event = endpointer.feed(detector.feed(audio[at : at + VAD_FRAME]))
        if isinstance(event, SpeechEnded) and event.voiced >= samples(ONSET_MS):
            found.append(audio[max(0, event.start - samples(PRE_ROLL_MS)) : event.voiced_to + samples(POST_ROLL_MS)])
    return found


def score(what: str, recogniser: Moonshine, clips: Iterable[tuple[str, list[Samples]]]) -> None:
    wrong = total = 0
    times: list[float] = []
    misheard: list[str] = []
    for reference, pieces in clips:
        began = time.perf_counter()
        heard = " ".join(recogniser.transcribe(piece).text for piece in pieces)
        times.append(1000 * (time.perf_counter() - began))
        faults, count = errors(reference, heard)
        wrong, total = wrong + faults, total + count
        if faults:
            misheard.append(f"    {faults}  {reference}\n       {heard}")
    print(f"\n{what}: {wrong} of {total} words wrong, WER {100 * wrong / total:.1f} %")
    print(f"  time per clip: median {statistics.median(times):.0f} ms, worst {max(times):.0f} ms")
    print(*misheard, sep="\n")


def round_trip(recogniser: Moonshine) -> None:
    began = time.perf_counter()
    voice = HibariVoice()
    print(f"\nvoice loaded and warm after {time.perf_counter() - began:.2f} s")
    said: list[tuple[str, list[Samples]]] = []
    first: list[float] = []
    for sentence in SENTENCES:
        began = time.perf_counter()
        pieces: list[Samples] = []
        for piece in voice.synthesise(sentence):
            if not pieces:
                first.append(1000 * (time.perf_counter() - began))
            pieces.append(piece)
        said.append((sentence, [RateConverter(voice.sample_rate, LISTEN_RATE).feed(np.concatenate(pieces), last=True)]))
    score("round trip", recogniser, said)
    print(f"  text to first sound: median {statistics.median(first):.0f} ms, worst {max(first):.0f} ms")


if __name__ == "__main__":
    main()
