"""The texts of ``agentd functions new``."""

from string import Template
from typing import Final

from agentd.functions.declare import Tier

_HEAD: Final = '''"""$sentence

The daemon loads this file; agents can call each @function in it. What lasts belongs into ctx.store, not into variables:
calls run in worker processes, and those come and go.
"""

from typing import Annotated

from pydantic import Field

from agentd.functions import CallContext, $error function


# tier: read looks, low acts harmlessly, medium is felt (heating, covers), high is dangerous or dear (unlock, buy).
# examples: what people say. `agentd functions test $name` tries whether it is understood.
# There are more options (timeout_s, filler, background, …): docs/functions.md.
'''

_READ: Final = '''@function(tier="read", examples=["What is the $words?"])
async def $name(
    ctx: CallContext,
    # Every argument has a type; a description tells the model what belongs into it. A default makes it optional.
    detail: Annotated[bool, Field(description="true tells everything")] = False,
) -> str:
    """Tell the $words."""
    # The first paragraph of the docstring is what the model is told the function does.
    value = await ctx.store.get("value")
    if value is None:
        return "Nothing is known about the $words yet."
    # What is returned is what the model is told; without a model it is spoken as it is, so write a sentence.
    return f"The $words is {value}." + (f" That is in {ctx.function}." if detail else "")
'''

_ACT: Final = '''@function(tier="$tier", examples=["$Words."])
async def $name(
    ctx: CallContext,
    # Every argument has a type; a description and limits tell the model what belongs into it. A default makes it optional.
    times: Annotated[int, Field(description="How many times", ge=1, le=5)] = 1,
) -> str:
    """$Words."""
    # The first paragraph of the docstring is what the model is told the function does.
    done = await ctx.store.get("done", 0) + times
    if done > 100:
        # The model gets to read this, and may tell the user.
        raise FunctionError("That was done often enough.")
    await ctx.store.set("done", done)
    # What is returned is what the model is told; without a model it is spoken as it is, so write a sentence.
    return f"I did it {'once' if times == 1 else f'{times} times'}."
'''

_TEST: Final = '''"""Tests of $name.py: `pytest` in this folder. The fixtures come with agentd (docs/functions.md, Testing)."""
$folder
from agentd.testing import $tested

$call

def test_it_is_understood(functions: FunctionTester) -> None:
    assert functions.understand("$example").calls == [("$name", {})]
$spoken'''

_FOLDER: Final = """
from pathlib import Path

import pytest
"""

_FIXTURE: Final = '''
@pytest.fixture
def agentd_functions_dir() -> Path:
    """Where the handlers are."""
    return Path(__file__).parents[1]

'''

_CALL_READ: Final = """
def test_it_tells(functions: FunctionTester) -> None:
    assert functions.call("$name").content == "Nothing is known about the $words yet."
"""

_CALL_ACT: Final = """
def test_it_counts(functions: FunctionTester) -> None:
    done = functions.call("$name", times=2)
    assert done.content == "I did it 2 times."
    assert done.stored == {"done": 2}


def test_it_refuses_what_does_not_fit(functions: FunctionTester) -> None:
    assert functions.call("$name", times=9).outcome == "invalid"
"""

_SPOKEN: Final = """

def test_an_agent_does_it(conversation: Conversation) -> None:
    assert conversation.say("$example").calls == [("$name", {})]
"""


def handler(name: str, tier: Tier) -> str:
    """A handler file with one function."""
    error = "" if tier == "read" else "FunctionError,"
    text = Template(_HEAD + (_READ if tier == "read" else _ACT)).substitute(_values(name, tier) | {"error": error})
    return text.replace("CallContext,  function", "CallContext, function")


def test(name: str, tier: Tier, *, found: bool) -> str:
    """Tests of ``handler``'s file.

    Args:
        found: the plugin finds the folder by itself.
    """
    values = _values(name, tier)
    spoken = "" if tier == "high" else Template(_SPOKEN).substitute(values)
    values |= {
        "folder": "" if found else _FOLDER,
        "tested": "FunctionTester" if tier == "high" else "Conversation, FunctionTester",
        "call": ("" if found else _FIXTURE) + Template(_CALL_READ if tier == "read" else _CALL_ACT).substitute(values),
        "spoken": spoken,
    }
    return Template(_TEST).substitute(values)


def _values(name: str, tier: Tier) -> dict[str, str]:
    words = name.replace("_", " ")
    sentence = f"Tells the {words}." if tier == "read" else f"{words.capitalize()}."
    example = f"What is the {words}?" if tier == "read" else f"{words.capitalize()}."
    return {"name": name, "tier": tier, "words": words, "Words": words.capitalize(), "sentence": sentence, "example": example}
