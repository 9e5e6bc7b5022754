"""From sessions to the store: what happens becomes rows, in the order in which it happens, and nothing here waits.

The recorder hears every event as it is published and looks at the session it came from; sessions do not know it.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import structlog

from agentd.clock import rfc3339
from agentd.hub import Envelope
from agentd.sessions.records import Turn
from agentd.sessions.runs import settings_of
from agentd.sessions.session import Session
from agentd.sessions.views import AUDIO_AT, AUDIO_S, SPOKEN_AT
from agentd.store import RunRow, Store
from agentd.store.usage import SUMS

_log = structlog.get_logger("agentd.sessions")

CHECKPOINT_S: Final = 60.0
"""The usage of a session in progress is written so often: what a crash may leave uncounted."""
ALIVE: Final = "alive"
"""The note that says when the daemon was last seen alive (Unix seconds)."""
_CALL_EVENTS: Final = frozenset({"FunctionCallStarted", "FunctionCallFinished"})


class Recorder:
    """Writes the sessions of one manager to the store.

    Args:
        store: where the rows go.
        wall: Unix seconds, for the day that usage belongs to.
    """

    def __init__(self, store: Store, *, wall: Callable[[], float] = time.time) -> None:
        self._store = store
        self._wall = wall
        self._sessions: dict[str, Session] = {}
        self._counted: dict[str, dict[str, float]] = {}
        self._heard: dict[str, tuple[int, float, float]] = {}
        self._written: dict[str, tuple[int, dict[str, Any]]] = {}

    def started(self, session: Session) -> None:
        """A run begins; its events are written from now on."""
        self._sessions[session.run_id] = session
        self._counted[session.run_id] = {}
        self.checkpoint(session)

    def event(self, event: Envelope) -> None:
        """An event was published."""
        session = self._sessions.get(event.run_id)
        if session is None:
            return
        self._store.put_event(event)
        try:
            self._follow(session, event)
        except Exception:  # noqa: BLE001 - the guard: what is kept of a conversation must not end it
            _log.exception("recorder_failed", run_id=event.run_id, type=event.type)

    def _follow(self, session: Session, event: Envelope) -> None:
        """What the event changed in the session."""
        if event.type in _CALL_EVENTS:
            self._call(session, str(event.data.get("call_id")))
        elif event.type == "TurnFinished":
            self._turn(session, int(event.data["n"]))
            self.checkpoint(session)
        elif event.type == "AgentChanged":
            self.checkpoint(session)
        elif event.type == "SessionEnded":
            self._ended(session)

    def checkpoint(self, session: Session) -> None:
        """Write how the session stands, and add what it used since the last time to the day's sums."""
        words = self._store.settings.transcripts
        self._store.put_run(
            RunRow(
                run_id=session.run_id,
                id=session.id,
                agent=session.agent,
                upstream=session.upstream,
                state="live" if session.live else "ended",
                started_at=session.started_at,
                ended_at=session.ended_at,
                words=words,
                metadata=dict(session.spec.metadata),
                view=session.view(words=words),
                settings=settings_of(session) if words else None,
                resumed_from=session.spec.resume,
            )
        )
        before = self._counted.get(session.run_id, {})
        used: dict[str, float] = {"sessions": 1, **session.usage()}
        more = {name: used.get(name, 0) - before.get(name, 0) for name in SUMS}
        self._counted[session.run_id] = used
        day = time.strftime("%Y-%m-%d", time.gmtime(self._wall()))
        self._store.add_usage(day, session.agent, session.upstream, more)

    def checkpoint_all(self) -> None:
        """Every session in progress."""
        for session in list(self._sessions.values()):
            self.checkpoint(session)

    async def checkpoints(self) -> None:
        """Write every session in progress once a minute, until cancelled."""
        while True:
            self._store.put_note(ALIVE, str(self._wall()))
            await asyncio.sleep(CHECKPOINT_S)
            self.checkpoint_all()

    def _ended(self, session: Session) -> None:
        for turn in session.turns[-1:]:
            self._write_turn(session, turn)
        self.checkpoint(session)
        for table in (self._sessions, self._counted, self._heard, self._written):
            table.pop(session.run_id, None)

    def _turn(self, session: Session, n: int) -> None:
        """Write turn ``n``, and the one before it once more: a barge-in may have cut it after it had ended."""
        turns = session.turns
        at = next((i for i in range(len(turns) - 1, -1, -1) if turns[i].n == n), None)
        if at is None:
            return
        if at > 0:
            self._write_turn(session, turns[at - 1])
        self._write_turn(session, turns[at])

    def _write_turn(self, session: Session, turn: Turn) -> None:
        if turn.outcome is None:
            return
        view = session.turn_view(turn, words=self._store.settings.transcripts)
        view |= {"audio": None, SPOKEN_AT: rfc3339(turn.spoken)} | self._place(session, turn)
        if self._written.get(session.run_id) == (turn.n, view):
            return
        self._written[session.run_id] = (turn.n, view)
        self._store.put_turn(session.run_id, turn.n, view)
        for position, call in enumerate(turn.calls):
            self._store.put_call(session.run_id, turn.n, position, call.view(words=self._store.settings.transcripts))

    def _place(self, session: Session, turn: Turn) -> dict[str, float | None]:
        """Where the turn's speech is in a recording: when its first audio came, or after what was still playing then."""
        if turn.first_audio_at is None:
            return {AUDIO_AT: None, AUDIO_S: None}
        n, start, end = self._heard.get(session.run_id, (0, 0.0, 0.0))
        if n != turn.n:
            start = max(end, turn.started + turn.first_audio_at - turn.started_at)
        seconds = session.output_format.duration_s(turn.audio_bytes if turn.played_bytes is None else turn.played_bytes)
        self._heard[session.run_id] = (turn.n, start, start + seconds)
        return {AUDIO_AT: start, AUDIO_S: seconds}

    def _call(self, session: Session, call_id: str) -> None:
        for turn in reversed(session.turns):
            for position, call in enumerate(turn.calls):
                if call.call_id == call_id:
                    view = call.view(words=self._store.settings.transcripts)
                    self._store.put_call(session.run_id, turn.n, position, view)
                    self._write_turn(session, turn)  # if it has ended: a call may come to its end after its turn
                    return
