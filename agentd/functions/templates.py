"""The sentence a function declares for its result: ``"The {room} lamp is {state}."`` over ``{"room": …, "state": …}``.

The offline thinker speaks it; a model sees it as one more member of the result.
"""

import string
from collections.abc import Mapping
from typing import Any, Final

import structlog

SAY: Final = "say"
"""The member of a result that is spoken."""

SAID_CHARS: Final = 1000

_log = structlog.get_logger("agentd.functions")


class Missing(Exception):
    """The result lacks a member that the sentence names."""


class Sentences:
    """Renders the sentences of functions, and says once per function when a result does not fit its own."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def applied(self, function: str, template: str | None, result: Any) -> Any:
        """The result with its member ``say``; as it is when there is no sentence, it says something itself, or does not fit."""
        if template is None or (isinstance(result, Mapping) and SAY in result):
            return result
        try:
            return {SAY: render(template, result), **result}
        except Missing as missing:
            if function not in self._told:
                self._told.add(function)
                _log.warning("function_sentence_not_said", function=function, reason=str(missing))
            return result


def render(template: str, result: Any) -> str:
    """The sentence with the members of a result, numbers and lists as one says them.

    Raises:
        Missing: it is no object, or a member is not there, or is no text, number, truth or list of them.
    """
    if not isinstance(result, Mapping):
        raise Missing(f"the result is {type(result).__name__}, not an object")
    words = [
        text + ("" if field is None else _said(_member(result, field), field))
        for text, field, _, _ in string.Formatter().parse(template)
    ]
    return "".join(words)[:SAID_CHARS]


def _member(result: Any, path: str) -> Any:
    for name in path.split("."):
        if not isinstance(result, Mapping) or name not in result:
            raise Missing(f"the result has no member {path}")
        result = result[name]
    return result


def _said(value: Any, path: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    if isinstance(value, list) and value:
        parts = [_said(item, path) for item in value]
        return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
    raise Missing(f"{path} is {'empty' if value in (None, []) else type(value).__name__}")
