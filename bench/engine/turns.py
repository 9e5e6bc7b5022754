"""How long a user waits: end of speech to first audio, by stage, in one conversation at a time."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from bench.engine.clips import LEAD_S, Clip, Detector
from bench.engine.conversation import Caller, Conversation, Received, conversation
from bench.engine.declared import ANSWERS, COMMANDS, SPOKEN, declarations
from bench.engine.figures import Table, spread_cells
from bench.engine.process import EngineProcess
from bench.engine.voices import Voices

KEY: Final = "turns"

HEARD_S: Final = 5.0
"""How long after the speech a turn of the user may be confirmed."""

REPLY_S: Final = 5.0
"""And how long after that the reply may begin."""

REPORT_S: Final = 6.0
"""How long a reply may go on until its LatencyReport."""

STAGES: Final = {
    "endpointing_latency": "endpointing",
    "stt_latency": "listen",
    "ttt_text_latency": "think",
    "function_latency": "functions",
    "tts_latency": "speak",
    "total_latency": "total",
}
"""Members of LatencyReport, and the stages they tell of."""


@dataclass(slots=True)
class Turn:
    """What became of one clip.

    Attributes:
        clip: its name.
        heard: the texts of the user's turns.
        early: how many of them were confirmed before the speech was over.
        calls: names of the functions called.
        confirmed_ms: end of speech to the user's text; None when none was confirmed.
        audio_ms: end of speech to the first audio of the reply.
        stages_ms: the engine's own account, by stage.
    """

    clip: str
    heard: list[str] = field(default_factory=list)
    early: int = 0
    calls: list[str] = field(default_factory=list)
    confirmed_ms: float | None = None
    audio_ms: float | None = None
    stages_ms: dict[str, float] = field(default_factory=dict)


async def measure(engine: EngineProcess, clips: Sequence[Clip], detector: Detector, voices: Voices) -> Table:
    """All clips, then the synthesised commands."""
    recorded = [await _told(engine, clip, detector) for clip in clips]
    spoken = [await _told(engine, voices.clip(text), detector) for text in SPOKEN]
    return table(recorded, spoken)


async def _told(engine: EngineProcess, clip: Clip, detector: Detector) -> Turn:
    turn = await one(engine, clip, detector)
    wait = "-" if turn.audio_ms is None else f"{turn.audio_ms:.0f} ms"
    print(f"  {clip.name:<42}{wait:>8}  {' | '.join(turn.heard)}  {turn.calls or ''}", flush=True)
    return turn


async def one(engine: EngineProcess, clip: Clip, detector: Detector) -> Turn:
    """One clip in a conversation of its own."""
    lead = clip.noise(LEAD_S, 1)
    reported = clip.name in COMMANDS or clip.name in SPOKEN
    sound = np.concatenate((lead, clip.samples))
    caller = Caller(functions=declarations(), answers=ANSWERS, room=clip.noise(4.0, 2))
    end = detector.speech(np.concatenate((sound, clip.noise(0.5, 2)))).end
    async with conversation(engine, caller) as talk:
        said = await talk.microphone.say(sound)
        return await followed(talk, clip.name, said.instant(end), began=said.began, reported=reported)


async def followed(talk: Conversation, name: str, spoken: float, *, began: float, reported: bool) -> Turn:
    """Wait for what follows speech that ends at the instant ``spoken``: to the first audio, or to the engine's report."""
    turn = Turn(name)
    user = await talk.wait(lambda item: item.is_a("ConversationText", "user"), since=spoken, until=spoken + HEARD_S)
    if user is not None:
        turn.confirmed_ms = 1000 * (user.at - spoken)
        audio = await talk.wait(lambda item: bool(item.audio), since=user.at, until=user.at + REPLY_S)
        if audio is not None:
            turn.audio_ms = 1000 * (audio.at - spoken)
            if reported:
                await _report(talk, turn, user.at)
    texts = [item for item in talk.since(began) if item.is_a("ConversationText", "user")]
    turn.heard = [item.message["content"] for item in texts]
    turn.early = sum(item.at < spoken for item in texts)
    turn.calls = called(talk.since(began))
    return turn


def called(items: Iterable[Received]) -> list[str]:
    """Names of the functions called and not withdrawn."""
    calls: dict[str, str] = {}
    for item in items:
        if item.is_a("FunctionCallRequest"):
            calls |= {call["id"]: call["name"] for call in item.message["functions"]}
        elif item.is_a("FunctionCallCancelled"):
            for call in item.message["functions"]:
                calls.pop(call["id"], None)
    return list(calls.values())


async def _report(talk: Conversation, turn: Turn, since: float) -> None:
    until = asyncio.get_running_loop().time() + REPORT_S
    report = await talk.wait(lambda item: item.is_a("LatencyReport"), since=since, until=until)
    if report is not None:
        turn.stages_ms = {stage: 1000 * report.message[name] for name, stage in STAGES.items() if name in report.message}


def table(recorded: Sequence[Turn], spoken: Sequence[Turn]) -> Table:
    """Waits of each kind, then the stages."""
    commands = [turn for turn in recorded if turn.clip in COMMANDS]
    others = [turn for turn in recorded if turn.clip not in COMMANDS]
    kinds = {
        "complete commands, recorded": commands,
        "complete commands, synthesised": spoken,
        "other utterances, recorded": others,
    }
    rows = [_row(f"end of speech → first audio: {kind}", [t.audio_ms for t in turns]) for kind, turns in kinds.items()]
    rows.append(_row("end of speech → first audio: all recorded", [turn.audio_ms for turn in recorded]))
    rows.append(_row("end of speech → user's text: complete commands, recorded", [turn.confirmed_ms for turn in commands]))
    rows += [
        _row(f"engine's account, recorded commands: {stage}", [turn.stages_ms.get(stage) for turn in commands])
        for stage in STAGES.values()
    ]
    notes = [_called(commands, COMMANDS, "recorded"), _called(spoken, SPOKEN, "synthesised"), *_missing([*recorded, *spoken])]
    return Table(KEY, "Turn latency, one conversation", ("ms", "turns", "median", "p95", "min", "max"), rows, notes)


def _row(what: str, values: Iterable[float | None]) -> tuple[str, ...]:
    return (what, *spread_cells(value for value in values if value is not None))


def _called(turns: Sequence[Turn], meant: dict[str, str], kind: str) -> str:
    right = [turn for turn in turns if turn.calls and set(turn.calls) == {meant[turn.clip]}]
    wrong = [f"{turn.clip} ({' | '.join(turn.heard) or 'nothing heard'})" for turn in turns if turn not in right]
    return f"Function called as meant: {len(right)} of {len(turns)} {kind} commands" + (
        f"; not: {', '.join(wrong)}." if wrong else "."
    )


def _missing(turns: Sequence[Turn]) -> list[str]:
    silent = [turn.clip for turn in turns if turn.audio_ms is None]
    early = [turn.clip for turn in turns if turn.early]
    notes = [f"No reply: {', '.join(silent)}."] if silent else []
    return notes + ([f"Taken for more than one turn: {', '.join(early)}."] if early else [])
