"""What a conversation needs from models: small interfaces for listening, thinking and speaking, and the values they exchange.

Recognition, voice activity and synthesis are blocking compute: the conversation calls them on the engine's thread pool.
Thinking is asynchronous, because it may wait for a server.
"""

import enum
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
"""Mono audio, float32 from -1 to 1."""

LISTEN_RATE: Final = 16_000
"""Sample rate of everything the recogniser and the voice activity detector are fed, in Hz."""

VAD_FRAME: Final = 512
"""Samples per call of ``VoiceActivity.feed``: 32 ms at 16 kHz, the one size Silero takes."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a recogniser made of a piece of audio.

    Attributes:
        text: the words, or "" when there are none.
        confidence: from 0 (noise) to 1 (sure), comparable between the transcripts of one recogniser only.
    """

    text: str
    confidence: float = 1.0


class Recogniser(Protocol):
    """Speech to text."""

    def transcribe(self, samples: Samples, vocabulary: tuple[str, ...] = ()) -> Transcript:
        """The words in ``samples`` (mono, 16 kHz). Blocking; safe to call from several threads.

        Args:
            samples: an utterance, or the part of it that was said so far.
            vocabulary: words and phrases that are likelier here than elsewhere: what the functions at hand take.
        """
        ...


class VoiceActivity(Protocol):
    """Speech or not, frame by frame; one per conversation, for it remembers what came before."""

    def feed(self, samples: Samples) -> float:
        """Probability of speech in the next 512 samples (mono, 16 kHz). Well under a millisecond: runs on the loop."""
        ...


class Synthesiser(Protocol):
    """Text to speech."""

    @property
    def sample_rate(self) -> int:
        """Sample rate of what ``synthesise`` gives, in Hz."""
        ...

    def synthesise(self, text: str, speed: float = 1.0) -> Iterator[Samples]:
        """One array per clause or sentence, as soon as it is ready. Blocking; safe to call from several threads.

        Args:
            text: as it is written; making it speakable is the voice's own work.
            speed: from 0.5 to 2; 1 is the voice's own pace.

        Raises:
            Exception: whatever goes wrong in a model; the next voice is tried.
        """
        ...


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice that is here.

    Attributes:
        name: what Settings choose it by, in lower case.
        canonical_name: the same, under its full name.
        language: BCP 47.
        synthesiser: what speaks.
    """

    name: str
    canonical_name: str
    language: str
    synthesiser: Synthesiser


@dataclass(frozen=True, slots=True)
class UserText:
    """What the user said or wrote."""

    text: str


@dataclass(frozen=True, slots=True)
class AgentText:
    """What the agent said, as far as it was played."""

    text: str


@dataclass(frozen=True, slots=True)
class CallMade:
    """A function call; ``result`` is None while it is open (a thinker never sees that).

    Attributes:
        together: made in one round with the call before it, so in ignorance of that one's result.
    """

    id: str
    name: str
    arguments: Mapping[str, Any]
    result: str | None
    together: bool = field(default=False, compare=False)


ChatMessage = UserText | AgentText | CallMade


@dataclass(frozen=True, slots=True)
class ThinkRequest:
    """Everything a thinker may know.

    Attributes:
        prompt: the effective prompt, with every UpdatePrompt.
        messages: the conversation, oldest first; the last is what to react to: the user's words or a call's result.
        functions: the client's function objects as in Settings (``name``, ``description``, ``parameters`` JSON schema).
        provider: ``think.provider`` of the Settings.
        endpoint: ``think.endpoint`` (``url``, ``headers``), or None.
        context_length: characters of history to send at most, "max", or None for the thinker's own choice.
        session: scratch of this conversation, kept between requests (a pending question, for instance).
    """

    prompt: str
    messages: tuple[ChatMessage, ...]
    functions: tuple[dict[str, Any], ...]
    provider: Mapping[str, Any]
    endpoint: Mapping[str, Any] | None = None
    context_length: int | str | None = None
    session: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Say:
    """A piece of speech, about a sentence."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function to call. After the answers to all calls of one round the thinker is asked again.

    Attributes:
        fault: what keeps it from being called; the thinker is told it as the result.
    """

    name: str
    arguments: Mapping[str, Any]
    id: str | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Thought:
    """Something thought, not spoken."""

    text: str


ThinkEvent = Say | Call | Thought


class ThinkFailed(Exception):
    """A thinker could not answer; the text is for a person and holds no secret."""


class Thinker(Protocol):
    """Decides what to say and what to call."""

    def think(self, request: ThinkRequest) -> AsyncIterator[ThinkEvent]:
        """One round: speech and calls, in order. Closing the iterator stops the work.

        Raises:
            ThinkFailed: no answer can be had.
        """
        ...


class Ending(enum.Enum):
    """How finished a transcript looks while its speaker is silent."""

    CLOSED = "closed"
    """A complete command or answer that nothing usual could follow: the turn ends soon."""
    OPEN = "open"
    """It may be all, or go on."""
    UNFINISHED = "unfinished"
    """It goes on: it ends in a joining word, or something that the function meant needs is still to come."""


class MissingModel(Exception):
    """A model of the engine is not installed; names the package and the command that brings it."""


def _open_ended(_text: str, _request: ThinkRequest) -> Ending:
    return Ending.OPEN


def _no_vocabulary(_functions: tuple[dict[str, Any], ...]) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Providers:
    """The models of one engine process, loaded once and shared by its conversations.

    Attributes:
        recogniser: speech to text.
        voice_activity: makes a detector for one conversation.
        synthesiser: text to speech.
        thinker: makes the thinker for one think block (``provider``, ``endpoint``, ...) of the Settings.
        ending: judges a transcript in mid-silence, by its words and by the functions at hand. The request is what a thinker would
            be asked, without the transcript itself. Runs on the loop: a few milliseconds at most.
        voices: further voices, for whoever asks for them by name or by language; ``synthesiser`` is the one for all others.
        vocabulary: words and phrases that the functions at hand make likelier, for the recogniser.
    """

    recogniser: Recogniser
    voice_activity: Callable[[], VoiceActivity]
    synthesiser: Synthesiser
    thinker: Callable[[dict[str, Any]], Thinker]
    ending: Callable[[str, ThinkRequest], Ending] = _open_ended
    vocabulary: Callable[[tuple[dict[str, Any], ...]], tuple[str, ...]] = _no_vocabulary
    voices: tuple[Voice, ...] = ()
