"""The anchor: a file outside the database that keeps the head of the audit log after every deed.

Whoever can write the whole database can write a whole new chain, or cut off its end. They can't make it agree with
heads that were kept elsewhere: the file may lie on another disk, or be collected from another machine.
"""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from storage.audit import Grown, Head

log = logging.getLogger(__name__)

_LONGEST = 256  # bytes of a line, amply


class BadAnchor(ValueError):
    """A line of the anchor file can't be read; it was edited, or it is another file."""


class Anchor:
    """One line for each day, `2026-11-21 18:04:33Z NUMBER:HASH`: the head after the day's last deed.

    A head that does not go on from the one kept, because the log was cut off and grew again, gets a line of its own:
    the earlier head stays as the proof. Several processes may share a file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def keep(self, grown: Grown, at: datetime | None = None) -> None:
        """Write down what was committed, and wait for the disk.

        A file that can't be written is no reason to undo a deed that is stored: it is logged as an error.
        """
        moment = (at or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M:%SZ")
        line = f"{moment} {grown.head.number}:{grown.head.hash.hex()}\n".encode()
        try:
            with self._locked() as file:
                begins, last = _last_line(file)
                kept = _read(last) if last else None
                if kept and kept.number > grown.head.number:
                    return  # somebody who committed later was here before
                if kept and not _goes_on(kept, grown):
                    log.error("rows of the audit log were cut off: segin audit verify names them")
                elif last[:10] == line[:10]:
                    file.truncate(begins)
                file.seek(0, os.SEEK_END)
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except (OSError, BadAnchor) as error:
            log.error("the head of the audit log could not be kept: %s", type(error).__name__)  # noqa: TRY400 - no path

    def heads(self) -> list[Head]:
        """All heads kept, oldest first; none when there is no file. Raises `BadAnchor`, `OSError`."""
        if not self.path.exists():
            return []
        return [_read(line) for line in self.path.read_bytes().splitlines() if line.strip()]

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # let go of when the file is closed
            yield file


def _goes_on(kept: Head, grown: Grown) -> bool:
    """Whether a log that had `kept` can have grown so. Rows are written one transaction after the other: what was
    kept lies before all rows of this one, or was its very end, kept by somebody who read it meanwhile.
    """
    if kept.number == grown.head.number:
        return kept == grown.head
    before = grown.before
    return before is not None and (kept == before if kept.number == before.number else kept.number < before.number)


def _last_line(file: BinaryIO) -> tuple[int, bytes]:
    """Where the last line begins, and the line."""
    size = file.seek(0, os.SEEK_END)
    begins = max(0, size - _LONGEST)
    file.seek(begins)
    tail = file.read().rstrip(b"\n")
    cut = tail.rfind(b"\n") + 1
    return begins + cut, tail[cut:]


def _read(line: bytes) -> Head:
    try:
        _, _, head = line.decode("ascii").split(" ")
        number, digest = head.split(":")
        return Head(int(number), bytes.fromhex(digest))
    except ValueError:
        raise BadAnchor(BadAnchor.__doc__) from None
