"""Mistakes that people make when they write a handler, and what they are told: what is wrong, and what to write instead."""

import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from agentd.functions.workers.files import scan
from agentd.functions.workers.schema import Fault, Handler

Load = Callable[..., tuple[dict[str, Handler], list[Fault]]]

IMPORTS = "from agentd.functions import CallContext, function\n"


def reason(load: Load, source: str) -> str:
    _, (fault,) = load(IMPORTS + dedent(source))
    return fault.reason


@pytest.mark.parametrize(
    ("source", "remedy"),
    [
        ('@function(tier="read", exmples=["Say hi."])\ndef f():\n    "Do."\n', "; did you mean examples?"),
        ('@function(tier="read", colour="red")\ndef f():\n    "Do."\n', "; @function takes tier, timeout_s, examples, "),
        ('@function(tier="read")\ndef f(x: Annotated[int, 1]):\n    "Do."\n', "; write at the top: from typing import Annotated"),
        ('@function(tier="read")\ndef f(x: int = Field(ge=1)):\n    "Do."\n', "; write at the top: from pydantic import Field"),
        ("import datetim", "; did you mean datetime? Or install it where agentd runs: "),
        ("import nowhere_at_all.inside", f"; install it where agentd runs: {sys.executable} -m pip install nowhere_at_all"),
        ("from functions.nowhere import word", "in a file whose name starts with _"),
        ("from agentd import function", "; handlers write: from agentd.functions import "),
        ("from agentd.functions import Function", "; handlers write: from agentd.functions import "),
        ("import os\nKEY = os.environ['KEY']", "; handlers see nothing of the daemon's environment: set it in the file's table"),
    ],
)
def test_a_file_that_raises_is_told_with_what_to_do(load_source: Load, source: str, remedy: str) -> None:
    assert remedy in reason(load_source, source)


def test_what_nobody_can_guess_is_told_as_it_is(load_source: Load) -> None:
    assert reason(load_source, "{}['KEY']") == "KeyError: 'KEY'"
    assert reason(load_source, "unknown_name") == "NameError: name 'unknown_name' is not defined"


def test_a_traceback_begins_in_the_handlers_own_file(load_source: Load, capsys: pytest.CaptureFixture[str]) -> None:
    reason(load_source, "def inner():\n    1 / 0\n\ninner()")
    printed = capsys.readouterr().err
    assert printed.count('  File "') == printed.count('made.py", line') == 2


def test_shared_code_is_found_under_the_name_it_has(load_source: Load, tmp_path: Path) -> None:
    (tmp_path / "_words.py").write_text("")
    assert reason(load_source, "from words import hello").endswith("; write: from functions._words import …")


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ("def f(ctx, a: str):", "ctx in f has no type; write ctx: CallContext, or what it is"),
        ("def f(a):", "a in f has no type; write a: str, or what it is"),
        ("def f(a: int, b: Thread):", "b in f has the type Thread, which has no JSON form; use str, int, "),
        ("def f(a: int = 'three'):", "the default of a in f is 'three', and its type says otherwise"),
        ("def f(a: list[str] = 'x'):", "the default of a in f is 'x', and its type says otherwise"),
    ],
)
def test_a_signature_that_does_not_fit_names_the_parameter(load_source: Load, declared: str, told: str) -> None:
    assert told in reason(load_source, f'from threading import Thread\n@function(tier="read")\n{declared}\n    "Do."\n')


@pytest.mark.parametrize("default", ["a: str = None", "a: Annotated[int, Field(ge=1)] = 0", "a: float = 1", "a: list[str] = ()"])
def test_a_default_may_say_that_nothing_was_given(load_source: Load, default: str) -> None:
    source = f'from typing import Annotated\nfrom pydantic import Field\n@function(tier="read")\ndef f({default}):\n    "Do."\n'
    handlers, faults = load_source(IMPORTS + source)
    assert not faults
    properties: dict[str, Any] = handlers["f"].parameters["properties"]
    assert properties["a"].get("default", "absent") is not None


def test_a_method_is_no_handler(load_source: Load) -> None:
    source = 'class Home:\n    @function(tier="read")\n    def f(self):\n        "Do."\n'
    assert reason(load_source, source) == "f is in a class; a handler is a function of its own, at the left edge of the file"


@pytest.mark.parametrize(
    ("name", "fit"),
    [("my file", "my_file.py"), ("FeedCat", "feed_cat.py"), ("feed-cat", "feed_cat.py"), ("2nd", "nd.py"), ("42", None)],
)
def test_a_file_whose_name_is_not_usable_is_told_one_that_is(tmp_path: Path, name: str, fit: str | None) -> None:
    (tmp_path / f"{name}.py").write_text("")
    _, (problem,) = scan(tmp_path)
    assert problem.reason.startswith(f"rename it {fit}: small letters" if fit else "rename it: small letters")
