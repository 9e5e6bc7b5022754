"""The runs at hand: live ones, those that ended lately, and the way to those that only the store has."""

from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import Final

from agentd.errors import SessionNotFound
from agentd.ids import is_run_id, new_session_id
from agentd.sessions.runs import KeptRun, Run, StoredRun
from agentd.sessions.session import Session
from agentd.store import Store

ENDED_WITH_AUDIO: Final = 8
"""The sessions that ended last keep their replies' audio a little longer; memory must not grow with calls made."""

Sessions = list[Session]
Runs = list[Run]


class Shelf:
    """Finds runs by name and by run id.

    Args:
        store: has what memory has let go of.
        kept: how many ended runs stay in memory, as it is configured now.

    Attributes:
        live: the live sessions, by id.
    """

    def __init__(self, store: Store, *, kept: Callable[[], int]) -> None:
        self.live: dict[str, Session] = {}
        self._store = store
        self._kept = kept
        self._by_run: dict[str, Session] = {}
        self._latest: dict[str, Session] = {}
        self._ended: deque[Session] = deque()

    # what is put there and taken away

    def add(self, session: Session) -> None:
        """A session begins."""
        self.live[session.id] = self._latest[session.id] = self._by_run[session.run_id] = session

    def retire(self, session: Session) -> None:
        """A session has ended; the oldest of the ended ones give way."""
        self.live.pop(session.id, None)
        self._ended.append(session)
        for old in list(self._ended)[:-ENDED_WITH_AUDIO]:
            old.erase_audio()
        while len(self._ended) > self._kept():
            self._drop(self._ended.popleft())

    def forget(self, *, ended_before: float) -> None:
        """Let go of runs that ended before that (Unix seconds); the store has what is kept of them."""
        while self._ended and (self._ended[0].ended_at or 0.0) < ended_before:
            self._drop(self._ended.popleft())

    def remove(self, session: Session) -> None:
        """Forget an ended run as if it had not been; its name stands for the run before it again."""
        session.erase()
        self._by_run.pop(session.run_id, None)
        if session in self._ended:
            self._ended.remove(session)
        if self._latest.get(session.id) is session:
            del self._latest[session.id]
            others = [other for other in self._by_run.values() if other.id == session.id]
            if others:
                self._latest[session.id] = max(others, key=lambda other: other.run_id)

    # what is asked

    def free_id(self) -> str:
        """A name that nobody has."""
        while (id_ := new_session_id()) in self._latest:
            pass
        return id_

    def peek(self, key: str) -> Session | None:
        """The session in memory by id (its latest run) or by run id."""
        return self._by_run.get(key) if is_run_id(key) else self._latest.get(key)

    def get(self, key: str) -> Session:
        """The same.

        Raises:
            SessionNotFound: unknown, or ended too long ago.
        """
        session = self.peek(key)
        if session is None:
            raise SessionNotFound(f"There is no session {key!r}; GET /v1/sessions lists them.")
        return session

    async def find(self, key: str) -> Run:
        """A run in memory or in the store, to be read: by id (its latest run) or by run id.

        Raises:
            SessionNotFound: unknown, erased, or ended longer ago than runs are kept.
        """
        session = self.peek(key)
        if session is not None:
            return KeptRun(session, self._store)
        row = await (self._store.run(key) if is_run_id(key) else self._store.latest(key))
        if row is None or row.state != "ended":
            raise SessionNotFound(f"There is no session {key!r}; GET /v1/sessions lists them.")
        last = await self._store.last_event(row.run_id)
        return StoredRun(row, self._store, last[0] if last is not None else 0)

    async def past(
        self,
        *,
        agents: Collection[str] | None = None,
        metadata: Mapping[str, str] | None = None,
        before: str | None = None,
        limit: int,
    ) -> Runs:
        """Ended runs that only the store has, the newest first, at most ``limit`` from those before the run id ``before``."""
        rows = await self._store.ended(agents=agents, metadata=metadata, before=before, limit=limit)
        return [StoredRun(row, self._store) for row in rows if row.run_id not in self._by_run]

    def list(self, *, state: str | None = None, agent: str | None = None, metadata: Mapping[str, str] | None = None) -> Sessions:
        """Sessions in memory that fit the filters, the newest first."""
        found = sorted(self._by_run.values(), key=lambda session: session.run_id, reverse=True)
        return [
            session
            for session in found
            if (state is None or session.state == state)
            and (agent is None or session.agent == agent)
            and all(session.spec.metadata.get(name) == value for name, value in (metadata or {}).items())
        ]

    def _drop(self, old: Session) -> None:
        self._by_run.pop(old.run_id, None)
        if self._latest.get(old.id) is old:
            del self._latest[old.id]
