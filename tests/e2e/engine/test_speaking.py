"""The agent's mouth over a real WebSocket: what is held back, how far ahead audio goes, and what a cut leaves."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from agentd.audio.formats import AudioFormat
from agentd.config import EngineSettings
from agentd.engine import speaking
from agentd.engine.compute import Compute
from agentd.engine.latency import THINK, TurnClock
from agentd.engine.line import Line
from agentd.engine.memory import Memory
from agentd.engine.playback import Sentence
from agentd.engine.providers import Samples, Voice
from agentd.engine.reception import always
from agentd.engine.serving import serving
from agentd.engine.speak.choice import Choice
from agentd.engine.speaking import TEXT_GAP_S, Mouth
from agentd.engine.speech import Speech
from agentd.protocol.messages import Message, SettingsApplied
from tests.support.agent_client import AgentClient, agent_client, settings

KEY = "the-engine's-key"
RATE = 24_000


class Words:
    """A voice that says each word as a tone, and counts them."""

    sample_rate = RATE

    def __init__(self, word_s: float) -> None:
        self.word_s = word_s
        self.words = 0
        self.said = threading.Semaphore(0)

    def synthesise(self, text: str, speed: float = 1.0) -> Iterator[Samples]:
        for _ in text.split():
            self.words += 1
            self.said.release()
            yield np.full(round(self.word_s * RATE), 0.1, dtype=np.float32)


class Broken:
    """A voice that fails after so many words."""

    sample_rate = RATE

    def __init__(self, after: int = 0) -> None:
        self.after = after

    def synthesise(self, text: str, speed: float = 1.0) -> Iterator[Samples]:
        for number, _ in enumerate(text.split()):
            if number == self.after:
                raise RuntimeError("the model has a fault")
            yield np.full(round(0.1 * RATE), 0.1, dtype=np.float32)


def broken(after: int = 0) -> Choice:
    return Choice(Voice("broken", "broken", "en", Broken(after)))


class Bare:
    """A dialogue of nothing but a mouth."""

    def __init__(self, line: Line, compute: Compute, choices: Sequence[Choice], **options: Any) -> None:
        self.line = line
        self.memory = Memory(line.note)
        parts: dict[str, Any] = {"container": "none", "experimental": False, "ahead_s": 60.0} | options
        self.mouth = Mouth(
            line,
            self.memory,
            compute,
            choices,
            output=AudioFormat("linear16", RATE),
            clock=asyncio.get_running_loop().time,
            **parts,
        )

    async def open(self) -> None:
        self.line.send(SettingsApplied())
        self.line.spawn(self.mouth.run(), "mouth")

    async def hear(self, audio: bytes) -> None:
        pass

    async def handle(self, message: Message) -> None:
        pass


@dataclass
class Stage:
    """A connected client, and the mouth it listens to."""

    client: AgentClient
    mouth: Mouth
    voice: Words

    def speech(self, *texts: str, held: bool = False, clock: TurnClock | None = None) -> Speech:
        """A complete speech in the mouth's queue."""
        speech = Speech(clock, held=held)
        for text in texts:
            speech.say(Sentence(text))
        speech.finish()
        self.mouth.add(speech)
        return speech

    def heard_s(self) -> float:
        """Audio received so far, in seconds."""
        return len(self.client.audio()) / 2 / RATE


@asynccontextmanager
async def stage(*, word_s: float = 0.1, before: Sequence[Choice] = (), threads: int = 1, **options: Any) -> AsyncIterator[Stage]:
    """A mouth that speaks by words, and by the voices ``before`` while they do."""
    voice, compute, dialogues = Words(word_s), Compute(threads), []
    choices = (*before, Choice(Voice("words", "words", "en", voice)))

    def dialogue(line: Line, document: dict[str, Any]) -> Bare:
        dialogues.append(Bare(line, compute, choices, **options))
        return dialogues[-1]

    try:
        async with serving(always(dialogue), EngineSettings(), KEY) as address, agent_client(f"ws://{address}", KEY) as client:
            await client.send(settings())
            await client.until("SettingsApplied")
            yield Stage(client, dialogues[0].mouth, voice)
    finally:
        compute.close()


async def until_made(stage: Stage, words: int) -> None:
    """Wait until the voice has said so many more words."""
    for _ in range(words):
        assert await asyncio.to_thread(stage.voice.said.acquire, timeout=5)


async def test_a_held_speech_is_made_but_nothing_of_it_is_sent_until_it_is_released() -> None:
    async with stage() as here:
        speech = here.speech("one two three", held=True)
        await until_made(here, 1)
        await here.client.quiet(0.1)
        assert here.client.kinds() == ["Welcome", "SettingsApplied"]
        assert here.voice.words == 1
        assert not here.mouth.speaking()
        speech.release()
        await here.client.until("AgentAudioDone")
        assert here.client.kinds()[2:] == ["ConversationText", "~", "AgentAudioDone"]
        assert here.heard_s() == pytest.approx(0.3)


@pytest.mark.parametrize("made", [False, True])
async def test_a_held_speech_that_is_stopped_leaves_no_trace(made: bool) -> None:
    async with stage() as here:
        speech = here.speech("never said", held=True)
        if made:
            await until_made(here, 1)
        speech.stop()
        here.speech("hello")
        await here.client.until("History")
        assert here.client.texts("assistant") == ["hello"]
        assert here.client.kinds()[2:] == ["ConversationText", "~", "AgentAudioDone", "History"]
        assert speech.sentences[0].heard() == ""
        assert not here.mouth._making


async def test_a_cut_forgets_a_held_speech_too() -> None:
    async with stage() as here:
        speech = here.speech("never said", held=True)
        here.mouth.cut()
        speech.release()
        here.speech("hello")
        await here.client.until("AgentAudioDone")
        assert here.client.texts("assistant") == ["hello"]
        assert not here.mouth._making


async def test_what_is_said_meanwhile_passes_a_held_speech() -> None:
    async with stage() as here:
        reply = here.speech("the reply", held=True)
        here.speech("one moment")
        await here.client.until("AgentAudioDone")
        reply.release()
        await here.client.until("AgentAudioDone", after=len(here.client.items))
        assert here.client.texts("assistant") == ["one moment", "the reply"]


async def test_audio_never_goes_out_more_than_the_permitted_time_before_it_is_heard() -> None:
    async with stage(ahead_s=0.3) as here:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        here.speech("one two three four five", "six seven eight")
        while "AgentAudioDone" not in here.client.kinds():
            await here.client.quiet(0.02)
            assert here.heard_s() <= loop.time() - begin + 0.3 + 0.001
        assert here.heard_s() == pytest.approx(0.8)
        assert here.mouth.speaking()


async def test_later_clauses_are_made_while_earlier_ones_wait_to_be_sent() -> None:
    async with stage(word_s=5.0, ahead_s=0.3) as here:
        here.speech("one two three four five six")
        await here.client.until("ConversationText")
        await until_made(here, 2)
        await here.client.quiet(0.1)
        assert here.voice.words == 2  # one that is sent, one ahead: bounded
        assert here.heard_s() < 1.0


async def test_a_cut_ends_the_wait_for_playback_at_once() -> None:
    async with stage(word_s=20.0, ahead_s=0.3) as here:
        speech = here.speech("one two")
        await here.client.until("ConversationText")
        await here.client.quiet(0.1)
        here.mouth.cut()
        here.speech("next")
        await here.client.until(lambda item: isinstance(item, dict) and item.get("content") == "next")
        assert here.client.kinds()[2:6] == ["ConversationText", "~", "AgentAudioDone", "ConversationText"]
        assert speech.over.is_set()
        assert here.heard_s() < 1.0


async def test_the_text_of_a_sentence_that_was_not_reached_is_never_sent() -> None:
    async with stage(word_s=5.0, ahead_s=0.3) as here:
        here.speech("first", "second")
        await here.client.until("ConversationText")
        await until_made(here, 2)
        here.mouth.cut()
        await here.client.until("AgentAudioDone")
        assert here.client.texts("assistant") == ["first"]


async def test_the_text_is_out_for_a_while_before_agent_started_speaking_with_its_latencies() -> None:
    async with stage(experimental=True) as here:
        loop = asyncio.get_running_loop()
        clock = TurnClock(loop.time() - 0.5)
        clock.lap(THINK, loop.time())
        here.speech("hello", clock=clock)
        await here.client.until("ConversationText")
        told = loop.time()
        started = await here.client.until("AgentStartedSpeaking")
        assert loop.time() - told > TEXT_GAP_S / 2  # both come by the same way; half is left to a busy machine
        await here.client.until("LatencyReport")
        assert here.client.kinds()[2:6] == ["ConversationText", "AgentStartedSpeaking", "~", "AgentAudioDone"]
        assert started["ttt_latency"] == pytest.approx(0.5, abs=0.01)
        assert started["tts_latency"] >= TEXT_GAP_S * 0.9
        assert started["total_latency"] == pytest.approx(started["ttt_latency"] + started["tts_latency"], abs=0.001)


async def test_frames_are_short_and_even_whatever_the_length_of_a_clause() -> None:
    async with stage(word_s=1.23) as here:
        here.speech("one two")
        await here.client.until("AgentAudioDone")
        frames = [item for item in here.client.items if isinstance(item, bytes)]
        assert all(0 < len(frame) <= 0.2 * RATE * 2 and len(frame) % 2 == 0 for frame in frames)


@pytest.mark.parametrize("text", ["", "  \n"])
async def test_a_blank_speech_sends_nothing(text: str) -> None:
    async with stage() as here:
        await here.mouth.say(text).over.wait()
        here.speech("hello")
        await here.client.until("AgentAudioDone")
        assert here.client.kinds()[2:] == ["ConversationText", "~", "AgentAudioDone"]


async def test_when_a_voice_fails_the_next_one_says_the_sentence_and_the_rest() -> None:
    async with stage(before=[broken()]) as here:
        here.speech("one two three", "four")
        await here.client.until("AgentAudioDone")
        kinds = ["ConversationText", "Warning", "~", "ConversationText", "~", "AgentAudioDone"]
        assert here.client.kinds(without=("History",))[2:] == kinds
        (warning,) = here.client.of_type("Warning")
        assert warning["code"] == "SPEAK_REQUEST_FAILED"
        assert "broken" in warning["description"]
        assert "fault" not in warning["description"]
        assert here.heard_s() == pytest.approx(0.4)
        here.speech("five")
        await here.client.until("Warning", after=len(here.client.items))  # each speech begins with the first voice again


async def test_a_voice_that_fails_within_a_sentence_leaves_the_next_sentence_to_the_next_voice() -> None:
    async with stage(before=[broken(after=2)]) as here:
        here.speech("one two three", "four")
        await here.client.until("AgentAudioDone")
        assert here.heard_s() == pytest.approx(0.3)


async def test_when_every_voice_fails_the_conversation_ends_by_an_error() -> None:
    async with stage(before=[broken(), broken()]) as here:
        here.mouth.use([broken(), broken()])
        here.speech("one two three")
        error = await here.client.until("Error")
        assert error["code"] == "FAILED_TO_SPEAK"
        assert len(here.client.of_type("Warning")) == 2
        assert await here.client.closed() == 1011


async def test_a_held_speech_whose_voice_fails_says_nothing_of_it_before_its_release() -> None:
    async with stage(before=[broken()]) as here:
        speech = here.speech("one two", held=True)
        await until_made(here, 1)
        assert here.client.kinds()[2:] == []
        speech.release()
        await here.client.until("AgentAudioDone")
        assert here.client.kinds()[2:5] == ["ConversationText", "Warning", "~"]


class Silent:
    """A voice that finds nothing to say in any text, and may take its time for it."""

    sample_rate = RATE

    def __init__(self, until: threading.Event | None = None) -> None:
        self.until = until

    def synthesise(self, text: str, speed: float = 1.0) -> Iterator[Samples]:
        if self.until is not None:
            self.until.wait(5)
        return iter(())


async def test_a_text_without_a_sound_has_no_frames_but_its_end_and_its_report() -> None:
    async with stage(before=[Choice(Voice("silent", "silent", "en", Silent()))], container="wav", experimental=True) as here:
        loop = asyncio.get_running_loop()
        here.speech("\N{THUMBS UP SIGN}", clock=TurnClock(loop.time()))
        await here.client.until("LatencyReport")
        assert here.client.kinds()[2:5] == ["ConversationText", "AgentAudioDone", "LatencyReport"]


async def test_a_voice_that_takes_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaking, "SLOW_SPEAK_S", 0.05)
    ready = threading.Event()
    async with stage(before=[Choice(Voice("slow", "slow", "en", Silent(ready)))]) as here:
        here.speech("hello")
        assert (await here.client.until("Warning"))["code"] == "SLOW_SPEAK_REQUEST"
        ready.set()
        await here.client.until("AgentAudioDone")


async def test_a_voice_that_hangs_is_left_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentd.engine.speech.SYNTHESIS_S", 0.1)
    ready = threading.Event()
    async with stage(before=[Choice(Voice("hung", "hung", "en", Silent(ready)))], threads=2) as here:
        here.speech("one two")
        warning = await here.client.until("Warning")
        ready.set()
        assert "more than" in warning["description"]
        await here.client.until("AgentAudioDone")
        assert here.heard_s() == pytest.approx(0.2)
