"""Hear recordings through the whole daemon: word error rate, and latency by the engine's clock.

    python -m bench.hear path/to/clips.tsv [--passes 1]

The table has a header; columns ``file`` (beside it) and ``transcript`` are read. Each clip is sent in real time to a
session of its own with ``?wait=reply``; all turns it causes are joined. Run it on an idle machine: it reports medians
and spread, it asserts nothing.
"""

import argparse
import csv
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import aiohttp
import uvloop

from agentd import log
from agentd.app import running
from agentd.config import LogSettings, Settings
from agentd.upstream.transport import install_transport
from bench.wer import errors


async def main(clips: list[dict[str, str]], folder: Path, passes: int) -> dict[str, Any]:
    """Every clip through a daemon with the embedded engine."""
    with tempfile.TemporaryDirectory(prefix="agentd-bench-") as state:
        settings = Settings.model_validate(
            {
                "server": {"port": 0},
                "paths": {"state_dir": state, "functions_dir": "functions"},
                "engine": {"mode": "always"},
                "agents": {"home": {"prompt": "Listen."}},
                "log": {"level": "error"},
            }
        )
        async with running(settings) as daemon:
            if daemon.engine is not None:
                await daemon.engine.wait_ready(60)
            headers = {"Authorization": "Bearer " + (Path(state) / "token").read_text(encoding="ascii").strip()}
            async with aiohttp.ClientSession(daemon.url, headers=headers, timeout=aiohttp.ClientTimeout(total=120)) as http:
                rows = [await hear(http, clip, folder) for _ in range(passes) for clip in clips]
    return report(rows)


async def hear(http: aiohttp.ClientSession, clip: dict[str, str], folder: Path) -> dict[str, Any]:
    """One clip in a session of its own."""
    async with http.post("/v1/sessions", json={}) as response:
        session = (await response.json())["run_id"]
    wav = (folder / clip["file"]).read_bytes()
    path = f"/v1/sessions/{session}/audio?wait=reply&timeout_s=60"
    async with http.post(path, data=wav, headers={"Content-Type": "audio/wav"}) as response:
        answer = await response.json()
        refused = None if response.status == 200 else answer["code"]
    async with http.get(f"/v1/sessions/{session}/turns") as response:
        turns = [turn for turn in (await response.json())["items"] if turn["cause"] == "speech"]
    async with http.delete(f"/v1/sessions/{session}"):
        pass
    heard = " ".join(turn["heard"] for turn in turns)
    wrong, words = errors(clip["transcript"], heard)
    print(f"{clip['file']:<22}{wrong:>3} /{words:>3}  {heard or refused}", flush=True)
    return {"file": clip["file"], "wrong": wrong, "words": words, "latencies": [turn["latency"] for turn in turns]}


def report(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Totals over all rows."""
    latencies = [latency for row in rows for latency in row["latencies"]]
    totals = sorted(1000 * latency["total_s"] for latency in latencies if latency["total_s"] is not None)
    wrong, words = sum(row["wrong"] for row in rows), sum(row["words"] for row in rows)
    return {
        "clips": len(rows),
        "exact": sum(row["wrong"] == 0 for row in rows),
        "wrong_words": wrong,
        "words": words,
        "wer_percent": round(100 * wrong / words, 1),
        "turns": len(latencies),
        "latency_basis": sorted({latency["basis"] for latency in latencies}),
        "total_ms": {
            "median": round(statistics.median(totals)),
            "p95": round(totals[int(0.95 * (len(totals) - 1))]),
            "min": round(totals[0]),
            "max": round(totals[-1]),
        },
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--passes", type=int, default=1)
    arguments = parser.parse_args()
    with arguments.clips.open(encoding="utf-8", newline="") as table:
        wanted = list(csv.DictReader(table, delimiter="\t"))
    log.configure(LogSettings(level="error"))
    install_transport()
    print(json.dumps(uvloop.run(main(wanted, arguments.clips.parent, arguments.passes)), indent=2))
