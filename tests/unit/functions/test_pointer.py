"""The examples of RFC 6901, section 5, and what has no value."""

from typing import Any

import pytest

from agentd.functions.remote.pointer import at

DOCUMENT: dict[str, Any] = {
    "foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, 'k"l': 6, " ": 7, "m~n": 8,
}  # fmt: skip


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", DOCUMENT), ("/foo", ["bar", "baz"]), ("/foo/0", "bar"), ("/", 0), ("/a~1b", 1), ("/c%d", 2), ("/e^f", 3),
        ("/g|h", 4), ("/i\\j", 5), ('/k"l', 6), ("/ ", 7), ("/m~0n", 8),
    ],
)  # fmt: skip
def test_the_examples_of_the_standard(pointer: str, value: Any) -> None:
    assert at(DOCUMENT, pointer) == value


@pytest.mark.parametrize(
    "pointer", ["/bar", "/foo/2", "/foo/-", "/foo/01", "/foo/-1", "/foo/bar", "/a~1b/x", "/foo/0/0", "foo", "x/foo", "#/foo"]
)
def test_what_is_not_there_is_an_error(pointer: str) -> None:
    with pytest.raises(LookupError):
        at(DOCUMENT, pointer)
