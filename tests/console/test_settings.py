"""Administrators change promises and hours: a new revision, checked, and nothing of it lost by the next publish."""

import dataclasses
import datetime as dt
import re

import pytest

from bot.library import files, load, revisions
from bot.library.editing import Edit, NotRight, edited
from bot.library.shelf import Shelf
from storage import audit
from tests.people import ROOT


@pytest.fixture
async def published(office):
    """An office whose library is a revision in the database."""
    shelf = Shelf()

    def publish(conn):
        revisions.publish(conn, files.read_folder(ROOT), "editor", "first")
        shelf.current(conn)

    await office.house.store.run(publish)
    changed = dataclasses.replace(office.console, shelf=shelf)
    for name in ("shelf",):
        object.__setattr__(office.console, name, getattr(changed, name))
    return office


def form(html):
    """What the form of the page would send."""
    values = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*?value="([^"]*)"', html))
    values["holidays"] = re.search(r'<textarea id="holidays"[^>]*>([^<]*)</textarea>', html)[1]
    return values


async def test_an_administrator_changes_hours_and_deadlines(published):
    """The new values are in force at once, comments of the file stay, and the deed is in the audit log."""
    who = await published.browser(await published.staff("Fanta", "administrator"))
    _, html = await who.get("/console/settings")
    sent = {**form(html), "ordinary": "96", "hours-mon": "08:00-12:00, 14:00-17:00", "holidays": "2026-12-25",
            "keep-person": "90"}  # fmt: skip
    status, html = await who.post("/console/settings", sent)
    assert status == 303, html
    library = await published.house.store.read(published.console.shelf.current)
    organisation = library.organisation
    assert organisation.reply_within == dt.timedelta(hours=96)
    assert library.categories["delay"].reply_within == dt.timedelta(hours=96)
    assert library.categories["serious"].reply_within == dt.timedelta(hours=24)
    assert library.categories["person"].keep_days == 90
    assert organisation.working_hours == {0: ((480, 720), (840, 1020))}
    assert organisation.holidays == {dt.date(2026, 12, 25)}
    kept = await published.house.store.read(lambda conn: revisions.load(conn, revisions.newest(conn)))
    assert b"# Within how many hours a person reads." in kept["content/organisation.yaml"]
    assert await published.house.store.read(audit.verify) is None
    _, html = await who.get("/console/settings")
    assert form(html)["hours-mon"] == "08:00-12:00, 14:00-17:00"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("keep-delay", "400", "365"),
        ("hours-mon", "8h", "08:00"),
        ("holidays", "Noël", "Noël"),
        ("ordinary", "deux", "24"),
    ],
)
async def test_what_would_be_wrong_is_said_and_not_stored(published, name, value, says):
    """What was typed stays on the page."""
    who = await published.browser(await published.staff("Fanta", "administrator"))
    _, html = await who.get("/console/settings")
    before = await published.house.store.read(revisions.newest)
    status, html = await who.post("/console/settings", {**form(html), name: value})
    assert status == 422
    assert says in html
    assert value in html
    assert await published.house.store.read(revisions.newest) == before


async def test_who_saves_later_is_told(published):
    """Two administrators with the same page: the second changes nothing."""
    who = await published.browser(await published.staff("Fanta", "administrator"))
    _, html = await who.get("/console/settings")
    assert (await who.post("/console/settings", {**form(html), "hold": "24"}))[0] == 303
    status, _ = await who.post("/console/settings", {**form(html), "hold": "36"})
    assert status == 409


def test_a_deadline_waits_for_the_next_opening_a_restricted_one_does_not():
    """Friday evening, with a holiday on Monday: Tuesday at eight."""
    hours = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), "08:00-17:00")
    changed = edited(
        files.read_folder(ROOT),
        [Edit("content/organisation.yaml", ("working_hours",), hours),
         Edit("content/organisation.yaml", ("holidays",), ["2026-11-30"])],
    )  # fmt: skip
    organisation = load.build(changed).library.organisation
    friday = dt.datetime(2026, 11, 27, 10, tzinfo=dt.UTC)
    within = dt.timedelta(hours=10)
    assert organisation.deadline(friday, within, restricted=False) == dt.datetime(2026, 12, 1, 8, tzinfo=dt.UTC)
    assert organisation.deadline(friday, within, restricted=True) == friday + within
    early = dt.timedelta(hours=2)
    assert organisation.deadline(friday, early, restricted=False) == friday + early


def test_a_change_that_would_be_wrong_is_refused():
    with pytest.raises(NotRight) as refused:
        edited(files.read_folder(ROOT), [Edit("content/case-categories.yaml", ("delay", "keep_days"), 400)])
    assert "content/case-categories.yaml" in str(refused.value)


async def test_a_later_publish_does_not_lose_what_the_console_changed(store):
    """Which files differ from what was published last, until they are in the folder."""
    before = files.read_folder(ROOT)
    after = edited(before, [Edit("content/organisation.yaml", ("hold_hours",), 24)])
    await store.run(lambda conn: revisions.publish(conn, before, "editor", ""))
    assert await store.read(revisions.changed_at_the_console) == {}
    await store.run(lambda conn: revisions.publish(conn, after, f"{revisions.CONSOLE}Fanta", "hold"))
    found = await store.read(revisions.changed_at_the_console)
    assert found == {"content/organisation.yaml": after["content/organisation.yaml"]}
    await store.run(lambda conn: revisions.publish(conn, after | {"content/x.yaml": b"x"}, "editor", ""))
    assert await store.read(revisions.changed_at_the_console) == {}
