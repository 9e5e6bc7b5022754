"""Whatever happens in whatever order: what is done of tier high was approved just so, or needed no approval just then."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.config import AgentProfile, LimitSettings
from agentd.config.sections import StoreSettings
from agentd.errors import RequestError
from agentd.functions.call import CallOutcome, CallRequest, InvalidArguments, Rejected
from agentd.functions.gate.confirm import Confirmation
from agentd.functions.gate.gate import Gate
from agentd.functions.gate.policy import AgentPolicy
from agentd.functions.options import Options
from agentd.functions.provider import Admitted, Offer, Serve
from agentd.functions.registry import FunctionSpec, LoadProblem
from agentd.functions.workers.wire import Reply
from agentd.store import Store

RUNS: Final = ("r1", "r2")
AGENTS: Final = {
    "door": AgentPolicy.of(AgentProfile(allow_high=("unlock", "gate"))),
    "trusting": AgentPolicy.of(AgentProfile(allow_high=("unlock",), unconfirmed_high=("unlock",))),
    "plain": AgentPolicy(),
}
DOORS: Final = ("front", "shed")


def _spec(name: str, tier: str, **options: Any) -> FunctionSpec:
    return FunctionSpec(name, "Do it.", {"type": "object"}, tier, 10.0, "a.py", options=Options(**options))  # type: ignore[arg-type] # a plain str stands for the literal


class Doors:
    """A provider whose functions run in this process: nothing but the gate is between them and a caller."""

    specs: Sequence[FunctionSpec] = (
        _spec("unlock", "high"),
        _spec("gate", "high", on_duplicate="answer"),
        _spec("mail", "read", untrusted_output=True),
        _spec("heat", "medium"),
    )
    problems: Sequence[LoadProblem] = ()
    busy = False

    async def check(self, spec: FunctionSpec, arguments: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(0)
        door = arguments.get("door", "front")
        if door not in DOORS:
            raise InvalidArguments(f"there is no door {door!r}")
        return {"door": door}

    async def run(self, call: Admitted, serve: Serve) -> Reply:
        raise AssertionError("the test runs what was let pass")

    def retire(self) -> None:
        pass

    async def close(self) -> None:
        pass


@dataclass
class World:
    """The gate, and what was given and done."""

    gate: Gate
    group: asyncio.TaskGroup
    offer: Offer
    approved: set[tuple[str | None, str, str, str]] = field(default_factory=set)
    done: Counter[tuple[str | None, str]] = field(default_factory=Counter)
    tainted: set[str] = field(default_factory=set)
    tasks: list["asyncio.Task[None]"] = field(default_factory=list)
    seen: list[Confirmation] = field(default_factory=list)
    calls: int = 0

    async def call(self, request: CallRequest) -> None:
        outcome = CallOutcome("cancelled", "")
        try:
            admitted = await self.gate.admit(request, lambda: self.offer)
            if isinstance(admitted, CallOutcome):
                outcome = admitted
                return
            outcome, _ = await self.gate.perform(admitted, lambda: self.act(admitted))
        except Rejected as rejected:
            outcome = CallOutcome(rejected.outcome, rejected.content)
        finally:
            self.gate.settled(request, outcome)

    async def act(self, call: Admitted) -> tuple[CallOutcome, str]:
        """What the gate let pass is done, and held against what was given."""
        request, spec = call.request, call.spec
        policy = AGENTS.get(request.agent or "", AgentPolicy())
        if spec.tier in {"medium", "high"}:
            assert self.gate.switch.setting.enabled
        if spec.tier == "high":
            assert spec.name in policy.allow_high
            self.done[request.run_id, request.call_id] += 1
            assert self.done[request.run_id, request.call_id] == 1
            approved = (request.run_id, request.call_id, spec.name, call.arguments["door"]) in self.approved
            free = (
                spec.name in policy.unconfirmed_high and request.run_id not in self.tainted and "caller" not in request.metadata
            )
            assert approved or free
        if spec.options.untrusted_output and request.run_id is not None:
            self.tainted.add(request.run_id)
        await asyncio.sleep(0)
        return CallOutcome("ok", "done", "done", call.arguments), ""


anything = st.tuples(
    st.just("call"),
    st.sampled_from(["unlock", "gate", "mail", "heat", "Unlock"]),
    st.sampled_from(['{"door": "front"}', '{"door": "shed"}', "{}", '{"door": "back"}', "[]"]),
    st.sampled_from([*AGENTS, None]),
    st.sampled_from(RUNS),
    st.booleans(),
)
wanted = st.tuples(
    st.just("call"),
    st.sampled_from(["unlock", "unlock", "gate", "mail"]),
    st.sampled_from(['{"door": "front"}', "{}"]),
    st.sampled_from(["door", "trusting", "trusting"]),
    st.sampled_from(RUNS),
    st.sampled_from([False, False, True]),
)
decided = st.tuples(st.sampled_from(["approve", "approve", "refuse", "approve own"]), st.integers(0, 3))
others = st.one_of(
    st.tuples(st.just("cancel"), st.integers(0, 3)),
    st.tuples(st.sampled_from(["off", "on", "end", "begin"]), st.sampled_from(RUNS)),
)
ticks = st.sampled_from([0, 1, 2, 8, 8])
"""How often the loop turns before the next step."""


async def _step(world: World, step: tuple[Any, ...]) -> None:
    match step:
        case ("call", name, arguments, agent, run, caller):
            world.calls += 1
            request = CallRequest(
                f"c{world.calls}", name, arguments, session_id=f"s-{run}", run_id=run, agent=agent, turn=world.calls // 6,
                metadata={"caller": "+43"} if caller else {}, started_by="first",
            )  # fmt: skip
            world.tasks.append(world.group.create_task(world.call(request)))
        case ("approve" | "refuse" | "approve own", n) if world.seen:
            asked, by = world.seen[-1 - n % len(world.seen)], "first" if step[0] == "approve own" else "phone"
            waits = asked in world.gate.confirmations.waiting()
            try:
                world.gate.confirmations.decide(asked.nonce, approve=step[0] != "refuse", by=by)
            except RequestError:
                return
            assert waits
            assert by != "first"
            if step[0] == "approve":
                world.approved.add((asked.run_id, asked.call_id, asked.name, asked.arguments["door"]))
        case ("cancel", n) if world.tasks:
            world.tasks[-1 - n % len(world.tasks)].cancel()
        case ("off", _):
            await world.gate.switch.disable("phone")
        case ("on", _):
            await world.gate.switch.enable("first")
        case ("end", run):
            world.gate.run_ended(run)
            world.tainted.add(run)
        case ("begin", run):
            world.gate.run_started(run, tainted=run in world.tainted)
        case _:
            pass  # there is nothing yet to decide or to cancel


async def _play(steps: list[tuple[tuple[Any, ...], int]], store: Store) -> None:
    limits = LimitSettings(function_calls_per_minute=1000, high_calls_per_hour=1000, function_calls_per_turn=1000)
    gate = Gate(limits, store, lambda agent: AGENTS.get(agent or "", AgentPolicy()))
    async with asyncio.TaskGroup() as group:
        world = World(gate, group, Offer.of([Doors()]))
        gate.confirmations.on_request.append(world.seen.append)
        for run in RUNS:
            gate.run_started(run, tainted=False)
        for step, turns in steps:
            await _step(world, step)
            for _ in range(turns):
                await asyncio.sleep(0)
        for _ in range(10):
            await asyncio.sleep(0)
        gate.confirmations.deny_all()
    assert gate.confirmations.waiting() == []
    assert gate._open == {}
    assert gate.switch.running == 0


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def store(loop: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    async def open_() -> Store:
        made = Store(tmp_path_factory.mktemp("state"), StoreSettings())
        await made.start()
        return made

    made = loop.run(open_())
    yield made
    loop.run(made.stop())


@pytest.mark.timeout(180)  # half a second for each example, where eight others want the processor
@settings(max_examples=120, deadline=None)
@given(st.lists(st.tuples(st.one_of(wanted, wanted, anything, decided, decided, others), ticks), min_size=8, max_size=40))
def test_nothing_high_is_done_that_was_not_approved(
    loop: asyncio.Runner, store: Store, steps: list[tuple[tuple[Any, ...], int]]
) -> None:
    loop.run(_play(steps, store))
