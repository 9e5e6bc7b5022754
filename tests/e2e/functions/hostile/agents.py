"""As another agent: a hand-over brings nothing back."""

from tests.e2e.functions.hostile.scripts import attack, control, still_waits
from tests.support.handlers import eventually
from tests.support.house import House, Model


async def _goes_on_as(model: Model, agent: str) -> str:
    """Ask for another agent; what is answered, once the upstream has taken it."""
    known = len(model.connection.of_type("UpdateThink"))
    id_ = model.ask("go_on_as", {"agent": agent})
    await eventually(
        lambda: bool(model.answers(id_)) or len(model.connection.of_type("UpdateThink")) > known, "it is answered or updated"
    )
    if not model.answers(id_):
        model.send({"type": "ThinkUpdated"})
    return await model.answer(id_)


@attack
async def going_on_as_an_agent_that_is_not_listed_is_refused(home: House) -> None:
    for agent, successors in (("plain", ("trusting", "door", "passthrough", "TRUSTING")), ("clerk", ("door", "night"))):
        model = await home.enter(agent)
        for successor in successors:
            assert "Goes on" not in await _goes_on_as(model, successor)
        id_ = model.ask("unlock")
        await model.answer(id_)
        assert await model.outcome(id_) == "denied"


@attack
async def going_on_as_a_trusted_agent_does_not_bring_the_trust_back(home: House) -> None:
    model = await home.enter("clerk")
    await model.call("read_mail")
    assert await _goes_on_as(model, "trusting") == "Goes on as trusting."
    await still_waits(model)


@attack
async def going_on_as_a_trusted_agent_does_not_bring_back_what_was_taken_away(home: House) -> None:
    model = await home.enter("trusting", functions=["go_on_as", "status"])
    id_ = model.ask("go_on_as", {"agent": "trusting"})
    await model.answer(id_)
    id_ = model.ask("unlock")
    await model.answer(id_)
    assert await model.outcome(id_) == "denied"


@attack
async def what_waits_when_the_agent_changes_is_still_confirmed_or_not_done(home: House) -> None:
    model = await home.enter("clerk")
    await _goes_on_as(model, "trusting")
    await model.call("read_mail")
    id_ = model.ask("unlock")
    nonce = await model.waits(id_)
    plain = home.token("clerk-confirm", "confirm", agents=("clerk",))
    answer = await home.daemon.call("POST", "/v1/confirmations", json={"nonce": nonce, "approve": True}, headers=plain)
    assert answer.status == 404, "it is the other agent's now"
    path = f"/v1/sessions/{model.id}/calls/{id_}"
    assert (await home.daemon.call("POST", path, json={"approve": True}, headers=plain)).status == 404
    assert await model.outcome(id_) is None


@control
async def who_goes_on_as_a_trusted_agent_and_heard_nothing_is_trusted(home: House) -> None:
    model = await home.enter("clerk")
    assert await _goes_on_as(model, "trusting") == "Goes on as trusting."
    await model.call("unlock")
