"""What a handler returns and asks for, as JSON; in the worker."""

from typing import Any, Final

import orjson
from pydantic_core import PydanticSerializationError, to_json

REQUEST_BYTES: Final = 65_536
"""Largest request of a handler, such as a value for its store."""


class Unanswerable(Exception):
    """A handler returned something that is no answer; the text is for the model."""


def encode(result: Any, limit_bytes: int) -> bytes:
    """A handler's result as JSON.

    Raises:
        Unanswerable: it is no JSON, or too large to be told to a model.
    """
    try:
        text = to_json(result)
    except (PydanticSerializationError, ValueError) as error:
        raise Unanswerable(f"The function returned something that has no JSON form: {error}"[:500]) from None
    if len(text) > limit_bytes:
        raise Unanswerable(f"The result is too large: {len(text)} bytes, at most {limit_bytes}. Ask for less.")
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Unanswerable("The function returned a number that is not finite.") from None
    return text


def encode_request(arguments: dict[str, Any]) -> bytes:
    """What a handler asks of the daemon, as JSON.

    Raises:
        TypeError: it is no JSON.
        ValueError: it is too large.
    """
    try:
        text = to_json(arguments)
        orjson.loads(text)
    except (PydanticSerializationError, ValueError) as error:
        raise TypeError(f"only JSON values can be sent to the daemon: {error}") from None
    if len(text) > REQUEST_BYTES:
        raise ValueError(f"{len(text)} bytes are too much for one request, at most {REQUEST_BYTES}")
    return text
