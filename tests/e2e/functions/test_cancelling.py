"""A handler is told that nobody waits for it any more, and has a second to clean up."""

import asyncio
from pathlib import Path

import pytest

from tests.support.handlers import Bench, eventually, is_alive, within

pytestmark = pytest.mark.e2e

SOURCE = """
def note(what: str) -> None:
    with open(FILE, "a") as file:
        file.write(what)

@function(tier="read", timeout_s=0.3)
def polls(ctx: CallContext) -> str:
    "Looks whether somebody waits, and cleans up when nobody does."
    note("begun,")
    while not ctx.cancelled:
        time.sleep(0.01)
    note("cleaned up")
    return "a late result"

@function(tier="read", timeout_s=60)
def polls_long(ctx: CallContext) -> str:
    "The same without hurry."
    return polls(ctx)

@function(tier="read", timeout_s=60)
def waits(ctx: CallContext) -> str:
    "Waits for a request when the end comes."
    note("begun,")
    try:
        ctx.wait(ctx.say("Something long."))
    except FunctionError as error:
        note(str(error))
    return "a late result"

@function(tier="read", timeout_s=60)
async def shields(ctx: CallContext) -> str:
    "Finishes what it has begun."
    note("begun,")
    try:
        await asyncio.sleep(60)
    finally:
        note("cancelled" if ctx.cancelled else "not told")
        await asyncio.sleep(0.1)

@function(tier="read", timeout_s=4)
async def dawdles() -> None:
    "Takes long."
    await asyncio.sleep(60)

@function(tier="read")
def who(ctx: CallContext) -> str | None:
    "Tell who calls."
    return ctx.caller

@function(tier="read")
def pid() -> int:
    "Tell."
    return os.getpid()
"""


@pytest.fixture
async def polite(bench: Bench, tmp_path: Path) -> Bench:
    bench.write("polite.py", SOURCE.replace("FILE", repr(str(tmp_path / "notes"))))
    await bench.start()
    return bench


async def test_a_plain_handler_that_looks_keeps_its_process_and_its_late_result_is_dropped(polite: Bench, tmp_path: Path) -> None:
    (worker,) = polite.workers()
    answer = await within(30, polite.call("polls", call_id="slow"))
    assert answer.outcome == "timeout"
    await eventually(lambda: (tmp_path / "notes").read_text() == "begun,cleaned up", "it cleaned up")
    await eventually(lambda: len(polite.functions._nursery) == 0, "it stood down")
    assert worker in polite.workers()
    assert await polite.call("polls", call_id="slow") == answer
    assert polite.functions.counters["polls"]["calls"] == 1
    assert polite.ended == []


@pytest.mark.parametrize(
    ("name", "said"), [("polls_long", "cleaned up"), ("waits", "the call is over"), ("shields", "cancelled")]
)
async def test_a_cancelled_handler_is_told_and_keeps_its_process(polite: Bench, tmp_path: Path, name: str, said: str) -> None:
    polite.session.say_takes_s = 60
    (worker,) = polite.workers()
    notes = tmp_path / "notes"
    async with asyncio.TaskGroup() as group:
        running = group.create_task(polite.call(name))
        await eventually(notes.exists, "it runs")
        running.cancel()
    await eventually(lambda: notes.read_text() == f"begun,{said}", "it was told")
    await eventually(lambda: len(polite.functions._nursery) <= (name == "waits"), "it stood down")
    assert is_alive(worker)
    assert (await polite.call("pid")).result == worker


async def test_the_caller_of_a_session_is_told(polite: Bench) -> None:
    assert (await polite.call("who")).result is None
    request = polite.request("who")
    request.metadata["caller"] = "+43 1 234"  # type: ignore[index] # a dict in this bench
    assert (await polite.functions.call(request)).result == "+43 1 234"


async def test_before_the_time_of_a_call_is_up_another_process_is_ready(polite: Bench) -> None:
    async with asyncio.TaskGroup() as group:
        running = group.create_task(polite.call("dawdles"))
        await eventually(lambda: len(polite.workers()) == 2, "there is another process")
        assert not running.done()
        assert (await polite.call("pid")).outcome == "ok"
        running.cancel()
