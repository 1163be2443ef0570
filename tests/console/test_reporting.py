"""Figures, workload and exports as pages: for supervisors, without a word of restricted cases."""

import csv
import io
import json
import re
import uuid
from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest

from storage import tables
from tests.cases.handmade import put

AUDIT, CASES = tables.audit_log, tables.cases
PAGES = ("/console/figures", "/console/workload", "/console/workload/none", "/console/exports",
         "/console/figures/time.svg", "/console/figures/subjects.svg", "/console/figures/answers.svg")  # fmt: skip


@pytest.fixture
async def sira(office):
    return await office.browser(await office.staff("Sira", "supervisor"))


async def deeds(office):
    return [(row.deed, row.detail) for row in await office.house.rows(AUDIT) if row.staff == "Sira"]


@pytest.mark.parametrize("role", ["agent", "protection", "editor", "administrator"])
async def test_they_are_for_supervisors(office, role):
    browser = await office.browser(await office.staff("Awa", role))
    for path in PAGES:
        assert (await browser.get(path))[0] == 404
    assert (await browser.post("/console/exports", {"format": "csv"}))[0] == 404


async def test_the_figures_of_a_month(office, sira):
    await put(office.house, 12, region="kayes")
    await put(office.house, 3, region="gao")
    await put(office.house, 20, region="sikasso")
    status, html = await sira.get("/console/figures?period=month")
    assert status == 200
    assert "&lt; 5" in html
    assert re.search(r"Kayes</text><text[^>]*>–<", html)  # the next smallest goes along with Gao's three
    assert re.search(r"Sikasso</text><text[^>]*>20<", html)
    assert html.count("<table") == html.count("<caption")
    assert "<script>" not in html
    assert "style=" not in html
    assert ("figures", "2026-11-01 to 2026-11-30") in await deeds(office)


async def test_restricted_cases_change_no_page(office, sira):
    """Not a letter of any page or chart."""
    await put(office.house, 9)
    before = [(await sira.get(path))[1] for path in PAGES]
    await put(office.house, 9, restricted=True, category="conduct", kind="complaint", region="kidal")
    after = [(await sira.get(path))[1] for path in PAGES]
    assert [_without_ids(one) for one in after] == [_without_ids(one) for one in before]


def _without_ids(page):
    """pygal names every chart anew."""
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "", page)


async def test_charts_are_pictures_that_do_nothing(office, sira):
    await put(office.house, 9)
    for path in PAGES[4:]:
        status, body = await sira.get(path)
        headers = sira.last.headers
        assert (status, headers["Content-Type"]) == (200, "image/svg+xml")
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["Cache-Control"] == "no-store"
        root = ET.fromstring(body)
        tags = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert "rect" in tags
        assert not tags & {"script", "foreignObject", "a", "image"}
        assert not re.search(r"\son\w+=", body)
        assert len(body) < 20_000


async def test_a_period_that_can_not_be_is_told(sira):
    status, html = await sira.get("/console/figures?period=days&from=2026-02-01&to=2026-01-01")
    assert status == 422
    assert "Ces jours ne vont pas ensemble" in html
    assert (await sira.get("/console/figures/time.svg?period=days&from=x"))[0] == 404


async def test_cases_change_hands(office, sira):
    """Those marked go to Oumar; what he may not see stays, and is named."""
    awa = await office.staff("Awa", "agent", regions=("kayes",))
    oumar = await office.staff("Oumar", "agent", regions=("gao",))
    (kayes,) = await put(office.house, assignee_id=uuid.UUID(awa.id), region="kayes")
    (gao,) = await put(office.house, assignee_id=uuid.UUID(awa.id), region="gao")
    status, html = await sira.get("/console/workload")
    assert status == 200
    assert f"/console/workload/{awa.id}" in html
    path = f"/console/workload/{awa.id}"
    status, html = await sira.get(path)
    assert kayes in html
    assert gao in html
    form = {"to": oumar.id, "all": "1", f"version-{kayes}": "1", f"version-{gao}": "1"}
    status, html = await sira.post(path, form)
    assert status == 409
    assert f"Attribués : {gao}" in html
    assert re.search(rf"restent où ils sont : {kayes}", html)
    assigned = {row.reference: row.assignee_id for row in await office.house.rows(CASES)}
    assert assigned == {kayes: uuid.UUID(awa.id), gao: uuid.UUID(oumar.id)}
    assert ("assign", "to Oumar") in await deeds(office)
    status, _ = await sira.post(path, {"to": "none", "case": kayes, f"version-{kayes}": "1"})
    assert (status, sira.last.headers["Location"]) == (303, "/console/workload?done=workload_given")
    status, html = await sira.get("/console/workload/none")
    assert kayes in html
    status, _ = await sira.post(path, {"to": oumar.id})
    assert sira.last.headers["Location"].endswith("done=workload_left")
    assert (await sira.get("/console/workload/0" * 3))[0] == 404


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("fr", ("réponse due demain 9\u00a0h", "en retard de 3 heures")),
        ("en", ("answer due tomorrow 9:00", "3 hours late")),
    ],
)
async def test_deadlines_are_told_as_in_the_inbox(office, language, words):
    """In words, late ones marked; nothing where somebody answered. An anonymous case tells the day alone."""
    now = office.house.now.replace(hour=9, minute=0, second=0, microsecond=0)
    office.house.now = now
    await put(office.house, due_at=now + timedelta(days=1))
    await put(office.house, due_at=now - timedelta(hours=3))
    await put(office.house, due_at=now + timedelta(days=1), owed=False)
    await put(office.house, due_at=(now + timedelta(days=1)).replace(hour=0), anonymous=True)
    sira = await office.browser(await office.staff("Sira", "supervisor", language=language))
    _, html = await sira.get("/console/workload/none")
    cells = re.findall(r'<td data-label="(?:Délai|Deadline)">(.*?)</td></tr>', html)
    due, late = words
    assert sorted(cells) == sorted([due, due.rpartition(" ")[0], f'<span class="badge bad">{late}</span>', ""])


async def test_somebody_else_was_faster(office, sira):
    awa = await office.staff("Awa", "agent")
    (reference,) = await put(office.house)
    await office.house.store.run(lambda conn: conn.execute(CASES.update().values(version=4)) and None)
    status, html = await sira.post(
        "/console/workload/none", {"to": awa.id, "case": reference, f"version-{reference}": "1"}
    )
    assert status == 409
    assert f"regardez de nouveau : {reference}" in html


async def test_an_export_is_downloaded_and_written_down(office, sira):
    await put(office.house, 6)
    status, html = await sira.get("/console/exports")
    assert (status, "#adm1+code" in html) == (200, True)
    month = {"period": "month", "format": "csv"}
    status, body = await sira.post("/console/exports", month)
    headers = sira.last.headers
    assert (status, headers["Content-Type"], headers["Cache-Control"]) == (200, "text/csv", "no-store")
    assert headers["Content-Disposition"] == 'attachment; filename="segin-2026-11-01-2026-11-30.csv"'
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert len(list(csv.reader(io.StringIO(body.removeprefix("\ufeff"))))) == 8
    assert ("export", "csv, 2026-11-01 to 2026-11-30, without identifiers, 6 rows") in await deeds(office)
    status, html = await sira.post("/console/exports", {**month, "identified": "1"})
    assert status == 422
    assert "Dites pourquoi" in html
    reason = {"identified": "1", "reason": "Rapprochement trimestriel"}
    status, body = await sira.post("/console/exports", {**month, **reason, "format": "json"})
    assert len(json.loads(body)["cases"]) == 6
    assert "reference" in json.loads(body)["hxl"]
    assert any("Rapprochement trimestriel" in detail for _, detail in await deeds(office))


async def test_an_export_of_too_few_is_refused_kindly(office, sira):
    await put(office.house, 4)
    status, html = await sira.post("/console/exports", {"period": "month", "format": "csv"})
    assert (status, "Moins de cinq dossiers" in html) == (422, True)
    assert not any(deed == "export" for deed, _ in await deeds(office))
    status, _ = await sira.post("/console/exports", {"period": "days", "format": "csv", "from": "x", "to": "y"})
    assert status == 422


async def test_nothing_is_handed_out_that_is_not_written_down(office, sira, monkeypatch):
    """The audit log can't be written: no file."""
    await put(office.house, 6)

    def broken(*_):
        raise RuntimeError("no audit")

    monkeypatch.setattr("bot.cases.exports.log_export", broken)
    status, body = await sira.post("/console/exports", {"period": "month", "format": "csv"})
    assert status >= 500
    assert "#adm1" not in body
