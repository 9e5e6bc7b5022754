"""Wrong words: recordings heard by the engine as they are, in noise, by telephone and from afar."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from agentd.audio.formats import AudioFormat
from agentd.engine.providers import Samples
from bench.engine.cases import each
from bench.engine.clips import LEAD_S, Clip, Detector
from bench.engine.conversation import Caller, conversation
from bench.engine.declared import ANSWERS, declarations
from bench.engine.figures import Table
from bench.engine.microphone import NATIVE
from bench.engine.process import EngineProcess
from bench.engine.sound import level
from bench.wer import errors

KEY: Final = "words"

AT_ONCE: Final = 8

NOISE_DB: Final = 10.0
"""Signal to noise ratio of the noisy condition: white noise, against the level of the whole clip."""

FAR_DB: Final = -24.0

TAIL_S: Final = 8.0
"""How long after the speech its last words may come."""


@dataclass(frozen=True, slots=True)
class Condition:
    """How a clip reaches the engine.

    Attributes:
        name: of the condition.
        goal: wrong words to aim for, in percent.
        change: what happens to the sound; gets the clip too.
        audio: format it is sent in.
    """

    name: str
    goal: int
    change: Callable[[Samples, Clip], Samples]
    audio: AudioFormat = NATIVE


def _clean(sound: Samples, _clip: Clip) -> Samples:
    return sound


def _noisy(sound: Samples, clip: Clip) -> Samples:
    noise = clip.rng(3).standard_normal(len(sound)) * level(clip.samples) * 10 ** (-NOISE_DB / 20)
    return np.clip(sound + noise.astype(np.float32), -1.0, 1.0)


def _far(sound: Samples, _clip: Clip) -> Samples:
    return sound * np.float32(10 ** (FAR_DB / 20))


CONDITIONS: Final = (
    Condition("as recorded", 3, _clean),
    Condition(f"white noise, {NOISE_DB:.0f} dB SNR", 7, _noisy),
    Condition("µ-law, 8 kHz", 5, _clean, AudioFormat("mulaw", 8000)),
    Condition(f"level {FAR_DB:.0f} dB", 4, _far),
)


@dataclass(frozen=True, slots=True)
class Heard:
    """A clip under a condition: what was heard, wrong words, words."""

    clip: Clip
    condition: Condition
    text: str
    wrong: int
    words: int


async def measure(engine: EngineProcess, clips: Sequence[Clip], detector: Detector) -> Table:
    """All clips under all conditions."""
    cases = [(condition, clip) for condition in CONDITIONS for clip in clips]
    print(f"  {len(cases)} cases, {AT_ONCE} at once", flush=True)

    async def run(case: tuple[Condition, Clip]) -> Heard:
        return await one(engine, *case, detector)

    return table(await each(cases, run, at_once=AT_ONCE))


async def one(engine: EngineProcess, condition: Condition, clip: Clip, detector: Detector) -> Heard:
    """One clip in a conversation of its own; the texts of all turns it is taken for count."""
    clean = np.concatenate((clip.noise(LEAD_S, 1), clip.samples))
    end = detector.speech(np.concatenate((clean, clip.noise(0.5, 2)))).end
    caller = Caller(
        functions=declarations(),
        answers=ANSWERS,
        room=condition.change(clip.noise(4.0, 2), clip),
        frame_s=0.04,
        audio=condition.audio,
    )
    async with conversation(engine, caller) as talk:
        said = await talk.microphone.say(condition.change(clean, clip))
        spoken = said.instant(end)
        await talk.wait(lambda item: item.is_a("ConversationText", "user"), since=spoken, until=spoken + TAIL_S)
        texts = [item.message["content"] for item in talk.received if item.is_a("ConversationText", "user")]
    return Heard(clip, condition, " | ".join(texts), *errors(clip.transcript, " ".join(texts)))


def table(heard: Sequence[Heard]) -> Table:
    """Wrong words by condition, and each misheard clip."""
    rows: list[tuple[str, ...]] = []
    for condition in CONDITIONS:
        cases = [case for case in heard if case.condition == condition]
        wrong, words = sum(case.wrong for case in cases), sum(case.words for case in cases)
        exact = sum(case.wrong == 0 for case in cases)
        share = f"{100 * wrong / words:.1f}" if words else "-"
        rows.append((condition.name, str(len(cases)), str(exact), f"{wrong} of {words}", share, str(condition.goal)))
    misheard = [case for case in heard if case.wrong]
    lines = [f"- {case.condition.name}, {case.wrong} wrong in “{case.clip.transcript}”: “{case.text}”" for case in misheard]
    header = ("condition", "clips", "all right", "words wrong", "%", "aim %")
    return Table(KEY, "Wrong words, over the wire", header, rows, ["Misheard:\n\n" + "\n".join(lines)] if lines else [])
