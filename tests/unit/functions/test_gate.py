import pytest

from agentd.functions.call import CallRequest, Rejected
from agentd.functions.gate.gate import named, read_arguments
from agentd.functions.registry import FunctionSpec, Registry


def spec(name: str, file: str = "a.py", line: int = 1, tier: str = "low") -> FunctionSpec:
    return FunctionSpec(name, "Do it.", {"type": "object"}, tier, 10.0, file, line, "00")  # type: ignore[arg-type] # a plain str stands for the literal


REGISTRY = Registry({"f": spec("f"), "g": spec("g")})


def rejection(arguments: str | dict[str, object], name: str = "f", allowed: frozenset[str] | None = None) -> Rejected:
    try:
        named(CallRequest("1", name, arguments, allowed=allowed), REGISTRY)
        read_arguments(arguments, 100, 32)
    except Rejected as rejected:
        return rejected
    raise AssertionError("it was let pass")


def test_arguments_are_read_from_text_or_taken_as_they_are() -> None:
    for given in ('{"a": 1}', {"a": 1}):
        assert read_arguments(given, 100, 32) == {"a": 1}
    assert read_arguments("", 100, 32) == {}


@pytest.mark.parametrize(
    "arguments", ["{", "[]", "3", '{"a": NaN}', "\ud800", {"a": object()}, "{" * 90, '{"a":' + "[" * 32 + "]" * 32 + "}"]
)
def test_arguments_that_are_no_object_are_invalid(arguments: str | dict[str, object]) -> None:
    assert rejection(arguments).outcome == "invalid"


def test_arguments_beyond_the_limit_are_invalid() -> None:
    assert "at most 100" in rejection({"a": "x" * 100}).content


def test_an_unknown_name_is_told_what_there_is_and_only_what_is_allowed() -> None:
    rejected = rejection("{}", "x" * 1000, frozenset({"g"}))
    assert rejected.outcome == "unknown"
    assert "There are: g." in rejected.content
    assert len(rejected.content) < 200


@pytest.mark.parametrize("name", ["F", "f ", "\uff46", "f\u200b"])
def test_a_name_that_only_looks_alike_is_unknown(name: str) -> None:
    assert rejection("{}", name).outcome == "unknown"


def test_a_function_outside_the_allow_list_is_denied() -> None:
    assert rejection("{}", "f", frozenset({"g"})).outcome == "denied"
