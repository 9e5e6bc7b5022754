"""What a new configuration changes, and what of it a running daemon can take."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from agentd.config.sections import Settings

_FIXED_SECTIONS: Final = ("server", "paths", "engine", "store")
"""Sockets, folders, processes and files are opened once; only how many sessions the engine gets is ours to change."""
_FIXED: Final[Mapping[str, tuple[str, ...]]] = {
    "deepgram": ("transport",),
    "limits": (
        "connections", "connections_per_token", "header_line_bytes", "headers", "request_read_s", "auth_failures_per_minute",
        "function_calls", "function_calls_per_session",
    ),
}  # fmt: skip
"""Keys of the other sections that are built in at the start."""


@dataclass(frozen=True, slots=True)
class Changes:
    """One reload.

    Attributes:
        settings: what is in effect with it.
        changed: dotted keys that differ from before.
        needs_restart: dotted keys of the file that differ from what is in effect, and take a restart.
    """

    settings: Settings
    changed: tuple[str, ...]
    needs_restart: tuple[str, ...]


def changes(now: Settings, new: Settings) -> Changes:
    """What ``new`` changes for a daemon that runs with ``now``."""
    kept: dict[str, Any] = {name: getattr(now, name) for name in _FIXED_SECTIONS}
    kept["engine"] = now.engine.model_copy(update={"max_sessions": new.engine.max_sessions})
    for name, keys in _FIXED.items():
        section: BaseModel = getattr(now, name)
        kept[name] = getattr(new, name).model_copy(update={key: getattr(section, key) for key in keys})
    effective = new.model_copy(update=kept)
    return Changes(effective, _differing(now, effective), _differing(effective, new))


def _differing(one: Settings, other: Settings) -> tuple[str, ...]:
    before, after = dict(_leaves(one)), dict(_leaves(other))
    return tuple(sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key)))


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every key by its dotted path; keys of free-form tables too."""
    items: Mapping[str, Any]
    if isinstance(value, BaseModel):
        items = {name: getattr(value, name) for name in type(value).model_fields}
    elif isinstance(value, Mapping):
        items = value
        yield path, None  # that it is there counts, even with nothing in it
    else:
        yield path, value
        return
    for name, item in items.items():
        yield from _leaves(item, f"{path}.{name}" if path else name)
