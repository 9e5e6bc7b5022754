"""The command: ``python -m bench.functions``."""

import argparse
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop

from agentd import log
from agentd.config import LogSettings
from bench import functions
from bench.functions import audio, declared, overhead, parallel, replay, workers

PARTS: dict[str, Callable[[argparse.Namespace], Awaitable[dict[str, Any]]]] = {
    "overhead": lambda given: overhead.measure(given.calls),
    "parts": lambda given: overhead.parts(given.calls),
    "audio": lambda given: audio.measure(given.seconds, given.sessions),
    "replay": lambda given: replay.measure(given.runs, given.seed),
    "workers": lambda given: workers.measure(given.calls),
    "declared": lambda given: declared.measure(given.calls, given.seconds),
    "parallel": lambda given: parallel.measure(given.rounds),
}


async def run(given: argparse.Namespace) -> bool:
    """The parts that are asked for; whether all of them are well."""
    well = True
    for name in given.parts or PARTS:
        figures = await PARTS[name](given)
        print(json.dumps({name: figures}, indent=2), flush=True)
        well = well and bool(figures.get("ok", True))
    return well


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m bench.functions", description=functions.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="default: all")
    parser.add_argument("--calls", type=int, default=1000, help="of each kind (overhead, parts, declared)")
    parser.add_argument(
        "--seconds", type=float, default=5.0, help="of audio beside each kind of function (audio), of a flood (declared)"
    )
    parser.add_argument("--sessions", type=int, default=4, help="that speak at once (audio)")
    parser.add_argument("--rounds", type=int, default=20, help="of each number of calls (parallel)")
    parser.add_argument("--runs", type=int, default=500, help="of a call that comes again (replay)")
    parser.add_argument("--seed", type=int, default=1, help="of what happens in them (replay)")
    log.configure(LogSettings(level="error"))
    sys.exit(0 if uvloop.run(run(parser.parse_args())) else 1)
