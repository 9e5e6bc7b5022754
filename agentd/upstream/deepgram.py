"""The one way to an upstream: the Deepgram SDK says where and as whom, our WebSocket connects."""

import asyncio
import importlib
import ssl
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx
from deepgram import AsyncDeepgramClient
from deepgram.environment import DeepgramClientEnvironment
from pydantic import SecretStr

from agentd.config import LimitSettings
from agentd.errors import UpstreamRefused
from agentd.supervise import Nursery
from agentd.upstream.connection import Closed, Connection, Listener
from agentd.upstream.failures import CONNECT_ERRORS, failed
from agentd.upstream.sdk_wire import open_sdk_wire
from agentd.upstream.transport import Dial, dialling
from agentd.upstream.wire import open_wire

__all__ = ["Closed", "Connection", "Listener", "UpstreamClient", "UpstreamTarget"]


@dataclass(frozen=True, slots=True)
class UpstreamTarget:
    """Where an upstream is and how to be let in.

    Attributes:
        agent_url: base of the WebSocket, such as ``wss://agent.deepgram.com``.
        rest_url: base of the REST API, such as ``https://api.deepgram.com``.
        proxy: URL of an HTTP proxy (CONNECT), which may hold a user and password.
    """

    name: Literal["deepgram", "engine"]
    agent_url: str
    rest_url: str
    api_key: SecretStr
    proxy: str | None


def preload() -> None:
    """Import what the SDK leaves to the first connection: 90 ms, and deprecations that are its own affair."""
    importlib.import_module("deepgram.agent.v1.client")


class UpstreamClient:
    """Connects to upstreams. One per process: it holds the TLS context and the SDK's clients, which are slow to make."""

    def __init__(self, *, limits: LimitSettings, transport: Literal["picows", "sdk"]) -> None:
        self._limits = limits
        self._transport = transport
        # Reading the system's authorities takes 24 ms: once, at start, and not in the middle of others' audio.
        # OpenSSL honours SSL_CERT_FILE and SSL_CERT_DIR here.
        self._tls = ssl.create_default_context()
        # Made here because the first one costs 90 ms of imports. The SDK would make one per client, authorities and all.
        self._https: dict[str | None, httpx.AsyncClient] = {None: self._http(None)}
        self._sdks: dict[str, tuple[UpstreamTarget, AsyncDeepgramClient]] = {}
        self._nursery = Nursery()

    def adopt(self, limits: LimitSettings) -> None:
        """Take these limits for connections that are opened from now on."""
        self._limits = limits

    async def connect(self, target: UpstreamTarget, listener: Listener, *, input_bytes_per_s: int) -> Connection:
        """Open a connection within ``limits.upstream_connect_s``, proxy, TLS and handshake included.

        Args:
            input_bytes_per_s: of the audio that will be sent; sets how much of it may wait.

        Raises:
            UpstreamError: one of its kinds, with ``upstream_status``, ``upstream_error`` and ``upstream_request_id`` in
                ``extra`` as far as the upstream told them. The listener is not called then.
        """
        connection = Connection(listener, limits=self._limits, input_bytes_per_s=input_bytes_per_s)
        try:
            async with asyncio.timeout(self._limits.upstream_connect_s):
                await self._open(connection, target)
        except BaseException as error:
            connection.discard()
            if isinstance(error, CONNECT_ERRORS):
                proxy = _place(target.proxy) if target.proxy else None
                raise failed(error, where=_place(target.agent_url), proxy=proxy) from error
            raise
        return connection

    async def close(self) -> None:
        """Release the SDK's clients. Connections are their owners' to close."""
        await self._nursery.close()
        for http in self._https.values():
            await http.aclose()
        self._sdks.clear()

    async def _open(self, connection: Connection, target: UpstreamTarget) -> None:
        sdk = self._sdk(target)
        if self._transport == "sdk":
            if target.proxy is not None:
                raise UpstreamRefused('The SDK\'s own socket uses no proxy: set [deepgram] transport = "picows".')
            await open_sdk_wire(connection, sdk, frame_bytes=self._limits.upstream_frame_bytes, nursery=self._nursery)
            return
        dial = Dial()
        with dialling(dial):
            async with sdk.agent.v1.connect():
                await open_wire(
                    connection,
                    dial.url,
                    dial.headers,
                    tls=self._tls,
                    proxy=target.proxy,
                    frame_bytes=self._limits.upstream_frame_bytes,
                    nursery=self._nursery,
                )

    def _sdk(self, target: UpstreamTarget) -> AsyncDeepgramClient:
        """The SDK's client for ``target``; a new one only when its URL or key changed (as a restarted engine's do)."""
        known = self._sdks.get(target.name)
        if known is not None and known[0] == target:
            return known[1]
        if target.proxy not in self._https:
            self._https[target.proxy] = self._http(target.proxy)
        client = AsyncDeepgramClient(
            api_key=target.api_key.get_secret_value(),
            environment=DeepgramClientEnvironment(
                base=target.rest_url,
                production=_with_scheme(target.rest_url, {"https": "wss", "http": "ws"}),
                agent=target.agent_url,
                agent_rest=_with_scheme(target.agent_url, {"wss": "https", "ws": "http"}),
            ),
            httpx_client=self._https[target.proxy],
        )
        # The SDK works its headers out anew for every connection, by parsing its own package metadata (1.7 ms).
        wrapper: Any = client._client_wrapper  # noqa: SLF001 - no public way; tests/unit/upstream holds it to this
        headers = wrapper.get_headers()
        wrapper.get_headers = lambda: dict(headers)
        self._sdks[target.name] = (target, client)
        return client

    def _http(self, proxy: str | None) -> httpx.AsyncClient:
        return httpx.AsyncClient(verify=self._tls, proxy=proxy, follow_redirects=False, trust_env=False)


def _with_scheme(url: str, schemes: dict[str, str]) -> str:
    scheme, rest = url.split("://", 1)
    return f"{schemes[scheme]}://{rest}"


def _place(url: str) -> str:
    """Scheme, host and port: what may stand in a message. User, password, path and query stay out."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")
