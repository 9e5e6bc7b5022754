"""Arguments by JSON Schema: what a model is told, and what strangers' schemas cannot do."""

import time
from typing import Any

import pytest

from agentd.functions.call import InvalidArguments
from agentd.functions.remote.arguments import Arguments, from_table
from agentd.functions.remote.references import MAX_NODES, SchemaFault

SHORT = {
    "city": "string",
    "days": "integer?",
    "unit": {"enum": ["c", "f"], "default": "c"},
    "why": {"type": "string", "optional": True},
}


def test_the_short_form_is_a_schema() -> None:
    assert from_table(SHORT) == {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer"},
            "unit": {"enum": ["c", "f"], "default": "c"},
            "why": {"type": "string"},
        },
        "required": ["city"],
        "additionalProperties": False,
    }


def test_a_schema_stays_one_and_takes_nothing_unnamed() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    assert from_table(schema) == schema | {"additionalProperties": False}


@pytest.mark.parametrize("table", [{"city": "text"}, {"city": 3}, {"city": "str?"}])
def test_a_type_that_does_not_exist_is_named(table: dict[str, Any]) -> None:
    with pytest.raises(SchemaFault, match="city"):
        from_table(table)


def test_defaults_stand_in_for_what_is_left_out() -> None:
    assert Arguments(from_table(SHORT)).read({"city": "Graz"}) == {"city": "Graz", "unit": "c"}
    assert Arguments(from_table(SHORT)).read({"city": "Graz"}, defaults=False) == {"city": "Graz"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "city is required"),
        ({"city": 3}, 'city: 3 is not of type "string"'),
        ({"city": "Graz", "town": "x"}, "there is no argument town; there are city, days, unit, why"),
        ({"city": "Graz", "unit": "k"}, 'unit: "k" is not one of "c" or "f"'),
        ({"days": "two"}, 'days: "two" is not of type "integer"; city is required'),
    ],
)
def test_a_model_is_told_what_to_change(given: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidArguments) as caught:
        Arguments(from_table(SHORT)).read(given)
    assert str(caught.value) == told


def test_what_is_told_of_a_hundred_faults_is_short() -> None:
    with pytest.raises(InvalidArguments) as caught:
        Arguments(from_table(SHORT)).read({"city": "Graz"} | {"x" * 500 + str(n): 1 for n in range(100)})
    assert len(str(caught.value)) < 4_000


def test_references_are_written_out() -> None:
    schema = {"type": "object", "properties": {"at": {"$ref": "#/$defs/Place"}}, "$defs": {"Place": {"type": "string"}}}
    assert Arguments(schema).parameters == {"type": "object", "properties": {"at": {"type": "string"}}}


def test_arguments_may_be_called_like_keywords() -> None:
    properties = {name: {"type": "string"} for name in ("$defs", "definitions", "default", "properties", "type", "$ref_")}
    assert Arguments({"properties": properties}).parameters["properties"] == properties


def _doubling(levels: int) -> dict[str, Any]:
    parts: dict[str, Any] = {"p0": {"type": "string"}}
    for level in range(1, levels):
        part = {"$ref": f"#/$defs/p{level - 1}"}
        parts[f"p{level}"] = {"type": "object", "properties": {"a": part, "b": part}}
    return {"type": "object", "properties": {"a": {"$ref": f"#/$defs/p{levels - 1}"}}, "$defs": parts}


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": "array"}, "object"),
        ({"properties": []}, "table"),
        ({"properties": {"a": {"type": "strong"}}}, "no valid JSON Schema"),
        ({"properties": {"a": {"$ref": "http://127.0.0.1:1/schema"}}}, "nothing is fetched"),
        ({"properties": {"a": {"$ref": "#/$defs/none"}}}, "nothing at"),
        ({"properties": {"a": {"$ref": "#"}}}, "contains itself"),
        (_doubling(14), str(MAX_NODES)),
        (_doubling(40), "deeper"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused(schema: dict[str, Any], reason: str) -> None:
    with pytest.raises(SchemaFault, match=reason):
        Arguments(schema)


def test_a_strangers_pattern_ends() -> None:
    """With Python's own expressions this one runs for years; there is no bound here but the test's own."""
    reader = Arguments({"properties": {"name": {"type": "string", "pattern": "^(?=a)(a+)+$"}}})
    assert reader.read({"name": "aaaa"}) == {"name": "aaaa"}
    began = time.monotonic()
    with pytest.raises(InvalidArguments, match="name"):
        reader.read({"name": "a" * 60 + "!"})
    assert time.monotonic() - began < 10
