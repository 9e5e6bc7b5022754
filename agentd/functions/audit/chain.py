"""The lines of the audit: JSON objects, each with a number and the SHA-256 of the whole line before it.

``sed -n 5p audit.jsonl | sha256sum`` is what line 6 carries as ``prev``. The first line of a file that follows another one
carries as ``first`` the number of the oldest line that is kept; where none does, that is 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import orjson

GENESIS: Final = "0" * 64
"""What the first line of all carries in place of a hash."""
NOTE: Final = "audit"
"""The note in the store that holds the newest line."""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: number and hash of its last line."""

    seq: int = 0
    sha256: str = GENESIS

    def text(self) -> str:
        """For the store, which remembers it in another place than the file."""
        return orjson.dumps({"seq": self.seq, "sha256": self.sha256}).decode()

    @classmethod
    def of(cls, text: str | None) -> "Head | None":
        """From the store's text; None for what is none."""
        try:
            told = orjson.loads(text or "null")
            return cls(int(told["seq"]), str(told["sha256"]))
        except (ValueError, TypeError, KeyError):
            return None


def append(head: Head, entry: Mapping[str, Any]) -> tuple[bytes, Head]:
    """The line of ``entry`` after ``head``, newline included, and the new head."""
    seq = head.seq + 1
    try:
        text = orjson.dumps({"seq": seq, **entry, "prev": head.sha256}, default=str)
    except orjson.JSONEncodeError:  # lone surrogates: whatever was told must not stop what comes after it
        told = {name: repr(value) for name, value in entry.items() if name not in ("kind", "time")}
        kept = {name: entry[name] for name in ("time", "kind") if name in entry}
        text = orjson.dumps({"seq": seq, **kept, "told": told, "prev": head.sha256})
    line = text + b"\n"
    return line, Head(seq, digest(line))


def digest(line: bytes) -> str:
    """The hash by which the next line holds on to this one."""
    return sha256(line).hexdigest()


def read(line: bytes) -> dict[str, Any] | None:
    """A line as an object; None for what is no line of an audit."""
    if not line.endswith(b"\n"):
        return None
    try:
        told = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(told, dict) or type(told.get("seq")) is not int or not isinstance(told.get("prev"), str):
        return None
    return told if isinstance(told.get("kind"), str) else None


def beginning(line: Mapping[str, Any]) -> int:
    """The number that a file began with, by the first line that it has now."""
    missing = line.get("missing")
    if isinstance(missing, list) and missing and type(missing[0]) is int:
        return missing[0]
    return int(line["seq"]) if "first" in line else 1
