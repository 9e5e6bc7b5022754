"""The streams that the ``mcp`` package reads and writes, with bounds of ours: number of messages, and lines of a process."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Protocol, TypeAlias

import structlog
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter
from pydantic import ValidationError

from agentd.functions.mcp.pace import Pace, Seldom
from agentd.functions.mcp.process import Command, ServerGone, ServerProcess

_log = structlog.get_logger("agentd.functions")

Incoming: TypeAlias = SessionMessage | Exception
Ended = Callable[[str], None]
"""Told once that nothing comes any more, and why."""


class _Read(Protocol):
    async def receive(self) -> Incoming: ...
    async def aclose(self) -> None: ...
    async def __anext__(self) -> Incoming: ...


class _Closing:
    """What makes a stream usable in ``async with``."""

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Nothing is held."""


class Paced(_Closing):
    """What a server sends, no faster than ``per_s`` messages."""

    def __init__(self, inner: _Read, name: str, per_s: int, ended: Ended) -> None:
        self._inner = inner
        self._name = name
        self._tells = Seldom()
        self._ended = ended
        self._per_s = per_s
        self._pace = Pace(per_s)

    @property
    def last_context(self) -> Any:
        """The context that the last message was sent in, where the inner stream knows it."""
        return getattr(self._inner, "last_context", None)

    def __aiter__(self) -> "Paced":
        return self

    async def __anext__(self) -> Incoming:
        if await self._pace.turn() and self._tells.due():
            _log.info("mcp_messages_held_up", server=self._name, per_s=self._per_s)
        try:
            message = await self._inner.__anext__()
        except StopAsyncIteration:
            self._ended("")
            raise
        self._pace.took()
        return message

    async def receive(self) -> Incoming:
        """The next message."""
        return await self.__anext__()

    async def aclose(self) -> None:
        """Close the inner stream."""
        await self._inner.aclose()


class _Lines(_Closing):
    """Messages from the standard output of a process, one a line."""

    def __init__(self, process: ServerProcess, name: str, per_s: int, ended: Ended) -> None:
        self._process = process
        self._name = name
        self._each_s = 1 / per_s
        self._tells = Seldom()
        self._ended = ended

    async def receive(self) -> Incoming:
        return await self.__anext__()

    async def __anext__(self) -> Incoming:
        while True:
            try:
                line = await self._process.line()
            except ServerGone as gone:
                self._ended(str(gone))
                raise StopAsyncIteration from None
            if not line:
                raise StopAsyncIteration
            try:
                return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
            except ValidationError:
                if self._tells.due():
                    _log.warning("mcp_line_is_no_message", server=self._name, bytes=len(line), not_told=self._tells.passed_over())
                await asyncio.sleep(self._each_s)


class _Written(_Closing):
    """Messages to the standard input of a process."""

    def __init__(self, process: ServerProcess) -> None:
        self._process = process

    async def send(self, item: SessionMessage) -> None:
        text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
        try:
            await self._process.send(text.encode() + b"\n")
        except ServerGone as gone:
            raise BrokenPipeError(str(gone)) from None


@asynccontextmanager
async def over_stdio(
    process: ServerProcess, command: Command, name: str, messages_per_s: int, ended: Ended
) -> AsyncIterator[tuple[Paced, _Written]]:
    """A server that is started for this block and stopped after it.

    Raises:
        ServerGone: it cannot be started.
    """
    try:
        await process.start(command)
        yield Paced(_Lines(process, name, messages_per_s, ended), name, messages_per_s, ended), _Written(process)
    finally:
        await process.stop()
