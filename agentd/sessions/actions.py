"""What a function handler may do to the session it was called from (``ctx.say`` and its kin); see ``agentd.functions``."""

from typing import Any

from agentd.sessions.session import Session
from agentd.sessions.state import EndReason


class Actions:
    """The daemon's side of a handler's context; implements ``agentd.functions.SessionActions``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def say(self, text: str, *, behavior: str = "queue") -> None:
        """Let the agent say ``text``; returns once it was not refused. While a function runs it is said now or never."""
        await self._session.say(text, "interrupt" if behavior == "interrupt" else "queue", wait="accepted", filler=True)

    async def update_prompt(self, text: str) -> None:
        """Add to the prompt."""
        await self._session.append_prompt(text)

    async def end_session(self, *, after_speech: bool = True) -> None:
        """End the session; ``after_speech`` lets the turn in progress and what still plays come to an end."""
        if after_speech:
            self._session.end_when_quiet(EndReason.AGENT_ENDED)
        else:
            self._session.stop(EndReason.AGENT_ENDED)

    def publish(self, type_: str, data: dict[str, Any]) -> None:
        """Publish an event of agentd's own (``hub.OWN_EVENTS``) in the session."""
        self._session.conversation.publish(type_, data)
