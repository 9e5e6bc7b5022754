from dataclasses import replace

from agentd.functions.registry import FunctionSpec, LoadProblem, assemble


def spec(name: str, file: str = "a.py", line: int = 1, tier: str = "low") -> FunctionSpec:
    return FunctionSpec(name, "Do it.", {"type": "object"}, tier, 10.0, file, line, "00")  # type: ignore[arg-type] # a plain str stands for the literal


def test_a_name_claimed_by_two_files_belongs_to_neither_and_others_stay() -> None:
    registry = assemble([spec("f", "a.py", 3), spec("f", "b.py", 7), spec("g", "b.py", 9)], [])
    assert list(registry.specs) == ["g"]
    assert [(problem.place, problem.line) for problem in registry.problems] == [("a.py", 3), ("b.py", 7)]
    assert "b.py:7" in registry.problems[0].reason


def test_only_reading_functions_may_be_called_before_the_turn_is_certain() -> None:
    assert spec("f", tier="read").declaration()["defer_until_eot"] is False
    assert spec("f", tier="low").declaration() == {
        "name": "f",
        "description": "Do it.",
        "parameters": {"type": "object"},
        "defer_until_eot": True,
    }


def test_a_problem_reads_as_place_and_reason() -> None:
    assert str(LoadProblem("x.py", 4, "why")) == "x.py:4: why"
    assert str(LoadProblem("x.py", None, "why")) == "x.py: why"


def test_a_tool_of_a_server_takes_no_name_from_what_the_operator_declared() -> None:
    tool = replace(spec("set_light", "x.py"), kind="mcp", place="[functions.mcp.files]", line=None)
    registry = assemble([tool, spec("set_light", "home.py"), replace(tool, name="read")], [])
    assert {name: found.kind for name, found in registry.specs.items()} == {"read": "mcp", "set_light": "handler"}
    (problem,) = registry.problems
    assert (problem.place, problem.passing) == ("[functions.mcp.files]", True)
    assert "home.py" in problem.reason


def test_a_problem_points_to_its_place() -> None:
    assert LoadProblem("[functions.http.weather]", None, "").pointer == "/functions/http/weather"
    assert LoadProblem("/srv/functions/home.py", 4, "").pointer == "/home.py/4"
