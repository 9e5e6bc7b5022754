"""Says what is wrong with a setting: which key, where it was set, what was found, what to do. Never a secret."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from agentd.config.lines import Lines, line_of
from agentd.config.shape import annotation_at, is_section, kinds
from agentd.errors import ConfigError, FieldError

_SHOWN_CHARS: Final = 60
_MAY_HOLD_A_PASSWORD: Final = {("deepgram", "proxy")}
_TOML_NAMES: Final = {dict: "a table", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}


def explain(
    error: ValidationError, origins: Mapping[tuple[str, ...], str], file: str | None, lines: Lines | None = None
) -> ConfigError:
    """One ``ConfigError`` for all faults of a validation.

    Args:
        error: what pydantic found.
        origins: the environment variable or option a path came from; every other path came from ``file``.
        file: the configuration file, if there is one.
        lines: where its keys stand.
    """
    faults = [_fault(details, origins, file, lines or {}) for details in error.errors(include_url=False)]
    return ConfigError("; ".join(fault.detail for fault in faults), errors=faults)


def _fault(details: ErrorDetails, origins: Mapping[tuple[str, ...], str], file: str | None, lines: Lines) -> FieldError:
    path = tuple(str(part) for part in details["loc"])
    line = line_of(lines, path)
    if file is not None and line is not None:
        file = f"{file}, line {line}"
    place = " ".join(part for part in (".".join(path), "in", _where(path, origins, file)) if part)
    return FieldError("/" + "/".join(path), f"{place}: {_what(details, path)}")


def _where(path: tuple[str, ...], origins: Mapping[tuple[str, ...], str], file: str | None) -> str:
    """The place that set the key, or a table around it; for a fault of a table, every place that had a part in it."""
    for end in range(len(path), 0, -1):
        if path[:end] in origins:
            return origins[path[:end]]
    parts = sorted(name for place, name in origins.items() if place[: len(path)] == path)
    return ", ".join([*parts, file] if file else parts) or "the defaults"


def _what(details: ErrorDetails, path: Sequence[str]) -> str:
    kind, message = details["type"], details["msg"]
    if kind == "extra_forbidden":
        section = annotation_at(path[:-1])
        known = sorted(section.model_fields) if is_section(section) else []
        near = difflib.get_close_matches(path[-1].lower(), known, n=1)
        return f"unknown key, did you mean {near[0]!r}?" if near else f"unknown key; known here: {', '.join(known) or 'none'}"
    if kind in {"model_type", "dict_type"}:
        return f"it must be a table, such as [{'.'.join(path)}]; found {_shown(details['input'], path)}"
    if kind == "missing":
        return "it is required"
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    return f"{message[0].lower()}{message[1:]}; found {_shown(details['input'], path)}"


def _shown(value: Any, path: Sequence[str]) -> str:
    """The value as it was written where the key is a plain one; else only its kind, for a table may hold secrets."""
    annotation = annotation_at(path)
    plain = not is_section(annotation) and not kinds(annotation) & {SecretStr, dict, Any}
    if not plain or tuple(path) in _MAY_HOLD_A_PASSWORD or isinstance(value, dict | list):
        return _TOML_NAMES.get(type(value), "something else") + (" (not shown)" if isinstance(value, str) else "")
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
