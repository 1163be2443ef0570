"""The inbox in a browser: what one sees, finds, takes and gives."""

import re
import uuid

import pytest
from sqlalchemy import insert, select

from bot.cases import search
from bot.cases.desk import Desk
from storage import tables
from tests.cases.test_desk import anonymous, ordinary, restricted, row_of

CASES, AUDIT = tables.cases, tables.audit_log


def listed(html):
    """The references in a list, in order."""
    return re.findall(r'id="c-([^"]+)"', html)


async def change(office, reference, **columns):
    where = CASES.c.reference == reference
    await office.house.store.run(lambda conn: conn.execute(CASES.update().where(where).values(**columns)) and None)


async def deeds(office):
    return [(row.staff, row.deed, row.detail) for row in await office.house.rows(AUDIT) if "staff" not in row.deed]


async def test_a_row_says_it_in_words(office):
    """Category, region, status, deadline, channel; who has it; nothing of the story."""
    reference = await ordinary(office.house)
    await change(office, reference, region="kayes")
    b = await office.browser(await office.staff("Awa", "agent"))
    status, html = await b.get("/console?view=unassigned")
    assert status == 200
    assert listed(html) == [reference]
    for words in (
        "Demande à parler à une personne",
        "Kayes",
        "nouveau",
        "réponse due samedi 9\u00a0h\u00a017",
        "Prendre",
    ):
        assert words in html
    assert "six mois" not in html
    office.house.later(days=7)
    b = await office.browser(b.staff)
    assert "en retard de 2 jours" in (await b.get("/console?view=overdue"))[1]


async def test_the_same_in_english(office):
    """The category in the words of editors; the hour as English has it."""
    await ordinary(office.house)
    b = await office.browser(await office.staff("Awa", "agent", language="en"))
    _, html = await b.get("/console?view=unassigned")
    assert office.house.library.words("categories:person", "en") in html
    assert "9:17" in html


async def test_an_anonymous_case_tells_the_day_alone(office):
    """No hour anywhere."""
    reference = await anonymous(office.house)
    b = await office.browser(await office.staff("Awa", "agent"))
    _, html = await b.get("/console?view=unassigned")
    assert listed(html) == [reference]
    assert "sans nom" in html
    assert "réponse due samedi<" in html


async def test_what_is_restricted_is_not_there_for_others(office):
    """No row, no count, no view, no category to filter by, no find; the same page as without it."""
    supervisor = await office.browser(await office.staff("Salif", "supervisor"))
    _, before = await supervisor.get("/console?view=open")
    _, sought = await supervisor.post("/console/search", {"words": "AAA-AAAA"})
    reference = await restricted(office.house)
    _, after = await supervisor.get("/console?view=open")
    assert after == before
    assert "Restreints" not in after
    assert office.house.library.words("categories:conduct", "fr").replace("'", "&#39;") not in after
    _, found = await supervisor.post("/console/search", {"words": reference})
    assert found.replace(reference, "AAA-AAAA") == sought
    cleared = await office.browser(await office.staff("Mariam", "protection"))
    _, html = await cleared.get("/console?view=restricted")
    assert listed(html) == [reference]
    assert "restreint" in html
    assert "Restreints <b>1</b>" in html


async def test_somebody_named_in_a_case_does_not_see_it(office):
    """By account, and by office."""
    reference = await restricted(office.house)
    case = await row_of(office.house, reference)
    named = await office.staff("Mariam", "protection")
    at_office = await office.staff("Nene", "protection", office="Kayes")
    other = await office.staff("Oumou", "protection", office="Gao")

    def exclude(conn):
        for who, where in ((uuid.UUID(named.id), None), (None, "Kayes")):
            row = {"id": uuid.uuid4(), "case_id": case.id, "staff_id": who, "office": where}
            conn.execute(insert(tables.exclusions), row)

    await office.house.store.run(exclude)
    for staff, seen in ((named, []), (at_office, []), (other, [reference])):
        b = await office.browser(staff)
        assert listed((await b.get("/console?view=restricted"))[1]) == seen


@pytest.mark.parametrize("role", ["editor", "administrator"])
async def test_who_works_on_no_cases_has_no_list(office, role):
    """As for anything that is not there."""
    b = await office.browser(await office.staff("X", role))
    for path in ("/console", "/console/live"):
        assert (await b.get(path))[0] == 404
    assert (await b.post("/console/search", {"words": "x"}))[0] == 404


async def test_a_list_is_logged_once_and_its_renewal_is_not(office):
    """Whoever opens it is in the log; the list that renews itself every few seconds is not."""
    b = await office.browser(await office.staff("Awa", "agent"))
    await b.get("/console")
    status, html = await b.get("/console", **{"HX-Request": "true", "Accept": "text/event-stream"})
    assert status == 200
    assert "<html" not in html
    assert 'id="list"' in html
    assert await deeds(office) == [("Awa", "list", "")]


async def test_a_list_that_was_not_opened_is_no_renewal(office):
    """Whoever writes the header of a renewal themselves is in the log: once for each view, and again after a while."""
    b = await office.browser(await office.staff("Awa", "agent"))
    for path, times in (("/console", 1), ("/console?view=open", 2), ("/console?view=open", 2)):
        assert (await b.get(path, **{"HX-Request": "true"}))[0] == 200
        assert len(await deeds(office)) == times
    other = await office.browser(b.staff)
    await other.get("/console", **{"HX-Request": "true"})
    assert len(await deeds(office)) == 3
    for minutes in (8, 8):
        office.house.later(minutes=minutes)
        await b.get("/console/account")
    await b.get("/console", **{"HX-Request": "true"})
    assert len(await deeds(office)) == 4


async def test_a_renewal_keeps_no_session_alive(office):
    """Who walked away is signed out, though the page went on asking."""
    b = await office.browser(await office.staff("Awa", "agent"))
    for _ in range(4):
        office.house.later(minutes=4)
        status, _ = await b.get("/console", **{"HX-Request": "true", "Accept": "text/html, text/event-stream"})
    assert status == 204
    assert b.last.headers["HX-Redirect"] == "/console/sign-in"


async def test_search_words_stand_in_no_address_and_no_log(office):
    """They come by POST, and the log says only that somebody searched."""
    reference = await ordinary(office.house)
    case = await row_of(office.house, reference)
    staff = await office.staff("Salif", "supervisor")
    keyring = office.house.keyring
    await office.house.store.run(
        lambda conn: search.index(Desk(conn, keyring, staff, office.house.now), case, "Traoré à Diéma")
    )
    b = await office.browser(staff)
    status, html = await b.post("/console/search", {"words": "diema traore"})
    assert (status, listed(html)) == (200, [reference])
    assert not re.search(r'(?:href|action|hx-get|data-live)="[^"]*diema', html)
    assert await deeds(office) == [("Salif", "search", "")]
    assert (await b.get("/console/search"))[0] in (404, 405)


async def test_a_whole_reference_leads_to_the_case(office):
    """Its beginning lists it."""
    reference = await ordinary(office.house)
    b = await office.browser(await office.staff("Awa", "agent"))
    assert (await b.post("/console/search", {"words": reference.lower()}))[0] == 303
    assert b.last.headers["Location"] == f"/console/cases/{reference}"
    status, html = await b.post("/console/search", {"words": reference[:5]})
    assert (status, listed(html)) == (200, [reference])


@pytest.mark.parametrize("words", ["", " ", "a", "\0", "<script>", "x" * 5_000, "%' OR 1=1"])
async def test_odd_searches_are_answered_kindly(office, words):
    """Whatever is typed."""
    b = await office.browser(await office.staff("Awa", "agent"))
    status, html = await b.post("/console/search", {"words": words, "page": "99999999"})
    assert status == 200
    assert "<script>" not in html.replace('<script src="', "")


async def test_take_and_let_go_come_back_to_the_list(office):
    """With its view and filters, and nothing else."""
    reference = await ordinary(office.house)
    b = await office.browser(await office.staff("Awa", "agent"))
    version = str((await row_of(office.house, reference)).version)
    back = "view=unassigned&region=kayes&evil=//x"
    assert (await b.post(f"/console/cases/{reference}/take", {"version": version, "back": back}))[0] == 303
    assert b.last.headers["Location"] == "/console?view=unassigned&region=kayes&done=taken"
    assert (await row_of(office.house, reference)).assignee_id.hex == b.staff.id
    assert listed((await b.get("/console?view=mine"))[1]) == [reference]
    assert (await b.post(f"/console/cases/{reference}/let-go", {"version": version}))[0] == 409
    assert (await b.post(f"/console/cases/{reference}/let-go", {"back": "case"}))[0] == 303
    assert b.last.headers["Location"] == f"/console/cases/{reference}?done=let-go"
    assert [deed for _, deed, _ in await deeds(office) if deed != "list"] == ["take", "let go"]


async def test_many_are_assigned_together(office):
    """Done, and back to the list; what could not be is told by name."""
    one = await ordinary(office.house, "awa")
    office.house.later(minutes=1)
    two = await ordinary(office.house, "binta")
    await change(office, two, region="gao")
    awa = await office.staff("Awa", "agent", regions=("kayes",))
    b = await office.browser(await office.staff("Salif", "supervisor"))
    _, html = await b.get("/console?view=unassigned")
    ticks = re.findall(r'name="case" value="([^"]+)"', html)
    assert len(ticks) == 2
    status, html = await b.post("/console/assign", {"to": awa.id, "case": ticks, "back": "view=unassigned"})
    assert status == 200
    assert f"Attribués à Awa : {one}" in " ".join(html.split())
    assert "Awa ne peut pas voir ces dossiers" in html
    assert two in html
    assert [(await row_of(office.house, each)).assignee_id is not None for each in (one, two)] == [True, False]
    assert ("Salif", "assign", "to Awa") in await deeds(office)
    status, html = await b.post(
        "/console/assign", {"to": "nobody", "case": ticks}
    )  # their versions are old for the first
    assert f'<a href="/console/cases/{one}">' in html
    status, _ = await b.post("/console/assign", {"to": "nobody", "back": "view=mine"})
    assert (status, b.last.headers["Location"]) == (303, "/console?view=mine&done=none-ticked")
    for whom in ("", "nobody I know"):
        assert (await b.post("/console/assign", {"to": whom, "case": ticks}))[0] == 422


async def test_an_agent_assigns_nobody_else(office):
    """No ticks, no list of colleagues, and the address is not there."""
    reference = await ordinary(office.house)
    b = await office.browser(await office.staff("Awa", "agent"))
    _, html = await b.get("/console?view=unassigned")
    assert 'name="case"' not in html
    assert 'id="to"' not in html
    for path in ("/console/assign", f"/console/cases/{reference}/assign"):
        assert (await b.post(path, {"to": b.staff.id, "case": f"{reference}:1"}))[0] == 404


async def test_an_agent_is_offered_their_regions(office):
    """Filters do not tell of what is not theirs."""
    b = await office.browser(await office.staff("Awa", "agent", regions=("gao",)))
    _, html = await b.get("/console")
    assert 'value="gao"' in html
    assert 'value="kayes"' not in html


async def test_a_full_page_is_small(office):
    """Fifty rows, with everything around them, are far below 100 kB."""
    reference = await ordinary(office.house)
    row = dict((await row_of(office.house, reference))._mapping)
    many = [
        {
            **row,
            "id": uuid.uuid4(),
            "reference": f"KAA-{n:04}",
            "receipt_index": str(n).encode(),
            "region": "tombouctou",
        }
        for n in range(120)
    ]
    await office.house.store.run(lambda conn: conn.execute(insert(CASES), many) and None)
    b = await office.browser(await office.staff("Salif", "supervisor"))
    _, html = await b.get("/console?view=open&page=2")
    assert len(listed(html)) == 50
    assert len(html.encode()) < 60_000
    assert "Page précédente" in html
    assert "Page suivante" in html
    assert "<b>99+</b>" in html


async def test_the_page_names_its_keys_and_things(office):
    """A dialog with the keys, a visible link to it, a live note, labels for all fields."""
    b = await office.browser(await office.staff("Salif", "supervisor"))
    _, html = await b.get("/console")
    assert 'id="keys"' in html
    assert 'id="show-keys"' in html
    assert 'aria-live="polite"' in html
    named = set(re.findall(r'<label for="([^"]+)"', html))
    fields = re.findall(r'<(?:select|input)(?![^>]*type="hidden")[^>]*\bid="([^"]+)"', html)
    assert set(fields) - named == set()


async def test_nobody_learns_of_a_case_by_taking_it(office):
    """Unknown and not mine look alike."""
    hidden = await restricted(office.house)
    b = await office.browser(await office.staff("Awa", "agent"))
    answers = {await _text(b, f"/console/cases/{one}/take", one) for one in (hidden, "KAA-2222")}
    assert len(answers) == 1
    assert await office.house.store.read(lambda conn: conn.scalars(select(CASES.c.assignee_id)).all()) == [None]


async def _text(b, path, reference):
    status, html = await b.post(path)
    assert status == 404
    return html.replace(reference, "")
