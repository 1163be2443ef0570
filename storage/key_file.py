"""The file of a key ring: read as one state, replaced in one step that survives a power cut.

Nothing here knows what a key is. Whatever fails raises OSError, and the file is as it was.
"""

import os
from pathlib import Path

Stamp = tuple[int, int, int]
"""Tells one state of a file from another: inode, time of change in nanoseconds, size in bytes."""


def read(path: Path) -> tuple[str, Stamp]:
    """A file's text, and which state of the file that was."""
    with path.open("rb") as file:
        stamp = stamp_of(os.fstat(file.fileno()))
        return file.read().decode("ascii", errors="replace"), stamp


def stamp_of(status: os.stat_result) -> Stamp:
    """Which state of a file this is."""
    return status.st_ino, status.st_mtime_ns, status.st_size


def create(path: Path, text: str) -> None:
    """Make a file that only its owner can read; never overwrites (FileExistsError)."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(path, text)
    _sync_folder(path.parent)


def replace(path: Path, text: str) -> None:
    """Put `text` in the place of a file; a link to it, its owner, group and mode stay."""
    clear(path)
    target = path.resolve()
    beside = _beside(path)
    _write(beside, text, like=target.stat())
    try:
        beside.replace(target)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def clear(path: Path) -> None:
    """Remove what a `replace` that was killed left: keys that no one is to find there."""
    if path.exists():  # else it may be the last copy there is
        _beside(path).unlink(missing_ok=True)


def append(path: Path, lines: list[str], like: Path) -> None:
    """Add the lines that are not in a file yet; it is made if there is none, and `like`'s owner alone can read it."""
    owner = like.stat()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "r+", encoding="ascii") as file:
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
        os.fchmod(descriptor, 0o600)
        had = file.read()
        cut = "\n" if had and not had.endswith("\n") else ""  # by a power cut: its line is written anew
        file.write(cut + "".join(f"{line}\n" for line in lines if line not in had.splitlines()))
        file.flush()
        os.fsync(descriptor)
    _sync_folder(path.parent)


def _beside(path: Path) -> Path:
    target = path.resolve()
    return target.with_name(f"{target.name}.new")


def _write(path: Path, text: str, like: os.stat_result | None = None) -> None:
    """Write a new file, of mode 0600 or as another one is, and wait until it is on the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            if like is not None:  # else a worker of another account could not read it any more
                os.fchown(descriptor, like.st_uid, like.st_gid)
                os.fchmod(descriptor, like.st_mode & 0o7777)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
    except OSError:
        path.unlink(missing_ok=True)  # half a key file would only be taken for a damaged one
        raise


def _sync_folder(folder: Path) -> None:
    """Wait until a new name in `folder` is on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
