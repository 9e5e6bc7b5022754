"""What scripts of hostile models share: where they are listed, and how one is played and counted."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from tests.support.agent_client import AgentClient, agent_client
from tests.support.house import House, Model, until

Script = Callable[[House], Awaitable[None]]
ATTACKS: Final[list[Script]] = []
"""Scripts of models and clients that want what they must not have."""
CONTROLS: Final[list[Script]] = []
"""The same where nothing forbids it: what the count must see."""


def attack(script: Script) -> Script:
    """List a script; importing its module does."""
    ATTACKS.append(script)
    return script


def control(script: Script) -> Script:
    """List the control of a section."""
    CONTROLS.append(script)
    return script


async def play(script: Script, home: House) -> None:
    """Play a script, end its sessions, and count."""
    high, confirmed = home.high(), home.confirmed
    try:
        await script(home)
    finally:
        await home.empty()
    assert await home.waiting() == []
    done = home.high() - high
    assert done <= home.confirmed - confirmed, f"{done} done without as many confirmations: {home.lines()[-5:]}"


async def still_waits(model: Model, name: str = "unlock") -> None:
    """It is not done: it waits for a person."""
    id_ = model.ask(name)
    await model.waits(id_)
    assert not any("HIGH" in line for line in model.did)


def client_of(home: House, agent: str) -> AbstractAsyncContextManager[AgentClient]:
    return agent_client(home.daemon.url.replace("http", "ws"), home.daemon.token, path=f"/v1/agent/converse?agent={agent}")


async def of_client(home: House, known: int) -> Model:
    """The upstream's side of the only session, which a client began."""

    async def active() -> list[dict[str, Any]]:
        return (await home.daemon.call("GET", "/v1/sessions?state=active")).json["items"]  # type: ignore[no-any-return] # as its schema says

    (live,) = await until(active)
    model = Model(home, live["id"], live["run_id"], home.peer.connections[known])
    model.says("hello")
    return model
