from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agentd.config.sections import StoreSettings
from agentd.functions.audit import Audit
from agentd.functions.audit.chain import Head
from agentd.functions.audit.file import AuditFile
from agentd.functions.audit.verify import Report, files, verify
from agentd.functions.call import CallRequest
from agentd.functions.declare import Tier
from agentd.functions.provider import Admitted
from agentd.functions.registry import FunctionSpec
from agentd.store import Store


def call(tier: Tier, call_id: str = "c1", **arguments: Any) -> Admitted:
    """A call of a function of that tier that has passed the gate."""
    spec = FunctionSpec("act", "Act.", {}, tier, 10.0, "acting.py", 1, sha256="5a" * 32)
    return Admitted(CallRequest(call_id, "act", arguments, session_id="s", run_id="r", agent="home"), spec, arguments)


def written(folder: Path, *kinds: str) -> Head:
    """A file with such lines; what would be remembered of it."""
    file = AuditFile(folder)
    file.open(Head())
    file.append({"time": f"2026-01-01T00:00:0{n}.000Z", "kind": kind, "n": n} for n, kind in enumerate(kinds))
    file.sync()
    file.close()
    return file.synced


def found(folder: Path, seal: Head | None) -> Report:
    """What verifying finds."""
    return verify(files(folder), seal)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(tmp_path, StoreSettings())
    await store.start()
    yield store
    await store.stop()


@pytest.fixture
async def audit(tmp_path: Path, store: Store) -> AsyncIterator[Audit]:
    audit = Audit(tmp_path, store, store.settings)
    await audit.start()
    yield audit
    await audit.close()
