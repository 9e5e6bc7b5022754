"""How deep JSON values are nested."""

import pytest

from agentd.protocol.depth import deeper_than


@pytest.mark.parametrize(
    ("value", "depth"),
    [(None, 0), ("[[[", 0), ([], 1), ({"a": 1}, 1), ([[], {}], 2), ({"a": {"b": [1]}, "c": [2]}, 3), ([1, [2, [3]], [4]], 3)],
)
def test_containers_within_each_other_are_counted(value: object, depth: int) -> None:
    assert not deeper_than(value, depth)
    assert depth == 0 or deeper_than(value, depth - 1)


def test_it_needs_no_recursion() -> None:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    assert deeper_than(value, 100_000)
    assert not deeper_than(value, 100_001)
    while value:  # taken apart by hand: even to forget it takes recursion
        (value,) = value  # type: ignore[assignment]
