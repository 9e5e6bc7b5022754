"""Shopping and to-do lists. Each entry has a key of its own in the store, because two calls may run at the same time."""

import time
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from agentd.functions import CallContext, FunctionError, function

ListName = Annotated[Literal["shopping", "todo"], Field(description="Which list")]
Item = Annotated[str, StringConstraints(strip_whitespace=True), Field(min_length=1, max_length=100)]
Items = Annotated[list[Item], Field(description="The entries, each by itself", min_length=1, max_length=20)]


@function(tier="low", examples=["Add milk and eggs to the shopping list.", "Put call the plumber on my to-do list."])
async def add_to_list(ctx: CallContext, items: Items, list_name: ListName = "shopping") -> str:
    """Add entries to the shopping or the to-do list."""
    there = await entries(ctx, list_name)
    new = {item.casefold(): item for item in items if item.casefold() not in there}
    moment = time.time()
    await ctx.store.update({f"{list_name}/{key}": [moment + at / 1000, text] for at, (key, text) in enumerate(new.items())})
    known = [there[item.casefold()] for item in items if item.casefold() in there]
    told = [f"{listed(list(new.values()))} {is_are(new)} on the {title(list_name)}."] if new else []
    told += [f"{listed(known)} {'was' if len(known) == 1 else 'were'} on it already."] if known else []
    return " ".join(map(capital, told))


@function(tier="low", examples=["Remove milk from the shopping list.", "Cross the eggs off my to-do list."])
async def remove_from_list(ctx: CallContext, items: Items, list_name: ListName = "shopping") -> str:
    """Remove entries from the shopping or the to-do list."""
    there = await entries(ctx, list_name)
    found = {key: there[key] for item in items if (key := match(item, there)) is not None}
    if not found:
        raise FunctionError(f"The {title(list_name)} has no {listed(items, 'or')}.")
    for key in found:
        await ctx.store.delete(f"{list_name}/{key}")
    return capital(f"{listed(list(found.values()))} {is_are(found)} off the {title(list_name)}.")


@function(tier="read", examples=["What is on the shopping list?", "Read my to-do list."])
async def read_list(ctx: CallContext, list_name: ListName = "shopping") -> str:
    """Tell what is on the shopping or the to-do list."""
    there = await entries(ctx, list_name)
    if not there:
        return f"The {title(list_name)} is empty."
    return f"On the {title(list_name)} {is_are(there)} {listed(list(there.values()))}."


@function(tier="medium", examples=["Clear the shopping list.", "Empty my to-do list."])
async def clear_list(ctx: CallContext, list_name: ListName) -> str:
    """Clear the whole shopping or to-do list."""
    there = await entries(ctx, list_name)
    for key in there:
        await ctx.store.delete(f"{list_name}/{key}")
    return f"The {title(list_name)} is empty now." if there else f"The {title(list_name)} was empty already."


async def entries(ctx: CallContext, list_name: str) -> dict[str, str]:
    """What is on a list, oldest first: the text as it was said, by the same in small letters."""
    stored = await ctx.store.items(f"{list_name}/")
    return {key.partition("/")[2]: text for key, (_, text) in sorted(stored.items(), key=lambda item: item[1])}


def match(item: str, there: dict[str, str]) -> str | None:
    """The key of the entry that is meant: the same, or the only one that has all its words ("eggs": "six eggs")."""
    key = item.casefold().removeprefix("the ")
    having = [other for other in there if set(key.split()) <= set(other.split())]
    return key if key in there else having[0] if len(having) == 1 else None


def title(list_name: str) -> str:
    """The list as one says it."""
    return {"shopping": "shopping list", "todo": "to-do list"}[list_name]


def is_are(items: dict[str, str]) -> str:
    """One thing is, two things are."""
    return "is" if len(items) == 1 else "are"


def listed(parts: list[str], last: str = "and") -> str:
    """Parts joined as one says them: a, b and c."""
    return f" {last} ".join(filter(None, [", ".join(parts[:-1]), parts[-1]])) if parts else ""


def capital(words: str) -> str:
    """With a capital."""
    return f"{words[0].upper()}{words[1:]}"
