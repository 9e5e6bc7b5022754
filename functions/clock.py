"""The time, the date, and reckoning with dates, as one says them.

The machine's time zone counts; another one is set in the configuration:

    [functions.clock]
    time_zone = "Europe/Vienna"
"""

from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from agentd.functions import CallContext, FunctionError, function

AREAS = ("Europe", "America", "Asia", "Africa", "Australia", "Pacific", "Atlantic", "Indian")
"""Where the IANA time zone database files its cities: Asia/Tokyo, America/New_York."""

ZONES = {
    **dict.fromkeys(("munich", "hamburg", "frankfurt", "cologne", "germany"), "Europe/Berlin"),
    **dict.fromkeys(("barcelona", "spain"), "Europe/Madrid"),
    **dict.fromkeys(("milan", "florence", "venice", "naples", "italy"), "Europe/Rome"),
    **dict.fromkeys(("england", "scotland", "edinburgh", "manchester", "great britain"), "Europe/London"),
    **dict.fromkeys(("geneva", "basel", "switzerland"), "Europe/Zurich"),
    **dict.fromkeys(("france", "lyon", "marseille"), "Europe/Paris"),
    **dict.fromkeys(("kyiv", "ukraine"), "Europe/Kiev"),
    **dict.fromkeys(("washington", "boston", "miami", "atlanta", "philadelphia", "new york city"), "America/New_York"),
    **dict.fromkeys(("dallas", "houston", "austin", "new orleans", "texas"), "America/Chicago"),
    **dict.fromkeys(("san francisco", "seattle", "san diego", "las vegas", "california"), "America/Los_Angeles"),
    **dict.fromkeys(("montreal", "ottawa"), "America/Toronto"),
    **dict.fromkeys(("rio", "rio de janeiro", "brasilia"), "America/Sao_Paulo"),
    "buenos aires": "America/Argentina/Buenos_Aires",
    **dict.fromkeys(("beijing", "china"), "Asia/Shanghai"),
    **dict.fromkeys(("mumbai", "delhi", "new delhi", "bangalore", "india", "kolkata"), "Asia/Kolkata"),
    **dict.fromkeys(("osaka", "kyoto", "japan"), "Asia/Tokyo"),
    **dict.fromkeys(("abu dhabi",), "Asia/Dubai"),
    **dict.fromkeys(("cape town", "south africa"), "Africa/Johannesburg"),
    **dict.fromkeys(("new zealand", "wellington"), "Pacific/Auckland"),
    "hawaii": "Pacific/Honolulu",
    "canberra": "Australia/Sydney",
}
"""Places that are no city of that database, and the zone they are in."""


@function(tier="read", examples=["What time is it?", "Tell me the time in Tokyo."])
def get_time(
    ctx: CallContext,
    place: Annotated[str, Field(description="A city; empty for the time here", max_length=60)] = "",
) -> str:
    """Tell the current time, here or in a city."""
    if not place.strip():
        return spoken_time(now(ctx))
    there, here = now(ctx).astimezone(zone_of(place)), now(ctx)
    day = "" if there.date() == here.date() else f" on {there:%A}"
    return f"{spoken_time(there).rstrip('.')}{day} in {place.strip()}."


@function(
    tier="read",
    examples=[
        "What is the date today?",
        "What day is it tomorrow?",
        "What is the date in three weeks?",
        "What day was it ten days ago?",
    ],
)
def get_date(
    ctx: CallContext,
    day: Annotated[Literal["yesterday", "today", "tomorrow"], Field(description="Which day")] = "today",
    days: Annotated[int, Field(description="That many days from then", ge=0, le=36_525)] = 0,
    direction: Annotated[Literal["later", "ago"], Field(description="Whether these days lie ahead or back")] = "later",
) -> str:
    """Tell the date and the day of the week, of today or of a day so many days away."""
    today = now(ctx).date()
    if days == 0:
        return spoken_date(today + timedelta(days={"yesterday": -1, "today": 0, "tomorrow": 1}[day]), day)
    if direction == "ago":
        return f"{plural(days, 'day')} ago it was {long(today - timedelta(days=days))}."
    return f"In {plural(days, 'day')} it will be {long(today + timedelta(days=days))}."


@function(
    tier="read",
    examples=[
        "How many days until December 24?",
        "How long is it until Christmas?",
        "How long till Christmas?",
        "When is Christmas?",
        "What day of the week is March 3?",
        "How old am I if I was born on May 3, 1980?",
        "How many days are there between March 3 and June 9?",
    ],
)
def look_up_date(
    ctx: CallContext,
    date: Annotated[date, Field(description="The date asked about")],
    until: Annotated[date | None, Field(description="For the time between two dates: the second one")] = None,
) -> str:
    """Tell the weekday of a date and how long ago it was or how far away it is, or the time between two dates."""
    today = now(ctx).date()
    if until is not None:
        first, last = sorted((date, until))
        return f"From {short(first)} to {short(last)} it is {distance(first, last)}."
    if date == today:
        return f"{short(date)} is today, a {date:%A}."
    far = f"{distance(today, date)} from today" if date > today else f"{distance(date, today)} ago"
    return f"{short(date)} {is_or_was(date, today)} a {date:%A}, {far}."


def now(ctx: CallContext) -> datetime:
    """The present moment in the configured time zone, else in the machine's."""
    zone = ctx.config.get("time_zone")
    return datetime.now(ZoneInfo(zone)) if zone else datetime.now().astimezone()


def zone_of(place: str) -> ZoneInfo:
    """The time zone of a city, or of one of the other places above."""
    name = " ".join(place.casefold().replace(",", " ").split()).removeprefix("the ")
    city = name.title().replace(" ", "_")
    for key in (ZONES.get(name), *(f"{area}/{city}" for area in AREAS)):
        try:
            return ZoneInfo(key or "")
        except (KeyError, ValueError, OSError):
            continue
    raise FunctionError(f"I do not know the time zone of {place}. Name a large city in it.")


def spoken_time(moment: datetime) -> str:
    """The sentence for a time: It is 3:20 PM. It is 4 PM. It is noon."""
    if moment.minute == 0 and moment.hour in {0, 12}:
        return "It is midnight." if moment.hour == 0 else "It is noon."
    hour = moment.hour % 12 or 12
    minutes = f":{moment.minute:02d}" if moment.minute else ""
    return f"It is {hour}{minutes} {'AM' if moment.hour < 12 else 'PM'}."


def spoken_date(moment: date, day: str = "today") -> str:
    """The sentence for a date: Today is Tuesday, November 24, 2026."""
    return f"{day.capitalize()} {'was' if day == 'yesterday' else 'is'} {long(moment)}."


def long(moment: date) -> str:
    """A date with its weekday: Tuesday, November 24, 2026."""
    return f"{moment:%A}, {short(moment)}"


def short(moment: date) -> str:
    """A date: November 24, 2026."""
    return f"{moment:%B} {moment.day}, {moment.year}"


def is_or_was(moment: date, today: date) -> str:
    """The verb that goes with a date."""
    return "was" if moment < today else "is"


def distance(first: date, last: date) -> str:
    """How far apart two dates are: 12 days; 46 years and 205 days; 3 years."""
    years = last.year - first.year - ((last.month, last.day) < (first.month, first.day))
    days = (last - anniversary(first, first.year + years)).days
    if not years:
        return plural(days, "day")
    return plural(years, "year") + (f" and {plural(days, 'day')}" if days else "")


def anniversary(day: date, year: int) -> date:
    """The same day of another year; March 1 for a February 29 that it does not have."""
    try:
        return day.replace(year=year)
    except ValueError:
        return date(year, 3, 1)


def plural(count: int, unit: str) -> str:
    """1 day, 2 days."""
    return f"{count} {unit}{'' if count == 1 else 's'}"
