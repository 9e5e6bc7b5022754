"""The daemon's end of the decoder processes: one for each compressed recording, started when its first bytes are here.

A recording needs a tenth of a second until its process runs; while none is decoded there is none.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Final

import orjson
import structlog

from agentd.audio.codec_wire import FOUND, HEADER, MESSAGE_BYTES, SAMPLES
from agentd.audio.containers import Container
from agentd.audio.layout import Layout
from agentd.errors import AgentdError, InvalidAudio, MalformedRequest, TooManyRequests, Unavailable
from agentd.supervise import Nursery

_log = structlog.get_logger("agentd.audio")

_ENVIRONMENT: Final = {"MALLOC_ARENA_MAX": "2", "LC_ALL": "C.UTF-8"}
"""All that a decoder process sees: nothing of the daemon's, where a key may stand."""
_READ_BYTES: Final = 64 * 1024

Pieces = AsyncGenerator[bytes, None]


class Codecs:
    """Runs decoder processes, at most so many at once.

    Args:
        most: asked at each start.
    """

    def __init__(self, most: Callable[[], int]) -> None:
        self._most = most
        self._running = 0
        self._nursery = Nursery()

    async def close(self) -> None:
        """End what runs."""
        await self._nursery.close()

    @contextlib.asynccontextmanager
    async def decoding(self, container: Container, pieces: Pieces) -> "AsyncGenerator[Decoding, None]":
        """A process that decodes ``pieces``; it is gone when the block is left.

        Raises:
            TooManyRequests: as many recordings as may be are being decoded.
            Unavailable: no process can be started.
        """
        if self._running >= self._most():
            raise TooManyRequests(
                f"{self._running} compressed recordings are being decoded (limits.audio_decoders); "
                "try again, or send WAV, which needs no decoder.",
                retry_after_s=5,
                extra={"limit": "audio_decoders"},
            )
        self._running += 1
        try:
            process = await _start(container)
            decoding = Decoding(container, process)
            pouring = self._nursery.start(decoding.pour(pieces), name=f"audio:{container.name}")
            try:
                yield decoding
            finally:
                pouring.cancel()
                await asyncio.wait({pouring})
                await decoding.end()
        finally:
            self._running -= 1


class Decoding:
    """One recording in its process.

    Attributes:
        layout: how the samples lie, once ``samples`` has given the first.
        codec: what was inside.
        duration_s: what the recording says of its own length; None where it does not.
        damaged: packets that could not be decoded and were passed over; known at the end.
    """

    def __init__(self, container: Container, process: asyncio.subprocess.Process) -> None:
        self.layout: Layout | None = None
        self.codec = ""
        self.duration_s: float | None = None
        self.damaged = 0
        self._container = container
        self._process = process
        self._failure: Exception | None = None

    async def pour(self, pieces: Pieces) -> None:
        """Give the process its input, as fast as it takes it."""
        stdin = self._process.stdin
        if stdin is None:
            raise AssertionError("the process has a pipe")
        async with aclosing(pieces):
            try:
                async for piece in pieces:
                    if not await _written(stdin, piece):
                        return
            except (AgentdError, OSError) as failure:  # of the upload; whoever reads the samples tells the caller
                self._failure = failure
                self._process.kill()
            finally:
                stdin.close()

    async def samples(self) -> AsyncGenerator[bytes, None]:
        """The samples, interleaved signed 16 bit; not whole frames at a time.

        Raises:
            MalformedRequest, InvalidAudio: the recording cannot be decoded, or holds what is not taken.
            Exception: what ended the upload.
        """
        while True:
            kind, body = await self._message()
            if kind == SAMPLES and self.layout is not None:
                yield body
                continue
            document: dict[str, Any] = orjson.loads(body)
            if kind == FOUND:
                self._found(document)
            elif "error" in document:
                raise self._refusal(document["error"], document["detail"])
            else:
                self.damaged = document["damaged"]
                return

    async def end(self) -> None:
        """Kill the process and wait until nothing of it is left."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        while self._process.stdout is not None and await self._process.stdout.read(_READ_BYTES):
            pass  # its end is noticed only once its pipe is empty
        await self._process.wait()

    def _found(self, document: dict[str, Any]) -> None:
        self.codec = document["codec"].removesuffix("float")
        self.duration_s = document["duration_s"]
        layout = Layout("signed", 2, document["sample_rate"], document["channels"])
        faults = layout.faults()
        if faults:
            raise InvalidAudio(f"The {self._container.name} recording has " + " and ".join(faults) + ".")
        self.layout = layout

    async def _message(self) -> tuple[bytes, bytes]:
        stdout = self._process.stdout
        if stdout is None:
            raise AssertionError("the process has a pipe")
        try:
            kind, size = HEADER.unpack(await stdout.readexactly(HEADER.size))
            if size > MESSAGE_BYTES:
                raise AssertionError("the decoder process keeps to its messages")
            return kind, await stdout.readexactly(size)
        except asyncio.IncompleteReadError:
            if self._failure is not None:
                raise self._failure from None
            status = await self._process.wait()
            _log.warning("decoder_crashed", container=self._container.name, codec=self.codec, status=status)
            raise self._refusal("malformed", "the decoder gave it up") from None

    def _refusal(self, code: str, reason: str) -> AgentdError:
        name = self._container.name
        if code == "invalid":
            return InvalidAudio(f"The {name} recording cannot be used: {reason}.")
        return MalformedRequest(f"The {name} recording cannot be decoded: {reason}.")


async def _start(container: Container) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-u", "-m", "agentd.audio.codec_worker", container.name,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_READ_BYTES,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise Unavailable(f"No decoder process can be started: {error.strerror}.", retry_after_s=5) from error


async def _written(stdin: asyncio.StreamWriter, piece: bytes) -> bool:
    """False when the process takes no more: it is done with the recording, or gone."""
    try:
        stdin.write(piece)
        await stdin.drain()
    except OSError:
        return False
    return True
