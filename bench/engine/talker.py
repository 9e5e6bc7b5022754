"""Somebody who talks with the agent for a while: says something, listens to the reply, thinks for a moment, says something."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from agentd.engine.providers import Samples
from bench.engine.clips import LEAD_S, Clip, Detector
from bench.engine.conversation import Caller, Conversation, conversation
from bench.engine.declared import ANSWERS, declarations
from bench.engine.process import EngineProcess
from bench.engine.sound import Generator

FRAME_S: Final = 0.04
"""Of the microphone: with many talkers every frame costs the machine that is measured."""

REPLY_S: Final = 30.0
"""How long a reply may take, and how long its end: slowness shows in the waits, a failure is a reply that does not come."""

MOMENT_S: Final = (0.4, 1.4)
"""Between the end of a reply and the next words."""


@dataclass(frozen=True, slots=True)
class Line:
    """Something to say.

    Attributes:
        name: of the clip.
        sound: with a lead of room noise.
        end: one past its last voiced sample.
    """

    name: str
    sound: Samples
    end: int


def lines(clips: Sequence[Clip], detector: Detector) -> list[Line]:
    """The clips, made ready."""
    ready: list[Line] = []
    for clip in clips:
        sound = np.concatenate((clip.noise(LEAD_S, 1), clip.samples))
        ready.append(Line(clip.name, sound, detector.speech(np.concatenate((sound, clip.noise(0.5, 2)))).end))
    return ready


@dataclass(slots=True)
class Talk:
    """What became of it.

    Attributes:
        waits_ms: end of speech to first audio, of every answered turn.
        failures: turns that were not answered, and how.
        spoken_s: length of what was said.
    """

    waits_ms: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    spoken_s: float = 0.0

    def add(self, other: "Talk") -> None:
        """Count another's too."""
        self.waits_ms += other.waits_ms
        self.failures += other.failures
        self.spoken_s += other.spoken_s


async def talk(engine: EngineProcess, say: Sequence[Line], rng: Generator, *, until: float, start_s: float = 0.0) -> Talk:
    """A conversation of turns until an instant, begun ``start_s`` from now."""
    await asyncio.sleep(start_s)
    result = Talk()
    loop = asyncio.get_running_loop()
    async with conversation(engine, Caller(functions=declarations(), answers=ANSWERS, frame_s=FRAME_S)) as open_talk:
        while loop.time() < until:
            await _turn(open_talk, say[int(rng.integers(len(say)))], result)
            if open_talk.closed is not None:
                result.failures.append(f"the server hung up: {open_talk.closed}")
                break
            await asyncio.sleep(float(rng.uniform(*MOMENT_S)))
    return result


async def _turn(open_talk: Conversation, line: Line, result: Talk) -> None:
    """One turn, to the end of the reply's playback."""
    said = await open_talk.microphone.say(line.sound)
    spoken = said.instant(line.end)
    result.spoken_s += (line.end / 16_000) - LEAD_S
    user = await open_talk.wait(lambda item: item.is_a("ConversationText", "user"), since=spoken, until=spoken + REPLY_S)
    if user is None:
        result.failures.append(f"{line.name}: not heard")
        return
    audio = await open_talk.wait(lambda item: bool(item.audio), since=user.at, until=user.at + REPLY_S)
    if audio is None:
        result.failures.append(f"{line.name}: no reply to “{user.message['content']}”")
        return
    result.waits_ms.append(1000 * (audio.at - spoken))
    done = await open_talk.wait(lambda item: item.is_a("AgentAudioDone"), since=audio.at, until=audio.at + REPLY_S)
    if done is None:
        result.failures.append(f"{line.name}: the reply did not end")
        return
    await asyncio.sleep(max(0.0, open_talk.plays_until - asyncio.get_running_loop().time()))
