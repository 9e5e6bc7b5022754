"""Functions that run on a server of their own: ``endpoint`` in the function's declaration, called by the engine itself.

Only origins that ``[security] allowed_endpoints`` lists are called (docs/architecture.md, decision 8). With GET the arguments
go into the query, else they are the JSON body. What comes back, as text, is the result.
"""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from agentd.engine.outbound import FAULTS, Outbound, Refused, read_at_most
from agentd.protocol.origins import CONFIG_KEY, origin_of

MAX_RESULT: Final = 64 * 1024
"""Bytes of a result; a model reads no more either."""

_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_HEADERS: Final = {"Accept": "application/json, text/*;q=0.9, */*;q=0.5", "User-Agent": "agentd"}
_JSON: Final = {"Content-Type": "application/json"}


class CallFailed(Exception):
    """The function's server gave no result; the text is for a person and for the model, and holds no secret."""


class Remote:
    """Calls function endpoints.

    Args:
        allowed: origins that may be called, as the operator wrote them.
        timeout_s: how long one call may take in all.
    """

    def __init__(self, allowed: Collection[str], *, timeout_s: float) -> None:
        self._origins = {origin_of(entry) for entry in allowed} - {None}
        self._timeout_s = timeout_s

    async def call(self, endpoint: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
        """Have a function run; its result.

        Args:
            endpoint: ``url``, ``method`` (POST by default), ``headers``.

        Raises:
            CallFailed: it must not be called, cannot be reached, or did not answer with a result.
        """
        server = Outbound(endpoint, silence_s=self._timeout_s)
        origin = origin_of(server.url)
        if origin is None:
            raise CallFailed("its endpoint does not begin with a plain origin, such as https://api.example.org")
        if origin not in self._origins:
            raise CallFailed(f"{origin} is not in {CONFIG_KEY}")
        method = str(endpoint.get("method") or "POST").upper()
        if method not in _METHODS:
            raise CallFailed(f"its endpoint has the method {method[:20]!r}")
        try:
            async with asyncio.timeout(self._timeout_s):
                return await _exchange(server, method, arguments)
        except Refused as error:
            raise CallFailed(str(error)) from None
        except FAULTS as error:
            raise CallFailed(server.fault(error)) from None
        finally:
            await server.close()


async def _exchange(server: Outbound, method: str, arguments: Mapping[str, Any]) -> str:
    if method == "GET":
        query = urlencode({name: _query_value(value) for name, value in arguments.items()})
        response = await server.open(method, headers=_HEADERS, query=query)
    else:
        response = await server.open(method, headers=_HEADERS | _JSON, body=orjson.dumps(dict(arguments)))
    async with response:
        if not 200 <= response.status < 300:
            raise Refused(f"{server.host} answered {response.status}")
        body = await read_at_most(response, MAX_RESULT)
    if len(body) > MAX_RESULT:
        raise Refused(f"{server.host} answered with more than {MAX_RESULT // 1024} KiB")
    return body.decode(errors="replace")


def _query_value(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
