"""Where a key stands in a TOML file: the standard library's reader does not tell, and a person looks for the line."""

import re
from collections.abc import Sequence
from typing import Final

_HEADER: Final = re.compile(r"\s*\[{1,2}\s*([^\[\]]+?)\s*\]{1,2}\s*(?:#.*)?$")
_KEY: Final = re.compile(r"""\s*((?:"[^"]*"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[\w-]+))*)\s*=\s*(.*)$""")
_PART: Final = re.compile(r""""([^"]*)"|'([^']*)'|([\w-]+)""")
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'|#.*')

Lines = dict[tuple[str, ...], int]


def lines_of(text: str) -> Lines:
    """The line, counted from 1, on which each key and table of a TOML document begins."""
    found: Lines = {}
    table: tuple[str, ...] = ()
    closing: str | None = None
    depth = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if closing is not None:  # inside of a string of several lines
            closing = None if closing in line else closing
            continue
        if depth > 0:  # inside of an array of several lines
            depth += _depth(line)
            continue
        header = _HEADER.match(line)
        if header is not None:
            table = _parts(header[1])
            found.setdefault(table, number)
            continue
        key = _KEY.match(line)
        if key is None:
            continue
        path = (*table, *_parts(key[1]))
        for end in range(1, len(path) + 1):
            found.setdefault(path[:end], number)
        value = key[2]
        closing = next((quote for quote in ('"""', "'''") if value.startswith(quote) and value.count(quote) == 1), None)
        depth = 0 if closing else max(0, _depth(value))
    return found


def line_of(lines: Lines, path: Sequence[str]) -> int | None:
    """The line of ``path``, or of the nearest table around it; None when nothing of it is in the file."""
    return next((lines[tuple(path[:end])] for end in range(len(path), 0, -1) if tuple(path[:end]) in lines), None)


def _parts(key: str) -> tuple[str, ...]:
    return tuple(quoted or literal or bare for quoted, literal, bare in _PART.findall(key))


def _depth(text: str) -> int:
    """Brackets that are open at the end of ``text``, outside of strings and comments."""
    plain = _STRING.sub("", text)
    return plain.count("[") + plain.count("{") - plain.count("]") - plain.count("}")
