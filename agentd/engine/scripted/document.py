"""YAML text to plain data with the line of every value: safe by construction, bounded, and in YAML 1.2's sense of a scalar.

PyYAML reads the syntax; what values mean is decided here. Nothing but text, numbers, booleans, null, lists and mappings
comes out, ``on``, ``yes`` and ``no`` are words and not booleans, and a key that stands twice is a fault.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final, NoReturn

import yaml

from agentd.errors import ConfigError

MAX_BYTES: Final = 256 * 1024
"""Longest script; a hundred scenarios take a tenth of it."""

MAX_VALUES: Final = 20_000
"""Most values in a document, those that aliases repeat counted each time: a few lines of aliases could make billions."""

MAX_DEPTH: Final = 32

Path = tuple[str | int, ...]
"""Where a value stands: the keys and positions that lead to it."""

_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
"""The core schema of YAML 1.2.2, 10.3.2, without octal, hexadecimal, infinity and NaN, which JSON has no word for."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a text says.

    Attributes:
        data: the top-level mapping.
        lines: line of each value, from 1, by its path.
    """

    data: dict[str, Any]
    lines: dict[Path, int]

    def line_of(self, path: Path) -> int | None:
        """The line of a value, or of the nearest thing around it."""
        return next((self.lines[path[:length]] for length in range(len(path), -1, -1) if path[:length] in self.lines), None)


def read_document(text: str, name: str) -> Document:
    """Read one YAML document whose top is a mapping; an empty one is an empty mapping.

    Args:
        name: of the file, for errors.

    Raises:
        ConfigError: it is no YAML, or more or other than scripts are made of; says where.
    """
    if len(text.encode()) > MAX_BYTES:
        raise ConfigError(f"{name}: a script has at most {MAX_BYTES} bytes, this one has {len(text.encode())}.")
    composer = _Composer(text, name)
    try:
        data = composer.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark is not None else name
        raise ConfigError(f"{place}: not YAML: {error.problem or error.context}.") from None
    except yaml.YAMLError as error:  # characters that YAML does not allow
        raise ConfigError(f"{name}: not YAML: {error}.") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{name}:1: a script is a mapping (`key: value` lines).")
    return Document(data, composer.lines)


@dataclass(slots=True)
class _Composer:
    """Builds the values of one document from the parser's events."""

    text: str
    name: str
    lines: dict[Path, int] = field(default_factory=dict)
    _anchors: dict[str, tuple[Any, int]] = field(default_factory=dict)
    _count: int = 0

    def document(self) -> Any:
        """The document's value; None for an empty text."""
        events = iter(yaml.parse(self.text, Loader=yaml.SafeLoader))
        next(events)  # StreamStart
        if isinstance(next(events), yaml.StreamEndEvent):
            return {}
        data = self._value(next(events), events, ())
        next(events)  # DocumentEnd
        further = next(events)
        if not isinstance(further, yaml.StreamEndEvent):
            self._fail(further, "a script is one document; a second begins here")
        return {} if data is None else data

    def _value(self, event: yaml.Event, events: Iterator[yaml.Event], path: Path) -> Any:
        self.lines[path] = _line(event)
        self._add(event, 1)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                self._fail(event, f"no value before this one is marked &{event.anchor}")
            value, count = self._anchors[event.anchor]
            self._add(event, count)
            return value
        if len(path) > MAX_DEPTH:
            self._fail(event, f"nested deeper than {MAX_DEPTH} levels")
        before = self._count
        match event:
            case yaml.ScalarEvent():
                value = self._scalar(event)
            case yaml.MappingStartEvent():
                self._no_tag(event, event.tag)
                value = self._mapping(events, path)
            case yaml.SequenceStartEvent():
                self._no_tag(event, event.tag)
                value = self._sequence(events, path)
            case _:
                raise AssertionError("a value begins with one of these")
        if event.anchor is not None:
            self._anchors[event.anchor] = value, self._count - before + 1
        return value

    def _sequence(self, events: Iterator[yaml.Event], path: Path) -> list[Any]:
        values: list[Any] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            values.append(self._value(event, events, (*path, len(values))))
        return values

    def _mapping(self, events: Iterator[yaml.Event], path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                self._fail(event, "a key is a word; put it in quotes if it begins with a bracket, a brace, * or &")
            key = self._text(event)
            if key in values:
                self._fail(event, f"the key {key!r} stands twice in this mapping")
            values[key] = self._value(next(events), events, (*path, key))
            self.lines[*path, key] = _line(event)
        return values

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        text = self._text(event)
        if event.tag != "tag:yaml.org,2002:str":
            self._no_tag(event, event.tag)
        if event.tag is not None or event.style is not None:
            return text
        if text in _NULL:
            return None
        if text in _BOOLEANS:
            return _BOOLEANS[text]
        if not _FLOAT.fullmatch(text):
            return text
        if _INTEGER.fullmatch(text):
            return int(text)
        number = float(text)
        if text.lstrip("+-").isdigit() or not isfinite(number):
            self._fail(event, f"the number {text[:40]} is beyond 18 digits or a float; in quotes it is a text")
        return number

    def _text(self, event: yaml.ScalarEvent) -> str:
        """The text of a scalar; JSON writes what is beyond the first plane as two escapes, which PyYAML leaves as they are."""
        text: str = event.value
        if text.isascii():
            return text
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self._fail(event, "the text has half a character (a lone surrogate)")

    def _no_tag(self, event: yaml.Event, tag: str | None) -> None:
        if tag not in {None, "!"}:
            self._fail(event, f"the tag {tag} is not taken; scripts have none")

    def _add(self, event: yaml.Event, count: int) -> None:
        self._count += count
        if self._count > MAX_VALUES:
            self._fail(event, f"more than {MAX_VALUES} values, those that aliases repeat counted")

    def _fail(self, event: yaml.Event, problem: str) -> NoReturn:
        raise ConfigError(f"{self.name}:{_line(event)}: {problem}.")


def _line(event: yaml.Event) -> int:
    """The line an event begins in, from 1."""
    return event.start_mark.line + 1 if event.start_mark is not None else 1
