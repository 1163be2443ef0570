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
    MetaData,
    String,
    Table,
    UniqueConstraint,
    false,
    text,
    true,
)

from storage.columns import Bytes, Id, Moment, Place

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _index_where(table_name: str, name: str, condition: str, *columns: str) -> Index:
    """An index of the rows that matter alone, of the column `name` or those named."""
    where = text(condition)
    return Index(f"ix_{table_name}_{name}", *(columns or (name,)), postgresql_where=where, sqlite_where=where)


# ---------------------------------------------------------------- people and what passes between us

# One person on one channel. Deleting the row erases them: the data key goes, and what was sealed with it.
contacts = Table(
    "contacts",
    metadata,
    Column("id", Id(), primary_key=True),
    Column("channel", String, nullable=False),
    Column("address_index", Bytes, nullable=False),  # KeyRing.index("address", channel, address)
    Column("address", Bytes, nullable=False),  # sealed
    Column("data_key", Bytes, nullable=False),  # wrapped
    Column("conversation", Bytes, nullable=False),  # sealed
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
    Column("address_index", Bytes, primary_key=True),
    Column("message_index", Bytes, primary_key=True),  # KeyRing.index("message", id)
    Column("at", Moment, nullable=False),  # when it came, or was said where the provider dates leavings, too
    Column("expires_at", Moment),  # none: kept while the contact is
    Column("failed", Bytes),  # sealed: the raw message of a turn that raised
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
    Column("body", Bytes, nullable=False),  # sealed: a Message, or a Say
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
    Column("knocked_at", Moment),  # told by template that a message waits, or tried to
    _index_where("lanes", "not_before", "closed_at IS NULL"),
)

# What became of messages that were sent, for providers that tell later. Kept for some days.
#
# A knock (the template that says that a message waits) has its row, too: `part` is KNOCK, `outbox_id` the message it
# was sent for, `case_message_id` what staff wrote there. Its status tells of the knock, never of the message. A knock
# that was not even taken is there as "failed", under an id of ours.
KNOCK = -1
deliveries = Table(
    "deliveries",
    metadata,
    Column("message_index", Bytes, primary_key=True),  # KeyRing.index("delivery", channel, provider's id)
    Column("contact_id", Id(), ForeignKey("contacts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("outbox_id", Id(), nullable=False),  # the row may be gone
    Column("part", Integer, nullable=False),  # of a message that went as several; or KNOCK
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
    Column("owed", Boolean, nullable=False, default=True, server_default=true()),  # an answer is, until due_at
    Column("promised_at", Moment),  # the first due_at
    Column("last_step_at", Moment, nullable=False),
    Column("in_chat", Boolean, nullable=False, default=True),  # staff may answer into the chat
    Column("data_key", Bytes, nullable=False),  # wrapped
    Column("receipt_index", Bytes, nullable=False, unique=True),  # KeyRing.index("receipt", digits)
    Column("outcome", String),
    Column("version", Integer, nullable=False, default=1, server_default="1"),  # grows with each deed of staff
    Column("assignee_id", Id()),
    Column("entry", String),  # how it came, if not by chat: hotline, suggestion_box, walk_in, relay
    Column("external_id", Bytes),  # sealed: its number in another system
    Column("legal_hold", Boolean, nullable=False, default=False, server_default=false()),  # does not expire
    Column("heard_at", Moment),  # the person's last words
    Column("first_answer_at", Moment),
    Column("answered_at", Moment),  # the last answer of staff
    Column("resolved_at", Moment),
    Column("closed_at", Moment),
    Column("settled", Boolean),  # what the person said: is it settled?
    Column("merged_into", Id()),
    CheckConstraint("NOT (anonymous AND contact_id IS NOT NULL)", name="anonymous_has_no_contact"),
    Index("ix_cases_status_due_at", "status", "due_at"),
    Index("ix_cases_status_opened_at", "status", "opened_at"),  # the closed ones, newest first
    # the lists of the desk (bot/cases/lists.py); closed cases, nearly all in the end, are in none
    _index_where("cases", "due_at", "status <> 'closed'"),
    _index_where("cases", "assignee_id_due_at", "status <> 'closed'", "assignee_id", "due_at"),
    _index_where("cases", "unanswered", "owed AND status NOT IN ('resolved', 'closed')", "due_at"),
    _index_where("cases", "heard_at", "heard_at >= coalesce(answered_at, opened_at)"),
    Index("ix_cases_opened_at", "opened_at"),
    # PostgreSQL finds the beginning of a text by this order alone
    Index("ix_cases_reference_begins", "reference", postgresql_ops={"reference": "text_pattern_ops"}),
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
    Column("body", Bytes, nullable=False),  # sealed
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
    Column("media_type", String, nullable=False),  # of a file that was given up: why, or ""
    Column("size", Integer, nullable=False),  # bytes, before sealing
    Column("created_at", Moment, nullable=False),
    Column("bytes", Bytes, nullable=False),  # sealed; last, so that the rest is read without it
    CheckConstraint("(contact_id IS NULL) <> (case_id IS NULL)", name="one_owner"),
)

# Files that are still with their provider. The attachment has no bytes until then; without a row here and without
# bytes it could not be fetched. Deleting the attachment calls the fetch off.
fetches = Table(
    "fetches",
    metadata,
    Column("attachment_id", Id(), ForeignKey("attachments.id", ondelete="CASCADE"), primary_key=True),
    Column("channel", String, nullable=False),
    Column("ref", Bytes, nullable=False),  # sealed under the attachment's owner: the provider's id
    Column("tries", Integer, nullable=False, default=0),
    Column("fence", Integer, nullable=False, default=0),  # grows with each lease
    Column("until", Moment),  # when the lease runs out (database clock)
    Column("not_before", Moment, nullable=False, index=True),
)

# ---------------------------------------------------------------- casework

# What staff write for each other; the person never sees it.
notes = Table(
    "notes",
    metadata,
    Column("id", Id(), primary_key=True),
    Column("case_id", Id(), ForeignKey("cases.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("staff_id", Id(), nullable=False),
    Column("at", Moment, nullable=False),
    Column("body", Bytes, nullable=False),  # sealed under the case's key
    sqlite_with_rowid=False,
)

mentions = Table(
    "mentions",
    metadata,
    Column("note_id", Id(), ForeignKey("notes.id", ondelete="CASCADE"), primary_key=True),
    Column("staff_id", Id(), primary_key=True),
    Column("seen_at", Moment),
    Index("ix_mentions_staff_id", "staff_id"),
    sqlite_with_rowid=False,
)

# An answer not yet sent: one for each member of staff and case.
reply_drafts = Table(
    "reply_drafts",
    metadata,
    Column("case_id", Id(), ForeignKey("cases.id", ondelete="CASCADE"), primary_key=True),
    Column("staff_id", Id(), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("body", Bytes, nullable=False),  # sealed under the case's key
    sqlite_with_rowid=False,
)

# Words of notes and names of services, as keyed tokens: searched without being readable.
case_words = Table(
    "case_words",
    metadata,
    Column("word", Bytes, primary_key=True),  # KeyRing.index("word", folded word)
    Column("case_id", Id(), ForeignKey("cases.id", ondelete="CASCADE"), primary_key=True, index=True),
    sqlite_with_rowid=False,
)

case_links = Table(
    "case_links",
    metadata,
    Column("case_id", Id(), ForeignKey("cases.id", ondelete="CASCADE"), primary_key=True),
    Column("other_id", Id(), ForeignKey("cases.id", ondelete="CASCADE"), primary_key=True, index=True),
    sqlite_with_rowid=False,
)

# What somebody wrote down of a voice note.
transcripts = Table(
    "transcripts",
    metadata,
    Column("attachment_id", Id(), ForeignKey("attachments.id", ondelete="CASCADE"), primary_key=True),
    Column("case_id", Id(), ForeignKey("cases.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("staff_id", Id(), nullable=False),
    Column("at", Moment, nullable=False),
    Column("body", Bytes, nullable=False),  # sealed under the case's key: {"text", "summary", "language"}
    sqlite_with_rowid=False,
)

# Staff who must not know of a case: somebody by their account, or a whole office.
exclusions = Table(
    "exclusions",
    metadata,
    Column("id", Id(), primary_key=True),
    Column("case_id", Id(), ForeignKey("cases.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("staff_id", Id()),
    Column("office", String),
    CheckConstraint("(staff_id IS NULL) <> (office IS NULL)", name="one_of_both"),
    sqlite_with_rowid=False,
)

# Who asked to know the identity in a restricted case, and what a second person decided.
disclosures = Table(
    "disclosures",
    metadata,
    Column("id", Id(), primary_key=True),
    Column("case_id", Id(), ForeignKey("cases.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("asked_by", Id(), nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("reason", Bytes, nullable=False),  # sealed under the case's key
    Column("decided_by", Id()),
    Column("decided_at", Moment),
    Column("granted", Boolean),
    # taken at once, for somebody in danger; `decided_by` is then who saw it afterwards
    Column("emergency", Boolean, nullable=False, default=False, server_default=false()),
    sqlite_with_rowid=False,
)

# A case passed on to a service of the directory, with the person's consent.
referrals = Table(
    "referrals",
    metadata,
    Column("id", Id(), primary_key=True),
    Column("case_id", Id(), ForeignKey("cases.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("service", String, nullable=False, index=True),  # its key in the directory
    Column("status", String, nullable=False),
    Column("created_by", Id(), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("terms", Bytes, nullable=False),  # sealed under the case's key: the words agreed to, what may be told
    Column("consented_at", Moment),
    Column("sent_at", Moment),
    Column("remind_at", Moment),
    Column("answered_at", Moment),
    Column("answer", Bytes),  # sealed under the case's key
    Column("version", Integer, nullable=False, default=1, server_default="1"),
    _index_where("referrals", "remind_at", "remind_at IS NOT NULL"),
    sqlite_with_rowid=False,
)

# Somebody may be in danger, or a restricted case is overdue: whoever is on call is told until somebody takes it.
alerts = Table(
    "alerts",
    metadata,
    Column("id", Id(), primary_key=True),
    Column("kind", String, nullable=False),
    Column("contact_id", Id(), ForeignKey("contacts.id", ondelete="SET NULL"), index=True),
    Column("case_id", Id(), ForeignKey("cases.id", ondelete="CASCADE"), index=True),
    Column("held_case_id", Id(), ForeignKey("cases.id", ondelete="SET NULL"), index=True),  # staff held this chat
    Column("at", Moment, nullable=False),
    Column("stage", Integer, nullable=False, default=0),  # pages sent
    Column("next_at", Moment),  # the next page; none: no more
    Column("lease_until", Moment),  # a worker sends a page (database clock)
    Column("taken_by", Id()),
    Column("taken_at", Moment),
    Column("closed_at", Moment),
    Column("outcome", String),  # how it ended: a key of bot.cases.on_call.OUTCOMES; none: by itself
    _index_where("alerts", "next_at", "next_at IS NOT NULL"),
    _index_where("alerts", "at", "closed_at IS NULL"),
    sqlite_with_rowid=False,
)

# How many people came to a step on a day, and how many answered it: where people leave a dialogue.
step_counts = Table(
    "step_counts",
    metadata,
    Column("day", Moment, primary_key=True),
    Column("flow", String, primary_key=True),
    Column("step", String, primary_key=True),
    Column("entered", Integer, nullable=False),
    Column("answered", Integer, nullable=False),
    sqlite_with_rowid=False,
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
    Column("content", Bytes, nullable=False),
)

# ---------------------------------------------------------------- keys

# One row: a mark of the key ring this database was written with. Other keys would write what these can't read.
key_mark = Table(
    "key_mark",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("mark", Bytes, nullable=False),  # KeyRing.index("keys")
    Column("newest", String),  # id of the newest master key: a ring that lacks it can't read what others write
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
    Column("office", String, nullable=False, default="", server_default=""),  # as exclusions name it
    Column("language", String, nullable=False, default="fr", server_default="fr"),  # of the console
    Column("data_key", Bytes),  # wrapped
    Column("password", String),  # Argon2id, with its parameters; none: not set up
    Column("totp", Bytes),  # sealed: the secret of the one-time codes
    Column("totp_step", BigInteger),  # the step of the last code taken: none counts twice
    Column("ways", Bytes),  # sealed: how to page them, {"email": …, "telegram": …}
    Column("setup_index", Bytes),  # KeyRing.index("setup", code): lets them choose a password, once
    Column("setup_until", Moment),
    Column("cleared_at", Moment),  # since when, and by whom: those who are cleared are told of each other
    Column("cleared_by", String),
    Column("told_at", Moment),  # up to when they have seen who was cleared
    Column("version", Integer, nullable=False, default=1, server_default="1"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_index", Bytes, primary_key=True),  # KeyRing.index("session", token)
    Column("staff_id", Id(), ForeignKey("staff.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("csrf", String, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    sqlite_with_rowid=False,
)

# Wrong passwords and codes, by account and address: nobody can lock somebody else out.
login_failures = Table(
    "login_failures",
    metadata,
    Column("who", Bytes, primary_key=True),  # KeyRing.index("login", name, address)
    Column("times", Integer, nullable=False),
    Column("last_at", Moment, nullable=False),
    sqlite_with_rowid=False,
)

# Who is on call, by weekday (0 = Monday) and minutes of the day in the organisation's time.
rota = Table(
    "rota",
    metadata,
    Column("id", Id(), primary_key=True),
    Column("staff_id", Id(), ForeignKey("staff.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("weekday", Integer, nullable=False),
    Column("opens", Integer, nullable=False),
    Column("closes", Integer, nullable=False),
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
    Column("previous", Bytes, nullable=False),
    Column("hash", Bytes, nullable=False),
)
