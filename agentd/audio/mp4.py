"""MP4 comes in two orders: the index in front, which can be read as it arrives, or at the end, which cannot.

Browsers record the first kind, telephones the second; that one is kept until all of it is here.
"""

import io
from typing import Final, Protocol

SPOOL_BYTES: Final = 25 * 1024 * 1024
"""The longest recording whose index may stand at its end."""
_HEAD_BYTES: Final = 1024 * 1024
"""What may stand before the index and the samples: brands, free space."""
_BOX_BYTES: Final = 16


class TooLarge(Exception):
    """The recording is too large for its index to stand at its end."""


class Readable(Protocol):
    """Bytes as PyAV reads them."""

    def read(self, n_bytes: int, /) -> bytes:
        """Up to ``n_bytes``; empty at the end."""


class _Joined:
    """What was read already, then the rest."""

    def __init__(self, head: bytes, rest: Readable) -> None:
        self._head = head
        self._rest = rest

    def read(self, n_bytes: int) -> bytes:
        """Up to ``n_bytes``; empty at the end."""
        if not self._head:
            return self._rest.read(n_bytes)
        part, self._head = self._head[:n_bytes], self._head[n_bytes:]
        return part


def readable(body: Readable) -> Readable:
    """``body`` from its beginning, with ``seek`` where its index stands at the end.

    Raises:
        TooLarge: see there.
    """
    head, at = bytearray(), 0
    while at < _HEAD_BYTES and _filled(head, at + _BOX_BYTES, body):
        size, kind = int.from_bytes(head[at : at + 4], "big"), bytes(head[at + 4 : at + 8])
        if kind == b"moov" or size == 0:
            break
        if kind == b"mdat":
            if _filled(head, SPOOL_BYTES + 1, body):
                raise TooLarge
            return io.BytesIO(head)
        at += max(int.from_bytes(head[at + 8 : at + 16], "big") if size == 1 else size, 8)
    return _Joined(bytes(head), body)


def _filled(head: bytearray, n_bytes: int, body: Readable) -> bool:
    """Read on until ``n_bytes`` are there; False when the body is shorter."""
    while len(head) < n_bytes:
        part = body.read(min(n_bytes - len(head), 65_536))
        if not part:
            return False
        head += part
    return True
