"""What a merged case still does: its receipt tells how the main case stands, and what the person writes is not lost.

The answers given in the main case are shown, and new words go there, only if both are known to be of the same person
(the same contact): a number of one person must never open what was written to another.
"""

from typing import Any

from sqlalchemy import Connection, Row, select

from storage import tables

CASES = tables.cases


def main_of(conn: Connection, row: Row[Any], *, locked: bool = False) -> Row[Any]:
    """The case in which a merged one goes on; itself, when it is not merged."""
    seen = {row.id}
    while row.merged_into and row.merged_into not in seen:
        query = select(CASES).where(CASES.c.id == row.merged_into)
        main = conn.execute(query.with_for_update() if locked else query).first()
        if main is None:  # it expired
            break
        seen.add(main.id)
        row = main
    return row


def of_one_person(row: Row[Any], main: Row[Any]) -> bool:
    """Whether what is said in one may be known to whoever is in the other.

    What became restricted after it was merged into is not told in a chat that others may read.
    """
    return row.contact_id is not None and row.contact_id == main.contact_id and row.restricted == main.restricted


def goes_on_in(conn: Connection, row: Row[Any]) -> Row[Any]:
    """The case that the person's words join, locked."""
    main = main_of(conn, row, locked=True)
    return main if of_one_person(row, main) else row
