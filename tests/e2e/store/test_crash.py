"""kill -9: what was acknowledged is there afterwards, and no run is left open."""

import asyncio
import random
import signal
import sys
from pathlib import Path

import pytest

from agentd.config.sections import StoreSettings
from agentd.store import Store
from bench.store import kills
from tests.support.daemon import ROOT

WRITES = """
import asyncio, sys
from pathlib import Path
from agentd.config.sections import StoreSettings
from agentd.store import Store
from tests.unit.store.conftest import event

async def main():
    store = Store(Path(sys.argv[1]), StoreSettings())
    await store.start()
    last = await store.last_event("R")
    seq = last[0] if last else 0
    while True:
        for _ in range(12):
            seq += 1
            store.put_event(event("R", seq, "word " * 50))
        if not await store.flushed():
            raise SystemExit("not committed")
        await store.change_values("home", {"seq": seq})
        print(seq, flush=True)

asyncio.run(main())
"""


@pytest.mark.timeout(300)
async def test_a_kill_under_load_loses_nothing_that_was_acknowledged() -> None:
    tally = await kills(2, 4)
    assert (tally.rounds, tally.lost, tally.corrupt) == (2, [], 0)
    assert tally.runs > 0
    assert tally.turns > 0


@pytest.mark.timeout(300)
async def test_a_writer_killed_again_and_again_keeps_every_committed_row(tmp_path: Path) -> None:
    rnd = random.Random(1)
    acknowledged = 0
    for _ in range(12):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITES, str(tmp_path), cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        for _ in range(rnd.randint(1, 30)):
            acknowledged = int(await process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        rest, _ = await process.communicate()
        acknowledged = int(rest.split()[-1]) if rest.endswith(b"\n") else acknowledged
    store = Store(tmp_path, StoreSettings())
    await store.start()
    try:
        assert store.status()["state"] == "ok"
        last = await store.last_event("R")
        assert last is not None
        assert last[0] >= acknowledged
        events = await store.events("kitchen", "R", after=0, limit=10_000_000)
        assert [event.seq for event in events] == list(range(1, last[0] + 1))
        assert (await store.values("home"))["seq"] >= acknowledged
    finally:
        await store.stop()
