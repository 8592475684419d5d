"""Files that are whole or absent, and folders with one writer."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zwicky.core.errors import LockError


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary name beside ``path``; rename it to ``path`` when the block ends well.

    A reader sees the old file or the new one, never half of one; after an error (a full disk) neither the
    temporary file nor a damaged ``path`` is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: object, *, indent: int | None = 2) -> None:
    """Write JSON with sorted keys, whole or not at all; NaN is refused. Without indent lists stay on one line."""
    write_text(path, json.dumps(content, indent=indent, sort_keys=True, allow_nan=False) + "\n")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold a folder against other writers; the kernel lets go when the process ends, however it ends.

    Raises
    ------
    LockError
        If another process holds it; its host and process number are named.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / ".writer").open("a+", encoding="utf-8")
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise LockError(
                "Another process is writing to this folder.",
                where=str(folder),
                expected="one writer at a time",
                got=lock.read().strip() or "an unnamed owner",
                fix="wait for it, or choose another --out",
            ) from error
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {socket.gethostname()}")
        lock.flush()
        yield
    finally:
        # Closing is not enough: a forked worker that still runs shares the lock, and would keep it.
        fcntl.flock(lock, fcntl.LOCK_UN)
        lock.close()
