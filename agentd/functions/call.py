"""A function call: what is asked, and how it was settled."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import orjson

Outcome = Literal["ok", "error", "timeout", "invalid", "unknown", "denied", "cancelled"]
"""How a call was settled; also the metrics' label."""

OUTCOMES: Final[tuple[Outcome, ...]] = ("ok", "error", "timeout", "invalid", "unknown", "denied", "cancelled")


@dataclass(frozen=True, slots=True)
class CallRequest:
    """A call that somebody wants.

    Attributes:
        call_id: unique within ``run_id``; the same id again is the same call.
        arguments: JSON text, as models send it, or an object.
        session_id, run_id, agent: None outside a conversation.
        allowed: names this caller may use; None for all.
        metadata: of the session.
        started_by: the name of the token that started the conversation, or that calls without one; None: nobody's.
        tainted: it was asked for in another run, and what was told there may have asked for it.
        turn: the turn it belongs to, a number that stays the same for all calls of the turn; None outside a conversation.
    """

    call_id: str
    name: str
    arguments: str | dict[str, Any]
    session_id: str | None = None
    run_id: str | None = None
    agent: str | None = None
    allowed: frozenset[str] | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    turn: int | None = None
    started_by: str | None = None
    tainted: bool = False


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """How a call was settled.

    Attributes:
        content: text for the model, within ``limits.function_result_bytes``.
        result: the handler's result as JSON value; None unless the outcome is ``ok``.
        arguments: as they were read; empty when they could not be.
        duration_s: from asking to settling.
    """

    outcome: Outcome
    content: str
    result: Any = None
    arguments: dict[str, Any] = field(default_factory=dict)
    duration_s: float = 0.0


def canonical(arguments: Mapping[str, Any]) -> bytes:
    """The arguments as one text, whatever the order of their members: what is hashed, compared and approved."""
    return orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS)


class Rejected(Exception):
    """The call does not reach its function; the text is for the model, which may do better.

    Attributes:
        reason: in a word, for the metrics (``agentd.metrics.DENIALS``); the outcome unless it is ``denied``.
    """

    def __init__(self, outcome: Outcome, content: str, reason: str = "") -> None:
        super().__init__(content)
        self.outcome: Outcome = outcome
        self.content = content
        self.reason = reason or outcome


class InvalidArguments(Exception):
    """The arguments do not fit; the text tells a model what to change."""
