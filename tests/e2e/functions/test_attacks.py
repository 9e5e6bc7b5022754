"""What an attacker tries on a running daemon from the side of the model, beside what the hostile models do."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.house import House, house

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """One daemon for all; each test has sessions of its own."""
    async with house(tmp_path_factory.mktemp("house"), alarm=False) as made:
        yield made
        log = (made.daemon.state_dir.parent / "log.jsonl").read_text(encoding="utf-8")
        assert '"level": "error"' not in log, [line for line in log.splitlines() if '"level": "error"' in line]


@pytest.mark.parametrize("depth", [32, 251, 252, 1000])
async def test_arguments_nested_as_deep_as_a_well_are_answered_and_shown(home: House, depth: int) -> None:
    model = await home.enter("trusting")
    arguments = '{"item": ' + "[" * depth + "]" * depth + "}"
    id_ = model.ask("buy", arguments)
    assert "nested deeper than 32 levels" in await model.answer(id_)
    assert await model.settled(id_) == "invalid"
    assert (await model.event("FunctionCallStarted"))["arguments"] == arguments
