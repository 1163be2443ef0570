"""The library in force: the newest revision of the database, built once and kept until a newer one is published."""

import logging
import threading
from pathlib import Path

from sqlalchemy import Connection

from bot.dialogue.flow import Library
from bot.library import files, load, revisions
from bot.library.check import check

log = logging.getLogger(__name__)


class NoLibrary(RuntimeError):
    """Nothing was published yet, or what was published can't be read: run `segin publish`."""


class Shelf:
    """Where a turn takes the library from. With `folder`, the folders are read directly (`segin serve --watch`);
    `fixed` is the library there is, whatever was published (talks).
    """

    def __init__(self, folder: Path | None = None, fixed: Library | None = None) -> None:
        self._folder = folder
        self._fixed = fixed
        self._wrong = False  # whether the folder had mistakes when it was read last
        self._stamp: tuple[tuple[str, int], ...] = ()
        self._lock = threading.Lock()
        self._tried = -1  # the revision read last, whether it could be read or not
        self._library: Library | None = fixed

    @property
    def watches(self) -> bool:
        """Whether the folders are read directly: then no revision counts."""
        return self._folder is not None

    @property
    def library(self) -> Library:
        """The library last read. Raises `NoLibrary` before the first."""
        if self._library is None:
            raise NoLibrary(NoLibrary.__doc__)
        return self._library

    def current(self, conn: Connection) -> Library:
        """The library in force in this transaction."""
        if self._folder is not None or self._fixed is not None:
            return self.library
        number = revisions.newest(conn)
        if number != self._tried:
            with self._lock:
                if number != self._tried:
                    self._library, self._tried = self._read(conn, number), number
        return self.library

    def _read(self, conn: Connection, number: int) -> Library:
        built = load.build(revisions.load(conn, number), revision=number)
        if built.library is None:
            if self._library is not None:  # the one before still serves people; editors are told by segin check
                log.error("revision %d can't be read; the one before stays in force", number)
                return self._library
            raise NoLibrary(NoLibrary.__doc__)
        log.info("revision %d in force", number)
        return built.library

    def look_again(self) -> list[str]:
        """Read the folder anew when a file changed. Returns what is wrong with it, or that all is
        well again; the last good library stays.
        """
        if self._folder is None:
            return []
        stamp = files.stamp(self._folder)
        if stamp == self._stamp:
            return []
        self._stamp = stamp
        built = load.build(files.read_folder(self._folder), revision=0)
        if built.library is not None:
            self._library = built.library
        found = [str(issue) for issue in sorted([*check(built), *files.strays(self._folder)])]
        repaired, self._wrong = self._wrong and not found, bool(found)
        return ["tout va bien"] if repaired else found
