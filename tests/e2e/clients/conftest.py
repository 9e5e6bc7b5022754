"""What the clients talk to: the engine itself, and the daemon's compatible endpoint with that engine behind it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.daemon import DaemonProcess, daemon_process
from tests.support.engine_process import engine_process
from tests.support.guide_internet import AGENT

RECORDING = Path(__file__).parents[3] / "agentd/demo/question.wav"
SAID = "turn on the living room lamp"


@dataclass(frozen=True, slots=True)
class Server:
    """A server of the Voice Agent protocol.

    Attributes:
        url: its base, ``ws://127.0.0.1:<port>``.
        key: what it accepts.
        daemon: the process, when it is the daemon.
    """

    url: str
    key: str
    daemon: DaemonProcess | None = None

    @property
    def port(self) -> int:
        """Of its address."""
        return int(self.url.rpartition(":")[2])


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["engine", "daemon"])
async def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    folder = tmp_path_factory.mktemp(request.param)
    allowed = f'["{AGENT}"]'  # the guide's client says whom it means in Host
    if request.param == "engine":
        async with engine_process(folder, environment={"AGENTD_ENGINE__ALLOWED_HOSTS": allowed}) as engine:
            yield Server(engine.url, engine.key)
    else:
        async with daemon_process(folder, "", environment={"AGENTD_SERVER__ALLOWED_HOSTS": allowed}) as daemon:
            yield Server(daemon.url.replace("http", "ws", 1), daemon.token, daemon)
