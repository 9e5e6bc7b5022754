"""Damaged recordings of every format, many of them: what is refused, what is heard, and whether anything else happens.

    .venv/bin/python bench/audio_headers.py --cases 100000

WAV headers go through the daemon's own reader, the rest through what the decoder process runs, confined as there. The
cases run in processes of their own: one that dies is named, and its successor goes on behind the case that killed it.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from agentd.audio import codec_worker
from tests.support.fuzzed_audio import run, seeds

BATCH = 200


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return child(options.seed, options.first, options.cases)
    began = time.perf_counter()
    outcomes: Counter[str] = Counter()
    defects: list[str] = []
    slowest_s = peak_mb = 0.0
    at, end = options.first, options.first + options.cases
    while at < end:
        command = [sys.executable, __file__, "--child", "--seed", str(options.seed), "--first", str(at), "--cases", str(end - at)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                told = json.loads(line)
                at = told["next"]
                outcomes.update(told["outcomes"])
                defects += told["defects"]
                slowest_s, peak_mb = max(slowest_s, told["slowest_s"]), max(peak_mb, told["peak_mb"])
        if process.returncode > 0:
            sys.exit(f"the bench itself failed: status {process.returncode}")
        if process.returncode < 0:
            guilty = at + first_death(options.seed, at, min(BATCH, end - at))
            defects.append(f"{guilty}: the process died with {process.returncode}")
            at = guilty + 1
    print(f"{options.cases} cases, seed {options.seed}, {time.perf_counter() - began:.0f} s")
    for name, count in sorted(outcomes.items()):
        print(f"  {count:7}  {name}")
    print(f"slowest case {slowest_s * 1000:.1f} ms; most memory of a decoder {peak_mb:.0f} MB; defects {len(defects)}")
    for defect in defects[:20]:
        print(f"  {defect}")
    return 1 if defects else 0


def child(seed: int, first: int, count: int) -> int:
    """Run cases and print findings after every batch."""
    seeds()  # before the process is confined: encoders need more than decoders
    codec_worker.confine()
    for at in range(first, first + count, BATCH):
        n = min(BATCH, first + count - at)
        codec_worker.renew_allowance()
        found = run(seed, at, n)
        told = {"outcomes": found.outcomes, "defects": found.defects, "slowest_s": found.slowest_s, "peak_mb": found.peak_mb}
        print(json.dumps({"next": at + n, **told}), flush=True)
    return 0


def first_death(seed: int, start: int, count: int) -> int:
    """Which of these cases kills the process that decodes it."""
    for offset in range(count):
        pid = os.fork()
        if pid == 0:
            run(seed, start + offset, 1)
            os._exit(0)
        if os.waitpid(pid, 0)[1] != 0:
            return offset
    return count - 1


if __name__ == "__main__":
    sys.exit(main())
