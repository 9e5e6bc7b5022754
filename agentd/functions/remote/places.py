r"""URLs with places for arguments: ``https://api.example.org/v1/{city}?days={days}``.

What a model says fills a place and nothing else: it is percent-encoded, the origin stays, and no value names another folder,
also not for servers that decode a path twice, read ``\`` and ``;`` in their own way or take other dots and slashes for theirs.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, unquote, unquote_plus

import orjson

from agentd.functions.call import InvalidArguments

MAX_CHARS: Final = 8_000
"""Of a URL; servers and proxies take hardly more."""

_PLACE: Final = re.compile(r"\{([^{}]*)\}")
_DECODINGS: Final = 4


class UrlTemplate:
    """A URL with places.

    Args:
        url: with ``{argument}`` in path and query only; checked by ``agentd.config.functions``.

    Attributes:
        names: the arguments that stand in it.
        own: the names of the pairs in its query.
    """

    def __init__(self, url: str) -> None:
        rest = url.partition("://")[2]
        start = len(url) - len(rest) + min(i for mark in "/?" if (i := f"{rest}/".find(mark)) >= 0)
        self._origin = url[:start]
        path, self._mark, query = url[start:].partition("?")
        self._path, self._query = path or "/", query
        self.names: frozenset[str] = frozenset(_PLACE.findall(url))
        self.own = frozenset(unquote_plus(pair.partition("=")[0]) for pair in query.split("&") if pair)

    def fill(self, arguments: Mapping[str, Any], *, query: str = "") -> str:
        """The URL for these arguments.

        Args:
            arguments: all that ``names`` has, JSON values.
            query: encoded pairs to add.

        Raises:
            InvalidArguments: a value that cannot stand where it would.
        """
        path = "/".join(self._segment(segment, arguments) for segment in self._path.split("/"))
        own = _PLACE.sub(lambda place: quote(as_text(arguments[place[1]]), safe=""), self._query)
        pairs = "&".join(filter(None, (own, query)))
        url = f"{self._origin}{path}{'?' if pairs else ''}{pairs}"
        if len(url) > MAX_CHARS:
            raise InvalidArguments(f"the arguments are too long for an address: {len(url)} characters, at most {MAX_CHARS}")
        return url

    def _segment(self, segment: str, arguments: Mapping[str, Any]) -> str:
        """A part of the path between two slashes. A value may hold a slash (``group%2Fproject``), but no folder up."""
        names = _PLACE.findall(segment)
        if not names:
            return segment
        for name in names:
            _check(name, as_text(arguments[name]))
        whole = _PLACE.sub(lambda place: as_text(arguments[place[1]]), segment)
        _check(" and ".join(names), whole)
        return _PLACE.sub(lambda place: quote(as_text(arguments[place[1]]), safe=""), segment)


def as_text(value: Any) -> str:
    """A JSON value as it stands in a URL or form: words as they are, all else as JSON."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _check(name: str, value: str) -> None:
    if not value:
        raise InvalidArguments(f"{name} is empty")
    value = unicodedata.normalize("NFKC", value)
    for _ in range(_DECODINGS):
        if any(ord(character) < 0x20 or character == "\x7f" for character in value):
            raise InvalidArguments(f"{name} holds a control character")
        if any(part.partition(";")[0].strip() in {".", ".."} for part in re.split(r"[/\\]", value)):
            raise InvalidArguments(f"{name} must not be a path such as '..'")
        value = unicodedata.normalize("NFKC", unquote(value))
