"""Values that several calls change at once: nothing is lost, and of those that want the same one gets it."""

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.handlers import Bench

pytestmark = pytest.mark.e2e

EXAMPLES = Path(__file__).parents[3] / "functions" / "examples"


async def test_a_value_that_is_made_of_the_old_one_loses_nothing(bench: Bench) -> None:
    bench.limits |= {"function_calls_per_session": 4}
    bench.write(
        "counting.py",
        """
        @function(tier="low")
        async def count(ctx: CallContext) -> int:
            "Count."
            return await ctx.store.change("count", lambda count: count + 1, 0)

        @function(tier="low")
        async def note(ctx: CallContext, text: str) -> list:
            "Note something; in place, as people write it."
            def noted(notes: list) -> list:
                notes.append(text)
                return notes
            return await ctx.store.change("notes", noted, [])
        """,
    )
    await bench.start()
    counts = [call.result for call in await asyncio.gather(*(bench.call("count") for _ in range(12)))]
    assert sorted(counts) == list(range(1, 13))
    lengths = [len(call.result) for call in await asyncio.gather(*(bench.call("note", text="x") for _ in range(12)))]
    assert sorted(lengths) == list(range(1, 13))


async def test_a_key_that_has_a_value_gets_no_other(bench: Bench) -> None:
    bench.write(
        "taking.py",
        """
        @function(tier="low")
        async def take(ctx: CallContext, who: str) -> bool:
            "Take the seat."
            return await ctx.store.add("seat", who)

        @function(tier="read")
        async def seat(ctx: CallContext) -> str:
            "Who has it."
            return await ctx.store.get("seat")
        """,
    )
    await bench.start()
    taken = await asyncio.gather(*(bench.call("take", who=str(n)) for n in range(4)))
    (winner,) = [n for n, call in enumerate(taken) if call.result]
    assert (await bench.call("seat")).result == str(winner)


async def test_what_is_ordered_at_once_is_all_on_the_order_and_every_order_has_its_number(bench: Bench) -> None:
    shutil.copy(EXAMPLES / "order_line" / "orders.py", bench.directory)
    await bench.start()
    dishes = ("garlic bread", "lemonade", "green salad", "margherita pizza")
    await asyncio.gather(*(bench.call("add_item", dish=dish) for dish in dishes))
    order = (await bench.call("read_order")).content
    assert [dish for dish in dishes if dish not in order] == []
    callers = ("Anna", "Ben", "Cleo")
    for name in callers:
        await bench.functions.call(replace(bench.request("add_item", dish="lemonade"), run_id=name))
    orders = [replace(bench.request("place_order", name=name), run_id=name) for name in callers]
    placed = await asyncio.gather(*map(bench.functions.call, orders))
    assert sorted(call.result["number"] for call in placed) == [1, 2, 3]


async def test_an_appointment_is_given_once(bench: Bench) -> None:
    for name in ("customers.py", "_customers.json"):
        shutil.copy(EXAMPLES / "customer_service" / name, bench.directory)
    await bench.start()
    wanted = {"customer_id": "CUST0001", "date": "2026-12-01T10:00", "service": "consultation"}
    booked = await asyncio.gather(*(bench.call("create_appointment", **wanted) for _ in range(3)))
    assert sorted(call.outcome for call in booked) == ["error", "error", "ok"]
