"""Expected fields against what came."""

from typing import Any

import pytest

from agentd.engine.scripted.matching import differences, shown

MESSAGE: dict[str, Any] = {
    "type": "FunctionCallResponse",
    "id": "fc_1",
    "content": '{"on": true, "room": "kitchen"}',
    "tags": ["a", "b"],
    "speed": 1,
    "flag": True,
    "nested": {"x": 1, "y": None},
}


@pytest.mark.parametrize(
    "expected",
    [
        {},
        {"id": "fc_1", "speed": 1.0, "flag": True},
        {"nested": {"x": 1}},
        {"nested": {"y": None}},
        {"id": {"$regex": "^fc_"}},
        {"content": {"$json": {"room": "kitchen"}}},
        {"content": {"$json": {"on": {"$any": True}, "color": {"$absent": True}}}},
        {"tags": ["a", "b"]},
        {"tags": {"$contains": ["b"]}},
        {"tags": {"$contains": [{"$regex": "^a"}]}},
        {"id": {"$one_of": ["x", {"$regex": "1$"}]}},
        {"nested": {"$exact": {"x": 1, "y": None}}},
        {"thought": {"$absent": True}},
        {"nested": {"y": {"$any": True}}},
    ],
)
def test_what_holds(expected: dict[str, Any]) -> None:
    assert differences(expected, MESSAGE) == []


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        ({"id": "fc_2"}, '/id is "fc_1", expected "fc_2"'),
        ({"thought": 1}, "/thought is missing, expected 1"),
        ({"speed": True}, "/speed is 1, expected true"),
        ({"flag": 1}, "/flag is true, expected 1"),
        ({"nested": {"x": {"z": 1}}}, '/nested/x is 1, expected {"z": 1}'),
        ({"tags": ["a"]}, '/tags is ["a", "b"], expected ["a"]'),
        ({"tags": ["a", "c"]}, '/tags/1 is "b", expected "c"'),
        ({"id": {"$regex": "^x"}}, '/id is "fc_1", expected a text that /^x/ is found in'),
        ({"nested": {"$regex": "x"}}, "expected a text that /x/"),
        ({"id": {"$json": {}}}, '/id is "fc_1", expected a text that is JSON'),
        ({"content": {"$json": {"room": "hall"}}}, '/content/room is "kitchen", expected "hall"'),
        ({"id": {"$one_of": ["a", "b"]}}, 'expected one of ["a", "b"]'),
        ({"tags": {"$contains": ["c"]}}, 'expected an item that matches "c"'),
        ({"id": {"$contains": ["c"]}}, "expected a list"),
        ({"nested": {"$exact": {"x": 1}}}, 'expected exactly {"x": 1}'),
        ({"tags": {"$exact": ["a", 1]}}, 'expected exactly ["a", 1]'),
        ({"thought": {"$any": True}}, "/thought is missing"),
        ({"id": {"$absent": True}}, '/id is "fc_1", expected nothing there'),
    ],
)
def test_what_does_not_hold_is_told_by_place(expected: dict[str, Any], told: str) -> None:
    (difference,) = differences(expected, MESSAGE)
    assert told in difference


def test_long_values_are_shortened() -> None:
    assert len(shown("x" * 1000)) == 120
    assert shown("x" * 1000).endswith("…")
