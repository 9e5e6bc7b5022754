"""A live upload of half an hour: is the daemon's memory flat, and does the upstream hear as much as time passes?

    .venv/bin/python bench/upload.py [--minutes 30] [--kind "WebM Opus"]

The daemon has a process of its own, the upstream is scripted, the upload chunked and paced by the clock. Exit status 1
when audio and time differ by more than 50 ms, or memory grew by more than 2 MB after the first seconds.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.long_upload import upload
from tests.support.recordings import KINDS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--kind", choices=["WAV", *KINDS], default="WAV")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="agentd-upload-") as folder:
        seen = asyncio.run(upload(Path(folder), seconds=options.minutes * 60, kind=options.kind))
    first, last, most = seen.memory_mb
    print(f"{options.kind}, {options.minutes:g} min: given {seen.given_s:.3f} s, accepted {seen.accepted_s:.3f} s")
    final_ms, most_ms = seen.final_drift_s * 1000, seen.drift_s * 1000
    print(f"upstream heard {seen.heard_s:.3f} s; audio minus time {final_ms:+.0f} ms at the end, {most_ms:+.0f} ms at most")
    print(f"memory of the daemon and its decoders: {first:.1f} MB once warm, {last:.1f} MB at the end, {most:.1f} MB at most")
    return int(abs(seen.final_drift_s) > 0.05 or last - first > 2.0)


if __name__ == "__main__":
    sys.exit(main())
