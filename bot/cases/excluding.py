"""Keeping a case from somebody by hand, letting them know of it again, and stepping aside oneself.

Whoever is excluded meets a case that is not there, from their next request on. Somebody must always be left who can
read it.
"""

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select

from bot.cases import assigning, exclusions
from bot.cases.desk import Desk, NoSuchCase, NotPossible
from bot.cases.may import Seen, Staff, may
from bot.cases.thread import staff_names
from bot.dialogue.letters import fold
from storage import tables

EXCLUSIONS = tables.exclusions

LONGEST = 1000  # letters of a reason

STAFF, OFFICE = "staff:", "office:"  # how a form names whom it means

WHY = "Écrivez pourquoi."
TOO_LONG = "C'est trop long."
WHO = "Choisissez une personne ou un bureau."
ALREADY = "Cette personne ne voit déjà plus ce dossier."
NOBODY_LEFT = (
    "Plus personne ne pourrait lire ce dossier. Demandez d'abord à l'administrateur d'habiliter une autre personne."
)
STEP_ASIDE = "Pour vous retirer vous-même, touchez « Me récuser »."


@dataclass(frozen=True, slots=True)
class Excluded:
    """Somebody from whom a case is kept: a member of staff or, with `is_office`, everybody of an office."""

    id: str
    name: str
    is_office: bool


def exclude(desk: Desk, reference: str, who: str, reason: str, version: int | None = None) -> None:
    """Keep the case from somebody. `who`: "staff:<id>" or "office:<name>". Raises `NoSuchCase`, `NotPossible`."""
    row = desk.find(reference, "exclude", version)
    staff_id, office, name = _meant(desk, who)
    if staff_id == desk.staff_id or exclusions.same_office(office, desk.staff.office):
        raise NotPossible(STEP_ASIDE)
    _keep_from(desk, row, staff_id, office)
    _note(desk, row, "excluded", name, reason)
    _touch(desk, row, staff_id, office)
    desk.log("exclude", row, "office" if office else "staff")


def include(desk: Desk, reference: str, exclusion: str, reason: str, version: int | None = None) -> None:
    """Let somebody know of it again. Raises `NoSuchCase`, `NotPossible`."""
    row = desk.find(reference, "exclude", version)
    names = {one.id: one.name for one in excluded(desk, row)}
    if exclusion not in names or not exclusions.include(desk.conn, row.id, uuid.UUID(exclusion)):
        raise NoSuchCase(NoSuchCase.__doc__)
    _note(desk, row, "included", names[exclusion], reason)
    desk.change(row, last_step_at=desk.moment(row))
    desk.log("include", row)


def recuse(desk: Desk, reference: str, reason: str, version: int | None = None) -> None:
    """Step aside: the case is kept from oneself. Others see that, and why. Raises `NoSuchCase`, `NotPossible`."""
    row = desk.find(reference, "see", version)
    if desk.staff_id is None:
        raise NotPossible("Dites d'abord qui vous êtes.")
    _keep_from(desk, row, desk.staff_id, "")
    _note(desk, row, "recused", desk.staff.name, reason)
    _touch(desk, row, desk.staff_id, "")
    desk.log("recuse", row)


# ---------------------------------------------------------------- reading


def excluded(desk: Desk, row: Row[Any]) -> list[Excluded]:
    """From whom the case is kept, by name."""
    rows = desk.conn.execute(select(EXCLUSIONS).where(EXCLUSIONS.c.case_id == row.id)).all()
    names = staff_names(desk.conn, (one.staff_id for one in rows))
    found = [Excluded(one.id.hex, one.office or names.get(one.staff_id, ""), one.office is not None) for one in rows]
    return sorted(found, key=lambda one: (one.name.casefold(), one.id))


def choices(desk: Desk, row: Row[Any]) -> list[tuple[str, str, bool]]:
    """Whom it may be kept from: (as `exclude` wants it, name, whether it is an office). Not oneself."""
    there = assigning.colleagues(desk.conn)
    gone = {(one.name, one.is_office) for one in excluded(desk, row)}
    people = [(f"{STAFF}{one.id}", one.name, False) for one in there if one.id != desk.staff.id]
    own = fold(desk.staff.office)
    offices = sorted({one.office for one in there if fold(one.office) not in ("", own)})
    found = [*people, *((f"{OFFICE}{office}", office, True) for office in offices)]
    return [one for one in found if (one[1], one[2]) not in gone]


# ---------------------------------------------------------------- the parts


def _meant(desk: Desk, who: str) -> tuple[uuid.UUID | None, str, str]:
    """(id, office, name)."""
    there = assigning.colleagues(desk.conn)
    if who.startswith(OFFICE) and who.removeprefix(OFFICE) in {one.office for one in there if one.office}:
        office = who.removeprefix(OFFICE)
        return None, office, office
    for one in there:
        if who == f"{STAFF}{one.id}":
            return uuid.UUID(one.id), "", one.name
    raise NotPossible(WHO)


def _keep_from(desk: Desk, row: Row[Any], staff_id: uuid.UUID | None, office: str) -> None:
    if not any(_reads(desk, row, one, staff_id, office) for one in assigning.colleagues(desk.conn)):
        raise NotPossible(NOBODY_LEFT)
    if not exclusions.exclude(desk.conn, row.id, staff_id=staff_id, office=office):
        raise NotPossible(ALREADY)


def _reads(desk: Desk, row: Row[Any], one: Staff, staff_id: uuid.UUID | None, office: str) -> bool:
    """Whether somebody could still read the case once it is kept from these."""
    own = uuid.UUID(one.id)
    if own == staff_id or exclusions.same_office(one.office, office):
        return False
    staff, offices = exclusions.kept_out(desk.conn, row.id)
    return may(one, "see", Seen(row.restricted, row.region, own in staff or fold(one.office) in offices))


def _touch(desk: Desk, row: Row[Any], staff_id: uuid.UUID | None, office: str) -> None:
    """Nothing of theirs stays with the case."""
    gone = [staff_id] if staff_id else exclusions.members(desk.conn, office)
    exclusions.let_go(desk.conn, row.id, gone)
    desk.change(row, last_step_at=desk.moment(row))


def _note(desk: Desk, row: Row[Any], event: str, name: str, reason: str) -> None:
    """Into the sealed thread: who, and why."""
    reason = reason.strip()
    if not reason:
        raise NotPossible(WHY)
    if len(reason) > LONGEST:
        raise NotPossible(TOO_LONG)
    desk.note_event(row, event, reason=f"{name} : {reason}")
