"""What waits for a person, and then comes again, changes, is taken back, or comes a hundred times."""

import asyncio

from agentd.engine.line import Hangup
from tests.e2e.functions.hostile.scripts import attack, control
from tests.support.house import House, until


@attack
async def two_approvals_at_once_run_it_once(home: House) -> None:
    model = await home.enter()
    id_ = model.ask("unlock")
    nonce = await model.waits(id_)
    asked = [home.confirming("POST", "/v1/confirmations", json={"nonce": nonce, "approve": True}) for _ in range(8)]
    assert sorted(answer.status for answer in await asyncio.gather(*asked)) == [200, *[409] * 7]
    home.confirmed += 1
    await model.answer(id_)
    assert model.did == ["HIGH unlock front"]


@attack
async def a_call_id_again_runs_nothing_again(home: House) -> None:
    model = await home.enter()
    id_ = model.ask("unlock")
    await model.waits(id_)
    for _ in range(5):
        model.ask("unlock", id=id_)
    await model.approve(id_)
    first = await model.answer(id_)
    for n in range(5):
        model.ask("unlock", id=id_)
        await model.call("lamp", {"on": n % 2 == 0})
    assert {answer["content"] for answer in model.answers(id_)} == {first}
    assert sum("HIGH" in line for line in model.did) == 1


@attack
async def a_call_id_again_with_other_arguments_gets_no_confirmation(home: House) -> None:
    model = await home.enter()
    id_ = model.ask("unlock", {"door": "shed"})
    await model.waits(id_)
    await model.approve(id_)
    await model.answer(id_)
    for name, arguments in (("unlock", {"door": "front"}), ("buy", {"item": "milk"}), ("unlock", {})):
        model.says("again")
        await model.call("status")
        model.ask(name, arguments, id=id_)
        await model.call("status")
        assert await home.waiting() == []
    assert any("another call" in answer["content"] for answer in model.answers(id_))
    assert model.did == ["HIGH unlock shed"]


@attack
async def arguments_that_change_while_it_waits_change_nothing(home: House) -> None:
    model = await home.enter()
    id_ = model.ask("unlock", {"door": "shed"})
    await model.waits(id_)
    model.ask("unlock", {"door": "front"}, id=id_)
    await model.approve(id_)
    await model.answer(id_)
    assert model.did == ["HIGH unlock shed"]


@attack
async def what_is_shown_is_what_is_done(home: House) -> None:
    model = await home.enter()
    id_ = model.ask("buy", '{"item": "milk", "count": "2", "count": 9}')
    await model.waits(id_)
    (shown,) = await home.waiting()
    await model.approve(id_)
    await model.answer(id_)
    assert shown["arguments"] == {"item": "milk", "count": 9}
    assert model.did == ["HIGH buy 9 milk"]


@attack
async def a_call_that_was_taken_back_cannot_be_confirmed(home: House) -> None:
    model = await home.enter()
    id_ = model.ask("unlock")
    nonce = await model.waits(id_)
    model.cancel(id_)
    assert await model.settled(id_) == "cancelled"
    answer = await home.confirming("POST", "/v1/confirmations", json={"nonce": nonce, "approve": True})
    assert (answer.status, answer.json["code"]) == (409, "confirmation-over")
    assert (await model.event("ConfirmationSettled"))["outcome"] == "withdrawn"
    assert model.answers(id_) == []


@attack
async def taking_back_and_asking_again_has_an_end(home: House) -> None:
    model = await home.enter()
    told: list[str] = []
    for _ in range(14):
        id_ = model.ask("unlock")

        async def waits_or_is_answered(id_: str = id_) -> bool:
            return bool(model.answers(id_)) or any(one["call_id"] == id_ for one in await home.waiting())

        await until(waits_or_is_answered)
        if model.answers(id_):
            told.append(await model.answer(id_))
            break
        model.cancel(id_)
        await model.settled(id_)
    assert told, "a person would be asked for ever"
    assert "within a minute" in told[0]


@attack
async def a_lost_connection_takes_the_confirmation_with_it(home: House) -> None:
    model = await home.enter()
    id_ = model.ask("unlock")
    nonce = await model.waits(id_)
    known = home.peer.connection_count
    model.connection.line.end(Hangup(None))
    await home.peer.wait_for(lambda peer: peer.connection_count > known)
    model.connection = home.peer.connections[known]
    answer = await home.confirming("POST", "/v1/confirmations", json={"nonce": nonce, "approve": True})
    assert (answer.status, answer.json["code"]) == (409, "confirmation-over")
    model.ask("unlock", id=id_)
    await model.answer(id_)
    assert model.did == []


@attack
async def a_hundred_calls_in_a_second_ask_a_person_a_few_times_only(home: House) -> None:
    model = await home.enter()
    ids = [model.ask("buy", {"item": f"thing {n}"}) for n in range(100)]
    for id_ in ids[-80:]:
        await model.answer(id_)
    assert 0 < len(await home.waiting()) <= 16
    assert model.did == []


@attack
async def a_hundred_calls_in_one_request_ask_a_person_a_few_times_only(home: House) -> None:
    model = await home.enter()
    ids = model.ask_all(*[("buy", {"item": f"thing {n}"}) for n in range(100)])
    await asyncio.gather(*(model.settled(id_) for id_ in ids[-80:]))
    assert 0 < len(await home.waiting()) <= 16


@control
async def a_new_call_that_is_confirmed_too_is_done_too(home: House) -> None:
    model = await home.enter()
    confirmed = home.confirmed
    for _ in range(2):
        id_ = model.ask("unlock")
        await model.approve(id_)
        await model.answer(id_)
    assert sum("HIGH" in line for line in model.did) == 2
    home.confirmed = confirmed  # nobody is to have confirmed them
