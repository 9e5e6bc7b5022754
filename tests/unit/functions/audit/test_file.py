"""What the file survives: crashes in the middle of a line, full disks, people."""

import asyncio
import os
import resource
import signal
import sys
from pathlib import Path

import orjson
import pytest

from agentd.functions.audit.chain import Head
from agentd.functions.audit.file import FILE, AuditFile
from agentd.functions.audit.verify import entries, files
from tests.support.handlers import within
from tests.unit.functions.audit.conftest import found, written


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        written(tmp_path, "start")
    finally:
        os.umask(before)
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_each_line_carries_the_hash_of_the_line_before_it(tmp_path: Path) -> None:
    from hashlib import sha256

    written(tmp_path, "start", "intent", "result")
    lines = (tmp_path / FILE).read_bytes().splitlines(keepends=True)
    told = [orjson.loads(line) for line in lines]
    assert [line["seq"] for line in told] == [1, 2, 3]
    assert told[0]["prev"] == "0" * 64
    assert [line["prev"] for line in told[1:]] == [sha256(line).hexdigest() for line in lines[:2]]


@pytest.mark.parametrize("rest", [b'{"seq": 3, "ki', b"\0" * 4096, b"x\ny\n" * 50_000], ids=["half a line", "zeros", "much"])
def test_half_a_line_is_kept_aside_and_the_chain_goes_on(tmp_path: Path, rest: bytes) -> None:
    seal = written(tmp_path, "start", "intent")
    with (tmp_path / FILE).open("ab") as file:
        file.write(rest)
    again = AuditFile(tmp_path)
    trouble = again.open(seal)
    assert trouble["torn"]["bytes"] == len(rest)
    kept = tmp_path / trouble["torn"]["kept"]
    assert kept.read_bytes() == rest
    assert kept.stat().st_mode & 0o777 == 0o600
    again.append([{"kind": "start", **trouble}])
    again.sync()
    report = found(tmp_path, again.synced)
    assert report.ok
    assert report.lines == 3


def test_lines_that_are_gone_leave_a_hole_for_ever(tmp_path: Path) -> None:
    seal = written(tmp_path, "start", "intent", "result", "stop")
    lines = (tmp_path / FILE).read_bytes().splitlines(keepends=True)
    (tmp_path / FILE).write_bytes(b"".join(lines[:2]))
    again = AuditFile(tmp_path)
    assert again.open(seal) == {"missing": [3, 4]}
    again.append([{"kind": "start"}])
    again.sync()
    report = found(tmp_path, again.synced)
    assert report.faults[0].detail == "numbers 3 to 4 are missing"


def test_a_last_line_that_was_changed_is_noticed_at_the_next_start(tmp_path: Path) -> None:
    seal = written(tmp_path, "start", "intent")
    text = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(text.replace(b'"n":1', b'"n":8'))
    again = AuditFile(tmp_path)
    assert again.open(seal) == {"changed": 2}
    again.append([{"kind": "start", "changed": 2}])
    again.sync()
    assert not found(tmp_path, again.synced).ok


def test_a_file_that_is_no_audit_is_kept_aside_whole(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"hello\n" * 40_000)
    file = AuditFile(tmp_path)
    trouble = file.open(Head())
    assert trouble["torn"]["bytes"] == 240_000
    file.append([{"kind": "start"}])
    file.sync()
    assert found(tmp_path, file.synced).ok


def test_it_is_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        AuditFile(tmp_path).open(Head())
    assert not (tmp_path / "elsewhere").exists()


def test_a_crash_while_it_turns_over_loses_nothing(tmp_path: Path) -> None:
    seal = written(tmp_path, "start", "intent")
    (tmp_path / FILE).rename(tmp_path / "audit.jsonl.1")
    again = AuditFile(tmp_path)
    trouble = again.open(seal)
    assert trouble == {"first": 1}
    again.append([{"kind": "start", **trouble}])
    again.sync()
    assert found(tmp_path, again.synced).ok


FULL = """
import os, resource, signal, sys
from pathlib import Path
from agentd.functions.audit.chain import Head
from agentd.functions.audit.file import AuditFile

file = AuditFile(Path(sys.argv[1]))
file.open(Head())
file.append([{"kind": "start"}])
file.sync()
resource.setrlimit(resource.RLIMIT_FSIZE, (700, resource.RLIM_INFINITY))
try:
    file.append([{"kind": "intent", "n": n} for n in range(20)])
except OSError as error:
    print(error.strerror, flush=True)
file.roll_back()
print(os.stat(file.path).st_size, flush=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(file.open(file.synced))
file.append([{"kind": "intent", "n": n} for n in range(20)])
file.sync()
"""


async def test_lines_that_did_not_fit_are_taken_back_and_written_later(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", FULL, str(tmp_path), stdout=asyncio.subprocess.PIPE, cwd=Path.cwd()
    )
    out, _ = await process.communicate()
    refused, size, trouble = out.decode().splitlines()
    assert refused == "File too large"
    assert int(size) < 150
    assert trouble == "{}"
    assert [line.get("n") for line in entries(files(tmp_path))] == [None, *range(20)]
    assert found(tmp_path, None).ok
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


TORN_ON_A_FULL_DISK = """
import os, resource, sys
from pathlib import Path
from agentd.functions.audit.chain import Head
from agentd.functions.audit.file import AuditFile

folder = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (700, resource.RLIM_INFINITY))
for second in range(5):
    try:
        AuditFile(folder, wall=lambda: second).open(Head())
    except OSError as error:
        print(error.strerror)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(AuditFile(folder).open(Head())["torn"]["bytes"])
"""


async def test_what_is_to_be_kept_aside_on_a_full_disk_leaves_nothing_behind_until_it_is_whole(tmp_path: Path) -> None:
    written(tmp_path, "start", "intent")
    rest = b"half a line " * 100
    with (tmp_path / FILE).open("ab") as file:
        file.write(rest)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", TORN_ON_A_FULL_DISK, str(tmp_path), stdout=asyncio.subprocess.PIPE, cwd=Path.cwd()
    )
    out, _ = await process.communicate()
    assert out.decode().splitlines() == ["File too large"] * 5 + [str(len(rest))]
    (kept,) = tmp_path.glob("*.torn-*")
    assert kept.read_bytes() == rest


WRITER = """
import sys
from pathlib import Path
from agentd.functions.audit.chain import Head
from agentd.functions.audit.file import AuditFile

file = AuditFile(Path(sys.argv[1]))
trouble = file.open(Head())
file.append([{"kind": "start", **trouble}])
n = 0
while True:
    file.append([{"kind": "intent", "n": n + i, "arguments": {"text": "x" * (n % 3000)}} for i in range(1 + n % 7)])
    file.sync()
    print(file.synced.seq, flush=True)
    n += 1
"""


async def test_nothing_that_was_synced_is_lost_to_a_kill(tmp_path: Path) -> None:
    acknowledged = 0
    for _ in range(8):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITER, str(tmp_path), stdout=asyncio.subprocess.PIPE, cwd=Path.cwd()
        )
        assert process.stdout is not None
        for _ in range(40):
            acknowledged = int(await within(60, process.stdout.readline()))
        process.send_signal(signal.SIGKILL)
        rest = await process.stdout.read()
        await process.wait()
        whole = [line for line in rest.split(b"\n")[:-1] if line]
        acknowledged = int(whole[-1]) if whole else acknowledged
        report = found(tmp_path, None)
        assert report.ok, report.faults
        assert report.head.seq >= acknowledged
    assert found(tmp_path, None).crashes == 7
