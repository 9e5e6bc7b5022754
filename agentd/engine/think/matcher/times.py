"""Durations and times of day in English: "an hour and a half", "half past seven", "two thirty p m"."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from typing import Final

from agentd.engine.think.matcher.numbers import Number, read_number
from agentd.engine.think.matcher.words import Word

_UNIT_SECONDS: Final = {
    "second": 1,
    "sec": 1,
    "minute": 60,
    "min": 60,
    "hour": 3600,
    "hr": 3600,
    "day": 86_400,
    "week": 604_800,
    "fortnight": 1_209_600,
}
_NAMED_TIMES: Final = {"noon": time(12), "midday": time(12), "midnight": time(0)}
_DIRECTIONS: Final = {"to": -1, "before": -1, "past": 1, "after": 1}
_LATE: Final = frozenset({"evening", "afternoon", "night", "tonight"})


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time in ``words[start:end]``."""

    start: int
    end: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Time:
    """A time of day in ``words[start:end]``, on the 24 hour clock where the words tell, else as said."""

    start: int
    end: int
    value: time


def unit_seconds(word: str) -> int | None:
    """Seconds in the unit of time ``word``, singular or plural, or None."""
    return _UNIT_SECONDS.get(word) or _UNIT_SECONDS.get(word.removesuffix("s"))


def read_duration(words: Sequence[Word], at: int) -> Duration | None:
    """The duration that begins at ``words[at]``: parts in falling units, "two hours and thirty minutes"."""
    total, index, smallest = 0.0, at, float("inf")
    while (part := _read_part(words, index)) is not None:
        end, seconds, unit = part
        if unit >= smallest:
            break
        total, index, smallest = total + seconds, end, unit
        following = index + 1 if index < len(words) and words[index].text == "and" else index
        if _read_part(words, following) is None:
            trailing = read_number(words, index)  # "two minutes thirty"
            if (
                trailing is not None
                and index == following
                and unit in {60, 3600}
                and 0 < trailing.value < 60
                and not trailing.ordinal
            ):
                total, index = total + trailing.value * unit / 60, trailing.end
            break
        index = following
    return Duration(at, index, total) if index > at else None


def _read_part(words: Sequence[Word], at: int) -> tuple[int, float, int] | None:
    """(end, seconds, seconds of the unit) of one number with its unit."""
    if at >= len(words):
        return None
    number = read_number(words, at)
    if number is None and words[at].text in {"a", "an"}:
        number = Number(at, at + 1, 1)
    if number is None or number.ordinal:
        return None
    index = number.end
    while index < len(words) and words[index].text in {"of", "a", "an", "more"}:  # half an hour, a quarter of an hour
        index += 1
    unit = unit_seconds(words[index].text) if index < len(words) else None
    if unit is None:
        return None
    seconds = number.value * unit
    tail = tuple(word.text for word in words[index + 1 : index + 4])
    for phrase, share in ((("and", "a", "half"), 0.5), (("and", "a", "quarter"), 0.25)):
        if tail == phrase and unit_seconds(words[index + 4].text if index + 4 < len(words) else "") is None:
            return index + 4, seconds + share * unit, unit
    return index + 1, seconds, unit


def read_time(words: Sequence[Word], at: int, *, bare: bool = False) -> Time | None:
    """The time of day that begins at ``words[at]``.

    Args:
        bare: take a number alone for an hour ("seven", "seven thirty"), as an answer to "at what time?" is.
    """
    index = at + 1 if at < len(words) and words[at].text in {"at", "by", "around", "about"} else at
    if index >= len(words):
        return None
    if (named := _NAMED_TIMES.get(words[index].text)) is not None:
        return Time(at, index + 1, named)
    found = _read_colon(words, index) or _read_relative(words, index) or _read_clock(words, index, bare=bare or index > at)
    if found is None:
        return None
    hour, minute, end, certain = found
    late, end = _half_of_day(words, end)
    if late is None and not certain and not bare and (index == at or hour > 12):  # "at 21" is rather a level
        return None
    if late is not None and hour <= 12:
        hour = hour % 12 + (12 if late else 0)
    return Time(at, end, time(hour % 24, minute))


def _read_colon(words: Sequence[Word], at: int) -> tuple[int, int, int, bool] | None:
    hour, colon, minute = words[at].text.partition(":")
    if not colon or int(hour) > 24 or int(minute) > 59:
        return None
    return int(hour), int(minute), at + 1, True


def _read_relative(words: Sequence[Word], at: int) -> tuple[int, int, int, bool] | None:
    """Half past seven, a quarter to nine, ten past three."""
    index = at + 1 if words[at].text == "a" else at
    number = read_number(words, index)
    if number is None or number.ordinal:
        return None
    minutes = int(number.value * 60) if words[number.start].text in {"half", "quarter"} else int(number.value)
    index = number.end
    if index < len(words) and words[index].text == "minutes":
        index += 1
    direction = _DIRECTIONS.get(words[index].text) if index < len(words) else None
    hour = read_number(words, index + 1)
    if direction is None or hour is None or hour.ordinal or not 1 <= hour.value <= 12 or not 0 < minutes < 60:
        return None
    total = int(hour.value) * 60 + direction * minutes
    end = hour.end + 1 if hour.end < len(words) and words[hour.end].text == "oclock" else hour.end
    return total // 60 % 24, total % 60, end, True


def _read_clock(words: Sequence[Word], at: int, *, bare: bool) -> tuple[int, int, int, bool] | None:
    """Seven o'clock, seven thirty, seven oh five; certain only with the word o'clock."""
    hour = read_number(words, at)
    if hour is None or hour.ordinal or hour.value != int(hour.value) or not 0 <= hour.value <= 24:
        return None
    end = hour.end
    if end < len(words) and words[end].text == "oclock":
        return int(hour.value), 0, end + 1, True
    index = end + 1 if end < len(words) and words[end].text in {"oh", "o"} else end
    minute = read_number(words, index)
    if (
        minute is not None
        and not minute.ordinal
        and minute.value == int(minute.value)
        and (10 <= minute.value < 60 or index > end)
    ):
        return int(hour.value), int(minute.value), minute.end, False
    if unit_seconds(words[end].text if end < len(words) else "") is not None:
        return None
    return (int(hour.value), 0, end, False) if bare or _half_of_day(words, end)[0] is not None else None


def _half_of_day(words: Sequence[Word], at: int) -> tuple[bool | None, int]:
    """(after noon or not, or None; the index behind the words that said so)."""
    texts = tuple(word.text for word in words[at : at + 3])
    if texts[:1] in {("am",), ("pm",)}:
        return texts[0] == "pm", at + 1
    if texts[:1] == ("tonight",):
        return True, at + 1
    if texts[:2] == ("in", "the") and len(texts) == 3 and texts[2] in _LATE | {"morning"}:
        return texts[2] in _LATE, at + 3
    if texts[:2] in {("this", "evening"), ("this", "afternoon"), ("at", "night")}:
        return True, at + 2
    return None, at
