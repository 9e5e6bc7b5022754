"""A real Home Assistant for all tests of this folder; without one none of them is collected (`make home-assistant`)."""

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.support.daemon import DaemonProcess, daemon_process
from tests.support.handlers import Bench
from tests.support.home_assistant import HomeAssistant, free_port, home_assistant

EXECUTABLE = os.environ.get("TEST_HASS", "")
ROOT = Path(__file__).parents[2]
AGENT = """
default_agent = "house"

[agents.house]
upstream = "engine"
allow_high = ["unlock_door", "open_garage", "disarm_alarm"]
functions = [
  "switch_light", "switch_device", "switch_fan", "set_thermostat", "move_blinds", "control_music", "set_volume", "choose_source",
  "activate_scene", "run_script", "add_household_item", "get_household_list", "finish_household_item", "get_device_state",
  "lock_door", "unlock_door", "open_garage", "close_garage", "arm_alarm", "disarm_alarm",
]
"""

if not EXECUTABLE:
    collect_ignore_glob = ["test_*.py"]

Start = Callable[..., Awaitable[Bench]]


@dataclass(frozen=True)
class Place:
    """Where the daemon will be, decided before it is: the house is told when it starts."""

    folder: Path
    port: int
    token: str

    @property
    def state(self) -> Path:
        return self.folder / "state"


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("agentd")
    command = [sys.executable, "-m", "agentd", "token", "--scope", "control", "--scope", "transcripts", "--scope", "admin"]
    made = subprocess.run([*command, "--state-dir", str(folder / "state")], check=True, capture_output=True, text=True)
    return Place(folder, free_port(), made.stdout.split()[-1])


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory, place: Place) -> AsyncIterator[HomeAssistant]:
    folder, url = tmp_path_factory.mktemp("house"), f"http://127.0.0.1:{place.port}"
    async with home_assistant(folder, Path(EXECUTABLE), agentd=url, token=place.token) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def daemon(house: HomeAssistant, place: Place) -> AsyncIterator[DaemonProcess]:
    """The daemon with the embedded engine, configured as docs/home-assistant.md says."""
    credentials = place.state / "credentials"
    credentials.mkdir(parents=True)
    (credentials / "home-assistant").write_text(house.token, encoding="ascii")
    (credentials / "home-assistant").chmod(0o600)
    table = (
        f'[functions.home_assistant]\nurl = "{house.url}"\ntoken = {{ credential = "home-assistant" }}\n'
        'allow = ["exposed", "lock.front_door", "cover.garage_door"]\n'
    )
    environment = {"AGENTD_SERVER__PORT": str(place.port)}
    async with daemon_process(place.folder, AGENT + table, environment=environment) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def agentd(tmp_path: Path, house: HomeAssistant) -> AsyncIterator[Start]:
    """``await agentd(allow=…)`` loads the handler with this table; ``url`` and ``token`` are those of the house."""
    benches: list[Bench] = []

    async def start(**table: Any) -> Bench:
        directory = tmp_path / f"functions{len(benches)}"
        directory.mkdir()
        for file in (ROOT / "functions").glob("*home_assistant*.py"):
            shutil.copy(file, directory)
        bench = Bench(directory, tmp_path / f"state{len(benches)}")
        bench.config = {"home_assistant": {"url": house.url, "token": house.token} | table}
        await bench.start()
        benches.append(bench)
        assert bench.functions.registry.problems == ()
        return bench

    yield start
    for bench in benches:
        await bench.close()
