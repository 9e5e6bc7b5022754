"""The recognisers alone: wrong words and time, as voice activity cuts recordings; clean, in noise, by telephone, from afar.

    python -m bench.listen path/to/clips.tsv [--recogniser moonshine ...] [--whole] [--misheard] [--round-trip]

The table has a header; columns ``file`` (beside it, 16 kHz mono WAV) and ``transcript`` are read. The vocabulary is that of
the functions of ``bench.engine``: those that ship, and some that its recordings call for. ``--round-trip`` has the voice say ten
sentences and the recognisers write them down. Nothing is asserted; times want an idle machine.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

import numpy as np

from agentd.audio.formats import from_samples, to_samples
from agentd.audio.resample import Converter, RateConverter
from agentd.config import RecogniserName
from agentd.engine.endpointing import Endpointer, SpeechEnded, samples
from agentd.engine.hearing import POST_ROLL_MS, PRE_ROLL_MS
from agentd.engine.listen.vad import detectors
from agentd.engine.load import load_recogniser
from agentd.engine.providers import LISTEN_RATE, VAD_FRAME, Recogniser, Samples
from agentd.engine.speak.hibari import HibariVoice
from agentd.engine.vocabulary import vocabulary
from bench.engine.clips import Clip, load_clips
from bench.engine.declared import declarations
from bench.engine.figures import Table
from bench.engine.microphone import NATIVE
from bench.engine.sound import level
from bench.engine.words import CONDITIONS, NOISE_DB, Condition
from bench.wer import errors

END_MS: Final = 850
"""Silence that ends an ordinary turn."""

TALKERS: Final = 5
"""Voices that talk at once in the babble: recordings of the table, one after the other, from anywhere."""

SENTENCES: Final = (
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


@dataclass(frozen=True, slots=True)
class Heard:
    """What a recogniser made of a clip: the words, how many are wrong of how many, and the time of each utterance in ms."""

    transcript: str
    text: str
    wrong: int
    words: int
    took_ms: tuple[float, ...]


def main() -> None:
    names = get_args(RecogniserName)
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("table", type=Path)
    arguments.add_argument("--recogniser", action="append", choices=names, help="one or more; all when left out")
    arguments.add_argument("--whole", action="store_true", help="recognise whole clips, uncut")
    arguments.add_argument("--misheard", action="store_true", help="list what was misheard")
    arguments.add_argument("--round-trip", action="store_true", help="also synthesise and recognise ten sentences")
    given = arguments.parse_args()
    clips = load_clips(given.table)
    wanted: list[RecogniserName] = given.recogniser or list(names)
    print(measure(clips, wanted, whole=given.whole, misheard=given.misheard).markdown())
    if given.round_trip:
        for name in wanted:
            round_trip(name)


def measure(clips: Sequence[Clip], names: Sequence[RecogniserName], *, whole: bool = False, misheard: bool = False) -> Table:
    """Every recogniser under every condition, without and with a vocabulary."""
    favoured = vocabulary(declarations())
    babble = Condition(f"talk, {NOISE_DB:.0f} dB SNR", 0, babbling(clips))
    rows: list[tuple[str, ...]] = []
    notes: list[str] = []
    for name in names:
        recogniser = load_recogniser(name)
        for condition in (*CONDITIONS, babble):
            cut = [(clip, sounds(clip, condition, whole=whole)) for clip in clips]
            for what, words in (("-", ()), ("functions", favoured)):
                heard = [hear(recogniser, clip.transcript, pieces, words) for clip, pieces in cut]
                rows.append((name, condition.name, what, *cells(heard)))
                notes += [f"- {name}, {condition.name}: “{case.transcript}”: “{case.text}”" for case in heard if case.wrong]
    header = ("recogniser", "condition", "vocabulary", "words wrong", "%", "ms, median", "ms, most")
    return Table("listen", "Wrong words, by the recogniser alone", header, rows, ["\n".join(notes)] if misheard else [])


def cells(heard: Sequence[Heard]) -> tuple[str, ...]:
    """Wrong of all words, percent, and time for an utterance."""
    wrong, words = sum(case.wrong for case in heard), sum(case.words for case in heard)
    took = [took for case in heard for took in case.took_ms] or [0.0]
    return (f"{wrong} of {words}", f"{100 * wrong / max(1, words):.1f}", f"{statistics.median(took):.0f}", f"{max(took):.0f}")


def sounds(clip: Clip, condition: Condition, *, whole: bool = False) -> list[Samples]:
    """What the recogniser is given of a clip under a condition: its utterances, or all of it."""
    sound = condition.change(clip.samples, clip)
    if condition.audio != NATIVE:
        sent = Converter(NATIVE, condition.audio).feed(from_samples(sound, "linear16"), last=True)
        sound = to_samples(Converter(condition.audio, NATIVE).feed(sent, last=True), "linear16")
    return [sound] if whole else utterances(sound)


def utterances(audio: Samples) -> list[Samples]:
    """Cut as a conversation does (``agentd.engine.hearing``), with silence after the clip."""
    audio = np.pad(audio, (0, 2 * LISTEN_RATE))
    detector, endpointer = detectors()(), Endpointer(end_ms=END_MS)
    found: list[Samples] = []
    for at in range(0, len(audio) - VAD_FRAME + 1, VAD_FRAME):
        event = endpointer.feed(detector.feed(audio[at : at + VAD_FRAME]))
        if isinstance(event, SpeechEnded):
            found.append(audio[max(0, event.start - samples(PRE_ROLL_MS)) : event.voiced_to + samples(POST_ROLL_MS)])
    return found


def babbling(clips: Sequence[Clip]) -> Callable[[Samples, Clip], Samples]:
    """A change that lays the talk of several others over a clip."""

    def change(sound: Samples, clip: Clip) -> Samples:
        random = clip.rng(4)
        others = [other for other in clips if other.name != clip.name] or list(clips)
        talk = np.zeros(len(sound), dtype=np.float32)
        for _ in range(TALKERS):
            order = random.permutation(len(others))
            stream = np.concatenate([others[place].samples / max(level(others[place].samples), 1e-6) for place in order])
            talk += np.resize(np.roll(stream, int(random.integers(len(stream)))), len(sound))
        return sound + talk * np.float32(level(clip.samples) * 10 ** (-NOISE_DB / 20) / max(level(talk), 1e-6))

    return change


def hear(recogniser: Recogniser, transcript: str, pieces: Sequence[Samples], words: tuple[str, ...]) -> Heard:
    """Recognise the pieces of a clip."""
    texts: list[str] = []
    took: list[float] = []
    for piece in pieces:
        began = time.perf_counter()
        texts.append(recogniser.transcribe(piece, words).text)
        took.append(1000 * (time.perf_counter() - began))
    text = " ".join(filter(None, texts))
    return Heard(transcript, text, *errors(transcript, text), tuple(took))


def round_trip(name: RecogniserName) -> None:
    """Synthesise and recognise."""
    voice, recogniser = HibariVoice(), load_recogniser(name)
    first: list[float] = []

    def said() -> Iterator[tuple[str, Samples]]:
        for sentence in SENTENCES:
            began = time.perf_counter()
            pieces: list[Samples] = []
            for piece in voice.synthesise(sentence):
                if not pieces:
                    first.append(1000 * (time.perf_counter() - began))
                pieces.append(piece)
            yield sentence, RateConverter(voice.sample_rate, LISTEN_RATE).feed(np.concatenate(pieces), last=True)

    heard = [hear(recogniser, sentence, [sound], ()) for sentence, sound in said()]
    print(f"\nround trip, {name}: {' | '.join(cells(heard))}; text to first sound {statistics.median(first):.0f} ms")
    print(*(f"    {case.transcript}\n    {case.text}" for case in heard if case.wrong), sep="\n")


if __name__ == "__main__":
    main()
