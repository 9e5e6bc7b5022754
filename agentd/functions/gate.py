"""The gate: what is asked and what comes out, and the checks every call passes before a handler sees it.

One function judges every call, whichever way it came in; confirmation, rates and audit have their place here too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import orjson

from agentd.functions.registry import FunctionSpec, Registry

Outcome = Literal["ok", "error", "timeout", "invalid", "unknown", "denied", "cancelled"]
"""How a call was settled; also the metrics' label."""

OUTCOMES: Final[tuple[Outcome, ...]] = ("ok", "error", "timeout", "invalid", "unknown", "denied", "cancelled")

_SHOWN_CHARS: Final = 64


@dataclass(frozen=True, slots=True)
class CallRequest:
    """A call that somebody wants.

    Attributes:
        call_id: unique within ``run_id``; the same id again is the same call.
        arguments: JSON text, as models send it, or an object.
        session_id, run_id, agent: None outside a conversation.
        allowed: names this caller may use; None for all.
        metadata: of the session.
    """

    call_id: str
    name: str
    arguments: str | dict[str, Any]
    session_id: str | None = None
    run_id: str | None = None
    agent: str | None = None
    allowed: frozenset[str] | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


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


class Rejected(Exception):
    """The call does not reach a handler; the text is for the model, which may do better."""

    def __init__(self, outcome: Outcome, content: str) -> None:
        super().__init__(content)
        self.outcome: Outcome = outcome
        self.content = content


def admit(request: CallRequest, registry: Registry, *, args_bytes: int) -> tuple[FunctionSpec, dict[str, Any]]:
    """The function that is called, and its arguments.

    The allow-list is asked here, at the time of the call: what a model was told about earlier gives no right.

    Raises:
        Rejected: unknown, denied, or arguments that are no JSON object of bearable size.
    """
    spec = registry.specs.get(request.name)
    if spec is None:
        offered = sorted(name for name in registry.specs if request.allowed is None or name in request.allowed)
        raise Rejected(
            "unknown", f"There is no function {request.name[:_SHOWN_CHARS]!r}. There are: {', '.join(offered) or 'none'}."
        )
    if request.allowed is not None and spec.name not in request.allowed:
        raise Rejected("denied", f"The function {spec.name} is not available to this agent.")
    return spec, _arguments(request.arguments, args_bytes)


def _arguments(given: str | dict[str, Any], limit_bytes: int) -> dict[str, Any]:
    text = given if isinstance(given, str) else None
    try:
        size = len(orjson.dumps(given) if text is None else text.encode())
        if size > limit_bytes:
            raise Rejected("invalid", f"The arguments are too large: {size} bytes, at most {limit_bytes}.")
        read = given if text is None else orjson.loads(text or "{}")
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, UnicodeEncodeError) as error:
        raise Rejected("invalid", f"The arguments are not JSON: {error}.") from None
    if not isinstance(read, dict):
        raise Rejected("invalid", f"The arguments must be one JSON object, not {type(read).__name__}.")
    return read
