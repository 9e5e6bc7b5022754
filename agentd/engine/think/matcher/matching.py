"""Which function a sentence calls, if any. Precision comes first: a call that was not asked for is worse than none.

A function is called only if enough speaks for it (its verb, its noun, values of its parameters) and nothing of
substance in the sentence is left over. What counts how much is in the constants here and in ``choices`` and ``quantities``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

from agentd.engine.think.matcher import bare_objects, choices, evidence, quantities
from agentd.engine.think.matcher.coverage import covered, named_elsewhere
from agentd.engine.think.matcher.declared import Function
from agentd.engine.think.matcher.extents import asked_extent, claim_measure
from agentd.engine.think.matcher.freetext import fill_text
from agentd.engine.think.matcher.lexicon import (
    BARE_WITHOUT_PARTICLE,
    STATES,
    STOP_WORDS,
    VERBS,
    Sense,
)
from agentd.engine.think.matcher.parameters import Kind, Parameter
from agentd.engine.think.matcher.reading import Reading
from agentd.engine.think.matcher.sentence import Form, Sentence, read_sentence

ENOUGH: Final = 1.0
"""Evidence from which a function may be called."""

_SAME_EXAMPLE: Final = 0.9
"""Less than a name that says both words of "ring the bell"."""

_ASKS_FOR_MEANING: Final = frozenset(
    tuple(phrase.split())
    for phrase in (
        "what a|what an|what is a|what is an|what does|how do i|how do you|how do we|how does|how can i|have you|did you|do you|"
        "how should|should i|can you"
    ).split("|")
)
"""Questions about the thing as such, or about what somebody did, which looking at its state does not answer."""

_STARTING: Final = frozenset("set start begin".split())
_NOT_FOR_A_LOOK: Final = frozenset({"why", "who", "whose", "should"})
_NOT_WISHED: Final = 0.3
"""Taken from a function that only tells something: "I need a timer" wants one set."""


NOTHING: Final = Sentence("", (), Form.FRAGMENT, None, frozenset(), (), ())
"""The sentence of a call that is made again as it was."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A function that the sentence calls.

    Attributes:
        ask: parameters to ask for before the call can be made.
    """

    reading: Reading
    score: float
    ask: tuple[Parameter, ...]

    @property
    def function(self) -> Function:
        """The function to call."""
        return self.reading.function


def read(text: str, functions: Sequence[Function], today: date) -> Sentence:
    """Analyse a sentence with the verbs of ``functions`` known."""
    verbs = frozenset().union(*(function.verbs | function.told_verbs for function in functions)) - STOP_WORDS
    return _read(text, today, verbs)


@lru_cache(maxsize=64)
def _read(text: str, today: date, verbs: frozenset[str]) -> Sentence:
    """The clauses of one sentence are looked at several times."""
    return read_sentence(text, today=today, verbs=verbs)


def rank(sentence: Sentence, functions: Sequence[Function]) -> list[Candidate]:
    """Every function the sentence may call, the likeliest first; equal ones in the order declared."""
    nouns = frozenset(noun for function in functions for noun in function.nouns)
    candidates = [found for function in functions if (found := _assess(function, sentence, functions, nouns)) is not None]
    return sorted(candidates, key=lambda candidate: -candidate.score)


def fill(reading: Reading, *, bare: Parameter | None = None) -> None:
    """Find values for the parameters, the surest kinds of evidence first."""
    choices.fill_exact(reading, bare=bare is not None)
    quantities.fill_quantities(reading, bare=bare)
    choices.fill_states(reading)
    choices.fill_flags(reading)
    choices.fill_alike(reading)
    choices.fill_everything(reading)


def _assess(function: Function, sentence: Sentence, functions: Sequence[Function], nouns: frozenset[str]) -> Candidate | None:
    if not _form_fits(function, sentence):
        return None
    reading = Reading(function, sentence)
    fill(reading)
    if reading.mixed or not evidence.claim_verb(reading):
        return None
    claim_difference(reading)
    evidence.claim_subject(reading)
    modelled = function.models(sentence.shape)
    shown = modelled or sentence.shape in function.shapes
    if not shown and (not _states_fit(reading) or (reading.stood_in and not reading.about)):
        return None
    choices.fill_near(reading, nouns=nouns)
    evidence.claim_near_subject(reading)
    evidence.claim_parameter_words(reading)
    evidence.claim_heading(reading)
    bare = bare_objects.SOLE if bare_objects.may_be_bare(reading, functions) else 0.0
    if reading.evidence + evidence.FITS + evidence.told_at_most(reading) + bare >= ENOUGH:
        fill_text(reading)
    if modelled:
        reading.claim_rest()
    evidence.claim_told(reading)
    claim_measure(reading)
    if function.reads:
        evidence.claim_siblings(reading, functions)
    score = reading.evidence + evidence.FITS + bare + (_SAME_EXAMPLE if shown else 0.0) + _for_its_name(reading)
    if score < ENOUGH or not covered(reading, functions) or named_elsewhere(reading, functions):
        return None
    if function.reads and not shown and evidence.asks_something_else(reading):
        return None
    if function.reads and sentence.form is Form.WISH:
        score -= _NOT_WISHED
    ask = to_ask(reading)
    if ask and not reading.values and asked_extent(sentence):
        return None  # "how long is a day"
    if sentence.form is Form.FRAGMENT and (ask or not (shown or evidence.tells(reading))):
        return None  # a few words that may not have been meant for us
    return Candidate(reading, score - 0.1 * len(ask) + 0.01 * len(reading.values), tuple(ask))


def _own_verb(reading: Reading) -> bool:
    """Whether the verb is one of those that the function's examples begin with: "take milk off the list"."""
    verb = reading.sentence.verb
    return verb is not None and reading.sentence.words[verb].stem in reading.function.told_verbs


def _turns_nothing(reading: Reading) -> bool:
    """Whether a bare "turn" goes with nothing but a name or a place: "turn left at the office"."""
    verb = reading.sentence.verb
    if verb is None or reading.sentence.words[verb].text not in BARE_WITHOUT_PARTICLE or len(reading.sentence.verb_words) > 1:
        return False
    names = {parameter.name for parameter in reading.function.parameters if parameter.kind is Kind.TEXT and parameter.choices}
    return not reading.met and reading.values.keys() <= names and not evidence.names_a_setting(reading)


def _starts(reading: Reading) -> bool:
    """Whether a verb sets going what the function activates: "start the dinner scene"."""
    verb = reading.sentence.verb
    return verb is not None and reading.sentence.words[verb].text in _STARTING


def claim_difference(reading: Reading) -> None:
    """Account for the words of "two degrees warmer" where the function has a number to change."""
    relative = reading.sentence.relative
    if relative is not None and {Sense.UP, Sense.DOWN} & set(reading.unmet):
        numbers = any(parameter.kind is Kind.NUMBER for parameter in reading.function.parameters)
        if numbers and relative.words:
            reading.claim(relative.words, quantities.BARE)
            reading.measured |= relative.words


def _form_fits(function: Function, sentence: Sentence) -> bool:
    """Questions are for functions that read, commands for functions that act; statements are for none."""
    match sentence.form:
        case Form.STATEMENT | Form.FORBIDDING:
            return False
        case Form.QUESTION:
            texts = [word.text for word in sentence.words[:3]]
            return function.answers and not (_ASKS_FOR_MEANING & {tuple(texts[:2]), tuple(texts)} or texts[0] in _NOT_FOR_A_LOOK)
        case Form.WISH | Form.FRAGMENT:
            if "new" in {word.text for word in sentence.words} and (function.reads or _sets_a_state(function)):
                return False  # a new lamp is not one that is switched on
            return not function.ends or any(VERBS.get(word.text) is Sense.END for word in sentence.words)
        case Form.COMMAND:
            verb = sentence.words[sentence.verb or 0]
            asks = VERBS.get(verb.text) is Sense.GET
            own = verb.stem in function.verbs or verb.stem in function.told_verbs
            return own or asks == function.answers


def _for_its_name(reading: Reading) -> float:
    """For a thing that is called by its name: to ask about it, or for just what the function does: "turn on movie time"."""
    function = reading.function
    own = bool(function.states) and {sense for sense, _ in reading.sentence.senses} == function.states
    return evidence.NAMED_THING if (function.answers or own) and evidence.names_a_thing(reading) else 0.0


def _sets_a_state(function: Function) -> bool:
    return any(parameter.states for parameter in function.parameters)


def _states_fit(reading: Reading) -> bool:
    """Whether every state that was asked for is one the function brings about."""
    function = reading.function
    if function.reads:
        return True
    asked = {sense for sense, _ in reading.sentence.senses}
    for sense in reading.unmet:
        if sense in function.states or sense in function.families:
            continue
        if sense in {Sense.UP, Sense.DOWN} and any(parameter.kind is Kind.NUMBER for parameter in function.parameters):
            continue
        if (reading.about or _own_verb(reading)) and (sense, True) in {
            (Sense.ON, bool(function.families & {Sense.MAKE, Sense.PLAY})),
            (Sense.OFF, Sense.END in function.families),
        }:
            continue
        return False
    if not reading.about and _turns_nothing(reading):
        return False
    bound = function.states & STATES
    if bound == {Sense.ON} and not asked and reading.about and not reading.missing:
        return _starts(reading)
    return not bound or bool(bound & asked) or bool(reading.met)


def finish(reading: Reading) -> Candidate:
    """``reading`` as a call, with what is still to be asked."""
    return Candidate(reading, reading.evidence + evidence.FITS, tuple(to_ask(reading)))


def to_ask(reading: Reading) -> list[Parameter]:
    """Required parameters that nothing filled, values that were wrong, and what "brighter" or a bare "turn" leaves open."""
    ask = [
        parameter
        for parameter in reading.function.parameters
        if parameter in reading.missing or parameter.name in reading.problems
    ]
    if {Sense.UP, Sense.DOWN} & set(reading.unmet):
        numbers = [parameter for parameter in reading.function.parameters if parameter.kind is Kind.NUMBER]
        if numbers and not any(number.name in reading.values or number in ask for number in numbers):
            ask.append(numbers[0])
    verb = reading.sentence.verb
    if verb is not None and reading.sentence.words[verb].text in BARE_WITHOUT_PARTICLE and len(reading.sentence.verb_words) == 1:
        states = [parameter for parameter in reading.function.parameters if parameter.states and parameter.kind is Kind.BOOLEAN]
        open_states = [state for state in states if state.name not in reading.values and state not in ask]
        ask += open_states[:1] if not (reading.met or evidence.names_a_setting(reading)) else []
    return _neutral(reading, ask)


def _neutral(reading: Reading, ask: list[Parameter]) -> list[Parameter]:
    """A required enum with one value, or with a plainly general one, is not worth a question."""
    left = []
    for parameter in ask:
        plain = [choice for choice in parameter.choices if choice.value in {"general", "default", "normal", "other"}]
        if parameter.kind is Kind.CHOICE and (plain or len(parameter.choices) == 1):
            reading.put(parameter, (plain or list(parameter.choices))[0].value)
        else:
            left.append(parameter)
    return left
