import asyncio

from agentd.functions.call import CallOutcome, CallRequest
from agentd.functions.gate.duplicates import Duplicates

OK, FAILED = CallOutcome("ok", "ordered"), CallOutcome("error", "no kitchen")


def call(id: str, *, name: str = "order", turn: int | None = 1, run: str | None = "r") -> CallRequest:
    return CallRequest(id, name, {}, session_id="s", run_id=run, turn=turn)


async def test_the_second_gets_what_the_first_one_got() -> None:
    duplicates = Duplicates()
    assert await duplicates.earlier(call("1"), b"{}") is None
    duplicates.settled(call("1"), OK)
    for id_ in ("2", "3"):
        assert await duplicates.earlier(call(id_), b"{}") is OK


async def test_a_second_that_comes_meanwhile_waits_for_the_first() -> None:
    duplicates = Duplicates()
    assert await duplicates.earlier(call("1"), b"{}") is None
    async with asyncio.TaskGroup() as group:
        second = group.create_task(duplicates.earlier(call("2"), b"{}"))
        await asyncio.sleep(0)
        assert not second.done()
        duplicates.settled(call("1"), OK)
    assert second.result() is OK


async def test_what_failed_is_tried_again_by_one_of_those_that_waited() -> None:
    duplicates = Duplicates()
    assert await duplicates.earlier(call("1"), b"{}") is None
    async with asyncio.TaskGroup() as group:
        others = {id_: group.create_task(duplicates.earlier(call(id_), b"{}")) for id_ in ("2", "3")}
        await asyncio.sleep(0)
        duplicates.settled(call("1"), FAILED)
        done, _ = await asyncio.wait(others.values(), return_when=asyncio.FIRST_COMPLETED)
        assert [task.result() for task in done] == [None]
        first = next(id_ for id_, task in others.items() if task in done)
        duplicates.settled(call(first), OK)
    assert [task.result() for task in others.values() if task not in done] == [OK]


async def test_a_second_that_is_cancelled_leaves_the_first_alone() -> None:
    duplicates = Duplicates()
    assert await duplicates.earlier(call("1"), b"{}") is None
    async with asyncio.TaskGroup() as group:
        second = group.create_task(duplicates.earlier(call("2"), b"{}"))
        await asyncio.sleep(0)
        second.cancel()
    duplicates.settled(call("2"), CallOutcome("cancelled", ""))
    duplicates.settled(call("1"), OK)
    assert await duplicates.earlier(call("3"), b"{}") is OK


async def test_other_arguments_functions_turns_and_runs_are_other_calls() -> None:
    duplicates = Duplicates()
    assert await duplicates.earlier(call("1"), b"{}") is None
    duplicates.settled(call("1"), OK)
    assert await duplicates.earlier(call("2"), b'{"a":1}') is None
    assert await duplicates.earlier(call("3", name="lamp"), b"{}") is None
    assert await duplicates.earlier(call("4", run="q"), b"{}") is None
    assert await duplicates.earlier(call("5", turn=2), b"{}") is None
    assert await duplicates.earlier(call("6", turn=None), b"{}") is None
    assert await duplicates.earlier(call("7", run=None), b"{}") is None


async def test_the_end_of_the_run_forgets_it_and_settles_who_waits() -> None:
    duplicates = Duplicates()
    assert await duplicates.earlier(call("1"), b"{}") is None
    async with asyncio.TaskGroup() as group:
        second = group.create_task(duplicates.earlier(call("2"), b"{}"))
        await asyncio.sleep(0)
        duplicates.end("r")
        duplicates.settled(call("1"), OK)
    assert second.result() is OK
    assert await duplicates.earlier(call("3"), b"{}") is None
