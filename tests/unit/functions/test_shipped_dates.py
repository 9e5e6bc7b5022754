"""Dates and units of the handlers that ship, as sentences."""

from datetime import date, datetime, time
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest

from agentd.functions import CallContext, FunctionError
from functions import clock, reminders, units

NOW = datetime(2026, 11, 24, 15, 20, tzinfo=ZoneInfo("Europe/Vienna"))


@pytest.fixture
def ctx(monkeypatch: pytest.MonkeyPatch) -> CallContext:
    """A call at the moment NOW; the clock is the one thing that a test has to set."""
    monkeypatch.setattr(clock, "now", lambda _: NOW)

    async def nobody(operation: str, arguments: dict[str, Any]) -> Any:
        raise AssertionError(operation)

    return CallContext(call_id="1", function="f", session_id="s", run_id="r", agent="a", metadata={}, config={}, ask=nobody)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("", "It is 3:20 PM."),
        ("Tokyo", "It is 11:20 PM in Tokyo."),
        ("Sydney", "It is 1:20 AM on Wednesday in Sydney."),
        ("new york city", "It is 9:20 AM in new york city."),
        ("Buenos Aires", "It is 11:20 AM in Buenos Aires."),
        ("Los  Angeles", "It is 6:20 AM in Los  Angeles."),
        ("Munich", "It is 3:20 PM in Munich."),
        ("Honolulu", "It is 4:20 AM in Honolulu."),
    ],
)
def test_the_time_elsewhere_is_told_with_the_day_where_that_differs(ctx: CallContext, place: str, words: str) -> None:
    assert clock.get_time(ctx, place) == words


@pytest.mark.parametrize("place", ["Atlantis", "../../etc/passwd", "/etc/localtime", "Europe", "\0", "x" * 60])
def test_a_place_without_a_time_zone_is_refused_in_words(ctx: CallContext, place: str) -> None:
    with pytest.raises(FunctionError, match="I do not know the time zone of"):
        clock.get_time(ctx, place)


def test_every_place_in_the_table_has_a_zone() -> None:
    assert all(clock.zone_of(place) for place in clock.ZONES)


def test_a_day_so_many_days_away_is_told(ctx: CallContext) -> None:
    assert clock.get_date(ctx, days=21) == "In 21 days it will be Tuesday, December 15, 2026."
    assert clock.get_date(ctx, days=1) == "In 1 day it will be Wednesday, November 25, 2026."
    assert clock.get_date(ctx, days=10, direction="ago") == "10 days ago it was Saturday, November 14, 2026."


@pytest.mark.parametrize(
    ("day", "until", "words"),
    [
        (date(2026, 12, 24), None, "December 24, 2026 is a Thursday, 30 days from today."),
        (date(2026, 11, 25), None, "November 25, 2026 is a Wednesday, 1 day from today."),
        (date(2026, 11, 24), None, "November 24, 2026 is today, a Tuesday."),
        (date(1980, 5, 3), None, "May 3, 1980 was a Saturday, 46 years and 205 days ago."),
        (date(2025, 11, 24), None, "November 24, 2025 was a Monday, 1 year ago."),
        (date(2024, 2, 29), None, "February 29, 2024 was a Thursday, 2 years and 268 days ago."),
        (date(2026, 3, 3), date(2026, 6, 9), "From March 3, 2026 to June 9, 2026 it is 98 days."),
        (date(2026, 6, 9), date(2026, 3, 3), "From March 3, 2026 to June 9, 2026 it is 98 days."),
    ],
)
def test_a_date_is_told_with_its_weekday_and_how_far_it_is(ctx: CallContext, day: date, until: date | None, words: str) -> None:
    assert clock.look_up_date(ctx, day, until) == words


@pytest.mark.parametrize(
    ("amount", "unit", "to", "words"),
    [
        (5, "miles", "kilometers", "5 miles are 8.047 kilometers."),
        (1, "kilometers", "miles", "1 kilometer is 0.6214 miles."),
        (3, "meters", "feet", "3 meters are 9.843 feet."),
        (12, "inches", "feet", "12 inches are 1 foot."),
        (100, "fahrenheit", "celsius", "100 degrees fahrenheit are 37.78 degrees celsius."),
        (-40, "celsius", "fahrenheit", "-40 degrees celsius are -40 degrees fahrenheit."),
        (0, "celsius", "fahrenheit", "0 degrees celsius are 32 degrees fahrenheit."),
        (2, "tons", "kilograms", "2 tons are 2,000 kilograms."),
        (123456, "meters", "kilometers", "123,456 meters are 123.5 kilometers."),
        (60, "miles per hour", "kilometers per hour", "60 miles per hour are 96.56 kilometers per hour."),
        (1.609344, "kilometers per hour", "miles per hour", "1.609 kilometers per hour are 1 mile per hour."),
        (1, "gallons", "liters", "1 gallon is 3.785 liters."),
        (1, "square meters", "square feet", "1 square meter is 10.76 square feet."),
        (90, "minutes", "hours", "90 minutes are 1.5 hours."),
        (0.00001, "millimeters", "kilometers", "0.00001 millimeters are 0.00000000001 kilometers."),
    ],
)
def test_amounts_are_converted_and_said_with_four_digits(amount: float, unit: Any, to: Any, words: str) -> None:
    assert units.convert_units(unit, to, amount) == words


def test_what_measures_different_things_is_not_converted() -> None:
    with pytest.raises(FunctionError, match=r"Meters measure length, liters measure volume\. They cannot be converted\."):
        units.convert_units("meters", "liters", 3)


def test_every_unit_that_may_be_said_has_a_size() -> None:
    assert set(get_args(units.Unit)) == units.KINDS.keys()


@pytest.mark.parametrize(
    ("due", "words"),
    [
        (datetime(2026, 11, 24, 19, 0, tzinfo=NOW.tzinfo), "at 7 PM"),
        (datetime(2026, 11, 25, 8, 30, tzinfo=NOW.tzinfo), "tomorrow at 8:30 AM"),
        (datetime(2026, 11, 27, 12, 0, tzinfo=NOW.tzinfo), "on Friday at noon"),
        (datetime(2026, 12, 1, 0, 0, tzinfo=NOW.tzinfo), "on December 1 at midnight"),
    ],
)
def test_moments_are_said_as_people_say_them(due: datetime, words: str) -> None:
    assert reminders.spoken(due, NOW) == words


def test_a_time_of_day_is_in_the_zone_of_the_moment_also_where_a_model_sends_another() -> None:
    assert reminders.at(date(2026, 11, 25), time(19, tzinfo=ZoneInfo("UTC")), NOW).isoformat() == "2026-11-25T19:00:00+01:00"
