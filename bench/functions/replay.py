"""Drop and replay: the connection is lost after a FunctionCallRequest, and the same call comes again on the next one.

What really happened is counted by the handler itself, which adds its number to a file before anything else. No number may be
there twice, whatever the handler does (it answers, it is slow, its process dies, it runs into its time limit), whenever the
connection is lost, and whether the call comes again by its id, by another id with the same arguments, or both.
"""

import asyncio
import random
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from bench.functions.daemon import daemon, session
from bench.functions.upstream import Upstream, new_id, upstream

AT_ONCE: Final = 6
"""Sessions that are at it at the same time."""

HANDLERS: Final = '''
import asyncio
import os
import signal
import time
from pathlib import Path

from agentd.functions import function

DONE = Path(__file__).parent.with_name("done")

def note(n: int) -> str:
    descriptor = os.open(DONE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, f"{n}\\n".encode())
    os.close(descriptor)
    return f"done {n}"

async def work(n: int, how: str) -> str:
    said = note(n)
    if how == "slow":
        await asyncio.sleep(0.2)
    elif how == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "hangs":
        await asyncio.sleep(60)
    return said

@function(tier="read", timeout_s=0.5)
async def look(n: int, how: str) -> str:
    """Look."""
    return await work(n, how)

@function(tier="low", timeout_s=0.5)
async def act(n: int, how: str) -> str:
    """Act."""
    return await work(n, how)

@function(tier="medium", timeout_s=0.5)
def act_plainly(n: int, how: str) -> str:
    """Act, in a thread."""
    said = note(n)
    if how == "dies":
        os._exit(1)
    time.sleep({"slow": 0.2, "hangs": 60}.get(how, 0))
    return said
'''
FUNCTIONS: Final = ("look", "act", "act_plainly")
HOW: Final = ("at once", "at once", "slow", "dies", "hangs")
REPLAYS: Final = ("same id", "new id", "both", "twice")
DROPS_S: Final = (0.0, 0.001, 0.005, 0.05, None)
"""How long after the request the connection is lost; None: once the call is answered."""
LIMITS: Final = {"sessions": AT_ONCE + 4, "starts_per_minute": 100_000, "ended_sessions": 20, "function_repeats": 20}


@dataclass(frozen=True, slots=True)
class Run:
    """One call that comes again.

    Attributes:
        drop_s: see ``DROPS_S``.
        filler: the agent has said something in this turn before it called, so that nobody asks anew.
    """

    n: int
    function: str
    how: str
    replay: str
    drop_s: float | None
    filler: bool


def plan(runs: int, seed: int) -> list[Run]:
    """So many runs, each combination about as often."""
    chosen = random.Random(seed)
    return [
        Run(
            n,
            FUNCTIONS[n % len(FUNCTIONS)],
            HOW[n // len(FUNCTIONS) % len(HOW)],
            chosen.choice(REPLAYS),
            chosen.choice(DROPS_S),
            chosen.random() < 0.25,
        )
        for n in range(runs)
    ]


async def play(run: Run, http: aiohttp.ClientSession, served: Upstream) -> list[str]:
    """One run in a session of its own: what the replays were answered."""
    name = f"run-{run.n}"
    call = (run.function, {"n": run.n, "how": run.how})
    link = await session(http, served, name)
    await link.send({"type": "ConversationText", "role": "user", "content": f"Do number {run.n}."})
    if run.filler:
        await link.send({"type": "ConversationText", "role": "assistant", "content": "One moment."})
    call_id = new_id()
    if run.drop_s is None:
        await link.call((call_id, *call))
    else:
        await link.ask((call_id, *call))
        await asyncio.sleep(run.drop_s)
    answers: list[str] = []
    for _ in range(2 if run.replay == "twice" else 1):
        link.drop()
        link = await served.next_link(link)
        if not run.filler:
            await link.came("InjectUserMessage")
        ids = {"same id": [call_id], "new id": [new_id()], "both": [call_id, new_id()], "twice": [call_id]}[run.replay]
        for again in ids:
            answers += [content for _, _, content in await link.call((again, *call))]
    await link.end_turn()
    async with http.delete(f"/v1/sessions/{name}") as response:
        await response.read()
    return answers


async def measure(runs: int, seed: int = 1) -> dict[str, Any]:
    """So many runs by chance; what was done twice, and what the replays were told."""
    return {"seed": seed, **await play_all(plan(runs, seed))}


async def play_all(planned: list[Run]) -> dict[str, Any]:
    """These runs."""
    told: Counter[str] = Counter()
    failed: list[str] = []
    places = asyncio.Semaphore(AT_ONCE)
    with tempfile.TemporaryDirectory(prefix="agentd-bench-") as name:
        folder = Path(name)
        async with upstream() as served, daemon(folder, served, HANDLERS, limits=LIMITS) as http:

            async def one(run: Run) -> None:
                async with places:
                    try:
                        answers = await play(run, http, served)
                    except (AssertionError, TimeoutError, aiohttp.ClientError) as error:
                        failed.append(f"{run}: {type(error).__name__}: {error}")
                        return
                told.update("done" if answer.startswith("done") else answer[:40] for answer in answers)

            await asyncio.gather(*map(one, planned))
        done = Counter(map(int, (folder / "done").read_text(encoding="ascii").split()))
    twice = [f"{run}: {done[run.n]} times" for run in planned if done[run.n] > 1]
    return {
        "runs": len(planned),
        "done_once": sum(times == 1 for times in done.values()),
        "never_done": sum(done[run.n] == 0 for run in planned),
        "done_twice": len(twice),
        "first_twice": twice[:5],
        "replays_were_told": dict(told.most_common(8)),
        "failed": len(failed),
        "first_failures": failed[:5],
        "ok": not twice and not failed,
    }
