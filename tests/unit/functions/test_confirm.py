"""Confirmations by themselves: what one is bound to, how often it is good, and what ends it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from agentd.errors import CallNotFound, ConfirmationNotFound, ConfirmationOver, OwnConfirmation
from agentd.functions.call import CallRequest, Rejected
from agentd.functions.gate.confirm import KEPT, Confirmation, Confirmations, Ending, digest
from agentd.functions.registry import FunctionSpec

SPEC = FunctionSpec("unlock", "Unlock a door.", {"type": "object"}, "high", 10.0, "a.py")
REQUEST = CallRequest("c1", "unlock", {}, session_id="s", run_id="r", agent="home", started_by="first")
ARGUMENTS: dict[str, Any] = {"door": "front"}


async def ask(confirmations: Confirmations, request: CallRequest = REQUEST, *, limit_s: float = 30.0, most: int = 16) -> str:
    """Wait for a confirmation; "" when it was given, else what the model is told."""
    told: Rejected | None = None
    try:
        await confirmations.confirm(request, SPEC, ARGUMENTS, text="", limit_s=limit_s, most=most)
    except Rejected as rejected:
        told = rejected
    assert told is None or (told.outcome, told.reason) == ("denied", "confirmation")
    return "" if told is None else told.content


@asynccontextmanager
async def waiting(
    confirmations: Confirmations, request: CallRequest = REQUEST
) -> AsyncIterator[tuple["asyncio.Task[str]", Confirmation]]:
    """A call that waits, and its confirmation."""
    asked: asyncio.Future[Confirmation] = asyncio.get_running_loop().create_future()
    confirmations.on_request.append(asked.set_result)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(ask(confirmations, request))
        confirmation = await asked
        confirmations.on_request.remove(asked.set_result)
        yield task, confirmation
        task.cancel()


async def test_an_approval_lets_the_call_run() -> None:
    confirmations = Confirmations()
    async with waiting(confirmations) as (task, confirmation):
        assert confirmations.waiting() == [confirmation]
        assert confirmations.decide(confirmation.nonce, approve=True, by="phone") == confirmation
        assert await task == ""
    assert confirmations.waiting() == []


async def test_a_refusal_does_not() -> None:
    confirmations = Confirmations()
    async with waiting(confirmations) as (task, confirmation):
        confirmations.decide(confirmation.nonce, approve=False, by="phone")
        assert "refused" in await task


async def test_it_says_what_is_asked_and_hides_its_nonce() -> None:
    confirmations = Confirmations()
    async with waiting(confirmations) as (_, confirmation):
        shown = (confirmation.session_id, confirmation.run_id, confirmation.call_id, confirmation.agent, confirmation.name)
        assert shown == ("s", "r", "c1", "home", "unlock")
        assert confirmation.arguments == ARGUMENTS
        assert 29 < confirmation.expires_at - confirmation.asked_at < 31
        assert len(confirmation.nonce) >= 43
        assert confirmation.nonce not in repr(confirmation)


async def test_it_is_good_once() -> None:
    confirmations = Confirmations()
    async with waiting(confirmations) as (task, confirmation):
        confirmations.decide(confirmation.nonce, approve=True, by="phone")
        for approve in (True, False):
            with pytest.raises(ConfirmationOver, match="approved"):
                confirmations.decide(confirmation.nonce, approve=approve, by="phone")
        assert await task == ""
    async with waiting(confirmations, replace(REQUEST, call_id="c2")) as (task, _):
        with pytest.raises(ConfirmationOver):
            confirmations.decide(confirmation.nonce, approve=True, by="phone")
        assert not task.done()


async def test_a_refusal_cannot_be_taken_back() -> None:
    confirmations = Confirmations()
    async with waiting(confirmations) as (task, confirmation):
        confirmations.decide(confirmation.nonce, approve=False, by="phone")
        with pytest.raises(ConfirmationOver, match="refused"):
            confirmations.decide(confirmation.nonce, approve=True, by="phone")
        assert "refused" in await task


async def test_a_nonce_nobody_gave_opens_nothing() -> None:
    confirmations = Confirmations()
    async with waiting(confirmations) as (task, confirmation):
        for nonce in ("", "guess", confirmation.nonce[:-1], confirmation.nonce.swapcase(), confirmation.digest):
            with pytest.raises(ConfirmationNotFound):
                confirmations.decide(nonce, approve=True, by="phone")
        assert not task.done()


async def test_the_token_that_started_the_conversation_may_refuse_but_not_approve() -> None:
    confirmations = Confirmations()
    async with waiting(confirmations) as (task, confirmation):
        with pytest.raises(OwnConfirmation):
            confirmations.decide(confirmation.nonce, approve=True, by="first")
        assert not task.done()
        confirmations.decide(confirmation.nonce, approve=False, by="first")
        assert "refused" in await task


async def test_it_expires() -> None:
    confirmations = Confirmations()
    endings: list[tuple[Confirmation, Ending, str | None]] = []
    confirmations.on_settled.append(lambda *ended: endings.append(ended))
    assert "in time" in await ask(confirmations, limit_s=0.01)
    confirmation, ending, by = endings[0]
    assert (ending, by) == ("expired", None)
    with pytest.raises(ConfirmationOver, match="expired"):
        confirmations.decide(confirmation.nonce, approve=True, by="phone")


async def test_an_approval_that_comes_late_is_late_even_if_the_clock_has_not_struck_yet() -> None:
    confirmations = Confirmations()
    async with waiting(confirmations) as (task, confirmation):
        confirmations._waiting[confirmation.nonce].deadline = asyncio.get_running_loop().time()
        with pytest.raises(ConfirmationOver, match="expired"):
            confirmations.decide(confirmation.nonce, approve=True, by="phone")
        assert "in time" in await task


async def test_a_call_that_is_cancelled_withdraws_it() -> None:
    confirmations = Confirmations()
    async with waiting(confirmations) as (task, confirmation):
        task.cancel()
        await asyncio.wait([task])
        with pytest.raises(ConfirmationOver, match="withdrawn"):
            confirmations.decide(confirmation.nonce, approve=True, by="phone")


async def test_an_approval_that_meets_a_cancellation_runs_nothing() -> None:
    confirmations = Confirmations()
    async with waiting(confirmations) as (task, confirmation):
        confirmations.decide(confirmation.nonce, approve=True, by="phone")
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()


async def test_the_end_of_the_run_withdraws_its_own_and_no_other() -> None:
    confirmations = Confirmations()
    other = replace(REQUEST, run_id="q", call_id="c2")
    async with waiting(confirmations) as (task, _), waiting(confirmations, other) as (second, _):
        confirmations.run_ended("r")
        assert "went on" in await task
        assert [one.run_id for one in confirmations.waiting()] == ["q"]
        assert not second.done()


async def test_the_kill_switch_refuses_all() -> None:
    confirmations = Confirmations()
    async with waiting(confirmations) as (task, _), waiting(confirmations, replace(REQUEST, call_id="c2")) as (second, _):
        confirmations.deny_all()
        assert "switched off" in await task
        assert "switched off" in await second


async def test_several_wait_at_once_and_each_is_given_by_itself() -> None:
    confirmations = Confirmations()
    async with waiting(confirmations) as (task, one), waiting(confirmations, replace(REQUEST, call_id="c2")) as (second, two):
        assert one.nonce != two.nonce
        confirmations.decide(two.nonce, approve=True, by="phone")
        assert await second == ""
        assert not task.done()
        assert confirmations.of_call("r", "c1") == one


async def test_no_more_than_so_many_wait() -> None:
    confirmations = Confirmations()
    async with waiting(confirmations):
        assert "Too much waits" in await ask(confirmations, replace(REQUEST, call_id="c2"), most=1)
        assert len(confirmations.waiting()) == 1


async def test_a_call_is_found_while_it_waits_and_for_a_while_after() -> None:
    confirmations = Confirmations()
    async with waiting(confirmations) as (task, confirmation):
        assert confirmations.of_call("r", "c1") == confirmation
        confirmations.decide(confirmation.nonce, approve=True, by="phone")
        await task
        assert confirmations.of_call("r", "c1") == replace(confirmation, arguments={}), "what was in it is not kept"
    for run, call in (("r", "c2"), ("q", "c1")):
        with pytest.raises(CallNotFound):
            confirmations.of_call(run, call)
    for n in range(KEPT):
        await ask(confirmations, replace(REQUEST, call_id=f"n{n}"), limit_s=0)
    with pytest.raises(ConfirmationNotFound):
        confirmations.find(confirmation.nonce)


async def test_a_hook_that_fails_harms_nobody() -> None:
    confirmations = Confirmations()

    def fail(_: Confirmation) -> None:
        raise RuntimeError("no network")

    confirmations.on_request.insert(0, fail)
    async with waiting(confirmations) as (task, confirmation):
        confirmations.decide(confirmation.nonce, approve=True, by="phone")
        assert await task == ""


def test_it_is_bound_to_run_call_function_and_arguments() -> None:
    same = digest(REQUEST, "unlock", {"door": "front", "for": 1})
    assert digest(REQUEST, "unlock", {"for": 1, "door": "front"}) == same
    others = [
        digest(replace(REQUEST, run_id="q"), "unlock", {"door": "front", "for": 1}),
        digest(replace(REQUEST, call_id="c2"), "unlock", {"door": "front", "for": 1}),
        digest(REQUEST, "unlock_all", {"door": "front", "for": 1}),
        digest(REQUEST, "unlock", {"door": "back", "for": 1}),
        digest(REQUEST, "unlock", {"door": "front", "for": True}),
        digest(REQUEST, "unlock", {"door": "front"}),
    ]
    assert len({same, *others}) == 7
