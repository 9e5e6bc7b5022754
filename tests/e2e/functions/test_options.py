"""How a function wants to be called, seen from the session whose call it is."""

import asyncio

import pytest

from agentd.errors import InjectionRefused
from tests.support.handlers import Bench, eventually, within

pytestmark = pytest.mark.e2e

SLOW = """
@function(tier="read", filler=("Let me look.", "Still looking."), filler_after_s=0.05)
async def looks(ctx: CallContext) -> str:
    '''Look for something until the test says that it was found.'''
    while not await ctx.store.get("found"):
        await asyncio.sleep(0.02)
    return "It is there."

@function(tier="read", filler="One moment.", filler_after_s=5)
async def quick() -> str:
    '''Answer at once.'''
    return "Done."

@function(tier="low")
async def finds(ctx: CallContext) -> None:
    '''Let the looking end.'''
    await ctx.store.set("found", True)
"""

BEHIND = """
@function(tier="low", background=True)
async def bakes(ctx: CallContext, what: str) -> dict[str, str]:
    '''Bake something.'''
    while not await ctx.store.get("baked"):
        await asyncio.sleep(0.02)
    if what == "bread":
        raise FunctionError("There is no flour.")
    return {"say": f"The {what} is baked."}

@function(tier="low")
async def ends_baking(ctx: CallContext) -> None:
    '''Let it be baked.'''
    await ctx.store.set("baked", True)
"""


async def test_a_call_that_takes_long_is_filled_and_a_quick_one_is_not(bench: Bench) -> None:
    bench.write("slow.py", SLOW)
    await bench.start()
    assert (await bench.call("quick")).content == "Done."
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(bench.call("looks"))
        await eventually(lambda: bool(bench.session.did), "the filler was said")
        assert not looking.done()
        await bench.call("finds")
    assert looking.result().content == "It is there."
    assert bench.session.did == [("say", "Let me look.", "queue")]


async def test_a_filler_that_is_refused_does_not_harm_the_call(bench: Bench) -> None:
    bench.write("slow.py", SLOW)
    await bench.start()
    bench.session.say_raises = [InjectionRefused("The user speaks.")]
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(bench.call("looks"))
        await eventually(lambda: not bench.session.say_raises, "the filler was tried")
        await bench.call("finds")
    assert looking.result().content == "It is there."
    assert bench.session.did == []


async def test_a_background_call_is_answered_at_once_and_its_result_is_spoken(bench: Bench) -> None:
    bench.write("behind.py", BEHIND)
    await bench.start()
    answer = await within(30, bench.call("bakes", what="cake"))
    assert answer.outcome == "ok"
    assert "in the background" in answer.content
    assert bench.session.did == []
    await bench.call("ends_baking")
    await eventually(lambda: bool(bench.session.did), "the result was spoken")
    assert bench.session.did == [("say", "The cake is baked.", "queue")]


async def test_a_background_call_that_fails_says_so(bench: Bench) -> None:
    bench.write("behind.py", BEHIND)
    await bench.start()
    await bench.call("bakes", what="bread")
    await bench.call("ends_baking")
    await eventually(lambda: bool(bench.session.did), "it was told")
    assert bench.session.did == [("say", "There is no flour.", "queue")]
    assert bench.functions.counters["bakes"]["last_error"]["kind"] == "FunctionError"


async def test_the_end_of_the_run_ends_what_runs_in_the_background(bench: Bench) -> None:
    bench.write("behind.py", BEHIND)
    await bench.start()
    await bench.call("bakes", what="cake")
    await eventually(lambda: any("background" in task.get_name() for task in asyncio.all_tasks()), "it runs in the background")
    bench.functions.run_ended("run")
    await eventually(
        lambda: not any("background" in task.get_name() for task in asyncio.all_tasks()), "nothing of it runs any more"
    )
    await bench.call("ends_baking")
    assert bench.session.did == []


async def test_without_a_conversation_nothing_is_put_into_the_background(bench: Bench) -> None:
    bench.write("behind.py", BEHIND)
    await bench.start()
    await bench.call("ends_baking")
    answer = await bench.call("bakes", session_id=None, what="cake")
    assert answer.result == {"say": "The cake is baked."}
