from collections.abc import Callable
from typing import Any

import pytest

from agentd.functions.workers.docstrings import read_docstring
from agentd.functions.workers.schema import Fault, Handler

Load = Callable[[str], tuple[dict[str, Handler], list[Fault]]]

GOOGLE = """Turn a lamp on or off.

It is not told that way to a model.

Args:
    room: The room, as people
        say it.
    level (int): Percent.

Returns:
    A sentence.
"""

REST = """Turn a lamp on or off.

:param room: The room, as people
    say it.
:param int level: Percent.
:returns: A sentence.
"""


@pytest.mark.parametrize("text", [GOOGLE, REST, GOOGLE.replace("way to a model.\n\n", "way.\n"), REST.replace("\n\n", "\n", 1)])
def test_both_styles_give_description_and_parameters_in_one_line_each(text: str) -> None:
    assert read_docstring(text) == ("Turn a lamp on or off.", {"room": "The room, as people say it.", "level": "Percent."})


@pytest.mark.parametrize("more", ["", "\n\nMore of them: and a colon.", "\n\nReturns:\n    Nothing."])
def test_a_docstring_without_such_a_section_has_no_parameters(more: str) -> None:
    assert read_docstring(f"Only words.{more}") == ("Only words.", {})


def test_a_function_without_docstring_has_no_description() -> None:
    assert read_docstring(None) == ("", {})


SOURCE = '''
from typing import Annotated
from pydantic import BaseModel, Field
from agentd.functions import CallContext, function

class Lamp(BaseModel):
    """A thing that shines."""
    watts: int

@function(tier="read")
def f(ctx: CallContext, a: str, b: Annotated[str, Field(description="By Field.")], lamp: Lamp, d: str = ""):
    """Do it.

    Args:
        ctx: The call.
        a: By docstring.
        b: Not this.
        lamp: Which lamp.
    """
'''


def properties(load: Load, source: str) -> Any:
    handlers, faults = load(source)
    assert not faults, [fault.reason for fault in faults]
    return handlers["f"].parameters["properties"]


def test_a_parameter_is_described_by_field_else_by_docstring_else_not_at_all(load_source: Load) -> None:
    found = properties(load_source, SOURCE)
    assert found["a"] == {"type": "string", "description": "By docstring."}
    assert found["b"]["description"] == "By Field."
    assert found["lamp"]["description"] == "Which lamp."
    assert "description" not in found["d"]


@pytest.mark.parametrize(
    ("docstring", "line"),
    [("Args:\n            colour: Which.", 9), (":param colour: Which.", 8)],
)
def test_a_documented_parameter_that_does_not_exist_is_told_with_its_line(load_source: Load, docstring: str, line: int) -> None:
    source = f'''
    from agentd.functions import function

    @function(tier="read")
    def f(room: str):
        """Do it.

        {docstring}
        """
    '''
    handlers, (fault,) = load_source(source)
    assert not handlers
    assert fault.line == line
    assert "describes colour, which is no parameter; there are: room" in fault.reason
