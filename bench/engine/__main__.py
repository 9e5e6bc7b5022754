"""The command: ``python -m bench.engine``."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import uvloop

from bench.engine import parts
from bench.engine.figures import Table, machine
from bench.engine.report import write


def main() -> None:
    """Run the parts that are asked for, one after the other; print their tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.engine", description=parts.__doc__)
    parser.add_argument("--speech", type=Path, required=True, help="table of recordings: columns file (beside it), transcript")
    parser.add_argument("--only", type=_names, default=tuple(parts.PARTS), help=f"of {','.join(parts.PARTS)}")
    parser.add_argument("--write", type=Path, help="Markdown file whose tables are replaced by these")
    parser.add_argument("--set", type=_pair, action="append", default=[], metavar="KEY=VALUE", help="of [engine]")
    given = parser.parse_args()
    facts, idle = machine()
    print(facts, flush=True)
    if not idle:
        print("WARNING: the machine is not idle; times below say little", flush=True)
    began = time.perf_counter()

    def done(table: Table) -> None:
        print(f"\n### {table.title}\n\n{table.markdown()}", flush=True)
        if given.write is not None:
            write(given.write, [table], facts if idle else f"{facts}, so not idle")

    uvloop.run(parts.run(given.only, parts.Bench(given.speech, dict(given.set)), done))
    print(f"\n{time.perf_counter() - began:.0f} s")


def _pair(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError("KEY=VALUE is wanted")
    return key, value


def _names(text: str) -> Sequence[str]:
    names = text.split(",")
    unknown = sorted(set(names) - set(parts.PARTS))
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}")
    return names


if __name__ == "__main__":
    main()
