"""An order line: take an order over the telephone, read it back, place it.

The menu stands here; each caller's order is kept by the daemon until it is placed.
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from agentd.functions import AskUser, CallContext, FunctionError, function

Dish = Literal["margherita pizza", "mushroom pizza", "pepperoni pizza", "green salad", "garlic bread", "lemonade"]
Size = Literal["small", "large"]

PRICES: dict[str, tuple[float, float]] = {
    "margherita pizza": (9, 13),
    "mushroom pizza": (10, 14),
    "pepperoni pizza": (11, 15),
    "green salad": (5, 7),
    "garlic bread": (4, 6),
    "lemonade": (3, 4),
}
"""Dollars, small and large."""

Order = dict[str, int]
"""How many of each, by ``size dish``."""


@function(tier="read", examples=["What do you have?", "How much is a mushroom pizza?"])
async def read_menu(
    dish: Annotated[Dish | None, Field(description="One dish; left out: the whole menu")] = None,
) -> str:
    """Tell what can be ordered, and what it costs."""
    if dish:
        small, large = PRICES[dish]
        return f"A {dish} is {small:g} dollars, a large one {large:g}."
    return f"We have {', '.join(get_args(Dish)[:-1])} and {get_args(Dish)[-1]}."


@function(tier="low", examples=["I would like two large mushroom pizzas.", "Add a lemonade.", "Two lemonades, please."])
async def add_item(
    ctx: CallContext,
    dish: Annotated[Dish, Field(description="What is ordered")],
    quantity: Annotated[int, Field(description="How many", ge=1, le=20)] = 1,
    size: Annotated[Size, Field(description="small or large")] = "small",
) -> str:
    """Put something on the order."""
    item = f"{size} {dish}"
    order = await ctx.store.change(key(ctx), lambda order: order | {item: order.get(item, 0) + quantity}, {})
    return f"{told(order)} Anything else?"


@function(tier="low", examples=["Remove the lemonade.", "No garlic bread after all."])
async def remove_item(ctx: CallContext, dish: Annotated[Dish, Field(description="What is not wanted any more")]) -> str:
    """Take something off the order."""
    order = await current(ctx)
    if not any(item.endswith(dish) for item in order):
        raise FunctionError(f"There is no {dish} on the order. {told(order)}")
    left = await ctx.store.change(key(ctx), lambda order: {item: n for item, n in order.items() if not item.endswith(dish)}, {})
    return told(left)


@function(tier="read", examples=["What is on my order?", "How much is that together?"])
async def read_order(ctx: CallContext) -> str:
    """Read the order back, with the sum."""
    return told(await current(ctx))


@function(
    tier="medium", on_duplicate="answer", filler="One moment, I am placing your order.", examples=["Place the order for Anna."]
)
async def place_order(
    ctx: CallContext,
    name: Annotated[str, Field(description="For whom it is", max_length=80)] = "",
) -> dict[str, Any]:
    """Place the order, once the caller has heard it read back and agreed."""
    order = await current(ctx)
    if not order:
        raise FunctionError("Nothing is on the order yet. What would you like?")
    if not name:
        raise AskUser("Under which name may I place it?", argument="name")
    number = 1 + len(await ctx.store.items("placed/"))
    placed = {"number": number, "name": name, "phone": ctx.caller, "items": order, "total": total(order)}
    while not await ctx.store.add(f"placed/{placed['number']:06d}", placed):  # somebody else has just placed one
        placed["number"] = number = number + 1
    await ctx.store.delete(key(ctx))
    say = f"Thank you, {name}. Your order number is {number}, that is {total(order):g} dollars, in half an hour."
    return {**placed, "say": say}


@function(tier="low", examples=["Goodbye.", "End the call."])
async def end_call(ctx: CallContext) -> dict[str, str]:
    """End the call with a farewell, once the caller wants nothing more. Say nothing after it."""
    await ctx.say("Thank you for calling. Goodbye!")
    await ctx.end_session(after_speech=True)
    return {"status": "closing"}


async def current(ctx: CallContext) -> Order:
    """The order of this call."""
    order: Order = await ctx.store.get(key(ctx), {})
    return order


def key(ctx: CallContext) -> str:
    """Where the order of this call is kept."""
    return f"open/{ctx.run_id}"


def total(order: Order) -> float:
    """In dollars."""
    sums = 0.0
    for item, number in order.items():
        size, _, dish = item.partition(" ")
        sums += number * PRICES[dish][("small", "large").index(size)]
    return sums


def told(order: Order) -> str:
    """The order as one reads it back."""
    if not order:
        return "Nothing is on your order."
    items = ", ".join(
        f"{number} {item}{'s' if number > 1 and not item.endswith('bread') else ''}" for item, number in order.items()
    )
    return f"On your order: {items}. That is {total(order):g} dollars."
