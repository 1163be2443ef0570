"""Who somebody is, in a restricted case: asked for with a reason, granted or refused by a second person.

In an emergency it is known at once; whoever else is on call is told by an alert, and it waits in the list of others
until one of them says that they have seen it. Reasons are sealed; the audit log has who and when.
"""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, exists, insert, literal, or_, select, update

from bot.cases import alerts, knowing, lists, paging
from bot.cases.desk import CASES, Desk, NoSuchCase, NotPossible
from bot.cases.may import Staff
from bot.cases.thread import staff_names
from bot.contacts import padded
from storage import tables, uuid7

DISCLOSURES = tables.disclosures

LONGEST = 1000  # letters of a reason
MOST = 100  # requests in one list

REASON = "disclosure"  # the label of its seal

NO_IDENTITY = "Ce dossier est sans nom : personne ne sait qui est la personne."
NOT_RESTRICTED = "Ce dossier n'est pas restreint : ce qu'on sait de la personne est dans les échanges."
WHY = "Écrivez pourquoi vous devez savoir qui est la personne."
TOO_LONG = "C'est trop long."
KNOWN = "Vous connaissez déjà l'identité."
ASKED = "Vous l'avez déjà demandé. Une autre personne doit répondre."
DECIDED = "Quelqu'un a déjà répondu."
NOT_YOURS = "Une autre personne que vous doit le faire."


@dataclass(frozen=True, slots=True)
class Request:
    """One request for an identity. `state`: "waiting", "granted", "refused", "withdrawn", "over", or "unseen" (an
    emergency that no second person has seen yet). `until`: when a leave ends.
    """

    id: str
    asked_by: str
    mine: bool
    asked_at: datetime
    reason: str = field(repr=False)
    state: str
    emergency: bool
    decided_by: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request in the list of all cases: its reason is read on the page of the case."""

    reference: str
    asked_by: str
    asked_at: datetime
    emergency: bool


# ---------------------------------------------------------------- deeds


def ask(desk: Desk, reference: str, reason: str) -> None:
    """Ask to know the identity. Raises `NoSuchCase`, `NotPossible`."""
    row = _found(desk, reference, "ask_identity")
    _store(desk, row, _reason(reason))
    desk.log("ask identity", row)


def override(desk: Desk, reference: str, reason: str) -> bool:
    """Know it at once, because somebody is in danger. Whoever else is on call is told, never they themselves.

    Whether there is anybody else who may know of it. Raises `NoSuchCase`, `NotPossible`.
    """
    row = _found(desk, reference, "ask_identity", waiting=True)
    reason = _reason(reason)
    # what they asked before is settled by this
    mine = (DISCLOSURES.c.case_id == row.id) & (DISCLOSURES.c.asked_by == desk.staff_id)
    settled = {"granted": False, "decided_by": desk.staff_id, "decided_at": desk.now}
    desk.conn.execute(update(DISCLOSURES).where(mine, DISCLOSURES.c.granted.is_(None)).values(settled))
    _store(desk, row, reason, granted=True, decided_at=desk.now, emergency=True)
    alert = alerts.for_override(desk, row)
    desk.log("identity override", row)
    return bool(paging.not_excluded(desk.conn, paging.protection(desk.conn, desk.keyring, ()), alert))


def withdraw(desk: Desk, reference: str) -> None:
    """Take back one's own request: then one may decide on those of others again."""
    row = desk.find(reference, "ask_identity")
    mine = (DISCLOSURES.c.case_id == row.id) & (DISCLOSURES.c.asked_by == desk.staff_id)
    waits = mine & DISCLOSURES.c.granted.is_(None)
    values = {"granted": False, "decided_by": desk.staff_id, "decided_at": desk.now}
    if not desk.conn.execute(update(DISCLOSURES).where(waits).values(values)).rowcount:
        raise NotPossible(DECIDED)
    desk.log("withdraw identity request", row)


def decide(desk: Desk, reference: str, request: str, *, granted: bool) -> None:
    """Grant or refuse somebody else's request. Raises `NoSuchCase`, `NotPossible`."""
    row, one = _of(desk, reference, request)
    if one.granted is not None:
        raise NotPossible(DECIDED)
    _change(desk, one, granted=granted, decided_by=desk.staff_id, decided_at=desk.now)
    desk.log("grant identity" if granted else "refuse identity", row, _who(one))


def end(desk: Desk, reference: str, request: str) -> None:
    """End a leave before its time, an emergency's as well; a second person may always."""
    row, one = _of(desk, reference, request)
    if not one.granted:
        raise NotPossible(DECIDED)
    _change(desk, one, granted=False, decided_by=desk.staff_id, decided_at=desk.now)
    if one.emergency:
        alerts.override_seen(desk.conn, one.asked_at, desk.now)
    desk.log("end identity", row, _who(one))


def seen(desk: Desk, reference: str, request: str) -> None:
    """A second person has seen that somebody took the identity in an emergency."""
    row, one = _of(desk, reference, request)
    if not (one.emergency and one.granted and one.decided_by is None):
        raise NotPossible(DECIDED)
    _change(desk, one, decided_by=desk.staff_id)
    alerts.override_seen(desk.conn, one.asked_at, desk.now)
    desk.log("identity override seen", row, _who(one))


# ---------------------------------------------------------------- reading


def of_case(desk: Desk, row: Row[Any]) -> list[Request]:
    """The requests of a restricted case, newest first; none where they are not for this member of staff."""
    if not (desk.may("ask_identity", row) or desk.may("disclose", row)):
        return []
    query = select(DISCLOSURES).where(DISCLOSURES.c.case_id == row.id)
    rows = desk.conn.execute(query.order_by(DISCLOSURES.c.asked_at.desc(), DISCLOSURES.c.id.desc())).all()
    names = staff_names(desk.conn, {one for row in rows for one in (row.asked_by, row.decided_by)})
    key = desk.key(row)
    return [
        Request(
            one.id.hex,
            names.get(one.asked_by, ""),
            one.asked_by == desk.staff_id,
            one.asked_at,
            str(msgspec.json.decode(key.open(one.reason, REASON, one.id.bytes))),
            _state(one, desk.now),
            one.emergency,
            names.get(one.decided_by, ""),
            knowing.until(one),
        )
        for one in rows
    ]


def waits_for(staff: Staff) -> ColumnElement[bool]:
    """Requests, joined with their cases, that this member of staff may decide on or should see.

    Those of others, where they do not wait for an answer themselves.
    """
    me, own = uuid.UUID(staff.id), DISCLOSURES.alias()
    unseen = DISCLOSURES.c.emergency & DISCLOSURES.c.granted.is_(True) & DISCLOSURES.c.decided_by.is_(None)
    asking = exists(
        select(literal(1))
        .where(own.c.case_id == CASES.c.id, own.c.asked_by == me, own.c.granted.is_(None))
        .correlate(CASES)
    )
    open_ones = or_(DISCLOSURES.c.granted.is_(None), unseen) & (DISCLOSURES.c.asked_by != me)
    return open_ones & CASES.c.restricted & lists.visible(staff) & ~asking


def waiting(desk: Desk) -> list[Waiting]:
    """What others ask or took in an emergency, and this member of staff may decide on or should see: oldest first."""
    query = (
        select(CASES, DISCLOSURES.c.asked_by, DISCLOSURES.c.asked_at, DISCLOSURES.c.emergency)
        .join_from(DISCLOSURES, CASES, CASES.c.id == DISCLOSURES.c.case_id)
        .where(waits_for(desk.staff))
        .order_by(DISCLOSURES.c.emergency.desc(), DISCLOSURES.c.asked_at)
        .limit(MOST)
    )
    rows = [row for row in desk.conn.execute(query).all() if desk.may("disclose", row)]
    names = staff_names(desk.conn, {row.asked_by for row in rows})
    desk.log("identity requests", None)
    return [Waiting(row.reference, names.get(row.asked_by, ""), row.asked_at, row.emergency) for row in rows]


# ---------------------------------------------------------------- the parts


def _found(desk: Desk, reference: str, deed: str, *, waiting: bool = False) -> Row[Any]:
    """The case, if its identity can be asked for. `waiting`: also while an earlier request waits."""
    row = desk.find(reference, deed)
    if not row.restricted:
        raise NotPossible(NOT_RESTRICTED)
    if row.anonymous:
        raise NotPossible(NO_IDENTITY)
    found = desk.seen(row)
    if found.disclosed:
        raise NotPossible(KNOWN)
    if found.asked_by_them and not waiting:
        raise NotPossible(ASKED)
    return row


def _of(desk: Desk, reference: str, request: str) -> tuple[Row[Any], Row[Any]]:
    """A request of somebody else, and its case."""
    row = desk.find(reference, "disclose")
    try:
        wanted = uuid.UUID(request)
    except ValueError:
        raise NoSuchCase(NoSuchCase.__doc__) from None
    mine = (DISCLOSURES.c.id == wanted) & (DISCLOSURES.c.case_id == row.id)
    one = desk.conn.execute(select(DISCLOSURES).where(mine).with_for_update()).first()
    if one is None:
        raise NoSuchCase(NoSuchCase.__doc__)
    if one.asked_by == desk.staff_id:
        raise NotPossible(NOT_YOURS)
    return row, one


def _reason(reason: str) -> str:
    reason = reason.strip()
    if not reason:
        raise NotPossible(WHY)
    if len(reason) > LONGEST:
        raise NotPossible(TOO_LONG)
    return reason


def _store(desk: Desk, row: Row[Any], reason: str, **values: Any) -> None:
    if desk.staff_id is None:
        raise NotPossible("Dites d'abord qui vous êtes.")
    request_id = uuid7()
    sealed = desk.key(row).seal(padded(msgspec.json.encode(reason)), REASON, request_id.bytes)
    asked = {"id": request_id, "case_id": row.id, "asked_by": desk.staff_id, "asked_at": desk.now, "reason": sealed}
    desk.conn.execute(insert(DISCLOSURES), {**asked, **values})


def _change(desk: Desk, one: Row[Any], **values: Any) -> None:
    desk.conn.execute(update(DISCLOSURES).where(DISCLOSURES.c.id == one.id).values(values))


def _who(one: Row[Any]) -> str:
    """Who asked, for the audit log: an id, which outlives a change of name."""
    asked_by: uuid.UUID = one.asked_by
    return f"staff {asked_by.hex}"


def _state(one: Row[Any], now: datetime) -> str:
    if one.granted is None:
        return "waiting"
    if not one.granted:
        return "withdrawn" if one.decided_by == one.asked_by else "refused"
    if one.emergency and one.decided_by is None:
        return "unseen"
    end = knowing.until(one)
    return "granted" if end is not None and now < end else "over"
