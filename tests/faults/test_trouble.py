"""Trouble from outside: a locked database, a full disk, a lost server, two workers, an order to stop.

Nothing is pretended: what could not be stored gets a 503 with kind words, and the same message is taken later.
"""

import signal
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, func, make_url, select

from storage import Store, tables
from tests.faults.dialogues import COMPLAINING, NAMED
from tests.faults.people import Away, Browser
from tests.faults.segin import PATIENCE, Launcher, Segin

pytestmark = pytest.mark.kill

Start = Callable[..., Segin]


@pytest.fixture
def start(launcher: Launcher, database_url: str, tmp_path: Path) -> Iterator[Start]:
    """Starts `segin serve` on the test's database; several may run on it."""
    started: list[Segin] = []

    def begin(**extras: Any) -> Segin:
        segin = Segin(launcher, database_url, tmp_path, f"server{len(started)}", extras)
        segin.start()
        started.append(segin)
        return segin

    yield begin
    for segin in started:
        segin.end()


def turns(url: str) -> int:
    """How many messages the database knows."""
    with Store(url) as store:
        return store.read_now(lambda conn: conn.execute(select(func.count()).select_from(tables.heard)).scalar_one())


def failures(url: str) -> int:
    with Store(url) as store:
        failed = select(func.count()).select_from(tables.heard).where(tables.heard.c.failure.is_not(None))
        return store.read_now(lambda conn: conn.execute(failed).scalar_one())


def pages(url: str) -> int:
    """How many pages the SQLite file has."""
    with Store(url) as store:
        return int(store.read_now(lambda conn: conn.exec_driver_sql("PRAGMA page_count").scalar_one()))


def walked(browser: Browser, until: str) -> Browser:
    """In the named complaint, up to and including this tap or text."""
    for kind, value in NAMED:
        browser.say(kind, value)
        if value == until:
            return browser
    raise AssertionError(until)


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Another process holds the lock that a turn needs."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:
        if conn.dialect.name == "sqlite":
            conn.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            conn.exec_driver_sql("BEGIN")
            conn.exec_driver_sql("SELECT 1 FROM contacts FOR UPDATE")
        yield
        conn.exec_driver_sql("ROLLBACK")
    engine.dispose()


def test_a_locked_database_is_said_and_the_message_taken_later(start: Start, database_url: str) -> None:
    browser = walked(Browser(start(busy_seconds=0.2).port), "main/where:abroad")
    before, message_id = turns(database_url), str(uuid.uuid4())
    with locked(database_url):
        status, said = browser.post(message_id, "tap", "main/menu:complaint")
        assert (status, said["error"]) == (503, "unavailable")
        assert said["say"]
    assert turns(database_url) == before
    status, said = browser.post(message_id, "tap", "main/menu:complaint")
    assert (status, said["messages"][-1]["options"][0]["tap"]) == (200, "complaint/safe:yes")
    assert turns(database_url) == before + 1
    browser.close()


@pytest.mark.only_on("sqlite")
def test_a_full_disk_is_said_in_the_midst_of_a_turn_too(start: Start, database_url: str, tmp_path: Path) -> None:
    """A voice note that does not fit is not taken, nor turned into an apology."""
    room = tmp_path / "room"
    room.write_text("")
    browser = walked(Browser(start(room=str(room)).port), "OIM, Bamako")
    before, message_id = turns(database_url), str(uuid.uuid4())
    room.write_text(str(pages(database_url)))
    status, said = browser.post(message_id, "voice")
    assert (status, said["error"]) == (503, "unavailable")
    assert (turns(database_url), failures(database_url)) == (before, 0)
    room.write_text("")
    status, said = browser.post(message_id, "voice")
    assert (status, said["messages"][-1]["options"][0]["tap"]) == (200, "complaint/review:yes")
    assert (turns(database_url), failures(database_url)) == (before + 1, 0)
    browser.close()


@pytest.mark.only_on("sqlite")
def test_while_the_disk_is_full_nothing_is_answered_200_that_is_not_stored(
    start: Start, database_url: str, tmp_path: Path
) -> None:
    room = tmp_path / "room"
    room.write_text("")
    browser = walked(Browser(start(room=str(room)).port), "OIM, Bamako")
    before = turns(database_url)
    room.write_text(str(pages(database_url) + 8))
    statuses = []
    while 503 not in statuses and len(statuses) < 50:
        statuses.append(browser.post(str(uuid.uuid4()), "text", "trop long " * 900)[0])
    assert set(statuses) == {200, 503} or statuses == [503]
    assert turns(database_url) == before + statuses.count(200)
    room.write_text("")
    assert browser.say("text", "menu")
    browser.close()


@pytest.mark.only_on("postgresql")
def test_lost_connections_are_mended_unnoticed_or_said(start: Start, database_url: str) -> None:
    """Backends are ended again and again while somebody writes: 200 or 503, and each message is one turn."""
    browser = walked(Browser(start().port), "main/where:abroad")
    over = threading.Event()

    def end_them_all() -> None:
        engine = create_engine(make_url(database_url).set(database="postgres"), isolation_level="AUTOCOMMIT")
        name = make_url(database_url).database
        with engine.connect() as conn:
            while not over.wait(0.03):
                conn.exec_driver_sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        engine.dispose()

    ending = threading.Thread(target=end_them_all, daemon=True)
    ending.start()
    try:
        for _ in range(10):
            for kind, value in COMPLAINING:
                browser.say(kind, value)
    finally:
        over.set()
        ending.join(PATIENCE)
    with Store(database_url) as store:
        cases = store.read_now(lambda conn: conn.execute(select(func.count()).select_from(tables.cases)).scalar_one())
    assert (cases, failures(database_url)) == (10, 0)
    browser.close()


@pytest.mark.only_on("postgresql")
def test_a_database_that_was_away_is_found_again(start: Start, database_url: str) -> None:
    browser = walked(Browser(start().port), "main/where:abroad")
    name = make_url(database_url).database
    engine = create_engine(make_url(database_url).set(database="postgres"), isolation_level="AUTOCOMMIT")
    message_id = str(uuid.uuid4())
    with engine.connect() as conn:
        conn.exec_driver_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        try:
            conn.exec_driver_sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
            status, said = browser.post(message_id, "tap", "main/menu:complaint")
            assert (status, said["error"]) == (503, "unavailable")
        finally:
            conn.exec_driver_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    engine.dispose()
    status, said = browser.post(message_id, "tap", "main/menu:complaint")
    assert (status, said["messages"][-1]["options"][0]["tap"]) == (200, "complaint/safe:yes")
    browser.close()


@pytest.mark.only_on("postgresql")
def test_the_same_message_at_two_workers_is_one_turn(start: Start, database_url: str) -> None:
    one, other = start(), start()
    here = walked(Browser(one.port), "main/where:abroad")
    there = Browser(other.port)
    there.cookie, there.cursor = here.cookie, here.cursor
    before = turns(database_url)
    taps = ["main/menu:complaint", "complaint/safe:yes", "complaint/kind:delay", "complaint/identity:no"]
    with ThreadPoolExecutor(2) as both:
        for tap in taps:
            message_id = str(uuid.uuid4())
            answers = [both.submit(browser.post, message_id, "tap", tap) for browser in (here, there)]
            (status, said), (other_status, other_said) = [answer.result() for answer in answers]
            assert (status, other_status) == (200, 200)
            assert said["messages"] == other_said["messages"]
            here.cursor = there.cursor = said["messages"][-1]["seq"]
    assert said["messages"][-1]["options"][0]["tap"] == "complaint/place:skip"
    assert turns(database_url) == before + len(taps)
    here.close()
    there.close()


@pytest.mark.only_on("postgresql")
def test_an_open_page_at_one_worker_shows_what_came_through_another(start: Start) -> None:
    """Its next ping would come after `PATIENCE`: what arrives, arrives as news."""
    one, other = start(), start()
    speaking = walked(Browser(one.port), "main/privacy:yes")
    listening = Browser(other.port)
    listening.cookie, listening.cursor = speaking.cookie, speaking.cursor
    listening.listen()
    before = speaking.cursor
    speaking.say("tap", "main/where:abroad")
    listening.until(lambda message: message["seq"] > before, "what came through the other worker")
    speaking.close()
    listening.close()


def test_an_order_to_stop_is_followed_while_pages_are_open(start: Start, database_url: str) -> None:
    segin = start()
    browsers = [walked(Browser(segin.port), "main/privacy:yes") for _ in range(5)]
    for browser in browsers:
        browser.listen()
    asked = time.monotonic()
    assert segin.end(signal.SIGTERM) == 0
    assert time.monotonic() - asked < 10  # a second at most; ten, because other tests run beside this one
    assert "Traceback" not in segin.log.read_text()
    for browser in browsers:
        with pytest.raises(Away):
            browser.post(str(uuid.uuid4()), "text", "menu")
        browser.close()
    assert turns(database_url) == 15
    if database_url.startswith("sqlite"):
        with sqlite3.connect(make_url(database_url).database or "") as conn:
            assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        conn.close()
