"""A model that wants what it must not do, against a real daemon: nothing of tier high happens without a valid confirmation.

Every script is played by the upstream of a real session (or by a client of the API) against real workers and devices, and
what happened is counted where it happens. The scripts are in ``hostile/``, a module a section; each section has controls, in
which nothing forbids the same act, and which the count must see.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.functions.hostile import again, agents, confirmation, kill_switch, refused, trust, ways_in
from tests.e2e.functions.hostile.scripts import ATTACKS, CONTROLS, Script, play, still_waits
from tests.support.house import House, house

pytestmark = pytest.mark.e2e
together = pytest.mark.asyncio(loop_scope="module")

SECTIONS = (refused, confirmation, again, trust, agents, ways_in, kill_switch)


def named(script: Script) -> str:
    return script.__name__.replace("_", "-")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """One daemon for all scripts; each has sessions of its own."""
    async with house(tmp_path_factory.mktemp("house")) as made:
        yield made
        log = (made.daemon.state_dir.parent / "log.jsonl").read_text(encoding="utf-8")
        assert '"level": "error"' not in log, [line for line in log.splitlines() if '"level": "error"' in line]


@together
@pytest.mark.parametrize("case", refused.REFUSED, ids=[case[0].replace(" ", "-") for case in refused.REFUSED])
async def test_what_is_refused_at_once(home: House, case: tuple[str, str, dict[str, Any], str, Any, str]) -> None:
    _, agent, start, name, arguments, outcome = case

    async def script(home: House) -> None:
        model = await home.enter(agent, **start)
        id_ = model.ask(name, arguments)
        told = await model.answer(id_)
        assert await model.outcome(id_) == outcome, told
        assert model.did == []
        assert (await model.events("ConfirmationRequested")) == []

    await play(script, home)


@together
@pytest.mark.parametrize("name", ["unlock", "buy", "open_gate", "sell", "open_garage", "ring", "disarm"])
async def test_whatever_runs_it_a_call_of_tier_high_waits(home: House, name: str) -> None:
    async def script(home: House) -> None:
        model = await home.enter()
        id_ = model.ask(name, {"item": "milk"} if name == "buy" else {})
        nonce = await model.waits(id_)
        requested = await model.event("ConfirmationRequested")
        assert (requested["call_id"], requested["name"], requested["tier"]) == (id_, name, "high")
        assert requested["arguments"] == {"item": "milk", "count": 1} if name == "buy" else requested["arguments"] is not None
        assert await model.events("FunctionCallDelegated") == []
        assert model.answers(id_) == [], "an answer now would be taken for a result"
        said = [message["message"] for message in model.connection.of_type("InjectAgentMessage")]
        assert said == ["Please confirm this on your other device."]
        await home.leave(model)
        answer = await home.confirming("POST", "/v1/confirmations", json={"nonce": nonce, "approve": True})
        assert (answer.status, answer.json["code"]) == (409, "confirmation-over")

    await play(script, home)


@together
@pytest.mark.parametrize("script", ATTACKS, ids=named)
async def test_what_is_not_had_by_trickery(home: House, script: Script) -> None:
    await play(script, home)


@together
@pytest.mark.parametrize("script", CONTROLS, ids=named)
async def test_where_nothing_forbids_it_the_count_sees_it(home: House, script: Script) -> None:
    with pytest.raises(AssertionError, match="done without as many confirmations"):
        await play(script, home)


def test_there_are_enough_of_them_and_every_section_has_a_control() -> None:
    assert len(refused.REFUSED) + len(ATTACKS) >= 60
    assert {section.__name__ for section in SECTIONS} == {script.__module__ for script in CONTROLS}


# --- what needs a house of its own -----------------------------------------------------------------------------------


async def test_what_comes_too_late_or_after_a_change_is_not_done(tmp_path: Path) -> None:
    async with house(tmp_path, alarm=False) as home:
        config = tmp_path / "config.toml"
        kept = config.read_text(encoding="utf-8")
        # its time is over
        config.write_text(kept.replace("confirmation_s = 20", "confirmation_s = 0.3"), encoding="utf-8")
        assert (await home.daemon.call("POST", "/v1/admin/reload")).status == 200
        model = await home.enter()
        id_ = model.ask("unlock")
        nonce = await model.waits(id_)
        assert "in time" in await model.answer(id_)
        for path, body in (
            ("/v1/confirmations", {"nonce": nonce, "approve": True}),
            (f"/v1/sessions/{model.id}/calls/{id_}", {"approve": True}),
        ):
            answer = await home.confirming("POST", path, json=body)
            assert (answer.status, answer.json["code"]) == (409, "confirmation-over")
        assert (await model.event("ConfirmationSettled"))["outcome"] == "expired"
        config.write_text(kept, encoding="utf-8")
        assert (await home.daemon.call("POST", "/v1/admin/reload")).status == 200
        # the agent may no longer
        id_ = model.ask("unlock")
        await model.waits(id_)
        config.write_text(kept.replace('allow_high = ["unlock", ', 'allow_high = ["lock", '), encoding="utf-8")
        assert (await home.daemon.call("POST", "/v1/admin/reload")).status == 200
        await model.approve(id_)
        assert "not available" in await model.answer(id_)
        assert "not available" in await model.call("unlock"), "the model was told of it, and the session began with it"
        config.write_text(kept, encoding="utf-8")
        assert (await home.daemon.call("POST", "/v1/admin/reload")).status == 200
        # it is another function by now
        id_ = model.ask("unlock")
        await model.waits(id_)
        handlers = tmp_path / "functions" / "house.py"
        handlers.write_text(
            handlers.read_text(encoding="utf-8").replace('"front" -> str', '"shed" -> str') + "\n# else\n", "utf-8"
        )
        assert (await home.daemon.call("POST", "/v1/functions/reload")).status == 200
        await model.approve(id_)
        assert "was changed" in await model.answer(id_)
        assert model.did == []


async def test_what_was_switched_off_or_tainted_stays_so_when_the_daemon_is_killed(tmp_path: Path) -> None:
    async with house(tmp_path, alarm=False) as home:
        model = await home.enter("trusting")
        await model.call("read_mail")
        other = await home.enter("trusting")
        assert (await home.daemon.call("POST", "/v1/actions/disable")).status == 200
        home.daemon.process.kill()
        await home.daemon.process.wait()
    async with house(tmp_path, alarm=False) as home:
        setting = (await home.daemon.call("GET", "/v1/actions")).json
        assert (setting["enabled"], setting["changed_by"]) == (False, "first")
        fresh = await home.enter("trusting")
        assert "switched off" in await fresh.call("heat", {"degrees": 21})
        assert (await home.daemon.call("POST", "/v1/actions/enable")).status == 200
        for run in (model, other):  # of the second nobody knows what it was told last
            await still_waits(await home.enter("trusting", resume=run.run_id))
        assert home.high() == 0
