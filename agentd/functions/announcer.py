"""Tells the conversation that a call waits for a confirmation: by an event, and in one sentence."""

from typing import Final

from agentd.clock import rfc3339
from agentd.functions.fillers import say
from agentd.functions.gate.confirm import Confirmation, Ending
from agentd.functions.requests import Actions
from agentd.supervise import Nursery

REQUESTED: Final = "ConfirmationRequested"
SETTLED: Final = "ConfirmationSettled"


class Announcer:
    """Speaks to the sessions whose calls wait. What it tells never holds a nonce: the model and the client may see it."""

    def __init__(self, actions: Actions, nursery: Nursery) -> None:
        self._actions = actions
        self._nursery = nursery
        self._waiting: dict[str, int] = {}

    def requested(self, confirmation: Confirmation) -> None:
        """A call waits. Several at once are told of in one sentence."""
        session_id = confirmation.session_id
        session = None if session_id is None else self._actions(session_id)
        if session is None or session_id is None:
            return
        session.publish(
            REQUESTED,
            {
                "call_id": confirmation.call_id,
                "name": confirmation.name,
                "arguments": confirmation.arguments,
                "tier": confirmation.tier,
                "expires_at": rfc3339(confirmation.expires_at),
            },
        )
        self._waiting[session_id] = self._waiting.get(session_id, 0) + 1
        if self._waiting[session_id] == 1 and confirmation.text:
            self._nursery.start(say(session, confirmation.text), name="functions:confirmation")

    def settled(self, confirmation: Confirmation, ending: Ending, _by: str | None) -> None:
        """A call does not wait any more."""
        session_id = confirmation.session_id
        if session_id is None:
            return
        left = self._waiting.pop(session_id, 1) - 1
        if left > 0:
            self._waiting[session_id] = left
        session = self._actions(session_id)
        if session is not None:
            session.publish(SETTLED, {"call_id": confirmation.call_id, "name": confirmation.name, "outcome": ending})
