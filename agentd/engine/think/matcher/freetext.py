"""Values in the speaker's own words: titles, names, messages. The last resort, for whatever is left of the sentence."""

from dataclasses import dataclass, replace
from typing import Final

from agentd.engine.think.matcher.lexicon import STOP_WORDS
from agentd.engine.think.matcher.parameters import Kind, Parameter
from agentd.engine.think.matcher.reading import Reading

_ARTICLES: Final = frozenset("the a an my our your some".split())
_PREPOSITIONS: Final = frozenset("to for in at from with by about on regarding near called named as of".split())
_EDGES: Final = frozenset("and is are that saying please to me it was were be do does did please the a an".split())
_LINKS: Final = frozenset("it is that would be make call say to the for with at in by a an my".split())


@dataclass(frozen=True, slots=True)
class _Piece:
    """A run of unclaimed words, and the preposition before it."""

    preposition: str | None
    first: int
    last: int


def fill_text(reading: Reading) -> None:
    """Give the words nobody claimed to the parameters that take free text, led by their prepositions."""
    takers = [taker for taker in reading.open_parameters() if taker.kind is Kind.TEXT and taker.name not in reading.values]
    if not takers:
        return
    leading = {preposition for taker in takers for preposition in taker.prepositions}
    pieces = _pieces(reading, leading)
    for taker in takers:
        for preposition in taker.prepositions:
            piece = next((piece for piece in pieces if piece.preposition == preposition), None)
            if piece is not None and taker.name not in reading.values:
                _put(reading, taker, piece)
                pieces.remove(piece)
    for taker in takers:
        if taker.name in reading.values:
            continue
        piece = next((piece for piece in pieces if piece.preposition is None), None)
        if piece is None and taker.required and len(takers) == 1 and pieces:
            piece = pieces[0]
        if piece is not None and (taker.required or _modifies(reading, piece)):
            _put(reading, taker, piece)
            pieces.remove(piece)


def whole_answer(reading: Reading) -> str:
    """What remains of an answer to a question without the words that only lead to it ("it is for Anna": "Anna")."""
    words = reading.sentence.words
    first, last = 0, len(words) - 1
    while first < last and words[first].text in _LINKS and not _is_capital(reading, first):
        first += 1
    return reading.sentence.slice(first, last) if words else ""


def _pieces(reading: Reading, leading: set[str]) -> list[_Piece]:
    """Runs of unclaimed words; a preposition splits only where some parameter is led to by it."""
    pieces: list[_Piece] = []
    words = reading.sentence.words
    preposition: str | None = None
    runs: list[tuple[str | None, list[int]]] = []
    current: list[int] = []
    for index, word in enumerate(words):
        splits = word.text in leading and word.text in _PREPOSITIONS and index + 1 < len(words)
        if index in reading.claims or splits:
            if current:
                runs.append((preposition, current))
            current = []
            preposition = word.text if splits and index not in reading.claims else None
        else:
            current.append(index)
    if current:
        runs.append((preposition, current))
    for lead, indexes in runs:
        piece = _trim(reading, _Piece(lead, indexes[0], indexes[-1]))
        if piece is not None:
            pieces.append(piece)
    return pieces


def _trim(reading: Reading, piece: _Piece) -> _Piece | None:
    words, first, last = reading.sentence.words, piece.first, piece.last
    while (
        first <= last
        and words[first].text in _ARTICLES | _EDGES | _PREPOSITIONS
        and not (_is_capital(reading, first) and first < last)
    ):
        first += 1
    while last >= first and words[last].text in _EDGES | _ARTICLES | _PREPOSITIONS:
        last -= 1
    common = reading.function.words | reading.function.nouns.keys()
    if all(words[index].stem in common or words[index].text in STOP_WORDS for index in range(first, last + 1)):
        return None  # "the book" names what the function is about, not which one
    while first < last and words[first].stem in common and not _is_capital(reading, first):
        first += 1
    return replace(piece, first=first, last=last)


def _is_capital(reading: Reading, index: int) -> bool:
    """Written with a capital inside the sentence: the "The" of a title."""
    word = reading.sentence.words[index]
    return word.start > 0 and reading.sentence.text[word.start].isupper()


def _modifies(reading: Reading, piece: _Piece) -> bool:
    """Stands right before the function's noun: the "pasta" of "pasta timer"."""
    following = piece.last + 1
    words = reading.sentence.words
    return following < len(words) and words[following].stem in reading.function.nouns


def _put(reading: Reading, parameter: Parameter, piece: _Piece) -> None:
    reading.put(parameter, reading.sentence.slice(piece.first, piece.last))
    reading.text_words |= set(range(piece.first, piece.last + 1))
