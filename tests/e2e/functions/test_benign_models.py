"""What a decent model does goes through, with and without confirmations: the gate denies nothing that it need not.

The same house as in ``test_hostile_models.py``; what was done is read where it was done.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import orjson
import pytest
import pytest_asyncio

from agentd.engine.line import Hangup
from tests.support.agent_client import SETTINGS, agent_client
from tests.support.house import House, Model, house, until

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

Script = Callable[[House], Awaitable[None]]
SCRIPTS: Final[list[Script]] = []


def benign(script: Script) -> Script:
    SCRIPTS.append(script)
    return script


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """One daemon for all scripts; each has sessions of its own."""
    async with house(tmp_path_factory.mktemp("house")) as made:
        yield made


HEATED: Final = ["heat begins 5", "heat 5"]
LONG: Final = " ".join(["K\u00e4sesp\u00e4tzle"] * 400)
PLAIN: Final[list[tuple[str, str, dict[str, Any], str, Any, list[str]]]] = [
    # label, agent, start request, function, arguments, what is done
    ("looking", "plain", {}, "status", {}, []),
    ("looking without arguments at all", "plain", {}, "status", "", []),
    ("a lamp", "plain", {}, "lamp", {"on": False}, ["lamp False"]),
    ("a lamp by default", "plain", {}, "lamp", {}, ["lamp True"]),
    ("making it safer", "plain", {}, "lock", {"door": "shed"}, ["lock shed"]),
    ("the heating", "plain", {}, "heat", {"degrees": 21}, ["heat begins 21", "heat 21"]),
    ("a number as text", "plain", {}, "heat", {"degrees": "21"}, ["heat begins 21", "heat 21"]),
    ("spaces between arguments", "plain", {}, "heat", ' { "degrees" : 20 } ', ["heat begins 20", "heat 20"]),
    ("a lamp in the quiet hours", "night", {}, "lamp", {}, ["lamp True"]),
    ("locking in the quiet hours", "night", {}, "lock", {}, ["lock front"]),
    (
        "a caller and the heating",
        "phone",
        {"metadata": {"caller": "+4366666"}},
        "heat",
        {"degrees": 5},
        ["heat begins 5", "heat 5"],
    ),
    ("a caller and the lock", "phone", {"metadata": {"caller": "+4366666"}}, "lock", {}, ["lock front"]),
    ("a narrowed session", "plain", {"functions": ["lamp"]}, "lamp", {}, ["lamp True"]),
    ("what is trusted", "trusting", {}, "unlock", {}, ["HIGH unlock front"]),
    ("what is trusted, with other metadata", "trusting", {"metadata": {"room": "hall"}}, "unlock", {}, ["HIGH unlock front"]),
    ("what is trusted, in a narrowed session", "trusting", {"functions": ["unlock"]}, "unlock", {}, ["HIGH unlock front"]),
    ("what is trusted, within its limits", "shed", {}, "unlock", {"door": "shed"}, ["HIGH unlock shed"]),
    (
        "a long word",
        "plain",
        {},
        "order",
        {"dish": LONG},
        [f"order {LONG}"],
    ),
]


@pytest.mark.parametrize("case", PLAIN, ids=[case[0].replace(" ", "-") for case in PLAIN])
async def test_what_is_done_at_once(home: House, case: tuple[str, str, dict[str, Any], str, Any, list[str]]) -> None:
    _, agent, start, name, arguments, done = case
    model = await home.enter(agent, **start)
    id_ = model.ask(name, arguments)
    told = await model.answer(id_)
    assert await model.outcome(id_) == "ok", told
    assert model.did == done
    assert await home.waiting() == []
    await home.leave(model)


async def _ok(model: Model, name: str, arguments: Any = None) -> str:
    """Call it; it is done."""
    id_ = model.ask(name, arguments)
    told = await model.answer(id_)
    assert await model.outcome(id_) == "ok", told
    return told


async def _confirmed(model: Model, name: str, arguments: Any = None) -> str:
    """Call it, have it confirmed; it is done."""
    id_ = model.ask(name, arguments)
    await model.approve(id_)
    told = await model.answer(id_)
    assert await model.outcome(id_) == "ok", told
    return told


@benign
async def what_is_confirmed_is_done(home: House) -> None:
    model = await home.enter()
    assert await _confirmed(model, "unlock", {"door": "shed"}) == "The shed door is open."
    assert model.did == ["HIGH unlock shed"]
    assert (await model.event("ConfirmationSettled"))["outcome"] == "approved"


@benign
async def what_is_confirmed_with_its_call_is_done(home: House) -> None:
    model = await home.enter()
    for n, key in enumerate((model.id, model.run_id)):
        id_ = model.ask("buy", {"item": f"item {n}"})
        nonce = await model.waits(id_)
        body = {"approve": True} | ({"nonce": nonce} if n else {})
        answer = await home.confirming("POST", f"/v1/sessions/{key}/calls/{id_}", json=body)
        assert (answer.status, answer.json) == (200, {"call_id": id_, "name": "buy", "approved": True})
        assert "ordered" in await model.answer(id_)
    assert model.did == ["HIGH buy 1 item 0", "HIGH buy 1 item 1"]


@benign
async def what_is_confirmed_by_a_token_for_its_agent_is_done(home: House) -> None:
    doors = home.token("for-door", "confirm", agents=("door",))
    model = await home.enter("door")
    id_ = model.ask("unlock")
    nonce = await model.waits(id_)
    listed = (await home.daemon.call("GET", "/v1/confirmations", headers=doors)).json["items"]
    assert [one["nonce"] for one in listed] == [nonce]
    answer = await home.daemon.call("POST", "/v1/confirmations", json={"nonce": nonce, "approve": True}, headers=doors)
    assert answer.status == 200
    assert await model.answer(id_) == "The front door is open."


@benign
async def a_model_that_corrects_itself_is_heard(home: House) -> None:
    model = await home.enter()
    told = await model.call("unlock", {"door": "back"})
    assert "Correct them and call again" in told
    await _confirmed(model, "unlock", {"door": "front"})


@benign
async def a_user_who_thinks_again_is_heard(home: House) -> None:
    model = await home.enter()
    id_ = model.ask("unlock")
    await model.approve(id_, approve=False)
    assert "refused" in await model.answer(id_)
    model.says("do open it after all")
    await _confirmed(model, "unlock")
    assert model.did == ["HIGH unlock front"]


@benign
async def a_user_who_speaks_over_it_is_asked_again(home: House) -> None:
    model = await home.enter()
    id_ = model.ask("unlock")
    await model.waits(id_)
    model.cancel(id_)
    await model.settled(id_)
    model.says("yes, please open it")
    await _confirmed(model, "unlock")


@benign
async def two_doors_at_once_are_two_confirmations(home: House) -> None:
    model = await home.enter()
    one, two = model.ask_all(("unlock", {"door": "front"}), ("unlock", {"door": "shed"}))
    await model.approve(two)
    await model.approve(one)
    assert [await model.answer(id_) for id_ in (one, two)] == ["The front door is open.", "The shed door is open."]
    assert sorted(model.did) == ["HIGH unlock front", "HIGH unlock shed"]
    said = [message["message"] for message in model.connection.of_type("InjectAgentMessage")]
    assert said == ["Please confirm this on your other device."], "one sentence for both"


@benign
async def a_confirmation_does_not_hold_up_the_rest(home: House) -> None:
    model = await home.enter()
    id_ = model.ask("unlock")
    await model.waits(id_)
    await _ok(model, "lamp")
    await _ok(model, "heat", {"degrees": 20})
    await model.approve(id_)
    assert await model.answer(id_) == "The front door is open."


@benign
async def two_conversations_wait_at_once(home: House) -> None:
    models = [await home.enter() for _ in range(3)]
    ids = [model.ask("unlock") for model in models]
    for model, id_ in reversed(list(zip(models, ids, strict=True))):
        await model.approve(id_)
    for model, id_ in zip(models, ids, strict=True):
        assert await model.answer(id_) == "The front door is open."
        assert model.did == ["HIGH unlock front"]


@benign
async def the_same_door_twice_is_confirmed_twice(home: House) -> None:
    model = await home.enter()
    for _ in range(2):
        await _confirmed(model, "unlock")
        model.says("once more")
    assert model.did == ["HIGH unlock front"] * 2


@benign
async def a_device_is_reached_once_it_is_confirmed(home: House) -> None:
    model, before = await home.enter(), len(home.devices.calls)
    await _confirmed(model, "open_garage")
    assert len(home.devices.calls) == before + 1


@benign
async def a_tool_of_an_mcp_server_is_called_once_it_is_confirmed(home: House) -> None:
    model, before = await home.enter(), home.high()
    assert "Disarmed." in await _confirmed(model, "disarm")
    assert home.high() == before + 1


@benign
async def a_device_that_is_trusted_is_reached_at_once(home: House) -> None:
    model, before = await home.enter("trusting"), len(home.devices.calls)
    await _ok(model, "open_garage")
    assert len(home.devices.calls) == before + 1


@benign
async def a_client_runs_its_function_once_it_is_confirmed(home: House) -> None:
    model = await home.enter()
    id_ = model.ask("ring")
    await model.approve(id_)
    assert (await model.event("FunctionCallDelegated"))["call_id"] == id_
    path = f"/v1/sessions/{model.id}/calls/{id_}"
    answer = await home.daemon.call("POST", path, json={"result": {"said": "hello"}})
    assert (answer.status, answer.json) == (200, {"call_id": id_, "name": "ring", "answered": True})
    assert orjson.loads(await model.answer(id_)) == {"said": "hello"}
    assert (await home.daemon.call("POST", path, json={"result": 1})).status == 409


@benign
async def a_client_may_say_that_it_failed(home: House) -> None:
    model = await home.enter()
    id_ = model.ask("ring")
    await model.approve(id_)
    await model.event("FunctionCallDelegated")
    answer = await home.daemon.call("POST", f"/v1/sessions/{model.run_id}/calls/{id_}", json={"error": "Nobody is there."})
    assert answer.status == 200
    assert await model.answer(id_) == "Nobody is there."


@benign
async def what_runs_in_the_background_begins_when_it_is_confirmed(home: House) -> None:
    model = await home.enter()
    assert "background" in await _confirmed(model, "sell")

    async def sold() -> bool:
        return model.did == ["HIGH sell"]

    await until(sold)


@benign
async def a_duplicate_gets_what_the_first_one_got(home: House) -> None:
    model = await home.enter()
    one, two = model.ask_all(("open_gate", {"seconds": 0.2}), ("open_gate", {"seconds": 0.2}))
    (waiting,) = await until(home.waiting)
    await model.approve(waiting["call_id"])
    assert [await model.answer(id_) for id_ in (one, two)] == ["The gate is open."] * 2
    assert model.did == ["HIGH gate begins", "gate open"]
    assert await _ok(model, "open_gate", {"seconds": 0.2}) == "The gate is open."
    assert len(model.did) == 2


@benign
async def a_duplicate_of_a_refusal_is_asked_for_again(home: House) -> None:
    model = await home.enter()
    ids = set(model.ask_all(("open_gate", {}), ("open_gate", {})))
    (waiting,) = await until(home.waiting)
    await model.approve(waiting["call_id"], approve=False)
    (other,) = ids - {waiting["call_id"]}
    await model.approve(other)
    assert await model.answer(other) == "The gate is open."
    assert "refused" in await model.answer(waiting["call_id"])


@benign
async def an_order_is_placed_once_in_a_turn_and_again_in_the_next(home: House) -> None:
    model = await home.enter("plain")
    for _ in range(3):
        assert await _ok(model, "order", {"dish": "soup"}) == "soup ordered."
    await _ok(model, "order", {"dish": "cake"})
    model.says("another soup")
    await _ok(model, "order", {"dish": "soup"})
    assert model.did == ["order soup", "order cake", "order soup"]


@benign
async def a_lamp_goes_on_and_off_turn_by_turn(home: House) -> None:
    model = await home.enter("plain")
    for n in range(9):
        model.says("again")
        await _ok(model, "lamp", {"on": n % 2 == 0})
    assert len(model.did) == 9


@benign
async def everything_is_switched_on_in_one_turn(home: House) -> None:
    model = await home.enter("plain")
    calls = [("lamp", {"on": True}), ("lock", {}), ("lock", {"door": "shed"}), ("heat", {"degrees": 20}), ("status", {})]
    ids = model.ask_all(*calls, *[("order", {"dish": f"dish {n}"}) for n in range(8)])
    assert {await model.settled(id_) for id_ in ids} == {"ok"}


@benign
async def who_speaks_over_it_again_and_again_is_no_loop(home: House) -> None:
    model = await home.enter()
    for _ in range(5):
        id_ = model.ask("unlock")
        await model.waits(id_)
        model.cancel(id_)
        await model.settled(id_)
    await _confirmed(model, "unlock")


@benign
async def a_mail_is_read_and_the_rest_goes_on(home: House) -> None:
    model = await home.enter("trusting")
    told = orjson.loads(await _ok(model, "read_mail"))
    assert told["data_from_outside"].startswith("Dear agent")
    for name, arguments in (("lamp", {}), ("heat", {"degrees": 20}), ("lock", {}), ("status", {})):
        await _ok(model, name, arguments)
    await _confirmed(model, "unlock")


@benign
async def trust_lasts_over_a_new_connection(home: House) -> None:
    model = await home.enter("trusting")
    await _ok(model, "status")
    known = home.peer.connection_count
    model.connection.line.end(Hangup(None))
    await home.peer.wait_for(lambda peer: peer.connection_count > known)
    model.connection = home.peer.connections[known]
    await _ok(model, "unlock")


@benign
async def trust_lasts_over_a_conversation_that_is_taken_up_again(home: House) -> None:
    model = await home.enter("trusting")
    await _ok(model, "status")
    await home.leave(model)
    again = await home.enter("trusting", resume=model.run_id)
    await _ok(again, "unlock")


@benign
async def trust_is_for_each_conversation(home: House) -> None:
    one, two = await home.enter("trusting"), await home.enter("trusting")
    await _ok(one, "read_mail")
    await _ok(two, "unlock")


@benign
async def a_caller_from_a_listed_number_has_it_confirmed(home: House) -> None:
    model = await home.enter("phone", metadata={"caller": "+4312345"})
    await _confirmed(model, "unlock")


@benign
async def what_was_planned_is_done(home: House) -> None:
    model = await home.enter("trusting")
    await _ok(model, "plan", {"function": "lamp", "arguments": {"on": False}})
    await _ok(model, "plan", {"function": "unlock", "arguments": {"door": "shed"}})

    async def done() -> bool:
        return sorted(model.did) == ["HIGH unlock shed", "lamp False"]

    await until(done)


@benign
async def what_was_planned_is_done_when_it_is_confirmed(home: House) -> None:
    model = await home.enter()
    await _ok(model, "plan", {"function": "unlock"})
    (waiting,) = await until(home.waiting)
    assert (await home.confirming("POST", "/v1/confirmations", json={"nonce": waiting["nonce"], "approve": True})).status == 200

    async def done() -> bool:
        return model.did == ["HIGH unlock front"]

    await until(done)


@benign
async def the_api_invokes_what_is_harmless(home: House) -> None:
    for name, arguments in (("status", {}), ("lamp", {"on": True}), ("heat", {"degrees": 20}), ("lock", {})):
        for agent in (None, "plain", "door"):
            body = {"arguments": arguments} | ({} if agent is None else {"agent": agent})
            answer = await home.daemon.call("POST", f"/v1/functions/{name}/invoke", json=body)
            assert (answer.status, answer.json["outcome"]) == (200, "ok")


@benign
async def the_api_invokes_what_is_confirmed(home: House) -> None:
    before = home.high()
    control = home.token("door-control", "control", "transcripts", agents=("door",))
    async with asyncio.TaskGroup() as group:
        body = {"agent": "door", "arguments": {"door": "shed"}}
        invoked = group.create_task(home.daemon.call("POST", "/v1/functions/unlock/invoke", json=body, headers=control))
        (waiting,) = await until(home.waiting)
        assert (waiting["agent"], waiting["arguments"], waiting["session_id"]) == ("door", {"door": "shed"}, None)
        given = await home.confirming("POST", "/v1/confirmations", json={"nonce": waiting["nonce"], "approve": True})
        assert given.status == 200
    answer = invoked.result()
    assert (answer.status, answer.json["result"]) == (200, "The shed door is open.")
    assert home.high() == before + 1


@benign
async def a_client_with_functions_of_its_own_has_those_of_the_profile(home: House) -> None:
    known = home.peer.connection_count
    async with agent_client(
        home.daemon.url.replace("http", "ws"), home.daemon.token, path="/v1/agent/converse?agent=door"
    ) as client:
        await client.send(SETTINGS)
        await client.until("SettingsApplied")

        async def active() -> list[dict[str, Any]]:
            return (await home.daemon.call("GET", "/v1/sessions?state=active")).json["items"]  # type: ignore[no-any-return] # as its schema says

        (live,) = await until(active)
        model = Model(home, live["id"], live["run_id"], home.peer.connections[known])
        model.says("hello")
        await _ok(model, "lamp")
        await _confirmed(model, "unlock")


@benign
async def what_was_switched_off_is_switched_on_again(home: House) -> None:
    model = await home.enter("trusting")
    off = await home.daemon.call("POST", "/v1/actions/disable")
    assert (off.json["enabled"], off.json["changed_by"]) == (False, "first")
    await _ok(model, "lamp")
    on = await home.daemon.call("POST", "/v1/actions/enable")
    assert on.json["enabled"] is True
    assert (await home.daemon.call("GET", "/v1/actions")).json == on.json
    await _ok(model, "heat", {"degrees": 20})
    await _ok(model, "unlock")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__.replace("_", "-"))
async def test_what_is_done_step_by_step(home: House, script: Script) -> None:
    try:
        await script(home)
    finally:
        await home.empty()
    assert await home.waiting() == []


async def test_there_are_enough_of_them() -> None:
    assert len(PLAIN) + len(SCRIPTS) >= 40
