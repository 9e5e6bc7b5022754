"""The audit's file: lines go to its end and nowhere else. Everything here blocks and belongs to one thread.

What a crash or a full disk left of a line that nobody waited for is kept beside the file, and the chain goes on behind the
last whole line. Where lines are missing that were there before, it goes on behind the last one that is remembered, so that
whoever reads it sees the hole.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from agentd.functions.audit import chain
from agentd.functions.audit.chain import Head

FILE: Final = "audit.jsonl"
OLDER: Final = "audit.jsonl.1"
"""What the file is called after its time, until the next one's."""
_TAIL_BYTES: Final = 65_536


class AuditFile:
    """One file of the chain, open for appending.

    Args:
        state_dir: the file lies in it.

    Attributes:
        path: where the lines go.
        head: the last line written.
        synced: the last line that a loss of power does not touch.
        began: time of the first line of the file, RFC 3339; None while it has none.
    """

    def __init__(self, state_dir: Path, *, wall: Callable[[], float] = time.time) -> None:
        self.path = state_dir / FILE
        self.head = self.synced = Head()
        self.began: str | None = None
        self._older = state_dir / OLDER
        self._wall = wall
        self._fd: int | None = None
        self._size = self._synced_size = 0

    @property
    def is_open(self) -> bool:
        """Whether lines can be appended."""
        return self._fd is not None

    @property
    def size_bytes(self) -> int:
        """As written."""
        return self._size

    def open(self, known: Head) -> dict[str, Any]:
        """Open it and find the end of the chain.

        Args:
            known: a line that was on the disk before, as far as anybody remembers.

        Returns:
            What the next line has to say of it: ``torn`` (bytes behind the last whole line, and where they are kept), ``missing``
            (numbers of lines), ``changed`` (the number of a line that is another one now); ``first`` (the number of the oldest
            line that is kept) when the file is new and follows another one.

        Raises:
            OSError: the disk does not allow it.
        """
        self.close()
        is_new = not self.path.exists()
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.fchmod(fd, 0o600)
            if is_new:
                _sync_folder(self.path.parent)
            found: dict[str, Any] = {}
            size, (end, head) = os.fstat(fd).st_size, _last_line(fd)
            if end < size:
                found["torn"] = {"bytes": size - end, "kept": self._keep(fd, end, size)}
                os.ftruncate(fd, end)
                os.fdatasync(fd)
            first, oldest = _first_line(self.path), _first_line(self._older)
            if end == 0 and oldest is not None:
                head = _last_line_of(self._older)
                found["first"] = chain.beginning(oldest)
        except OSError:
            os.close(fd)
            raise
        if known.seq > head.seq:
            found["missing"] = [head.seq + 1, known.seq]
            head = known
        elif known.seq == head.seq and known.sha256 != head.sha256:
            found["changed"] = head.seq
            head = known
        self.head = self.synced = head
        self._fd, self._size, self._synced_size = fd, end, end
        self.began = None if first is None else str(first.get("time", "")) or None
        return found

    def meddled(self) -> dict[str, Any]:
        """What somebody else did to the file since the last look, for the next line: ``replaced``, or ``foreign`` bytes.

        Raises:
            OSError: the disk does not allow to look.
        """
        here = os.fstat(self._opened())
        try:
            there = os.stat(self.path)  # noqa: PTH116 - beside fstat, before every write
        except FileNotFoundError:
            return {"replaced": True}
        if (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino):
            return {"replaced": True}
        return {"foreign": here.st_size - self._size} if here.st_size != self._size else {}

    def append(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Write lines; after an error call ``roll_back``.

        Raises:
            OSError: the disk does not take them.
        """
        head, lines = self.head, []
        for entry in entries:
            line, head = chain.append(head, entry)
            lines.append(line)
            self.began = self.began or str(entry.get("time", "")) or None
        left = memoryview(b"".join(lines))
        while left:
            written = os.write(self._opened(), left)
            self._size += written
            left = left[written:]
        self.head = head

    def sync(self) -> None:
        """Return once what was written survives a loss of power; after an error call ``roll_back``.

        Raises:
            OSError: the disk does not take it.
        """
        os.fdatasync(self._opened())
        self.synced, self._synced_size = self.head, self._size

    def roll_back(self) -> None:
        """After an error: what is not known to be on the disk is written again later, so it must not stay now."""
        if self._fd is not None:
            with contextlib.suppress(OSError):  # then some lines stand there twice, each whole
                os.ftruncate(self._fd, self._synced_size)
        self.head = self.synced
        self.close()

    def turn_over(self) -> dict[str, Any]:
        """Begin a new file; this one becomes the older one, and what was the older one is gone.

        Returns:
            What the next line has to say, as ``open``.

        Raises:
            OSError: the disk does not allow it.
        """
        if self._size == 0:  # it was begun already, when the disk failed
            return {}
        self.sync()
        self.path.replace(self._older)
        _sync_folder(self.path.parent)
        return self.open(self.head)

    def close(self) -> None:
        """Close the file; what was written stays."""
        if self._fd is not None:
            descriptor, self._fd = self._fd, None
            os.close(descriptor)

    def _opened(self) -> int:
        if self._fd is None:
            raise AssertionError("the file is open while lines are written")
        return self._fd

    def _keep(self, fd: int, start: int, end: int) -> str:
        """Copy a part of the file to one beside it; its name."""
        kept = self.path.with_name(f"{FILE}.torn-{int(self._wall())}-{start}")
        descriptor = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as copy:
                while start < end and (part := os.pread(fd, min(_TAIL_BYTES, end - start), start)):
                    copy.write(part)
                    start += len(part)
                copy.flush()
                os.fsync(descriptor)
        except OSError:
            kept.unlink()  # it is tried again, as long as the disk is full
            raise
        return kept.name


def _last_line(fd: int) -> tuple[int, Head]:
    """Where the last whole line ends, and what it is; 0 and the beginning of all when there is none."""
    size = os.fstat(fd).st_size
    back = _TAIL_BYTES
    while size:
        start = max(0, size - back)
        tail = os.pread(fd, size - start, start)
        lines = tail.splitlines(keepends=True)
        if start > 0:
            lines = lines[1:]  # it may have begun before
        end = size
        for line in reversed(lines):
            told = chain.read(line)
            if told is not None:
                return end, Head(told["seq"], chain.digest(line))
            end -= len(line)
        if start == 0:
            break
        back *= 4
    return 0, Head()


def _last_line_of(path: Path) -> Head:
    with path.open("rb") as file:
        return _last_line(file.fileno())[1]


def _first_line(path: Path) -> dict[str, Any] | None:
    try:
        with path.open("rb") as file:
            return chain.read(file.readline(_TAIL_BYTES))
    except OSError:
        return None


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
