"""What a new connection is told of the conversation so far (``agent.context.messages``).

Built from our own turns, not from the upstream's History, which lacks the call that was open when the connection
broke (docs/architecture.md, decision 4).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import orjson

from agentd.sessions.records import CallRecord, Turn

MAX_TURNS: Final = 50
MAX_BYTES: Final = 65_536
UNKNOWN_OUTCOME: Final = "interrupted; outcome unknown"
WITHDRAWN: Final = "withdrawn before it began; nothing was done"


@dataclass(frozen=True, slots=True)
class Context:
    """The conversation so far.

    Attributes:
        messages: History entries, oldest first: at most 50 turns and 64 KiB.
        unanswered: texts of the user that nobody answered yet; not in ``messages``, sent once more.
        settled: calls of what was going on; the same call made again is answered from here and not run again. Without those
            that had not begun, as when they waited for a confirmation.
    """

    messages: list[dict[str, Any]]
    unanswered: tuple[str, ...]
    settled: tuple[CallRecord, ...]


def context(turns: Iterable[Turn]) -> Context:
    """The context for a renewed connection."""
    kept = list(turns)[-MAX_TURNS:]
    open_turns = [turn for turn in kept if _is_unanswered(turn)]
    unanswered = tuple(turn.heard for turn in open_turns if turn.heard is not None)
    settled = tuple(call for turn in kept if turn.outcome is None for call in turn.calls if not call.withdrawn)
    entries = [_entries(turn) for turn in kept if turn not in open_turns]
    size, first = 0, len(entries)
    while first > 0:
        size += sum(len(orjson.dumps(entry)) for entry in entries[first - 1])
        if size > MAX_BYTES:
            break
        first -= 1
    return Context([entry for turn in entries[first:] for entry in turn], unanswered, settled)


def _is_unanswered(turn: Turn) -> bool:
    return turn.outcome is None and turn.heard is not None and turn.first_text_at is None


def _entries(turn: Turn) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    if turn.heard:
        entries.append({"type": "History", "role": "user", "content": turn.heard})
    if turn.calls:
        entries.append({"type": "History", "function_calls": [_call(call) for call in turn.calls]})
    if played := turn.played_text:
        entries.append({"type": "History", "role": "assistant", "content": played})
    return entries


def _call(call: CallRecord) -> dict[str, Any]:
    arguments = call.arguments if isinstance(call.arguments, str) else orjson.dumps(call.arguments).decode()
    return {
        "id": call.call_id,
        "name": call.name,
        "client_side": call.client_side,
        "arguments": arguments,
        "response": call.result if call.result is not None else WITHDRAWN if call.withdrawn else UNKNOWN_OUTCOME,
    }
