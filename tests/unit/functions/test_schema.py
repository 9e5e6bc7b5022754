from collections.abc import Callable
from typing import Any

import pytest

from agentd.functions.call import InvalidArguments
from agentd.functions.workers.schema import Fault, Handler

Load = Callable[..., tuple[dict[str, Handler], list[Fault]]]

IMPORTS = """
from datetime import date
from enum import Enum
from typing import Annotated, Literal, Optional
from pydantic import BaseModel, Field
from agentd.functions import AskUser, CallContext, FunctionError, function
"""


def one(load: Load, source: str) -> Handler:
    handlers, faults = load(IMPORTS + source)
    assert not faults, [fault.reason for fault in faults]
    (handler,) = handlers.values()
    return handler


def schema_of(load: Load, parameter: str) -> dict[str, Any]:
    handler = one(load, f'@function(tier="read")\ndef f({parameter}):\n    "Do it."\n')
    found: dict[str, Any] = handler.parameters["properties"]["x"]
    return found


@pytest.mark.parametrize(
    ("parameter", "expected"),
    [
        ("x: str", {"type": "string"}),
        ("x: int = 3", {"type": "integer", "default": 3}),
        ("x: float | None = None", {"type": "number"}),
        ("x: Optional[date] = None", {"type": "string", "format": "date"}),
        ('x: Literal["a", "b"]', {"type": "string", "enum": ["a", "b"]}),
        ('x: Literal["only"]', {"type": "string", "enum": ["only"]}),
        ('x: Annotated[str, Field(description="D", examples=["e"])]', {"type": "string", "description": "D", "examples": ["e"]}),
        ('x: Annotated[int | None, Field(description="D", ge=1)] = None', {"type": "integer", "description": "D", "minimum": 1}),
        ("x: list[int]", {"type": "array", "items": {"type": "integer"}}),
        ("x: int | str", {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
    ],
)
def test_a_type_hint_becomes_plain_json_schema(load_source: Load, parameter: str, expected: dict[str, Any]) -> None:
    assert schema_of(load_source, parameter) == expected


def test_an_enum_is_offered_by_its_values_and_arrives_as_a_member(load_source: Load) -> None:
    source = 'class C(Enum):\n    RED = "red"\n\n@function(tier="read")\ndef f(c: C):\n    "Do it."\n'
    handler = one(load_source, source)
    assert handler.parameters["properties"]["c"] == {"enum": ["red"], "type": "string"}
    assert handler.read({"c": "red"})["c"].name == "RED"


def test_a_nested_model_is_written_out_without_references(load_source: Load) -> None:
    source = 'class P(BaseModel):\n    title: str\n\n@function(tier="read")\ndef f(p: P, q: P | None = None):\n    "Do it."\n'
    handler = one(load_source, source)
    plain = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
    assert handler.parameters["properties"] == {"p": plain, "q": plain}
    assert "$defs" not in handler.parameters


def test_parameters_without_default_are_required_and_others_are_unknown(load_source: Load) -> None:
    handler = one(load_source, '@function(tier="read")\ndef f(a: str, b: int = 1):\n    "Do it."\n')
    assert handler.parameters["required"] == ["a"]
    assert handler.parameters["additionalProperties"] is False


def test_the_context_is_injected_and_not_offered(load_source: Load) -> None:
    handler = one(load_source, '@function(tier="read")\nasync def f(ctx: CallContext, a: str):\n    "Do it."\n')
    assert list(handler.parameters["properties"]) == ["a"]
    assert handler.context == "ctx"
    assert handler.is_async


def test_a_parameter_may_have_a_name_that_models_use_themselves(load_source: Load) -> None:
    handler = one(load_source, '@function(tier="read")\ndef f(schema: str, copy: int, model_x: int = 0):\n    "Do it."\n')
    assert list(handler.parameters["properties"]) == ["schema", "copy", "model_x"]
    assert handler.read({"schema": "s", "copy": 1}) == {"schema": "s", "copy": 1}


def test_the_first_paragraph_of_the_docstring_is_the_description(load_source: Load) -> None:
    handler = one(load_source, '@function(tier="read")\ndef f():\n    """Do it\n    well.\n\n    Not this.\n    """\n')
    assert handler.description == "Do it well."


def test_numbers_in_words_of_json_are_read_as_their_type(load_source: Load) -> None:
    handler = one(load_source, '@function(tier="read")\ndef f(a: float, on: bool):\n    "Do it."\n')
    assert handler.read({"a": "21.5", "on": "off"}) == {"a": 21.5, "on": False}


def test_wrong_arguments_are_told_so_that_a_model_can_correct_them(load_source: Load) -> None:
    source = '@function(tier="read")\ndef f(room: Literal["kitchen", "office"], n: Annotated[int, Field(le=5)]):\n    "Do it."\n'
    handler = one(load_source, source)
    with pytest.raises(InvalidArguments) as told:
        handler.read({"room": "attic", "colour": "red"})
    text = str(told.value)
    assert "room: Input should be 'kitchen' or 'office' (given: 'attic')" in text
    assert "n is required" in text
    assert "there is no argument colour" in text


def test_a_huge_wrong_value_is_not_repeated_in_full(load_source: Load) -> None:
    handler = one(load_source, '@function(tier="read")\ndef f(n: int):\n    "Do it."\n')
    with pytest.raises(InvalidArguments) as told:
        handler.read({"n": "x" * 10_000})
    assert len(str(told.value)) < 300


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ('@function()\ndef f():\n    "Do it."\n', 7, '@function(tier="read")'),
        ('@function\ndef f():\n    "Do it."\n', 7, '@function(tier="read")'),
        ('@function(tier="huge")\ndef f():\n    "Do it."\n', 7, "read, low, medium, high"),
        ('@function(tier="low", timeout_s=0)\ndef f():\n    "Do it."\n', 7, "timeout_s"),
        ('@function(tier="low")\ndef f():\n    pass\n', 7, "docstring"),
        ('@function(tier="low")\ndef F():\n    "Do it."\n', 7, "small letters"),
        ('@function(tier="low")\ndef f(a):\n    "Do it."\n', 7, "a: str"),
        ('@function(tier="low")\ndef f(*a: str):\n    "Do it."\n', 7, "keyword"),
        ('@function(tier="low")\ndef f(a: "Missing"):\n    "Do it."\n', 7, "Missing"),
        ('@function(tier="low")\ndef f(a: int = Field(3)):\n    "Do it."\n', 7, "Annotated"),
        ('@function(tier="low")\ndef f():\n    "Do it."\n    yield 1\n', 7, "yields"),
        ('@function(tier="low")\ndef f(a: type(open)):\n    "Do it."\n', 7, "no JSON form"),
        ('class R(BaseModel):\n    r: "R | None"\n\n@function(tier="low")\ndef f(a: R):\n    "Do it."\n', 10, "contains itself"),
        ('@function(tier="low")\ndef f(a: CallContext, b: CallContext):\n    "Do it."\n', 7, "twice"),
        ('function(tier="low")(print)\n', None, "for functions"),
    ],
)
def test_a_faulty_declaration_is_told_with_its_line(load_source: Load, source: str, line: int | None, words: str) -> None:
    handlers, faults = load_source(IMPORTS + source)
    assert not handlers
    (fault,) = faults
    assert fault.line == line
    assert words in fault.reason


def test_every_fault_of_a_file_is_told_and_nothing_of_it_is_used(load_source: Load) -> None:
    good = '@function(tier="low")\ndef good():\n    "Do it."\n'
    handlers, faults = load_source(IMPORTS + good + "@function\ndef f():\n    'Do it.'\n@function(tier='low')\ndef g(): ...\n")
    assert not handlers
    assert [fault.line for fault in faults] == [10, 13]


def test_a_name_declared_twice_in_one_file_is_a_fault(load_source: Load) -> None:
    twice = '@function(tier="low")\ndef f():\n    "Do it."\n'
    _, faults = load_source(IMPORTS + twice + twice)
    assert "declared twice" in faults[0].reason


def test_a_syntax_error_names_line_and_reason(load_source: Load) -> None:
    _, (fault,) = load_source("x = 1\ndef broken(:\n")
    assert fault.line == 2
    assert "syntax error" in fault.reason


def test_an_error_at_import_names_the_line_in_this_file(load_source: Load) -> None:
    _, (fault,) = load_source("import json\n\njson.loads('{')\n")
    assert fault.line == 3
    assert "JSONDecodeError" in fault.reason


def test_a_decorated_function_is_returned_unchanged_for_unit_tests() -> None:
    from agentd.functions import function

    @function(tier="read")
    def double(n: int) -> int:
        """Double it."""
        return 2 * n

    assert double(4) == 8


PREPARED = """
from typing import Annotated
from pydantic import Field
from agentd.functions import function

NAMES = []

async def prepare(config):
    NAMES.extend(config["names"])

@function(tier="low")
def feed(cat: Annotated[str, Field(examples=NAMES)]) -> str:
    "Feed a cat."
    return cat
"""


def test_a_file_learns_names_before_its_functions_are_looked_at(load_source: Load) -> None:
    handlers, _ = load_source(PREPARED, names=["Minka", "Tom"])
    assert handlers["feed"].parameters["properties"]["cat"]["examples"] == ["Minka", "Tom"]


def test_a_file_that_cannot_learn_them_offers_what_is_written(load_source: Load, capsys: pytest.CaptureFixture[str]) -> None:
    handlers, faults = load_source(PREPARED)
    assert list(handlers) == ["feed"]
    assert not faults
    assert "KeyError: 'names'" in capsys.readouterr().err


def test_learning_has_an_end(load_source: Load, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("agentd.functions.workers.loader.PREPARE_S", 0.05)
    handlers, _ = load_source(PREPARED.replace('NAMES.extend(config["names"])', "import asyncio; await asyncio.Event().wait()"))
    assert list(handlers) == ["feed"]
    assert "prepare() did not end within 0.05 s" in caplog.text


def test_a_file_without_what_it_requires_is_off(load_source: Load) -> None:
    source = 'REQUIRES = ("url",)\n' + PREPARED
    assert load_source(source, names=[]) == ({}, [])
    handlers, _ = load_source(source, names=[], url="http://cats.local")
    assert list(handlers) == ["feed"]
