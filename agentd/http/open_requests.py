"""The requests in progress by token: how many one token may have, and their end when it may have them no more."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import structlog
from aiohttp import WSCloseCode, web

from agentd.door import Identity, TokenStore
from agentd.errors import TooManyRequests
from agentd.http.deps import STARTED

_log = structlog.get_logger("agentd.http")

LOOK_S: Final = 0.4
"""How often the tokens of open requests are looked at; a revoked one is closed within a second."""
_CLOSE_S: Final = 0.3
"""What a WebSocket client gets to answer the close frame."""


class OpenRequests:
    """Counts and closes.

    Args:
        tokens: asked whether a token is still one.
        per_token: requests a token may have open; a granted one counts with its parent.
        reaches: whether the token is still for what its request is about: a session may go on as another agent.
    """

    def __init__(self, tokens: TokenStore, per_token: int, reaches: Callable[[web.Request, Identity], bool]) -> None:
        self._tokens = tokens
        self._per_token = per_token
        self._reaches = reaches
        self._open: dict[str, dict[int, tuple[web.Request, Identity]]] = {}

    @contextmanager
    def admitted(self, request: web.Request, identity: Identity) -> Iterator[None]:
        """The request is in progress while the block runs.

        Raises:
            TooManyRequests: the token has as many as it may.
        """
        requests = self._open.setdefault(identity.name, {})
        if len(requests) >= self._per_token:
            raise TooManyRequests(
                f"{self._per_token} requests of this token are open (limits.connections_per_token).",
                retry_after_s=1,
                extra={"limit": "connections_per_token"},
            )
        requests[id(request)] = request, identity
        try:
            yield
        finally:
            del requests[id(request)]
            if not requests:
                self._open.pop(identity.name, None)

    async def watch(self) -> None:
        """Close what belongs to tokens that have ended, or is not for them any more; runs until it is cancelled."""
        closed: list[web.Request] = []
        while True:
            await asyncio.sleep(LOOK_S)
            present = [held for requests in self._open.values() for held in requests.values()]
            # A handler may take a moment to notice; it is closed once.
            closed = [one for one in closed if any(one is request for request, _ in present)]
            ended = [held for held in present if not self._may(*held) and not any(held[0] is one for one in closed)]
            if ended:
                _log.info("token_ended", tokens=sorted({identity.name for _, identity in ended}), closed=len(ended))
                await asyncio.gather(*(_close(request) for request, _ in ended))
                closed += [request for request, _ in ended]

    def _may(self, request: web.Request, identity: Identity) -> bool:
        return self._tokens.knows(identity) and self._reaches(request, identity)


async def _close(request: web.Request) -> None:
    """End a request whoever handles it: the close of its connection is what every handler looks out for."""
    response = request.get(STARTED)
    if isinstance(response, web.WebSocketResponse):
        try:
            async with asyncio.timeout(_CLOSE_S):
                await response.close(code=WSCloseCode.POLICY_VIOLATION, message=b"the token has ended")
        except (TimeoutError, ConnectionError, RuntimeError):
            pass  # it goes without a good-bye
    if request.transport is not None:
        request.transport.abort()
