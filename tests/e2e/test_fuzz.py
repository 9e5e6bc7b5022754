"""Requests made from the OpenAPI document, valid and not: no failure of the daemon's own, no answer the document lacks.

``bench/fuzz.py`` asks for longer.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.daemon import DaemonProcess
from tests.support.fuzzing import fuzz, fuzzed_daemon

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def daemon(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DaemonProcess]:
    async with fuzzed_daemon(tmp_path_factory.mktemp("fuzz")) as running:
        yield running


async def test_no_request_with_a_token_gets_an_answer_the_document_lacks(daemon: DaemonProcess) -> None:
    run = await fuzz(daemon, examples=1, phases="coverage,fuzzing")
    assert run.status == 0, run.report
    assert (await daemon.call("GET", "/healthz")).status == 200


async def test_no_request_without_a_token_gets_through(daemon: DaemonProcess) -> None:
    run = await fuzz(daemon, examples=1, phases="fuzzing", with_token=False)
    assert run.status == 0, run.report
