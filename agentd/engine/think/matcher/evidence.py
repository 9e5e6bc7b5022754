"""What in a sentence speaks for a function, word by word: its verb, its subject, the words it is described with.

Each claim accounts for words of the sentence; the numbers say how strongly they speak for the function. Enough is 1
(``matching.ENOUGH``): the function's own noun, or a value that is its own together with a fitting verb.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from agentd.engine.think.matcher.choices import EXACT, alike
from agentd.engine.think.matcher.dates import Date
from agentd.engine.think.matcher.declared import Function
from agentd.engine.think.matcher.extents import is_measure
from agentd.engine.think.matcher.lexicon import (
    AUXILIARIES,
    GENERIC_VERBS,
    NOUN_ENDINGS,
    PARTICLE_VERBS,
    STATES,
    STOP_WORDS,
    VERBS,
    Sense,
)
from agentd.engine.think.matcher.near import nearest
from agentd.engine.think.matcher.parameters import Kind, Parameter
from agentd.engine.think.matcher.reading import Reading
from agentd.engine.think.matcher.sentence import Form
from agentd.engine.think.matcher.words import Word

FITS: Final = 0.2
"""The sentence is of the kind the function answers, and its verb asks for nothing else."""

NAMED_THING: Final = 0.25
"""Somebody asks about a thing by the very name that the function knows it by: "what is the garage temperature"."""

_VERB: Final = 0.8
_LIKE_VERB: Final = 0.6
_COMMON_VERB: Final = 0.3
_LIKE_COMMON_VERB: Final = 0.25
_SAME_OPENING: Final = 0.4
_ALIKE_NOUN: Final = 0.8
_NEAR_NOUN: Final = 0.4
_TOLD_WORD: Final = 0.25
_PARAMETER_WORD: Final = 0.3
_SIBLING: Final = 0.3
_TELLING: Final = 0.5
"""Weight from which a noun names the function's subject."""

_MOVING: Final = frozenset("bring fix change adjust arrange program".split())
"""Of those, the ones that bring nothing about unless a state or a level is named."""

_MEASURED: Final = frozenset({Kind.NUMBER, Kind.DURATION, Kind.TIME, Kind.DATE, Kind.MOMENT})
_PERSONS: Final = frozenset("i you he she we they".split())
_MAKING: Final = frozenset("make turn put bring leave keep".split())


def claim_verb(reading: Reading) -> bool:
    """Account for the leading verb and its particle. False: it asks for something else than the function does."""
    sentence = reading.sentence
    if sentence.verb is None:
        if sentence.form is Form.WISH and any(opening[:1] == ("i",) for opening in reading.function.openings):
            reading.claim([0], _SAME_OPENING)  # an example wishes, too
        return True
    verb = sentence.words[sentence.verb]
    evidence = _verb_evidence(reading, verb)
    if evidence is None:
        return False
    if sentence.words[sentence.verb].text not in VERBS.keys() | PARTICLE_VERBS and _opens_as_shown(reading, sentence.verb):
        evidence += _SAME_OPENING
    reading.claim(sentence.verb_words, evidence)
    return True


def _opens_as_shown(reading: Reading, verb: int) -> bool:
    """Whether the verb and the word behind it begin one of the function's examples: "write down", "connect me".

    A whole example counts for itself.
    """
    if reading.sentence.shape in reading.function.shapes:
        return False
    return tuple(word.stem for word in reading.sentence.words[verb : verb + 2]) in reading.function.openings


def claim_heading(reading: Reading) -> None:
    """The words with which an example introduces what follows: "write this down"."""
    stems = tuple(word.stem for word in reading.sentence.words)
    for heading in reading.function.headings:
        if stems[: len(heading)] == heading:
            reading.claim([index for index in range(len(heading)) if index not in reading.claims], 0.0)


def _verb_evidence(reading: Reading, verb: Word) -> float | None:
    function, asked = reading.function, VERBS.get(verb.text)
    common = verb.text in GENERIC_VERBS or verb.text in PARTICLE_VERBS
    if verb.stem in function.verbs:
        return _COMMON_VERB if common else _VERB
    if any(noun.removeprefix(verb.stem) in NOUN_ENDINGS for noun in function.nouns):  # "remind me" is for a reminder
        reading.about = reading.named = True
        return _VERB
    if verb.stem in function.told_verbs or any(alike(verb.stem, own) for own in function.verbs):
        return _LIKE_COMMON_VERB if common else _LIKE_VERB
    said = reading.met or reading.measured or reading.missing or (verb.text != "bring" and names_a_setting(reading))
    if verb.text in _MOVING and not said:
        return None  # "bring me the lamp"
    state = next((sense for sense, words in reading.sentence.senses if reading.sentence.verb in words), None)
    unmet = state is not None and state in reading.unmet  # whether it can be met is judged with all other states
    phrasal = asked is None and len(reading.sentence.verb_words) > 1
    if reading.sentence.verb in reading.claims or unmet or phrasal or {asked, state} & (function.families | function.states):
        return 0.0  # it was a value ("open the blinds"), or fits without telling much
    makes = (asked is Sense.MAKE or verb.text in _MAKING) and not function.reads and Sense.END not in function.families
    following = reading.sentence.words[(reading.sentence.verb or 0) + 1 :][:1]
    leads = verb.text == "go" and says_action(reading) and following and following[0].text in {"to", "back"}
    return 0.0 if makes or leads else None  # "go to the next song"


def told_at_most(reading: Reading) -> float:
    """What the description's words could add, for the decision to look for free text at all."""
    held = {word.stem for index, word in enumerate(reading.sentence.words) if index not in reading.claims}
    return min(2 * _TOLD_WORD, _TOLD_WORD * len(held & reading.function.words))


def claim_subject(reading: Reading) -> None:
    """The words of the function's name, or words alike."""
    function = reading.function
    for index, word in enumerate(reading.sentence.words):
        if index == reading.sentence.verb or is_measure(reading, index):
            continue
        if word.text == "time" and index > 0 and reading.sentence.words[index - 1].text == "much":
            continue  # "how much time" does not ask for the time of day
        weight = function.nouns.get(word.stem)
        if weight is not None:
            reading.named = reading.named or weight >= _TELLING
        elif word.text not in STOP_WORDS and index not in reading.measured:
            others = (held for noun, held in function.nouns.items() if alike(word.stem, noun))
            weight = max((_ALIKE_NOUN * held for held in others), default=None)
        if weight is not None:
            reading.claim([index], weight)
            reading.about = reading.about or weight >= _TELLING


def claim_parameter_words(reading: Reading) -> None:
    """A parameter called by its name: "the brightness"."""
    for index, word in enumerate(reading.sentence.words):
        known = any(word.stem in parameter.words for parameter in reading.function.parameters)
        if known and index not in reading.claims and word.text not in STOP_WORDS:
            reading.claim([index], _PARAMETER_WORD)


def claim_near_subject(reading: Reading) -> None:
    """The function's noun as it was nearly heard, "time" for "timer": weak, so that the rest must fit all the better."""
    if reading.about:
        return
    nouns = [noun for noun, weight in reading.function.nouns.items() if weight >= _TELLING]
    for index, word in enumerate(reading.sentence.words):
        if (
            index not in reading.claims
            and word.text not in STOP_WORDS
            and index != reading.sentence.verb
            and nearest(word.stem, nouns)
        ):
            reading.claim([index], _NEAR_NOUN)
            reading.guessed.add(index)
            reading.about = True
            return


def claim_told(reading: Reading) -> None:
    """Words of the description, the parameters and the examples; two of them count, the rest are only explained.

    Where a function takes free text, a word that only its examples have may be such a text, and is no sign of it.
    """
    counted = 0
    signs = reading.function.topic if any(map(_takes_text, reading.function.parameters)) else reading.function.words
    for index, word in enumerate(reading.sentence.words):
        if index in reading.claims or index in reading.text_words or word.text in STOP_WORDS:
            continue
        sign = word.stem in signs or any(alike(word.stem, told) for told in signs)
        if sign:
            reading.claim([index], _TOLD_WORD if counted < 2 else 0.0)
            counted += 1


def _takes_text(parameter: Parameter) -> bool:
    return parameter.kind is Kind.TEXT and parameter.open


def says_action(reading: Reading) -> bool:
    """Whether a value says what to do: the "next" of "next song", the "half open" of "half open the blinds"."""
    function, values = reading.function, reading.values
    chosen = [c for p in function.parameters for c in p.choices if p.kind is Kind.CHOICE and values.get(p.name) == c.value]
    states = any(VERBS.get(word) in STATES for choice in chosen for word in choice.phrases[0])
    return states or any(parameter.acts and parameter.name in values for parameter in function.parameters)


def names_a_setting(reading: Reading) -> bool:
    """Whether a value is what something is to be set to, a colour or a mode, and not which thing is meant."""
    chosen = [
        choice.phrases[0]
        for parameter in reading.function.parameters
        if parameter.kind is Kind.CHOICE and not parameter.required
        for choice in parameter.choices
        if choice.value == reading.values.get(parameter.name)
    ]
    nouns = reading.function.nouns
    things = any(not any(noun == word or alike(word, noun) for word in phrase for noun in nouns) for phrase in chosen)
    return things or _led_to_value(reading)


def _led_to_value(reading: Reading) -> bool:
    """Whether "to" stands right before a value: "change the source to HDMI 1". A place would have its article."""
    words = reading.sentence.words
    return any(word.text == "to" and (reading.claims.get(index + 1) or 0.0) >= EXACT for index, word in enumerate(words))


def names_a_thing(reading: Reading) -> bool:
    """Whether a value is one of the names that the declaration gives, where others would be taken too."""
    return any(
        _takes_text(parameter) and any(choice.value == reading.values.get(parameter.name) for choice in parameter.choices)
        for parameter in reading.function.parameters
    )


def tells(reading: Reading) -> bool:
    """Whether a few words without a verb tell what is to happen: "lights off", "next song", "a ten minute timer".

    The name of a thing is enough for what only looks at it: "the kitchen light" does not say what to do.
    """
    function, values = reading.function, reading.values
    if function.answers:
        reckoned = not function.reads and sum(parameter.required for parameter in function.parameters) > 1 and not reading.missing
        return reading.named or bool(reading.met) or reckoned  # "ten miles in kilometers"
    if "from" in {word.text for index, word in enumerate(reading.sentence.words) if index not in reading.claims}:
        return False  # "milk from the shopping list"
    if reading.met:
        return True
    said = any(p.name in values and (p.kind in _MEASURED or (p.kind is Kind.TEXT and not p.choices)) for p in function.parameters)
    return reading.about and (said or says_action(reading) or names_a_setting(reading) or not function.parameters)


def asks_something_else(reading: Reading) -> bool:
    """Whether a question is one for what there is, "is there a lamp in the kitchen", or for what somebody does.

    The latter where a day is all that speaks for the function: "what do I have to do today".
    """
    sentence = reading.sentence
    if sentence.form is Form.QUESTION and not reading.about and {"there", "should"} & {word.text for word in sentence.words}:
        return True
    days = {at for entity in sentence.entities if isinstance(entity, Date) for at in range(entity.start, entity.end)}
    told = {index for index, evidence in reading.claims.items() if evidence}
    persons = any(first.text in AUXILIARIES and second.text in _PERSONS for first, second in pairwise(sentence.words))
    return sentence.form is Form.QUESTION and persons and told <= days


def claim_siblings(reading: Reading, functions: Sequence[Function]) -> None:
    """Words of a function that shares a choice with this one: what can be set somewhere can be asked about there."""
    shared = {str(value) for value in reading.values.values()}
    siblings = [
        other
        for other in functions
        if shared
        and other is not reading.function
        and any(str(choice.value) in shared for parameter in other.parameters for choice in parameter.choices)
    ]
    known = {word for other in siblings for word in other.vocabulary}
    for index, word in enumerate(reading.sentence.words):
        if index not in reading.claims and word.text not in STOP_WORDS and word.stem in known:
            reading.claim([index], _SIBLING)
    words, nouns = reading.sentence.words, reading.function.nouns
    for index, (word, noun) in enumerate(pairwise(words)):  # the pizza of "pizza timer"
        if index in reading.claims or nouns.get(noun.stem, 0.0) < _TELLING:
            continue
        if any(noun.stem in other.nouns and word.stem in other.vocabulary for other in functions):
            reading.claim([index], 0.0)
    for _, indexes in reading.sentence.senses:
        if shared and reading.free(indexes):
            reading.claim(indexes, FITS)
