"""What a person says to "may we tell a service?": in their chat, or to words that somebody read aloud to them.

Whoever erases everything takes their yes back, too: nobody could ask them, and they could not say no any more.
"""

import uuid
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select, update

from bot.cases import consents, filing, statuses
from bot.dialogue.model import Consent
from storage import DataKey, tables

CASES, REFERRALS = tables.cases, tables.referrals

SAID = {"yes": "agree", "no": "decline", "revoke": "revoke"}
"""What is said → the deed of `consents.TABLE`."""

EVENTS = {"agree": "consent_given", "decline": "consent_refused", "revoke": "consent_revoked"}
"""The deed → what the thread notes of it."""


def heard(cases: filing.Filing, effect: Consent) -> bool:
    """What the person said in their chat takes effect, once. False where it is no question any more."""
    conn = cases.conn
    row = filing.find(conn, cases.keyring, cases.contact, case=consents.case_of(conn, effect.referral))
    if row is None:
        return False
    one = conn.execute(select(REFERRALS).where(REFERRALS.c.id == uuid.UUID(effect.referral)).with_for_update()).one()
    key = DataKey(cases.keyring.unwrap(row.data_key))
    if effect.said not in consents.sayable(conn, key, effect.referral):
        return False
    deed, at = SAID[effect.said], cases.now
    if deed == "revoke":
        write(conn, one, status="revoked", remind_at=at if one.sent_at else None)
    else:
        say(conn, key, one, deed, "chat", at)
    said = {"event": EVENTS[deed], "reason": consents.terms_of(key, one).service}
    filing.Thread(conn, row.id, key, at, anonymous=row.anonymous).say("system", said)
    values: dict[str, Any] = {"last_step_at": at, "heard_at": at, "version": CASES.c.version + 1}
    if statuses.can(row.status, "hear") and row.status == "waiting":
        values["status"] = statuses.after(row.status, "hear")
    conn.execute(update(CASES).where(CASES.c.id == row.id).values(values))
    return True


ERASED = "erased"
"""The event in the thread of a case whose person erased everything: it goes on without them."""


def erased(cases: filing.Filing) -> None:
    """The person erases everything: the threads of their cases say so, and open consents of ordinary ones are revoked.

    Called before the contact's row goes, which is locked. A service that was told already is to be told of the end
    (`remind_at`). In a restricted case the consents stay as they are: taking protection away from somebody is a
    decision of those who read the thread. Nothing keeps the hour: it would join the case and the bare row that stays
    for the good-bye.
    """
    conn, at = cases.conn, filing.cut_to_day(cases.now)
    theirs = select(CASES).where(CASES.c.contact_id == cases.contact.id).order_by(CASES.c.id)
    for row in conn.execute(theirs.with_for_update()).all():
        key = DataKey(cases.keyring.unwrap(row.data_key))
        thread = filing.Thread(conn, row.id, key, at, anonymous=True)
        thread.say("system", {"event": ERASED})
        for service in [] if row.restricted else _revoke_all(conn, key, row.id, at):
            thread.say("system", {"event": EVENTS["revoke"], "reason": service})
        # whoever looks at it is told that it changed
        conn.execute(update(CASES).where(CASES.c.id == row.id).values(version=CASES.c.version + 1))


def _revoke_all(conn: Connection, key: DataKey, case_id: uuid.UUID, at: datetime) -> list[str]:
    """The names of the services of a case that waited for a yes, or had one and were not through."""
    still = (REFERRALS.c.case_id == case_id) & REFERRALS.c.status.in_(consents.OPEN)
    services = []
    for one in conn.execute(select(REFERRALS).where(still).order_by(REFERRALS.c.created_at).with_for_update()).all():
        write(conn, one, status=consents.after(one.status, "revoke"), remind_at=at if one.sent_at else None)
        services.append(consents.terms_of(key, one).service)
    return services


def say(conn: Connection, key: DataKey, one: Row[Any], deed: str, how: str, at: datetime) -> bool:
    """Keep a yes or a no with the words it was said to. False when nobody is asked any more."""
    status = consents.after(one.status, deed)
    if not status:
        return False
    terms = msgspec.structs.replace(consents.terms_of(key, one), how=how)
    consented_at = at if deed == "agree" else None
    write(conn, one, status=status, consented_at=consented_at, terms=consents.seal(key, terms, one.id))
    return True


def write(conn: Connection, one: Row[Any], **values: Any) -> None:
    """Change the row of a referral; its case is locked."""
    changed = {**values, "version": REFERRALS.c.version + 1}
    conn.execute(update(REFERRALS).where(REFERRALS.c.id == one.id).values(changed))
