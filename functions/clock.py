"""The time and the date, as one says them.

The machine's time zone counts; another one is set in the configuration:

    [functions.clock]
    time_zone = "Europe/Vienna"
"""

from datetime import datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from agentd.functions import CallContext, function


@function(tier="read", examples=["What time is it?"])
def get_time(ctx: CallContext) -> str:
    """Tell the current time."""
    return spoken_time(now(ctx))


@function(tier="read", examples=["What is the date today?", "What day is it tomorrow?"])
def get_date(
    ctx: CallContext,
    day: Annotated[Literal["yesterday", "today", "tomorrow"], Field(description="Which day")] = "today",
) -> str:
    """Tell the date and the day of the week."""
    offset = {"yesterday": -1, "today": 0, "tomorrow": 1}[day]
    return spoken_date(now(ctx) + timedelta(days=offset), day)


def now(ctx: CallContext) -> datetime:
    """The present moment in the configured time zone, else in the machine's."""
    zone = ctx.config.get("time_zone")
    return datetime.now(ZoneInfo(zone)) if zone else datetime.now().astimezone()


def spoken_time(moment: datetime) -> str:
    """The sentence for a time: It is 3:20 PM. It is 4 PM. It is noon."""
    if moment.minute == 0 and moment.hour in {0, 12}:
        return "It is midnight." if moment.hour == 0 else "It is noon."
    hour = moment.hour % 12 or 12
    minutes = f":{moment.minute:02d}" if moment.minute else ""
    return f"It is {hour}{minutes} {'AM' if moment.hour < 12 else 'PM'}."


def spoken_date(moment: datetime, day: str = "today") -> str:
    """The sentence for a date: Today is Tuesday, November 24, 2026."""
    verb = "was" if day == "yesterday" else "is"
    return f"{day.capitalize()} {verb} {moment:%A}, {moment:%B} {moment.day}, {moment.year}."
