"""Cases that belong together: linked, or one merged into another.

Linked cases only point at each other. A merged one is closed, points at the main one, and stays as it is: its messages,
its receipt (`bot.cases.merged` says what that one shows).

Whoever may not see one of two cases does not learn of it from the other.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, or_, select

from bot.cases import exclusions, filing, numbers, statuses
from bot.cases.desk import CASES, Desk, NoSuchCase, NotPossible
from bot.dialogue.flow import Library
from storage import tables

LINKS, EXCLUSIONS = tables.case_links, tables.exclusions


@dataclass(frozen=True, slots=True)
class Other:
    """A case that belongs to another. `how`: "linked", "into" (this one goes on there), "from" (it does here)."""

    reference: str
    category: str
    status: str
    opened_at: datetime
    anonymous: bool
    how: str


def link(desk: Desk, reference: str, other: str) -> None:
    """Let two cases point at each other. Raises `NoSuchCase`, `NotPossible`."""
    row, found = _both(desk, reference, other)
    if not desk.conn.execute(select(LINKS.c.case_id).where(_pair(row, found))).first():
        first, second = sorted((row.id, found.id))
        desk.conn.execute(insert(LINKS), {"case_id": first, "other_id": second})
    for one in (row, found):
        desk.log("link", one)


def merge(desk: Desk, reference: str, other: str, version: int | None = None) -> None:
    """Close this case and go on in the other. Raises `NoSuchCase`, `NotPossible`, `Changed`."""
    row, main = _both(desk, reference, other, version)
    if row.merged_into or main.merged_into:
        raise NotPossible("Un de ces dossiers est déjà réuni avec un autre.")
    if row.restricted != main.restricted:
        raise NotPossible("Un dossier restreint ne se réunit pas avec un ordinaire : d'autres personnes les lisent.")
    if row.anonymous != main.anonymous:
        raise NotPossible("Un dossier sans nom ne se réunit pas avec un autre : on saurait qui a écrit sans nom.")
    status = statuses.after(row.status, "close") if statuses.can(row.status, "close") else row.status
    at = desk.moment(row)
    desk.change(row, status=status, outcome="merged", closed_at=at, last_step_at=at, merged_into=main.id)
    for kept in desk.conn.execute(select(EXCLUSIONS).where(EXCLUSIONS.c.case_id == row.id)).all():
        # whom the one names must not read on in the other
        exclusions.exclude(desk.conn, main.id, staff_id=kept.staff_id, office=kept.office or "")
    # without the other's reference: not everybody who reads the one may know of the other
    desk.note_event(row, "merged")
    desk.note_event(main, "joined")
    for one in (row, main):
        desk.log("merge", one)


def part(desk: Desk, reference: str, other: str, library: Library) -> None:
    """Take a link away; a merged case goes its own way again. Raises `NoSuchCase`, `NotPossible`."""
    row, found = _both(desk, reference, other)
    desk.conn.execute(delete(LINKS).where(_pair(row, found)))
    for one, main in ((row, found), (found, row)):
        if one.merged_into == main.id:
            again = statuses.after(one.status, "reopen") if statuses.can(one.status, "reopen") else one.status
            values = filing.reopening(one, library, desk.now)
            desk.change(one, status=again, last_step_at=desk.moment(one), **values)
            desk.note_event(one, "parted")
    for one in (row, found):
        desk.log("part", one)


def of_case(desk: Desk, row: Row[Any]) -> list[Other]:
    """What belongs to a case, as far as this member of staff may see it."""
    pairs = select(LINKS).where(or_(LINKS.c.case_id == row.id, LINKS.c.other_id == row.id))
    linked = {one.other_id if one.case_id == row.id else one.case_id for one in desk.conn.execute(pairs)}
    ids = {*linked, *([row.merged_into] if row.merged_into else [])}
    wanted = or_(CASES.c.id.in_(ids), CASES.c.merged_into == row.id)
    others = desk.conn.execute(select(CASES).where(wanted).order_by(CASES.c.opened_at)).all()
    return [
        Other(one.reference, one.category, one.status, one.opened_at, one.anonymous, _how(row, one))
        for one in others
        if desk.may("see", one)
    ]


def earlier(desk: Desk, row: Row[Any]) -> list[Other]:
    """Other cases of the same contact that this member of staff may see.

    Beside a restricted case another one may tell who it is: that needs the right to know.
    """
    if row.contact_id is None:
        return []
    theirs = select(CASES).where(CASES.c.contact_id == row.contact_id, CASES.c.id != row.id)
    rows = desk.conn.execute(theirs.order_by(CASES.c.opened_at.desc()).limit(20)).all()
    known = [one for one in rows if desk.may("see", one) and all(desk.may("identity", both) for both in (row, one))]
    return [Other(one.reference, one.category, one.status, one.opened_at, one.anonymous, "") for one in known]


# ---------------------------------------------------------------- the parts


def _both(desk: Desk, reference: str, other: str, version: int | None = None) -> tuple[Row[Any], Row[Any]]:
    """Both cases, locked in one order for all. Raises `NoSuchCase`, `NotPossible`, `Changed`."""
    mine, theirs = numbers.read_reference(reference), numbers.read_reference(other)
    if mine == theirs:
        raise NotPossible("C'est le même dossier.")
    found = {}
    for one in sorted((mine, theirs)):
        try:
            found[one] = desk.find(one, "merge", version if one == mine else None)
        except NoSuchCase:
            if one == mine:
                raise
            raise NotPossible("Vous ne voyez aucun dossier à cette référence.") from None
    return found[mine], found[theirs]


def _pair(row: Row[Any], found: Row[Any]) -> Any:
    first, second = sorted((row.id, found.id))
    return (LINKS.c.case_id == first) & (LINKS.c.other_id == second)


def _how(row: Row[Any], other: Row[Any]) -> str:
    if row.merged_into == other.id:
        return "into"
    return "from" if other.merged_into == row.id else "linked"
