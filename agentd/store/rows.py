"""What is written and read: plain rows, and the SQL for each. Functions that take a connection run on a store thread."""

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import orjson

from agentd.hub import EVENT_TYPES, Envelope, wordless

RunState = Literal["live", "ended", "purged"]
UPSERT_RUN: Final = """
    INSERT INTO runs (run_id, id, agent, upstream, state, started_at, ended_at, words, metadata, view, settings, resumed_from)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (run_id) DO UPDATE SET state = excluded.state, ended_at = excluded.ended_at, view = excluded.view,
        settings = excluded.settings
    WHERE runs.state = 'live'
"""
_RUN: Final = (
    "SELECT run_id, id, agent, upstream, state, started_at, ended_at, words, metadata, view, settings, resumed_from FROM runs "
)


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run.

    Attributes:
        words: what was said is kept with it.
        view: the session object of the API.
        settings: the effective Settings without secrets; None when words are not kept.
        resumed_from: the run it went on from.
    """

    run_id: str
    id: str
    agent: str
    upstream: str
    state: RunState
    started_at: float
    ended_at: float | None
    words: bool
    metadata: Mapping[str, str] = field(default_factory=dict)
    view: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] | None = None
    resumed_from: str | None = None


def write_run(connection: sqlite3.Connection, row: RunRow) -> None:
    """Insert or update; an ended or purged run is left as it is."""
    connection.execute(
        UPSERT_RUN,
        (
            row.run_id, row.id, row.agent, row.upstream, row.state, row.started_at, row.ended_at, int(row.words),
            as_json(row.metadata), as_json(row.view), None if row.settings is None else as_json(row.settings),
            row.resumed_from,
        ),
    )  # fmt: skip


def write_event(connection: sqlite3.Connection, event: Envelope, *, words: bool) -> None:
    """Insert one event; without ``words`` what was said is left out, and all of an unknown type."""
    data = event.data if words else wordless(event.data) if event.type in EVENT_TYPES else {}
    connection.execute(
        "INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?)",
        (event.run_id, event.seq, event.g, event.time, event.type, as_json(data)),
    )


def write_turn(connection: sqlite3.Connection, run_id: str, n: int, view: Mapping[str, Any]) -> None:
    """Insert or replace one turn."""
    connection.execute("INSERT OR REPLACE INTO turns VALUES (?, ?, ?)", (run_id, n, as_json(view)))


def write_call(connection: sqlite3.Connection, run_id: str, turn: int, position: int, view: Mapping[str, Any]) -> None:
    """Insert or replace the call at ``position`` of a turn."""
    connection.execute("INSERT OR REPLACE INTO calls VALUES (?, ?, ?, ?)", (run_id, turn, position, as_json(view)))


def run(connection: sqlite3.Connection, run_id: str) -> RunRow | None:
    """The run of that run id."""
    return next(_runs(connection, _RUN + "WHERE run_id = ?", (run_id,)), None)


def latest(connection: sqlite3.Connection, id_: str) -> RunRow | None:
    """The newest run of that session id that was not purged."""
    sql = _RUN + "WHERE id = ? AND state != 'purged' ORDER BY run_id DESC LIMIT 1"
    return next(_runs(connection, sql, (id_,)), None)


def live(connection: sqlite3.Connection) -> list[RunRow]:
    """Runs without an end."""
    return list(_runs(connection, _RUN + "WHERE state = 'live' ORDER BY run_id", ()))


def ended(
    connection: sqlite3.Connection,
    *,
    agents: Collection[str] | None,
    metadata: Mapping[str, str],
    before: str | None,
    limit: int,
) -> list[RunRow]:
    """Ended runs, the newest first.

    Args:
        connection: of the calling thread.
        agents: only of these agents; None: of all.
        metadata: only those with these values.
        before: only run ids that sort before this one.
        limit: at most so many.
    """
    where, values = ["state = 'ended'"], list[Any]()
    if agents is not None:
        where.append(f"agent IN ({', '.join('?' * len(agents))})")
        values += agents
    if before is not None:
        where.append("run_id < ?")
        values.append(before)
    for key, value in metadata.items():
        where.append("EXISTS (SELECT 1 FROM json_each(runs.metadata) AS m WHERE m.key = ? AND m.value = ?)")
        values += [key, value]
    return list(_runs(connection, f"{_RUN} WHERE {' AND '.join(where)} ORDER BY run_id DESC LIMIT ?", (*values, limit)))


def turns(connection: sqlite3.Connection, run_id: str) -> list[dict[str, Any]]:
    """The turns of a run, oldest first."""
    return [orjson.loads(data) for (data,) in connection.execute("SELECT data FROM turns WHERE run_id = ? ORDER BY n", (run_id,))]


def turn(connection: sqlite3.Connection, run_id: str, n: int) -> dict[str, Any] | None:
    """The turn with that number, as it was written."""
    found = connection.execute("SELECT data FROM turns WHERE run_id = ? AND n = ?", (run_id, n)).fetchone()
    return None if found is None else dict(orjson.loads(found[0]))


def calls(connection: sqlite3.Connection, run_id: str) -> list[dict[str, Any]]:
    """The calls of a run with the number of their turn, oldest first."""
    sql = "SELECT turn, data FROM calls WHERE run_id = ? ORDER BY turn, position"
    return [{"turn": turn} | orjson.loads(data) for turn, data in connection.execute(sql, (run_id,))]


def events(
    connection: sqlite3.Connection, session_id: str, run_id: str, *, after: int, limit: int, until: int | None = None
) -> list[Envelope]:
    """Events of a run with ``after < seq < until``, oldest first."""
    sql = "SELECT seq, g, time, type, data FROM events WHERE run_id = ? AND seq > ? AND seq < ? ORDER BY seq LIMIT ?"
    found = connection.execute(sql, (run_id, after, until if until is not None else 2**62, limit))
    return [
        Envelope(seq=seq, g=g, session_id=session_id, run_id=run_id, time=time, type=type_, data=orjson.loads(data))
        for seq, g, time, type_, data in found
    ]


def last_event(connection: sqlite3.Connection, run_id: str) -> tuple[int, str] | None:
    """Number and time of the newest event."""
    found = connection.execute("SELECT seq, time FROM events WHERE run_id = ? ORDER BY seq DESC LIMIT 1", (run_id,)).fetchone()
    return None if found is None else (int(found[0]), str(found[1]))


def _runs(connection: sqlite3.Connection, sql: str, values: tuple[Any, ...]) -> Iterator[RunRow]:
    for run_id, id_, agent, upstream, state, started_at, ended_at, words, metadata, view, settings, resumed_from in (
        connection.execute(sql, values)
    ):  # fmt: skip
        yield RunRow(
            run_id, id_, agent, upstream, state, started_at, ended_at, bool(words), orjson.loads(metadata), orjson.loads(view),
            None if settings is None else orjson.loads(settings), resumed_from,
        )  # fmt: skip


def write_note(connection: sqlite3.Connection, name: str, value: str) -> None:
    """Keep a value of the daemon's own."""
    connection.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, value))


def note(connection: sqlite3.Connection, name: str) -> str | None:
    """A value of the daemon's own."""
    found = connection.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
    return None if found is None else str(found[0])


def as_json(value: object) -> str:
    """As it is stored."""
    return orjson.dumps(value, default=str).decode()
