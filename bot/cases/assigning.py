"""Whose case it is: taking one, letting go of it, giving it to somebody else; one by one or many together."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from bot.cases.desk import Changed, Desk, NoSuchCase, NotPossible
from bot.cases.may import OF_A_CASE, Staff
from bot.staff.who import of_row
from storage import tables

STAFF = tables.staff
MOST_AT_ONCE = 500  # cases

SOMEBODY_ELSES = "Quelqu'un d'autre suit déjà ce dossier."


class NotTheirs(NotPossible):
    """Cette personne ne peut pas voir ce dossier ; il ne peut pas lui être attribué."""


class NobodyThere(NotPossible):
    """Choisissez quelqu'un d'autre : cette personne ne suit pas de dossiers."""


def colleagues(conn: Connection) -> list[Staff]:
    """Those who work on cases and are here, by name."""
    rows = conn.execute(select(STAFF).where(STAFF.c.disabled_at.is_(None)).order_by(STAFF.c.name_key))
    return [one for one in map(of_row, rows) if one.role in OF_A_CASE["see"].ordinary]


def names(conn: Connection) -> dict[uuid.UUID, str]:
    """The names of all staff, those who left as well: cases may still be theirs."""
    return {row.id: row.name for row in conn.execute(select(STAFF.c.id, STAFF.c.name))}


def take(desk: Desk, reference: str, version: int | None = None) -> None:
    """Assign the case to oneself. Raises `NoSuchCase`, `Changed`, `NotPossible`: somebody else has it."""
    row = desk.find(reference, "take", version)
    if row.assignee_id == desk.staff_id:
        return
    if row.assignee_id is not None and not desk.may("assign", row):
        raise NotPossible(SOMEBODY_ELSES)
    desk.change(row, assignee_id=desk.staff_id)
    desk.log("take", row)


def let_go(desk: Desk, reference: str, version: int | None = None) -> None:
    """The case is nobody's again. Raises `NoSuchCase`, `Changed`, `NotPossible`: it is somebody else's."""
    row = desk.find(reference, "take", version)
    if row.assignee_id is None:
        return
    if row.assignee_id != desk.staff_id and not desk.may("assign", row):
        raise NotPossible(SOMEBODY_ELSES)
    desk.change(row, assignee_id=None)
    desk.log("let go", row)


def assign(desk: Desk, reference: str, to: str, version: int | None = None) -> None:
    """Give the case to somebody, by their id; "": to nobody.

    Raises `NoSuchCase`, `Changed`, `NotTheirs` where they may not see it, `NobodyThere`.
    """
    row = desk.find(reference, "assign", version)
    somebody = colleague(desk.conn, to)
    if somebody is not None and not Desk(desk.conn, desk.keyring, somebody, desk.now).may("see", row):
        raise NotTheirs(NotTheirs.__doc__)
    assignee = uuid.UUID(somebody.id) if somebody else None
    if row.assignee_id == assignee:
        return
    desk.change(row, assignee_id=assignee)
    desk.log("assign", row, f"to {somebody.name}" if somebody else "to nobody")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of cases that were to be assigned together, by reference."""

    to: str  # a name; "" for nobody
    done: list[str] = field(default_factory=list)
    not_theirs: list[str] = field(default_factory=list)  # the colleague may not see them
    changed: list[str] = field(default_factory=list)  # somebody else changed them meanwhile
    missing: list[str] = field(default_factory=list)  # gone, or not for whoever asked

    @property
    def whole(self) -> bool:
        """Whether all were assigned."""
        return not (self.not_theirs or self.changed or self.missing)


def assign_many(desk: Desk, cases: Iterable[tuple[str, int | None]], to: str) -> Outcome:
    """Assign several, each decided by itself: those that can't be stay, and are named. `cases`: with versions.

    Raises `NobodyThere`.
    """
    somebody = colleague(desk.conn, to)
    outcome = Outcome(somebody.name if somebody else "")
    for reference, version in sorted(dict(cases).items())[:MOST_AT_ONCE]:  # one order of locks for all
        try:
            assign(desk, reference, to, version)
        except NoSuchCase:
            outcome.missing.append(reference)
        except NotTheirs:
            outcome.not_theirs.append(reference)
        except Changed:
            outcome.changed.append(reference)
        else:
            outcome.done.append(reference)
    return outcome


def colleague(conn: Connection, staff_id: str) -> Staff | None:
    """Somebody who works on cases here; None for "". Raises `NobodyThere`."""
    if not staff_id:
        return None
    try:
        wanted = uuid.UUID(staff_id)
    except ValueError:
        raise NobodyThere(NobodyThere.__doc__) from None
    row = conn.execute(select(STAFF).where(STAFF.c.id == wanted, STAFF.c.disabled_at.is_(None))).first()
    if row is None or row.role not in OF_A_CASE["see"].ordinary:
        raise NobodyThere(NobodyThere.__doc__)
    return of_row(row)
