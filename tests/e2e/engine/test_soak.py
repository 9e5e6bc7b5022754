"""Four conversations for a minute, two of which hang up and call again: every turn is answered and nothing is left."""

import asyncio
import json
import sys

import pytest

from tests.support.daemon import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.models, pytest.mark.timeout(240)]

GROWTH_MIB = 60
"""Allocators and caches fill up in the first minutes (20 MiB are usual): a leak of every turn's audio would be more than this."""


async def test_four_conversations_talk_for_a_minute_and_leave_nothing_behind() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.engine.soak", "--minutes", "1", "--conversations", "4", "--hold", "15",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == 0, out.decode() + err.decode()
    figures = json.loads(out)
    assert figures["failed"] == 0
    assert figures["turns"] >= 4 * 5
    assert figures["conversations"] >= 6
    assert figures["left"] == {"conversations": 0, "descriptors": 0, "threads": 0}
    memory = figures["memory_mib"]
    assert memory["median_second_half"] - memory["median_first_half"] < GROWTH_MIB, memory
