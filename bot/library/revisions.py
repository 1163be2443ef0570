"""Revisions: what editors published, kept in the database, so that every worker serves the same."""

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import Connection, func, insert, select, text

from bot.library.files import checksum
from storage.tables import revision_files, revisions

CONSOLE = "console: "
"""How the author of a revision made at the console begins; the name of the member of staff follows."""

_NEWEST = select(func.max(revisions.c.number))  # built once: every round asks


def publish(conn: Connection, files: Mapping[str, bytes], author: str, note: str, *, at: datetime | None = None) -> int:
    """Make these files (path → bytes) the newest revision and return its number, from 1.

    The same files as the newest revision's make no new one. `at` is the moment, now when left out.
    """
    if conn.dialect.name == "postgresql":  # two who publish at once take turns; readers are not held up
        conn.execute(text("LOCK TABLE revisions IN SHARE ROW EXCLUSIVE MODE"))
    sum_now, number = checksum(files), newest(conn)
    sum_before = conn.scalar(select(revisions.c.checksum).where(revisions.c.number == number))
    if sum_now == sum_before:
        return number
    number += 1
    conn.execute(
        insert(revisions).values(number=number, at=at or datetime.now(UTC), author=author, note=note, checksum=sum_now)
    )
    if files:
        conn.execute(
            insert(revision_files),
            [{"number": number, "path": path, "content": content} for path, content in sorted(files.items())],
        )
    return number


def newest(conn: Connection) -> int:
    """The number of the newest revision, 0 before the first; one look at an index."""
    return conn.scalar(_NEWEST) or 0


def changed_at_the_console(conn: Connection) -> dict[str, bytes]:
    """The files that were changed at the console since somebody published folders: path → what is in force."""
    by_folder = ~revisions.c.author.startswith(CONSOLE)
    number, published = newest(conn), conn.scalar(select(func.max(revisions.c.number)).where(by_folder)) or 0
    if number == published:
        return {}
    before = load(conn, published)
    return {path: content for path, content in load(conn, number).items() if before.get(path) != content}


def load(conn: Connection, number: int) -> dict[str, bytes]:
    """The files of a revision, by path; none for a revision that is not there."""
    rows = conn.execute(
        select(revision_files.c.path, revision_files.c.content)
        .where(revision_files.c.number == number)
        .order_by(revision_files.c.path)
    )
    return {path: bytes(content) for path, content in rows}
