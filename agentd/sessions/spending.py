"""Keeps the sessions to the day's budget of the paid upstream."""

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog

from agentd.sessions.budget import LOOK_S, Budget
from agentd.sessions.session import Session
from agentd.sessions.state import EndReason

_log = structlog.get_logger("agentd.sessions")

BUDGET_LOW: Final = "Nine tenths of the day's minutes are used (limits.minutes_per_day); at the last one this session ends."


async def keep_to(budget: Budget, live: Mapping[str, Session]) -> None:
    """Count what the paid upstream costs, for ever; when the day's minutes are used up, end what uses them.

    Args:
        live: the live sessions, as they are at any moment.
    """
    while True:
        await asyncio.sleep(LOOK_S)
        paid = [session for session in live.values() if session.upstream == "deepgram"]
        for session in paid:
            budget.count(session.run_id, session.usage()["connection_s"])
        if budget.is_low():
            _log.warning("budget_low", left_s=budget.left_s)
            for session in paid:
                session.conversation.publish("Warning", {"code": "BUDGET_LOW", "description": BUDGET_LOW})
        if budget.left_s == 0.0 and paid:
            _log.warning("budget_exhausted", ended=len(paid))
            for session in paid:
                session.stop(EndReason.BUDGET)
