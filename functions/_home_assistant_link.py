"""The wire to Home Assistant: its WebSocket API, one connection per worker process, kept from call to call.

https://developers.home-assistant.io/docs/api/websocket
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import orjson
from yarl import URL

from agentd.functions import FunctionError

CONNECT_S: Final = 3.0
ANSWER_S: Final = 5.0
CONFIRM_S: Final = 2.0
"""How long a change of state is waited for; locks and covers tell at once that they are moving."""

MESSAGE_BYTES: Final = 32 * 1024 * 1024
"""All states of a large home come in one message."""

SILENT: Final = "Home Assistant does not answer."
REFUSED: Final = "Home Assistant refuses agentd's access token; it has to be replaced."


class Unreachable(FunctionError):
    """Nothing was done: Home Assistant is not there. Another try may go better."""


class HungUp(Unreachable):
    """It was there before; it may have been started anew."""


@dataclass(frozen=True, slots=True)
class State:
    """How an entity is: ``value`` is its main state, such as "on"; None where it has ceased to exist."""

    value: str | None
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Service:
    """A service call: what to do to which entities."""

    domain: str
    name: str
    entities: Sequence[str]
    data: Mapping[str, Any] = field(default_factory=dict)

    def command(self, *, answers: bool = False) -> dict[str, Any]:
        """The message for it."""
        target = {"target": {"entity_id": list(self.entities)}} if self.entities else {}
        response = {"return_response": True} if answers else {}
        called = {"domain": self.domain, "service": self.name, "service_data": dict(self.data)}
        return {"type": "call_service", **called, **target, **response}


class Link:
    """An authenticated connection. It serves one call at a time, as a worker does."""

    def __init__(self, http: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._http = http
        self._socket = socket
        self._number = 0

    @classmethod
    async def open(cls, config: Mapping[str, Any]) -> "Link":
        """Connect with ``url`` and ``token`` of the file's table; ``ca_file`` for a certificate of one's own making.

        Raises:
            Unreachable: nothing answers there.
            FunctionError: the token is refused.
        """
        url = URL(config["url"].rstrip("/")) / "api/websocket"
        tls = ssl.create_default_context(cafile=config.get("ca_file")) if url.scheme == "https" else True
        http = aiohttp.ClientSession()
        try:
            async with asyncio.timeout(CONNECT_S):
                socket = await http.ws_connect(
                    url.with_scheme({"http": "ws", "https": "wss"}[url.scheme]), max_msg_size=MESSAGE_BYTES, ssl=tls
                )
                link = cls(http, socket)
                await link._receive()
                await socket.send_json({"type": "auth", "access_token": config.get("token", "")})
                answer = await link._receive()
        except (OSError, aiohttp.ClientError) as error:  # a time-out is an OSError too
            await http.close()
            raise Unreachable(SILENT) from error
        except BaseException:
            await http.close()
            raise
        if answer["type"] != "auth_ok":
            await http.close()
            raise FunctionError(REFUSED)
        return link

    async def close(self) -> None:
        """Hang up."""
        await self._http.close()

    async def ask(self, *commands: Mapping[str, Any]) -> list[Any]:
        """The results of commands that are sent together, in order.

        Raises:
            Unreachable: no answer came.
            FunctionError: Home Assistant says no; in its own words.
        """
        numbers = [await self._send(command) for command in commands]
        answers: dict[int, dict[str, Any]] = {}
        async with _answering(ANSWER_S):
            while len(answers) < len(numbers):
                message = await self._receive()
                if message["type"] == "result" and message["id"] in numbers:
                    answers[message["id"]] = message
        return [_result(answers[number]) for number in numbers]

    async def act(self, service: Service, reached: Callable[[str, State], bool]) -> dict[str, State]:
        """Call a service and wait, at most ``CONFIRM_S``, until its entities are as wanted.

        Returns:
            The states as Home Assistant told them last.

        Raises:
            FunctionError: the service was refused or failed, or Home Assistant was gone before it was asked.
        """
        watch = await self._send({"type": "subscribe_entities", "entity_ids": list(service.entities)})
        call = await self._send(service.command())
        states: dict[str, State] = {}
        done = False
        try:
            # Whatever happens from here on, it may have been done.
            with contextlib.suppress(TimeoutError, Unreachable):
                async with asyncio.timeout(CONFIRM_S):
                    while not done or not all(
                        entity in states and reached(entity, states[entity]) for entity in service.entities
                    ):
                        message = await self._receive()
                        if message["id"] == call:
                            _result(message)
                            done = True
                        elif message["id"] == watch and message["type"] == "event":
                            _follow(states, message["event"])
        finally:
            with contextlib.suppress(Unreachable):
                await self._send({"type": "unsubscribe_events", "subscription": watch})
        return states

    async def _send(self, command: Mapping[str, Any]) -> int:
        self._number += 1
        try:
            await self._socket.send_str(orjson.dumps({"id": self._number, **command}).decode())
        except (OSError, aiohttp.ClientError) as error:
            raise HungUp(SILENT) from error
        return self._number

    async def _receive(self) -> dict[str, Any]:
        """The next message; what belongs to an earlier call that was cut short is for the caller to pass over."""
        message = await self._socket.receive()
        if message.type not in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}:
            raise HungUp(SILENT)
        received: dict[str, Any] = orjson.loads(message.data)
        return received


@contextlib.asynccontextmanager
async def _answering(seconds: float) -> Any:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise Unreachable(SILENT) from error


def _result(message: Mapping[str, Any]) -> Any:
    if not message["success"]:
        error = message["error"]
        if error["code"] == "unauthorized":
            raise FunctionError("Home Assistant does not allow that to the user whose access token agentd has.")
        reason = str(error["message"]).removeprefix("Validation error: ").rstrip(".")
        raise FunctionError(f"Home Assistant refuses: {reason[:200]}.")
    return message["result"]


def _follow(states: dict[str, State], event: Mapping[str, Any]) -> None:
    """Take in what ``subscribe_entities`` tells: entities added, changed (attributes added and taken away), removed."""
    for entity, new in event.get("a", {}).items():
        states[entity] = State(new["s"], new["a"])
    for entity, change in event.get("c", {}).items():
        added, removed = change.get("+", {}), change.get("-", {})
        before = states.get(entity, State(None))
        kept = {name: value for name, value in before.attributes.items() if name not in removed.get("a", ())}
        states[entity] = State(added.get("s", before.value), kept | added.get("a", {}))
    for entity in event.get("r", ()):
        states[entity] = State(None)
