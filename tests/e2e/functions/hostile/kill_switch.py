"""What is switched off is not done, whoever is trusted."""

import re

from tests.e2e.functions.hostile.scripts import attack, control
from tests.support.handlers import eventually
from tests.support.house import House


async def _switch(home: House, which: str) -> None:
    assert (await home.daemon.call("POST", f"/v1/actions/{which}")).status == 200


@attack
async def switched_off_nothing_is_done_whoever_is_trusted(home: House) -> None:
    await _switch(home, "disable")
    try:
        model = await home.enter("trusting")
        for name in ("unlock", "open_gate", "open_garage", "heat"):
            assert "switched off" in await model.call(name, {"degrees": 30} if name == "heat" else {})
        assert model.did == []
        assert (await home.daemon.call("POST", "/v1/functions/heat/invoke", json={"arguments": {"degrees": 3}})).status == 403
        assert "on" in await model.call("lamp")
        assert (await home.daemon.call("POST", "/v1/actions/enable", headers=home.token("ctl", "control"))).status == 403
    finally:
        await _switch(home, "enable")


@attack
async def switching_off_refuses_what_waits(home: House) -> None:
    model = await home.enter()
    ids = model.ask_all(("unlock", {}), ("buy", {"item": "milk"}))
    nonces = [await model.waits(id_) for id_ in ids]
    await _switch(home, "disable")
    try:
        for id_, nonce in zip(ids, nonces, strict=True):
            assert "switched off" in await model.answer(id_)
            answer = await home.confirming("POST", "/v1/confirmations", json={"nonce": nonce, "approve": True})
            assert (answer.status, answer.json["code"]) == (409, "confirmation-over")
    finally:
        await _switch(home, "enable")
    assert model.did == []


@attack
async def switching_off_stops_what_runs(home: House) -> None:
    model = await home.enter()
    gate, heat = model.ask_all(("open_gate", {"seconds": 8}), ("heat", {"degrees": 21, "seconds": 15}))
    await model.approve(gate)
    await eventually(lambda: len(model.did) == 2, "both have begun")
    assert (await home.daemon.call("GET", "/v1/actions")).json["running"] == 2
    await _switch(home, "disable")
    try:
        for id_ in (gate, heat):
            assert re.search("switched off while .* ran", await model.answer(id_))
            assert await model.outcome(id_) == "cancelled"
        assert (await home.daemon.call("GET", "/v1/actions")).json["running"] == 0
    finally:
        await _switch(home, "enable")
    assert sorted(model.did) == ["HIGH gate begins", "heat begins 21"]


@control
async def switched_on_again_it_is_done(home: House) -> None:
    await _switch(home, "disable")
    await _switch(home, "enable")
    model = await home.enter("trusting")
    await model.call("unlock")
