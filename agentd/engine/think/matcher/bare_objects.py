"""A verb and a thing, "add milk": enough where only one of the functions adds things by their name."""

from collections.abc import Sequence
from typing import Final

from agentd.engine.think.matcher.declared import Function
from agentd.engine.think.matcher.lexicon import STOP_WORDS
from agentd.engine.think.matcher.parameters import Kind
from agentd.engine.think.matcher.reading import Reading
from agentd.engine.think.matcher.sentence import Form

SOLE: Final = 0.5
"""What it adds to a verb that says little by itself where many functions have it."""

_ADDING: Final = frozenset("add create enter register book schedule".split())
_INSIDE: Final = frozenset("a an the some of and more my our another".split())
"""Small words that may stand in the name of a thing. With any other it is not a thing: "salt to the soup", "it up"."""

_LONGEST: Final = 8


def may_be_bare(reading: Reading, functions: Sequence[Function]) -> bool:
    """Whether the sentence is nothing but such a verb and a thing, and the function takes no more than that."""
    sentence, function = reading.sentence, reading.function
    if sentence.form is not Form.COMMAND or sentence.verb != 0 or not 2 <= len(sentence.words) <= _LONGEST:
        return False
    verb = sentence.words[0]
    having = [other.name for other in functions if verb.stem in other.verbs]
    if verb.text not in _ADDING or having != [function.name]:
        return False
    required = [parameter for parameter in function.parameters if parameter.required]
    if len(required) != 1 or required[0].kind is not Kind.TEXT or required[0].choices:
        return False
    things = sentence.words[1:]
    small = [word for word in things if word.text in STOP_WORDS]
    return len(small) < len(things) and all(word.text in _INSIDE for word in small) and not _only_counts(reading)


def _only_counts(reading: Reading) -> bool:
    """Whether one of the things is a mere number: "add two and two"."""
    numbers = {at for entity in reading.sentence.entities for at in range(entity.start, entity.end)}
    words = reading.sentence.words
    return any(at in numbers and (at + 1 == len(words) or words[at + 1].text == "and") for at in range(1, len(words)))
