"""One MCP server: connected, and connected again when it was lost.

It may be missing when the daemon starts and may die at any time: connecting is tried again and again, with longer and longer
waits, and a call under way when the connection is lost is settled as an error whose effect is unknown. Nothing that a server
may have seen is sent twice.
"""

import asyncio
import gc
import importlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal

import structlog

from agentd.functions.mcp.reach import Reach, Told
from agentd.functions.workers.wire import Reply
from agentd.supervise import Nursery

if TYPE_CHECKING:
    from agentd.functions.mcp.connection import Connection

FIRST_WAIT_S: Final = 0.2
"""Between two tries to connect; doubled each time."""
STEADY_S: Final = 10.0
"""A connection that lasted so long was a good one: after it the waits are short again."""

State = Literal["starting", "up", "down"]

_log = structlog.get_logger("agentd.functions")


class NotReached(Exception):
    """The server certainly has not seen the call: it was not connected to, or it knew nothing of the connection.

    Args:
        tried: set once another connection is up, or could not be made.
    """

    def __init__(self, tried: asyncio.Event) -> None:
        super().__init__("the server was not reached")
        self._tried = tried

    async def tried_again(self) -> None:
        """Wait for the first try to connect again, however it ends."""
        await self._tried.wait()


class Server:
    """One server, from ``begin`` to ``stop``.

    Args:
        name: as in ``[functions.mcp.<name>]``.

    Attributes:
        owners: are told when anything of this has changed; without one it is stopped.
        state: ``up`` while it can be called.
        reason: why it is down.
        tools: what it offers now; none while it is down.
        more: it has more tools than were read.
    """

    def __init__(self, name: str, reach: Reach, *, nursery: Nursery) -> None:
        self.name = name
        self.reach = reach
        self.state: State = "starting"
        self.reason = ""
        self.tools: tuple[Told, ...] = ()
        self.more = False
        self.owners: set[Callable[[], None]] = set()
        self._nursery = nursery
        self._connection: Connection | None = None
        self._resolved = asyncio.Event()
        self._tried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Start connecting; returns at once."""
        self._task = self._nursery.start(self._supervise(), name=f"functions:mcp:{self.name}")

    async def stop(self) -> None:
        """Disconnect; a process that was started is gone afterwards."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._tried.set()

    async def call(self, tool: str, arguments: dict[str, Any]) -> Reply:
        """Call a tool; cancelling it tells the server.

        Raises:
            NotReached: nothing was done; a new connection is on its way.
        """
        if self._connection is None or self.state != "up":
            return Reply("error", f"The server {self.name} does not run now; nothing was done.")
        tried = self._tried
        reply = await self._connection.call(tool, arguments)
        if reply is None:
            raise NotReached(tried)
        return reply

    async def _supervise(self) -> None:
        """Connect, and connect again."""
        module = await asyncio.to_thread(_imported)
        loop = asyncio.get_running_loop()
        wait_s, legacy = FIRST_WAIT_S, False
        while True:
            began = loop.time()
            connection = module.Connection(self.name, self.reach, legacy=legacy, listed=self._listed, nursery=self._nursery)
            self._connection = connection
            self._resolved, self._tried = self._tried, asyncio.Event()
            try:
                reason = await connection.run()
            except Exception as error:  # noqa: BLE001 - the supervisor's guard: whatever a stranger's server brings about
                reason = module.told(error)
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError  # the package's task groups lose it when a server breaks in the same moment
            # Some servers end at a question they do not know: the other way of beginning is tried next.
            legacy = legacy if self.state == "up" else not legacy
            self.tools, self.more, self.state, self.reason = (), False, "down", connection.exit or reason
            wait_s = FIRST_WAIT_S if loop.time() - began >= STEADY_S else wait_s
            _log.warning("mcp_server_down", server=self.name, reason=self.reason, retry_s=wait_s)
            self._changed()
            self._resolved.set()
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, self.reach.retry_s)

    def _listed(self, tools: tuple[Told, ...], more: bool) -> None:  # noqa: FBT001 - a callback
        if (self.tools, self.more, self.state) != (tools, more, "up"):
            self.tools, self.more, self.state, self.reason = tools, more, "up", ""
            self._changed()
        self._resolved.set()

    def _changed(self) -> None:
        for owner in tuple(self.owners):
            owner()


def _imported() -> Any:
    """The part that needs the ``mcp`` package. Half a second or more: in a thread, and not before the daemon answers."""
    module = importlib.import_module("agentd.functions.mcp.connection")
    # What these write holds what servers answer, word by word; what goes wrong is told by the code around them.
    for name in ("mcp", "client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # It stays for good. The collector would hold up the loop for 0.1 s each time it looks through it.
    gc.freeze()
    return module
