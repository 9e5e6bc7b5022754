"""Reads the audit file: whether it is what was written, and what it says. Needs no running daemon."""

import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentd.cli.options import ConfigOption, JsonOption, StateDirOption, settings_from
from agentd.errors import ConfigError

if TYPE_CHECKING:
    from agentd.functions.audit.chain import Head
    from agentd.functions.audit.verify import Report

_FOLLOW_S = 0.3
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SHA256 = re.compile(r"(\d+):([0-9a-f]{64})")

_audit = typer.Typer(
    help="Check and read the audit: which functions were called, by whom, and how it came out. In <state dir>/audit.jsonl.",
    no_args_is_help=True,
)


def _only(name: str, text: str) -> Any:
    return typer.Option(f"--{name}", help=text, show_default=False)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(_audit, name="audit")


@_audit.command()
def verify(
    *,
    expect: Annotated[
        str | None,
        typer.Option(
            "--expect", metavar="NUMBER:SHA256", help="A line that an earlier verify printed and you kept.", show_default=False
        ),
    ] = None,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    json: JsonOption = False,
) -> None:
    """Check that no line was edited, removed, inserted, reordered or cut off.

    Each line carries the hash of the line before it, and the store remembers the last one. Whoever can write both files can
    make both anew: keep the `last` line that this prints in another place, and give it to --expect later.

    Exit status: 0 as written, 1 something was changed (the first places are named), 2 it could not be read.
    """
    from agentd.functions.audit.verify import files
    from agentd.functions.audit.verify import verify as check

    folder = settings_from(config, state_dir=state_dir).paths.state_dir
    expected = _head(expect)
    try:
        seal = _seal(folder)  # before the files: they may only be ahead of it
        paths = files(folder)
        if not paths and seal is None and expected is None:
            raise ConfigError(f"There is no audit in {folder}: no daemon was started with this state folder.")
        report = check(paths, seal, expected=expected)
    except OSError as error:
        raise ConfigError(f"The audit cannot be read: {error}.") from error
    if json:
        _print_document(report)
    else:
        _print_report(report)
    if not report.ok:
        raise typer.Exit(1)


@_audit.command()
def show(
    *,
    function: Annotated[str | None, typer.Option("--function", help="Only this function.", show_default=False)] = None,
    session: Annotated[
        str | None, typer.Option("--session", help="Only this session: name, or run id.", show_default=False)
    ] = None,
    tier: Annotated[
        str | None, typer.Option("--tier", help="Only this tier: read, low, medium, high.", show_default=False)
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option("--kind", help="Only such lines: intent, result, denied, confirmation, switch, start …", show_default=False),
    ] = None,
    outcome: Annotated[
        str | None,
        typer.Option("--outcome", help="Only this outcome: ok, error, denied, approved, expired …", show_default=False),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", help="Not older than 90m, 2h, 7d, or a time such as 2026-11-25T08:00Z.", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, help="The last so many lines; 0 for all.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with lines as they are written.")] = False,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print the lines as JSON, one object each.")] = False,
) -> None:
    """Print what the audit says, oldest first.

    An intent is written before a function runs, its result after: an intent without one was cut short, and its effect is unknown.
    """
    from agentd.functions.audit.verify import entries, files

    earliest = _since(since)

    def wanted(line: dict[str, Any]) -> bool:
        return (
            (function is None or line.get("function") == function)
            and (session is None or session in (line.get("session_id"), line.get("run_id")))
            and (tier is None or line.get("tier") == tier)
            and (kind is None or line["kind"] == kind)
            and (outcome is None or line.get("outcome") == outcome)
            and (earliest is None or str(line.get("time", "")) >= earliest)
        )

    folder = settings_from(config, state_dir=state_dir).paths.state_dir
    tell = _print_line if not json else _print_json_line
    try:
        paths = files(folder)
        if not paths and not follow:
            raise ConfigError(f"There is no audit in {folder}: no daemon was started with this state folder.")
        last = 0
        kept: deque[dict[str, Any]] = deque(maxlen=limit)
        for line in entries(paths):
            last = line["seq"]
            if wanted(line):
                (kept.append if limit else tell)(line)
        for line in kept:
            tell(line)
        if follow:
            _follow(folder, last, lambda line: tell(line) if wanted(line) else None)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise ConfigError(f"The audit cannot be read: {error}.") from error


def _follow(folder: Path, last: int, tell: Callable[[dict[str, Any]], None]) -> None:
    """Tell of lines after number ``last``, until interrupted."""
    for line in _growing(folder):
        if line["seq"] > last:
            last = line["seq"]
            tell(line)


def _growing(folder: Path) -> Iterator[dict[str, Any]]:
    """The lines of the file as they come; when it was turned over, those of the new one."""
    from agentd.functions.audit import chain
    from agentd.functions.audit.file import FILE

    path = folder / FILE
    while True:
        if not path.exists():
            time.sleep(_FOLLOW_S)
            continue
        with path.open("rb") as file:
            inode, rest = path.stat().st_ino, b""
            while True:
                part = file.readline()
                if part:
                    rest += part
                    if rest.endswith(b"\n"):
                        told, rest = chain.read(rest), b""
                        if told is not None:
                            yield told
                    continue
                if not path.exists() or path.stat().st_ino != inode:
                    break
                time.sleep(_FOLLOW_S)


def _seal(folder: Path) -> "Head | None":
    """What the store remembers; None where there is no store."""
    import sqlite3

    from agentd.functions.audit.chain import NOTE, Head
    from agentd.store import rows
    from agentd.store.database import Database
    from agentd.store.store import FILE

    path = folder / FILE
    if not path.exists():
        return None
    try:
        connection = Database(path).reader()
        try:
            return Head.of(rows.note(connection, NOTE))
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise OSError(f"{path}: {error}") from error


def _head(text: str | None) -> "Head | None":
    from agentd.functions.audit.chain import Head

    if text is None:
        return None
    told = _SHA256.fullmatch(text.strip())
    if told is None:
        raise typer.BadParameter("a number, a colon and 64 hexadecimal digits", param_hint="--expect")
    return Head(int(told[1]), told[2])


def _since(text: str | None) -> str | None:
    """A time of the audit; None for none."""
    from agentd.clock import rfc3339

    if text is None:
        return None
    span = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text)
    if span is not None:
        return rfc3339(time.time() - float(span[1]) * _UNITS[span[2]])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("a time span such as 2h, or a time such as 2026-11-25T08:00Z", param_hint="--since") from None
    return rfc3339((moment if moment.tzinfo else moment.astimezone()).astimezone(UTC).timestamp())


def _print_report(report: "Report") -> None:
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(report.counts.items()))
    print(f"lines       {report.lines}{f' ({counts})' if counts else ''}")
    print(f"from, to    {report.began or '-'}, {report.ended or '-'}")
    print(f"last        {report.head.seq}:{report.head.sha256}")
    if report.unfinished:
        print(f"unfinished  {report.unfinished} calls have no result: under way, or cut short")
    if report.crashes:
        print(f"crashes     {report.crashes} starts without a stop before them")
    if report.incomplete:
        print("incomplete  the last line has no end: being written, or cut off by a crash; the next start puts it aside")
    if not report.sealed:
        print("not sealed  the store remembers no line: lines cut off at the end would not be missed")
    for fault in report.faults:
        print(f"CHANGED     {fault}")
    if report.fault_count > len(report.faults):
        print(f"            and {report.fault_count - len(report.faults)} more places")
    print("ok" if report.ok else f"NOT ok: first at {report.faults[0].file}:{report.faults[0].line}")


def _print_document(report: "Report") -> None:
    from agentd.cli.output import print_json

    print_json(
        {
            "ok": report.ok,
            "lines": report.lines,
            "counts": dict(report.counts),
            "began": report.began,
            "ended": report.ended,
            "last": {"seq": report.head.seq, "sha256": report.head.sha256},
            "unfinished": report.unfinished,
            "crashes": report.crashes,
            "incomplete": report.incomplete,
            "sealed": report.sealed,
            "fault_count": report.fault_count,
            "faults": [{"file": fault.file, "line": fault.line, "detail": fault.detail} for fault in report.faults],
        }
    )


def _print_line(line: dict[str, Any]) -> None:
    """One line for people: what most lines have in columns, the rest by name."""
    shown = {"seq", "time", "kind", "function", "tier", "outcome", "session_id", "call_id", "prev"}
    hidden = {"handler_sha256", "arguments_sha256", "provider", "run_id", "agent", "files"}
    rest = " ".join(f"{_short(name)}={_short(value)}" for name, value in line.items() if name not in shown | hidden)
    columns = (("time", 24), ("kind", 12), ("function", 20), ("tier", 6), ("outcome", 9), ("session_id", 12), ("call_id", 12))
    print("  ".join([*(f"{_short(line.get(name, '-')):{width}}" for name, width in columns), rest]).rstrip(), flush=True)


def _short(value: Any) -> str:
    """A member as one word for a terminal: names may be a model's inventions, with line ends and control characters."""
    import orjson

    from agentd.cli.output import plain

    if isinstance(value, list):
        text = ",".join(map(str, value))
    else:
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return plain(text)


def _print_json_line(line: dict[str, Any]) -> None:
    import orjson

    print(orjson.dumps(line).decode(), flush=True)
