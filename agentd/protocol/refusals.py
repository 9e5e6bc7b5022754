"""How a Voice Agent server words the refusal of an HTTP request (Deepgram docs, "Errors"); clients read exactly this."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

ERR_CODES: Final[Mapping[int, str]] = MappingProxyType(
    {
        400: "BAD_REQUEST",
        401: "INVALID_AUTH",
        402: "ASR_PAYMENT_REQUIRED",
        403: "INSUFFICIENT_PERMISSIONS",
        404: "NOT_FOUND",
        429: "TOO_MANY_REQUESTS",
        500: "INTERNAL_SERVER_ERROR",
        503: "SERVICE_UNAVAILABLE",
    }
)
"""``err_code`` by status. Nothing costs money here: only a script refuses with 402."""


def refusal_body(status: int, message: str) -> dict[str, Any]:
    """``err_code`` and ``err_msg`` of a refusal; ``request_id`` stands beside them."""
    return {"err_code": ERR_CODES.get(status, "BAD_REQUEST" if status < 500 else ERR_CODES[500]), "err_msg": message}


def refusal_headers(message: str, request_id: str) -> dict[str, str]:
    """The headers of a refusal; ``dg-error`` is one line of printable ASCII."""
    line = "".join(character if " " <= character <= "~" else "?" for character in message)[:500]
    return {"dg-error": line, "dg-request-id": request_id}
