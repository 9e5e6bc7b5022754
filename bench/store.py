"""The store: how long commits take, and what a kill -9 under load costs.

    python -m bench.store commits [--rows 20000]
    python -m bench.store kills [--rounds 200] [--sessions 8]

``commits`` writes events to a store as the daemon does and waits for each acknowledged one. ``kills`` runs the daemon as a
process, lets sessions talk over HTTP, kills it at a random moment and starts it again on the same state: every session
that was started and every turn that was answered must be there, and no run left open. Exit status 1 when anything acknowledged
is missing. Figures are printed as JSON.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp

from agentd.config.sections import StoreSettings
from agentd.hub import Envelope
from agentd.store import Store
from bench.sessions import scripted_upstream

SCRIPT: Final = """
on:
  - hears: count
    steps: [{call: count}, {say: "That was number {result}.", audio_s: 0.1}]
default: {say: "I heard: {text}", audio_s: 0.1}
"""
HANDLER: Final = '''
from agentd.functions import CallContext, function

@function(tier="read")
async def count(ctx: CallContext) -> str:
    """Count."""
    counted = (await ctx.store.get("counted", 0)) + 1
    await ctx.store.set("counted", counted)
    return str(counted)
'''
START_S: Final = 60.0


# commits


async def commits(rows: int) -> dict[str, Any]:
    """Latencies of ``flushed`` behind one event, and of a value that must survive a loss of power."""
    with tempfile.TemporaryDirectory() as folder:
        seconds: list[float] = []
        store = Store(Path(folder), StoreSettings(), committed=seconds.append)
        await store.start()
        try:
            waited = [await _timed(_event(store, seq)) for seq in range(1, rows // 10)]
            began = time.perf_counter()
            for seq in range(rows, 2 * rows):
                store.put_event(event_of(seq))
                if seq % 500 == 0:
                    await store.flushed()
            await store.flushed()
            bulk_s = time.perf_counter() - began
            durable = [await _timed(store.change_values("bench", {"n": n})) for n in range(500)]
        finally:
            await store.stop()
        return {
            "acknowledged_event_ms": _spread(waited),
            "durable_value_ms": _spread(durable),
            "commit_on_the_thread_ms": _spread(seconds),
            "events_per_s": round(rows / bulk_s),
        }


async def _event(store: Store, seq: int) -> None:
    store.put_event(event_of(seq))
    await store.flushed()


def event_of(seq: int) -> Envelope:
    """An event as conversations have them."""
    data = {"role": "user", "content": "turn on the lamp in the living room, please " * 3}
    return Envelope(seq, seq, "kitchen", "01KAXM3V9Q6Z0T8W4F2B7C5D1E", "2026-11-25T03:00:00.000Z", "ConversationText", data)


async def _timed(work: Any) -> float:
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


def _spread(seconds: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(seconds, n=100)
    return {"p50": round(cuts[49] * 1000, 3), "p99": round(cuts[98] * 1000, 3), "max": round(max(seconds) * 1000, 3)}


# kills


@dataclass(slots=True)
class Promised:
    """What the daemon acknowledged in one life.

    Attributes:
        runs: sessions whose start was answered.
        turns: turns that were answered, as run id, number and what was heard.
        ended: runs whose stop was answered.
        counted: the last value a handler was told was stored.
    """

    runs: list[str] = field(default_factory=list)
    turns: list[tuple[str, int, str]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    counted: int = 0


@dataclass(slots=True)
class Tally:
    """Sums over all rounds."""

    rounds: int = 0
    runs: int = 0
    turns: int = 0
    lost: list[str] = field(default_factory=list)
    corrupt: int = 0
    ready_s: list[float] = field(default_factory=list)


async def kills(rounds: int, sessions: int, *, seed: int = 0) -> Tally:
    """Kill the daemon ``rounds`` times under the load of ``sessions`` conversations."""
    rnd = random.Random(seed)
    tally = Tally()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "functions").mkdir()
        (folder / "functions" / "counter.py").write_text(HANDLER, encoding="utf-8")
        async with scripted_upstream(folder, SCRIPT) as (url, key):
            base = url.replace("ws://", "http://")
            (folder / "config.toml").write_text(
                f'default_agent = "bench"\n[agents.bench]\n[server]\nport = 0\n'
                f'[paths]\nstate_dir = "{folder}/state"\nfunctions_dir = "{folder}/functions"\n'
                f'[engine]\nmode = "never"\n[deepgram]\napi_key = "{key}"\nagent_url = "{url}"\nrest_url = "{base}"\n',
                encoding="utf-8",
            )
            promised = Promised()
            for _ in range(rounds + 1):
                promised = await _round(folder, promised, tally, sessions, rnd.uniform(0.1, 0.8), last=tally.rounds == rounds)
    return tally


async def _round(folder: Path, before: Promised, tally: Tally, sessions: int, seconds: float, *, last: bool) -> Promised:
    """Start, check what the life before promised, talk, kill."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agentd", "serve", "--config", str(folder / "config.toml"),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, cwd=folder, env=_environment(),
    )  # fmt: skip
    promised = Promised(counted=before.counted)
    try:
        async with asyncio.timeout(START_S):
            await _ready(process)
        tally.ready_s.append(time.perf_counter() - began)
        headers = {"Authorization": f"Bearer {(folder / 'state' / 'token').read_text(encoding='ascii').strip()}"}
        url = (folder / "state" / "agentd.url").read_text(encoding="ascii").strip()
        async with aiohttp.ClientSession(base_url=url, headers=headers, trust_env=False) as http:
            tally.lost += await _missing(http, before)
            tally.corrupt += len(list((folder / "state").glob("*.corrupt-*")))
            if not last:
                talks = [asyncio.ensure_future(_talk(http, i, promised)) for i in range(sessions)]  # noqa: TID251 - a bench of its own
                await asyncio.sleep(seconds)
                process.send_signal(signal.SIGKILL)
                await asyncio.gather(*talks, return_exceptions=True)
                tally.rounds += 1
                tally.runs += len(promised.runs)
                tally.turns += len(promised.turns)
                print(f"{tally.rounds}: ready after {tally.ready_s[-1]:.1f} s, {len(promised.turns)} turns", file=sys.stderr)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    return promised


async def _talk(http: aiohttp.ClientSession, i: int, promised: Promised) -> None:
    """Conversations, one after the other, until the daemon is gone."""
    n = 0
    try:
        while True:
            async with http.post("/v1/sessions", json={"id": f"s{i}", "metadata": {"n": str(n)}}) as answer:
                if answer.status != 201:
                    return
                run_id = (await answer.json())["run_id"]
            promised.runs.append(run_id)
            for text in ("count", f"number {i} {n}", "count"):
                body = {"role": "user", "content": text}
                async with http.post(f"/v1/sessions/{run_id}/messages?wait=reply", json=body) as answer:
                    turn = await answer.json()
                if answer.status == 200:
                    promised.turns.append((run_id, turn["n"], text))
                    for call in turn["calls"]:
                        promised.counted = max(promised.counted, int(call["result"]))
            async with http.delete(f"/v1/sessions/{run_id}") as answer:
                if answer.status == 200:
                    promised.ended.append(run_id)
            n += 1
    except aiohttp.ClientError:
        return


async def _missing(http: aiohttp.ClientSession, promised: Promised) -> list[str]:
    """What was acknowledged and is not there."""
    lost: list[str] = []
    for run_id in promised.runs:
        async with http.get(f"/v1/sessions/{run_id}") as answer:
            run = await answer.json()
        reason = "stopped" if run_id in promised.ended else None
        if answer.status != 200 or run["state"] != "ended" or (reason and run["end_reason"] != reason):
            lost.append(f"run {run_id}: {answer.status} {run.get('state')} {run.get('end_reason')}")
    turns: dict[str, dict[int, str]] = {}
    for run_id, n, heard in promised.turns:
        if run_id not in turns:
            async with http.get(f"/v1/sessions/{run_id}/turns") as answer:
                items = (await answer.json()).get("items", [])
            turns[run_id] = {turn["n"]: turn["heard"] for turn in items}
        if turns[run_id].get(n) != heard:
            lost.append(f"turn {n} of {run_id}: {turns[run_id].get(n)!r} instead of {heard!r}")
    if promised.counted:
        async with http.post("/v1/functions/count/invoke", json={"arguments": {}}) as answer:
            counted = int((await answer.json())["result"])
        if counted <= promised.counted:
            lost.append(f"a handler's value: {counted} after {promised.counted}")
    return lost


async def _ready(process: asyncio.subprocess.Process) -> None:
    if process.stderr is None:
        raise AssertionError("its errors are a pipe")
    lines: list[str] = []
    async for line in process.stderr:
        lines.append(line.decode())
        if line.startswith(b"agentd is ready"):
            return
    raise RuntimeError(f"the daemon did not start:\n{''.join(lines)}")


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("AGENTD_", "DEEPGRAM_"))}


def main() -> int:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    kinds.add_parser("commits").add_argument("--rows", type=int, default=20_000)
    killing = kinds.add_parser("kills")
    killing.add_argument("--rounds", type=int, default=200)
    killing.add_argument("--sessions", type=int, default=8)
    options = parser.parse_args()
    if options.kind == "commits":
        print(json.dumps(asyncio.run(commits(options.rows)), indent=2))
        return 0
    tally = asyncio.run(kills(options.rounds, options.sessions))
    figures = {
        "kills": tally.rounds,
        "acknowledged_runs": tally.runs,
        "acknowledged_turns": tally.turns,
        "lost": tally.lost,
        "corrupt": tally.corrupt,
        "ready_s": {"p50": round(statistics.median(tally.ready_s), 2), "max": round(max(tally.ready_s), 2)},
    }
    print(json.dumps(figures, indent=2))
    return 1 if tally.lost or tally.corrupt else 0


if __name__ == "__main__":
    sys.exit(main())
