"""Values out of a closed vocabulary: enums, examples and booleans, by their words, by states, by words alike, by sound."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Final

from agentd.engine.think.matcher.lexicon import (
    ADJECTIVES,
    ALIKE,
    EVERYTHING,
    PARTICLES,
    STANDS_IN,
    STOP_WORDS,
    SWITCHES_OFF,
    VERBS,
    Sense,
)
from agentd.engine.think.matcher.near import nearest
from agentd.engine.think.matcher.numbers import Number
from agentd.engine.think.matcher.parameters import Choice, Kind, Parameter
from agentd.engine.think.matcher.reading import Reading
from agentd.engine.think.matcher.sentence import Form, Sentence
from agentd.engine.think.matcher.words import name_words, stem

EXACT: Final = 0.6
STATE: Final = 0.6
SAME_KIND: Final = 0.45
NEAR: Final = 0.4
WHOLE: Final = 0.4
FLAG: Final = 0.3

_GROUPS: Final[dict[str, set[int]]] = {}
"""By stem, the groups it stands in."""

for _number, _group in enumerate(ALIKE):
    for _word in _group:
        _GROUPS.setdefault(stem(_word), set()).add(_number)
_POSSESSIVES: Final = frozenset("the my our your a an".split())
_SMALL: Final = (
    frozenset("a an the in at for to of from with by it is are am do no yes me i and or".split()) | EVERYTHING | PARTICLES.keys()
)
"""Words that are a choice's own only in an answer; anywhere else they are grammar."""


def alike(word: str, other: str) -> bool:
    """Whether two stems stand for one another in general English."""
    held = _GROUPS.get(word)
    return held is not None and not held.isdisjoint(_GROUPS.get(other, ()))


def fill_exact(reading: Reading, *, bare: bool = False) -> None:
    """Choices said in their own words; the longest first, so that "ceiling light" is not "light".

    Args:
        bare: the sentence answers a question, so that small words ("on", "all") are values too.
    """
    found: list[tuple[int, int, Parameter, Choice]] = []
    stems = tuple(word.stem for word in reading.sentence.words)
    joined = _joined_words(reading)
    for parameter in reading.open_parameters():
        for choice in parameter.choices:
            if choice.phrases and (bare or not all(word in _SMALL for word in choice.phrases[0])):
                places_of = _places(stems, joined, choice)
                found.extend(
                    (start, end, parameter, choice) for start, end in places_of if not _led_elsewhere(reading, start, parameter)
                )
    verb = reading.sentence.verb
    found = [item for item in found if not (item[2].acts and _told(reading, item[0], item[3]))]
    places: dict[str, list[int]] = {}
    given = _counted(reading) if _twins(reading) else frozenset()
    for start, end, parameter, choice in sorted(
        found, key=lambda item: (item[0] - item[1], item[0] == verb, item[0] not in given, item[0])
    ):
        if not reading.free(range(start, end)):
            continue
        if parameter.many or parameter.name not in reading.values:
            reading.put(parameter, choice.value)
            reading.claim(range(start, end), EXACT)
            places.setdefault(parameter.name, []).append(start)
        elif choice.value != reading.values[parameter.name] and _joined(
            reading, min(start, *places[parameter.name]), max(start, *places[parameter.name])
        ):
            reading.more.setdefault(parameter.name, []).append(choice.value)
            reading.claim(range(start, end), 0.0)
            places[parameter.name].append(start)
    spans = [(min(places[name]), max(places[name])) for name in reading.more]
    taking_turns = any(first < other < last for first, last in spans for other, _ in spans)
    reading.mixed = taking_turns or any(counted(reading.sentence, start) for name in reading.more for start in places[name])


def counted(sentence: Sentence, start: int) -> bool:
    """Whether a number stands before the thing at ``start``, or before the one word that says what kind of it."""
    return any(isinstance(entity, Number) and start - 1 <= entity.end <= start for entity in sentence.entities)


def _told(reading: Reading, index: int, choice: Choice) -> bool:
    """Whether an action is not asked for in its own form: "the song skips", "stop playing"; "start playing" does play."""
    words, verb = reading.sentence.words, reading.sentence.verb
    started = verb is not None and VERBS.get(words[verb].text) is Sense.MAKE and words[index].text.endswith("ing")
    return words[index].text not in name_words(str(choice.value)) and not started


def _twins(reading: Reading) -> bool:
    """Whether two parameters take the same choices, as the units to convert from and to do."""
    held = [parameter.choices for parameter in reading.function.parameters if parameter.choices]
    return any(choices in held[:at] for at, choices in enumerate(held))


def _counted(reading: Reading) -> frozenset[int]:
    """The words right behind a number or "a": the mile of "how many feet are in a mile", which is what is given."""
    ends = {entity.end for entity in reading.sentence.entities if isinstance(entity, Number)}
    articles = {index + 1 for index, word in enumerate(reading.sentence.words) if word.text in {"a", "an", "one"}}
    return frozenset(ends | articles)


def _led_elsewhere(reading: Reading, start: int, parameter: Parameter) -> bool:
    """Whether the word before leads to another parameter: "from my savings account" is none for ``to_account``."""
    words = reading.sentence.words
    while start > 0 and words[start - 1].text in _POSSESSIVES:
        start -= 1
    lead = words[start - 1].text if start > 0 else ""
    if lead not in {"from", "to"} or lead in name_words(parameter.name):
        return False
    return any(lead in name_words(other.name) for other in reading.function.parameters if other is not parameter)


def _joined(reading: Reading, start: int, end: int) -> bool:
    """Whether an "and" stands between two places."""
    return any(word.text == "and" for word in reading.sentence.words[start:end])


def _joined_words(reading: Reading) -> dict[str, list[tuple[int, int]]]:
    """Where two or three words make one, by its stem: "bed room" for "bedroom"."""
    if not any(parameter.choices for parameter in reading.function.parameters):
        return {}
    return _joined_pairs(tuple(word.text for word in reading.sentence.words))


@lru_cache(maxsize=64)
def _joined_pairs(words: tuple[str, ...]) -> dict[str, list[tuple[int, int]]]:
    joined: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for size in (2, 3):
        for start in range(len(words) - size + 1):
            joined[stem("".join(words[start : start + size]))].append((start, start + size))
    return dict(joined)


def _places(stems: tuple[str, ...], joined: Mapping[str, list[tuple[int, int]]], choice: Choice) -> Iterator[tuple[int, int]]:
    for phrase in choice.phrases:
        start = -1
        while phrase[0] in stems[start + 1 :]:
            start = stems.index(phrase[0], start + 1)
            if stems[start : start + len(phrase)] == phrase:
                yield start, start + len(phrase)
        if len(phrase) == 1:
            yield from joined.get(phrase[0], ())


def fill_states(reading: Reading) -> None:
    """States asked for ("turn … off", "closed") into the parameter that takes them; the rest is noted as unmet."""
    looking = reading.function.reads and reading.sentence.form is Form.QUESTION
    quoted = _quoted_from(reading)
    for sense, indexes in reading.sentence.senses:
        if looking or not reading.free(indexes) or (quoted is not None and max(indexes) > quoted):
            continue
        words = [reading.sentence.words[index].text for index in indexes - reading.sentence.verb_words]
        compared = any(word in ADJECTIVES for word in words)  # "brighter" opens no blinds
        thrown = sense is Sense.END and not any(reading.sentence.words[index].text in SWITCHES_OFF for index in indexes)
        for wanted in (sense, *(() if compared or thrown else STANDS_IN.get(sense, ()))):
            found = _taker(reading, wanted)
            if found is not None:
                reading.put(*found)
                reading.claim(indexes, STATE)
                reading.met.add(sense)
                reading.stood_in = reading.stood_in or wanted is not sense
                break
        else:
            if sense in reading.met:
                reading.claim(indexes, 0.0)
            else:
                reading.unmet.append(sense)


def _quoted_from(reading: Reading) -> int | None:
    """The place behind which somebody's words stand: the "to" of "remind me to turn off the lamp"."""
    if not any(parameter.quotes for parameter in reading.function.parameters):
        return None
    words = reading.sentence.words
    return next((index for index, word in enumerate(words) if index and word.text in {"to", "that", "saying"}), None)


def _taker(reading: Reading, sense: Sense) -> tuple[Parameter, object] | None:
    for parameter in reading.open_parameters():
        if parameter.name in reading.values:
            continue
        if sense in parameter.states:
            return parameter, parameter.states[sense]
        takers = [choice for choice in parameter.choices if sense in choice.senses]
        if takers:
            return parameter, takers[0].value
    return None


def fill_flags(reading: Reading) -> None:
    """Booleans that are named: "overdue" sets ``overdue``."""
    for parameter in reading.open_parameters():
        if parameter.kind is not Kind.BOOLEAN or parameter.states or parameter.name in reading.values:
            continue
        named = [index for index, word in enumerate(reading.sentence.words) if word.stem in parameter.words]
        if named and reading.free(named[:1]):
            negated = named[0] > 0 and reading.sentence.words[named[0] - 1].text in {"not", "no"}
            reading.put(parameter, not negated)
            reading.claim([named[0] - 1, named[0]] if negated else named[:1], FLAG)


def fill_alike(reading: Reading) -> None:
    """Choices said by a word of the same meaning: "is the lamp on" asks about the lights."""
    words = reading.sentence.words
    for parameter in reading.open_parameters():
        if parameter.kind is not Kind.CHOICE or parameter.acts or parameter.name in reading.values:
            continue
        for index, word in enumerate(words):
            if index in reading.claims or word.text in STOP_WORDS:
                continue
            takers = [
                choice for choice in parameter.choices if any(len(p) == 1 and alike(word.stem, p[0]) for p in choice.phrases)
            ]
            if len(takers) == 1:
                reading.put(parameter, takers[0].value)
                reading.claim([index], SAME_KIND)
                break


def fill_everything(reading: Reading) -> None:
    """Put "everything" and "all" into the choice that means all, where nothing narrower was said."""
    said = [index for index, word in enumerate(reading.sentence.words) if word.text in EVERYTHING]
    for parameter in reading.open_parameters():
        if not said or parameter.name in reading.values:
            continue
        whole = [choice for choice in parameter.choices if set(choice.phrases[0]) & {stem(word) for word in EVERYTHING}]
        if whole:
            reading.put(parameter, whole[0].value)
            reading.claim(said[:1], WHOLE)


def fill_part(reading: Reading, parameter: Parameter) -> None:
    """For an answer: a choice by a word that only it has, "the blue one" of a blue and a green room."""
    held = [frozenset(choice.phrases[0]) for choice in parameter.choices if choice.phrases]
    for index, word in enumerate(reading.sentence.words):
        takers = [at for at, phrase in enumerate(held) if word.stem in phrase]
        if len(takers) == 1 and word.text not in _SMALL and index not in reading.claims:
            reading.put(parameter, parameter.choices[takers[0]].value)
            reading.claim([index], EXACT)
            return


def fill_near(reading: Reading, *, evidence: float = NEAR, nouns: Collection[str] = ()) -> None:
    """Choices that were nearly heard: one to three unclaimed words that look and sound like one ("lamb" for "lamp").

    Args:
        nouns: stems of what other functions are about, which were heard as what they are.
    """
    words = reading.sentence.words
    for parameter in reading.open_parameters():
        if parameter.name in reading.values:
            continue
        known = {"".join(phrase): choice for choice in parameter.choices for phrase in choice.phrases}
        best: tuple[float, range, Choice] | None = None
        for size in (3, 2, 1):
            for start in range(len(words) - size + 1):
                span = range(start, start + size)
                if (
                    not reading.free(span)
                    or words[start].text in STOP_WORDS
                    or words[span[-1]].text in STOP_WORDS
                    or (size == 1 and words[start].stem in nouns)
                    or reading.sentence.verb in span
                ):
                    continue
                heard = "".join(words[index].text for index in span[:-1]) + words[span[-1]].stem
                match = nearest(heard, known)
                refused = parameter.acts and heard in known  # "the song skips"
                if match is not None and not refused and (best is None or match[1] > best[0]):
                    best = (match[1], span, known[match[0]])
        if best is not None:
            reading.put(parameter, best[2].value)
            reading.claim(best[1], evidence)
            reading.guessed.update(best[1])
