"""Asking back: how one asks for a parameter, and how the answer is read."""

from typing import Final

from agentd.engine.think.matcher import matching
from agentd.engine.think.matcher.choices import fill_near, fill_part
from agentd.engine.think.matcher.declared import Function
from agentd.engine.think.matcher.freetext import fill_text, put_answer
from agentd.engine.think.matcher.lexicon import STOP_WORDS, Sense
from agentd.engine.think.matcher.parameters import Kind, Parameter
from agentd.engine.think.matcher.reading import Reading
from agentd.engine.think.matcher.sentence import Form
from agentd.engine.think.matcher.words import name_words, split

_MOST_CHOICES: Final = 7
_QUESTIONS: Final = {
    Kind.DURATION: "For how long?",
    Kind.TIME: "At what time?",
    Kind.DATE: "On which day?",
    Kind.MOMENT: "When?",
}
_WHEN: Final = frozenset({Kind.DURATION, Kind.TIME, Kind.DATE, Kind.MOMENT})
_LEADING: Final = frozenset("make set take use call think guess say".split())
"""Verbs that only lead to an answer: "make it ten minutes", "I think the kitchen"."""

_YES: Final = frozenset("yes yeah yep sure correct right okay ok true please do".split())
_NO: Final = frozenset("no nope not false".split())
_PEOPLE: Final = frozenset(
    "recipient borrower member person patient customer contact friend attendee user assignee guest client".split()
)


def question(parameter: Parameter, function: Function) -> str:
    """The question whose answer is a value of ``parameter``."""
    name = parameter.spoken
    if name == parameter.unit:  # "percent" of what: of what the function is about
        name = next((noun for noun in name_words(function.name)[1:] if noun not in STOP_WORDS), name)
    match parameter.kind:
        case Kind.CHOICE:
            values = [" ".join(name_words(str(choice.value))) for choice in parameter.choices]
            listed = f": {', '.join(values[:-1])} or {values[-1]}" if 1 < len(values) <= _MOST_CHOICES else ""
            lead, _, rest = name.partition(" ")
            asked = f"{lead.capitalize()} which {rest}" if lead in {"from", "to"} and rest else f"Which {name}"
            return f"{asked}{listed}?"
        case Kind.BOOLEAN:
            return "On or off?" if Sense.ON in parameter.states else f"{name.capitalize()}: yes or no?"
        case Kind.NUMBER if parameter.unit is not None:
            return f"What {name}, in {parameter.unit}?"
        case Kind.NUMBER if name.endswith("s"):
            return f"How many {name}?"
        case Kind.TEXT if parameter.many:
            return f"Which {name}?"
        case Kind.TEXT if set(name.split()) & _PEOPLE:
            return "Who is it for?"
        case kind:
            return _QUESTIONS.get(kind, f"What is the {name}?")


def read_answer(reading: Reading, parameter: Parameter) -> bool:
    """Fill ``parameter``, and whatever else the answer holds, into ``reading``; False when the answer has no value for it.

    ``reading.values`` may hold what is known already.
    """
    words = reading.sentence.words or split(reading.sentence.text)
    texts = {word.text for word in words}
    if parameter.kind is Kind.BOOLEAN and parameter.name not in reading.values and texts & (_YES | _NO):
        reading.put(parameter, not texts & _NO)
        return True
    known = set(reading.values)
    matching.fill(reading, bare=parameter)
    if parameter.name not in reading.values and parameter.choices:
        fill_part(reading, parameter)
        fill_near(reading)
    if parameter.name in reading.values:
        if _means_something_else(reading):
            return False
        fill_text(reading)
        return True
    if parameter.kind in _WHEN and reading.values.keys() - known and not _means_something_else(reading):
        return True  # "in ten minutes" to "At what time?"
    takes_all = parameter.kind is Kind.TEXT or (parameter.kind in {Kind.DIGITS, Kind.MOMENT} and not reading.problems)
    return takes_all and put_answer(reading, parameter)


def _means_something_else(reading: Reading) -> bool:
    """A value is in the sentence, but so is more than an answer: another command, a state nobody asked about."""
    sentence = reading.sentence
    small = STOP_WORDS | _LEADING
    left = [word for at, word in enumerate(sentence.words) if at not in reading.claims and word.text not in small]
    foreign = [word for word in left if word.stem not in reading.function.words | reading.function.nouns.keys()]
    allowed = 0 if sentence.form in {Form.COMMAND, Form.QUESTION} else 1
    return len(foreign) > allowed or bool(reading.unmet)
