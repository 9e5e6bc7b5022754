"""Frames to messages and back: tolerant of what a server sends, strict with what a client sends; no I/O."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from pydantic import ValidationError

from agentd.protocol.depth import deeper_than
from agentd.protocol.messages import CLIENT_MESSAGES, SERVER_MESSAGES, Message, Unknown

Frame = bytes | bytearray | memoryview | str

UNPARSABLE_CLIENT_MESSAGE: Final = "UNPARSABLE_CLIENT_MESSAGE"
UNPARSABLE_SERVER_MESSAGE: Final = "UNPARSABLE_SERVER_MESSAGE"
"""Ours alone: Deepgram has no code for a server that sends nonsense."""

_FAULTS_TOLD: Final = 5

_DEEPEST: Final = 100
"""Levels of nesting in a frame. Function schemas use about ten; merging and masking recurse, and Python stops at a thousand."""


class ProtocolError(Exception):
    """The peer broke the protocol.

    Attributes:
        code: as in the protocol's ``Error`` messages (Deepgram docs, "Voice Agent errors and warnings").
        description: what was wrong and what is accepted, for a person.
    """

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description


class LocalProtocolError(RuntimeError):
    """Our own side was about to break the protocol: a defect of the caller, never the peer's fault."""


def parse_server(frame: Frame) -> Message:
    """Read a text frame of a server.

    A type that is not known, or a known one in another shape, becomes ``Unknown`` and keeps everything: a new release
    upstream must not end sessions.

    Raises:
        ProtocolError: the frame is not JSON, not an object, nested too deep, or has no ``type`` that is a string.
    """
    data, name = _load(frame, UNPARSABLE_SERVER_MESSAGE)
    known = SERVER_MESSAGES.get(name)
    if known is not None:
        try:
            return known.model_validate(data)
        except ValidationError:
            pass
    return Unknown.model_validate(data)


def parse_client(frame: Frame) -> Message:
    """Read a text frame of a client.

    Whole numbers do for floats (deepgram-sdk writes 1.0 as 1), null counts as left out where that is allowed, and unknown
    fields are kept; but a type or a shape that the protocol does not have is refused, as Deepgram does.

    Raises:
        ProtocolError: ``UNPARSABLE_CLIENT_MESSAGE`` with what was wrong.
    """
    data, name = _load(frame, UNPARSABLE_CLIENT_MESSAGE)
    known = CLIENT_MESSAGES.get(name)
    if known is None:
        raise ProtocolError(
            UNPARSABLE_CLIENT_MESSAGE, f"Unknown message type {name[:64]!r}. Accepted: {', '.join(CLIENT_MESSAGES)}."
        )
    optional = {key for key, field in known.model_fields.items() if not field.is_required()}
    try:
        return known.model_validate({key: value for key, value in data.items() if value is not None or key not in optional})
    except ValidationError as error:
        raise ProtocolError(UNPARSABLE_CLIENT_MESSAGE, f"{name}: {_explain(error)}.") from None


def encode(message: Message | Mapping[str, Any]) -> bytes:
    """The frame of a message, as UTF-8 JSON.

    Raises:
        TypeError: the content is not JSON (lone surrogates, integers beyond 64 bits).
    """
    return orjson.dumps(message.wire() if isinstance(message, Message) else message)


def _load(frame: Frame, code: str) -> tuple[dict[str, Any], str]:
    """The object of a frame and its type."""
    try:
        data = orjson.loads(frame)
    except orjson.JSONDecodeError as error:
        raise ProtocolError(code, f"The text frame is not JSON: {error}.") from None
    if not isinstance(data, dict):
        raise ProtocolError(code, "The text frame is not a JSON object.")
    if len(frame) > 2 * _DEEPEST and deeper_than(data, _DEEPEST):  # each level takes two characters
        raise ProtocolError(code, f"The message is nested deeper than {_DEEPEST} levels.")
    name = data.get("type")
    if not isinstance(name, str):
        raise ProtocolError(code, "The message has no `type`, or it is not a string.")
    return data, name


def _explain(error: ValidationError) -> str:
    """The faults of a message by place; values are not repeated, they may be private."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    told = [f"{'.'.join(map(str, fault['loc'])) or 'message'}: {fault['msg']}" for fault in faults[:_FAULTS_TOLD]]
    if len(faults) > _FAULTS_TOLD:
        told.append(f"and {len(faults) - _FAULTS_TOLD} more")
    return "; ".join(told)
