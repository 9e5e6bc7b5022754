"""After a daemon that did not end well: its runs are marked ``interrupted``, with the turn that was in progress."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import structlog

from agentd.clock import rfc3339
from agentd.hub import Envelope
from agentd.sessions.recorder import ALIVE
from agentd.sessions.records import CallRecord, Said, Turn, TurnCause
from agentd.sessions.state import EndReason, State
from agentd.sessions.views import SPOKEN_AT
from agentd.store import RunRow, Store

_log = structlog.get_logger("agentd.sessions")

_EVENTS: Final = 1000
"""Events of a turn in progress that are looked at."""


async def recover(store: Store) -> int:
    """Close every run that is still open in the store; returns how many."""
    rows = await store.live()
    alive = float(await store.note(ALIVE) or 0.0)
    for row in rows:
        await _close(store, row, alive)
    await store.flushed()
    return len(rows)


async def _close(store: Store, row: RunRow, alive: float) -> None:
    last = await store.last_event(row.run_id)
    ended_at = max(alive, _unix(last[1]) if last is not None else row.started_at)
    turns = await store.turns(row.run_id)
    n = max((turn["n"] for turn in turns), default=0)
    view = dict(row.view)
    turn = _cut_off(await _unfinished(store, row, last), n + 1)
    if turn is not None:
        seen = turn.view(words=row.words, audio_link=None)
        store.put_turn(row.run_id, turn.n, seen | {SPOKEN_AT: rfc3339(turn.spoken)})
        for position, call in enumerate(turn.calls):
            store.put_call(row.run_id, turn.n, position, call.view(words=row.words))
        view["last_turn"] = turn.n
        if row.words:
            view["last_heard"] = turn.heard or view.get("last_heard")
            view["last_said"] = turn.said_text or view.get("last_said")
    view |= {"state": State.ENDED, "activity": "idle", "ended_at": rfc3339(ended_at), "end_reason": EndReason.INTERRUPTED}
    store.put_run(replace(row, state="ended", ended_at=ended_at, view=view))
    _log.warning("session_interrupted", session_id=row.id, run_id=row.run_id, ended_at=rfc3339(ended_at))


async def _unfinished(store: Store, row: RunRow, last: tuple[int, str] | None) -> list[Envelope]:
    """The events behind the newest TurnFinished."""
    if last is None:
        return []
    events = await store.events(row.id, row.run_id, after=last[0] - _EVENTS, limit=_EVENTS)
    finished = max((i for i, event in enumerate(events) if event.type == "TurnFinished"), default=-1)
    return events[finished + 1 :]


def _cut_off(events: list[Envelope], n: int) -> Turn | None:
    """The turn these events belong to; None when nothing was said or called."""
    turn: Turn | None = None
    for event in events:
        if event.type not in ("ConversationText", "FunctionCallStarted", "FunctionCallFinished"):
            continue
        if (event.data.get("turn") or n) < n:  # a call that came to its end after its turn
            continue
        if turn is None:
            cause: TurnCause = "speech" if event.data.get("role") == "user" else "agent"
            turn = Turn(n=n, cause=cause, started=_unix(event.time), started_at=0.0, outcome="error")
        if event.type != "ConversationText":
            _add_call(turn, event.data)
        elif text := event.data.get("content"):
            _add_text(turn, str(event.data.get("role")), str(text))
    return turn


def _add_text(turn: Turn, role: str, text: str) -> None:
    if role == "user":
        turn.heard = f"{turn.heard} {text}" if turn.heard else text
    else:
        turn.said.append(Said(text, 0))


def _add_call(turn: Turn, data: Mapping[str, Any]) -> None:
    record = next((call for call in turn.calls if call.call_id == data["call_id"]), None)
    if record is None:
        record = CallRecord(data["call_id"], data["name"], data.get("arguments"), 0.0, outcome="cancelled")
        turn.calls.append(record)
    if "outcome" in data:
        record.outcome, record.result, record.duration_s = data["outcome"], data.get("result"), data["duration_s"]


def _unix(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()
