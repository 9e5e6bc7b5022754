import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import deepgram.transport
import pytest
import uvloop

from agentd.config import LimitSettings
from agentd.upstream.deepgram import UpstreamClient
from agentd.upstream.transport import install_transport
from tests.e2e.upstream.peers import Authority, authority

MakeClient = Callable[..., UpstreamClient]


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop the daemon runs on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(params=["picows", "sdk"])
def transport(request: pytest.FixtureRequest) -> Iterator[Literal["picows", "sdk"]]:
    """Both sockets: what one does, the other has to do."""
    if request.param == "picows":
        install_transport()
    else:
        deepgram.transport.restore_transport()
    yield request.param
    install_transport()


@pytest.fixture
async def make_client(transport: Literal["picows", "sdk"]) -> AsyncIterator[MakeClient]:
    """Makes a client of the transport under test with some limits changed."""
    made: list[UpstreamClient] = []

    def make(**limits: Any) -> UpstreamClient:
        made.append(UpstreamClient(limits=LimitSettings(**limits), transport=transport))
        return made[-1]

    yield make
    for client in made:
        await client.close()


@pytest.fixture
async def make_picows_client() -> AsyncIterator[MakeClient]:
    """The same for what only our own socket does."""
    install_transport()
    made: list[UpstreamClient] = []

    def make(**limits: Any) -> UpstreamClient:
        made.append(UpstreamClient(limits=LimitSettings(**limits), transport="picows"))
        return made[-1]

    yield make
    for client in made:
        await client.close()


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate for 127.0.0.1 that nobody trusts by default."""
    return authority(Path(tmp_path_factory.mktemp("tls")))
