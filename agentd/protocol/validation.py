"""What a Settings document must look like, as tables; ``validate`` reports every fault with a JSON pointer.

Source: ``protocol.md`` 2.3, that is Deepgram's asyncapi.yml, deepgram-sdk 7.17 and the docs' configure-voice-agent, llm-models,
tts-models and stt-models pages. Keys that are not listed pass: new ones come with every release. A block that is left out
or empty passes, for clients send such (``"agent": {"speak": {}}`` is deepgram-sdk 4.8's default) and the server fills it in.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from agentd.errors import FieldError
from agentd.protocol.checks import (
    Check,
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

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

_OWN_ENCODINGS: Final = ("linear16", "mulaw", "alaw")
_RATE: Final = integer(8000, 192_000, "Hz")


def validate(settings: dict[str, Any]) -> list[FieldError]:
    """Every fault of a Settings document, with pointers relative to it; an empty list when there is none."""
    faults: list[FieldError] = []
    _SETTINGS(settings, "", faults)
    return faults


def block_faults(kind: Literal["think", "speak", "listen", "think_live"], block: object, pointer: str) -> list[FieldError]:
    """Every fault of the block an UpdateThink, UpdateSpeak, UpdateListen or UpdateThink_Live carries."""
    faults: list[FieldError] = []
    _BLOCKS[kind](block, pointer, faults)
    return faults


def encoding_faults(settings: dict[str, Any]) -> list[FieldError]:
    """What agentd itself cannot hear or speak, although Deepgram could.

    Sessions that agentd feeds and the embedded engine take linear16, mulaw or alaw at 8000 to 48000 Hz, and container none
    or wav for output. Clients of the compatible endpoint may pass more through to Deepgram.
    """
    faults: list[FieldError] = []
    audio = settings.get("audio")
    if isinstance(audio, dict):
        _OWN_AUDIO(audio, "/audio", faults)
    return faults


# --- audio ---------------------------------------------------------------------------------------------------------


def _fixed_rates(value: object, pointer: str, faults: list[FieldError]) -> None:
    """AMR comes in one sample rate each (Deepgram docs, "Sample rate")."""
    if isinstance(value, dict):
        fixed = {"amr-nb": 8000, "amr-wb": 16000}.get(str(value.get("encoding")))
        if fixed is not None and value.get("sample_rate") not in (None, fixed):
            fault(faults, child(pointer, "sample_rate"), f"must be {fixed} for {value['encoding']}")


_AUDIO: Final = record(
    {
        "input": every(
            record(
                {
                    "encoding": one_of(
                        *_OWN_ENCODINGS, "linear32", "flac", "amr-nb", "amr-wb", "opus", "ogg-opus", "speex", "g729"
                    ),
                    "sample_rate": _RATE,
                }
            ),
            _fixed_rates,
        ),
        "output": record(
            {
                "encoding": one_of(*_OWN_ENCODINGS, "mp3", "opus", "flac", "aac"),
                "sample_rate": _RATE,
                "bitrate": integer(1, unit="bit/s"),
                "container": one_of("none", "wav", "ogg"),
            }
        ),
    }
)

_OWN_FORMAT: Final[Mapping[str, Check]] = {
    "encoding": one_of(*_OWN_ENCODINGS),
    "sample_rate": integer(8000, 48_000, "Hz"),
}
_OWN_AUDIO: Final = record({"input": record(_OWN_FORMAT), "output": record({**_OWN_FORMAT, "container": one_of("none", "wav")})})


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

_CREDENTIALS: Final = record(
    {
        "type": one_of("iam", "sts"),
        "region": text,
        "access_key_id": text,
        "secret_access_key": text,
        "session_token": text,
    },
    required=("type", "region", "access_key_id", "secret_access_key"),
)


def _needs_endpoint(*provider_types: str) -> Check:
    """These providers are not managed by Deepgram, so that the block must say where they are."""

    def check(value: object, pointer: str, faults: list[FieldError]) -> None:
        if isinstance(value, dict) and isinstance(value.get("provider"), dict) and value.get("endpoint") is None:
            kind = value["provider"].get("type")
            if kind in provider_types:
                fault(faults, child(pointer, "endpoint"), f"is required for provider {kind}")

    return check


# --- listen --------------------------------------------------------------------------------------------------------


def _flux_needs_v2(value: object, pointer: str, faults: list[FieldError]) -> None:
    if isinstance(value, dict) and str(value.get("model")).startswith("flux-") and value.get("version") in (None, "v1"):
        fault(faults, child(pointer, "version"), "must be v2 for flux models")


def _eager_first(value: object, pointer: str, faults: list[FieldError]) -> None:
    """The eager threshold lies below the final one, 0.7 by default (Deepgram docs, "Flux configuration")."""
    if isinstance(value, dict):
        eager, final = value.get("eager_eot_threshold"), value.get("eot_threshold", 0.7)
        if is_number(eager) and is_number(final) and eager > final:
            fault(faults, child(pointer, "eager_eot_threshold"), f"must not be above eot_threshold ({final:g})")


def _flux_model(value: object, pointer: str, faults: list[FieldError]) -> None:
    if not isinstance(value, str) or not value.startswith("flux-"):
        fault(faults, pointer, "must be flux-general-en or flux-general-multi with version v2")


_LISTEN_COMMON: Final[Mapping[str, Check]] = {"type": one_of("deepgram"), "keyterms": list_of(text)}
_LISTEN: Final = record(
    {
        "provider": variant(
            "version",
            {
                "v1": every(record({**_LISTEN_COMMON, "model": name, "language": text, "smart_format": boolean}), _flux_needs_v2),
                "v2": every(
                    record(
                        {
                            **_LISTEN_COMMON,
                            "model": _flux_model,
                            "language_hints": list_of(text),
                            "eot_threshold": number(0.5, 1.0),
                            "eager_eot_threshold": number(0.3, 0.9),
                            "eot_timeout_ms": integer(500, 10_000, "ms"),
                        },
                        required=("model",),
                    ),
                    _eager_first,
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
        "groq": _thinker(reasoning_mode=_REASONING),
        "aws_bedrock": _thinker(credentials=_CREDENTIALS),
        "deepgram": _thinker(reasoning_mode=_REASONING, voice_prompt_opt_out=boolean),
        "nvidia": _thinker(),
    },
)


def _google_model(value: object, pointer: str, faults: list[FieldError]) -> None:
    """Google's model may stand in the URL of one's own endpoint (Deepgram docs, "Voice agent LLM models")."""
    provider = value.get("provider") if isinstance(value, dict) and value.get("endpoint") is None else None
    if isinstance(provider, dict) and provider.get("type") == "google" and provider.get("model") is None:
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
        "agent_filler_max_count": integer(0),
        "agent_filler_interval_ms": integer(1000, 60_000, "ms"),
    },
    required=("name",),
)

_THINK: Final = one_or_more(
    every(
        record(
            {
                "provider": _THINK_PROVIDER,
                "endpoint": _ENDPOINT,
                "prompt": text,
                "context_length": _context_length,
                "functions": every(list_of(_FUNCTION), _distinct_names),
            }
        ),
        _needs_endpoint("groq", "aws_bedrock"),
        _google_model,
    )
)

_THINK_LIVE: Final = record(
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
    flux = isinstance(value, dict) and is_flux_voice(value)
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
            {"voice": name, "language": text, "engine": text, "credentials": _CREDENTIALS},
            required=("voice", "language", "engine", "credentials"),
        ),
    },
)

_SPEAK: Final = one_or_more(
    every(
        record({"provider": _SPEAK_PROVIDER, "endpoint": _SPEAK_ENDPOINT}),
        _needs_endpoint("eleven_labs", "open_ai", "aws_polly"),
    )
)


def _flux_output(settings: object, pointer: str, faults: list[FieldError]) -> None:
    """Flux voices speak few formats (Deepgram docs, "Voice agent TTS models"); only where one is named: engines have others."""
    if not isinstance(settings, dict) or not isinstance(agent := settings.get("agent"), dict):
        return
    speak = agent.get("speak")
    blocks = speak if isinstance(speak, list) else [speak]
    providers = [block.get("provider") for block in blocks if isinstance(block, dict)]
    if any(isinstance(one, dict) and one.get("type") == "deepgram" and is_flux_voice(one) for one in providers):
        audio = settings.get("audio")
        output = audio.get("output") if isinstance(audio, dict) else None
        if isinstance(output, dict):
            _FLUX_OUTPUT(output, f"{pointer}/audio/output", faults)


_FLUX_OUTPUT: Final = variant(
    "encoding",
    {
        "linear16": record({"sample_rate": one_of(8000, 16000, 24000, 32000, 44100, 48000), "container": one_of("none")}),
        "mulaw": record({"sample_rate": one_of(8000, 16000), "container": one_of("none")}),
        "alaw": record({"sample_rate": one_of(8000, 16000), "container": one_of("none")}),
    },
    default="linear16",
)


# --- the whole -----------------------------------------------------------------------------------------------------


def _words_or_calls(value: object, pointer: str, faults: list[FieldError]) -> None:
    """An entry of the context has the shape of a History message."""
    if isinstance(value, dict) and value.get("function_calls") is not None:
        _CALLS(value, pointer, faults)
    else:
        _WORDS(value, pointer, faults)


_WORDS: Final = record(
    {"type": one_of("History"), "role": one_of("user", "assistant"), "content": text}, required=("role", "content")
)
_CALLS: Final = record(
    {
        "type": one_of("History"),
        "function_calls": list_of(
            record(
                {"id": text, "name": name, "client_side": boolean, "arguments": text, "response": text},
                required=("id", "name", "arguments", "response"),
            )
        ),
    }
)

_AGENT_OBJECT: Final = record(
    {
        "language": text,
        "context": record({"messages": list_of(_words_or_calls)}),
        "listen": _LISTEN,
        "think": _THINK,
        "think_live": _THINK_LIVE,
        "speak": _SPEAK,
        "greeting": text,
    }
)


def _agent(value: object, pointer: str, faults: list[FieldError]) -> None:
    if not isinstance(value, str):
        _AGENT_OBJECT(value, pointer, faults)
    elif _UUID.fullmatch(value) is None:
        fault(faults, pointer, "must be an object, or the UUID of a reusable configuration")


_FLAGS: Final = record({"history": boolean})

_SETTINGS: Final = every(
    record(
        {
            "type": one_of("Settings"),
            "tags": list_of(text),
            "experimental": boolean,
            "mip_opt_out": boolean,
            "flags": _FLAGS,
            "settings": record({"flags": _FLAGS}),
            "audio": _AUDIO,
            "agent": _agent,
        },
        required=("agent",),
    ),
    _flux_output,
)

_BLOCKS: Final[Mapping[str, Check]] = {"think": _THINK, "speak": _SPEAK, "listen": _LISTEN, "think_live": _THINK_LIVE}
