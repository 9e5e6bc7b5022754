import asyncio

import pytest

from agentd.functions.slots import NoSlot, Slots


async def test_a_session_waits_for_its_own_calls_and_not_for_those_of_others() -> None:
    slots = Slots(per_session=1, total=2, wait_s=0.05)
    async with slots.one("a"):
        with pytest.raises(NoSlot):
            async with slots.one("a"):
                pass
        async with slots.one("b"):
            with pytest.raises(NoSlot):
                async with slots.one(None):
                    pass
    async with slots.one("a"), slots.one(None):
        pass


async def test_a_session_cannot_pile_up_calls_without_end() -> None:
    slots = Slots(per_session=1, total=1, wait_s=5)
    release = asyncio.Event()

    async def hold() -> None:
        async with slots.one("a"):
            await release.wait()

    async with asyncio.TaskGroup() as group:
        for _ in range(17):
            group.create_task(hold())
        await asyncio.sleep(0)
        with pytest.raises(NoSlot):
            async with slots.one("a"):
                pass
        release.set()
