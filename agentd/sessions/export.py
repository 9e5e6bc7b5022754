"""What goes into the bundle of a run, the flight recorder: events, words, calls, latencies, audio, settings without secrets."""

import asyncio
import csv
import io
import time
from collections.abc import AsyncIterator, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import orjson

from agentd.audio.formats import wav_header
from agentd.clock import rfc3339
from agentd.sessions.runs import KeptRun, Run
from agentd.store import Store
from agentd.store.bundle import Member, bundle

FORMAT: Final = "agentd-run"
FORMAT_VERSION: Final = 1
_PAGE: Final = 500
_PIECE_BYTES: Final = 262_144
_STAGES: Final = ("endpointing_s", "listen_s", "think_s", "function_s", "speak_s", "rest_s", "total_s", "basis")


def exported(run: Run, store: Store) -> AsyncIterator[bytes]:
    """The zip of a run, up to now when it is live."""
    about = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "agentd": version("agentd"),
        "created_at": rfc3339(time.time()),
        "id": run.id,
        "run_id": run.run_id,
    }
    return bundle(_members(run, store), about)


async def _members(run: Run, store: Store) -> AsyncIterator[Member]:
    yield Member("session.json", _json(run.view(words=True)))
    if run.settings is not None:
        yield Member("settings.json", _json(run.settings))
    lines = await run.transcript()
    yield Member("transcript.json", _json(lines))
    yield Member("transcript.txt", _once(_text(lines)))
    turns = await run.turns(words=True)
    yield Member("turns.jsonl", _lines(turns))
    yield Member("calls.jsonl", _lines(await run.calls(words=True)))
    yield Member("latencies.csv", _once(_latencies(turns)))
    yield Member("events.jsonl", _events(run))
    for path in await asyncio.to_thread(store.recordings.of, run.run_id):
        yield Member(f"recording{path.suffix}", _file(path), packed=False)
    if isinstance(run, KeptRun):
        for turn in run.session.turns:
            if turn.audio:
                audio = bytes(turn.audio)
                sound = wav_header(run.session.output_format, len(audio)) + audio
                yield Member(f"turns/{turn.n}.wav", _once(sound), packed=False)


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


def _json(value: Any) -> AsyncIterator[bytes]:
    return _once(orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2) + b"\n")


def _lines(values: Iterable[Any]) -> AsyncIterator[bytes]:
    return _once(b"".join(orjson.dumps(value, default=str) + b"\n" for value in values))


async def _events(run: Run) -> AsyncIterator[bytes]:
    """Every event up to now; what is gone leaves a gap in ``seq``."""
    seq, last = 0, run.snapshot(words=False)["seq"]
    while seq < last:
        events, _ = await run.events(seq, limit=_PAGE)
        if not events:
            return
        yield b"".join(event.json() + b"\n" for event in events if event.seq <= last)
        seq = events[-1].seq


async def _file(path: Path) -> AsyncIterator[bytes]:
    """The file piece by piece; nothing when it was erased in the meantime."""
    try:
        file = await asyncio.to_thread(path.open, "rb")
    except FileNotFoundError:
        return
    with file:
        while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
            yield piece


def _text(lines: Iterable[dict[str, Any]]) -> bytes:
    speakers = {"user": "User", "assistant": "Agent"}
    return "".join(
        f"{line['time']} {speakers.get(line['role'], line['role'])}: {' '.join(line['text'].split())}\n" for line in lines
    ).encode()


def _latencies(turns: Iterable[dict[str, Any]]) -> bytes:
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(("turn", "cause", "outcome", *_STAGES))
    for turn in turns:
        writer.writerow((turn["n"], turn["cause"], turn["outcome"], *(turn["latency"][stage] for stage in _STAGES)))
    return table.getvalue().encode()
