"""Clients of the compatible endpoint over a scripted upstream, and what the tests of it share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.support.agent_client import SETTINGS, AgentClient, agent_client
from tests.unit.http.conftest import Api

OURS = {
    "home.py": '''
import asyncio

from agentd.functions import function

runs = []


@function(tier="low")
async def set_light(room: str) -> str:
    """Switch a light on."""
    runs.append(room)
    return f"The lamp in the {room} is on, run {len(runs)}."


@function(tier="read")
async def slow() -> str:
    """Take long."""
    await asyncio.sleep(30)
    return "too late"
'''
}
WEATHER: dict[str, Any] = {"name": "get_weather", "description": "The weather.", "parameters": {"type": "object"}}
THINK: dict[str, Any] = {"provider": {"type": "open_ai", "model": "gpt-4o-mini"}, "functions": [WEATHER]}
NOTES = ("History", "LatencyReport", "EndOfTurn", "AgentThinking", "AgentStartedSpeaking")


def document(**agent: Any) -> dict[str, Any]:
    """Settings with these parts of ``agent``; a think block with ``get_weather`` unless there is one."""
    return SETTINGS | {"agent": {"think": THINK} | agent}


@asynccontextmanager
async def converse(
    api: Api, settings: dict[str, Any] | None = None, *, agent: str | None = "test", path: str = "/v1/agent/converse"
) -> AsyncIterator[AgentClient]:
    """A client of that profile, with its Settings (``document()`` unless given) applied."""
    query = f"?agent={agent}" if agent is not None else ""
    async with agent_client(api.base.replace("http", "ws", 1), api.token, path=path + query) as client:
        await client.send(settings if settings is not None else document())
        await client.until("SettingsApplied")
        yield client


async def write(client: AgentClient, text: str) -> None:
    """Type a text as the user."""
    await client.send({"type": "InjectUserMessage", "content": text})


async def answer(client: AgentClient, call: dict[str, Any], content: str) -> None:
    """Answer a call."""
    await client.send({"type": "FunctionCallResponse", "id": call["id"], "name": call["name"], "content": content})


async def says(client: AgentClient, text: str, *, after: int = 0) -> None:
    """The agent says exactly this."""

    def fits(item: Any) -> bool:
        return isinstance(item, dict) and (item.get("role"), item.get("content")) == ("assistant", text)

    await client.until(fits, after=after, timeout=30)


def session_id(api: Api) -> str:
    """Of the only live session."""
    (session,) = [session for session in api.world.manager.list() if session.live]
    return session.id


def asked_of(client: AgentClient) -> list[list[tuple[str, bool]]]:
    """Names and ``client_side`` of every FunctionCallRequest."""
    return [
        [(call["name"], call["client_side"]) for call in request["functions"]]
        for request in client.of_type("FunctionCallRequest")
    ]
