"""The matrix: every route × role, cleared or not × region × sensitivity × exclusion, asked for by HTTP.

What is expected comes from `may` alone, with facts this test planted. What is found is watched where it happens: what
the guard was told (`Decision`), whether the page was reached, what was answered. Refused means: the very page of an
unknown reference. All that an address or a form names besides the case is there, so that a page which was reached has
no reason to say that it isn't. Every change is rolled back, so that each cell finds the same cases.
"""

import dataclasses
import itertools
import time
import uuid
from collections import Counter

import pytest
from aiohttp import DummyCookieJar, web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import insert, update

from bot.cases import consents
from bot.cases.desk import Desk, NoSuchCase
from bot.cases.may import ROLES, Seen, may
from bot.console import mount as mounting
from bot.console.asking import SIGN_IN, Ask, Console
from bot.console.mount import mount
from bot.console.rendering import Rendering
from bot.console.routes import PUBLIC, all_routes
from bot.settings import Settings
from storage import DataKey, tables
from tests.console.conftest import Fixed, Office
from tests.people import OGG, ROOT, House, real_library

REGIONS = {"own": ("kayes",), "other": ("gao",), "none": ()}
EXCLUSIONS = ("no", "account", "office")
BUREAU = "Bureau de Kayes"
UNKNOWN = "K-2222-2222"
PUBLIC_PATHS = {("GET", SIGN_IN), ("POST", SIGN_IN), ("GET", "/console/set-up"), ("POST", "/console/set-up")}
FRESH = "00000000000000000000000000000000"  # fills what an address names besides the case, if the test knows none
STRANGER = uuid.UUID(int=7)  # did what was done in a case before; none of those who ask


class _RolledBack(Exception):
    def __init__(self, result):
        self.result = result


class Rehearsal:
    """A store on which everything happens and nothing stays."""

    def __init__(self, store):
        self._store, self.dialect = store, store.dialect

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def run(self, work, lane=0, **_):
        def rehearsed(conn):
            raise _RolledBack(work(conn))

        try:
            return await self._store.run(rehearsed, lane)
        except _RolledBack as over:
            return over.result


@dataclasses.dataclass
class Cell:
    """One request and what `may` says of it."""

    route: object
    path: str
    allowed: bool
    name: str
    form: dict = dataclasses.field(default_factory=dict)


async def planted(office):
    """Cases of Kayes by sensitivity and exclusion: references. All exclude who shall be excluded."""
    house, cases = office.house, {}
    for restricted, exclusion in itertools.product((False, True), EXCLUSIONS):
        address = f"{restricted}-{exclusion}"
        await house.consent(address)
        if restricted:
            said = ("plainte", "oui", "3", "oui", "Ali", "Kayes", "Il a demandé de l'argent.", "ici", "envoyer")
        else:
            said = ("personne", "autre chose", "J'attends depuis six mois.")
        before = {row.id for row in await house.rows(tables.cases)}
        await house.talk(address, *said)
        (row,) = [row for row in await house.rows(tables.cases) if row.id not in before]
        assert row.restricted == restricted
        cases[restricted, exclusion] = row
    ids = [row.id for row in cases.values()]
    in_kayes = update(tables.cases).where(tables.cases.c.id.in_(ids)).values(region="kayes")
    await house.store.run(lambda conn: conn.execute(in_kayes) and None)
    return cases


async def with_file(house, row):
    """A voice note in the case: its id."""
    file_id, key = uuid.uuid4(), DataKey(house.keyring.unwrap(row.data_key))
    values = {
        "id": file_id, "case_id": row.id, "kind": "voice", "media_type": "audio/ogg", "size": len(OGG),
        "created_at": house.now, "bytes": key.seal(OGG, "attachment", file_id.bytes),
    }  # fmt: skip
    await house.store.run(lambda conn: conn.execute(insert(tables.attachments), values) and None)
    return file_id.hex


async def furnished(house, row):
    """What addresses and forms name besides the case, put into it: name → id."""
    key = DataKey(house.keyring.unwrap(row.data_key))
    referral, request, exclusion = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    terms = consents.Terms(service="ANPE", told={"summary": "Cherche du travail."}, words="Oui ?", language="fr")
    of_stranger = {"case_id": row.id, "created_by": STRANGER, "created_at": house.now}
    asked = {"id": request, "case_id": row.id, "asked_by": STRANGER, "asked_at": house.now}
    rows = {
        tables.referrals: {
            **of_stranger, "id": referral, "service": "anpe", "status": "proposed",
            "terms": consents.seal(key, terms, referral),
        },
        tables.disclosures: {**asked, "reason": key.seal(b'"Elle est en danger."', "disclosure", request.bytes)},
        tables.exclusions: {"id": exclusion, "case_id": row.id, "staff_id": STRANGER, "office": None},
    }  # fmt: skip

    def write(conn):
        for table, values in rows.items():
            conn.execute(insert(table), values)

    await house.store.run(write)
    ids = {"referral": referral, "request": request, "exclusion": exclusion}
    return {"file": await with_file(house, row), **{name: one.hex for name, one in ids.items()}}


async def people(office, cases):
    """One of each: role × cleared × regions. All work in the office that one pair of cases excludes."""
    made = {}
    for role, cleared, region in itertools.product(ROLES, (False, True), REGIONS):
        name = f"{role} {cleared} {region}"
        made[role, cleared, region] = await office.staff(
            name, role, regions=REGIONS[region], cleared=cleared, office=BUREAU
        )
    rows = [
        {"id": uuid.uuid4(), "case_id": cases[restricted, "account"].id, "staff_id": uuid.UUID(one.id), "office": None}
        for restricted in (False, True)
        for one in made.values()
    ]
    rows += [
        {"id": uuid.uuid4(), "case_id": cases[restricted, "office"].id, "staff_id": None, "office": BUREAU}
        for restricted in (False, True)
    ]
    await office.house.store.run(lambda conn: conn.execute(insert(tables.exclusions), rows) and None)
    return made


def cells(staff, cases, inner):
    """Every request that this person could make. A form names what its case has, and is empty besides."""
    for route in all_routes():
        if route.deed == PUBLIC:
            continue
        if not route.of_a_case:
            yield Cell(route, filled(route.path, staff_id=staff.id), may(staff, route.deed), "")
            continue
        for (restricted, exclusion), row in cases.items():
            path = filled(route.path, reference=row.reference, **inner[row.id])
            seen = Seen(restricted, "kayes", excluded=exclusion != "no")
            allowed = may(staff, "see", seen) and may(staff, route.deed, seen)
            form = {name: inner[row.id][name] for name in ("exclusion", "request")}
            yield Cell(route, path, allowed, f"restricted={restricted} excluded={exclusion}", form)


def filled(path, **known):
    """The address with all that it names."""
    for part in path.split("/"):
        if part.startswith("{"):
            name = part.strip("{}").partition(":")[0]
            path = path.replace(part, known.get(name, FRESH))
    return path


@dataclasses.dataclass(frozen=True)
class Decision:
    """What the guard asked before any page, and what it was told."""

    deed: str
    allowed: bool


@dataclasses.dataclass
class Watched:
    """What became of one request inside: the guard's decision, and the page it let through to."""

    decision: Decision | None = None
    page: str = ""

    def clear(self):
        self.decision, self.page = None, ""

    def decided(self, deed, *, allowed):
        """The first answer is the guard's; pages and templates ask again."""
        self.decision = self.decision or Decision(deed, allowed)


@pytest.fixture
async def desk(store, keyring, monkeypatch):
    """An office whose guard is watched (`bot/console/guard.py`); nothing that is done there stays."""
    house = House(store, keyring, real_library())
    rendering = Rendering(ROOT / "locales", lambda: house.library.organisation.timezone)
    console = Console(Rehearsal(store), keyring, Fixed(house.library), Settings(), lambda: house.now, rendering)
    watched = Watched()

    def noting(route):
        async def page(ask):
            watched.page = route.path
            return await route.page(ask)

        return dataclasses.replace(route, page=page)

    find, may_they = Desk.find, Ask.may

    def finding(desk, reference, deed, *more):
        try:
            row = find(desk, reference, deed, *more)
        except NoSuchCase:
            watched.decided(deed, allowed=False)
            raise
        watched.decided(deed, allowed=True)
        return row

    def asking(ask, deed, case=None):
        allowed = may_they(ask, deed, case)
        watched.decided(deed, allowed=allowed)
        return allowed

    monkeypatch.setattr(Desk, "find", finding)
    monkeypatch.setattr(Ask, "may", asking)
    monkeypatch.setattr(mounting, "all_routes", lambda: tuple(map(noting, all_routes())))
    app = web.Application()
    mount(app, console)
    async with TestClient(TestServer(app), cookie_jar=DummyCookieJar()) as client:
        yield Office(house, client, console), watched


@pytest.mark.timeout(300)
async def test_every_page_answers_as_may_decides(desk, database_kind, record_property):
    """All cells on SQLite, every seventh on PostgreSQL."""
    office, watched = desk
    cases = await planted(office)
    inner = {row.id: await furnished(office.house, row) for row in cases.values()}
    staff = await people(office, cases)
    began, counted, wrong, everything, number = time.monotonic(), Counter(), [], database_kind == "sqlite", 0
    for kind, one in staff.items():
        browser = await office.browser(one)
        unknown = Cell(None, f"/console/cases/{UNKNOWN}", allowed=False, name="unknown")
        not_there = await answer(browser, "GET", unknown, watched)
        assert not_there.status == 404
        for cell in cells(one, cases, inner):
            number += 1
            if not everything and number % 7:  # divides neither the people nor the cases: all kinds come along
                continue
            found = await answer(browser, cell.route.method, cell, watched)
            fault = disagreement(cell, found, not_there)
            counted["allowed" if found.let_through else "refused"] += 1
            if fault:
                wrong.append(f"{cell.route.method} {cell.route.path} for {kind} {cell.name}: {fault}")
    routes = sum(1 for route in all_routes() if route.deed != PUBLIC)
    record_property(
        "matrix",
        f"{database_kind}: {counted.total()} cells ({routes} routes × {len(staff)} people by role, cleared, region × "
        f"6 cases by sensitivity, exclusion): {counted['allowed']} allowed, {counted['refused']} refused by the guard, "
        f"{time.monotonic() - began:.0f} s",
    )
    assert not wrong, f"{len(wrong)} cells:\n" + "\n".join(wrong[:40])
    assert counted["allowed"] > 100
    assert counted["refused"] > 300


@dataclasses.dataclass
class Answer:
    status: int
    body: str
    headers: dict
    decision: Decision | None = None
    page: str = ""

    @property
    def let_through(self):
        """The guard said yes, and the page began."""
        return self.decision is not None and self.decision.allowed and self.page != ""


async def answer(browser, method, cell, watched):
    """What the browser gets. Of a stream only how it begins."""
    watched.clear()
    headers = {"Origin": str(browser.client.make_url("/")).rstrip("/")} if method == "POST" else {}
    form = {"csrf": browser.csrf, **cell.form} if method == "POST" else None
    async with browser.client.request(
        method, cell.path, data=form, cookies=browser.cookies, headers=headers, allow_redirects=False
    ) as got:
        kept = {name: value for name, value in got.headers.items() if name not in ("Date", "Content-Length")}
        streams = got.content_type == "text/event-stream"
        body = "" if streams else (await got.read()).decode(errors="replace")
        if streams:
            got.close()
        return Answer(got.status, body, kept, watched.decision, watched.page)


def disagreement(cell, found, not_there):
    """What is wrong with an answer; "" if nothing is."""
    to_sign_in = found.status == 303 and found.headers["Location"].partition("?")[0] == SIGN_IN
    if found.status >= 500:
        return f"failed with {found.status}"
    if found.decision != Decision(cell.route.deed, cell.allowed):
        return f"should be decided {cell.allowed} for {cell.route.deed!r}; the guard: {found.decision}"
    if (found.page == cell.route.path) != cell.allowed:
        return f"the guard decided {cell.allowed}; the page that began: {found.page!r}"
    if not cell.allowed:
        if (found.status, found.body) != (404, not_there.body):
            return f"should be refused, and is {found.status}"
        return "" if found.headers == not_there.headers else "refused with other headers than an unknown case"
    if found.status in (403, 404, 405) or (to_sign_in and cell.route.path != "/console/sign-out"):
        return f"should be allowed; the page was reached, and answers {found.status}"
    return ""


def test_a_cell_counts_as_what_the_guard_decided():
    """A good answer does not make it allowed, a 404 does not make it refused."""
    route = next(one for one in all_routes() if one.of_a_case)
    not_there, fine = Answer(404, "nothing", {}), Answer(200, "a page", {})
    yes, no = Decision(route.deed, allowed=True), Decision(route.deed, allowed=False)

    def fault(found, *, allowed, decision=None, page=""):
        found = dataclasses.replace(found, decision=decision, page=page)
        return disagreement(Cell(route, route.path, allowed, ""), found, not_there)

    assert not fault(fine, allowed=True, decision=yes, page=route.path)
    assert not fault(not_there, allowed=False, decision=no)
    # let through, and the page says that something is not there: as little allowed as refused
    assert fault(not_there, allowed=True, decision=yes, page=route.path)
    assert fault(not_there, allowed=False, decision=yes, page=route.path)
    # it looks right, and the guard never decided, decided about something else, or was not listened to
    assert fault(fine, allowed=True, page=route.path)
    assert fault(not_there, allowed=False)
    assert fault(fine, allowed=True, decision=Decision("another deed", allowed=True), page=route.path)
    assert fault(not_there, allowed=False, decision=no, page=route.path)
    assert not dataclasses.replace(not_there, decision=no, page=route.path).let_through


def test_what_is_public_is_known():
    """A page before signing in is named here; every other one has a deed that `may` knows (`routes.route` asks)."""
    assert {(route.method, route.path) for route in all_routes() if route.deed == PUBLIC} == PUBLIC_PATHS


async def test_no_page_goes_around_the_guard(desk):
    """Everything below /console is a route with a decision, a file of `static/`, or the page for what is not there."""
    office, _ = desk
    known = {(route.method, route.path) for route in all_routes()}
    known |= {("HEAD", route.path) for route in all_routes() if route.method == "GET"}
    known |= {("*", "/console"), ("*", "/console/{nothing}")}
    for route in office.client.app.router.routes():
        path = route.resource.canonical
        if not path.startswith("/console/static/"):
            assert (route.method, path) in known


async def test_without_a_session_every_address_leads_to_sign_in(desk):
    """A stranger learns of no address whether it is one."""
    office, watched = desk
    paths = {(route.method, filled(route.path)) for route in all_routes() if route.deed != PUBLIC}
    for method, path in [*paths, ("GET", "/console/nothing"), ("GET", f"/console/cases/{UNKNOWN}")]:
        headers = {"Origin": str(office.client.make_url("/")).rstrip("/")} if method == "POST" else {}
        async with office.client.request(method, path, headers=headers, allow_redirects=False) as got:
            assert (got.status, got.headers["Location"].partition("?")[0]) == (303, SIGN_IN), path
        assert (watched.decision, watched.page) == (None, ""), path
