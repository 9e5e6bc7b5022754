"""Uploads that break off half way, many of them: does a session, a descriptor, a process or a request stay behind?

    .venv/bin/python bench/broken_uploads.py [--uploads 500] [--at-once 10]

The daemon has a process of its own, the upstream is scripted. Each upload is reset by its client after half of its body;
every second one is compressed, so that a decoder process must go with it. Exit status 1 when something stayed behind.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.long_upload import broken_uploads


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--uploads", type=int, default=500)
    parser.add_argument("--at-once", type=int, default=10, help="sessions, with one upload each at a time")
    options = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="agentd-broken-") as folder:
        seen = asyncio.run(broken_uploads(Path(folder), uploads=options.uploads, at_once=options.at_once))
    print(f"{options.uploads} uploads broken off in {time.perf_counter() - began:.0f} s; told as partial: {seen.partial}")
    print(
        f"noticed after {seen.noticed_s * 1000:.0f} ms at most; left: {seen.descriptors} descriptors, {seen.processes} processes"
    )
    print(f"sessions that take the next recording: {seen.well} of {options.at_once}")
    return int(seen.descriptors > 0 or seen.processes > 0 or seen.well < options.at_once or seen.noticed_s > 1.0)


if __name__ == "__main__":
    sys.exit(main())
