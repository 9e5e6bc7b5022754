"""The headers of every answer."""

from typing import Final

SAFE_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""What a browser may do with an answer: nothing but hand it to the page of our own origin that asked for it.

A page that is more than data says so itself (the console's policy, the reader of the docs). Strict-Transport-Security is
left to a proxy: it would bind every port of the host, and its other services know nothing of us.
"""
