"""Does any request, valid or not, get a failure of the daemon's own, or an answer that the OpenAPI document lacks?

    python bench/fuzz.py [--examples 100] [--seed 1] [--without-token]

Schemathesis makes the requests from the document, for a daemon in a process of its own with a scripted upstream. Its report is
printed; exit status 1 when something was found. The suite runs the same with few examples (``tests/e2e/test_fuzz.py``).
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.fuzzing import fuzz, fuzzed_daemon  # noqa: E402 - the checkout is no package


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=100, help="requests per operation and phase")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without-token", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="agentd-fuzz-") as folder:
        async with fuzzed_daemon(Path(folder)) as daemon:
            run = await fuzz(
                daemon,
                examples=arguments.examples,
                seed=arguments.seed,
                with_token=not arguments.without_token,
                phases="examples,coverage,fuzzing,stateful",
            )
            health = await daemon.call("GET", "/healthz")
        problems = [line for line in (Path(folder) / "log.jsonl").read_text().splitlines() if '"level": "error"' in line]
    print(run.report)
    print(f"health {health.status}, errors in the log {len(problems)}")
    for line in problems[:20]:
        print(line)
    return run.status or int(bool(problems))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
