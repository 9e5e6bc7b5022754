"""What was used: sums by UTC day, agent and upstream. They tell of no conversation, so they outlive runs and purges."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Literal

By = Literal["agent", "day", "upstream"]
DIMENSIONS: Final[tuple[By, ...]] = ("day", "agent", "upstream")
SUMS: Final = ("sessions", "connection_s", "audio_in_s", "audio_out_s", "turns", "function_calls", "renewals")


def add(connection: sqlite3.Connection, day: str, agent: str, upstream: str, more: Mapping[str, float]) -> None:
    """Add to the sums of a day.

    Args:
        connection: of the writer.
        day: ``2026-11-24``, UTC.
        agent: the profile's name.
        upstream: ``deepgram`` or ``engine``.
        more: by the names in ``SUMS``; those left out are 0.
    """
    names = [name for name in SUMS if more.get(name)]
    if not names:
        return
    sql = (
        f"INSERT INTO usage (day, agent, upstream, {', '.join(names)}) VALUES (?, ?, ?{', ?' * len(names)}) "  # noqa: S608 - names of ours
        f"ON CONFLICT DO UPDATE SET {', '.join(f'{name} = {name} + excluded.{name}' for name in names)}"
    )
    connection.execute(sql, (day, agent, upstream, *(more[name] for name in names)))


def table(
    connection: sqlite3.Connection,
    *,
    by: Sequence[By],
    first: str | None,
    last: str | None,
    agents: Collection[str] | None = None,
) -> list[dict[str, Any]]:
    """The sums, one line per combination of ``by``, in its order; ``first`` and ``last`` are days, both included."""
    where, values = ["1"], list[str]()
    if first is not None:
        where.append("day >= ?")
        values.append(first)
    if last is not None:
        where.append("day <= ?")
        values.append(last)
    if agents is not None:
        where.append(f"agent IN ({', '.join('?' * len(agents))})")
        values += agents
    columns = [*by, *(f"TOTAL({name})" for name in SUMS)]
    sql = f"SELECT {', '.join(columns)} FROM usage WHERE {' AND '.join(where)}"  # noqa: S608 - names of ours
    if by:
        sql += f" GROUP BY {', '.join(by)} ORDER BY {', '.join(by)}"
    return [line(by, found) for found in connection.execute(sql, values)]


def line(by: Sequence[By], found: Sequence[Any]) -> dict[str, Any]:
    """One line as JSON from its dimensions and its sums."""
    shown: dict[str, Any] = dict(zip(by, found, strict=False))
    for name, value in zip(SUMS, found[len(by) :], strict=True):
        shown[name] = round(value, 3) if name.endswith("_s") else int(value)
        if name == "connection_s":
            shown["connection_hours"] = round(value / 3600, 4)
    return shown
