import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.handlers import Bench, eventually, open_descriptors

pytest.register_assert_rewrite("tests.e2e.functions.hostile")


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """A bench to write handlers into; ``await bench.start()`` loads them. Nothing may be left when it is closed."""
    directory = tmp_path / "functions"
    directory.mkdir()
    descriptors = open_descriptors()
    made = Bench(directory, tmp_path / "state")
    yield made
    if hasattr(made, "functions"):
        await made.close()
    await eventually(lambda: not made.workers(), "no child process is left")
    left = [task for task in asyncio.all_tasks() if "functions:" in task.get_name() or "session:" in task.get_name()]
    assert not left
    await eventually(lambda: open_descriptors() <= descriptors, "no descriptor is left")
