"""Every way to change the file, and what verifying says of it."""

import random
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from agentd.functions.audit import chain
from agentd.functions.audit.chain import Head
from agentd.functions.audit.file import FILE, OLDER, AuditFile
from agentd.functions.audit.verify import entries, files, verify
from tests.unit.functions.audit.conftest import found, written

KINDS = ("start", "intent", "result", "denied", "switch", "intent", "result", "stop")

Change = Callable[[list[bytes]], list[bytes]]


def edited(line: bytes) -> bytes:
    told = orjson.loads(line)
    return orjson.dumps(told | {"n": 77}) + b"\n"


def rewritten_from(lines: list[bytes], at: int) -> list[bytes]:
    """A line is changed, and every hash after it made anew: what somebody who knows the format can do."""
    head = Head(at, chain.digest(lines[at - 1])) if at else Head()
    kept = lines[:at]
    for number, line in enumerate(lines[at:], at):
        told = orjson.loads(line)
        entry = {name: value for name, value in told.items() if name not in ("seq", "prev")}
        new, head = chain.append(head, entry | ({"n": 77} if number == at else {}))
        kept.append(new)
    return kept


CHANGES: dict[str, tuple[Change, int, str]] = {
    "a line in the middle is edited": (lambda x: [*x[:3], edited(x[3]), *x[4:]], 4, "number 4 was changed"),
    "the last line is edited": (lambda x: [*x[:7], edited(x[7])], 8, "number 8 is not the line that is remembered"),
    "the first line is edited": (lambda x: [edited(x[0]), *x[1:]], 1, "number 1 was changed"),
    "a line is removed": (lambda x: [*x[:3], *x[4:]], 4, "number 4 is missing"),
    "some lines are removed": (lambda x: [*x[:2], *x[5:]], 3, "numbers 3 to 5 are missing"),
    "the first lines are removed": (lambda x: x[2:], 1, "numbers 1 to 2 are missing"),
    "two lines are exchanged": (lambda x: [*x[:3], x[4], x[3], *x[5:]], 4, "number 4 is missing"),
    "a line is written twice": (lambda x: [*x[:4], x[3], *x[4:]], 5, "number 4 stands here a second time"),
    "a foreign line is inserted": (
        lambda x: [*x[:4], chain.append(Head(4, chain.digest(x[3])), {"kind": "result", "n": 9})[0], *x[4:]],
        6,
        "number 5 stands here a second time",
    ),
    "words are inserted": (lambda x: [*x[:4], b"hello\n", *x[4:]], 5, "no line of the audit"),
    "the last line is cut off": (lambda x: x[:7], 7, "the last line is missing, up to number 8"),
    "many lines are cut off": (lambda x: x[:2], 2, "the last 6 lines are missing, up to number 8"),
    "everything is gone": (lambda _: [], 0, "the last 8 lines are missing"),
    "all is made anew from a changed line on": (lambda x: rewritten_from(x, 2), 8, "it was changed, and all after it anew"),
    "all is made anew from the first line on": (lambda x: rewritten_from(x, 0), 8, "it was changed, and all after it anew"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_found_where_it_was_made(tmp_path: Path, what: str) -> None:
    change, line, text = CHANGES[what]
    seal = written(tmp_path, *KINDS)
    path = tmp_path / FILE
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
    report = found(tmp_path, seal)
    assert not report.ok
    assert (report.faults[0].line, text in report.faults[0].detail) == (line, True), report.faults


def test_what_was_written_is_well_and_is_counted(tmp_path: Path) -> None:
    seal = written(tmp_path, *KINDS)
    report = found(tmp_path, seal)
    assert report.ok
    assert report.sealed
    assert (report.lines, report.head) == (8, seal)
    assert report.counts == {"start": 1, "intent": 2, "result": 2, "denied": 1, "switch": 1, "stop": 1}
    assert (report.began, report.ended) == ("2026-01-01T00:00:00.000Z", "2026-01-01T00:00:07.000Z")


def test_no_single_bit_changes_unnoticed(tmp_path: Path) -> None:
    seal = written(tmp_path, *KINDS)
    path = tmp_path / FILE
    good = path.read_bytes()
    chosen = random.Random(7)
    for _ in range(300):
        bad = bytearray(good)
        bad[chosen.randrange(len(bad))] ^= 1 << chosen.randrange(8)
        path.write_bytes(bad)
        assert not found(tmp_path, seal).ok, bytes(bad)


def test_no_cut_goes_unnoticed_but_that_of_what_was_not_remembered(tmp_path: Path) -> None:
    seal = written(tmp_path, *KINDS)
    path = tmp_path / FILE
    good = path.read_bytes()
    for size in range(0, len(good), 3):
        path.write_bytes(good[:size])
        assert not found(tmp_path, seal).ok, size


def test_a_hash_noted_elsewhere_is_looked_for(tmp_path: Path) -> None:
    seal = written(tmp_path, *KINDS)
    path = tmp_path / FILE
    path.write_bytes(b"".join(rewritten_from(path.read_bytes().splitlines(keepends=True), 3)))
    assert verify(files(tmp_path), None).ok  # nothing in the file tells, and nobody remembers
    assert not verify(files(tmp_path), None, expected=seal).ok


def test_the_store_may_be_behind_the_file(tmp_path: Path) -> None:
    seal = written(tmp_path, "start", "intent")
    again = AuditFile(tmp_path)
    again.open(seal)
    again.append([{"kind": "result"}])
    again.close()
    report = found(tmp_path, seal)
    assert report.ok
    assert report.head.seq == 3


def test_a_line_without_an_end_is_told_and_no_fault(tmp_path: Path) -> None:
    seal = written(tmp_path, "start", "intent")
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"seq": 3, "kind": "res')
    report = found(tmp_path, seal)
    assert report.ok
    assert report.incomplete


def test_the_chain_goes_on_in_a_new_file_and_the_old_one_is_missed(tmp_path: Path) -> None:
    file = AuditFile(tmp_path)
    file.open(Head())
    file.append([{"kind": "start", "time": "2025-01-01T00:00:00.000Z"}, {"kind": "intent"}])
    file.append([{"kind": "turnover", **file.turn_over()}, {"kind": "result"}])
    file.sync()
    report = found(tmp_path, file.synced)
    assert report.ok
    assert report.lines == 4
    (tmp_path / OLDER).unlink()
    report = found(tmp_path, file.synced)
    assert report.faults[0].detail == "numbers 1 to 2 are missing"


def test_the_file_before_the_last_is_gone_after_a_second_turnover(tmp_path: Path) -> None:
    file = AuditFile(tmp_path)
    file.open(Head())
    file.append([{"kind": "start"}])
    for _ in range(2):
        file.append([{"kind": "turnover", **file.turn_over()}])
    file.sync()
    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE, OLDER]
    assert [line.get("first") for line in entries(files(tmp_path))] == [1, 2]
    assert found(tmp_path, file.synced).ok
    assert found(tmp_path, None).ok


def begun_twice(folder: Path) -> Head:
    """A file of four lines and an older one of three; what would be remembered of them."""
    file = AuditFile(folder)
    file.open(Head())
    file.append([{"kind": "start"}, {"kind": "intent"}])
    for kind in ("result", "stop"):
        file.append([{"kind": "turnover", **file.turn_over()}, {"kind": "intent"}, {"kind": kind}])
    file.append([{"kind": "intent"}])
    file.sync()
    file.close()
    return file.synced


GONE: dict[str, tuple[dict[str, int], str]] = {
    "the first lines of the file": ({FILE: 2}, "numbers 6 to 7 are missing"),
    "the first lines of the older file": ({OLDER: 2}, "numbers 3 to 4 are missing"),
    "the older file": ({OLDER: 9}, "numbers 3 to 5 are missing"),
    "the file": ({FILE: 9}, "numbers 6 to 9 are missing"),
    "the older file and the first line of the other one": ({OLDER: 9, FILE: 1}, "numbers 1 to 6 are missing"),
    "both files": ({OLDER: 9, FILE: 9}, "numbers 1 to 9 are missing"),
}


@pytest.mark.parametrize("what", GONE)
@pytest.mark.parametrize("turned", [False, True])
def test_lines_that_were_gone_before_a_start_are_missed_after_it_too(tmp_path: Path, what: str, *, turned: bool) -> None:
    gone, text = GONE[what]
    known = begun_twice(tmp_path)
    for name, count in gone.items():
        kept = (tmp_path / name).read_bytes().splitlines(keepends=True)[count:]
        (tmp_path / name).write_bytes(b"".join(kept)) if kept else (tmp_path / name).unlink()
    again = AuditFile(tmp_path)
    again.append([{"kind": "start", **again.open(known)}])
    if turned and FILE in gone:
        again.append([{"kind": "turnover", **again.turn_over()}])
    again.sync()
    report = found(tmp_path, again.synced)
    assert not report.ok
    if not turned:
        assert report.faults[0].detail == text


def test_calls_that_never_ended_and_crashes_are_counted(tmp_path: Path) -> None:
    file = AuditFile(tmp_path)
    file.open(Head())
    for kind, call_id in (("start", None), ("intent", "1"), ("intent", "2"), ("result", "1"), ("start", None), ("stop", None)):
        file.append([{"kind": kind, "run_id": "r", "call_id": call_id}])
    file.sync()
    report = found(tmp_path, file.synced)
    assert (report.unfinished, report.crashes) == (1, 1)
