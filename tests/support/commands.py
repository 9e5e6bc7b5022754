"""What tests of commands share: their outcomes as readers see them, and somebody who hears the agent."""

from typing import Any

from agentd.sessions.session import Session


def outcomes(session: Session) -> list[dict[str, Any]]:
    """Every CommandFinished so far."""
    return [dict(event.data) for event in session.events_since(0)[0] if event.type == "CommandFinished"]


async def outcome(session: Session, command_id: str | None = None, *, timeout_s: float = 10.0) -> dict[str, Any]:
    """The outcome of one command, or of the first that has one."""

    def probe() -> dict[str, Any] | None:
        return next((told for told in outcomes(session) if command_id in (None, told["command_id"])), None)

    return await session.conversation.changes.until(probe, timeout_s=timeout_s)


class Ear:
    """Hears the agent of a session."""

    def __init__(self, session: Session) -> None:
        self.heard = bytearray()
        self.cuts = 0
        self.leave = session.listeners.attach(self)

    def agent_audio(self, frame: bytes) -> None:
        self.heard += frame

    def reply_ended(self) -> None:
        """Nothing to do."""

    def cut(self) -> None:
        self.cuts += 1

    def ended(self) -> None:
        """Nothing to do."""
