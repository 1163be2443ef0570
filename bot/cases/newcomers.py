"""Who comes to see restricted cases later: kept out of those that name them, before they see one.

An account that is new, opened again, cleared, or of another office is compared with what was said so far, in cases that
are closed as well: they can be read, and opened again.
"""

import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, or_, select

from bot.cases import exclusions, filing
from bot.dialogue.letters import fold
from bot.staff.who import of_row
from storage import DataKey, KeyRing, tables

CASES, EXCLUSIONS, STAFF = tables.cases, tables.exclusions, tables.staff
MESSAGES, TRANSCRIPTS = tables.case_messages, tables.transcripts


def keep_out(conn: Connection, keyring: KeyRing, staff_id: uuid.UUID, now: datetime) -> None:
    """Keep somebody out of the cases that name them or their office; of restricted ones only where others are left."""
    row = conn.execute(select(STAFF).where(STAFF.c.id == staff_id, STAFF.c.disabled_at.is_(None))).first()
    if row is None:
        return
    staff = of_row(row)
    _of_office(conn, staff_id, staff.office)
    if not staff.cleared:
        return
    for case in conn.execute(select(CASES).where(CASES.c.restricted).order_by(CASES.c.id)).all():
        if staff_id not in exclusions.readers(conn, case.id):
            continue
        if any(exclusions.names(words, staff.name, staff.office) for words in _words(conn, keyring, case)):
            key, at = DataKey(keyring.unwrap(case.data_key)), filing.as_kept(now, anonymous=case.anonymous)
            thread = filing.Thread(conn, case.id, key, at, anonymous=case.anonymous)
            exclusions.keep_from(thread, exclusions.Named((staff_id,)))


def _of_office(conn: Connection, staff_id: uuid.UUID, office: str) -> None:
    """A case that is kept from their office is kept from them, however the office is spelt now."""
    if not fold(office):
        return
    rows = conn.execute(select(EXCLUSIONS.c.case_id, EXCLUSIONS.c.office).where(EXCLUSIONS.c.office.is_not(None)))
    for case_id in {row.case_id for row in rows.all() if exclusions.same_office(row.office, office)}:
        if exclusions.exclude(conn, case_id, staff_id=staff_id):
            exclusions.let_go(conn, case_id, [staff_id])


def _words(conn: Connection, keyring: KeyRing, case: Row[Any]) -> Iterator[str]:
    """What was said in a case, and in those that go on in it: message by message, and what was written down."""
    for one in conn.execute(select(CASES).where(or_(CASES.c.id == case.id, CASES.c.merged_into == case.id))).all():
        key = DataKey(keyring.unwrap(one.data_key))
        said = select(MESSAGES).where(MESSAGES.c.case_id == one.id, MESSAGES.c.author == "person")
        for message in conn.execute(said):
            body = filing.open_body(key, message.id, message.body)
            yield " ".join(exclusions.words_of(body.get("story", body.get("said"))))
        for note in conn.execute(select(TRANSCRIPTS).where(TRANSCRIPTS.c.case_id == one.id)):
            written = msgspec.json.decode(key.open(note.body, "transcript", note.attachment_id.bytes))
            yield f"{written['text']} {written['summary']}"
