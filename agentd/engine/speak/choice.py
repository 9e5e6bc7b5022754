"""Which voice speaks: from the speak blocks of the Settings to the voices that are here, and what to tell of the difference."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agentd.engine.providers import Providers, Voice
from agentd.protocol.messages import Warn
from agentd.protocol.origins import origin_of
from agentd.protocol.reading import object_of

BUILT_IN: Final = "heart"
"""The voice that ships: who asks for nothing, or for what is not here, gets it."""

_SHOWN_CHARS: Final = 64

SPEEDS: Final = (0.5, 2.0)
"""Least and greatest speed of the voices here; Deepgram's own limits lie within, and the Settings were checked against those."""

_NAMES_LANGUAGE: Final = ("aura-2-", "flux-")
"""Models whose names end in a language: "aura-2-celeste-es"."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A voice, and its speed: 1 is its own pace."""

    voice: Voice
    speed: float = 1.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What a speak block asks for.

    Attributes:
        provider: ``provider.type``, such as "deepgram".
        name: of the voice, in the provider's words; "" where the choice is left to the server.
        language: BCP 47, or "".
        speed: 1.0 where nothing is said.
        server: origin of the speech server to ask, or "".
    """

    provider: str
    name: str
    language: str
    speed: float
    server: str

    @classmethod
    def of(cls, block: Mapping[str, Any]) -> "Asked":
        """Read a block; whatever is missing or of another type counts as not said."""
        provider = object_of(block.get("provider"))
        kind = _text(provider, "type") or "deepgram"
        keys = ("voice", "model", "model_id", "voice_id")
        name = _text(object_of(provider.get("voice")), "id") or next(filter(None, (_text(provider, key) for key in keys)), "")
        language = _text(provider, "language") or _text(provider, "language_code")
        if not language and name.startswith(_NAMES_LANGUAGE):
            language = name.rpartition("-")[2]
        speed = provider.get("speed")
        speed = float(speed) if isinstance(speed, int | float) and not isinstance(speed, bool) else 1.0
        url = object_of(block.get("endpoint")).get("url")
        server = (origin_of(url) or "its endpoint") if isinstance(url, str) else ""
        return cls(kind, name, language, min(max(speed, SPEEDS[0]), SPEEDS[1]), server)


def voices_of(providers: Providers) -> tuple[Voice, ...]:
    """Every voice that is here, the one that ships first."""
    return (Voice(BUILT_IN, "hibari-heart-en", "en-US", providers.synthesiser), *providers.voices)


def choose(
    blocks: Sequence[Mapping[str, Any]], voices: Sequence[Voice], *, language: str = ""
) -> tuple[tuple[Choice, ...], tuple[Warn, ...]]:
    """The voices for the speak blocks, in their order, and warnings for what could not be had.

    Args:
        blocks: ``agent.speak``; empty when the choice is the engine's.
        voices: what is here; the first is the one for whoever asks for nothing special.
        language: ``agent.language``, for blocks that name none.
    """
    asked = [Asked.of(block) for block in blocks] or [Asked.of({})]
    own = [wish for wish in asked if not wish.server] or asked
    chosen: dict[str, Choice] = {}  # two blocks that come to the same voice are no fallback of each other
    for wish in own:
        voice = _named(wish.name, voices) or _speaking(wish.language or language, voices) or voices[0]
        chosen.setdefault(voice.name, Choice(voice, wish.speed))
    choices = tuple(chosen.values())
    return choices, tuple(_warnings(asked, choices[0].voice))


def _warnings(asked: Sequence[Asked], voice: Voice) -> Iterator[Warn]:
    """What the client does not get of what it asked for first."""
    server = next((wish for wish in asked if wish.server), None)
    if server is not None:
        text = (
            f"This engine asks no speech servers ({server.provider} at {server.server}); its voice {voice.name} speaks instead."
        )
        yield Warn(code="SPEAK_REQUEST_FAILED", description=text)
    first = next((wish for wish in asked if not wish.server), None)
    if first is not None and first.name and not _is(voice, first.name):
        text = f"This engine does not have the voice {first.name[:_SHOWN_CHARS]!r}; its voice {voice.name} speaks instead."
        yield Warn(code="VOICE_MAPPED", description=text)


def _is(voice: Voice, name: str) -> bool:
    return name.lower() in (voice.name, voice.canonical_name)


def _named(name: str, voices: Sequence[Voice]) -> Voice | None:
    return next((voice for voice in voices if _is(voice, name)), None)


def _speaking(language: str, voices: Sequence[Voice]) -> Voice | None:
    """The first voice of a language: of its region too, if there is one, else of any region."""
    wanted = language.lower().replace("_", "-")
    if not wanted or wanted == "multi":
        return None
    base = wanted.partition("-")[0]
    of_base = [voice for voice in voices if voice.language.lower().partition("-")[0] == base]
    if voices[0] in of_base:
        return voices[0]  # an accent is worth less than a voice that pleases
    return next((voice for voice in of_base if voice.language.lower() == wanted), of_base[0] if of_base else None)


def _text(block: Mapping[str, Any], key: str) -> str:
    value = block.get(key)
    return value if isinstance(value, str) else ""
