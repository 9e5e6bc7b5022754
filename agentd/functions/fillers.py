"""What the agent says while a function takes its time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Final

import structlog

from agentd.errors import AgentdError
from agentd.functions.options import FILLER_EVERY_S, Options
from agentd.functions.requests import SessionActions
from agentd.supervise import Nursery

SAY_S: Final = 5.0
"""A filler that has not begun by then comes too late to be said."""

_log = structlog.get_logger("agentd.functions")


def filling(session: SessionActions | None, options: Options, nursery: Nursery) -> AbstractAsyncContextManager[None]:
    """Say the fillers while the block runs: the first after ``filler_after_s``, the next every ``FILLER_EVERY_S``."""
    return nullcontext() if session is None or not options.filler else _filling(session, options, nursery)


@asynccontextmanager
async def _filling(session: SessionActions, options: Options, nursery: Nursery) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle
    said = 0

    def due() -> None:
        nonlocal timer, said
        text = options.filler[min(said, len(options.filler) - 1)]
        said += 1
        nursery.start(say(session, text), name="functions:filler")
        timer = loop.call_later(FILLER_EVERY_S, due)

    timer = loop.call_later(options.filler_after_s, due)
    try:
        yield
    finally:
        timer.cancel()


async def say(session: SessionActions, text: str) -> None:
    """Say it now or not at all: the call goes on without."""
    try:
        async with asyncio.timeout(SAY_S):
            await session.say(text, behavior="queue", moment="filler")
    except AgentdError as error:
        _log.info("filler_not_said", code=error.code)
    except TimeoutError:
        _log.info("filler_not_said", code="timeout")
