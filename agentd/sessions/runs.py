"""Runs as readers see them: in memory or in the store, with the same answers."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from agentd.errors import TurnNotFound
from agentd.hub import Envelope
from agentd.protocol import settings as documents
from agentd.sessions import views
from agentd.sessions.session import Session
from agentd.store import RunRow, Store


class Run(Protocol):
    """What can be read of a run. Everything but ``view`` may ask the disk."""

    @property
    def id(self) -> str:
        """The session's name."""

    @property
    def run_id(self) -> str:
        """The run."""

    @property
    def agent(self) -> str:
        """The agent it was started with."""

    @property
    def active_agent(self) -> str:
        """The agent that has the word, or had it at the end."""

    @property
    def agents(self) -> Sequence[str]:
        """Every agent it was, in order."""

    @property
    def live(self) -> bool:
        """True until it has ended."""

    @property
    def started_at(self) -> float:
        """Unix seconds."""

    @property
    def settings(self) -> Mapping[str, Any] | None:
        """The effective Settings, without secrets and without the history of a run before; None when words are not kept."""

    @property
    def resumed_from(self) -> str | None:
        """The run id of the run it went on from."""

    def view(self, *, words: bool) -> dict[str, Any]:
        """The session object of the API."""

    def snapshot(self, *, words: bool) -> dict[str, Any]:
        """What a new reader of events is told first; ``seq`` is the last event it contains."""

    def recent(self, seq: int) -> tuple[list[Envelope], int]:
        """Events after ``seq`` that memory still has, and how many of them it has not."""

    async def turns(self, *, words: bool) -> list[dict[str, Any]]:
        """The turns, oldest first."""

    async def transcript(self) -> list[dict[str, Any]]:
        """What was said, in order."""

    async def calls(self, *, words: bool) -> list[dict[str, Any]]:
        """The function calls, oldest first."""

    async def events(self, seq: int, *, limit: int) -> tuple[list[Envelope], int]:
        """Events after ``seq``, at most ``limit``, and how many before the first of them are gone."""


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run that is over and no longer in memory.

    Attributes:
        seq: its last event.
    """

    row: RunRow
    store: Store
    seq: int = 0

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
        """The agent it was started with."""
        return self.row.agent

    @property
    def active_agent(self) -> str:
        """The agent that had the word at the end."""
        active: str = self.row.view.get("active_agent") or self.row.agent
        return active

    @property
    def agents(self) -> Sequence[str]:
        """Every agent it was, in order."""
        agents: Sequence[str] = self.row.view.get("agents") or (self.row.agent,)
        return agents

    @property
    def live(self) -> bool:
        """False: nothing can be sent to it."""
        return False

    @property
    def started_at(self) -> float:
        """Unix seconds."""
        return self.row.started_at

    @property
    def settings(self) -> Mapping[str, Any] | None:
        """The effective Settings without secrets; None when words are not kept."""
        return self.row.settings

    @property
    def resumed_from(self) -> str | None:
        """The run id of the run it went on from."""
        return self.row.resumed_from

    def view(self, *, words: bool) -> dict[str, Any]:
        """The session object of the API."""
        seen = {"active_agent": self.row.agent, "agents": [self.row.agent]} | dict(self.row.view)
        return seen if words else views.wordless_session(seen)

    def snapshot(self, *, words: bool) -> dict[str, Any]:
        """What a new reader of events is told first; ``seq`` is the last event it contains."""
        return {"seq": self.seq, "session": self.view(words=words)}

    def recent(self, seq: int) -> tuple[list[Envelope], int]:
        """Nothing: memory has let go of it."""
        del seq
        return [], 0

    async def turns(self, *, words: bool) -> list[dict[str, Any]]:
        """The turns, oldest first."""
        recorded = await asyncio.to_thread(self.store.recordings.find, self.run_id) is not None
        return views.turns_shown(await self.store.turns(self.run_id), words=words, run_id=self.run_id, recorded=recorded)

    async def transcript(self) -> list[dict[str, Any]]:
        """What was said, in order."""
        return [line for turn in await self.store.turns(self.run_id) for line in views.lines_of_turn(turn)]

    async def calls(self, *, words: bool) -> list[dict[str, Any]]:
        """The function calls, oldest first."""
        calls = await self.store.calls(self.run_id)
        return calls if words else [views.wordless_call(call) for call in calls]

    async def events(self, seq: int, *, limit: int) -> tuple[list[Envelope], int]:
        """Events after ``seq``, at most ``limit``, and how many before the first of them are gone."""
        found = await self.store.events(self.id, self.run_id, after=seq, limit=limit)
        return found, max(0, found[0].seq - seq - 1) if found else 0


@dataclass(frozen=True, slots=True)
class KeptRun:
    """A run in memory, live or lately ended; what its memory has let go of comes from the store."""

    session: Session
    store: Store

    @property
    def id(self) -> str:
        """The session's name."""
        return self.session.id

    @property
    def run_id(self) -> str:
        """The run."""
        return self.session.run_id

    @property
    def agent(self) -> str:
        """The agent it was started with."""
        return self.session.agent

    @property
    def active_agent(self) -> str:
        """The agent that has the word, or had it at the end."""
        return self.session.active_agent

    @property
    def agents(self) -> Sequence[str]:
        """Every agent it was, in order."""
        return self.session.agents

    @property
    def live(self) -> bool:
        """True until it has ended."""
        return self.session.live

    @property
    def started_at(self) -> float:
        """Unix seconds."""
        return self.session.started_at

    @property
    def settings(self) -> Mapping[str, Any] | None:
        """The effective Settings without secrets."""
        return settings_of(self.session)

    @property
    def resumed_from(self) -> str | None:
        """The run id of the run it went on from."""
        return self.session.spec.resume

    def view(self, *, words: bool) -> dict[str, Any]:
        """The session object of the API."""
        return self.session.view(words=words)

    def snapshot(self, *, words: bool) -> dict[str, Any]:
        """What a new reader of events is told first; ``seq`` is the last event it contains."""
        return self.session.snapshot(words=words)

    def recent(self, seq: int) -> tuple[list[Envelope], int]:
        """Events after ``seq`` that memory still has, and how many of them it has not."""
        return self.session.events_since(seq)

    async def turns(self, *, words: bool) -> list[dict[str, Any]]:
        """The turns, oldest first."""
        recorded = self.session.tape is not None
        older = views.turns_shown(await self._older(), words=words, run_id=self.run_id, recorded=recorded)
        kept = [self.session.turn_view(turn, words=words) for turn in self.session.turns]
        for turn, view in zip(self.session.turns, kept, strict=True):
            if recorded and turn.audio_bytes and turn.outcome is not None:
                view["audio"] = views.turn_audio_link(self.run_id, turn.n)
        return older + kept

    async def transcript(self) -> list[dict[str, Any]]:
        """What was said, in order."""
        older = [line for turn in await self._older() for line in views.lines_of_turn(turn)]
        return older + self.session.transcript()

    async def calls(self, *, words: bool) -> list[dict[str, Any]]:
        """The function calls, oldest first."""
        older = [{"turn": turn["n"]} | call for turn in await self._older() for call in turn["calls"]]
        return [call if words else views.wordless_call(call) for call in older] + self.session.calls(words=words)

    async def events(self, seq: int, *, limit: int) -> tuple[list[Envelope], int]:
        """Events after ``seq``, at most ``limit``, and how many before the first of them are gone."""
        kept, missed = self.session.events_since(seq)
        if missed == 0:
            return kept[:limit], 0
        until = kept[0].seq if kept else None
        older = await self.store.events(self.id, self.run_id, after=seq, until=until, limit=limit)
        if not older:
            return kept[:limit], missed
        return (older + kept if len(older) < limit else older)[:limit], older[0].seq - seq - 1

    async def _older(self) -> list[dict[str, Any]]:
        """Stored turns from before the first that memory still has."""
        kept = self.session.turns
        first = kept[0].n if kept else 1
        return [turn for turn in await self.store.turns(self.run_id) if turn["n"] < first] if first > 1 else []


def settings_of(session: Session) -> dict[str, Any]:
    """The effective Settings without secrets, and without what was said in the run it went on from: that is kept there alone."""
    document = session.conversation.document
    told = documents.messages(document)
    own = told[: len(told) - len(session.spec.history)]
    if own != told:
        document = documents.merge(document, {"agent": {"context": {"messages": own or None}}})
    return documents.masked(document)


async def turn_of(run: Run, n: int, *, words: bool) -> dict[str, Any]:
    """The turn with that number.

    Raises:
        TurnNotFound: there is none, or it is no longer kept.
    """
    turns = await run.turns(words=words)
    for turn in turns:
        if turn["n"] == n:
            return turn
    raise TurnNotFound(f"Session {run.id} has no turn {n}; it has {len(turns)}.")
