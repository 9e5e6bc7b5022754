"""What the think, speak, listen and think_live blocks of a Settings document must look like, as tables.

Source: Deepgram's asyncapi.yml, deepgram-sdk 7.17 and the docs' llm-models, tts-models, stt-models and think-live pages.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from agentd.errors import FieldError
from agentd.protocol.checks import (
    Check,
    Rule,
    boolean,
    child,
    every,
    fault,
    integer,
    is_number,
    list_of,
    mapping_of,
    name,
    number,
    one_of,
    one_or_more,
    record,
    text,
    variant,
)
from agentd.protocol.reading import object_of

# --- parts of several blocks ---------------------------------------------------------------------------------------


def _url(*schemes: str) -> Check:
    """An absolute URL; the value is not repeated, for it may carry a key."""

    def check(value: object, pointer: str, faults: list[FieldError]) -> None:
        try:
            parts = urlsplit(value) if isinstance(value, str) else None
            good = parts is not None and parts.scheme in schemes and bool(parts.hostname)
        except ValueError:
            good = False
        if not good:
            fault(faults, pointer, f"must be an absolute URL that begins with {' or '.join(f'{s}://' for s in schemes)}")

    return check


_ENDPOINT: Final = record({"url": _url("https", "http"), "headers": mapping_of(text)}, required=("url",))
_SPEAK_ENDPOINT: Final = record({"url": _url("https", "http", "wss", "ws"), "headers": mapping_of(text)}, required=("url",))

_CREDENTIAL_FIELDS: Final[Mapping[str, Check]] = {
    "type": one_of("iam", "sts"),
    "region": text,
    "access_key_id": text,
    "secret_access_key": text,
    "session_token": text,
}
_BEDROCK_CREDENTIALS: Final = record(_CREDENTIAL_FIELDS)
_POLLY_CREDENTIALS: Final = record(_CREDENTIAL_FIELDS, required=("type", "region", "access_key_id", "secret_access_key"))


def _needs_endpoint(*provider_types: str) -> Rule:
    """These providers are not managed by Deepgram, so that the block must say where they are."""

    def rule(block: dict[str, Any], pointer: str, faults: list[FieldError]) -> None:
        kind = object_of(block.get("provider")).get("type")
        if kind in provider_types and block.get("endpoint") is None:
            fault(faults, child(pointer, "endpoint"), f"is required for provider {kind}")

    return rule


# --- listen --------------------------------------------------------------------------------------------------------


def _flux_needs_v2(provider: dict[str, Any], pointer: str, faults: list[FieldError]) -> None:
    if str(provider.get("model")).startswith("flux-"):
        fault(faults, child(pointer, "version"), "must be v2 for flux models")


def _eager_first(provider: dict[str, Any], pointer: str, faults: list[FieldError]) -> None:
    """The eager threshold lies below the final one, 0.7 by default (Deepgram docs, "Flux configuration")."""
    eager, final = provider.get("eager_eot_threshold"), provider.get("eot_threshold") or 0.7
    if is_number(eager) and is_number(final) and eager > final:
        fault(faults, child(pointer, "eager_eot_threshold"), f"must not be above eot_threshold ({final:g})")


def _flux_model(value: object, pointer: str, faults: list[FieldError]) -> None:
    if not isinstance(value, str) or not value.startswith("flux-"):
        fault(faults, pointer, "must be flux-general-en or flux-general-multi with version v2")


_LISTEN_COMMON: Final[Mapping[str, Check]] = {"type": one_of("deepgram"), "keyterms": list_of(text)}
LISTEN: Final = record(
    {
        "provider": variant(
            "version",
            {
                "v1": record({**_LISTEN_COMMON, "model": name, "language": text, "smart_format": boolean}, _flux_needs_v2),
                "v2": record(
                    {
                        **_LISTEN_COMMON,
                        "model": _flux_model,
                        "language_hints": list_of(text),
                        "eot_threshold": number(0.5, 1.0),
                        "eager_eot_threshold": number(0.3, 0.9),
                        "eot_timeout_ms": integer(500, 10_000, "ms"),
                    },
                    _eager_first,
                    required=("model",),
                ),
            },
            default="v1",
        )
    }
)


# --- think ---------------------------------------------------------------------------------------------------------


def _thinker(*, temperature: float = 2.0, required: tuple[str, ...] = ("model",), **fields: Check) -> Check:
    return record({"model": name, "temperature": number(0, temperature), "version": text, **fields}, required=required)


_REASONING: Final = one_of("none", "minimal", "low", "medium", "high")
_THINK_PROVIDER: Final = variant(
    "type",
    {
        "open_ai": _thinker(reasoning_mode=_REASONING),
        "anthropic": _thinker(temperature=1.0),
        "google": _thinker(required=()),  # one's own Google endpoint names the model in its URL
        "groq": _thinker(required=(), reasoning_mode=_REASONING),  # one model, which deepgram-sdk leaves out
        "aws_bedrock": _thinker(credentials=_BEDROCK_CREDENTIALS),
        "deepgram": _thinker(reasoning_mode=_REASONING, voice_prompt_opt_out=boolean),
        "nvidia": _thinker(),
    },
)


def _google_model(block: dict[str, Any], pointer: str, faults: list[FieldError]) -> None:
    """Google's model may stand in the URL of one's own endpoint (Deepgram docs, "Voice agent LLM models")."""
    provider = object_of(block.get("provider"))
    if provider.get("type") == "google" and provider.get("model") is None and block.get("endpoint") is None:
        fault(faults, f"{pointer}/provider/model", "is required unless endpoint.url names the model")


def _context_length(value: object, pointer: str, faults: list[FieldError]) -> None:
    if value == "max":
        return
    before = len(faults)
    integer(1, unit="characters")(value, pointer, faults)
    if len(faults) > before:
        faults[before:] = [FieldError(pointer, 'must be a whole number of characters of at least 1, or "max"')]


def _distinct_names(value: object, pointer: str, faults: list[FieldError]) -> None:
    """Two functions of one name cannot be told apart when they are called."""
    seen: set[str] = set()
    for index, function in enumerate(value if isinstance(value, list) else []):
        called = function.get("name") if isinstance(function, dict) else None
        if isinstance(called, str):
            if called in seen:
                fault(faults, child(child(pointer, index), "name"), f"is taken by an earlier function: {called[:64]!r}")
            seen.add(called)


_FUNCTION: Final = record(
    {
        "name": name,
        "description": text,
        "parameters": record({}),
        "endpoint": record(
            {
                "url": _url("https", "http"),
                "method": one_of("GET", "POST", "PUT", "PATCH", "DELETE", "get", "post", "put", "patch", "delete"),
                "headers": mapping_of(text),
            },
            required=("url",),
        ),
        "defer_until_eot": boolean,
        "initial_agent_filler": boolean,
        "agent_filler_max_count": integer(0),
        "agent_filler_interval_ms": integer(1000, 60_000, "ms"),
    },
    required=("name",),
)

THINK: Final = one_or_more(
    record(
        {
            "provider": _THINK_PROVIDER,
            "endpoint": _ENDPOINT,
            "prompt": text,
            "context_length": _context_length,
            "functions": every(list_of(_FUNCTION), _distinct_names),
        },
        _needs_endpoint("groq", "aws_bedrock"),
        _google_model,
    )
)

THINK_LIVE: Final = record(
    {
        "provider": record(
            {
                "type": one_of("deepgram"),
                "version": one_of("v1"),
                "agent_backchannel_sensitivity": number(0, 1e9),
                "presence_check_max_count": integer(0),
                "presence_check_interval_ms": integer(0, unit="ms"),
                "frustration_max_count": integer(0),
                "restricted_terms": list_of(text),
            }
        )
    }
)


# --- speak ---------------------------------------------------------------------------------------------------------


def is_flux_voice(provider: Mapping[str, Any]) -> bool:
    """A Flux voice by its model or its version; every other deepgram voice is Aura."""
    return provider.get("version") == "v2" or str(provider.get("model")).startswith("flux-")


def _deepgram_voice(value: object, pointer: str, faults: list[FieldError]) -> None:
    flux = is_flux_voice(object_of(value))
    record(
        {
            "model": name,
            "version": one_of("v1", "v2"),
            "speed": number(0.5 if flux else 0.7, 1.5),
            "expressivity": integer(-2, 2),
        },
        required=("model",),
    )(value, pointer, faults)


_SPEAK_PROVIDER: Final = variant(
    "type",
    {
        "deepgram": _deepgram_voice,
        "eleven_labs": record({"model_id": name, "language": text, "language_code": text}, required=("model_id",)),
        "cartesia": record(
            {
                "model_id": name,
                "voice": record({"mode": text, "id": text}, required=("mode", "id")),
                "language": text,
                "volume": number(0.5, 2.0),
            },
            required=("model_id", "voice"),
        ),
        "open_ai": record({"model": name, "voice": name}, required=("model", "voice")),
        "aws_polly": record(
            {"voice": name, "language": text, "engine": text, "credentials": _POLLY_CREDENTIALS},
            required=("voice", "language", "engine", "credentials"),
        ),
    },
)

SPEAK: Final = one_or_more(
    record(
        {"provider": _SPEAK_PROVIDER, "endpoint": _SPEAK_ENDPOINT},
        _needs_endpoint("eleven_labs", "open_ai", "aws_polly"),
    )
)


BLOCKS: Final[Mapping[str, Check]] = {"think": THINK, "speak": SPEAK, "listen": LISTEN, "think_live": THINK_LIVE}
"""The check of each block by its key in ``agent``."""
