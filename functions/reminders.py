"""Reminders that speak at their time, once or every day. The daemon keeps the clock, so they outlast a restart.

The machine's time zone counts; another one is set in the configuration:

    [functions.reminders]
    time_zone = "Europe/Vienna"
"""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints

from agentd.functions import AskUser, CallContext, FunctionError, Pending, function

Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True),
    Field(description='What to remind of, such as "call Anna"', min_length=1, max_length=100),
]

EARLY = timedelta(seconds=2)
"""A daily reminder that is called no earlier than this has come due; anything earlier is a user who sets it anew."""


@function(
    tier="low",
    examples=[
        "Remind me to call Anna at seven.",
        "Remind me in twenty minutes to check the oven.",
        "Remind me every day at eight to water the plants.",
    ],
    on_duplicate="answer",
)
async def set_reminder(
    ctx: CallContext,
    text: Text,
    *,
    minutes: Annotated[
        float | None, Field(description="In how many minutes, if no time is given", gt=0, le=366 * 24 * 60)
    ] = None,
    time: Annotated[time | None, Field(description="At which time of day, HH:MM on the 24 hour clock")] = None,
    date: Annotated[date | None, Field(description="On which day; left out: the next time it is that time")] = None,
    repeat: Annotated[Literal["once", "everyday"], Field(description="Whether to remind every day")] = "once",
) -> str:
    """Remind the user of something at a time, after a while, or every day."""
    moment = now(ctx)
    if repeat == "everyday" and time is not None:
        return await every_day(ctx, text, time, moment)
    if minutes is not None:
        due = moment + timedelta(minutes=minutes)
    elif time is not None:
        due = at(date or moment.date(), time, moment)
        if due <= moment and date is None:
            due = at(moment.date() + timedelta(days=1), time, moment)
    else:
        raise AskUser(f"When shall I remind you to {text}?", argument="time")
    if due <= moment:
        raise FunctionError(f"{spoken(due, moment).capitalize()} is over already.")
    await ctx.later((due - moment).total_seconds(), say=f"Here is your reminder: {text}.", label=text)
    return f"I will remind you {spoken(due, moment)}: {text}."


@function(tier="read", examples=["Which reminders do I have?", "What are my reminders?"])
async def list_reminders(ctx: CallContext) -> str:
    """Tell which reminders are set and when they are due."""
    reminders = await kept(ctx)
    if not reminders:
        return "There are no reminders."
    moment = now(ctx)
    daily = await ctx.store.items(days(ctx))
    parts = [
        f"{due(reminder, moment)}{' and every day' if days(ctx) + reminder.label in daily else ''}: {reminder.label}"
        for reminder in reminders
    ]
    opening = "There is one reminder" if len(parts) == 1 else f"There are {len(parts)} reminders"
    return f"{opening}, {'; '.join(parts)}."


@function(tier="low", examples=["Cancel the reminder about the oven.", "Cancel my reminder."])
async def cancel_reminder(
    ctx: CallContext,
    subject: Annotated[str, Field(description="Words of the reminder; empty if there is only one", max_length=200)] = "",
) -> str:
    """Cancel a reminder."""
    reminders = await kept(ctx)
    if not reminders:
        return "There are no reminders."
    meant = [reminder for reminder in reminders if set(subject.casefold().split()) <= set(reminder.label.casefold().split())]
    if not meant:
        raise FunctionError(f"No reminder is about {subject}. There are: {'; '.join(reminder.label for reminder in reminders)}.")
    if len(meant) > 1:
        raise AskUser(f"Which reminder: {', or '.join(reminder.label for reminder in meant)}?", argument="subject")
    await ctx.cancel_later(meant[0].id)
    await ctx.store.delete(days(ctx) + meant[0].label)
    return f"I will not remind you any more: {meant[0].label}."


async def every_day(ctx: CallContext, text: str, time: time, moment: datetime) -> str:
    """Plan the next day's call of ``set_reminder``, which comes here again: it speaks, and plans the one after."""
    stored = await ctx.store.get(days(ctx) + text)
    rings = stored is not None and datetime.fromisoformat(stored) - EARLY <= moment
    if rings:
        await ctx.say(f"Here is your reminder: {text}.")
    due = at(moment.date(), time, moment)
    if due <= moment + (EARLY if rings else timedelta()):
        due = at(moment.date() + timedelta(days=1), time, moment)
    for other in await ctx.pending():
        if other.label == text:
            await ctx.cancel_later(other.id)
    await ctx.store.set(days(ctx) + text, due.isoformat())
    again = {"text": text, "time": f"{time:%H:%M}", "repeat": "everyday"}
    await ctx.later((due - moment).total_seconds(), call="set_reminder", arguments=again, label=text)
    return f"I will remind you every day at {clock(due)}: {text}."


async def kept(ctx: CallContext) -> list[Pending]:
    """The reminders. A daily one that was dropped, because nobody was there for a whole day, is planned anew."""
    planned = {reminder.label for reminder in await ctx.pending()}
    for key, due in (await ctx.store.items(days(ctx))).items():
        text = key.removeprefix(days(ctx))
        if text not in planned:
            await ctx.store.delete(key)  # it does not ring now
            await every_day(ctx, text, datetime.fromisoformat(due).time(), now(ctx))
    return await ctx.pending()


def days(ctx: CallContext) -> str:
    """Before the keys under which the store keeps when a daily reminder of this session is due next."""
    return f"daily/{ctx.session_id}/"


def now(ctx: CallContext) -> datetime:
    """The present moment in the configured time zone, else in the machine's."""
    zone = ctx.config.get("time_zone")
    return datetime.now(ZoneInfo(zone)) if zone else datetime.now().astimezone()


def at(day: date, time: time, moment: datetime) -> datetime:
    """That time of that day, in the zone of ``moment``."""
    return datetime.combine(day, time.replace(tzinfo=None), moment.tzinfo)


def due(reminder: Pending, moment: datetime) -> str:
    """When a reminder rings."""
    return spoken(moment + timedelta(seconds=reminder.due_in_s), moment)


def spoken(due: datetime, moment: datetime) -> str:
    """A moment as one says it: at 7 PM; tomorrow at 8:30 AM; on Friday at noon; on December 24 at 6 PM."""
    days = (due.date() - moment.date()).days
    day = "" if days == 0 else "tomorrow " if days == 1 else f"on {due:%A} " if 1 < days < 7 else f"on {due:%B} {due.day} "
    return f"{day}at {clock(due)}"


def clock(moment: datetime) -> str:
    """A time of day: 7 PM, 8:30 AM, noon."""
    if moment.minute == 0 and moment.hour in {0, 12}:
        return "midnight" if moment.hour == 0 else "noon"
    return f"{moment.hour % 12 or 12}{f':{moment.minute:02d}' if moment.minute else ''} {'AM' if moment.hour < 12 else 'PM'}"
