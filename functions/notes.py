"""Notes that are dictated, found again by their words, and deleted. They last as long as the daemon's store."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from agentd.functions import AskUser, CallContext, FunctionError, function

SPOKEN = 5
"""Notes told at once; more is not to be listened to."""

SMALL = frozenset(["a", "an", "the", "my", "our", "your", "of", "on", "in", "at", "to", "for", "with", "about", "and", "s"])
"""Words that find nothing."""

Text = Annotated[
    str, StringConstraints(strip_whitespace=True), Field(description="The note, word by word", min_length=1, max_length=2000)
]
Subject = Annotated[str, Field(description="Words of the note, such as its subject", max_length=200)]


@function(
    tier="low",
    examples=[
        "Take a note: the spare key is with Anna.",
        "Note that the car needs oil.",
        "Write down that the code is 4711.",
        "Note down that a parcel comes tomorrow.",
        "Write this down: the meter reads 1234.",
    ],
    on_duplicate="answer",
)
async def take_note(ctx: CallContext, text: Text) -> str:
    """Write down a note."""
    await ctx.store.set(f"{datetime.now().astimezone().isoformat()} {ctx.call_id}"[:200], text)
    return f"Noted: {end(text)}"


@function(tier="read", examples=["Read my notes.", "Find my note about the car.", "What did I note about the key?"])
async def read_notes(ctx: CallContext, subject: Subject = "") -> str:
    """Read the notes, the latest first, or find those about something."""
    found = await notes(ctx, subject)
    if not found:
        return f"There is no note about {subject}." if subject else "There are no notes."
    latest = list(found.values())[:SPOKEN]
    more = f" And {len(found) - SPOKEN} more." if len(found) > SPOKEN else ""
    return " ".join(map(end, latest)) + more


@function(tier="low", examples=["Delete the note about the car."])
async def delete_note(ctx: CallContext, subject: Subject) -> str:
    """Delete a note."""
    found = await notes(ctx, subject)
    if not found:
        raise FunctionError(f"There is no note about {subject}.")
    if len(found) > 1:
        raise AskUser(f"There are {len(found)} such notes. Which words does only that one have?", argument="subject")
    key, text = next(iter(found.items()))
    await ctx.store.delete(key)
    return f"Deleted: {end(text)}"


async def notes(ctx: CallContext, subject: str) -> dict[str, str]:
    """The notes with all these words, the latest first."""
    wanted = words(subject) - SMALL
    stored = await ctx.store.items()
    return {key: text for key, text in sorted(stored.items(), reverse=True) if wanted <= words(text)}


def words(text: str) -> set[str]:
    """The words of a text, in small letters and without the ending of number."""
    plain = "".join(letter if letter.isalnum() else " " for letter in text.casefold())
    return {word.removesuffix("s") if len(word) > 3 else word for word in plain.split()}


def end(text: str) -> str:
    """With a capital and a full stop."""
    return f"{text[0].upper()}{text[1:]}{'' if text[-1] in '.!?' else '.'}"
