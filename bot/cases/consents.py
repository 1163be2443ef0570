"""What a person agreed to: the very words, what may be told to which service, and how they said so.

A referral begins as a question to the person; only their yes makes it one. `TABLE` has its ways; the way of its case
is in `statuses`.
"""

import uuid
from collections.abc import Mapping
from dataclasses import field
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from bot.contacts import padded
from storage import DataKey, tables

REFERRALS = tables.referrals

STATUSES = ("proposed", "declined", "consented", "sent", "accepted", "rejected", "done", "revoked")

# deed, from, to. `agree`, `decline` and `revoke` are the person's, the others are of staff.
TABLE: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("agree", ("proposed",), "consented"),
    ("decline", ("proposed",), "declined"),
    ("send", ("consented",), "sent"),
    ("accept", ("sent",), "accepted"),
    ("reject", ("sent", "accepted"), "rejected"),
    ("finish", ("sent", "accepted"), "done"),
    ("revoke", ("proposed", "consented", "sent", "accepted", "rejected", "done"), "revoked"),
)
_NEXT = {(deed, source): to for deed, sources, to in TABLE for source in sources}

AGREED = ("consented", "sent", "accepted", "rejected", "done")
"""With these the person's yes holds."""

OPEN = ("proposed", "consented", "sent", "accepted")

FIELDS = ("name", "phone", "region", "summary", "story")
"""What may be told to a service; each is agreed to by itself."""

IDENTITY = ("name", "phone")
"""Those that tell who somebody is."""

HOW = ("chat", "oral", "paper")

TERMS, ANSWER = "terms", "referral_answer"  # labels of seals


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked, and how it was answered. `told`: field → the very words a service would get.

    `words` are as they were shown or read aloud, in `language`; `revision` that of the library they are from. `asked`
    is "chat" or "aloud"; `how` one of `HOW` once the person said yes or no.
    """

    service: str  # its name, as it was shown
    told: Mapping[str, str] = field(default_factory=dict)
    words: str = ""
    language: str = ""
    revision: int = 0
    asked: str = "chat"
    how: str = ""

    def __repr__(self) -> str:  # what it holds stands in no error and no log
        return "Terms()"


_terms = msgspec.json.Decoder(Terms).decode


def after(status: str, deed: str) -> str:
    """The status once `deed` is done; "" where the table has no such way."""
    return _NEXT.get((deed, status), "")


def can(status: str, deed: str) -> bool:
    return (deed, status) in _NEXT


def seal(key: DataKey, terms: Terms, referral_id: uuid.UUID) -> bytes:
    return key.seal(padded(msgspec.json.encode(terms)), TERMS, referral_id.bytes)


def terms_of(key: DataKey, row: Row[Any]) -> Terms:
    """The terms of a referral's row, opened."""
    return _terms(key.open(row.terms, TERMS, row.id.bytes))


def case_of(conn: Connection, referral: str) -> str:
    """The id of the case that a referral is of; "" for a tap somebody made up."""
    try:
        referral_id = uuid.UUID(referral)
    except ValueError:
        return ""
    found = conn.scalar(select(REFERRALS.c.case_id).where(REFERRALS.c.id == referral_id))
    return found.hex if found else ""


def waiting(conn: Connection, key: DataKey, case_id: uuid.UUID) -> tuple[tuple[str, str], ...]:
    """The questions that wait for the person in their chat: (id of the referral, words)."""
    asked = select(REFERRALS).where(REFERRALS.c.case_id == case_id, REFERRALS.c.status == "proposed")
    rows = conn.execute(asked.order_by(REFERRALS.c.created_at)).all()
    opened = ((row.id.hex, terms_of(key, row)) for row in rows)
    return tuple((referral, terms.words) for referral, terms in opened if terms.asked == "chat")


def sayable(conn: Connection, key: DataKey, referral: str) -> tuple[str, ...]:
    """What the person may say of it now: "yes", "no", "revoke"."""
    row = conn.execute(select(REFERRALS).where(REFERRALS.c.id == uuid.UUID(referral))).first()
    if row is None:
        return ()
    if row.status == "proposed":
        return ("yes", "no") if terms_of(key, row).asked == "chat" else ()
    return ("revoke",) if can(row.status, "revoke") else ()
