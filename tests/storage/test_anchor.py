"""Heads kept outside the database: rows cut off are found, also when the log grew again."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete

from storage import Anchor, BadAnchor, Store, audit
from storage.tables import audit_log

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)


@pytest.fixture
def anchor(tmp_path):
    return Anchor(tmp_path / "audit-heads")


@pytest.fixture
def kept(database_url, anchor):
    """A store with an anchor."""
    with Store(database_url, anchor=anchor) as store:
        yield store


def deed(store, *deeds):
    """Each in a row, all in one transaction."""
    return store.run_now(lambda conn: [audit.append(conn, at=NOW, staff="awa", deed=one) for one in deeds][-1])


def cut_off(store, number):
    store.run_now(lambda conn: conn.execute(delete(audit_log).where(audit_log.c.number >= number)) and None)


def verdict(store, anchor):
    return store.read_now(lambda conn: audit.verify(conn, *anchor.heads()))


def test_the_head_is_kept_after_each_commit(kept, anchor):
    """One line a day, the newest head in it; nothing for what only reads, or is undone."""
    deed(kept, "show")
    assert [head.number for head in anchor.heads()] == [1]
    head = deed(kept, "show", "answer")
    assert anchor.heads() == [head]
    kept.run_now(audit.head)

    def undone(conn):
        with conn.begin_nested() as point:
            audit.append(conn, at=NOW, staff="awa", deed="undone")
            point.rollback()

    kept.run_now(undone)
    assert anchor.heads() == [head]
    assert verdict(kept, anchor) is None


def test_rows_cut_off_at_the_end_are_found(kept, anchor):
    """The chain that is left is whole; the file knows better."""
    deed(kept, "a", "b", "c")
    cut_off(kept, 2)
    assert kept.read_now(audit.verify) is None
    assert "row 2 was removed, and all after it up to row 3" in verdict(kept, anchor)


@pytest.mark.parametrize("again", [["x"], ["x", "x"], ["x", "x", "x"]])
def test_rows_cut_off_are_found_when_the_log_grew_again(kept, anchor, again, caplog):
    """One row at a time, or past the head that was kept in one go."""
    deed(kept, "a", "b", "c")
    cut_off(kept, 2)
    with caplog.at_level(logging.ERROR):
        deed(kept, *again)
        deed(kept, "y")
        deed(kept, "z")
    assert kept.read_now(audit.verify) is None
    assert "row 3 is not the one seen earlier" in verdict(kept, anchor)
    assert "cut off" in caplog.text


def test_all_cut_off_and_begun_anew_is_found(kept, anchor):
    deed(kept, "a", "b")
    cut_off(kept, 0)
    for name in "xyz":
        deed(kept, name)
    assert "row 2 is not the one seen earlier" in verdict(kept, anchor)


def test_who_committed_first_may_write_last(anchor):
    """Two processes: the head of the later commit stays."""
    one, two, three = (audit.Head(number, bytes([number]) * 32) for number in (1, 2, 3))
    anchor.keep(audit.Grown(None, one))
    anchor.keep(audit.Grown(two, three))
    anchor.keep(audit.Grown(one, two))
    assert anchor.heads() == [three]


def test_every_day_has_its_line(anchor):
    heads = [audit.Head(number, bytes([number]) * 32) for number in (1, 2, 3)]
    for before, head in zip([None, *heads], heads, strict=False):
        anchor.keep(audit.Grown(before, head), NOW + timedelta(hours=10 * head.number))
    assert anchor.heads() == [heads[0], heads[2]]  # the second and the third fell on one day


def test_a_file_that_cannot_be_written_undoes_nothing(database_url, tmp_path, caplog):
    """The deed is stored; operators are told."""
    with Store(database_url, anchor=Anchor(tmp_path / "no" / "folder")) as store, caplog.at_level(logging.ERROR):
        deed(store, "show")
        assert store.read_now(audit.head).number == 1
    assert "could not be kept: FileNotFoundError" in caplog.text


def test_a_file_that_was_edited_is_no_anchor(anchor):
    anchor.path.write_text("2026-11-21 08:30:00Z three:abc\n")
    with pytest.raises(BadAnchor):
        anchor.heads()
