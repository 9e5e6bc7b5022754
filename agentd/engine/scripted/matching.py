"""Whether a client's message holds what a script expects of it, and if not, where it differs.

A mapping is matched as a subset: what it does not name may be anything. A list has the same length, item by item. Everything
else is equal, with 1 and 1.0 the same and ``true`` not 1. A mapping of one key that begins with "$" is an operator:

    {$regex: text}       a text in which the expression is found
    {$json: expected}    a text that is JSON, and what it says matches
    {$one_of: [a, b]}    one of these matches
    {$contains: [a, b]}  a list in which each of these matches an item
    {$exact: value}      nothing more than this, at any depth
    {$any: true}         there, whatever it is
    {$absent: true}      not there
"""

import json
import re
from collections.abc import Callable
from typing import Any, Final

import orjson
from pydantic_core import PydanticCustomError

from agentd.engine.scripted.shapes import meant

_SHOWN: Final = 120
_TOLD: Final = 5

_ABSENT: Final = object()
"""Stands for a value that is not there."""


def check_expected(expected: object) -> None:
    """Look through expected fields for operators that do not exist or cannot work.

    Raises:
        PydanticCustomError: says which.
    """
    operator = _operator(expected)
    if operator is not None:
        name, operand = operator
        if name not in _OPERATORS:
            raise _fault(f"there is no operator '{name}'{meant(name, _OPERATORS)}")
        if name == "$regex":
            try:
                re.compile(operand if isinstance(operand, str) else "(")
            except re.error as error:
                raise _fault(f"$regex: not a regular expression: {error}") from None
        elif name in {"$any", "$absent"}:
            if operand is not True:
                raise _fault(f"{name} takes true and nothing else")
        elif name in {"$one_of", "$contains"} and not isinstance(operand, list):
            raise _fault(f"{name} takes a list")
        inside = [operand]
    else:
        inside = list(expected.values()) if isinstance(expected, dict) else expected if isinstance(expected, list) else []
    for value in inside:
        if isinstance(value, dict | list):
            check_expected(value)


def differences(expected: object, got: object, place: str = "") -> list[str]:
    """Where ``got`` differs from ``expected``, one phrase each, with JSON pointers; empty when it matches."""
    operator = _operator(expected)
    if operator is not None:
        name, operand = operator
        return _OPERATORS[name](operand, got, place)
    if got is _ABSENT:
        return [f"{place} is missing, expected {shown(expected)}"]
    if isinstance(expected, dict) and isinstance(got, dict):
        pairs = ((key, value, got.get(key, _ABSENT)) for key, value in expected.items())
        return [told for key, value, there in pairs for told in differences(value, there, f"{place}/{key}")][:_TOLD]
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        items = enumerate(zip(expected, got, strict=True))
        return [told for at, (value, there) in items for told in differences(value, there, f"{place}/{at}")][:_TOLD]
    if _equal(expected, got):
        return []
    return [f"{place or '/'} is {shown(got)}, expected {shown(expected)}"]


def shown(value: object, limit: int = _SHOWN) -> str:
    """A value as short JSON for a person."""
    text = "nothing" if value is _ABSENT else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _equal(expected: object, got: object) -> bool:
    return expected == got and isinstance(expected, bool) == isinstance(got, bool) and not isinstance(expected, dict | list)


def _operator(expected: object) -> tuple[str, Any] | None:
    if isinstance(expected, dict) and len(expected) == 1:
        ((name, operand),) = expected.items()
        if isinstance(name, str) and name.startswith("$"):
            return name, operand
    return None


def _regex(operand: str, got: object, place: str) -> list[str]:
    if isinstance(got, str) and re.search(operand, got):
        return []
    return [f"{place} is {shown(got)}, expected a text that /{operand}/ is found in"]


def _json(operand: object, got: object, place: str) -> list[str]:
    try:
        value = orjson.loads(got) if isinstance(got, str) else _ABSENT
    except orjson.JSONDecodeError:
        value = _ABSENT
    if value is _ABSENT:
        return [f"{place} is {shown(got)}, expected a text that is JSON"]
    return differences(operand, value, place)


def _one_of(operand: list[Any], got: object, place: str) -> list[str]:
    if any(not differences(choice, got, place) for choice in operand):
        return []
    return [f"{place} is {shown(got)}, expected one of {shown(operand)}"]


def _contains(operand: list[Any], got: object, place: str) -> list[str]:
    if not isinstance(got, list):
        return [f"{place} is {shown(got)}, expected a list"]
    missing = [item for item in operand if all(differences(item, there) for there in got)]
    return [f"{place} is {shown(got)}, expected an item that matches {shown(item)}" for item in missing][:_TOLD]


def _exact(operand: object, got: object, place: str) -> list[str]:
    if got is not _ABSENT and _same(operand, got):
        return []
    return [f"{place} is {shown(got)}, expected exactly {shown(operand)}"]


def _same(one: object, other: object) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_same(*pair) for pair in zip(one, other, strict=True))
    return _equal(one, other)


def _any(_: object, got: object, place: str) -> list[str]:
    return [f"{place} is missing"] if got is _ABSENT else []


def _absent(_: object, got: object, place: str) -> list[str]:
    return [] if got is _ABSENT else [f"{place} is {shown(got)}, expected nothing there"]


def _fault(problem: str) -> PydanticCustomError:
    return PydanticCustomError("expected_fields", "{problem}", {"problem": problem})


_OPERATORS: Final[dict[str, Callable[[Any, object, str], list[str]]]] = {
    "$regex": _regex,
    "$json": _json,
    "$one_of": _one_of,
    "$contains": _contains,
    "$exact": _exact,
    "$any": _any,
    "$absent": _absent,
}
