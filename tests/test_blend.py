"""On PostgreSQL, even the marks a database puts on its rows must not join an anonymous case to a contact."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, text

from bot import contacts
from bot.cases.filing import Filing
from bot.dialogue.model import OpenCase
from bot.followups import Followups
from bot.library import files, load
from bot.library.shelf import Shelf
from storage import tables
from tests.walk.conftest import ROOT


@pytest.mark.only_on("postgresql")
def test_the_transaction_that_wrote_an_anonymous_case_is_blurred(store, keyring):
    """Right after filing, case and contact bear the same transaction; after the next tidying, they do not."""
    now = datetime.now(UTC)
    library = load.build(files.read_folder(ROOT)).library

    def file(conn):
        contact = contacts.fresh(keyring, "web", b"i" * 32, "somebody", now)
        conn.execute(insert(tables.contacts), contacts.new_row(contact, now) | {"consented_at": now})
        effect = OpenCase("complaint", "delay", {"account": "words"}, anonymous=True)
        Filing(conn, keyring, contact, now).open(library.categories["delay"], effect)

    def marks(conn):
        names = ("contacts", "cases", "case_messages")
        return [conn.execute(text(f"SELECT DISTINCT xmin::text FROM {name}")).scalar_one() for name in names]

    store.run_now(file)
    contact, case, message = store.read_now(marks)
    assert contact == case == message
    store.run_now(Followups(store, keyring, Shelf(fixed=library)).tidy)
    contact, case, message = store.read_now(marks)
    assert contact not in (case, message)
