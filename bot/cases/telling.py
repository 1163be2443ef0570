"""Telling a person what became of their case, in their chat: few messages, none of which names a topic.

A contact is locked before its case: rounds lock in that order, too.
"""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from bot import contacts
from bot.cases import numbers
from bot.contacts import CONTACTS, Contact
from bot.dialogue import holding
from bot.dialogue.flow import Library
from bot.dialogue.model import Say, World
from bot.wording import word
from storage import KeyRing, tables

CASES, OUTBOX = tables.cases, tables.outbox


def contact_of(conn: Connection, keyring: KeyRing, reference: str) -> Contact | None:
    """Whose case it is, locked; call it before the case itself is locked."""
    whose = select(CASES.c.contact_id).where(CASES.c.reference == numbers.read_reference(reference))
    contact_id = conn.execute(whose).scalar()
    return contacts.locked_by_id(conn, keyring, contact_id) if contact_id else None


def reached(contact: Contact | None, row: Row[Any]) -> Contact | None:
    """The contact, if staff may write into this chat; else what is said waits for the receipt."""
    return contact if contact is not None and row.in_chat and not contact.blocked else None


def tell(
    conn: Connection, contact: Contact, say: Say, library: Library, now: datetime, message_id: uuid.UUID | None = None
) -> None:
    """Put it into the contact's lane. `message_id`: the message of the thread that it is."""
    contact.say(word(say, library, contact.conversation.language), now, case_message_id=message_id)
    conn.execute(insert(OUTBOX), contact.outgoing)
    contact.outgoing.clear()
    conn.execute(
        update(CONTACTS)
        .where(CONTACTS.c.id == contact.id)
        .values(conversation=contact.seal_conversation(), last_seq=contact.last_seq)
    )


def may_hold(contact: Contact, case_id: str, library: Library, now: datetime) -> None:
    """What is written next joins the case.

    A person in the midst of something else is not drawn out of it: they have the buttons.
    """
    talk = contact.conversation
    # what was called on top of the hold (distress) is not drawn into it: its words are not for this case
    held = talk.hold is not None and talk.hold.case == case_id and len(talk.frames) <= talk.hold.depth
    idle = not talk.frames or (talk.top.flow, talk.top.step) == ("main", "menu")
    if held or (idle and talk.hold is None):
        contact.conversation = holding.hold(library, talk, case_id, World(now))


def in_window(contact: Contact, now: datetime) -> bool:
    """Whether words go out at once: no message is worth a template that only says "you have a message"."""
    return contact.window_until is None or contact.window_until > now
