"""Asking back: how one asks for a parameter, and how the answer is read."""

from typing import Final

from agentd.engine.think.matcher import matching
from agentd.engine.think.matcher.choices import fill_near
from agentd.engine.think.matcher.freetext import fill_text, whole_answer
from agentd.engine.think.matcher.lexicon import STOP_WORDS, Sense
from agentd.engine.think.matcher.parameters import Kind, Parameter
from agentd.engine.think.matcher.reading import Reading
from agentd.engine.think.matcher.words import name_words, split

_MOST_CHOICES: Final = 7
_QUESTIONS: Final = {
    Kind.DURATION: "For how long?",
    Kind.TIME: "At what time?",
    Kind.DATE: "On which day?",
    Kind.MOMENT: "When?",
}
_YES: Final = frozenset("yes yeah yep sure correct right okay ok true please do".split())
_NO: Final = frozenset("no nope not false".split())
_PEOPLE: Final = frozenset(
    "recipient borrower member person patient customer contact friend attendee user assignee guest client".split()
)


def question(parameter: Parameter) -> str:
    """The question whose answer is a value of ``parameter``."""
    name = parameter.spoken
    match parameter.kind:
        case Kind.CHOICE:
            values = [" ".join(name_words(str(choice.value))) for choice in parameter.choices]
            listed = f": {', '.join(values[:-1])} or {values[-1]}" if 1 < len(values) <= _MOST_CHOICES else ""
            return f"Which {name}{listed}?"
        case Kind.BOOLEAN:
            return "On or off?" if Sense.ON in parameter.states else f"{name.capitalize()}: yes or no?"
        case Kind.NUMBER if parameter.unit is not None:
            return f"What {name}, in {parameter.unit}?"
        case Kind.NUMBER if name.endswith("s"):
            return f"How many {name}?"
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
    matching.fill(reading, bare=parameter)
    if parameter.name not in reading.values and parameter.choices:
        fill_near(reading)
    if parameter.name in reading.values:
        fill_text(reading)
        return True
    if parameter.kind is Kind.TEXT or (parameter.kind in {Kind.DIGITS, Kind.MOMENT} and not reading.problems):
        answer = whole_answer(reading)
        if answer and not all(word.text in STOP_WORDS for word in split(answer)):
            reading.put(parameter, answer)
            return True
    return False
