"""Reading requests strictly: bounded bodies, exact content types, JSON without surprises."""

import asyncio
import codecs
import json
import math
from collections.abc import Mapping
from typing import Any, ClassVar, Final, NoReturn, TypeVar

from aiohttp import web
from aiohttp.http import HttpVersion11
from aiohttp.http_exceptions import BadHttpMessage
from pydantic import BaseModel, ConfigDict, ValidationError

from agentd.config import LimitSettings
from agentd.errors import (
    FieldError,
    InvalidRequest,
    MalformedRequest,
    PayloadTooLarge,
    RequestTimeout,
    UnsupportedMediaType,
)
from agentd.http.deps import DEPS
from agentd.http.table import ROUTE
from agentd.protocol.depth import deeper_than

JSON: Final = "application/json"
TEXT: Final = "text/plain"
FORM: Final = "application/x-www-form-urlencoded"
"""What curl says of a body sent with -d or --data-binary when it is told nothing else."""


class Body(BaseModel):
    """A JSON body: unknown members are faults, and a "1" is not a 1.

    Attributes:
        text_member: the member that a ``text/plain`` body stands for, where a text is the whole body.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    text_member: ClassVar[str | None] = None


BodyT = TypeVar("BodyT", bound=Body)


async def read_model(request: web.Request, model: type[BodyT]) -> BodyT:
    """The request's body as ``model``; an absent body is an empty object.

    Args:
        request: the request.
        model: what the body must be; the route's row names it too.

    Raises:
        MalformedRequest, UnsupportedMediaType, PayloadTooLarge, RequestTimeout, InvalidRequest.
        TypeError: the row names another; a defect of it.
    """
    route = request[ROUTE]
    if model not in route.bodies:
        raise TypeError(f"{route.method} {route.path} does not declare {model.__name__}")
    raw = await read_bytes(request)
    if raw is None:
        return validate(model, {})
    text_member = model.text_member
    if _media_type(request, text=text_member is not None) == TEXT and text_member is not None:
        return validate(model, {text_member: _decoded(raw)})
    return validate(model, parse_json(raw, request.app[DEPS].settings.limits))


async def read_bytes(request: web.Request) -> bytes | None:
    """The whole body within ``limits.request_read_s`` and ``limits.json_body_bytes``; None when there is none."""
    limits = request.app[DEPS].settings.limits
    if not request.can_read_body:
        return None
    if request.content_length is not None and request.content_length > limits.json_body_bytes:
        raise _too_large(limits)
    await go_on(request)
    body = bytearray()
    try:
        async with asyncio.timeout(limits.request_read_s):
            while chunk := await read_some(request):
                body += chunk
                if len(body) > limits.json_body_bytes:
                    raise _too_large(limits)
    except TimeoutError:
        raise RequestTimeout(
            f"The body did not arrive within {limits.request_read_s:g} s.", extra={"limit": "request_read_s"}
        ) from None
    return bytes(body) or None


async def read_some(request: web.Request) -> bytes:
    """What has arrived of the body since; waits for it. Empty at the end.

    Raises:
        MalformedRequest: its transfer coding is broken.
        ConnectionResetError: the caller left in the middle; aiohttp tells it here and nowhere else.
    """
    try:
        return await request.content.readany()
    except BadHttpMessage as error:
        raise MalformedRequest(f"The body's transfer coding is broken: {error.message}.") from None
    except OSError as error:
        raise ConnectionResetError("the caller left in the middle of its body") from error


async def go_on(request: web.Request) -> None:
    """Answer ``Expect: 100-continue`` (RFC 9110, section 10.1.1) now that the body is wanted: curl waits a second for it."""
    if request.version >= HttpVersion11 and request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself has not begun


def parse_json(raw: bytes, limits: LimitSettings) -> Any:
    """A JSON document (RFC 8259) without duplicate names, numbers that are none, or deep nesting.

    Raises:
        MalformedRequest: with the place where reading stopped.
    """
    text = _decoded(raw)
    if "\x00" in text[:4]:
        raise MalformedRequest("The body looks like UTF-16 or UTF-32; send UTF-8.")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_no_duplicates,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_in_64_bits,
        )
    except json.JSONDecodeError as error:
        raise MalformedRequest(f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from None
    except RecursionError:
        raise _too_deep(limits) from None
    _check_tree(value, limits)
    return value


def validate(model: type[BodyT], value: Any) -> BodyT:
    """``value`` as ``model``.

    Raises:
        InvalidRequest: every fault with its pointer.
    """
    if not isinstance(value, dict):
        raise InvalidRequest("The body must be a JSON object.", errors=[FieldError("", "must be an object")])
    try:
        return model.model_validate(value)
    except ValidationError as error:
        faults = [_fault(fault, model) for fault in error.errors(include_url=False, include_input=False)]
        raise InvalidRequest("The body has faults; see errors.", errors=faults) from None


def require_json(request: web.Request) -> None:
    """Refuse a body that does not say it is JSON."""
    _media_type(request, text=False)


def _fault(fault: Mapping[str, Any], model: type[Body]) -> FieldError:
    pointer = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        detail = f"is not known here; known are {', '.join(model.model_fields)}"
    elif fault["type"] == "missing":
        detail = "is required"
    else:
        detail = str(fault["msg"])
    return FieldError(pointer, detail)


def _media_type(request: web.Request, *, text: bool) -> str:
    """The body's content type, or the refusal that says what to add to the command line."""
    header = request.headers.get("Content-Type")
    media = request.content_type.lower() if header else ""
    accepted = (JSON, TEXT) if text else (JSON,)
    if media in accepted:
        if (request.charset or "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
            raise UnsupportedMediaType(f"Bodies are UTF-8 here, not {request.charset}.")
        return media
    found = "no content type" if not media else f"content type {media[:80]}"
    flag = "with curl use --json '…' (curl 7.82 or newer), or add -H 'Content-Type: application/json'"
    if text:
        flag += "; for a body that is the text itself, -H 'Content-Type: text/plain'"
    raise UnsupportedMediaType(f"The body came with {found}; {' or '.join(accepted)} is taken: {flag}.")


def _decoded(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise MalformedRequest("The body is UTF-16; send UTF-8.") from None
        raise MalformedRequest(f"The body is not UTF-8: byte {error.start} cannot be decoded.") from None
    if text.startswith("\ufeff"):  # RFC 8259, section 8.1: must not be added; editors do
        raise MalformedRequest("The body begins with a byte order mark; save it as UTF-8 without one.")
    return text


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise MalformedRequest(f"The body names {twice[:80]!r} twice in one object.")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedRequest(f"The body is not JSON: {name} is not a JSON value.")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise MalformedRequest(f"The body has the number {text[:40]}, which is too large.")
    return value


def _in_64_bits(text: str) -> int:
    """Other JSON tools, ours included, cannot write larger integers; thousands of digits are an attack on ``int``."""
    value = int(text) if len(text) <= 20 else None
    if value is None or not -(2**63) <= value < 2**64:
        raise MalformedRequest(f"The body has the number {text[:40]}, which is too large.")
    return value


def _check_tree(value: Any, limits: LimitSettings) -> None:
    """Refuse nesting beyond ``limits.json_depth`` and text that is no Unicode (lone surrogates)."""
    if deeper_than(value, limits.json_depth):
        raise _too_deep(limits)
    level = [value]
    while level:
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below += [*item.keys(), *item.values()]
            elif isinstance(item, list):
                below += item
            elif isinstance(item, str) and not _is_unicode(item):
                raise MalformedRequest("The body has text with half a surrogate pair.")
        level = below


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _too_deep(limits: LimitSettings) -> MalformedRequest:
    return MalformedRequest(f"The body is nested deeper than {limits.json_depth} levels.", extra={"limit": "json_depth"})


def _too_large(limits: LimitSettings) -> PayloadTooLarge:
    return PayloadTooLarge(
        f"The body is larger than {limits.json_body_bytes} bytes (limits.json_body_bytes).", extra={"limit": "json_body_bytes"}
    )
