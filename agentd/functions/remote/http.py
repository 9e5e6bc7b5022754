"""Functions that are one HTTP request: ``[functions.http.<name>]``.

Where a request goes is the operator's word alone: the origin stands in the configuration and in ``[security]
allowed_endpoints``, redirects are not followed, no proxy of the environment is used and no cookie is kept. A request that acts
is sent once: it gets a connection of its own, for on a kept one nobody could say whether the server took it.
"""

import asyncio
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, quote_plus, urlencode

import aiohttp
import orjson
import structlog
from yarl import URL

from agentd.config import LimitSettings
from agentd.config.functions import HttpTable, declared
from agentd.functions.call import InvalidArguments
from agentd.functions.provider import Admitted, Loading, Serve
from agentd.functions.registry import FunctionSpec, LoadProblem
from agentd.functions.remote import pointer
from agentd.functions.remote.arguments import Arguments, from_table
from agentd.functions.remote.credentials import Credentials
from agentd.functions.remote.declared import FAULTS, Unusable, delivered, headers_of, place_of, require_allowed, spec_of
from agentd.functions.remote.places import UrlTemplate, as_text
from agentd.functions.remote.under_way import UnderWay
from agentd.functions.workers.wire import Reply
from agentd.supervise import Nursery

CONNECTIONS: Final = 32
"""Most at once, over all functions of the kind."""

_HEADERS: Final = {"Accept": "application/json, text/*;q=0.9, */*;q=0.5", "Accept-Encoding": "identity", "User-Agent": "agentd"}
_MAX_HEADER_BYTES: Final = 16_384
_CHARSET: Final = re.compile(
    r"(us-ascii|utf-16(le|be)?|iso-8859-([1-9]|1[013-6])|windows-125[0-8]|koi8-[ru]|gb18030|gbk|big5|shift_jis|euc-(jp|kr))\Z",
    re.IGNORECASE,
)
"""Encodings of the web besides UTF-8. Python knows others that take minutes for a megabyte (punycode), or are no text."""

_log = structlog.get_logger("agentd.functions")


class _Failed(Exception):
    """The request gave no result; the text is for the model, and holds nothing of the address."""


@dataclass(frozen=True, slots=True)
class _Request:
    """One function's request, ready but for the arguments.

    Attributes:
        headers, query, body: with their credentials.
        fixed: names in query and body that are the operator's, so that no argument has them.
        secrets: the credentials by themselves, also as they stand in a URL.
    """

    method: str
    template: UrlTemplate
    headers: Mapping[str, str]
    query: Mapping[str, Any]
    body: Mapping[str, Any]
    arguments: str
    result: str | None
    reader: Arguments
    fixed: frozenset[str]
    secrets: frozenset[str]


class HttpFunctions:
    """The functions of all tables as a ``Provider``."""

    def __init__(
        self,
        requests: Mapping[str, _Request],
        specs: Sequence[FunctionSpec],
        problems: Sequence[LoadProblem],
        *,
        limits: LimitSettings,
        nursery: Nursery,
    ) -> None:
        self.specs = tuple(specs)
        self.problems = tuple(problems)
        self._requests = requests
        self._limits = limits
        self._nursery = nursery
        self._running = UnderWay()
        self._retired = False
        self._looks = _session(limits.function_connect_s, once=False) if specs else None
        self._acts = _session(limits.function_connect_s, once=True) if specs else None

    @property
    def busy(self) -> bool:
        """Whether a request is under way."""
        return bool(self._running)

    async def check(self, spec: FunctionSpec, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments by the schema, with its defaults, and whether they fit into the address."""
        request = self._requests[spec.name]
        read = request.reader.read(arguments)
        if taken := (read.keys() - request.template.names) & request.fixed:
            raise InvalidArguments(f"there is no argument {', '.join(sorted(taken))}")
        request.template.fill(read)
        return read

    async def run(self, call: Admitted, serve: Serve) -> Reply:
        """Send the request and read its answer."""
        request = self._requests[call.spec.name]
        try:
            arguments = await self.check(call.spec, call.arguments)
        except InvalidArguments as fault:
            return Reply("invalid", str(fault))
        try:
            with self._running.one():
                async with asyncio.timeout(call.spec.timeout_s):
                    result = Reply("result", await self._exchange(request, arguments))
                    return delivered(result, request.secrets, limit_bytes=self._limits.function_result_bytes)
        except _Failed as failed:
            return Reply("error", f"{call.spec.name}: {failed}")
        finally:
            if self._retired and not self._running:
                await self._close_sessions()

    def retire(self) -> None:
        """Requests under way may end."""
        self._retired = True
        if not self._running:
            self._nursery.start(self._close_sessions(), name="functions:http:close")

    async def close(self) -> None:
        """Stop the requests under way and close the connections."""
        self._retired = True
        self._running.cancel()
        await self._close_sessions()

    async def _exchange(self, request: _Request, arguments: Mapping[str, Any]) -> Any:
        rest = {name: value for name, value in arguments.items() if name not in request.template.names}
        pairs = {**rest, **request.query} if request.arguments == "query" else request.query
        url = request.template.fill(arguments, query=urlencode({name: as_text(value) for name, value in pairs.items()}))
        headers, body = dict(request.headers), None
        if request.arguments == "json":
            body = orjson.dumps({**rest, **request.body})
            headers["Content-Type"] = "application/json"
        elif request.arguments == "form":
            body = urlencode({name: as_text(value) for name, value in rest.items()}).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        # What only looks may be sent again by the client, if its connection broke before anything was received.
        session = self._looks if request.method == "GET" else self._acts
        if session is None:
            raise AssertionError("there is a session where there is a function")
        try:
            async with session.request(
                request.method, URL(url, encoded=True), headers=headers, data=body, allow_redirects=False
            ) as response:
                return _result(response, await self._read(response), request.result)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise _Failed("the service cannot be reached; nothing was done.") from None
        except (aiohttp.ClientError, OSError) as error:
            _log.warning("function_request_failed", kind=type(error).__name__)
            raise _Failed("the connection broke before the answer was there; whether it had an effect is unknown.") from None

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        status = response.status
        if not 200 <= status < 300:
            raise _Failed(_told(status))
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding != "identity":
            raise _Failed("the service compressed its answer although it was asked not to; the answer was not read.")
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._limits.function_answer_bytes:
                limit = self._limits.function_answer_bytes
                raise _Failed(f"the answer is longer than {limit} bytes; it was not read to its end.")
        return bytes(body)

    async def _close_sessions(self) -> None:
        for session in (self._looks, self._acts):
            if session is not None:
                await session.close()


async def load_http(loading: Loading) -> HttpFunctions:
    """Make the functions of ``[functions.http.*]``; nothing is connected yet."""
    requests: dict[str, _Request] = {}
    specs: list[FunctionSpec] = []
    problems: list[LoadProblem] = []
    for name, table in declared(loading.tables).http.items():
        try:
            requests[name] = await asyncio.to_thread(
                request_of, table, loading.allowed_endpoints, Credentials(loading.credentials)
            )
        except FAULTS as fault:
            problems.append(LoadProblem(place_of("http", name), None, str(fault)))
        else:
            specs.append(spec_of("http", name, table, requests[name].reader.parameters))
    return HttpFunctions(requests, specs, problems, limits=loading.limits, nursery=loading.nursery)


def request_of(table: HttpTable, allowed_endpoints: Collection[str], credentials: Credentials) -> _Request:
    """The request of a table. Blocking: small files.

    Raises:
        Unusable, SchemaFault, CredentialMissing: it cannot be made.
    """
    require_allowed(table.url, allowed_endpoints)
    reader = Arguments(from_table(table.parameters))
    template = UrlTemplate(table.url)
    required = {*reader.parameters.get("required", ()), *_with_default(reader)}
    for name in sorted(template.names):
        if name not in reader.names:
            raise Unusable(f"url has a place {{{name}}}, and parameters have no {name}")
        if name not in required:
            raise Unusable(f"{name} stands in url, so it cannot be left out: make it required or give it a default")
    query, body = credentials.resolve(table.query), credentials.resolve(table.body or {})
    fixed = frozenset({*query, *body, *template.own})
    if taken := (reader.names - template.names) & fixed:
        raise Unusable(f"{', '.join(sorted(taken))} is an argument and a fixed value at once")
    return _Request(
        method=table.method,
        template=template,
        headers=_HEADERS | headers_of(table.headers, credentials),
        query=query,
        body=body,
        arguments=table.arguments or ("query" if table.method in {"GET", "DELETE"} else "json"),
        result=table.result,
        reader=reader,
        fixed=fixed,
        secrets=frozenset(form for secret in credentials.seen for form in (secret, quote(secret, safe=""), quote_plus(secret))),
    )


def _with_default(reader: Arguments) -> set[str]:
    return {name for name, schema in reader.parameters["properties"].items() if isinstance(schema, dict) and "default" in schema}


def _session(connect_s: float, *, once: bool) -> aiohttp.ClientSession:
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS, force_close=once),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_s),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        max_line_size=_MAX_HEADER_BYTES,
        max_field_size=_MAX_HEADER_BYTES,
        skip_auto_headers=("Content-Type",),
    )
    if once:
        # The client sends PUT and DELETE again when a connection breaks, and has no public switch for it.
        session._retry_connection = False  # noqa: SLF001 - a test notices if it goes
    return session


def _result(response: aiohttp.ClientResponse, body: bytes, wanted: str | None) -> Any:
    """The answer as a JSON value: JSON as it is, text as text, anything else by its name."""
    kind = response.content_type
    if not body:
        if wanted is not None:
            raise _Failed("the answer is empty.")
        return None
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        if wanted is not None or kind.endswith(("/json", "+json")):
            raise _Failed("the answer is not JSON.") from None
        if not kind.startswith("text/") and not _is_text(body):
            return f"The answer is {kind} of {len(body)} bytes, which cannot be shown."
        charset = response.charset or ""
        return body.decode(charset if _CHARSET.match(charset) else "utf-8", "replace")
    if wanted is None:
        return value
    try:
        return pointer.at(value, wanted)
    except LookupError:
        raise _Failed(f"the answer has nothing at {wanted}.") from None


def _is_text(body: bytes) -> bool:
    try:
        return "\0" not in body.decode()
    except UnicodeDecodeError:
        return False


def _told(status: int) -> str:
    """A status other than 2xx in our own words: the server's are not trusted."""
    if 300 <= status < 400:
        return f"the service answered with a redirect ({status}), which is not followed."
    try:
        phrase = f" {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = ""
    return f"the service answered {status}{phrase}."
