"""What a Settings document must look like, as tables; ``validate`` reports every fault with a JSON pointer.

Source: ``protocol.md`` 2.3, that is Deepgram's asyncapi.yml, deepgram-sdk 7.17 and the docs' configure-voice-agent, llm-models,
tts-models and stt-models pages. Keys that are not listed pass: new ones come with every release. A block that is left out
or empty passes, for clients send such (``"agent": {"speak": {}}`` is deepgram-sdk 4.8's default) and the server fills it in.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

from agentd.errors import FieldError
from agentd.protocol.blocks import BLOCKS, is_flux_voice
from agentd.protocol.checks import Check, boolean, child, fault, integer, list_of, name, one_of, record, text, variant
from agentd.protocol.reading import object_of, speak_blocks

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
    BLOCKS[kind](block, pointer, faults)
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


def _fixed_rates(sound: dict[str, Any], pointer: str, faults: list[FieldError]) -> None:
    """AMR comes in one sample rate each (Deepgram docs, "Sample rate")."""
    fixed = {"amr-nb": 8000, "amr-wb": 16000}.get(str(sound.get("encoding")))
    if fixed is not None and sound.get("sample_rate") not in (None, fixed):
        fault(faults, child(pointer, "sample_rate"), f"must be {fixed} for {sound['encoding']}")


_AUDIO: Final = record(
    {
        "input": record(
            {
                "encoding": one_of(*_OWN_ENCODINGS, "linear32", "flac", "amr-nb", "amr-wb", "opus", "ogg-opus", "speex", "g729"),
                "sample_rate": _RATE,
            },
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


def _flux_output(settings: dict[str, Any], pointer: str, faults: list[FieldError]) -> None:
    """Flux voices speak few formats (Deepgram docs, "Voice agent TTS models"); only where one is named: engines have others."""
    providers = [object_of(block.get("provider")) for block in speak_blocks(settings)]
    output = object_of(object_of(settings.get("audio")).get("output"))
    if any(provider.get("type") == "deepgram" and is_flux_voice(provider) for provider in providers):
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
        **BLOCKS,
        "greeting": text,
    }
)


def _agent(value: object, pointer: str, faults: list[FieldError]) -> None:
    if not isinstance(value, str):
        _AGENT_OBJECT(value, pointer, faults)
    elif _UUID.fullmatch(value) is None:
        fault(faults, pointer, "must be an object, or the UUID of a reusable configuration")


_FLAGS: Final = record({"history": boolean})

_SETTINGS: Final = record(
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
    _flux_output,
    required=("agent",),
)
