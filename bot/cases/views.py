"""What a person may learn of cases, their own or the one a receipt opens: the answers to what the engine needs."""

from typing import Any

from sqlalchemy import Connection, Row, select

from bot.cases import consents, filing, merged
from bot.contacts import Contact
from bot.dialogue.model import CaseView
from storage import DataKey, KeyRing, tables

CASES, MESSAGES = tables.cases, tables.case_messages


def view(conn: Connection, keyring: KeyRing, contact: Contact, what: str, about: str) -> object:
    """What the engine asked for: `cases` of this chat, the `case` of a receipt, the `answers` of a case by id,
    whether it is `restricted` or `settling`, the `consents` it asks for; what may be said to a `consent`.
    """
    match what:
        case "cases":
            # a restricted case is shown by its receipt alone: whoever shares the phone must not learn of it
            found = select(CASES).where(CASES.c.contact_id == contact.id, CASES.c.restricted.is_(False))
            rows = conn.execute(found.order_by(CASES.c.opened_at).limit(20)).all()
            return tuple(_told(conn, keyring, row) for row in rows)
        case "case":
            row = filing.by_receipt(conn, keyring, about)
            return () if row is None else (_told(conn, keyring, row),)
        case "answers":
            row = filing.own(conn, contact, about)
            return () if row is None else _told(conn, keyring, row).answers
        case "settling":
            row = filing.find(conn, keyring, contact, case=about)  # locked: what is answered is what was looked at
            return row is not None and row.status == "resolved"
        case "consents":
            row = filing.own(conn, contact, about)
            return () if row is None else consents.waiting(conn, DataKey(keyring.unwrap(row.data_key)), row.id)
        case "consent":  # about is a referral; its case is locked: what is answered is what was looked at
            row = filing.own(conn, contact, consents.case_of(conn, about), locked=True)
            return () if row is None else consents.sayable(conn, DataKey(keyring.unwrap(row.data_key)), about)
        case "restricted":
            row = filing.own(conn, contact, about)
            return row is not None and row.restricted
    raise LookupError(f"nobody knows how to look up {what!r}")


def _told(conn: Connection, keyring: KeyRing, row: Row[Any]) -> CaseView:
    """A merged case stands where its main case stands; what was answered there is told to the same person alone."""
    main = merged.main_of(conn, row)
    answers = _answers(conn, keyring, row)
    if main.id != row.id and merged.of_one_person(row, main):
        answers += _answers(conn, keyring, main)
    return CaseView(row.id.hex, row.reference, main.status, main.last_step_at, answers)


def _answers(conn: Connection, keyring: KeyRing, row: Row[Any]) -> tuple[str, ...]:
    """What staff wrote, oldest first."""
    key = DataKey(keyring.unwrap(row.data_key))
    said = conn.execute(
        select(MESSAGES.c.id, MESSAGES.c.body)
        .where(MESSAGES.c.case_id == row.id, MESSAGES.c.author == "staff")
        .order_by(MESSAGES.c.position)
    )
    return tuple(str(filing.open_body(key, message.id, message.body)["said"]) for message in said)
