"""What the engine answers to clients that ask for models: the REST lists of Deepgram's API, with what is really here."""

from typing import Any, Final

MODELS: Final[dict[str, Any]] = {
    "stt": [
        {
            "name": "moonshine-tiny",
            "canonical_name": "moonshine-tiny-en",
            "architecture": "moonshine",
            "languages": ["en"],
            "version": "0.1.0",
            "uuid": "",
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
            "uuid": "",
            "metadata": {"accent": "American", "age": "Adult", "tags": ["feminine"], "use_cases": []},
        }
    ],
}
"""``GET /v1/models``. Every other voice a client asks for is spoken by this one."""

THINK_MODELS: Final[list[dict[str, str]]] = [
    {"id": "matcher", "name": "Offline matcher: calls the functions you declare", "provider": "open_ai"},
]
"""``GET /v1/agent/settings/think/models``. SDK 7.17 gives None for entries of a provider it does not know."""
