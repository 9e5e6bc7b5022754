"""A run as one file: a zip written as it is sent, so that its size does not matter."""

import asyncio
import hashlib
import time
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

MANIFEST: Final = "manifest.json"


@dataclass(frozen=True, slots=True)
class Member:
    """One file of the bundle.

    Attributes:
        chunks: its content, piece by piece.
        packed: False for what does not get smaller, such as audio.
    """

    name: str
    chunks: AsyncIterator[bytes]
    packed: bool = True


class _Pipe:
    """Takes what the zip writes, and gives it away."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes) -> int:
        self._data += data
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def taken(self) -> bytes:
        data, self._data = bytes(self._data), bytearray()
        return data


async def bundle(members: AsyncIterator[Member], about: dict[str, Any]) -> AsyncIterator[bytes]:
    """The bytes of a zip with ``members`` and, last, a manifest: ``about`` and each file's size and SHA-256.

    Compresses in threads and holds one piece at a time.
    """
    pipe = _Pipe()
    files: list[dict[str, Any]] = []
    archive = zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED)  # type: ignore[call-overload]  # a pipe that cannot seek is enough
    async for member in members:
        digest, size = hashlib.sha256(), 0
        with archive.open(_entry(member.name, packed=member.packed), "w", force_zip64=True) as file:
            async for chunk in member.chunks:
                size += len(chunk)
                digest.update(chunk)
                await asyncio.to_thread(file.write, chunk)
                if data := pipe.taken():
                    yield data
        files.append({"name": member.name, "bytes": size, "sha256": digest.hexdigest()})
    manifest = orjson.dumps(about | {"files": files}, option=orjson.OPT_INDENT_2)
    archive.writestr(_entry(MANIFEST, packed=True), manifest + b"\n")
    archive.close()
    yield pipe.taken()


def _entry(name: str, *, packed: bool) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=time.gmtime()[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    entry.external_attr = 0o600 << 16
    return entry
