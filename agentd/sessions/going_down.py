"""How sessions end when the daemon stops: who is in a conversation may finish it, and hears a goodbye if that takes too long."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Final

import structlog

from agentd.errors import AgentdError
from agentd.sessions.profiles import Profiles
from agentd.sessions.session import Session
from agentd.sessions.state import EndReason
from agentd.supervise import spawn, unless

_log = structlog.get_logger("agentd.sessions")

GOODBYE_S: Final = 5.0
"""What an agent's last words may take when the daemon stops."""
_ATTENDED_S: Final = 0.1
"""How often it is looked whether somebody is still in a conversation that may finish."""


async def wind_down(live: Mapping[str, Session], profiles: Profiles, bound_s: float, *, hurry: asyncio.Event) -> None:
    """Let the conversations that somebody is in come to their end.

    The others end as soon as their turn is over: nobody would notice what waiting for them gains.

    Args:
        live: the live sessions, as they are at any moment.
        profiles: have the agents' last words.
        bound_s: seconds; who is left then hears them.
        hurry: cuts it short.
    """
    _log.info("draining", sessions=len(live), bound_s=bound_s)
    try:
        async with asyncio.timeout(bound_s):
            while live and not hurry.is_set():
                for session in live.values():
                    if not session.attended:
                        session.end_when_quiet(EndReason.DAEMON_SHUTDOWN)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_ATTENDED_S):
                        await hurry.wait()
    except TimeoutError:
        left = [session for session in live.values() if session.attended]
        _log.warning("drain_ran_out", sessions=[session.id for session in left], bound_s=bound_s)
        if bound_s and left:
            await unless(hurry, _say_goodbye(left, profiles), name="sessions:goodbye")


async def until_empty(live: Mapping[str, Session], timeout_s: float) -> bool:
    """Wait until no session is live; False when some are after ``timeout_s`` seconds."""
    try:
        async with asyncio.timeout(timeout_s):
            while live:
                await next(iter(live.values())).ended.wait()
                await asyncio.sleep(0.01)  # its end is noted a moment after it is told
    except TimeoutError:
        return False
    return True


async def _say_goodbye(sessions: list[Session], profiles: Profiles) -> None:
    """Let the agents say their last words, if they have any, within ``GOODBYE_S``."""

    async def say(session: Session) -> None:
        with contextlib.suppress(AgentdError):  # what cannot be said now is not said
            _, profile = profiles.get(session.active_agent)
            if profile.goodbye:
                await session.say(profile.goodbye, "interrupt", wait="played", timeout_s=GOODBYE_S)

    async with asyncio.TaskGroup() as group:
        for session in sessions:
            spawn(group, say(session), name=f"session:{session.id}:goodbye")
