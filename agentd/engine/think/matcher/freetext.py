"""Values in the speaker's own words: titles, names, messages. The last resort, for whatever is left of the sentence."""

import re
from dataclasses import dataclass, replace
from typing import Final

from agentd.engine.think.matcher.lexicon import EVERYTHING, LATER, NEGATIONS, STOP_WORDS, SUBORDINATORS
from agentd.engine.think.matcher.numbers import Number
from agentd.engine.think.matcher.parameters import Kind, Parameter
from agentd.engine.think.matcher.politeness import WISHES
from agentd.engine.think.matcher.reading import Reading
from agentd.engine.think.matcher.sentence import Form
from agentd.engine.think.matcher.words import split

_ARTICLES: Final = frozenset("the a an my our your some".split())
_PREPOSITIONS: Final = frozenset("to for in at from with by about on regarding near called named as of".split())
_EDGES: Final = frozenset("and is are that saying please to me it was were be do does did please the a an".split())
_OPENING: Final = frozenset({"saying", "that"})
"""Words after which everything is the text."""

_LINKS: Final = frozenset("it is that would be to the for with at in by a an my about one".split())
_LINKING_VERBS: Final = frozenset("make call say".split())


_TAIL: Final = frozenset("one ones please thanks".split())
"""What an answer ends with that is not part of it: "the pasta one"."""


_SENTENCE: Final = 3
"""Words from which a dictated text may be a sentence, whose article is its own: "the meter reads 4711"."""

_NOT_IN_NAMES: Final = NEGATIONS | SUBORDINATORS | LATER | frozenset("i he she they we you sorry wait no".split())
"""Words that no name of a thing has."""

_LISTED: Final = re.compile(r"\s*(?:,|\band\b|\bplus\b)\s*(?:(?:and|then|the|a|an|some|my)\b\s*)*", re.IGNORECASE)
"""What stands between the parts of a list."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A run of unclaimed words, and the place of the word before it that leads to a parameter; ``whole`` has its article too."""

    lead: int | None
    first: int
    last: int
    whole: int | None = None


def fill_text(reading: Reading) -> None:
    """Give the words nobody claimed to the parameters that take free text, led by their prepositions."""
    takers = [taker for taker in reading.open_parameters() if taker.kind is Kind.TEXT and taker.name not in reading.values]
    if not takers:
        return
    leads = _leads(reading, takers)
    opening = {leads[taker.name] for taker in takers if taker.quotes and taker.name in leads}
    pieces = _pieces(reading, frozenset(leads.values()), opening)
    for taker in takers:
        piece = next((piece for piece in pieces if piece.lead is not None and piece.lead == leads.get(taker.name)), None)
        if piece is not None and not _says_more(reading, taker, piece):
            _put(reading, taker, piece)
            pieces.remove(piece)
    for taker in takers:
        piece = next((piece for piece in pieces if _may_be(reading, taker, piece)), None)
        if piece is not None and taker.name not in reading.values and not _says_more(reading, taker, piece):
            _put(reading, taker, piece)
            pieces.remove(piece)


def put_answer(reading: Reading, parameter: Parameter) -> bool:
    """Take what remains of an answer without the words that only lead to it ("it is for Anna": "Anna"); False: nothing does."""
    answer = _whole_answer(reading, _LINKS if parameter.quotes else _LINKS | _LINKING_VERBS, verbatim=parameter.quotes)
    if not answer or all(word.text in STOP_WORDS for word in split(answer)):
        return False
    _put_text(reading, parameter, answer)
    return True


def _whole_answer(reading: Reading, links: frozenset[str], *, verbatim: bool) -> str:
    words = reading.sentence.words
    first, last = 0, len(words) - 1
    while first < last and (words[last].text in _TAIL or words[last].stem in reading.function.nouns):
        last -= 1
    while first < last and words[first].text in links and not (_is_capital(reading, first) and _is_capital(reading, first + 1)):
        if verbatim and words[first].text in _ARTICLES and last - first >= _SENTENCE:
            break
        first += 1
    return reading.sentence.slice(first, last) if words else ""


def _leads(reading: Reading, takers: list[Parameter]) -> dict[str, int]:
    """For each parameter the place of the word that leads to it; the last such word, for titles have theirs inside."""
    words = reading.sentence.words
    leads: dict[str, int] = {}
    for taker in takers:
        for preposition in taker.prepositions:
            if preposition == "to" and reading.function.reads and reading.sentence.form is Form.FRAGMENT:
                continue  # "time to go to bed"
            places = [at for at, word in enumerate(words[:-1]) if word.text == preposition and at not in reading.claims]
            places = [at for at in places if at not in leads.values()]
            if places:
                first = preposition in _OPENING or (taker.quotes and len(takers) == 1)
                leads[taker.name] = places[0] if first else places[-1]
                break
    return leads


def _pieces(reading: Reading, leads: frozenset[int], opening: set[int]) -> list[_Piece]:
    """Runs of unclaimed words between claimed ones and the words that lead to a parameter; whole behind ``opening`` ones."""
    pieces: list[_Piece] = []
    lead: int | None = None
    first: int | None = None
    for index in range(len(reading.sentence.words) + 1):
        inside = index < len(reading.sentence.words) and index not in reading.claims and index not in leads
        if inside and first is None:
            first = index
        if inside:
            continue
        piece = _Piece(lead, first, index - 1) if first is not None else None
        if piece is not None:
            piece = _until_claimed(reading, piece) if lead in opening else _trim(reading, piece)
        if piece is not None:
            pieces.append(piece)
        lead, first = (index if index in leads else None), None
    return pieces


def _until_claimed(reading: Reading, piece: _Piece) -> _Piece:
    """Without the word that leads from it to what something else has taken: "turn off the oven in | five minutes"."""
    words, last = reading.sentence.words, piece.last
    while piece.first < last < len(words) - 1 and words[last].text in _EDGES | _ARTICLES | _PREPOSITIONS:
        last -= 1
    return replace(piece, last=last)


def _trim(reading: Reading, piece: _Piece) -> _Piece | None:
    words, first, last = reading.sentence.words, piece.first, piece.last
    if first == 0 and reading.sentence.form is Form.WISH:  # "we need milk on the list"
        texts = tuple(word.text for word in words)
        first = max(len(wish) for wish in WISHES if texts[: len(wish)] == wish)
    begun = first
    while first <= last and words[first].text in _ARTICLES | _EDGES | _PREPOSITIONS and not _begins_title(reading, first, last):
        first += 1
    article = first - 1 if first == begun + 1 and words[begun].text in _ARTICLES else None
    if first <= last and first - 1 == reading.sentence.verb and words[first].text in {"up", "down"}:
        first += 1  # "look up volcanoes"
    while last >= first and words[last].text in _EDGES | _ARTICLES | _PREPOSITIONS:
        last -= 1
    if first <= last and words[first].text in NEGATIONS:
        return None  # "ask not what your country can do for you"
    common = reading.function.topic | reading.function.nouns.keys()
    if all(words[index].stem in common or words[index].text in STOP_WORDS | EVERYTHING for index in range(first, last + 1)):
        return None  # "the book" names what the function is about, not which one
    while first < last and words[first].stem in common and not _is_capital(reading, first):
        first += 1
    return replace(
        piece, first=first, last=last, whole=article if article == first - 1 and last - first >= _SENTENCE - 1 else None
    )


def _is_capital(reading: Reading, index: int) -> bool:
    """Written with a capital: the "The" of a title."""
    return reading.sentence.text[reading.sentence.words[index].start].isupper()


def _begins_title(reading: Reading, first: int, last: int) -> bool:
    return first < last and _is_capital(reading, first) and _is_capital(reading, first + 1)


def _modifies(reading: Reading, piece: _Piece) -> bool:
    """Stands right before the function's noun: the "pasta" of "pasta timer"."""
    following = piece.last + 1
    words = reading.sentence.words
    return following < len(words) and words[following].stem in reading.function.nouns


def _may_be(reading: Reading, taker: Parameter, piece: _Piece) -> bool:
    """Whether a piece that nothing leads to is the value: a message comes after what it is for, not "on a positive note"."""
    if taker.quotes and not any(index < piece.first for index in reading.claims):
        return False
    return taker.required or _modifies(reading, piece)


def _says_more(reading: Reading, taker: Parameter, piece: _Piece) -> bool:
    """Whether a piece is no name: "in ten minutes" is no place, and "light except the lamp" no device."""
    span = set(range(piece.first, piece.last + 1))
    when = [entity for entity in reading.sentence.entities if not isinstance(entity, Number) and entity.start in span]
    if taker.quotes or taker.many or reading.function.answers:
        return False
    if taker.choices:
        numbers = (set(range(entity.start, entity.end)) for entity in reading.sentence.entities)
        return (
            bool(when)
            or any(span <= number for number in numbers)
            or any(reading.sentence.words[index].text in _NOT_IN_NAMES for index in span)
        )
    before = reading.sentence.words[piece.first - 1].text if piece.first else ""
    free = taker.required and before not in {"in", "at", "on"}  # "change the date to December third"
    return not free and any(span <= set(range(entity.start, entity.end)) for entity in when)


def _put(reading: Reading, parameter: Parameter, piece: _Piece) -> None:
    first = piece.whole if parameter.quotes and piece.whole is not None else piece.first
    _put_text(reading, parameter, reading.sentence.slice(first, piece.last))
    lead = [] if piece.lead is None else [piece.lead]
    reading.text_words.update(lead, range(first, piece.last + 1))


def _put_text(reading: Reading, parameter: Parameter, text: str) -> None:
    """Set the value, or the several values of "milk, eggs and bread"."""
    for part in _LISTED.split(text) if parameter.many else (text,):
        if part:
            reading.put(parameter, part)
