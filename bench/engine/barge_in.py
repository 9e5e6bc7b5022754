"""Whether the user can interrupt the agent, how soon it is silent, and whether anything else interrupts it.

The agent speaks a long greeting. Meanwhile the microphone hears somebody speak, or something that is nobody speaking to it:
clicks, coughs, listeners' noises, the agent itself, music, noise.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from agentd.engine.providers import LISTEN_RATE, Samples
from bench.engine.cases import each
from bench.engine.clips import Clip, Detector
from bench.engine.conversation import Caller, Conversation, conversation
from bench.engine.declared import ANSWERS, declarations
from bench.engine.disturbances import ECHO_DELAYS_MS, disturbances
from bench.engine.figures import Table, spread_cells
from bench.engine.process import EngineProcess
from bench.engine.sound import coloured_noise
from bench.engine.voices import Voices

KEY: Final = "barge-in"

GREETING: Final = (
    "Good evening. Here is the news of the day. The weather stays calm until Thursday, with clear skies in the morning and "
    "some clouds towards the evening. Your parcel will be delivered tomorrow between nine and eleven. The washing machine has "
    "finished its programme, and the window in the guest room is still open. Your next appointment is at the dentist."
)
"""What is to be interrupted: some twenty seconds."""

SPOKEN_S: Final = 1.2
"""How long the agent has been heard when the sound begins."""

CONFIRMING_MS: Final = 300
"""Voiced sound that makes an interruption (``[engine] barge_in_ms``): reactions are counted from there."""

LISTEN_S: Final = 2.0
"""How long after a sound an interruption is waited for."""

SHORTEST_S: Final = 1.0
"""Clips with less speech are no interruption to be sure of."""

LATE_S: Final = 0.5
"""How long after UserStartedSpeaking agent audio is watched for."""

AT_ONCE: Final = 6
REACTING_AT_ONCE: Final = 2
"""Conversations at once; reactions are timed, so there each has a core."""

OVER_ECHO: Final = 12
"""Clips that are also spoken over the agent's echo."""

ECHO_DB: Final = -12.0


@dataclass(frozen=True, slots=True)
class Reaction:
    """What an interruption led to; times in ms.

    Attributes:
        clip: what was said.
        from_confirmed: from 300 ms of voiced speech until UserStartedSpeaking came; None when the agent spoke on.
        from_start: the same from the first voiced sample.
        before: the agent had stopped before the user spoke: at its own echo.
        audio_after: frames of agent audio received after UserStartedSpeaking.
    """

    clip: str
    from_confirmed: float | None = None
    from_start: float | None = None
    before: bool = False
    audio_after: int = 0


@dataclass(frozen=True, slots=True)
class Disturbed:
    """What a disturbance led to.

    Attributes:
        kind: of the sound.
        name: which one.
        interrupted: the agent stopped.
        heard: texts taken for the user's.
    """

    kind: str
    name: str
    interrupted: bool
    heard: tuple[str, ...]


async def measure(engine: EngineProcess, clips: Sequence[Clip], detector: Detector, voices: Voices) -> Table:
    """Interruptions one at a time, then everything that is none, several at a time."""
    speakers = [clip for clip in clips if detector.speech(clip.samples).end > SHORTEST_S * LISTEN_RATE]
    over = [(clip, ECHO_DELAYS_MS[number % len(ECHO_DELAYS_MS)]) for number, clip in enumerate(speakers[:OVER_ECHO])]

    async def interrupt(case: tuple[Clip, int | None]) -> Reaction:
        return await _told(engine, detector, *case)

    plain = await each([(clip, None) for clip in speakers], interrupt, at_once=REACTING_AT_ONCE)
    over_echo = await each(over, interrupt, at_once=REACTING_AT_ONCE)

    async def disturb(case: tuple[str, str, Samples | None, int | None]) -> Disturbed:
        result = await disturbed(engine, *case)
        if result.interrupted or result.heard:
            print(
                f"  {result.kind}, {result.name}: {'INTERRUPTED' if result.interrupted else 'heard'} {result.heard}", flush=True
            )
        return result

    cases = [(item.kind, item.name, item.sound, item.echo_ms) for item in disturbances(voices)]
    print(f"  {len(cases)} disturbances, {AT_ONCE} at once", flush=True)
    return table(plain, over_echo, await each(cases, disturb, at_once=AT_ONCE))


async def _told(engine: EngineProcess, detector: Detector, clip: Clip, echo_ms: int | None) -> Reaction:
    reaction = await interruption(engine, clip, detector, echo_ms)
    took = "interrupted BEFORE" if reaction.before else "NOT interrupted"
    if reaction.from_confirmed is not None:
        took = f"{reaction.from_confirmed:.0f} ms after 300 ms of speech"
    print(f"  {clip.name}{'' if echo_ms is None else f', echo after {echo_ms} ms'}: {took}", flush=True)
    return reaction


async def interruption(engine: EngineProcess, clip: Clip, detector: Detector, echo_ms: int | None) -> Reaction:
    """One clip spoken into the greeting."""
    speech = detector.speech(clip.samples)
    confirmed = speech.after_voiced(CONFIRMING_MS) or speech.end
    async with conversation(engine, _caller(clip.noise(4.0, 2), echo_ms)) as talk:
        await _speaking(talk)
        said = await talk.microphone.say(clip.samples)
        until = said.instant(len(clip.samples)) + LISTEN_S
        stopped = await talk.wait(lambda item: item.is_a("UserStartedSpeaking"), since=said.began, until=until)
        before = any(item.is_a("UserStartedSpeaking") and item.at < said.instant(speech.start) for item in talk.received)
        if before or stopped is None:
            return Reaction(clip.name, before=before)
        text = await talk.wait(lambda item: item.is_a("ConversationText", "user"), since=stopped.at, until=stopped.at + LATE_S)
        end = stopped.at + LATE_S if text is None else text.at  # what comes after the text is the next reply
        late = sum(bool(item.audio) and item.at < end for item in talk.since(stopped.at))
        confirmed_ms, start_ms = (1000 * (stopped.at - said.instant(at)) for at in (confirmed, speech.start))
        return Reaction(clip.name, confirmed_ms, start_ms, audio_after=late)


async def disturbed(engine: EngineProcess, kind: str, name: str, sound: Samples | None, echo_ms: int | None) -> Disturbed:
    """One sound played into the greeting; without one, the whole greeting is listened to."""
    noise = coloured_noise(4 * LISTEN_RATE, np.random.default_rng(7), low_hz=50, high_hz=7000, fall=1.0) * 10 ** (-45 / 20)
    quiet = np.zeros(LISTEN_RATE, dtype=np.float32)
    async with conversation(engine, _caller(noise.astype(np.float32) if "noise" in kind else quiet, echo_ms)) as talk:
        await _speaking(talk)
        began = asyncio.get_running_loop().time()
        if sound is not None:
            said = await talk.microphone.say(sound)
            until = said.instant(len(sound)) + LISTEN_S
        else:
            until = began + 20.0
        await talk.wait(_over(sound), since=began, until=until)
        items = talk.received
    texts = tuple(item.message["content"] for item in items if item.is_a("ConversationText", "user"))
    return Disturbed(kind, name, any(item.is_a("UserStartedSpeaking") for item in items), texts)


def _over(sound: Samples | None) -> Callable[..., bool]:
    """What ends the listening early: the end of the greeting, where no sound is waited for."""
    return lambda item: item.is_a("UserStartedSpeaking") or (sound is None and item.is_a("AgentAudioDone"))


async def _speaking(talk: Conversation) -> None:
    now = asyncio.get_running_loop().time()
    first = await talk.wait(lambda item: bool(item.audio), until=now + 10.0)
    if first is None:
        raise RuntimeError("no greeting came")
    await asyncio.sleep(max(0.0, first.at + SPOKEN_S - asyncio.get_running_loop().time()))


def _caller(room: Samples, echo_ms: int | None) -> Caller:
    return Caller(
        functions=declarations(),
        answers=ANSWERS,
        greeting=GREETING,
        room=room,
        hears_itself=None if echo_ms is None else lambda talk: _echo(talk, echo_ms),
    )


def _echo(talk: Conversation, delay_ms: int) -> Callable[[float, int], Samples]:
    gain = np.float32(10 ** (ECHO_DB / 20))
    return lambda instant, length: gain * talk.heard_from_loudspeaker(instant - delay_ms / 1000, length)


def table(plain: Sequence[Reaction], over_echo: Sequence[Reaction], others: Sequence[Disturbed]) -> Table:
    """Reactions, then false interruptions by kind."""
    rows: list[tuple[str, ...]] = []
    for kind, reactions in (("user speaks", plain), (f"user speaks over the agent's echo at {ECHO_DB:.0f} dB", over_echo)):
        before = sum(reaction.before for reaction in reactions)
        missed = sum(reaction.from_confirmed is None for reaction in reactions) - before
        confirmed = [reaction.from_confirmed for reaction in reactions if reaction.from_confirmed is not None]
        start = [reaction.from_start for reaction in reactions if reaction.from_start is not None]
        result = f"{missed} missed" + (f", {before} interrupted before" if before else "")
        rows.append((f"{kind}: from 300 ms of voiced speech", str(len(reactions)), result, *spread_cells(confirmed)[1:]))
        rows.append((f"{kind}: from the first voiced sample", str(len(reactions)), result, *spread_cells(start)[1:]))
    for kind in dict.fromkeys(other.kind for other in others):
        of_kind = [other for other in others if other.kind == kind]
        false = sum(other.interrupted for other in of_kind)
        rows.append((kind, str(len(of_kind)), f"{false} false interruptions", "-", "-", "-", "-"))
    header = ("while the agent speaks", "cases", "result", "stops after: median ms", "p95", "min", "max")
    return Table(KEY, "Barge-in", header, rows, _notes([*plain, *over_echo], others))


def _notes(reactions: Sequence[Reaction], others: Sequence[Disturbed]) -> list[str]:
    late = [reaction.clip for reaction in reactions if reaction.audio_after]
    missed = [reaction.clip for reaction in reactions if reaction.from_confirmed is None and not reaction.before]
    notes = [f"Agent audio after UserStartedSpeaking: {', '.join(late) or 'none'}."]
    notes += [f"Missed: {', '.join(missed)}."] if missed else []
    false = [f"{other.kind} ({other.name})" for other in others if other.interrupted]
    notes += [f"False: {', '.join(false)}."] if false else []
    invented = [f"{other.kind} ({other.name}): “{' | '.join(other.heard)}”" for other in others if other.heard]
    return notes + ([f"Taken for the user's words: {', '.join(invented)}."] if invented else [])
