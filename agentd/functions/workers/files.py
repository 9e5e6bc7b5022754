"""Which files of the operator's folder are handlers, and whether this process may trust them.

A file is read once, here; workers run these bytes, also when the file has changed since. A handler runs with the
daemon's rights, so a file that somebody else could write is not loaded.
"""

import grp
import hashlib
import os
import pwd
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agentd.functions.registry import LoadProblem

NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,47}\Z")
"""Names of handler files (without ``.py``) and of functions."""

MAX_BYTES: Final = 1_048_576


@dataclass(frozen=True, slots=True)
class HandlerFile:
    """One handler file as it was read.

    Attributes:
        sha256: of ``source``, in hexadecimal.
    """

    path: Path
    source: bytes
    sha256: str

    @property
    def name(self) -> str:
        """The file's name without ``.py``; also the name of its configuration table and of its store."""
        return self.path.stem


def scan(directory: Path) -> tuple[list[HandlerFile], list[LoadProblem]]:
    """Read every handler file of ``directory``, in order of name. Blocking: files are small, but run it in a thread.

    Files that start with ``_`` or ``.`` are left alone, so that handlers can share code.
    """
    directory = directory.absolute()
    try:
        distrusted = _distrust(directory.stat())
        names = sorted(path for path in directory.iterdir() if path.suffix == ".py" and path.name[0] not in "_.")
    except OSError as error:
        return [], [LoadProblem(str(directory), None, f"the folder of handlers cannot be read: {error.strerror}")]
    if distrusted:
        return [], [LoadProblem(str(directory), None, f"no handler is loaded from this folder: {distrusted}")]
    files: list[HandlerFile] = []
    problems: list[LoadProblem] = []
    for path in names:
        read = _read(path)
        if isinstance(read, HandlerFile):
            files.append(read)
        else:
            problems.append(LoadProblem(str(path), None, read))
    return files, problems


def _read(path: Path) -> HandlerFile | str:
    """The file, or why it is not loaded. Judged by its descriptor, so that nothing can be swapped in between."""
    if not NAME.match(path.stem):
        fit = usable_name(path.stem)
        return f"rename it{f' {fit}.py' if fit else ''}: small letters, digits and _, at most 48; with _ first it is left out"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return "is not a regular file"
        if status.st_size > MAX_BYTES:
            return f"is larger than {MAX_BYTES} bytes"
        distrusted = _distrust(status)
        if distrusted:
            return distrusted
        # A regular file gives all there is, up to the size asked for.
        source = os.read(descriptor, MAX_BYTES)
    finally:
        os.close(descriptor)
    return HandlerFile(path=path, source=source, sha256=hashlib.sha256(source).hexdigest())


def usable_name(name: str) -> str | None:
    """What a file or function of this name may be called; None when nothing is left of it."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    fit = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_0123456789")[:48].rstrip("_")
    return fit if NAME.match(fit) else None


def _distrust(status: os.stat_result) -> str | None:
    """Why the owner or mode of a file or folder cannot be trusted; None if it can."""
    if status.st_uid not in {os.geteuid(), 0}:
        return f"its owner (user {status.st_uid}) is neither the daemon's user ({os.geteuid()}) nor root; chown it"
    if status.st_mode & stat.S_IWOTH:
        return "anyone may write it; chmod o-w it"
    if status.st_mode & stat.S_IWGRP and not _private_group(status.st_uid, status.st_gid):
        return f"group {status.st_gid} may write it; chmod g-w it"
    return None


def _private_group(uid: int, gid: int) -> bool:
    """Whether the group holds nobody but the owner, as Debian makes one for each user."""
    try:
        owner, group = pwd.getpwuid(uid), grp.getgrgid(gid)
    except KeyError:
        return False
    return owner.pw_gid == gid and group.gr_name == owner.pw_name and set(group.gr_mem) <= {owner.pw_name}
