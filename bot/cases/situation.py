"""What else is known of a person: what they agreed to share in their conversation, for ordinary cases with a name.

Nothing that says who they are, nothing of what they told in confidence, and nothing at all beside anonymous and
restricted cases: there only what was filed counts.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, select

from bot import contacts
from bot.cases.desk import Desk
from bot.dialogue.rules import has_consented
from storage import tables

CONTACTS = tables.contacts

FACTS = ("situation", "country", "return_kind", "region", "cercle", "sector", "trade", "age", "schooling", "applies")
"""What is shown, in this order, if a flow remembered it."""

CHECKLIST = "lacking"
"""The papers that the person said are missing; remembered by the flow of papers."""

UNASKED = "unasked"  # the list was begun, and nothing asked yet

TOLD_BY_ADDRESS = ("whatsapp",)
"""Channels whose address is a telephone number: others know people by signs that tell staff nothing."""


def known(desk: Desk, row: Row[Any]) -> Mapping[str, object]:
    """Facts by name, and the checklist; empty when there is nothing to tell."""
    contact = _contact(desk, row)
    if contact is None or row.restricted or not has_consented(contact.conversation.facts):
        return {}
    facts = contact.conversation.facts
    found = {name: facts[name] for name in FACTS if facts.get(name)}
    papers = facts.get(CHECKLIST)
    return {**found, CHECKLIST: papers} if papers and papers != UNASKED else found


def number(desk: Desk, row: Row[Any]) -> str:
    """The telephone number by which the channel knows the person, for those who may know it; else ""."""
    contact = _contact(desk, row)
    if contact is None or contact.channel not in TOLD_BY_ADDRESS or not desk.may("identity", row):
        return ""
    return contact.open_address()


def _contact(desk: Desk, row: Row[Any]) -> contacts.Contact | None:
    if row.anonymous or row.contact_id is None:
        return None
    found = desk.conn.execute(select(CONTACTS).where(CONTACTS.c.id == row.contact_id)).first()
    return contacts.of_row(desk.keyring, found) if found else None
