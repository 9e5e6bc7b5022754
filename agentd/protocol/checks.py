"""Small checks for JSON documents that collect every fault with its place; the tables that use them are in ``validation``.

A check looks at one value and appends a ``FieldError`` per fault. An optional field that is null counts as absent, as
Deepgram's own server treats it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeGuard

from agentd.errors import FieldError

Check = Callable[[object, str, list[FieldError]], None]
"""Judges the value at a pointer and appends its faults."""

Rule = Callable[[dict[str, Any], str, list[FieldError]], None]
"""Judges how the fields of one object go together."""

_SHOWN_CHARS: Final = 40


def child(pointer: str, key: str | int) -> str:
    """The pointer to a member (RFC 6901 escapes)."""
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"


def fault(faults: list[FieldError], pointer: str, detail: str) -> None:
    """Append one fault."""
    faults.append(FieldError(pointer, detail))


def kind_of(value: object) -> str:
    """What a JSON value is, in words that never repeat the value."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case dict():
            return "an object"
        case _:
            return "an array"


def text(value: object, pointer: str, faults: list[FieldError]) -> None:
    """A string."""
    if not isinstance(value, str):
        fault(faults, pointer, f"must be a string, not {kind_of(value)}")


def name(value: object, pointer: str, faults: list[FieldError]) -> None:
    """A string that says something."""
    if not isinstance(value, str) or not value.strip():
        fault(faults, pointer, "must be a string that is not empty")


def boolean(value: object, pointer: str, faults: list[FieldError]) -> None:
    """True or false."""
    if not isinstance(value, bool):
        fault(faults, pointer, f"must be true or false, not {kind_of(value)}")


def is_number(value: object) -> TypeGuard[int | float]:
    """A JSON number; Python's booleans are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def number(low: float, high: float) -> Check:
    """A number from ``low`` to ``high``."""

    def check(value: object, pointer: str, faults: list[FieldError]) -> None:
        if not (is_number(value) and low <= value <= high):
            fault(faults, pointer, f"must be a number from {low:g} to {high:g}{_found(value)}")

    return check


def integer(low: int, high: int | None = None, unit: str = "") -> Check:
    """A whole number (``16000.0`` is one) from ``low`` to ``high``."""
    bounds = f"of at least {low}" if high is None else f"from {low} to {high}"

    def check(value: object, pointer: str, faults: list[FieldError]) -> None:
        if not (is_number(value) and value == value // 1 and low <= value and (high is None or value <= high)):
            fault(faults, pointer, f"must be a whole number {bounds}{unit and ' ' + unit}{_found(value)}")

    return check


def one_of(*accepted: str | int) -> Check:
    """One of the values listed."""

    def check(value: object, pointer: str, faults: list[FieldError]) -> None:
        if isinstance(value, bool) or value not in accepted:
            fault(faults, pointer, f"must be one of {', '.join(map(str, accepted))}{_found(value)}")

    return check


def record(fields: Mapping[str, Check], *rules: Rule, required: tuple[str, ...] = ()) -> Check:
    """An object; keys without a check are let through. The rules see it as it is, faulty fields included."""

    def check(value: object, pointer: str, faults: list[FieldError]) -> None:
        if not isinstance(value, dict):
            fault(faults, pointer, f"must be an object, not {kind_of(value)}")
            return
        for key in required:
            if value.get(key) is None:
                fault(faults, child(pointer, key), "is required")
        for key, check_field in fields.items():
            if value.get(key) is not None:
                check_field(value[key], child(pointer, key), faults)
        for rule in rules:
            rule(value, pointer, faults)

    return check


def mapping_of(check_value: Check) -> Check:
    """An object whose values all pass ``check_value``."""

    def check(value: object, pointer: str, faults: list[FieldError]) -> None:
        if not isinstance(value, dict):
            fault(faults, pointer, f"must be an object, not {kind_of(value)}")
            return
        for key, item in value.items():
            check_value(item, child(pointer, key), faults)

    return check


def list_of(check_item: Check) -> Check:
    """An array whose items all pass ``check_item``."""

    def check(value: object, pointer: str, faults: list[FieldError]) -> None:
        if not isinstance(value, list):
            fault(faults, pointer, f"must be an array, not {kind_of(value)}")
            return
        for index, item in enumerate(value):
            check_item(item, child(pointer, index), faults)

    return check


def one_or_more(check_item: Check) -> Check:
    """One object, or an array of at least one."""

    def check(value: object, pointer: str, faults: list[FieldError]) -> None:
        if not isinstance(value, list):
            check_item(value, pointer, faults)
        elif not value:
            fault(faults, pointer, "must hold at least one entry")
        else:
            list_of(check_item)(value, pointer, faults)

    return check


def variant(key: str, variants: Mapping[str, Check], *, default: str | None = None) -> Check:
    """An object whose field ``key`` says which check holds for it."""

    def check(value: object, pointer: str, faults: list[FieldError]) -> None:
        if not isinstance(value, dict):
            fault(faults, pointer, f"must be an object, not {kind_of(value)}")
            return
        chosen = value.get(key)
        if chosen is None:
            chosen = default
        if chosen is None:
            fault(faults, child(pointer, key), f"is required: one of {', '.join(variants)}")
        elif not isinstance(chosen, str) or chosen not in variants:
            fault(faults, child(pointer, key), f"must be one of {', '.join(variants)}{_found(chosen)}")
        else:
            variants[chosen](value, pointer, faults)

    return check


def every(*checks: Check) -> Check:
    """All of the checks, in order."""

    def check(value: object, pointer: str, faults: list[FieldError]) -> None:
        for one in checks:
            one(value, pointer, faults)

    return check


def _found(value: object) -> str:
    """What stands there instead, short; only for fields that hold no secret."""
    if isinstance(value, str):
        return f", not {value[:_SHOWN_CHARS]!r}"
    return f", not {value}" if is_number(value) else f", not {kind_of(value)}"
