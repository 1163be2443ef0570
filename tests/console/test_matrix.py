"""The matrix: every route × role, cleared or not × region × sensitivity × exclusion, asked for by HTTP.

What is expected comes from `may` alone, with facts this test planted; what is found is the answer of the page. Refused
means: the very page of an unknown reference. Every change is rolled back, so that each cell finds the same cases.
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

from bot.cases.desk import Desk, NoSuchCase
from bot.cases.may import ROLES, Seen, may
from bot.console import mount as mounting
from bot.console.asking import SIGN_IN, Console
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
FRESH = "00000000000000000000000000000000"  # fills what an address names besides the case, if nothing of it is planted


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


def cells(staff, cases, files):
    """Every request that this person could make."""
    for route in all_routes():
        if route.deed == PUBLIC:
            continue
        if not route.of_a_case:
            yield Cell(route, filled(route.path, staff_id=staff.id), may(staff, route.deed), "")
            continue
        for (restricted, exclusion), row in cases.items():
            path = filled(route.path, reference=row.reference, file=files[row.id])
            seen = Seen(restricted, "kayes", excluded=exclusion != "no")
            allowed = may(staff, "see", seen) and may(staff, route.deed, seen)
            yield Cell(route, path, allowed, f"restricted={restricted} excluded={exclusion}")


def filled(path, **known):
    """The address with all that it names."""
    for part in path.split("/"):
        if part.startswith("{"):
            name = part.strip("{}").partition(":")[0]
            path = path.replace(part, known.get(name, FRESH))
    return path


@pytest.fixture
async def desk(store, keyring, monkeypatch):
    """An office that notes which pages were reached and which cases refused; nothing that is done there stays."""
    house = House(store, keyring, real_library())
    rendering = Rendering(ROOT / "locales", lambda: house.library.organisation.timezone)
    console = Console(Rehearsal(store), keyring, Fixed(house.library), Settings(), lambda: house.now, rendering)
    reached = []

    def noting(route):
        async def page(ask):
            reached.append(route.path)
            return await route.page(ask)

        return dataclasses.replace(route, page=page)

    find = Desk.find

    def finding(desk, *given, **more):
        try:
            return find(desk, *given, **more)
        except NoSuchCase:
            reached.append(NoSuchCase)
            raise

    monkeypatch.setattr(Desk, "find", finding)
    monkeypatch.setattr(mounting, "all_routes", lambda: tuple(map(noting, all_routes())))
    app = web.Application()
    mount(app, console)
    async with TestClient(TestServer(app), cookie_jar=DummyCookieJar()) as client:
        yield Office(house, client, console), reached


@pytest.mark.timeout(300)
async def test_every_page_answers_as_may_decides(desk, database_kind, record_property):
    """All cells on SQLite, every seventh on PostgreSQL."""
    office, reached = desk
    cases = await planted(office)
    files = {row.id: await with_file(office.house, row) for row in cases.values()}
    staff = await people(office, cases)
    began, counted, wrong, everything, number = time.monotonic(), Counter(), [], database_kind == "sqlite", 0
    for kind, one in staff.items():
        browser = await office.browser(one)
        not_there = {}
        for method in ("GET", "POST"):
            not_there[method] = await answer(browser, method, f"/console/cases/{UNKNOWN}", reached)
        assert not_there["GET"].status == 404
        for cell in cells(one, cases, files):
            number += 1
            if not everything and number % 7:  # divides neither the people nor the cases: all kinds come along
                continue
            found = await answer(browser, cell.route.method, cell.path, reached)
            fault = disagreement(cell, found, not_there["GET"])
            counted["allowed" if cell.allowed else "refused"] += 1
            if fault:
                wrong.append(f"{cell.route.method} {cell.route.path} for {kind} {cell.name}: {fault}")
    routes = sum(1 for route in all_routes() if route.deed != PUBLIC)
    record_property(
        "matrix",
        f"{database_kind}: {counted.total()} cells ({routes} routes × {len(staff)} people by role, cleared, region × "
        f"6 cases by sensitivity, exclusion): {counted['allowed']} allowed, {counted['refused']} refused, "
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
    reached: bool
    refused: bool  # `Desk.find` said that there is no such case


async def answer(browser, method, path, reached):
    """What the browser gets. Of a stream only how it begins."""
    reached.clear()
    headers = {"Origin": str(browser.client.make_url("/")).rstrip("/")} if method == "POST" else {}
    form = {"csrf": browser.csrf} if method == "POST" else None
    async with browser.client.request(
        method, path, data=form, cookies=browser.cookies, headers=headers, allow_redirects=False
    ) as got:
        kept = {name: value for name, value in got.headers.items() if name not in ("Date", "Content-Length")}
        streams = got.content_type == "text/event-stream"
        body = "" if streams else (await got.read()).decode(errors="replace")
        if streams:
            got.close()
        return Answer(got.status, body, kept, any(one is not NoSuchCase for one in reached), NoSuchCase in reached)


def disagreement(cell, found, not_there):
    """What is wrong with an answer; "" if nothing is."""
    to_sign_in = found.status == 303 and found.headers["Location"].partition("?")[0] == SIGN_IN
    if found.status >= 500:
        return f"failed with {found.status}"
    if not cell.allowed:
        if (found.status, found.body) != (404, not_there.body):
            return f"should be refused, and is {found.status}"
        return "" if found.headers == not_there.headers else "refused with other headers than an unknown case"
    if not found.reached:
        return f"should be allowed, and is {found.status}"
    if found.status == 404 and not found.refused and (FRESH in cell.path or cell.route.method == "POST"):
        return ""  # allowed, but what the address or the empty form names besides the case is not there
    if found.status in (403, 404, 405) or (to_sign_in and cell.route.path != "/console/sign-out"):
        return f"should be allowed; the page was reached, and answers {found.status}"
    return ""


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
    office, reached = desk
    paths = {(route.method, filled(route.path)) for route in all_routes() if route.deed != PUBLIC}
    for method, path in [*paths, ("GET", "/console/nothing"), ("GET", f"/console/cases/{UNKNOWN}")]:
        headers = {"Origin": str(office.client.make_url("/")).rstrip("/")} if method == "POST" else {}
        async with office.client.request(method, path, headers=headers, allow_redirects=False) as got:
            assert (got.status, got.headers["Location"].partition("?")[0]) == (303, SIGN_IN), path
    assert not reached
