"""What the engine answers to clients that ask for models: the REST lists of Deepgram's API, with what is really here."""

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID, uuid5

from agentd.engine.providers import Voice

_OURS: Final = UUID("7b1f3a52-8f0e-4c41-9d53-2a5d3b0c6e90")


def _uuid(canonical_name: str) -> str:
    """A model's uuid: the same on every machine, as ``GET /v1/models/{uuid}`` takes it."""
    return str(uuid5(_OURS, canonical_name))


MODELS: Final[dict[str, Any]] = {
    "stt": [
        {
            "name": "moonshine-tiny",
            "canonical_name": "moonshine-tiny-en",
            "architecture": "moonshine",
            "languages": ["en"],
            "version": "0.1.0",
            "uuid": _uuid("moonshine-tiny-en"),
            "batch": False,
            "streaming": True,
            "formatted_output": True,
        }
    ],
    "tts": [
        {
            "name": "heart",
            "canonical_name": "hibari-heart-en",
            "architecture": "hibari",
            "languages": ["en-US"],
            "version": "0.2.1",
            "uuid": _uuid("hibari-heart-en"),
            "metadata": {"accent": "American", "age": "Adult", "tags": ["feminine"], "use_cases": []},
        }
    ],
}
"""``GET /v1/models`` without the voices that a system may have besides."""

THINK_MODELS: Final[list[dict[str, str]]] = [
    {"id": "matcher", "name": "Offline matcher: calls the functions you declare", "provider": "open_ai"},
]
"""``GET /v1/agent/settings/think/models``. SDK 7.17 gives None for entries of a provider it does not know."""


def with_voices(voices: Iterable[Voice]) -> dict[str, Any]:
    """``GET /v1/models`` with these voices behind the one that ships."""
    further = [
        {
            "name": voice.name,
            "canonical_name": voice.canonical_name,
            "architecture": voice.name.partition("-")[0],
            "languages": [voice.language],
            "version": "",
            "uuid": _uuid(voice.canonical_name),
            "metadata": {"accent": "", "age": "", "tags": [], "use_cases": []},
        }
        for voice in voices
    ]
    return MODELS | {"tts": [*MODELS["tts"], *further]}
