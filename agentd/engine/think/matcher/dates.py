"""Dates in English: "tomorrow", "next friday", "the third of may", "in two weeks", "2026-05-03"."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from agentd.engine.think.matcher.numbers import read_number
from agentd.engine.think.matcher.times import read_duration
from agentd.engine.think.matcher.words import Word

_DAY_SECONDS: Final = 86_400
_WEEKDAYS: Final = tuple("monday tuesday wednesday thursday friday saturday sunday".split())
MONTHS: Final = tuple("january february march april may june july august september october november december".split())
_LONGEST_MONTH: Final = 31
_AFTER_DAY: Final = frozenset("at for from to until and by in please".split())
_HOLIDAYS: Final = {
    ("christmas", "eve"): (12, 24),
    ("christmas", "day"): (12, 25),
    ("christmas",): (12, 25),
    ("boxing", "day"): (12, 26),
    ("new", "year's", "eve"): (12, 31),
    ("new", "years", "eve"): (12, 31),
    ("new", "year's", "day"): (1, 1),
    ("new", "years", "day"): (1, 1),
    ("new", "year's"): (1, 1),
    ("new", "year"): (1, 1),
    ("valentine's", "day"): (2, 14),
    ("valentine's",): (2, 14),
    ("saint", "patrick's", "day"): (3, 17),
    ("halloween",): (10, 31),
}
"""(month, day) of holidays that have the same date every year; a longer name stands before one that begins it."""

_NAMED: Final = {"today": 0, "tonight": 0, "tomorrow": 1, "yesterday": -1}


@dataclass(frozen=True, slots=True)
class Date:
    """A day in ``words[start:end]``."""

    start: int
    end: int
    value: date


def read_date(words: Sequence[Word], at: int, today: date) -> Date | None:
    """The date that begins at ``words[at]``, seen from ``today``; a day of the year gone by means the next one."""
    index = at
    while index < len(words) and words[index].text in {"on", "the", "by", "until", "till", "for"} and index - at < 2:
        index += 1
    if index >= len(words):
        return None
    found = _read_named(words, index, today) or _read_weekday(words, index, today)
    found = found or _read_holiday(words, index, today) or _read_month(words, index, today)
    if found is None and words[index - 1].text == "the" and index > at:
        found = _read_day(words, index, today)
    if found is None and index == at:
        found = _read_distance(words, index, today)
    return None if found is None else Date(at, found[0], found[1])


def _read_named(words: Sequence[Word], at: int, today: date) -> tuple[int, date] | None:
    text = words[at].text
    if text.count("-") == 2:
        try:
            return at + 1, date.fromisoformat(text)
        except ValueError:
            return None
    if tuple(word.text for word in words[at : at + 3]) == ("day", "after", "tomorrow"):
        return at + 3, today + timedelta(days=2)
    return (at + 1, today + timedelta(days=_NAMED[text])) if text in _NAMED else None


def _read_weekday(words: Sequence[Word], at: int, today: date) -> tuple[int, date] | None:
    """The next such day after today; "next friday" is the one of next week."""
    text, following = words[at].text, False
    if text in {"next", "this", "coming"} and at + 1 < len(words):
        following, at = text == "next", at + 1
        text = words[at].text
        if following and text == "week":
            return at + 1, today + timedelta(days=7)
    if text not in _WEEKDAYS:
        return None
    ahead = (_WEEKDAYS.index(text) - today.weekday()) % 7 or 7
    if following and today.weekday() + ahead < 7:
        ahead += 7
    return at + 1, today + timedelta(days=ahead)


def _read_holiday(words: Sequence[Word], at: int, today: date) -> tuple[int, date] | None:
    for name, (month, day) in _HOLIDAYS.items():
        if tuple(word.text for word in words[at : at + len(name)]) == name:
            this_year = date(today.year, month, day)
            return at + len(name), this_year if this_year >= today else this_year.replace(year=today.year + 1)
    return None


def _read_month(words: Sequence[Word], at: int, today: date) -> tuple[int, date] | None:
    """The third of May, May the third, May 3, 3 May, each with or without a year."""
    month, day, index = 0, 0, at
    number = read_number(words, at)
    if number is not None and 1 <= number.value <= 31:
        index = number.end + 1 if number.end < len(words) and words[number.end].text == "of" else number.end
        if index < len(words) and words[index].text in MONTHS:
            month, day, index = MONTHS.index(words[index].text) + 1, int(number.value), index + 1
    elif words[at].text in MONTHS:
        index = at + 2 if at + 1 < len(words) and words[at + 1].text == "the" else at + 1
        number = read_number(words, index)
        if number is not None and 1 <= number.value <= 31:
            month, day, index = MONTHS.index(words[at].text) + 1, int(number.value), number.end
    if not month:
        return None
    year = read_number(words, index)
    try:
        if year is not None and 1900 <= year.value <= 2200:
            return year.end, date(int(year.value), month, day)
        this_year = date(today.year, month, day)
        return index, this_year if this_year >= today else date(today.year + 1, month, day)
    except ValueError:  # the 31st of June
        return None


def _read_day(words: Sequence[Word], at: int, today: date) -> tuple[int, date] | None:
    """The 15th: the next such day of a month, where nothing follows that it could count."""
    number = read_number(words, at)
    if number is None or not number.ordinal or not 1 <= number.value <= _LONGEST_MONTH:
        return None
    if number.end < len(words) and words[number.end].text not in _AFTER_DAY:
        return None
    for months in range(1, 3):
        year, month = today.year + (today.month + months - 2) // 12, (today.month + months - 2) % 12 + 1
        try:
            day = date(year, month, int(number.value))
        except ValueError:
            continue
        if day >= today:
            return number.end, day
    return None


def _read_distance(words: Sequence[Word], at: int, today: date) -> tuple[int, date] | None:
    """In three days, in two weeks, a week from today."""
    led = words[at].text == "in"
    duration = read_duration(words, at + 1 if led else at)
    if duration is None or duration.seconds < _DAY_SECONDS or duration.seconds % _DAY_SECONDS:
        return None
    behind = tuple(word.text for word in words[duration.end : duration.end + 2])
    since = _NAMED.get(behind[1], 0) if behind[:1] == ("from",) and behind[1:] and behind[1] in {*_NAMED, "now"} else None
    if not led and since is None:
        return None
    end = duration.end if since is None else duration.end + 2
    return end, today + timedelta(seconds=duration.seconds, days=since or 0)
