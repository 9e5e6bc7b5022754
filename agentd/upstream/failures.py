"""What a failed handshake means: the error of ours, what to do about it, and when trying again makes sense."""

import email.utils
import json
import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from picows import WSError, WSHandshakeError
from python_socks import ProxyError
from websockets.exceptions import WebSocketException

from agentd.errors import (
    UpstreamAuth,
    UpstreamBusy,
    UpstreamError,
    UpstreamPayment,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)

BUSY_RETRY_S: Final = 5.0
"""When an upstream says "too many" without saying when to come again."""

LONGEST_RETRY_S: Final = 3600.0
_REASON_CHARS: Final = 300
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] (\d{3})\b")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer to the handshake that was not 101.

    Attributes:
        headers: with lower-case names.
        body: as much of it as came with the head.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


class Refused(Exception):
    """The handshake was answered with another status than 101."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.status)
        self.refusal = refusal


CONNECT_ERRORS: Final = (OSError, WSError, WebSocketException, ProxyError, Refused, UnicodeError)
"""All that connecting raises, by either socket (UnicodeError: a host name that cannot be one); ``failed`` tells them apart."""


def refused(refusal: Refusal, *, where: str) -> UpstreamError:
    """The error for an HTTP answer. ``extra`` has ``upstream_status``, ``upstream_error``, ``upstream_request_id``."""
    reason, request_id = _told(refusal)
    extra: dict[str, object] = {"upstream_status": refusal.status}
    if reason is not None:
        extra["upstream_error"] = reason
    if request_id is not None:
        extra["upstream_request_id"] = request_id
    said = f"{where} answered {refusal.status}" + (f" ({reason})" if reason else "")
    retry_s = _retry_after(refusal.headers.get("retry-after"))
    match refusal.status:
        case 401 | 403:
            return UpstreamAuth(f"{said}: check the API key and what it may do.", extra=extra)
        case 402:
            return UpstreamPayment(f"{said}: the account has no credit left.", extra=extra)
        case 429 | 503:
            return UpstreamBusy(f"{said}: try again later.", extra=extra, retry_after_s=retry_s or BUSY_RETRY_S)
        case 408 | 504:
            return UpstreamTimeout(f"{said}.", extra=extra, retry_after_s=retry_s)
        case status if status >= 500:
            return UpstreamUnreachable(f"{said}: a fault at the other end.", extra=extra, retry_after_s=retry_s)
        case status if status >= 400 or status < 300:
            return UpstreamRefused(f"{said}: check the base URL, {where}.", extra=extra)
        case _:
            return UpstreamRefused(f"{said}: redirects are not followed; set the base URL it leads to.", extra=extra)


def failed(error: BaseException, *, where: str, proxy: str | None) -> UpstreamError:
    """The error for a connect that raised ``error``.

    Args:
        where: scheme, host and port of the upstream; never a URL that may hold a secret.
        proxy: host and port of the proxy, without its password.
    """
    refusal = _refusal_of(error)
    if refusal is not None:
        return refused(refusal, where=where)
    via = f" through the proxy {proxy}" if proxy else ""
    match error:
        case ssl.SSLCertVerificationError():
            return UpstreamRefused(
                f"The certificate of {where} is not trusted ({error.verify_message}). If it is right, name its authority's "
                "file in SSL_CERT_FILE.",
                extra={"upstream_error": "certificate"},
            )
        case ProxyError():
            return UpstreamUnreachable(f"The proxy {proxy} did not connect to {where}: {error}.")
        case WSError() | WebSocketException():
            return UpstreamRefused(f"{where} does not answer as a WebSocket server{via}: {error}.")
        case TimeoutError():
            return UpstreamTimeout(f"{where} did not complete the handshake in time{via}.")
        case _:
            return UpstreamUnreachable(f"{where} cannot be reached{via}: {_plain(error)}.")


def _refusal_of(error: BaseException) -> Refusal | None:
    if isinstance(error, Refused):
        return error.refusal
    if not isinstance(error, WSHandshakeError):
        return None
    if error.response is not None and hasattr(error.response, "status"):
        status = int(error.response.status)
        if status == 101:
            return None  # an upgrade that went wrong in another way
        headers = {name.lower(): value for name, value in getattr(error.response, "headers", {}).items()}
        return Refusal(status, headers, error.raw_body or b"")
    # A status that the HTTP standard does not list (such as a load balancer's 520) leaves no response behind.
    found = _STATUS_LINE.match(error.raw_header or b"")
    return Refusal(int(found[1]), {}, error.raw_body or b"") if found else None


def _told(refusal: Refusal) -> tuple[str | None, str | None]:
    """What the upstream gave as its reason, and its request id: from headers, else from Deepgram's JSON body."""
    reason = refusal.headers.get("dg-error")
    request_id = refusal.headers.get("dg-request-id")
    try:
        document = json.loads(refusal.body)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        parts = [str(document[key]) for key in ("err_code", "err_msg") if document.get(key)]
        reason = reason or (": ".join(parts) or None)
        request_id = request_id or (str(document["request_id"]) if document.get("request_id") else None)
    return (_printable(reason), _printable(request_id))


def _retry_after(text: str | None) -> float | None:
    """Seconds from ``Retry-After``, which holds seconds or a date (RFC 9110, 10.2.3); None when it makes no sense."""
    if text is None:
        return None
    if text.strip().isdecimal():
        seconds = float(text)
    else:
        try:
            seconds = email.utils.parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), LONGEST_RETRY_S) or None


def _printable(text: str | None) -> str | None:
    if not text:
        return None
    return "".join(character if character.isprintable() else " " for character in text[:_REASON_CHARS]).strip() or None


def _plain(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).rstrip(".")
