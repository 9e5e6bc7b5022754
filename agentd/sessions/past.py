"""Runs that are over and no longer in memory, read from the store with the same answers as a live one's."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agentd.clock import rfc3339
from agentd.errors import TurnNotFound
from agentd.hub import Envelope
from agentd.sessions.records import CallRecord, Said, Turn
from agentd.sessions.state import EndReason, State
from agentd.sessions.views import lines_of_turn, wordless_call, wordless_session, wordless_turn
from agentd.store import RunRow, Store


@dataclass(frozen=True, slots=True)
class PastRun:
    """A stored run; reads like a ``Session`` that has ended."""

    row: RunRow
    store: Store

    @property
    def id(self) -> str:
        """The session's name."""
        return self.row.id

    @property
    def run_id(self) -> str:
        """The run."""
        return self.row.run_id

    @property
    def agent(self) -> str:
        """The agent."""
        return self.row.agent

    @property
    def live(self) -> bool:
        """False: nothing can be sent to it."""
        return False

    @property
    def started_at(self) -> float:
        """Unix seconds."""
        return self.row.started_at

    def view(self, *, words: bool) -> dict[str, Any]:
        """The session object of the API."""
        return dict(self.row.view) if words else wordless_session(self.row.view)

    def snapshot(self, *, words: bool) -> dict[str, Any]:
        """What a new reader of events is told first."""
        return {"seq": 0, "session": self.view(words=words)}

    async def turn_views(self, *, words: bool) -> list[dict[str, Any]]:
        """The turns, oldest first."""
        turns = await self.store.turns(self.run_id)
        return turns if words else [wordless_turn(turn) for turn in turns]

    async def turn_view(self, n: int, *, words: bool) -> dict[str, Any]:
        """The turn with that number.

        Raises:
            TurnNotFound: there is none, or it is no longer kept.
        """
        turns = await self.turn_views(words=words)
        for turn in turns:
            if turn["n"] == n:
                return turn
        raise TurnNotFound(f"Session {self.id} has no turn {n}; it has {len(turns)}.")

    async def transcript(self) -> list[dict[str, Any]]:
        """What was said, in order."""
        return [line for turn in await self.store.turns(self.run_id) for line in lines_of_turn(turn)]

    async def calls(self, *, words: bool) -> list[dict[str, Any]]:
        """The function calls, oldest first."""
        calls = await self.store.calls(self.run_id)
        return calls if words else [wordless_call(call) for call in calls]

    async def events_since(self, seq: int, *, limit: int) -> tuple[list[Envelope], int]:
        """Events after ``seq``, at most ``limit``, and how many before the first of them are not kept."""
        found = await self.store.events(self.id, self.run_id, after=seq, limit=limit)
        return found, max(0, found[0].seq - seq - 1) if found else 0


def interrupted(row: RunRow, *, ended_at: float) -> RunRow:
    """The row of a run that the daemon's own end cut off."""
    view = dict(row.view) | {
        "state": State.ENDED,
        "activity": "idle",
        "ended_at": rfc3339(ended_at),
        "end_reason": EndReason.INTERRUPTED,
    }
    return RunRow(
        row.run_id, row.id, row.agent, row.upstream, "ended", row.started_at, ended_at, row.words, row.metadata, view, row.settings
    )


def turns_from(views: list[dict[str, Any]]) -> list[Turn]:
    """Stored turns as a renewal reads them: texts, calls and what was played; no times."""
    return [_turn(view) for view in views]


def _turn(view: Mapping[str, Any]) -> Turn:
    turn = Turn(n=view["n"], cause=view["cause"], started=_unix(view["started_at"]), started_at=0.0, outcome=view["outcome"])
    turn.heard = view.get("heard")
    if played := view.get("played"):
        turn.said = [Said(played, 0)]
        turn.first_text_at = 0.0
    turn.calls = [
        CallRecord(
            call_id=call["call_id"],
            name=call["name"],
            arguments=call.get("arguments"),
            started_at=0.0,
            outcome=call["outcome"],
            result=call.get("result"),
            duration_s=call["duration_s"],
        )
        for call in view["calls"]
    ]
    return turn


def cut_off(events: list[Envelope], n: int) -> Turn | None:
    """The turn that was in progress when a run was cut off, from the events behind its last finished turn."""
    turn: Turn | None = None
    for event in events:
        if event.type not in ("ConversationText", "FunctionCallStarted", "FunctionCallFinished"):
            continue
        data = event.data
        if turn is None:
            speaker = "speech" if data.get("role") == "user" else "agent"
            turn = Turn(n=n, cause=speaker, started=_unix(event.time), started_at=0.0, outcome="error")  # type: ignore[arg-type]  # one of the two
        if event.type == "ConversationText":
            _add_text(turn, str(data.get("role")), str(data.get("content", "")))
        else:
            _add_call(turn, data)
    return turn


def _add_text(turn: Turn, role: str, content: str) -> None:
    if role == "user":
        turn.heard = f"{turn.heard} {content}" if turn.heard else content
    else:
        turn.said.append(Said(content, 0))


def _add_call(turn: Turn, data: Mapping[str, Any]) -> None:
    record = next((call for call in turn.calls if call.call_id == data["call_id"]), None)
    if record is None:
        record = CallRecord(data["call_id"], data["name"], data.get("arguments"), 0.0, outcome="cancelled")
        turn.calls.append(record)
    if "outcome" in data:
        record.outcome, record.result, record.duration_s = data["outcome"], data.get("result"), data["duration_s"]


def _unix(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()
