"""Runs many conversations, so many at once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from agentd.supervise import spawn

_Case = TypeVar("_Case")
_Result = TypeVar("_Result")


async def each(cases: Sequence[_Case], run: Callable[[_Case], Awaitable[_Result]], *, at_once: int) -> list[_Result]:
    """``run`` for every case; results in the order of the cases. One that raises ends all."""
    free = asyncio.Semaphore(at_once)

    async def one(case: _Case) -> _Result:
        async with free:
            return await run(case)

    async with asyncio.TaskGroup() as group:
        tasks = [spawn(group, one(case), name=f"bench:case:{number}") for number, case in enumerate(cases)]
    return [task.result() for task in tasks]
