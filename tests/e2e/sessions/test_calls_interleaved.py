"""Whatever comes between: every call is settled once, answered at most once and in its request's order, and run at most once.

Events, metrics and the audit say the same of it.
"""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

from agentd.engine.line import Hangup
from agentd.sessions.session import Session
from tests.support.handlers import eventually
from tests.support.sessions import World, world

pytestmark = pytest.mark.e2e

HANDLERS = """
import asyncio
import pathlib
from agentd.functions import *

@function(tier="read")
async def look(ctx: CallContext, name: str) -> str:
    "Stops when the user speaks."
    return await work(name)

@function(tier="low")
async def act(ctx: CallContext, name: str) -> str:
    "Runs to its end."
    return await work(name)

@function(tier="low")
def act_plainly(name: str) -> str:
    "Runs to its end, in a thread."
    with (FOLDER / f"{name}.ran").open("a") as ran:
        ran.write("x")
    return name

@function(tier="low", timeout_s=0.1)
async def late(name: str) -> str:
    "Never in time."
    await asyncio.sleep(60)
    return name

@function(tier="low", background=True)
async def behind(name: str) -> str:
    "Is answered at once and goes on."
    return await work(name)

@function(tier="high")
async def unlock(name: str) -> str:
    "Waits for a confirmation."
    return await work(name)

@function(tier="low", filler="One moment.", filler_after_s=0.01)
async def speak(ctx: CallContext, name: str) -> str:
    "Speaks while it works, and adds to the prompt."
    await ctx.update_prompt("one")
    await ctx.say("Hm.")
    await ctx.update_prompt("two")
    return await work(name)

async def work(name: str) -> str:
    with (FOLDER / f"{name}.ran").open("a") as ran:
        ran.write("x")
    while not (FOLDER / f"{name}.go").exists():
        await asyncio.sleep(0.002)
    return name
"""

FUNCTIONS = ("look", "act", "act", "act_plainly", "late", "nobody_has_it", "behind", "unlock", "unlock", "speak")
LIMITS: dict[str, Any] = {"function_calls_per_session": 3} | dict.fromkeys(
    ("function_calls_per_minute", "function_calls_per_turn", "high_calls_per_hour"), 1000
)


@dataclass
class Schedule:
    """One random course of events."""

    here: World
    session: Session
    folder: Path
    random: random.Random
    requests: list[list[str]] = field(default_factory=list)
    shut: list[str] = field(default_factory=list)

    def send(self, message: dict[str, Any]) -> None:
        self.here.peer.connections[-1].line.send_unchecked(orjson.dumps(message).decode())

    def call(self) -> None:
        """A request for one to three calls; at times it comes twice, if nothing of it can be over by then."""
        first = sum(map(len, self.requests))
        ids = [f"c{first + i}" for i in range(self.random.randint(1, 3))]
        self.requests.append(ids)
        self.shut += ids
        calls = [
            {
                "id": id_,
                "name": self.random.choice(FUNCTIONS),
                "arguments": orjson.dumps({"name": id_}).decode(),
                "client_side": self.random.random() < 0.9,
            }
            for id_ in ids
        ]
        slow = all(call["name"] in ("look", "act") for call in calls)
        for _ in range(self.random.choice((1, 2)) if slow else 1):
            self.send({"type": "FunctionCallRequest", "functions": calls})

    def open(self) -> None:
        """A handler may go on."""
        if self.shut:
            name = self.shut.pop(self.random.randrange(len(self.shut)))
            (self.folder / f"{name}.go").touch()

    def decide(self) -> None:
        """Somebody confirms, or refuses."""
        confirmations = self.here.functions.gate.confirmations
        for waiting in confirmations.waiting():
            confirmations.decide(waiting.nonce, approve=self.random.random() < 0.7, by="phone")

    def echo(self) -> None:
        """The upstream tells an answer: of a call of its own, or one that it was given."""
        known = [id_ for ids in self.requests for id_ in ids]
        self.send({"type": "FunctionCallResponse", "id": self.random.choice(known), "name": "x", "content": "echo"})

    def talk(self) -> None:
        """The agent says something, and its turn may be over."""
        self.send({"type": "ConversationText", "role": "assistant", "content": "so it is"})
        self.send({"type": "AgentAudioDone"})

    def cancel(self) -> None:
        """The upstream cancels some, whether they are open or not."""
        known = [id_ for ids in self.requests for id_ in ids]
        some = self.random.sample(known, min(len(known), self.random.randint(1, 3)))
        self.send({"type": "FunctionCallCancelled", "functions": [{"id": id_, "name": "x"} for id_ in some]})

    def speak(self) -> None:
        """The user says something."""
        self.send({"type": "UserStartedSpeaking"})
        self.send({"type": "ConversationText", "role": "user", "content": "and then"})

    async def drop(self) -> None:
        """The connection breaks, and is renewed."""
        renewals = self.session.lifeline.renewals
        self.here.peer.connections[-1].line.end(Hangup(None))
        await self.session.conversation.changes.until(
            lambda: (self.session.lifeline.renewals > renewals and self.session.state == "active") or None, timeout_s=30
        )


def ours_are_settled(course: Schedule) -> bool:
    course.decide()
    calls = [call for turn in course.session.turns for call in turn.calls]
    return all(call.outcome for call in calls if call.client_side)


def counted(here: World) -> Counter[str]:
    """Calls by outcome, as the metrics have them."""
    counts: Counter[str] = Counter()
    for sample in (sample for family in here.registry.collect() for sample in family.samples):
        if sample.name == "agentd_function_calls_total":
            counts[sample.labels["outcome"]] += int(sample.value)
    return counts


def noted(folder: Path, kind: str) -> Counter[str]:
    """The audit's lines of a kind, by call."""
    lines = map(orjson.loads, (folder / "state" / "audit.jsonl").read_bytes().splitlines())
    return Counter(line["call_id"] for line in lines if line["kind"] == kind)


@pytest.mark.parametrize("seed", range(4))
async def test_every_call_is_settled_once_whatever_comes_between(tmp_path: Path, seed: int) -> None:
    handlers = {"calls.py": HANDLERS + f"\nFOLDER = pathlib.Path({str(tmp_path)!r})\n"}
    async with world(tmp_path, {}, handlers=handlers, agent={"allow_high": ["unlock"]}, **LIMITS) as here:
        session = await here.session()
        course = Schedule(here, session, tmp_path, random.Random(seed))
        steps = [course.call] * 10 + [course.open] * 12 + [course.cancel] * 6 + [course.speak] * 3
        steps += [course.decide] * 5 + [course.echo] * 4 + [course.talk] * 4
        course.random.shuffle(steps)
        breaks_at = course.random.randrange(len(steps))
        for n, step in enumerate(steps):
            if course.requests or step not in (course.cancel, course.echo):
                step()
            for _ in range(course.random.randrange(4)):
                await asyncio.sleep(0)
            await asyncio.sleep(course.random.random() * 0.02)
            if n == breaks_at:
                await course.drop()
        if seed % 2:
            while course.shut:
                course.open()
            await session.conversation.changes.until(lambda: ours_are_settled(course) or None, timeout_s=30)
        await here.manager.stop(session.id)

        events = session.events_since(0)[0]
        started = Counter(event.data["call_id"] for event in events if event.type == "FunctionCallStarted")
        finished = Counter(event.data["call_id"] for event in events if event.type == "FunctionCallFinished")
        assert started, "something was called"
        assert set(started.values()) == {1}
        assert finished == started
        assert events[-1].type == "SessionEnded"

        told = Counter(event.data["outcome"] for event in events if event.type == "FunctionCallFinished")
        await eventually(lambda: counted(here) == told, "what the metrics say is what was told")
        await eventually(lambda: noted(tmp_path, "intent") == noted(tmp_path, "result"), "what began has come to an end")
        assert set(noted(tmp_path, "intent").values()) == {1}

        answered = [message["id"] for one in here.peer.connections for message in one.of_type("FunctionCallResponse")]
        assert len(answered) == len(set(answered))
        records = {call.call_id: call for turn in session.turns for call in turn.calls}
        assert {id_: call.outcome for id_, call in records.items() if call.outcome is None} == {}
        assert [id_ for id_ in answered if not records[id_].awaited] == [], "who does not wait is not answered"
        for ids in course.requests:
            assert [id_ for id_ in answered if id_ in ids] == [id_ for id_ in ids if id_ in answered]
        ran = [path.read_text() for path in tmp_path.glob("*.ran")]
        assert set(ran) <= {"x"}, "nothing ran twice"
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith(f"session:{session.id}:call")]
