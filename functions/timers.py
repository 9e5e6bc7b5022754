"""Timers that speak when they ring: the daemon keeps them, so this file remembers nothing."""

from typing import Annotated

from pydantic import Field

from agentd.functions import AskUser, CallContext, FunctionError, Pending, function

Name = Annotated[
    str, Field(description="What the timer is for; empty for none", examples=["tea", "pizza", "laundry"], max_length=60)
]


@function(
    tier="low",
    examples=["Set a timer for ten minutes.", "Set a tea timer for three and a half minutes."],
    on_duplicate="answer",
)
async def set_timer(
    ctx: CallContext,
    minutes: Annotated[
        float, Field(description="Duration in minutes; 0.5 is thirty seconds, 90 an hour and a half", gt=0, le=24 * 60)
    ],
    name: Name = "",
) -> str:
    """Set a timer that rings after a duration."""
    seconds = max(1, round(minutes * 60))
    title = f"{name} timer" if name else "timer"
    await ctx.later(seconds, say=f"Your {title} for {spoken(seconds)} is done.", label=name)
    return f"Your {title} is set for {spoken(seconds)}."


@function(tier="read", examples=["Which timers are running?", "How long is left on the timer?"])
async def list_timers(ctx: CallContext) -> str:
    """Tell which timers are running and how much time is left on each."""
    running = await ctx.pending()
    if not running:
        return "No timer is running."
    return " ".join(f"{title(timer)} has {spoken(timer.due_in_s)} left." for timer in running)


@function(tier="low", examples=["Cancel the timer.", "Stop the pizza timer."])
async def cancel_timer(ctx: CallContext, name: Name = "") -> str:
    """Cancel a running timer."""
    running = await ctx.pending()
    wanted = [timer for timer in running if timer.label.casefold() == name.casefold()] if name else running
    if not running:
        return "No timer is running."
    if not wanted:
        raise FunctionError(f"There is no {name} timer. Running: {', '.join(title(timer) for timer in running)}.")
    if len(wanted) > 1 and not name:
        names = " or ".join(timer.label or "the one without a name" for timer in running)
        raise AskUser(f"Which timer, {names}?", argument="name")
    await ctx.cancel_later(wanted[0].id)
    return f"{title(wanted[0])} is cancelled."


def title(timer: Pending) -> str:
    """The timer as one says it: The tea timer."""
    return f"The {timer.label} timer" if timer.label else "The timer"


def spoken(seconds: float) -> str:
    """A duration as one says it: "1 hour and 30 minutes", "45 seconds"."""
    left = max(1, round(seconds))
    hours, left = divmod(left, 3600)
    minutes, left = divmod(left, 60)
    parts = [f"{n} {unit}{'' if n == 1 else 's'}" for n, unit in ((hours, "hour"), (minutes, "minute"), (left, "second")) if n]
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
