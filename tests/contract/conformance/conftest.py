"""Runs the suite against the engine, the scripted server and the daemon, or against any server the command line names.

python -m pytest tests/contract/conformance --server-url ws://host:port --server-key KEY [--server-can ears,voice,mind,conduct]
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.contract.conformance.caller import Caller
from tests.contract.conformance.servers import DAEMON_MODULES, STARTED, Ability, Server, start

NOWHERE = "no server"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance", "a Voice Agent server to test (tests/contract/conformance)")
    group.addoption("--server-url", help="its base, ws://host:port; left out: the servers are started here")
    group.addoption("--server-key", default="", help="the key it accepts")
    group.addoption("--server-can", default="ears,voice,mind,conduct", help=f"its abilities, of {', '.join(Ability)}")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*abilities): runs only against servers that have them")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "server" not in metafunc.fixturenames:
        return
    needed = {ability for mark in metafunc.definition.iter_markers("needs") for ability in mark.args}
    named = _named(metafunc.config)
    known = STARTED if named is None else {"server": named.abilities}
    if named is None and metafunc.module.__name__.rpartition(".")[2] not in DAEMON_MODULES:
        known = {name: abilities for name, abilities in known.items() if name != "daemon"}
    fitting = [name for name, abilities in known.items() if needed <= abilities]
    metafunc.parametrize("server", fitting or [NOWHERE], indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the server named on the command line cannot do."""
    out = [item for item in items if f"[{NOWHERE}" in item.name]
    config.hook.pytest_deselected(items=out)
    items[:] = [item for item in items if item not in out]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    named = _named(request.config)
    if named is not None:
        yield named
        return
    async with start(request.param, tmp_path_factory.mktemp(request.param)) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def client(server: Server) -> AsyncIterator[Caller]:
    """A connection with the key, to which nothing is sent yet."""
    async with server.client() as client:
        yield client


def _named(config: pytest.Config) -> Server | None:
    """The server of the command line."""
    url = config.getoption("--server-url", None)
    if not url:
        return None
    can = frozenset(Ability(name) for name in config.getoption("--server-can").split(",") if name)
    return Server("server", url.rstrip("/"), config.getoption("--server-key"), can)
