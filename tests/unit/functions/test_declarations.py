"""What the loader says of a decorator, a signature and a module's constants."""

import subprocess
import sys
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from agentd.functions.call import InvalidArguments
from agentd.functions.options import Options
from agentd.functions.workers.loader import Loaded, load
from agentd.functions.workers.schema import Fault, Handler

Load = Callable[..., tuple[dict[str, Handler], list[Fault]]]

IMPORTS = """from datetime import date, timedelta
from enum import Enum
from typing import Annotated, Literal
from pydantic import BaseModel, Field
from agentd.functions import *
"""


def one(load_source: Load, decorator: str, parameters: str = "", before: str = "") -> Handler:
    source = f'{IMPORTS}{before}\n@function({decorator})\ndef f({parameters}):\n    "Do it."\n'
    handlers, faults = load_source(source)
    assert not faults, [fault.reason for fault in faults]
    return handlers["f"]


def test_every_option_is_taken_as_declared(load_source: Load) -> None:
    options = (
        'tier="low", timeout_s=5, examples=["Do it."], cancel_on_barge_in=True, filler=["One.", "Two."], filler_after_s=2, '
        'on_duplicate="answer", per_minute=3, untrusted_output=True, background=True, result="The {room.name} is {state}."'
    )
    handler = one(load_source, options)
    assert handler.timeout_s == 5
    assert handler.examples == ("Do it.",)
    assert handler.options == Options(
        cancel_on_barge_in=True,
        filler=("One.", "Two."),
        filler_after_s=2,
        on_duplicate="answer",
        per_minute=3,
        untrusted_output=True,
        background=True,
        result="The {room.name} is {state}.",
    )
    assert Options.of(handler.describe()["options"]) == handler.options


def test_one_filler_may_be_a_plain_text(load_source: Load) -> None:
    assert one(load_source, 'tier="low", filler="One moment."').options.filler == ("One moment.",)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ('filler=""', "each has 1 to 300 characters"),
        ("filler=5", 'write filler="One moment."'),
        ("filler=[1]", 'write filler="One moment."'),
        ('filler=["Hm."] * 17', "at most 16"),
        ("filler_after_s=0", "seconds above 0"),
        ('filler_after_s="1"', "seconds above 0"),
        ('filler_after_s=float("nan")', "seconds above 0"),
        ('on_duplicate="ignore"', 'write "run" or "answer"'),
        ("on_duplicate=[]", 'write "run" or "answer"'),
        ("per_minute=0", "a whole number from 1"),
        ("per_minute=True", "a whole number from 1"),
        ("per_minute=2.5", "a whole number from 1"),
        ("untrusted_output=None", "write True or False"),
        ('background="yes"', "write True or False"),
        ("cancel_on_barge_in=1", "write True or False, or leave it out"),
        ('result=""', "write a sentence"),
        ("result=5", "write a sentence"),
        ('result="{a"', "write a sentence"),
        ('result="{0}"', "the field '0'"),
        ('result="{}"', "the field ''"),
        ('result="{a.__class__!r}"', "the field 'a.__class__'"),
        ('result="{a:>1000000000}"', "the field 'a'"),
        ('result="{a[0]}"', "the field 'a[0]'"),
        ('examples="Do it."', 'write examples=["Turn on the lamp."]'),
        ("examples=[1]", "write examples="),
        ('timeout_s="10"', "above 0 and at most 300"),
        ("timeout_s=True", "above 0 and at most 300"),
        ("timeout_s=301", "above 0 and at most 300"),
        ('timeout_s=float("inf")', "above 0 and at most 300"),
    ],
)
def test_a_wrong_option_is_told_with_its_line_and_what_to_write(load_source: Load, option: str, words: str) -> None:
    handlers, (fault,) = load_source(f'{IMPORTS}\n@function(tier="low", {option})\ndef f():\n    "Do it."\n')
    assert not handlers
    assert fault.line == 7
    assert fault.reason.startswith(("f: ", f"{option.partition('=')[0]} of f"))
    assert words in fault.reason


def test_all_faults_of_a_decorator_are_told_at_once(load_source: Load) -> None:
    _, (fault,) = load_source(f'{IMPORTS}\n@function(timeout_s=0, per_minute=0)\ndef f():\n    "Do it."\n')
    for words in ("has no tier", "timeout_s", "per_minute"):
        assert words in fault.reason


LAMP = {"type": "object", "properties": {"lit": {"type": "boolean", "default": False}}}
WORDS = {"type": "array", "items": {"type": "string", "enum": ["a"]}, "minItems": 1}


@pytest.mark.parametrize(
    ("parameter", "expected"),
    [
        ("x: dict[str, int]", {"type": "object", "additionalProperties": {"type": "integer"}}),
        ("x: Lamp", LAMP),
        ("x: Lamp = Lamp()", LAMP | {"default": {"lit": False}}),
        ("x: list[Lamp] = []", {"type": "array", "items": LAMP, "default": []}),
        ("x: Colour = Colour.RED", {"type": "string", "enum": ["red"], "default": "red"}),
        ("x: date = date(2026, 1, 2)", {"type": "string", "format": "date", "default": "2026-01-02"}),
        ("x: timedelta", {"type": "string", "format": "duration"}),
        ("x: Annotated[list[Literal['a']], Field(min_length=1)]", WORDS),
    ],
)  # fmt: skip
def test_the_types_of_a_signature_become_plain_json_schema(load_source: Load, parameter: str, expected: dict[str, Any]) -> None:
    before = 'class Lamp(BaseModel):\n    lit: bool = False\n\nclass Colour(Enum):\n    RED = "red"\n'
    assert one(load_source, 'tier="read"', parameter, before).parameters["properties"]["x"] == expected


def test_a_union_told_apart_by_a_member_is_offered_without_references(load_source: Load) -> None:
    before = (
        'class Cat(BaseModel):\n    kind: Literal["cat"]\n\nclass Dog(BaseModel):\n    kind: Literal["dog"]\n    tricks: int\n'
    )
    handler = one(load_source, 'tier="read"', 'x: Annotated[Cat | Dog, Field(discriminator="kind")]', before)
    assert "$defs" not in str(handler.parameters)
    assert handler.read({"x": {"kind": "dog", "tricks": 3}})["x"].tricks == 3
    with pytest.raises(InvalidArguments, match=r"x\.dog\.tricks is required"):
        handler.read({"x": {"kind": "dog"}})


def test_values_arrive_as_their_types_and_are_shown_for_approval_as_json(load_source: Load) -> None:
    handler = one(load_source, 'tier="read"', "on: date, days: int = 2, note: str | None = None")
    assert handler.read({"on": "2026-01-02"}) == {"on": date(2026, 1, 2)}
    assert handler.canonical({"on": "2026-01-02"}) == {"on": "2026-01-02", "days": 2, "note": None}


def loaded(tmp_path: Any, source: str, config: dict[str, Any], *, describe: bool = True) -> Loaded:
    return load(tmp_path / "made.py", (IMPORTS + source).encode(), config, describe=describe)


NEEDY = 'REQUIRES = ("url", "token")\n\n@function(tier="read")\ndef f():\n    "Do it."\n'


@pytest.mark.parametrize(
    ("config", "missing"),
    [({}, ["url", "token"]), ({"url": "u"}, ["token"]), ({"url": "", "token": "t"}, ["url"]), ({"url": "u", "token": "t"}, [])],
)
def test_a_file_that_lacks_what_it_requires_offers_nothing_and_nothing_is_wrong(
    tmp_path: Any, config: dict[str, Any], missing: list[str]
) -> None:
    found = loaded(tmp_path, NEEDY, config)
    assert found.missing == missing
    assert not found.faults
    assert bool(found.handlers) is not bool(missing)


def test_a_required_key_that_is_no_text_is_a_fault(tmp_path: Any) -> None:
    (fault,) = loaded(tmp_path, 'REQUIRES = "url"\n', {}).faults
    assert 'write REQUIRES = ("url",)' in fault.reason


def test_a_worker_that_only_runs_calls_makes_no_descriptions(tmp_path: Any) -> None:
    source = '@function(tier="read")\ndef f(n: int):\n    """Do it.\n\n    Args:\n        n: A number.\n    """\n'
    handler = loaded(tmp_path, source, {}, describe=False).handlers["f"]
    assert (handler.description, handler.parameters) == ("", {})
    assert handler.read({"n": "5"}) == {"n": 5}


def test_a_file_without_a_function_to_offer_is_told(load_source: Load) -> None:
    handlers, (fault,) = load_source('def feed_cat() -> str:\n    "Feed the cat."\n    return "Fed."\n')
    assert not handlers
    assert fault.reason.startswith('no function in it has @function(tier="…")')


def test_a_tier_without_its_name_is_told_how_to_be_written(load_source: Load) -> None:
    _, (fault,) = load_source(f'{IMPORTS}\n@function("low")\ndef f():\n    "Do it."\n')
    assert '@function(tier="low")' in fault.reason


LEAN = """
import sys
from pathlib import Path
import agentd.functions.workers.worker
from agentd.functions.workers.loader import load
path = Path(sys.argv[1])
assert load(path, path.read_bytes(), {}, describe=False).handlers
print(*sorted({name.partition(".")[0] for name in sys.modules}))
assert load(path, path.read_bytes(), {}).handlers
assert "griffe" in sys.modules
"""


def test_a_worker_loads_no_library_that_it_does_not_need(tmp_path: Any) -> None:
    file = tmp_path / "made.py"
    file.write_text(
        IMPORTS + '@function(tier="read")\ndef f(n: int):\n    """Do it.\n\n    Args:\n        n: A number.\n    """\n'
    )
    done = subprocess.run([sys.executable, "-I", "-c", LEAN, file], capture_output=True, text=True, check=True, timeout=30)
    unneeded = {"griffe", "structlog", "rich", "aiohttp", "prometheus_client", "watchfiles", "pydantic_settings", "httpx", "mcp"}
    assert not unneeded & set(done.stdout.split())
