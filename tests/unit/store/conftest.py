from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from agentd.config.sections import StoreSettings
from agentd.hub import Envelope
from agentd.ids import RunIds
from agentd.store import RunRow, Store

StoreOf = Callable[..., Any]

_RUN_IDS = RunIds()


@pytest.fixture
async def store_of(tmp_path: Path) -> AsyncIterator[StoreOf]:
    """Makes stores in one folder; keyword arguments are ``[store]`` keys, ``folder``, ``wall`` and ``monotonic``."""
    async with AsyncExitStack() as stack:

        async def make(folder: Path = tmp_path, *, wall: Any = None, monotonic: Any = None, **settings: Any) -> Store:
            clocks = {name: clock for name, clock in (("wall", wall), ("monotonic", monotonic)) if clock is not None}
            store = Store(folder, StoreSettings(**settings), **clocks)
            await store.start()
            stack.push_async_callback(store.stop)
            return store

        yield make


@pytest.fixture
async def store(store_of: StoreOf) -> Store:
    made: Store = await store_of()
    return made


def event(run_id: str, seq: int, text: str = "hello") -> Envelope:
    return Envelope(
        seq, seq, "kitchen", run_id, "2026-11-25T03:00:00.000Z", "ConversationText", {"role": "user", "content": text}
    )


def run_row(run_id: str | None = None, *, state: str = "ended", ended_at: float | None = 1000.0, words: str = "hello") -> RunRow:
    return RunRow(
        run_id=run_id or _RUN_IDS.new(),
        id="kitchen",
        agent="home",
        upstream="engine",
        state=state,  # type: ignore[arg-type]  # one of the three
        started_at=900.0,
        ended_at=ended_at,
        words=True,
        metadata={"who": words},
        view={"id": "kitchen", "last_heard": words, "last_said": words, "usage": {"turns": 1}},
        settings={"agent": {"think": {"prompt": words}}},
    )


def turn(n: int, text: str = "hello") -> dict[str, Any]:
    return {"n": n, "heard": text, "said": text, "played": text, "calls": [], "spoken_at": "2026-11-25T03:00:00.000Z"}


def fill(store: Store, text: str, *, events: int = 20, ended_at: float | None = 1000.0) -> str:
    """One ended run in which ``text`` was said all the time. Returns its run id."""
    row = run_row(words=text, ended_at=ended_at)
    store.put_run(row)
    for seq in range(1, events + 1):
        store.put_event(event(row.run_id, seq, f"{text} " * (seq % 7 * 40 + 1)))
    store.put_turn(row.run_id, 1, turn(1, text))
    store.put_call(row.run_id, 1, 0, {"call_id": "c1", "name": "f", "arguments": {"text": text}, "outcome": "ok", "result": text})
    return row.run_id


def files_with(folder: Path, text: str) -> list[str]:
    """Files below ``folder`` in which the bytes of ``text`` stand."""
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()
    )
