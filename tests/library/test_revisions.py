"""Revisions, on both databases."""

import threading
from datetime import UTC, datetime

from sqlalchemy import select

from bot.library import revisions
from storage.tables import revisions as table


def test_nothing_was_published_yet(store):
    assert store.read_now(revisions.newest) == 0
    assert store.read_now(lambda conn: revisions.load(conn, 1)) == {}


def test_what_was_published_comes_back(store):
    files = {"flows/a.yaml": "é".encode(), "content/b.yaml": b"", "z": bytes(range(256))}
    at = datetime(2026, 11, 21, 8, tzinfo=UTC)
    assert store.run_now(lambda conn: revisions.publish(conn, files, "Awa", "first", at=at)) == 1
    assert store.read_now(revisions.newest) == 1
    assert store.read_now(lambda conn: revisions.load(conn, 1)) == dict(sorted(files.items()))
    [row] = store.read_now(lambda conn: conn.execute(select(table)).all())
    assert (row.at, row.author, row.note) == (at, "Awa", "first")


def test_the_same_files_make_no_new_revision(store):
    def publish(files):
        return store.run_now(lambda conn: revisions.publish(conn, files, "Awa", ""))

    assert [publish({"a": b"1"}), publish({"a": b"1"}), publish({"a": b"2"}), publish({"a": b"1"})] == [1, 1, 2, 3]
    assert store.read_now(lambda conn: revisions.load(conn, 2)) == {"a": b"2"}


def test_publishing_at_once_gives_two_numbers(store):
    def publish(lane):
        store.run_now(lambda conn: revisions.publish(conn, {"a": str(lane).encode()}, "Awa", ""), lane)

    threads = [threading.Thread(target=publish, args=(lane,)) for lane in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.read_now(revisions.newest) == 2
