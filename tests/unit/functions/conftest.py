from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from agentd.functions.workers.loader import load
from agentd.functions.workers.schema import Fault, Handler

Loaded = tuple[dict[str, Handler], list[Fault]]


@pytest.fixture
def load_source(tmp_path: Path) -> Callable[..., Loaded]:
    """Load a handler file's text as a worker does; keywords are its table."""

    def load_text(source: str, **config: object) -> Loaded:
        loaded = load(tmp_path / "made.py", dedent(source).encode(), config)
        return loaded.handlers, loaded.faults

    return load_text
