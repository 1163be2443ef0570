"""What waits for whoever is signed in, counted beside the places at the top: of all they may see, and nothing else."""

import uuid
from datetime import datetime

from sqlalchemy import Connection, ScalarSelect, exists, literal, or_, select

from bot.cases import alerts, disclosures, lists
from bot.cases.may import Staff, may
from storage import tables

ALERTS, CASES, DISCLOSURES, EXCLUSIONS = tables.alerts, tables.cases, tables.disclosures, tables.exclusions


def counts(conn: Connection, staff: Staff, now: datetime) -> dict[str, int]:
    """Unread mentions, open alerts, identities asked for: each up to one more than `lists.COUNTED`, if it is theirs."""
    theirs = {"mentions": lists.count(staff, "mentions", now)} if may(staff, "list") else {}
    if may(staff, "alerts"):
        theirs |= {"alerts": _alerts(staff), "requests": _requests(staff)}
    if not theirs:
        return {}
    row = conn.execute(select(*(number.label(name) for name, number in theirs.items()))).one()
    return {str(name): int(number) for name, number in row._mapping.items()}  # noqa: SLF001 - its public name


def _alerts(staff: Staff) -> ScalarSelect[int]:
    """As `on_call.open_alerts` lists them: of no person in any of whose cases they are named, of no deed of theirs."""
    of_its_person = or_(
        CASES.c.id == ALERTS.c.case_id, CASES.c.id == ALERTS.c.held_case_id, CASES.c.contact_id == ALERTS.c.contact_id
    )
    among = EXCLUSIONS.join(CASES, CASES.c.id == EXCLUSIONS.c.case_id)
    kept = exists(select(literal(1)).select_from(among).where(lists.named(staff), of_its_person).correlate(ALERTS))
    own = alerts.is_deed_of(uuid.UUID(staff.id))
    return lists.capped(select(ALERTS.c.id).where(ALERTS.c.closed_at.is_(None), ~kept, ~own))


def _requests(staff: Staff) -> ScalarSelect[int]:
    """As `disclosures.waiting` lists them."""
    return lists.capped(
        select(DISCLOSURES.c.id)
        .join_from(DISCLOSURES, CASES, CASES.c.id == DISCLOSURES.c.case_id)
        .where(disclosures.waits_for(staff))
    )
