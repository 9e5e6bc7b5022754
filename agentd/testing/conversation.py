"""Whole conversations in tests: a real daemon in this process, a typed user, and what came of it."""

from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

import aiohttp
import orjson
import structlog

from agentd.testing.portal import Portal

if TYPE_CHECKING:
    from agentd.testing.daemon import DaemonUnderTest

T = TypeVar("T")

_log = structlog.get_logger("agentd.testing")

REPLY_S: Final = 30.0
"""Longest wait for an answer."""


@dataclass(frozen=True, slots=True)
class CallSeen:
    """A function call of a turn.

    Attributes:
        outcome: ``ok``, or ``error``, ``timeout``, ``invalid``, ``unknown``, ``denied``, ``cancelled``.
        result: what the model was told.
    """

    name: str
    arguments: dict[str, Any]
    outcome: str
    result: Any


@dataclass(frozen=True, slots=True)
class TurnSeen:
    """What the user said, and what came of it.

    Attributes:
        heard: the user's words.
        said: the agent's, joined.
        calls: name and arguments of each call, in order.
        outcomes: how each was settled.
        settled: the calls in full.
        outcome: ``completed``, ``interrupted``, ``error`` or ``timeout``.
    """

    heard: str
    said: str
    calls: list[tuple[str, dict[str, Any]]]
    outcomes: list[str]
    settled: list[CallSeen] = field(repr=False)
    outcome: str


class ConversationError(AssertionError):
    """The daemon refused what the test asked of it; the text is the daemon's."""


class Conversation:
    """One session of a daemon with the functions of a folder.

    It starts with the first sentence, or with ``start``. Without ``script`` the offline thinker understands what is said.
    """

    def __init__(self, daemon: "DaemonUnderTest", portal: Portal) -> None:
        self._daemon = daemon
        self._portal = portal
        self._id = daemon.new_id()
        self._started = False
        self._events = "0"

    @property
    def confirm(self) -> bool | None:
        """What a person answers who is asked to confirm a call of tier high; None: nothing, until the time is over."""
        return self._daemon.confirmer.approve

    @confirm.setter
    def confirm(self, answer: bool | None) -> None:
        self._daemon.confirmer.approve = answer

    @property
    def confirmations(self) -> list[tuple[str, dict[str, Any]]]:
        """Name and arguments of each call that a person was asked to confirm in this test."""
        return list(self._daemon.confirmer.asked)

    def script(self, script: str | dict[str, Any] | list[dict[str, Any]]) -> None:
        """Lay down what the model does, before the conversation starts.

        Args:
            script: steps that answer each sentence of the user, such as ``[{"call": "feed_cat", "arguments": {}},
                {"say": "{result}"}]``; or a whole script, as YAML text or as a dict (docs/scripted.md).
        """
        if self._started:
            raise ConversationError("The conversation has started: tell the script before.")
        self._daemon.upstream.play(script)

    def start(self, **body: Any) -> dict[str, Any]:
        """Start the session: ``agent=``, ``metadata=``, and whatever else ``POST /v1/sessions`` takes. Returns the session."""
        return self._portal.run(self._start(body))

    def say(self, text: str, *, timeout_s: float = REPLY_S) -> TurnSeen:
        """The user says something; returns the turn once the agent has answered."""
        return self._portal.run(self._say(text, timeout_s))

    async def asay(self, text: str, *, timeout_s: float = REPLY_S) -> TurnSeen:
        """As ``say``, awaited: a server in the test's own loop can answer a handler meanwhile."""
        return await self._portal.wait(self._say(text, timeout_s))

    def wait_for(self, event: str, *, timeout_s: float = REPLY_S, **members: Any) -> dict[str, Any]:
        """The data of the next event of a type (docs/streams.md), whose members are these; earlier ones count once.

        Raises:
            ConversationError: it did not come in time.
        """
        return self._portal.run(self._wait_for(event, members, timeout_s))

    def stop(self) -> dict[str, Any]:
        """End the session, and return it as it was at its end."""
        return self._run(self._request("DELETE", f"/v1/sessions/{self._id}"))

    @property
    def session(self) -> dict[str, Any]:
        """The session as the API shows it, with ``state``, ``end_reason``, ``agent``, ``metadata`` and the rest."""
        return self._run(self._request("GET", f"/v1/sessions/{self._id}"))

    @property
    def prompt(self) -> str:
        """What the agent is told about itself now."""
        return str(self._run(self._request("GET", f"/v1/sessions/{self._id}/prompt"))["prompt"])

    @property
    def transcript(self) -> list[tuple[str, str]]:
        """Who said what, in order: ``("user", …)``, ``("assistant", …)``."""
        items = self._run(self._request("GET", f"/v1/sessions/{self._id}/transcript"))["items"]
        return [(item["role"], item["text"]) for item in items]

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._portal.run(work)

    async def _start(self, body: Mapping[str, Any]) -> dict[str, Any]:
        if self._started:
            raise ConversationError("The conversation has started already.")
        self._started = True
        return await self._request("POST", "/v1/sessions", body={"id": self._id, **body})

    async def _say(self, text: str, timeout_s: float) -> TurnSeen:
        if not self._started:
            await self._start({})
        turn = await self._request(
            "POST",
            f"/v1/sessions/{self._id}/messages?wait=reply&timeout_s={timeout_s:g}",
            body={"content": text},
            timeout_s=timeout_s + 5,
        )
        calls = [CallSeen(call["name"], call["arguments"], call["outcome"], call["result"]) for call in turn["calls"]]
        seen = TurnSeen(
            heard=turn["heard"],
            said=turn["said"],
            calls=[(call.name, call.arguments) for call in calls],
            outcomes=[call.outcome for call in calls],
            settled=calls,
            outcome=turn["outcome"],
        )
        _log.info("turn", heard=seen.heard, said=seen.said, calls=seen.settled)
        return seen

    async def _wait_for(self, event: str, members: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        loop_time = self._daemon.clock
        end = loop_time() + timeout_s
        while (left_s := end - loop_time()) > 0:
            path = f"/v1/sessions/{self._id}/events?types={event}&limit=1&after={self._events}&wait_s={left_s:.3f}"
            page = await self._request("GET", path, timeout_s=timeout_s + 5)
            for item in page["items"]:
                self._events = str(item["seq"])
                if all(item["data"].get(name) == value for name, value in members.items()):
                    data: dict[str, Any] = item["data"]
                    return data
        raise ConversationError(f"no {event} with {dict(members)} came within {timeout_s:g} s")

    async def _request(
        self, method: str, path: str, *, body: Mapping[str, Any] | None = None, timeout_s: float = REPLY_S
    ) -> dict[str, Any]:
        async with self._daemon.http.request(
            method, self._daemon.url + path, json=body, timeout=aiohttp.ClientTimeout(total=timeout_s)
        ) as response:
            document: dict[str, Any] = orjson.loads(await response.read())
            if response.status >= 400:
                raise ConversationError(f"{document.get('detail')} ({document.get('code')})")
            return document
