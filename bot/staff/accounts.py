"""Accounts: who works here, and what they may.

The password, the one-time codes and the ways to page somebody are sealed; names and roles are not.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, insert, select, update

from bot.cases import newcomers
from bot.cases.desk import Changed, NotPossible
from bot.cases.may import OPERATOR, ROLES, Staff
from bot.contacts import padded
from bot.staff import sessions
from bot.staff.who import of_row
from storage import DataKey, KeyRing, audit, tables

STAFF = tables.staff

WAYS = ("email", "telegram")
LONGEST_NAME = 80
_WAYS_LABEL = "staff.ways"


class Taken(NotPossible):
    """Somebody has this name."""


def add_staff(
    conn: Connection,
    name: str,
    role: str,
    *,
    cleared: bool,
    regions: tuple[str, ...],
    now: datetime,
    office: str = "",
    by: str = OPERATOR.name,
) -> Staff:
    """A new member of staff, who can do nothing before `setting_up` is over. Raises `Taken`, `NotPossible`.

    `newcomers.keep_out` has to follow, and a set-up code.
    """
    name = _name(name)
    if role not in ROLES:
        raise NotPossible("Ce rôle n'existe pas.")
    if conn.execute(select(STAFF.c.id).where(STAFF.c.name_key == name.casefold())).first():
        raise Taken("Quelqu'un porte déjà ce nom.")
    staff_id = uuid.uuid4()
    conn.execute(
        insert(STAFF),
        {
            "id": staff_id,
            "name": name,
            "name_key": name.casefold(),
            "role": role,
            "regions": list(regions),
            "cleared": cleared,
            "created_at": now,
            "office": office,
            "cleared_at": now if cleared else None,
            "cleared_by": by if cleared else None,
        },
    )
    audit.append(conn, at=now, staff=by, deed="staff add", detail=f"{name}: {role}, cleared={cleared}")
    return Staff(staff_id.hex, name, role, cleared, regions, office)


def change_staff(
    conn: Connection,
    keyring: KeyRing,
    staff_id: uuid.UUID,
    by: Staff,
    *,
    role: str,
    cleared: bool,
    regions: tuple[str, ...],
    office: str,
    version: int | None,
    now: datetime,
) -> None:
    """Change what somebody may. Nobody does this to themself. Raises `Changed`, `NotPossible`, `LookupError`.

    Clearing somebody for restricted cases has a line of its own in the audit log, and all who are cleared are told.
    Whoever is named in one of those cases won't see it.
    """
    row = _locked(conn, staff_id)
    if by.id == row.id.hex:
        raise NotPossible("Vous ne pouvez pas changer vos propres droits : un autre administrateur doit le faire.")
    if version != row.version:
        raise Changed(Changed.__doc__)
    check_rights(role, cleared=cleared)
    newly = cleared and not row.cleared
    values = {
        "role": role,
        "cleared": cleared,
        "regions": list(regions),
        "office": office,
        "version": row.version + 1,
        # kept when it is taken back: those who are cleared are told all the same
        "cleared_at": now if newly else row.cleared_at,
        "cleared_by": by.name if newly else row.cleared_by,
        "told_at": row.told_at or row.cleared_at,
    }
    conn.execute(update(STAFF).where(STAFF.c.id == staff_id).values(values))
    if newly or row.office != office:
        newcomers.keep_out(conn, keyring, staff_id, now)
    if (row.role, row.cleared) != (role, cleared):
        sessions.end_all(conn, staff_id)  # pages that are open show what they may see no more
    before = {"role": row.role, "cleared": row.cleared, "regions": list(row.regions), "office": row.office}
    changed = ", ".join(f"{key}={values[key]}" for key in before if before[key] != values[key])
    audit.append(conn, at=now, staff=by.name, deed="staff change", detail=f"{row.name}: {changed or 'nothing'}")
    if newly:
        audit.append(conn, at=now, staff=by.name, deed="staff clear", detail=row.name)


def find_staff(conn: Connection, name: str) -> Staff | None:
    """A member of staff who is not disabled."""
    row = conn.execute(select(STAFF).where(STAFF.c.name_key == name.casefold(), STAFF.c.disabled_at.is_(None))).first()
    return of_row(row) if row else None


def disable_staff(conn: Connection, name: str, now: datetime, by: str = OPERATOR.name) -> bool:
    """Nobody acts by this name any more, from this moment. False when there is nobody of that name."""
    row = conn.execute(
        select(STAFF.c.id, STAFF.c.name).where(STAFF.c.name_key == name.casefold(), STAFF.c.disabled_at.is_(None))
    ).first()
    if row is None:
        return False
    conn.execute(update(STAFF).where(STAFF.c.id == row.id).values(disabled_at=now, version=STAFF.c.version + 1))
    sessions.end_all(conn, row.id)
    audit.append(conn, at=now, staff=by, deed="staff disable", detail=row.name)
    return True


def enable_staff(conn: Connection, keyring: KeyRing, staff_id: uuid.UUID, now: datetime, by: str) -> None:
    """They may set their account up again; a set-up code has to follow. Raises `LookupError`."""
    row = _locked(conn, staff_id)
    conn.execute(update(STAFF).where(STAFF.c.id == row.id).values(disabled_at=None, version=STAFF.c.version + 1))
    newcomers.keep_out(conn, keyring, row.id, now)
    audit.append(conn, at=now, staff=by, deed="staff enable", detail=row.name)


def all_staff(conn: Connection) -> list[dict[str, Any]]:
    return [
        {
            "name": row.name,
            "role": row.role,
            "cleared": row.cleared,
            "regions": list(row.regions),
            "disabled": row.disabled_at is not None,
        }
        for row in conn.execute(select(STAFF).order_by(STAFF.c.name_key))
    ]


def check_rights(role: str, *, cleared: bool) -> None:
    """Raises `NotPossible` for rights that nobody can have."""
    if role not in ROLES:
        raise NotPossible("Ce rôle n'existe pas.")
    if cleared and role != "protection":
        raise NotPossible("Seule une personne du rôle « protection » peut être habilitée.")


# ------------------------------------------------------------ ways to page somebody


def ways_of(conn: Connection, keyring: KeyRing, staff_id: uuid.UUID) -> dict[str, str]:
    """How to page somebody who is not disabled: "email" and "telegram" (a chat id), as far as they gave them."""
    row = conn.execute(select(STAFF).where(STAFF.c.id == staff_id, STAFF.c.disabled_at.is_(None))).first()
    if row is None or row.ways is None or row.data_key is None:
        return {}
    body = DataKey(keyring.unwrap(row.data_key)).open(row.ways, _WAYS_LABEL, row.id.bytes)
    found: dict[str, str] = msgspec.json.decode(body, type=dict[str, str])
    return found


def set_ways(conn: Connection, keyring: KeyRing, staff_id: uuid.UUID, ways: Mapping[str, str]) -> None:
    """Store them, sealed under a key of their own; ways that are "" are left out. Raises `LookupError`."""
    row = with_key(conn, keyring, _locked(conn, staff_id))
    kept = {way: ways[way] for way in WAYS if ways.get(way)}
    key = DataKey(keyring.unwrap(row.data_key))
    body = key.seal(padded(msgspec.json.encode(kept)), _WAYS_LABEL, row.id.bytes) if kept else None
    conn.execute(update(STAFF).where(STAFF.c.id == staff_id).values(ways=body))


def with_key(conn: Connection, keyring: KeyRing, row: Row[Any]) -> Row[Any]:
    """The row; with a data key if it had none."""
    if row.data_key is not None:
        return row
    conn.execute(update(STAFF).where(STAFF.c.id == row.id).values(data_key=keyring.wrap(DataKey.new().raw)))
    return conn.execute(select(STAFF).where(STAFF.c.id == row.id)).one()


# ------------------------------------------------------------ the parts


def _locked(conn: Connection, staff_id: uuid.UUID) -> Row[Any]:
    row = conn.execute(select(STAFF).where(STAFF.c.id == staff_id).with_for_update()).first()
    if row is None:
        raise LookupError("nobody of that id")
    return row


def _name(given: str) -> str:
    name = " ".join(given.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise NotPossible("Il faut un nom, de 80 caractères au plus.")
    return name
