"""Lists of the desk: exactly what `may` lets one see, in the order in which it is needed."""

import itertools
import uuid
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, select

from bot.cases import lists
from bot.cases.desk import Desk
from bot.cases.lists import Wanted
from bot.cases.may import OPERATOR, ROLES, Staff, may
from storage import random_id, tables

NOW = datetime(2026, 11, 23, 9, 17, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")
AWA, OTHER = uuid.uuid4(), uuid.uuid4()
SUPERVISOR = Staff(AWA.hex, "Awa", "supervisor")
CLEARED = Staff(AWA.hex, "Mariam", "protection", cleared=True)


def case(number, **columns):
    """A row of `cases`; what is not said is ordinary, new, opened a day ago and due tomorrow."""
    row = {
        "id": random_id(), "reference": f"AAA-{number:04}", "kind": "request", "category": "person", "status": "new",
        "restricted": False, "anonymous": False, "region": None, "language": "fr", "channel": "web",
        "opened_at": NOW - timedelta(days=1), "due_at": NOW + timedelta(days=1), "owed": True, "last_step_at": NOW,
        "data_key": b"k",
        "receipt_index": str(number).encode(), "in_chat": True, "version": 1, "assignee_id": None, "entry": None,
        "heard_at": NOW - timedelta(days=1), "answered_at": None, "closed_at": None,
    }  # fmt: skip
    return row | columns


def put(store, *rows, table=tables.cases):
    store.run_now(lambda conn: conn.execute(insert(table), list(rows)) and None)
    return rows


def shown(store, staff, **wanted):
    """The references of a page."""
    page = store.read_now(lambda conn: lists.listed(conn, staff, Wanted(**wanted), NOW, UTC_ZONE))
    return [row.reference for row in page.rows]


# ---------------------------------------------------------------- who sees what


def test_the_list_is_what_may_says(store, keyring):
    """Every role, clearance, region and office, with every kind of case and exclusion: SQL and `may` agree."""
    kinds = list(itertools.product((False, True), (None, "kayes", "gao"), ("", "me", "other", "office", "office2")))
    rows = put(store, *(case(n, restricted=kind[0], region=kind[1]) for n, kind in enumerate(kinds)))
    named = {"me": (AWA, None), "other": (OTHER, None), "office": (None, "Kayes"), "office2": (None, "Gao")}
    put(
        store,
        *(
            {"id": random_id(), "case_id": row["id"], "staff_id": named[kind[2]][0], "office": named[kind[2]][1]}
            for row, kind in zip(rows, kinds, strict=True)
            if kind[2]
        ),
        table=tables.exclusions,
    )
    people = [
        Staff(staff_id, "x", role, cleared, regions, office)
        for role, cleared, regions, office, staff_id in itertools.product(
            (*ROLES, "visitor"), (False, True), ((), ("kayes",), ("kayes", "segou")), ("", "Kayes"), (AWA.hex, "")
        )
    ]

    def compare(conn):
        every = conn.execute(select(tables.cases)).all()
        seen = {}
        for staff in (*people, OPERATOR):
            desk = Desk(conn, keyring, staff, NOW)
            expected = {row.reference for row in every if may(staff, "see", desk.seen(row))}
            found = set(conn.scalars(select(tables.cases.c.reference).where(lists.visible(staff))))
            assert found == expected, staff
            seen[staff] = len(found)
        return seen

    seen = store.run_now(compare)
    assert len(seen) > 140
    assert {0, len(kinds)} < set(seen.values())  # some see nothing, some all, some a part


def test_what_one_may_not_see_is_in_no_view_and_no_count(store):
    """A restricted case is not there for a supervisor, however it is asked for."""
    put(store, case(1, restricted=True, assignee_id=AWA, due_at=NOW - timedelta(days=1)), case(2))
    assert store.read_now(lambda conn: lists.counts(conn, SUPERVISOR, NOW)) == {
        "mine": 0, "unassigned": 1, "overdue": 0, "waiting": 0, "words": 0, "mentions": 0, "open": 1,
    }  # fmt: skip
    assert [shown(store, SUPERVISOR, view=view) for view in lists.VIEWS if shown(store, SUPERVISOR, view=view)] == [
        ["AAA-0002"]
    ] * 2
    counts = store.read_now(lambda conn: lists.counts(conn, CLEARED, NOW))
    assert (counts["mine"], counts["restricted"], counts["overdue"], counts["open"]) == (1, 1, 1, 2)


def test_only_the_cleared_may_ask_for_the_view_of_restricted_cases():
    """For others the view does not exist, in an address either."""
    assert "restricted" in lists.views_of(CLEARED)
    for staff in (SUPERVISOR, Staff("", "x", "supervisor", cleared=True), Staff("", "x", "protection")):
        assert "restricted" not in lists.views_of(staff)
        assert Wanted.read({"view": "restricted"}, staff).view == "mine"


# ---------------------------------------------------------------- views


def test_each_view_has_its_cases(store):
    """One case made for each view."""
    late, soon = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
    answered = {"answered_at": NOW - timedelta(hours=5), "status": "in_progress", "owed": False}
    rows = put(
        store,
        case(1, assignee_id=AWA, **answered),
        case(2, assignee_id=OTHER, status="acknowledged", due_at=late),
        case(3, assignee_id=OTHER, status="waiting", answered_at=NOW, owed=False, due_at=late),
        case(4, assignee_id=OTHER, heard_at=NOW, due_at=soon, **answered),
        case(5, assignee_id=AWA, status="closed", closed_at=NOW, due_at=late),
        case(6, due_at=soon),
    )
    note = random_id()
    put(store, {"id": note, "case_id": rows[2]["id"], "staff_id": OTHER, "at": NOW, "body": b""}, table=tables.notes)
    put(store, {"note_id": note, "staff_id": AWA, "seen_at": None}, table=tables.mentions)
    found = {view: [one[-1] for one in shown(store, SUPERVISOR, view=view)] for view in lists.VIEWS}
    assert found == {
        "mine": ["1"], "unassigned": ["6"], "overdue": ["2"], "waiting": ["3"], "words": ["4"], "mentions": ["3"],
        "restricted": [], "open": ["2", "6", "3", "4", "1"], "closed": ["5"],
    }  # fmt: skip
    counts = store.read_now(lambda conn: lists.counts(conn, SUPERVISOR, NOW))
    assert counts == {view: len(found[view]) for view in lists.views_of(SUPERVISOR) if view != "closed"}


def test_a_mention_that_was_seen_is_none(store):
    """Read is read; and what mentions others is not for me."""
    (row,) = put(store, case(1))
    for who, seen in ((AWA, NOW), (OTHER, None)):
        note = random_id()
        put(store, {"id": note, "case_id": row["id"], "staff_id": OTHER, "at": NOW, "body": b""}, table=tables.notes)
        put(store, {"note_id": note, "staff_id": who, "seen_at": seen}, table=tables.mentions)
    assert shown(store, SUPERVISOR, view="mentions") == []


@pytest.mark.parametrize(
    ("columns", "last", "expected"),
    [
        ({"heard_at": NOW, "answered_at": NOW - timedelta(hours=1)}, "person", True),
        ({"heard_at": NOW, "answered_at": NOW + timedelta(hours=1)}, "staff", False),
        ({"heard_at": NOW - timedelta(days=1)}, "person", False),  # the story itself
        ({"heard_at": NOW}, "person", True),  # more words before any answer
        ({"heard_at": None}, "staff", False),
        ({"anonymous": True, "heard_at": NOW, "answered_at": NOW}, "person", True),
        ({"anonymous": True, "heard_at": NOW, "answered_at": NOW}, "staff", False),
        ({"anonymous": True, "heard_at": NOW - timedelta(days=1)}, "person", False),
        ({"heard_at": NOW, "answered_at": NOW - timedelta(hours=1), "status": "closed"}, "person", False),
    ],
)
def test_new_words_are_those_nobody_answered(store, columns, last, expected):
    """After the last answer; of an anonymous case, where the day alone is known, by who spoke last."""
    (row,) = put(store, case(1, **columns))
    lines = [
        {"id": random_id(), "case_id": row["id"], "position": place, "author": author, "at": NOW, "body": b""}
        for place, author in enumerate(("person", "staff" if last == "person" else "person", last), start=1)
    ]
    put(store, *lines, table=tables.case_messages)
    assert bool(shown(store, SUPERVISOR, view="words")) == expected
    page = store.read_now(lambda conn: lists.listed(conn, SUPERVISOR, Wanted(view="open"), NOW, UTC_ZONE))
    assert [bool(row.words) for row in page.rows] == ([expected] if row["status"] != "closed" else [])


# ---------------------------------------------------------------- filters, order, pages


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"region": "kayes"}, {2}),
        ({"kind": "complaint"}, {3}),
        ({"category": "delay"}, {4}),
        ({"status": "waiting"}, {5}),
        ({"channel": "telegram"}, {6}),
        ({"language": "bm"}, {7}),
        ({"assignee": AWA.hex}, {8}),
        ({"assignee": "nobody", "region": "kayes"}, {2}),
        ({"entry": "walk_in"}, {9}),
        ({"from": "2026-11-23"}, {10}),
        ({"to": "2026-11-01"}, {11}),
        ({"from": "2026-10-31", "to": "2026-10-31"}, {11}),
        ({"region": "'; DROP TABLE cases", "from": "9999-12-31", "to": "x", "assignee": "y", "page": "-1", "sort": "z",
          "channel": "\0", "status": "gone"}, set(range(1, 12))),
    ],
)  # fmt: skip
def test_filters(store, query, expected):
    """Each filter alone; what makes no sense is no filter."""
    put(
        store, case(1), case(2, region="kayes"), case(3, kind="complaint"), case(4, category="delay"),
        case(5, status="waiting"), case(6, channel="telegram"), case(7, language="bm"), case(8, assignee_id=AWA),
        case(9, entry="walk_in"), case(10, opened_at=NOW),
        case(11, opened_at=datetime(2026, 10, 31, 23, 59, tzinfo=UTC)),
    )  # fmt: skip
    wanted = Wanted.read({"view": "open", **query}, SUPERVISOR)
    page = store.read_now(lambda conn: lists.listed(conn, SUPERVISOR, wanted, NOW, UTC_ZONE))
    assert {int(row.reference[-4:]) for row in page.rows} == expected


def test_an_address_comes_back_as_it_was():
    """What a link says is what was wanted."""
    wanted = Wanted.read(
        {"view": "overdue", "region": "gao", "from": "2026-01-02", "page": "3", "sort": "newest"}, SUPERVISOR
    )
    assert wanted.query() == "view=overdue&region=gao&from=2026-01-02&sort=newest&page=3"
    assert wanted.query(page=4).endswith("&page=4")
    assert (wanted.filters, wanted.sorted_by) == (2, "newest")


def test_what_waits_for_a_first_answer_comes_first(store):
    """An old case that was answered does not push away one that is due tomorrow."""
    put(
        store,
        case(1, status="in_progress", owed=False, due_at=NOW - timedelta(days=30)),
        case(2, due_at=NOW + timedelta(days=1)),
        case(3, due_at=NOW - timedelta(days=1)),
        case(4, status="referred", owed=False, due_at=NOW - timedelta(days=40)),
    )
    assert [one[-1] for one in shown(store, SUPERVISOR, view="open")] == ["3", "2", "4", "1"]
    assert [one[-1] for one in shown(store, SUPERVISOR, view="open", sort="newest")]


def test_the_other_orders(store):
    """The newest first; the last words first, and those nobody heard of last."""
    put(
        store,
        case(1, opened_at=NOW - timedelta(days=3), heard_at=NOW),
        case(2, opened_at=NOW - timedelta(days=1), heard_at=None),
        case(3, opened_at=NOW - timedelta(days=2), heard_at=NOW - timedelta(hours=1)),
    )
    assert [one[-1] for one in shown(store, SUPERVISOR, view="open", sort="newest")] == ["2", "3", "1"]
    assert [one[-1] for one in shown(store, SUPERVISOR, view="open", sort="words")] == ["1", "3", "2"]


@pytest.mark.parametrize("sort", lists.SORTS)
def test_pages_have_every_case_once(store, sort):
    """Across the two parts of the order by deadline as well, with equal times."""
    put(store, *(case(n, status="new" if n % 3 else "in_progress") for n in range(120)))
    pages = [shown(store, SUPERVISOR, view="open", sort=sort, page=page) for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [50, 50, 20, 0]
    assert len(set(itertools.chain(*pages))) == 120
    more = [
        store.read_now(
            lambda conn, page=page: lists.listed(conn, SUPERVISOR, Wanted(view="open", page=page), NOW, UTC_ZONE).more
        )
        for page in (1, 2, 3)
    ]
    assert more == [True, True, False]


def test_a_count_ends_at_a_hundred(store):
    """More is not counted."""
    put(store, *(case(n) for n in range(130)))
    assert store.read_now(lambda conn: lists.counts(conn, SUPERVISOR, NOW))["open"] == lists.COUNTED + 1


def test_the_digest_changes_with_what_is_shown_and_only_then(store):
    """A step, a new case, a deadline that passes: yes. A case that one may not see: no."""
    put(store, case(1), case(2, due_at=NOW + timedelta(minutes=1)))

    def now(at=NOW):
        def look(conn):
            page = lists.listed(conn, SUPERVISOR, Wanted(view="open"), at, UTC_ZONE)
            return lists.digest(page, lists.counts(conn, SUPERVISOR, at), at)

        return store.read_now(look)

    first = now()
    put(store, case(3, restricted=True))
    assert now() == first
    assert now(NOW + timedelta(minutes=2)) != first
    put(store, case(4))
    second = now()
    assert second != first
    store.run_now(lambda conn: conn.execute(tables.cases.update().values(version=2)) and None)
    assert now() not in (first, second)
