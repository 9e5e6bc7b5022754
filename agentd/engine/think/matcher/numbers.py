"""Numbers in English words and digits: "twenty one and a half", "21.5", "a hundred and five", "minus three"."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from agentd.engine.think.matcher.words import Word

_ONES: Final = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen".split(),
    )
} | {"oh": 0, "nought": 0}
_TENS: Final = {
    word: 10 * value for value, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)
}
_SCALES: Final = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
_ORDINALS: Final = {
    word: value
    for value, word in enumerate(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
        "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth".split(),
        start=1,
    )
} | {"thirtieth": 30}
_QUANTITIES: Final = {"dozen": 12.0, "half": 0.5, "couple": 2.0, "quarter": 0.25}
_FRACTIONS: Final[dict[tuple[str, ...], float]] = {
    ("and", "a", "half"): 0.5,
    ("and", "a", "quarter"): 0.25,
    ("and", "three", "quarters"): 0.75,
}
_ALONE: Final = frozenset({"one", "a", "an", "oh", "second", "quarter", "couple"})
"""Words that are numbers only in company: "this one", "a lamp", "oh", "a second"."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number in ``words[start:end]``."""

    start: int
    end: int
    value: float
    ordinal: bool = False


def read_number(words: Sequence[Word], at: int) -> Number | None:
    """The number that begins at ``words[at]``, as long as it goes."""
    text = _text(words, at)
    if text in {"minus", "negative"}:
        inner = read_number(words, at + 1)
        return None if inner is None or inner.ordinal else replace(inner, start=at, value=-inner.value)
    number = _read_quantity(words, at) or _read_digits(words, at) or _read_spelled(words, at)
    if number is None or number.ordinal:
        return number
    return _with_fraction(words, number)


def read_digit(words: Sequence[Word], at: int) -> int | None:
    """The single digit ``words[at]`` says, as in a number that is spelled digit by digit."""
    text = _text(words, at)
    if len(text) == 1 and text.isdecimal():
        return int(text)
    value = _ONES.get(text)
    return value if value is not None and value < 10 else None


def stands_alone(words: Sequence[Word], number: Number) -> bool:
    """Whether ``number`` is a number even without a unit: "one" in "the red one" is not."""
    return number.end - number.start > 1 or words[number.start].text not in _ALONE


def _read_quantity(words: Sequence[Word], at: int) -> Number | None:
    """Half, a quarter, a couple of, a dozen."""
    index = at + 1 if _text(words, at) in {"a", "an"} else at
    value = _QUANTITIES.get(_text(words, index))
    if value is None or (index == at and _text(words, at) in {"couple", "dozen"}):
        return None
    end = index + 1
    return Number(at, end + 1 if value > 1 and _text(words, end) == "of" else end, value)


def _read_digits(words: Sequence[Word], at: int) -> Number | None:
    text = _text(words, at)
    if not text[:1].isdigit():
        return None
    try:
        value = float(text.replace(",", "."))
    except ValueError:  # a time or an ISO date
        return None
    if _text(words, at + 1) in {"st", "nd", "rd", "th"} and words[at].end == words[at + 1].start:
        return Number(at, at + 2, value, ordinal=True)
    scale = _SCALES.get(_text(words, at + 1))
    return Number(at, at + 2, value * scale) if scale is not None else Number(at, at + 1, value)


def _read_spelled(words: Sequence[Word], at: int) -> Number | None:
    """A number in words. Each word must be smaller than the room the one before left: "seven thirty" is two numbers."""
    total, current, index, room = 0, 0, at, 1000
    if _text(words, at) in {"a", "an"}:
        if _text(words, at + 1) not in _SCALES:
            return None
        current, index = 1, at + 1
    while index < len(words):
        text = words[index].text
        small = _ONES.get(text, _TENS.get(text))
        if text in _ORDINALS and _ORDINALS[text] < room:
            return Number(at, index + 1, total + current + _ORDINALS[text], ordinal=True)
        if small is not None and small < room:
            current, room = current + small, 10 if text in _TENS else 0
        elif text in _SCALES and current:
            scale = _SCALES[text]
            total, current = (total, current * scale) if scale == 100 else (total + current * scale, 0)
            room = 100 if scale == 100 else 1000
        elif not (
            text == "and" and _text(words, index - 1) in _SCALES and _text(words, index + 1) in _ONES.keys() | _TENS.keys()
        ):
            break
        index += 1
    return Number(at, index, total + current) if index > at else None


def _with_fraction(words: Sequence[Word], whole: Number) -> Number:
    """Add "point five", "and a half", "and a quarter", "and three quarters"."""
    fraction = _FRACTIONS.get(tuple(word.text for word in words[whole.end : whole.end + 3]))
    if fraction is not None:
        return replace(whole, end=whole.end + 3, value=whole.value + fraction)
    if _text(words, whole.end) != "point":
        return whole
    digits, index = "", whole.end + 1
    while (digit := read_digit(words, index)) is not None:
        digits, index = f"{digits}{digit}", index + 1
    if not digits and _text(words, index).isdecimal():
        digits, index = words[index].text, index + 1
    return replace(whole, end=index, value=float(f"{whole.value:.0f}.{digits}")) if digits else whole


def _text(words: Sequence[Word], at: int) -> str:
    return words[at].text if 0 <= at < len(words) else ""
