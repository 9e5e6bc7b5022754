"""What kind of sentence was said, and what stands in it whatever the functions are: verb, states, numbers, times, dates."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum
from itertools import pairwise
from typing import Final

from agentd.engine.think.matcher.dates import Date, read_date
from agentd.engine.think.matcher.inflection import GERUNDS, tells
from agentd.engine.think.matcher.lexicon import (
    ADJECTIVES,
    AUXILIARIES,
    BARE_WITHOUT_PARTICLE,
    MISHEARD,
    NEGATIONS,
    PARTICLE_VERBS,
    PARTICLES,
    QUESTION_WORDS,
    STATES,
    SUBJECTS,
    SUBORDINATORS,
    VERBS,
    Sense,
)
from agentd.engine.think.matcher.numbers import Number, read_number, stands_alone
from agentd.engine.think.matcher.politeness import FILLER_ENDINGS, FILLER_OPENINGS, WISHES
from agentd.engine.think.matcher.relative import Relative, read_relative
from agentd.engine.think.matcher.times import Duration, Time, read_duration, read_time
from agentd.engine.think.matcher.words import CURLY_APOSTROPHE, Word, split, stem

_AFTER_PARTICLE: Final = frozenset("in at for from to with by of and please now again the".split()) - {"the"}
_PARTICLE_SENSES: Final = PARTICLES | {"of": Sense.OFF}


class Form(Enum):
    """The grammar of a sentence, as far as it matters."""

    COMMAND = "command"
    WISH = "wish"
    QUESTION = "question"
    FRAGMENT = "fragment"
    STATEMENT = "statement"
    FORBIDDING = "forbidding"


Entity = Number | Duration | Time | Date


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, read once for all functions.

    Attributes:
        text: as said.
        words: what remains without the politeness around it.
        form: what kind of sentence it is.
        verb: index of the leading verb of a command, else None.
        verb_words: indexes of the leading verb and its particle.
        senses: states asked for or asked about, with the indexes of the words that say so.
        relative: a change up or down by some amount.
        shape: the stems, with one mark for each date, duration, time and number: what else one could have said in its place.
        entities: numbers, durations, times and dates; they may overlap.
    """

    text: str
    words: tuple[Word, ...]
    form: Form
    verb: int | None
    verb_words: frozenset[int]
    senses: tuple[tuple[Sense, frozenset[int]], ...]
    entities: tuple[Entity, ...]
    relative: Relative | None = None
    shape: tuple[str, ...] = ()

    def slice(self, first: int, last: int) -> str:
        """The words from ``first`` to ``last`` as they were said."""
        return self.text[self.words[first].start : self.words[last].end]


def read_sentence(text: str, *, today: date, verbs: Iterable[str] = ()) -> Sentence:
    """Analyse ``text``.

    Args:
        today: what relative dates are counted from.
        verbs: stems of verbs beside those of the lexicon; the functions' own.
    """
    text = text.replace(CURLY_APOSTROPHE, "'")
    known = frozenset(verbs)
    words, asked = _strip(split(text))
    form, verb = _form(words, known, asked=asked)
    if verb is not None and words[verb].stem not in known and (meant := MISHEARD.get(words[verb].text)) is not None:
        words = (*words[:verb], replace(words[verb], text=meant, stem=stem(meant)), *words[verb + 1 :])
    particle = _particle(words, verb) if verb is not None else None
    verb_words = frozenset(index for index in (verb, particle) if index is not None)
    senses = tuple(_senses(words, form, verb, particle))
    entities = tuple(_entities(words, today))
    return Sentence(
        text=text,
        words=words,
        form=form,
        verb=verb,
        verb_words=verb_words,
        senses=senses,
        entities=entities,
        relative=read_relative(words, senses) if form is not Form.STATEMENT else None,
        shape=_shape(words, entities),
    )


def _shape(words: Sequence[Word], entities: Iterable[Entity]) -> tuple[str, ...]:
    """Of entities that overlap the longest counts, then the one that was read first."""
    marks: dict[int, str] = {}
    for entity in sorted(entities, key=lambda entity: entity.start - entity.end):
        span = range(entity.start, entity.end)
        if not any(index in marks for index in span):
            marks |= dict.fromkeys(span, "") | {entity.start: f"<{type(entity).__name__}>"}
    return tuple(filter(None, (marks.get(index, word.stem) for index, word in enumerate(words))))


def _strip(words: tuple[Word, ...]) -> tuple[tuple[Word, ...], bool]:
    """Without the politeness at both ends; the second value tells that an opening asked for something to be done."""
    if len(words) > 1 and words[0].text == words[1].text in VERBS.keys() | PARTICLE_VERBS:  # "turn turn on"
        words = words[1:]
    asked, going = False, True
    while going and words:
        going = False
        for opening in FILLER_OPENINGS.get(words[0].text, ()):
            if len(opening) < len(words) and tuple(word.text for word in words[: len(opening)]) == opening:
                words, going = _commanded(words[len(opening) :]) if opening[-1] == "mind" else words[len(opening) :], True
                asked = asked or len(opening) > 1
                break
    going = True
    while going and words:
        going = False
        for ending in FILLER_ENDINGS:
            if len(ending) < len(words) and tuple(word.text for word in words[-len(ending) :]) == ending:
                words, going = words[: -len(ending)], True
                break
    return words, asked


def _commanded(words: tuple[Word, ...]) -> tuple[Word, ...]:
    """With the verb as in a command: "would you mind turning ..."."""
    verb = GERUNDS.get(words[0].text)
    return words if verb is None else (replace(words[0], text=verb, stem=stem(verb)), *words[1:])


def _form(words: tuple[Word, ...], verbs: frozenset[str], *, asked: bool) -> tuple[Form, int | None]:  # noqa: PLR0911 - a decision list
    if not words:
        return Form.FRAGMENT, None
    texts = [word.text for word in words]
    first = texts[0]
    if first in NEGATIONS or texts[:2] == ["do", "not"]:
        return Form.FORBIDDING, None
    for wish in WISHES:
        if tuple(texts[: len(wish)]) == wish:
            return Form.WISH, None
    if first in QUESTION_WORDS and texts[:2] != ["how", "about"]:
        return Form.QUESTION, None
    if first in AUXILIARIES and (len(texts) > 1 or asked) and words[0].stem not in verbs:
        return Form.QUESTION, None
    if _is_verb(MISHEARD.get(first, first), verbs):
        return Form.COMMAND, 0
    if first in SUBJECTS:
        return Form.STATEMENT, None
    if not set(texts) & (SUBJECTS - {"my", "your", "his", "her", "its", "our", "their", "me", "it", "there"}):
        at = _after_place(words, verbs)
        if at is not None:
            return Form.COMMAND, at
    spoken = {text for before, text in pairwise(texts) if text != "am" or before == "i"}  # "ten am" is no verb
    finite = spoken & (AUXILIARIES - {"do", "have"})
    return (Form.STATEMENT if finite or (not asked and tells(texts)) else Form.FRAGMENT), None


def _after_place(words: tuple[Word, ...], verbs: frozenset[str]) -> int | None:
    """The verb of "in the kitchen, turn on the lamp"."""
    if words[0].text not in {"in", "at", "for", "on"}:
        return None
    return next(
        (
            index
            for index in range(2, min(len(words), 7))
            if words[index].text in PARTICLE_VERBS or (words[index - 1].pause and _is_verb(words[index].text, verbs))
        ),
        None,
    )


def _is_verb(text: str, verbs: frozenset[str]) -> bool:
    """Whether ``text`` is a verb in the form of a command; "reserved" is not."""
    return (
        text in VERBS
        or text in PARTICLE_VERBS
        or (stem(text) in verbs and not (text.endswith(("ed", "ing")) and stem(text) != text))
    )


def _particle(words: tuple[Word, ...], verb: int) -> int | None:
    """The particle of the leading verb: right behind it, or where its object ends. "Of" at such a place is "off" misheard."""
    if words[verb].text not in PARTICLE_VERBS:
        return None
    for index in range(verb + 1, len(words)):
        text = words[index].text
        verbal = words[index + 1].text in VERBS.keys() | PARTICLE_VERBS if index + 1 < len(words) else False
        if text in SUBORDINATORS or (text == "to" and verbal):  # "set a reminder to turn off the lamp"
            return None
        last = index == len(words) - 1 or words[index].pause
        if PARTICLES.get(text) is not None:
            if (
                index == verb + 1
                or last
                or (text in {"up", "down"} and words[index + 1].text == "a")  # "turn it up a bit"
                or (text == "off" and words[index + 1].text in {"the", "my", "our"})  # "take the eggs off the list"
                or (words[index + 1].text in _AFTER_PARTICLE and not (text == "out" and words[index + 1].text == "of"))
            ):
                return index
        elif (
            text == "of"
            and words[verb].text in BARE_WITHOUT_PARTICLE
            and (index == verb + 1 or last or words[index + 1].text in _AFTER_PARTICLE)
        ):
            return index
    return None


def _senses(
    words: tuple[Word, ...], form: Form, verb: int | None, particle: int | None
) -> Iterable[tuple[Sense, frozenset[int]]]:
    if verb is not None:
        own, said = VERBS.get(words[verb].text), _PARTICLE_SENSES.get(words[particle].text) if particle is not None else None
        if said is not None and particle is not None:
            yield (Sense.OFF if own is Sense.CLOSE else said), frozenset({verb, particle})
        elif own is not None and own in STATES | {Sense.END}:
            yield own, frozenset({verb})
    for index, word in enumerate(words):
        if index in {verb, particle}:
            continue
        sense = ADJECTIVES.get(word.text) if not _is_thing(words, index) else None
        if sense is None and form is not Form.COMMAND and word.text in {"open", "shut"}:
            sense = Sense.OPEN if word.text == "open" else Sense.CLOSE
        if sense is None and word.text in {"on", "off", "up", "down", "out"} and index > (-1 if particle is None else particle):
            last = index == len(words) - 1 or word.pause
            if last or word.text == "off" or (words[index + 1].text in _AFTER_PARTICLE and form is not Form.STATEMENT):
                sense = PARTICLES[word.text]
        if sense is not None and not (word.text == "more" and index + 1 < len(words) and words[index + 1].text != "open"):
            yield sense, frozenset({index})


def _is_thing(words: Sequence[Word], index: int) -> bool:
    """Whether an adjective is what the sentence ends with: "in the dark"."""
    return index == len(words) - 1 and index > 0 and words[index - 1].text in {"the", "a"}


def _is_whole(words: Sequence[Word], found: Entity) -> bool:
    """Whether it is what something is a part of: the day of "how many hours are in a day", which is not tomorrow."""
    asked = [word.text for word in words[:2]] == ["how", "many"]
    return asked and isinstance(found, Date) and [word.text for word in words[found.start : found.start + 2]] == ["in", "a"]


def _entities(words: tuple[Word, ...], today: date) -> Iterable[Entity]:
    readers: tuple[Callable[[int], Entity | None], ...] = (
        lambda at: read_date(words, at, today),
        lambda at: read_duration(words, at),
        lambda at: read_time(words, at),
    )
    for read in readers:
        at = 0
        while at < len(words):
            found = read(at)
            if found is not None and not _is_whole(words, found):
                yield found
            at = found.end if found is not None else at + 1
    at = 0
    while at < len(words):
        number = read_number(words, at)
        if number is not None and not number.ordinal and stands_alone(words, number):
            yield number
        at = number.end if number is not None else at + 1
