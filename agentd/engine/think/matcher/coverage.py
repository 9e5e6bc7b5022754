"""What a reading leaves over of its sentence: acting without it would be acting wrongly."""

from collections.abc import Sequence
from typing import Final

from agentd.engine.think.matcher.declared import Function
from agentd.engine.think.matcher.lexicon import EVERYTHING, LATER, NEGATIONS, STOP_WORDS, SUBORDINATORS
from agentd.engine.think.matcher.numbers import Number
from agentd.engine.think.matcher.parameters import Kind
from agentd.engine.think.matcher.reading import Reading
from agentd.engine.think.matcher.sentence import Form

_HALF: Final = 0.5
_COVERED: Final = 0.75
"""Share of the content that must be accounted for when the function's subject was named; else all of it must be."""


def covered(reading: Reading, functions: Sequence[Function]) -> bool:
    """Whether nothing of substance is left over.

    A word that belongs to another function's subject weighs double ("turn off the heating" is not for the lights), and
    a time, a number, a condition or a negation that nothing takes is always too much: acting without it is acting wrongly.
    """
    sentence, claims = reading.sentence, reading.claims
    taken = reading.text_words
    for entity in sentence.entities:
        span = range(entity.start, entity.end)
        telling = [index for index in span if index not in taken and sentence.words[index].text not in STOP_WORDS]
        if telling and not any(index in claims for index in span) and not isinstance(entity, Number):
            return False
        if taken & set(span) and not taken >= set(span) and not isinstance(entity, Number):
            return False  # a text that ends in the middle of "fifteen minutes"
        if isinstance(entity, Number) and reading.free(span) and not taken & set(span):
            return False
    foreign = {word for other in functions if other is not reading.function for word in other.vocabulary}
    explained = left = 0.0
    joined = False
    for index, word in enumerate(sentence.words):
        joined = joined or word.text == "and"
        if index in taken:
            continue
        if index in claims:
            explained += claims[index] is not None
        elif word.text in NEGATIONS | LATER or (word.text in SUBORDINATORS and sentence.form is not Form.QUESTION):
            return False
        elif word.text not in STOP_WORDS and word.text not in EVERYTHING:
            if joined and word.stem in foreign:
                return False  # "turn on the desk lamp and the ceiling fan"
            left += 2 if word.stem in foreign else 1
    if not left:
        return True
    return reading.about and sentence.form is not Form.FRAGMENT and explained / (explained + left) >= _COVERED


def named_elsewhere(reading: Reading, functions: Sequence[Function]) -> bool:
    """Whether a name that this function does not know is part of one that another does: "fairy" of its "fairy lights"."""
    guessed = any(
        parameter.kind is Kind.TEXT
        and parameter.choices
        and parameter.name in reading.values
        and all(choice.value != reading.values[parameter.name] for choice in parameter.choices)
        for parameter in reading.function.parameters
    )
    if not guessed:
        return False
    stems = tuple(word.stem for word in reading.sentence.words)
    taken = {stems[at] for at in reading.text_words} - reading.function.vocabulary
    if any(other.nouns.get(stem, 0.0) > _HALF for other in functions for stem in taken):
        return True  # "turn off the alarm"
    return any(
        stems[at : at + len(phrase)] == phrase
        for other in functions
        for parameter in other.parameters
        if parameter.open and other is not reading.function
        for choice in parameter.choices
        for phrase in choice.phrases[:1]
        for at in reading.text_words
        if stems[at] == phrase[0]
    )
