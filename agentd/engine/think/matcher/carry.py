"""What changes a call that is known already: "and the bedroom too", "make it 22", "no, the kitchen"."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agentd.engine.think.matcher import choices, evidence, matching
from agentd.engine.think.matcher.choices import alike
from agentd.engine.think.matcher.declared import Function
from agentd.engine.think.matcher.freetext import fill_text
from agentd.engine.think.matcher.lexicon import EVERYTHING, NEGATIONS, STOP_WORDS, SUBORDINATORS, Sense
from agentd.engine.think.matcher.matching import Candidate
from agentd.engine.think.matcher.parameters import Kind, Parameter
from agentd.engine.think.matcher.reading import Reading
from agentd.engine.think.matcher.sentence import Form, Sentence

_SOLE: Final = frozenset({Kind.NUMBER, Kind.DURATION, Kind.TIME})
"""Kinds of which a number alone may be the value, where the call had one."""

_LINKING: Final = frozenset("make set put turn switch do mean meant said same instead too also again then rather".split())
_ADDING: Final = frozenset("add create book schedule register enter".split())
_VAGUE: Final = frozenset("something anything nothing else him me us bye yourself myself".split())
"""Words of which no value is made: "I meant something else"."""

_ONE: Final = frozenset("a an".split())
_GENERAL: Final = frozenset("more less higher lower".split())
_LONGEST_TEXT: Final = 4
"""Words up to which an elliptic sentence is taken for a text of the call before, "and in New York"."""


def carry(
    function: Function, values: Mapping[str, Any], sentence: Sentence, *, text: bool = True, fresh: bool = False
) -> Candidate | None:
    """The call of ``function`` with ``values``, changed by what ``sentence`` says; None if it changes nothing or says more.

    Args:
        text: take words nobody claims for free text, where the call had some.
        fresh: another such thing is wanted, which does not have the name of the one before.
    """
    if not sentence.words or sentence.form in {Form.STATEMENT, Form.FORBIDDING}:
        return None
    if sentence.form is Form.QUESTION and not function.reads:
        return None
    reading = Reading(function, sentence)
    matching.fill(reading, bare=_sole(function, values))
    if reading.mixed:
        return None
    if sentence.verb is not None and not evidence.claim_verb(reading) and sentence.words[sentence.verb].text not in _LINKING:
        return None
    if sentence.verb is not None and sentence.words[sentence.verb].text in _ADDING - function.verbs:
        return None  # "add it up"
    matching.claim_difference(reading)
    evidence.claim_subject(reading)
    if not reading.values and not reading.unmet and sentence.form is Form.FRAGMENT:
        choices.fill_near(reading)
    evidence.claim_parameter_words(reading)
    texts = [parameter for parameter in function.parameters if parameter.kind is Kind.TEXT and parameter.name in values]
    vague = any(word.text in _VAGUE for word in sentence.words) or any(parameter.choices for parameter in texts)
    short = sentence.form is Form.FRAGMENT and len(sentence.words) <= _LONGEST_TEXT
    if text and texts and not reading.values and short and not vague:
        fill_text(reading)
    if _comparable(reading):
        for sense, indexes in sentence.senses:
            if sense in reading.unmet:
                reading.claim(indexes, evidence.FITS)
    if not _changes(reading) or not _explained(reading):
        return None
    kept = _kept(function, values, reading, fresh=fresh)
    reading.values = {**kept, **reading.values}
    return matching.finish(reading)


def _sole(function: Function, values: Mapping[str, Any]) -> Parameter | None:
    takers = [parameter for parameter in function.parameters if parameter.kind in _SOLE]
    said = [parameter for parameter in takers if parameter.name in values]
    return said[0] if said else takers[0] if len(takers) == 1 else None


def _changes(reading: Reading) -> bool:
    if reading.problems:
        return True
    if any(sense not in {Sense.UP, Sense.DOWN} for sense in reading.unmet):
        return False
    return bool(reading.values) or (bool(reading.unmet) and _comparable(reading))


def _comparable(reading: Reading) -> bool:
    """Whether the comparison is one of something the function has: no heating is brighter."""
    relative = reading.sentence.relative
    if relative is None or not any(parameter.kind is Kind.NUMBER for parameter in reading.function.parameters):
        return False
    if relative.comparative in _GENERAL | {""}:
        return True
    held = {word for parameter in reading.function.parameters for word in parameter.words} | reading.function.nouns.keys()
    return any(alike(relative.comparative, word) for word in held)


def _explained(reading: Reading) -> bool:
    """Whether every word of substance is accounted for."""
    for index, word in enumerate(reading.sentence.words):
        if index in reading.claims or index in reading.text_words:
            continue
        if word.text in NEGATIONS | SUBORDINATORS or word.text not in STOP_WORDS | EVERYTHING | _LINKING:
            return False
    return True


def _kept(function: Function, values: Mapping[str, Any], reading: Reading, *, fresh: bool) -> dict[str, Any]:
    """What stays as it was: a level goes when a state is set anew, a state "off" goes when a level is."""
    kept = dict(values)
    if reading.unmet:  # "brighter": the level is found anew
        kept = {name: value for name, value in kept.items() if not _is_number(function, name)}
    states = {parameter.name for parameter in function.parameters if parameter.kind is Kind.BOOLEAN and parameter.states}
    levels = {parameter.name for parameter in function.parameters if parameter.kind is Kind.NUMBER and not parameter.required}
    if reading.values.keys() & levels or reading.unmet:
        kept = {name: value for name, value in kept.items() if name not in states or value}
    elif any(reading.values.get(name) is False for name in states):
        kept = {name: value for name, value in kept.items() if name not in levels}
    required = {parameter.name for parameter in function.parameters if parameter.required}
    counted = reading.sentence.words[0].text in _ONE or choices.counted(reading.sentence, 1)
    if counted and required & reading.values.keys():  # "two large pizzas and a lemonade", which is another thing altogether
        kept = {name: value for name, value in kept.items() if name in required}
    if fresh:
        named = {parameter.name for parameter in function.parameters if parameter.kind is Kind.TEXT and not parameter.required}
        kept = {name: value for name, value in kept.items() if name not in named}
    return kept


def _is_number(function: Function, name: str) -> bool:
    parameter = function.parameter(name)
    return parameter is not None and parameter.kind is Kind.NUMBER


def complete(candidate: Candidate, values: Mapping[str, Any], names: Sequence[str] | None = None) -> Candidate:
    """``candidate`` with what it lacks taken from another call, by the names of the parameters."""
    reading = candidate.reading
    for parameter in reading.function.parameters:
        value = values.get(parameter.name)
        wanted = parameter.required if names is None else parameter.name in names
        if wanted and value is not None and parameter.name not in reading.values and parameter.name not in reading.problems:
            fits = not parameter.choices or parameter.open or any(choice.value == value for choice in parameter.choices)
            if fits:
                reading.values[parameter.name] = value
    return matching.finish(reading)
