"""The thread that writes, and what it means for calls when it cannot."""

import asyncio
import errno
import os
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from agentd.config import LimitSettings
from agentd.config.sections import StoreSettings
from agentd.functions.audit import Audit, chain, record_gate, writer
from agentd.functions.audit.chain import NOTE, Head
from agentd.functions.audit.entries import arguments_sha256
from agentd.functions.audit.file import FILE, AuditFile
from agentd.functions.audit.verify import entries, files, verify
from agentd.functions.call import CallOutcome, CallRequest
from agentd.functions.declare import TIERS, Tier
from agentd.functions.gate.gate import Gate
from agentd.metrics import Metrics
from agentd.store import Store
from tests.support.handlers import eventually
from tests.unit.functions.audit.conftest import call

ACTING: tuple[Tier, ...] = ("low", "medium", "high")


def told(folder: Path) -> list[dict[str, Any]]:
    return list(entries(files(folder)))


def kinds(folder: Path) -> list[str]:
    return [line["kind"] for line in told(folder)]


def held(path: Path) -> bool:
    """Whether this process has the file open."""
    return any(os.path.realpath(link) == str(path) for link in Path("/proc/self/fd").iterdir())


def break_disk(folder: Path) -> None:
    """A folder stands where the file was: whoever opens it fails, and root does too."""
    (folder / FILE).rename(folder / "put away")
    (folder / FILE).mkdir()


def mend_disk(folder: Path) -> None:
    (folder / FILE).rmdir()
    (folder / "put away").rename(folder / FILE)


@pytest.mark.parametrize("tier", ACTING)
async def test_an_intent_of_what_acts_is_in_the_file_before_it_may_run(tmp_path: Path, audit: Audit, tier: Tier) -> None:
    assert await audit.intent(call(tier))
    assert kinds(tmp_path) == ["start", "intent"]


async def test_reading_is_written_and_not_waited_for(tmp_path: Path, audit: Audit) -> None:
    may = audit.intent(call("read"))
    assert may.done()
    await eventually(lambda: kinds(tmp_path) == ["start", "intent"], "it is written")


async def test_a_line_says_who_asked_for_what_of_which_code(tmp_path: Path, audit: Audit) -> None:
    asked = call("medium", room="kitchen", level=3)
    await audit.intent(asked)
    audit.result(asked, CallOutcome("ok", "Done."), 0.25)
    await audit.close()
    _, intent, result, _ = told(tmp_path)
    for line in (intent, result):
        assert {name: line[name] for name in ("function", "tier", "provider", "agent", "session_id", "run_id", "call_id")} == {
            "function": "act", "tier": "medium", "provider": "handler", "agent": "home",
            "session_id": "s", "run_id": "r", "call_id": "c1",
        }  # fmt: skip
    assert intent["handler_sha256"] == "5a" * 32
    assert intent["arguments_sha256"] == arguments_sha256({"level": 3, "room": "kitchen"})
    assert (result["outcome"], result["duration_s"]) == ("ok", 0.25)


@pytest.mark.parametrize("tier", TIERS)
async def test_words_are_kept_of_tier_high_alone(tmp_path: Path, audit: Audit, tier: Tier) -> None:
    await audit.intent(call(tier, door="back door"))
    await audit.close()
    assert (b"back door" in (tmp_path / FILE).read_bytes()) is (tier == "high")


async def test_secrets_among_the_words_are_masked(tmp_path: Path, audit: Audit) -> None:
    nested = {"user_password": "secret-d"}
    await audit.intent(
        call("high", door="front", pin="secret-a", code="secret-b", api_key="secret-c", nested=nested, otp=[4711], keys_turned=2)
    )
    await audit.close()
    assert told(tmp_path)[1]["arguments"] == {
        "door": "front", "pin": "***", "code": "***", "api_key": "***", "nested": {"user_password": "***"}, "otp": "***",
        "keys_turned": 2,
    }  # fmt: skip
    assert b"secret-" not in (tmp_path / FILE).read_bytes()


async def test_what_was_denied_is_told(tmp_path: Path, audit: Audit) -> None:
    audit.denied(CallRequest("c9", "act", "{not json", session_id="s"), None, outcome="unknown", reason="unknown")
    await audit.close()
    _, denied, _ = told(tmp_path)
    assert (denied["kind"], denied["outcome"], denied["arguments_sha256"]) == ("denied", "unknown", arguments_sha256("{not json"))
    assert "arguments" not in denied


async def test_the_gate_tells_who_confirmed_and_who_switched(tmp_path: Path, store: Store, audit: Audit) -> None:
    gate, metrics = Gate(LimitSettings(), store), Metrics(CollectorRegistry())
    record_gate(gate, audit, metrics)
    asked = call("high", door="front", pin="4711")
    async with asyncio.TaskGroup() as group:
        confirmed = gate.confirmations.confirm(asked.request, asked.spec, asked.arguments, text="", limit_s=30, most=4)
        group.create_task(confirmed, name="confirmation")
        await eventually(lambda: bool(gate.confirmations.waiting()), "it waits")
        nonce = gate.confirmations.waiting()[0].nonce
        gate.confirmations.decide(nonce, approve=True, by="phone")
    await gate.switch.disable("first")
    assert metrics.registry.get_sample_value("agentd_actions_disabled") == 1
    await gate.switch.enable("first")
    await audit.close()
    _, waits, approved, off, on, _ = told(tmp_path)
    assert [line["kind"] for line in (waits, approved, off, on)] == ["confirmation", "confirmation", "switch", "switch"]
    assert (waits["outcome"], "by" in waits) == ("asked", False)
    assert (approved["outcome"], approved["by"], approved["arguments"]) == ("approved", "phone", {"door": "front", "pin": "***"})
    assert approved["arguments_sha256"] == arguments_sha256(asked.arguments)
    assert ((off["outcome"], off["by"]), (on["outcome"], on["by"])) == (("disabled", "first"), ("enabled", "first"))
    assert nonce.encode() not in (tmp_path / FILE).read_bytes()
    for outcome in ("asked", "approved"):
        assert metrics.registry.get_sample_value("agentd_function_confirmations_total", {"outcome": outcome}) == 1


async def test_words_that_no_file_takes_stop_nothing(tmp_path: Path, audit: Audit) -> None:
    assert await audit.intent(call("high", call_id="\ud800", door="\udfff"))
    assert await audit.intent(call("high", door="front"))
    await audit.close()
    assert verify(files(tmp_path), None).lines == 4


async def test_many_calls_at_once_share_their_syncs(tmp_path: Path, audit: Audit) -> None:
    allowed = await asyncio.gather(*(audit.intent(call("low", call_id=f"c{n}")) for n in range(500)))
    assert all(allowed)
    assert {line.get("call_id") for line in told(tmp_path)} >= {f"c{n}" for n in range(500)}
    assert verify(files(tmp_path), None).ok


async def test_without_the_file_what_may_do_harm_does_not_run_and_the_rest_does(tmp_path: Path, audit: Audit) -> None:
    await audit.intent(call("low"))
    break_disk(tmp_path)
    assert {tier: await audit.intent(call(tier, call_id=tier)) for tier in TIERS} == {
        "read": True,
        "low": True,
        "medium": False,
        "high": False,
    }
    assert audit.status()["state"] == "degraded"
    assert audit.figures()["up"] == 0
    mend_disk(tmp_path)
    await eventually(lambda: audit.trouble is None, "it has recovered", bound_s=30)
    assert await audit.intent(call("high", call_id="after"))
    await audit.close()
    assert {line.get("call_id") for line in told(tmp_path)} >= {"c1", *TIERS, "after"}
    assert [line for line in told(tmp_path) if line["kind"] == "interrupted"]
    assert verify(files(tmp_path), None).ok


class Hanging(AuditFile):
    """A file on a disk that takes its time."""

    def __init__(self, state_dir: Path) -> None:
        super().__init__(state_dir)
        self.goes_on = threading.Event()

    def sync(self) -> None:
        self.goes_on.wait()
        super().sync()


def on(disk: AuditFile, audit: Audit) -> None:
    """Let the audit write there."""
    audit._file = audit._writer._file = disk


class Full(AuditFile):
    """A file on a disk that takes nothing more while it is full; counts the attempts since."""

    def __init__(self, state_dir: Path) -> None:
        super().__init__(state_dir)
        self.full = False
        self.refused = 0

    def append(self, entries: Iterable[Mapping[str, Any]]) -> None:
        if self.full:
            self.refused += 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().append(entries)


async def test_what_was_found_is_told_once_however_often_the_disk_fails(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "RETRY_S", 0.01)
    audit, disk = Audit(tmp_path, store, store.settings), Full(tmp_path)
    on(disk, audit)
    await audit.start()
    await audit.intent(call("low"))
    disk.full = True
    (tmp_path / FILE).unlink()
    assert not await audit.intent(call("high", call_id="c2"))
    await eventually(lambda: disk.refused > 10, "it was tried again and again")
    assert audit.figures()["waiting_lines"] < 6
    disk.full = False
    await eventually(lambda: audit.trouble is None, "it has recovered", bound_s=30)
    await audit.close()
    assert [line.get("missing") for line in told(tmp_path) if line["kind"] == "reopened"] == [[1, 2]]


async def test_a_new_file_that_the_disk_did_not_take_is_begun_once(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "RETRY_S", 0.01)
    audit, disk = Audit(tmp_path, store, store.settings), Full(tmp_path)
    on(disk, audit)
    await audit.start()
    await audit.intent(call("low"))
    disk.full = True
    assert await audit.forget(time.time() + 366 * 86_400) == 0
    await eventually(lambda: disk.refused > 10, "it was tried again and again")
    disk.full = False
    await eventually(lambda: audit.trouble is None, "it has recovered", bound_s=30)
    assert await audit.intent(call("low", call_id="c2"))
    await audit.close()
    await store.flushed()
    assert verify(files(tmp_path), Head.of(await store.note(NOTE))).ok
    assert [line["kind"] for line in told(tmp_path)] == ["start", "intent", "turnover", "interrupted", "intent", "stop"]


async def test_a_disk_that_hangs_holds_nobody_up_for_long(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "PATIENCE_S", 0.2)
    audit, disk = Audit(tmp_path, store, store.settings), Hanging(tmp_path)
    on(disk, audit)
    await audit.start()
    assert not await audit.intent(call("high"))
    assert audit.status()["state"] == "degraded"
    assert await audit.intent(call("low", call_id="c2"))
    assert not audit.intent(call("medium", call_id="c3")).result()
    disk.goes_on.set()
    await eventually(lambda: audit.trouble is None, "it has recovered", bound_s=30)
    assert await audit.intent(call("high", call_id="after"))
    await audit.close()
    assert [line.get("call_id") for line in told(tmp_path) if line["kind"] == "intent"] == ["c1", "c2", "c3", "after"]
    assert verify(files(tmp_path), None).ok


async def test_a_daemon_that_starts_without_the_disk_recovers_too(tmp_path: Path, store: Store) -> None:
    (tmp_path / FILE).mkdir()
    failures: list[None] = []
    audit = Audit(tmp_path, store, store.settings, failed=lambda: failures.append(None))
    await audit.start()
    assert not await audit.intent(call("high"))
    assert failures
    (tmp_path / FILE).rmdir()
    await eventually(lambda: audit.trouble is None, "it has recovered", bound_s=30)
    assert await audit.intent(call("high", call_id="after"))
    await audit.close()
    assert verify(files(tmp_path), None).ok


async def test_what_waits_is_bounded_and_what_was_given_up_is_told(tmp_path: Path, store: Store) -> None:
    (tmp_path / FILE).mkdir()
    audit = Audit(tmp_path, store, StoreSettings(queue_rows=100))
    await audit.start()
    assert not await audit.intent(call("high"))
    for n in range(2000):
        audit.intent(call("read", call_id=f"c{n}"))
        if n % 500 == 0:
            await asyncio.sleep(0)
    figures = audit.figures()
    assert figures["waiting_lines"] <= 1200
    assert figures["dropped_lines"] >= 800
    (tmp_path / FILE).rmdir()
    await eventually(lambda: audit.trouble is None, "it has recovered", bound_s=30)
    await audit.close()
    assert sum(line.get("lost", 0) for line in told(tmp_path)) == audit.figures()["dropped_lines"]
    assert verify(files(tmp_path), None).ok


async def test_a_file_that_somebody_moved_away_is_missed_at_once(tmp_path: Path, audit: Audit) -> None:
    await audit.intent(call("low"))
    (tmp_path / FILE).rename(tmp_path / "audit.jsonl-20260101")
    assert await audit.intent(call("high", call_id="c2"))
    await audit.close()
    assert told(tmp_path)[0]["kind"] == "reopened"
    report = verify(files(tmp_path), None)
    assert "numbers 1 to 2 are missing" in report.faults[0].detail


async def test_lines_that_somebody_else_writes_are_told_even_where_they_fit(tmp_path: Path, audit: Audit) -> None:
    await audit.intent(call("low"))
    last = (tmp_path / FILE).read_bytes().splitlines(keepends=True)[-1]
    with (tmp_path / FILE).open("ab") as file:
        file.write(chain.append(Head(2, chain.digest(last)), {"kind": "result", "call_id": "c1"})[0])
    await audit.intent(call("low", call_id="c2"))
    await audit.close()
    report = verify(files(tmp_path), None)
    assert [fault.detail for fault in report.faults] == ["the daemon saw here that somebody else wrote to the file or cut it"]


async def test_the_store_remembers_the_last_line(tmp_path: Path, store: Store) -> None:
    for n in range(2):
        audit = Audit(tmp_path, store, store.settings)
        await audit.start()
        await audit.intent(call("low", call_id=f"c{n}"))
        await audit.close()
    await store.flushed()
    seal = Head.of(await store.note(NOTE))
    report = verify(files(tmp_path), seal)
    assert report.ok
    assert seal is not None
    assert report.head == seal


async def test_lines_cut_off_between_two_lives_are_missed(tmp_path: Path, store: Store) -> None:
    audit = Audit(tmp_path, store, store.settings)
    await audit.start()
    await audit.intent(call("high"))
    await audit.close()
    await store.flushed()
    lines = (tmp_path / FILE).read_bytes().splitlines(keepends=True)
    (tmp_path / FILE).write_bytes(lines[0])
    audit = Audit(tmp_path, store, store.settings)
    await audit.start()
    await audit.close()
    assert told(tmp_path)[1]["missing"] == [2, 3]
    assert not verify(files(tmp_path), None).ok


async def test_old_lines_go_with_their_file(tmp_path: Path, store: Store) -> None:
    audit = Audit(tmp_path, store, StoreSettings(audit_days=365))
    await audit.start()
    await audit.intent(call("low"))
    day_s = 86_400
    assert await audit.forget(time.time() + 364 * day_s) == 0
    assert await audit.forget(time.time() + 366 * day_s) == 1
    await audit.intent(call("low", call_id="c2"))
    assert [path.name for path in files(tmp_path)] == ["audit.jsonl.1", "audit.jsonl"]
    assert await audit.forget(time.time() + 2 * 366 * day_s) == 1
    await audit.close()
    await store.flushed()
    report = verify(files(tmp_path), Head.of(await store.note(NOTE)))
    assert report.ok
    assert [line.get("call_id") for line in told(tmp_path) if line["kind"] == "intent"] == ["c2"]


async def test_closing_leaves_nothing_open(tmp_path: Path, store: Store) -> None:
    before = set(threading.enumerate())  # other tests' daemons may have audits of their own
    audit = Audit(tmp_path, store, store.settings)
    await audit.start()
    await audit.intent(call("low"))
    assert held(tmp_path / FILE)
    assert "audit-writer" in {thread.name for thread in set(threading.enumerate()) - before}
    await audit.close()
    await audit.close()
    assert not held(tmp_path / FILE)
    assert "audit-writer" not in {thread.name for thread in set(threading.enumerate()) - before}
    assert kinds(tmp_path)[-1] == "stop"
