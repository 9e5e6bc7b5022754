"""What a function handler may do to the session it was called from (``ctx.say`` and its kin); see ``agentd.functions``."""

from typing import Any, Final

from agentd.functions.registry import Registry
from agentd.functions.requests import Moment
from agentd.sessions.profiles import Profiles
from agentd.sessions.session import Session
from agentd.sessions.speaking import Behavior
from agentd.sessions.state import EndReason

SAID_S: Final = 7200.0
"""A text that comes by itself is waited for as long as its command is followed, or it would be said twice."""


class Actions:
    """The daemon's side of a handler's context; implements ``agentd.functions.SessionActions``."""

    def __init__(self, session: Session, profiles: Profiles, registry: Registry) -> None:
        self._session = session
        self._profiles = profiles
        self._registry = registry

    @property
    def run_id(self) -> str:
        """Its run."""
        return self._session.run_id

    async def say(self, text: str, *, behavior: str = "queue", moment: Moment = "quiet") -> None:
        """Let the agent say ``text``; returns once it was not refused, and in a ``quiet`` moment once it is being said.

        Args:
            text: what it says.
            behavior: "queue" or "interrupt".
            moment: what a queued text waits for.
        """
        place: Behavior = "interrupt" if behavior == "interrupt" else "queue"
        if moment == "quiet":
            await self._session.say(text, place, wait="spoken", timeout_s=SAID_S, moment=moment)
        else:
            await self._session.say(text, place, wait="accepted", moment=moment)

    async def update_prompt(self, text: str) -> None:
        """Add to the prompt."""
        await self._session.append_prompt(text)

    async def end_session(self, *, after_speech: bool = True) -> None:
        """End the session; ``after_speech`` lets the turn in progress and what still plays come to an end. Again: nothing."""
        if after_speech:
            self._session.end_when_quiet(EndReason.AGENT_ENDED)
        else:
            self._session.stop(EndReason.AGENT_ENDED)

    async def hand_over(self, agent: str) -> None:
        """Go on as another agent, one of those that the present one's profile lists; see ``HandOver``."""
        await self._session.hand_over(agent, self._profiles, self._registry)

    def publish(self, type_: str, data: dict[str, Any]) -> None:
        """Tell readers an event of the session."""
        if self._session.live:
            self._session.conversation.publish(type_, data)
