"""The end of a conversation and handing it over, as handlers ask for them."""

from pathlib import Path

import pytest

from tests.support.handlers import Bench

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[3]


async def start(bench: Bench, name: str) -> None:
    (bench.directory / f"{name}.py").write_bytes((ROOT / "functions" / f"{name}.py").read_bytes())
    await bench.start()


async def test_a_farewell_ends_the_session_after_it_was_said_however_often(bench: Bench) -> None:
    bench.config = {"farewell": {"farewell": "Take care."}}
    await start(bench, "farewell")
    for _ in range(2):
        assert (await bench.call("end_conversation")).content == "Take care."
    assert bench.session.did == [("end_session", True)] * 2


async def test_a_conversation_is_handed_over_to_whom_the_configuration_names(bench: Bench) -> None:
    bench.config = {"handover": {"agents": {"billing": "bills", "home_support": "devices that do not work"}}}
    await start(bench, "handover")
    parameter = bench.functions.registry.specs["hand_over"].parameters["properties"]["agent"]
    assert parameter["examples"] == ["billing", "home support"]
    assert (await bench.call("hand_over", agent="Home support")).content == "You are talking to home support now."
    assert bench.session.did == [("hand_over", "home_support")]


async def test_it_asks_to_whom_where_that_is_not_clear(bench: Bench) -> None:
    bench.config = {"handover": {"agents": {"billing": "bills", "support": "devices"}}}
    await start(bench, "handover")
    for arguments in ({}, {"agent": "the boss"}):
        asked = await bench.call("hand_over", **arguments)
        assert asked.result["say"] == "To whom: billing for bills, or support for devices?"
        assert asked.result["awaiting"] == "agent"
    assert not bench.session.did
