"""The session machine: ``connecting → active ⇄ reconnecting → stopping → ended``, one table, one function that changes it."""

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a session stands (api.md, Session)."""

    CONNECTING = "connecting"
    ACTIVE = "active"
    RECONNECTING = "reconnecting"
    STOPPING = "stopping"
    ENDED = "ended"


class EndReason(StrEnum):
    """Why a session ended; metric labels use the same list."""

    STOPPED = "stopped"
    CLIENT_LEFT = "client_left"
    AGENT_ENDED = "agent_ended"
    IDLE_TIMEOUT = "idle_timeout"
    MAX_DURATION = "max_duration"
    SETTINGS_REJECTED = "settings_rejected"
    UPSTREAM_CLOSED = "upstream_closed"
    UPSTREAM_ERROR = "upstream_error"
    BUDGET = "budget"
    DAEMON_SHUTDOWN = "daemon_shutdown"
    INTERRUPTED = "interrupted"


TRANSITIONS: Final[dict[State, frozenset[State]]] = {
    State.CONNECTING: frozenset({State.ACTIVE, State.STOPPING, State.ENDED}),
    State.ACTIVE: frozenset({State.RECONNECTING, State.STOPPING, State.ENDED}),
    State.RECONNECTING: frozenset({State.ACTIVE, State.STOPPING, State.ENDED}),
    State.STOPPING: frozenset({State.ENDED}),
    State.ENDED: frozenset(),
}

LIVE: Final = frozenset({State.CONNECTING, State.ACTIVE, State.RECONNECTING, State.STOPPING})


def advance(current: State, new: State) -> State:
    """The state after the change.

    Raises:
        ValueError: the table has no such change; a defect of the caller.
    """
    if new not in TRANSITIONS[current]:
        raise ValueError(f"a session cannot go from {current} to {new}")
    return new
