"""The tables: one model for SQLite and PostgreSQL.

Times are UTC (`Moment`). Columns described as sealed hold what `DataKey.seal` returned under the row's data
key. Indexes are there for the questions that are asked all the time, and partial where most rows do not
matter, so that a turn touches few of them.
"""

import secrets

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    text,
)

from storage.columns import Id, Moment, Place

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _index_where(table_name: str, column: str, condition: str) -> Index:
    """An index of the rows that matter alone."""
    where = text(condition)
    return Index(f"ix_{table_name}_{column}", column, postgresql_where=where, sqlite_where=where)


# ---------------------------------------------------------------- people and what passes between us

# One person on one channel. Deleting the row erases them: the data key goes, and what was sealed with it.
contacts = Table(
    "contacts",
    metadata,
    Column("id", Id(), primary_key=True),
    Column("channel", String, nullable=False),
    Column("address_index", LargeBinary, nullable=False),  # KeyRing.index("address", channel, address)
    Column("address", LargeBinary, nullable=False),  # sealed
    Column("data_key", LargeBinary, nullable=False),  # wrapped
    Column("conversation", LargeBinary, nullable=False),  # sealed
    Column("last_seq", Integer, nullable=False, default=0),  # of the outbox row written last
    Column("consented_at", Moment),
    Column("draft_until", Moment),  # before consent: when what was said is dropped
    Column("heard_at", Moment, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("blocked_at", Moment),  # the person blocked us, or we them
    Column("window_until", Moment),  # free words may be sent until then; none: the channel knows no such end
    UniqueConstraint("channel", "address_index"),
    _index_where("contacts", "draft_until", "draft_until IS NOT NULL"),
)

# What was heard, so that a repeat is no second turn. No foreign key: it outlives an erase, or else the
# provider's next redelivery would bring the person back.
heard = Table(
    "heard",
    metadata,
    Column("address_index", LargeBinary, primary_key=True),
    Column("message_index", LargeBinary, primary_key=True),  # KeyRing.index("message", id)
    Column("at", Moment, nullable=False),
    Column("expires_at", Moment),  # none: kept while the contact is
    Column("failed", LargeBinary),  # sealed: the raw message of a turn that raised
    Column("failure", String),  # exception class and place in the code, no content
    _index_where("heard", "expires_at", "expires_at IS NOT NULL"),
    _index_where("heard", "at", "failed IS NOT NULL"),
    sqlite_with_rowid=False,
)

# What waits to be said, in order for each contact.
outbox = Table(
    "outbox",
    metadata,
    Column("id", Id(), primary_key=True),
    Column("contact_id", Id(), ForeignKey("contacts.id", ondelete="CASCADE"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("body", LargeBinary, nullable=False),  # sealed: a Message, or a Say
    Column("is_say", Boolean, nullable=False, default=False),  # a Say not yet worded: said in the future
    Column("cancel", String),  # the name by which CallOff finds it
    Column("attempts", Integer, nullable=False, default=0),
    Column("gave_up_at", Moment),
    Column("expires_at", Moment),  # said or not, it goes then: a receipt must not stay with the person's row
    Column("part", Integer, nullable=False, default=0, server_default="0"),  # parts of it that were sent
    Column("sent_at", Moment),  # sent, and kept until the provider tells that it took it: it may come back
    Column("case_message_id", Id()),  # what staff wrote: the desk sees what became of it
    UniqueConstraint("contact_id", "seq"),
    Index("ix_outbox_due_at", "due_at"),
    _index_where("outbox", "expires_at", "expires_at IS NOT NULL"),
    _index_where("outbox", "sent_at", "sent_at IS NOT NULL"),
)

# One lane per contact of a channel that is pushed to: who sends now, and until when.
lanes = Table(
    "lanes",
    metadata,
    Column("contact_id", Id(), ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True),
    Column("owner", String),  # the worker that holds the lease
    Column("fence", Integer, nullable=False, default=0),  # grows with each lease; a late worker is told by it
    Column("until", Moment),  # when the lease runs out (database clock)
    Column("not_before", Moment, nullable=False),  # the earliest next send
    Column("closed_at", Moment),  # blocked by the person
    Column("knocked_at", Moment),  # told by template that a message waits
    _index_where("lanes", "not_before", "closed_at IS NULL"),
)

# What became of messages that were sent, for providers that tell later. Kept for some days.
deliveries = Table(
    "deliveries",
    metadata,
    Column("message_index", LargeBinary, primary_key=True),  # KeyRing.index("delivery", channel, provider's id)
    Column("contact_id", Id(), ForeignKey("contacts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("outbox_id", Id(), nullable=False),  # the row may be gone
    Column("part", Integer, nullable=False),  # of a message that went as several
    Column("case_message_id", Id(), index=True),
    Column("status", String, nullable=False),  # sent, delivered, read, failed
    Column("at", Moment, nullable=False, index=True),
    sqlite_with_rowid=False,
)

# A channel whose provider is away or refuses us: all its lanes wait. The row goes with the next send that succeeds.
pauses = Table(
    "pauses",
    metadata,
    Column("channel", String, primary_key=True),
    Column("not_before", Moment, nullable=False),
    Column("streak", Integer, nullable=False),  # pauses in a row: each is longer
    Column("why", String, nullable=False),  # words of ours, no content
)

# ---------------------------------------------------------------- cases

# An anonymous case tells neither who nor when: its id is random, its times are cut to the day, and there is
# no rowid, so that the order of rows is the order of random ids and not of filing.
cases = Table(
    "cases",
    metadata,
    Column("id", Id(), primary_key=True),
    Column("reference", String, nullable=False, unique=True),
    Column("contact_id", Id(), ForeignKey("contacts.id", ondelete="SET NULL"), index=True),
    Column("kind", String, nullable=False),
    Column("category", String, nullable=False),
    Column("status", String, nullable=False),
    Column("restricted", Boolean, nullable=False),
    Column("anonymous", Boolean, nullable=False),
    Column("region", String),
    Column("language", String),
    Column("channel", String),
    Column("opened_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("last_step_at", Moment, nullable=False),
    Column("in_chat", Boolean, nullable=False, default=True),  # staff may answer into the chat
    Column("data_key", LargeBinary, nullable=False),  # wrapped
    Column("receipt_index", LargeBinary, nullable=False, unique=True),  # KeyRing.index("receipt", digits)
    Column("outcome", String),
    CheckConstraint("NOT (anonymous AND contact_id IS NOT NULL)", name="anonymous_has_no_contact"),
    Index("ix_cases_status_due_at", "status", "due_at"),
    sqlite_with_rowid=False,
)

case_messages = Table(
    "case_messages",
    metadata,
    Column("id", Id(), primary_key=True),
    Column("case_id", Id(), ForeignKey("cases.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("author", String, nullable=False),
    Column("staff_id", Id()),
    Column("at", Moment, nullable=False),
    Column("body", LargeBinary, nullable=False),  # sealed
    UniqueConstraint("case_id", "position"),  # finds a case's messages, too
    CheckConstraint("author IN ('person', 'staff', 'system')", name="author"),
    sqlite_with_rowid=False,
)

# Voice notes, photos, documents. Without a rowid, SQLite would read whole files while it looks for one
# (measured: with 100 kB each, 4 times slower by id and 30 times by case), so there is one, but it is drawn by
# chance: the order of rows tells nothing. It belongs to a contact (a draft) or to a case, never to both:
# erasing the contact must not empty the case.
attachments = Table(
    "attachments",
    metadata,
    Column("place", Place(), primary_key=True, autoincrement=False, default=lambda: secrets.randbits(63)),
    Column("id", Id(), nullable=False, unique=True),
    Column("contact_id", Id(), ForeignKey("contacts.id", ondelete="CASCADE"), index=True),
    Column("case_id", Id(), ForeignKey("cases.id", ondelete="CASCADE"), index=True),
    Column("kind", String, nullable=False),
    Column("media_type", String, nullable=False),
    Column("size", Integer, nullable=False),  # bytes, before sealing
    Column("created_at", Moment, nullable=False),
    Column("bytes", LargeBinary, nullable=False),  # sealed; last, so that the rest is read without it
    CheckConstraint("(contact_id IS NULL) <> (case_id IS NULL)", name="one_owner"),
)

# Files that are still with their provider. The attachment has no bytes until then; without a row here and without
# bytes it could not be fetched. Deleting the attachment calls the fetch off.
fetches = Table(
    "fetches",
    metadata,
    Column("attachment_id", Id(), ForeignKey("attachments.id", ondelete="CASCADE"), primary_key=True),
    Column("channel", String, nullable=False),
    Column("ref", LargeBinary, nullable=False),  # sealed under the attachment's owner: the provider's id
    Column("tries", Integer, nullable=False, default=0),
    Column("fence", Integer, nullable=False, default=0),  # grows with each lease
    Column("until", Moment),  # when the lease runs out (database clock)
    Column("not_before", Moment, nullable=False, index=True),
)

# ---------------------------------------------------------------- what editors published

revisions = Table(
    "revisions",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("author", String, nullable=False),
    Column("note", String, nullable=False),
    Column("checksum", String, nullable=False),
)

revision_files = Table(
    "revision_files",
    metadata,
    Column("number", Integer, ForeignKey("revisions.number", ondelete="CASCADE"), primary_key=True),
    Column("path", String, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

# ---------------------------------------------------------------- keys

# One row: a mark of the key ring this database was written with. Other keys would write what these can't read.
key_mark = Table(
    "key_mark",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("mark", LargeBinary, nullable=False),  # KeyRing.index("keys")
    CheckConstraint("id = 1", name="one_row"),
)

# ---------------------------------------------------------------- staff

staff = Table(
    "staff",
    metadata,
    Column("id", Id(), primary_key=True),
    Column("name", String, nullable=False),  # as they write it
    Column("name_key", String, nullable=False, unique=True),  # name.casefold(): no two differ by case alone
    Column("role", String, nullable=False),
    Column("regions", JSON, nullable=False),  # a list of region keys; empty means all
    Column("cleared", Boolean, nullable=False, default=False),  # for restricted cases
    Column("created_at", Moment, nullable=False),
    Column("disabled_at", Moment),
)

# What staff read and changed, chained by hash (storage/audit.py). No foreign keys: it outlives its cases.
audit_log = Table(
    "audit",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("staff", String, nullable=False),
    Column("deed", String, nullable=False),
    Column("case_id", Id()),
    Column("detail", String, nullable=False),
    Column("previous", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)
