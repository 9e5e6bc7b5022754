"""The voice alone: how soon it begins, how much it computes, and whether what it says is understood.

    python -m bench.speak [--understood]

First audio is timed from the text to the first clause, as a reply begins. ``--understood`` has the voice read out each line of
spoken.tsv and the recogniser write it down; the words that should have been said are synthesised and written down as well,
for the recogniser errs too. Nothing is asserted; run it on an idle machine.
"""

import argparse
import csv
import statistics
import time
from pathlib import Path
from typing import Final

import numpy as np

from agentd.audio.formats import Samples
from agentd.audio.resample import RateConverter
from agentd.engine.listen.moonshine import Moonshine
from agentd.engine.providers import LISTEN_RATE, Synthesiser
from agentd.engine.speak.espeak import espeak_voices
from agentd.engine.speak.hibari import HibariVoice
from bench.wer import errors

REPLIES: Final = (
    "It is on.",
    "The lamp is now on.",
    "I turned on the lamp in the bedroom.",
    "I turned on the lamp in the bedroom and closed the blinds.",
    "I have switched on the lamp in the living room and set the heating to warm.",
    "I have switched on the lamp in the living room, and because it is getting cold I set the heating.",
    "Tomorrow morning it will be mostly cloudy with a high of twelve degrees, some rain at noon, and a light wind from the west.",
    (
        "You have three meetings today, the first one with the design team at nine, then a call with the bank about the new "
        "account at eleven, and finally the weekly review with everybody in the large room on the second floor at four."
    ),
)
"""3 to 43 words."""

REPEATS: Final = 15


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--understood", action="store_true", help="also recognise what is said")
    given = arguments.parse_args()
    voice = HibariVoice()
    first_audio("heart", voice)
    espeak = next((other.synthesiser for other in espeak_voices() if other.name == "espeak-en-us"), None)
    if espeak is not None:
        first_audio("espeak-en-us", espeak)
    if given.understood:
        understood(voice)


def first_audio(name: str, voice: Synthesiser) -> None:
    for text in REPLIES:
        firsts: list[float] = []
        wholes: list[float] = []
        pieces: list[float] = []
        for _ in range(REPEATS):
            began = time.perf_counter()
            pieces.clear()
            for piece in voice.synthesise(text):
                pieces.append(len(piece) / voice.sample_rate)
                if len(pieces) == 1:
                    firsts.append(time.perf_counter() - began)
            wholes.append(time.perf_counter() - began)
        print(
            f"{name}: {len(text.split()):2d} words, {sum(pieces):4.1f} s of speech: "
            f"first {pieces[0]:.1f} s after {1000 * statistics.median(firsts):3.0f} ms "
            f"(least {1000 * min(firsts):.0f}), all after {1000 * statistics.median(wholes):.0f} ms"
        )


def understood(voice: Synthesiser) -> None:
    recogniser = Moonshine()

    def heard(text: str) -> str:
        return recogniser.transcribe(said(voice, text)).text

    read, control, words, differ = 0, 0, 0, 0
    with (Path(__file__).parent / "spoken.tsv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    for line in lines:
        written, spoken = line["written"].replace("\\n", "\n"), line["spoken"]
        of_written, of_spoken = heard(written), heard(spoken)
        wrong, count = errors(spoken, of_written)
        expected, _ = errors(spoken, of_spoken)
        read, control, words = read + wrong, control + expected, words + count
        if wrong > expected:
            differ += 1
            print(f"  {written!r}: {of_written!r}, should be {spoken!r}")
    print(
        f"{len(lines)} texts, {words} words: {100 * read / words:.1f} % wrong as written, "
        f"{100 * control / words:.1f} % in full words; {differ} texts worse"
    )


def said(voice: Synthesiser, text: str) -> Samples:
    """What the voice says, at the recogniser's rate."""
    speech = np.concatenate([np.zeros(0, np.float32), *voice.synthesise(text)])
    return RateConverter(voice.sample_rate, LISTEN_RATE).feed(speech, last=True)


if __name__ == "__main__":
    main()
