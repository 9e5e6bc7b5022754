"""The YAML reader: whatever the text, a document or a fault that names the place."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.engine.scripted.document import read_document
from agentd.engine.scripted.loading import parse_script
from agentd.errors import ConfigError

WORDS = st.sampled_from(
    [
        "a",
        "&x ",
        "*x",
        "[",
        "]",
        "{",
        "}",
        ": ",
        "- ",
        "\n",
        "  ",
        "'",
        '"',
        "|\n",
        ">\n",
        "!!str ",
        "!t ",
        "# c\n",
        "---\n",
        "%",
        "1",
        ",",
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1, max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(st.lists(WORDS, max_size=40).map("".join) | st.text(max_size=60))
def test_any_text_is_a_document_or_a_fault_with_its_place(text: str) -> None:
    try:
        read_document(text, "s.yaml")
    except ConfigError as error:
        assert error.detail.startswith("s.yaml")  # noqa: PT017 - both ends are right


@given(st.lists(WORDS, max_size=40).map("".join))
def test_any_text_is_a_script_or_a_fault(text: str) -> None:
    try:
        assert parse_script(text).scenarios
    except ConfigError as error:
        assert error.detail.startswith("script")  # noqa: PT017 - both ends are right


@given(st.dictionaries(st.text(min_size=1, max_size=8), VALUES, max_size=4))
def test_json_is_yaml_and_means_the_same(data: dict[str, Any]) -> None:
    text = json.dumps(data)
    assert read_document(text, "s.yaml").data == data


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"), ("off", "off"), ("true", True), ("False", False), ("~", None), ("", None), ("null", None),
        ("12", 12), ("-3", -3), ("012", 12), ("0x1f", "0x1f"), ("1_000", "1_000"), ("1.5", 1.5), (".5e3", 500.0), ("=", "="),
        ("12:30", "12:30"), ("2026-11-25", "2026-11-25"), (".inf", ".inf"), ("'1'", "1"), ("!!str 1", "1"), ("! 1", "1"),
        ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)  # fmt: skip
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    read = read_document(f"a: {text}", "s.yaml").data["a"]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize("text", ["9" * 30, "-" + "9" * 19, "1e999", r'"\ud800"', r'"\udc00\ud800"'])
def test_what_json_cannot_say_is_a_fault(text: str) -> None:
    for document in (f"a: {text}", f"raw: {{a: [{text}]}}"):
        with pytest.raises(ConfigError, match=r"^s\.yaml:1: the (number|text)"):
            read_document(document, "s.yaml")


def test_lines_are_those_of_the_keys() -> None:
    document = read_document("a:\n  - b\n  - c: 1\n    d: &x [1]\ne: *x\n", "s.yaml")
    assert document.lines == {
        (): 1, ("a",): 1, ("a", 0): 2, ("a", 1): 3, ("a", 1, "c"): 3, ("a", 1, "d"): 4, ("a", 1, "d", 0): 4, ("e",): 5,
    }  # fmt: skip
    assert document.line_of(("e", 0, "deep")) == 5
