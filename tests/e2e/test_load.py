"""Twenty sessions at once for a minute, in real time: every turn completes and nothing is left."""

import asyncio
import json
import sys

import pytest

from tests.support.daemon import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


async def test_twenty_sessions_talk_for_a_minute_and_leave_nothing_behind() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(ROOT / "bench/sessions.py"), "--sessions", "20", "--seconds", "60", "--warm-up", "15",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == 0, out.decode() + err.decode()
    figures = json.loads(out[out.index(b"{\n") :])
    assert figures["failed"] == 0
    assert figures["turns"] >= 20 * 10
    assert figures["left"] == {"tasks": [], "sessions": 0, "descriptors": 0, "children": 0}
    memory = figures["memory_mib"]
    assert memory["median_second_half"] - memory["median_first_half"] < 10, memory
