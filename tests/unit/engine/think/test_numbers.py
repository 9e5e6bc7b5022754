"""Numbers, durations, times and dates as they are said."""

from datetime import date, time

import pytest

from agentd.engine.think.matcher.dates import read_date
from agentd.engine.think.matcher.numbers import read_number
from agentd.engine.think.matcher.times import read_duration, read_time
from agentd.engine.think.matcher.words import split

TUESDAY = date(2026, 11, 24)


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("seven", 7),
        ("twenty one", 21),
        ("twenty-one", 21),
        ("twenty one and a half", 21.5),
        ("twenty one point five", 21.5),
        ("three point one four", 3.14),
        ("a hundred", 100),
        ("a hundred and five", 105),
        ("two hundred thirty four", 234),
        ("three thousand five hundred", 3500),
        ("two million", 2_000_000),
        ("21", 21),
        ("21.5", 21.5),
        ("21,5", 21.5),
        ("2 thousand", 2000),
        ("minus five", -5),
        ("a dozen", 12),
        ("a couple of", 2),
        ("half", 0.5),
        ("two and a quarter", 2.25),
        ("zero", 0),
        ("1 1/2", 1.5),
        ("3/4", 0.75),
        ("1½", 1.5),
    ],
)
def test_a_number_is_read_to_its_end(said: str, value: float) -> None:
    words = split(said)
    number = read_number(words, 0)

    assert number is not None
    assert (number.value, number.end, number.ordinal) == (value, len(words), False)


@pytest.mark.parametrize(("said", "value"), [("third", 3), ("twenty first", 21), ("3rd", 3), ("thirtieth", 30)])
def test_an_ordinal_is_told_from_a_number(said: str, value: float) -> None:
    number = read_number(split(said), 0)

    assert number is not None
    assert (number.value, number.ordinal) == (value, True)


@pytest.mark.parametrize("said", ["a", "lamp", "and", "hundred", "point five", "7:30", "2026-05-03", "couple", ""])
def test_what_is_no_number_is_none(said: str) -> None:
    assert read_number(split(said), 0) is None


def test_two_numbers_in_a_row_stay_two() -> None:
    number = read_number(split("seven thirty"), 0)

    assert number is not None
    assert (number.value, number.end) == (7, 1)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("ten minutes", 600),
        ("10 minutes", 600),
        ("an hour", 3600),
        ("half an hour", 1800),
        ("a quarter of an hour", 900),
        ("an hour and a half", 5400),
        ("one and a half hours", 5400),
        ("three and a half minutes", 210),
        ("a minute and a half", 90),
        ("two hours and thirty minutes", 9000),
        ("two hours thirty minutes and five seconds", 9005),
        ("two minutes thirty", 150),
        ("a couple of minutes", 120),
        ("ninety seconds", 90),
        ("three weeks", 1_814_400),
    ],
)
def test_a_duration_is_read_to_its_end(said: str, seconds: float) -> None:
    words = split(said)
    duration = read_duration(words, 0)

    assert duration is not None
    assert (duration.seconds, duration.end) == (seconds, len(words))


@pytest.mark.parametrize("said", ["ten", "minutes", "ten meters", "the hour", "third minute", ""])
def test_what_is_no_duration_is_none(said: str) -> None:
    assert read_duration(split(said), 0) is None


@pytest.mark.parametrize(
    ("said", "moment"),
    [
        ("at seven", time(7)),
        ("seven o'clock", time(7)),
        ("7:30", time(7, 30)),
        ("19:05", time(19, 5)),
        ("7:30 pm", time(19, 30)),
        ("two thirty p m", time(14, 30)),
        ("two thirty p.m.", time(14, 30)),
        ("half past seven", time(7, 30)),
        ("quarter to nine", time(8, 45)),
        ("a quarter past nine", time(9, 15)),
        ("ten to three", time(2, 50)),
        ("twenty minutes past four in the afternoon", time(16, 20)),
        ("at seven oh five", time(7, 5)),
        ("seven in the evening", time(19)),
        ("twelve am", time(0)),
        ("noon", time(12)),
        ("midnight", time(0)),
    ],
)
def test_a_time_of_day_is_read_to_its_end(said: str, moment: time) -> None:
    words = split(said)
    found = read_time(words, 0)

    assert found is not None
    assert (found.value, found.end) == (moment, len(words))


@pytest.mark.parametrize("said", ["seven", "seven thirty", "at 21", "at seven minutes", "25:00", "12:75", "lamp", ""])
def test_what_is_no_time_is_none(said: str) -> None:
    assert read_time(split(said), 0) is None


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("today", date(2026, 11, 24)),
        ("tomorrow", date(2026, 11, 25)),
        ("yesterday", date(2026, 11, 23)),
        ("the day after tomorrow", date(2026, 11, 26)),
        ("on friday", date(2026, 11, 27)),
        ("tuesday", date(2026, 12, 1)),
        ("next friday", date(2026, 12, 4)),
        ("next monday", date(2026, 11, 30)),
        ("next week", date(2026, 12, 1)),
        ("the third of May", date(2027, 5, 3)),
        ("may the third", date(2027, 5, 3)),
        ("December 24th", date(2026, 12, 24)),
        ("3 May 2027", date(2027, 5, 3)),
        ("in three days", date(2026, 11, 27)),
        ("in two weeks", date(2026, 12, 8)),
        ("a week from today", date(2026, 12, 1)),
        ("two days from tomorrow", date(2026, 11, 27)),
        ("the 15th", date(2026, 12, 15)),
        ("on the 30th", date(2026, 11, 30)),
        ("2026-12-03", date(2026, 12, 3)),
    ],
)
def test_a_date_is_read_to_its_end(said: str, day: date) -> None:
    words = split(said)
    found = read_date(words, 0, TUESDAY)

    assert found is not None
    assert (found.value, found.end) == (day, len(words))


@pytest.mark.parametrize("said", ["the 31st of june", "2026-13-40", "in ten minutes", "may", "the lamp", "third", ""])
def test_what_is_no_date_is_none(said: str) -> None:
    assert read_date(split(said), 0, TUESDAY) is None
