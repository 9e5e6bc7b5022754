"""Whether the engine lets people finish: speech with a pause put in between two words, and with the pauses it has itself.

A turn is cut off when the user's text is confirmed before the speech is over.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from agentd.engine.providers import LISTEN_RATE, Samples
from bench.engine.cases import each
from bench.engine.clips import LEAD_S, Clip, Detector
from bench.engine.conversation import Caller, Received, conversation
from bench.engine.declared import ANSWERS, declarations
from bench.engine.figures import Table, spread_cells
from bench.engine.gaps import Gap, load_gaps
from bench.engine.process import EngineProcess
from bench.engine.sound import count, with_pause
from bench.wer import errors

KEY: Final = "endpointing"

PAUSES_MS: Final = (300, 500, 800)

AT_ONCE: Final = 8
"""Conversations at once: few enough that none waits for another (they use a fifth of two cores)."""

OWN_PAUSE_MS: Final = 200
"""A silence in the clip itself from which a cut in it is not blamed on the pause put in."""

LATE_S: Final = 0.4
"""A cut in a pause may become known so long after it: the words are recognised, and travel."""

HEARD_S: Final = 4.0
"""How long after the speech the last turn is waited for."""


@dataclass(frozen=True, slots=True)
class Case:
    """A clip to be said.

    Attributes:
        clip: the recording.
        gap: where a pause is put in; None for the clip as it is.
        pause_ms: how long a pause.
    """

    clip: Clip
    gap: Gap | None = None
    pause_ms: int = 0

    def sound(self) -> Samples:
        """What is said, after a lead of room noise."""
        lead = self.clip.noise(LEAD_S, 1)
        if self.gap is None:
            return np.concatenate((lead, self.clip.samples))
        return np.concatenate((lead, with_pause(self.clip.samples, self.gap.at, self.pause_ms, self.clip.rng(self.pause_ms))))

    def own_pauses(self, speech: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Silences of ``speech`` (sample ranges) without the one that was put in."""
        if self.gap is None:
            return speech
        begin = round(LEAD_S * LISTEN_RATE) + self.gap.at
        middle = begin + count(self.pause_ms) // 2
        return [(start, end) for start, end in speech if not start <= middle <= end]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the engine made of a case.

    Attributes:
        case: that one.
        heard: texts of the user's turns.
        cut: a turn was confirmed in the pause that was put in.
        cut_itself: a turn was confirmed in a pause that the clip has itself.
        withdrawn: calls made before the speech was over and withdrawn.
        calls: calls made before the speech was over and not withdrawn in time.
        wait_ms: end of speech to the confirmation of the last turn.
    """

    case: Case
    heard: tuple[str, ...]
    cut: bool
    cut_itself: bool
    withdrawn: int
    calls: int
    wait_ms: float | None


async def measure(engine: EngineProcess, clips: Sequence[Clip], detector: Detector) -> Table:
    """All clips with all pauses."""
    named = {clip.name: clip for clip in clips}
    cases = [Case(named[gap.clip], gap, pause) for gap in load_gaps() for pause in PAUSES_MS if gap.clip in named]
    cases += [Case(clip) for clip in clips]
    print(f"  {len(cases)} cases, {AT_ONCE} at once", flush=True)

    async def run(case: Case) -> Outcome:
        outcome = await one(engine, case, detector)
        if outcome.cut or outcome.cut_itself:
            print(f"  cut: {told(outcome)}", flush=True)
        return outcome

    return table(await each(cases, run, at_once=AT_ONCE))


async def one(engine: EngineProcess, case: Case, detector: Detector) -> Outcome:
    """One case in a conversation of its own."""
    sound = case.sound()
    speech = detector.speech(np.concatenate((sound, case.clip.noise(0.5, 2))))
    own = case.own_pauses(speech.pauses(OWN_PAUSE_MS))
    caller = Caller(functions=declarations(), answers=ANSWERS, room=case.clip.noise(4.0, 2))
    async with conversation(engine, caller) as talk:
        said = await talk.microphone.say(sound)
        spoken = said.instant(speech.end)
        last = await talk.wait(lambda item: item.is_a("ConversationText", "user"), since=spoken, until=spoken + HEARD_S)
        await asyncio.sleep(0)
        items = talk.since(said.began)
    texts = [item for item in items if item.is_a("ConversationText", "user")]
    windows = [(said.instant(start), said.instant(end) + LATE_S) for start, end in own]
    cut, cut_itself = split(texts, spoken=spoken, own=windows)
    made, withdrawn = calls_before(items, spoken)
    return Outcome(
        case,
        tuple(item.message["content"] for item in texts),
        cut=cut,
        cut_itself=cut_itself,
        withdrawn=withdrawn,
        calls=made - withdrawn,
        wait_ms=None if last is None else 1000 * (last.at - spoken),
    )


def split(texts: Sequence[Received], *, spoken: float, own: Sequence[tuple[float, float]]) -> tuple[bool, bool]:
    """Whether a turn was confirmed before speech ended at ``spoken``: outside of the ``own`` pauses, and inside of one."""
    early = [item.at for item in texts if item.at < spoken]
    inside = [any(begin <= at <= end for begin, end in own) for at in early]
    return not all(inside), any(inside)


def calls_before(items: Iterable[Received], spoken: float) -> tuple[int, int]:
    """Calls made before ``spoken``, and those of them that were withdrawn."""
    made: set[str] = set()
    withdrawn: set[str] = set()
    for item in items:
        if item.is_a("FunctionCallRequest") and item.at < spoken:
            made |= {call["id"] for call in item.message["functions"]}
        elif item.is_a("FunctionCallCancelled"):
            withdrawn |= {call["id"] for call in item.message["functions"]} & made
    return len(made), len(withdrawn)


def table(outcomes: Sequence[Outcome]) -> Table:
    """Cut turns by length of the pause."""
    paused = [outcome for outcome in outcomes if outcome.case.gap is not None]
    rows = [_row(f"pause of {ms} ms put in", [outcome for outcome in paused if outcome.case.pause_ms == ms]) for ms in PAUSES_MS]
    rows.append(_row("all pauses put in", paused))
    rows.append(_row("clips as they are (own pauses)", [outcome for outcome in outcomes if outcome.case.gap is None]))
    cut = [f"- {told(outcome)}" for outcome in outcomes if outcome.cut or outcome.cut_itself]
    silent = sorted({outcome.case.clip.name for outcome in outcomes if not outcome.heard})
    notes = ["Cut off:\n\n" + "\n".join(cut)] if cut else ["None was cut off."]
    notes += [f"Nothing was heard of: {', '.join(silent)}."] if silent else []
    header = ("speech", "cases", "cut off", "%", "early calls (withdrawn)", "end of speech → user's text: median ms", "p95")
    return Table(KEY, "Endpointing", header, rows, notes)


def _row(what: str, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    cut = sum(outcome.cut or (outcome.case.gap is None and outcome.cut_itself) for outcome in outcomes)
    rate = f"{100 * cut / len(outcomes):.1f}" if outcomes else "-"
    withdrawn = sum(outcome.withdrawn for outcome in outcomes)
    calls = withdrawn + sum(outcome.calls for outcome in outcomes)
    _, median, p95, *_ = spread_cells(outcome.wait_ms for outcome in outcomes if outcome.wait_ms is not None)
    return (what, str(len(outcomes)), str(cut), rate, f"{calls} ({withdrawn})", median, p95)


def told(outcome: Outcome) -> str:
    """A cut turn in a line: where, and what became of it."""
    case = outcome.case
    where = "own pause" if not outcome.cut else "" if case.gap is None else f"{case.pause_ms} ms after “{case.gap.before}”"
    wrong, _ = errors(case.clip.transcript, " ".join(outcome.heard))
    return f"{case.clip.name}, {where}: “{' | '.join(outcome.heard)}” ({wrong} words wrong)"
