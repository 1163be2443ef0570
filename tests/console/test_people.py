"""Administrators say who works here and what they may; never about themselves, and nobody is let in unseen."""

import re

import pytest

from bot.staff import accounts
from storage import audit, tables

PEOPLE = "/console/people"


@pytest.fixture
async def awa(office):
    """An administrator, signed in."""
    return await office.browser(await office.staff("Awa", "administrator"))


async def deeds(office):
    return [(row.staff, row.deed, row.detail) for row in await office.house.rows(tables.audit_log)]


async def row_of(office, name):
    return next(row for row in await office.house.rows(tables.staff) if row.name == name)


def rights(row, **changed):
    """The form of an account."""
    form = {"version": row.version, "role": row.role, "region": list(row.regions), "office": row.office}
    return {**form, **({"cleared": "1"} if row.cleared else {}), **changed}


async def test_an_administrator_adds_somebody(office, awa):
    """The set-up code is shown once, and nowhere again."""
    form = {"name": "  Fatou   Keïta ", "role": "agent", "region": "kayes", "office": "Kayes"}
    status, html = await awa.post(f"{PEOPLE}/add", form)
    assert status == 200
    code = re.search(r'class="code">([a-z0-9-]{23})<', html)[1]
    row = await row_of(office, "Fatou Keïta")
    assert (row.role, row.regions, row.office, row.cleared, row.password) == ("agent", ["kayes"], "Kayes", False, None)
    for path in (PEOPLE, f"{PEOPLE}/{row.id.hex}"):
        _, html = await awa.get(path)
        assert "Fatou Keïta" in html
        assert code not in html
    assert ("Awa", "staff add", "Fatou Keïta: agent, cleared=False") in await deeds(office)


@pytest.mark.parametrize(
    "form",
    [
        {"name": "", "role": "agent"},
        {"name": "x" * 81, "role": "agent"},
        {"name": "awa", "role": "agent"},
        {"name": "Oumar", "role": "king"},
        {"name": "Oumar", "role": "agent", "region": "atlantis"},
        {"name": "Oumar", "role": "supervisor", "cleared": "1"},
        {"name": "Oumar", "role": "agent", "office": "x" * 81},
        {},
    ],
)
async def test_what_cannot_be_is_told(office, awa, form):
    """In words, and nothing is stored."""
    status, html = await awa.post(f"{PEOPLE}/add", form)
    assert status == 422
    assert "<h1>" in html
    assert len(await office.house.rows(tables.staff)) == 1


async def test_nobody_changes_their_own_rights(office, awa):
    """Nor disables or resets themselves: another administrator does."""
    mine = f"{PEOPLE}/{awa.staff.id}"
    row = await row_of(office, "Awa")
    for path, form in (
        (f"{mine}/change", rights(row, role="protection", cleared="1")),
        (f"{mine}/change", rights(row, role="supervisor")),
        (f"{mine}/disable", {}),
        (f"{mine}/reset", {}),
    ):
        assert (await awa.post(path, form))[0] == 422, path
    assert await row_of(office, "Awa") == row
    _, html = await awa.get(mine)
    assert "<form" not in html.partition("<main")[2]


async def test_clearing_somebody_is_seen_by_all_who_are_cleared(office, awa):
    """In the log, and on every page of theirs until they say that they saw it."""
    mariam = await office.browser(await office.staff("Mariam", "protection"))
    await office.staff("Oumar", "protection", cleared=False)
    office.house.later(minutes=1)
    assert "Oumar" not in (await mariam.get("/console/account"))[1]
    row = await row_of(office, "Oumar")
    assert (await awa.post(f"{PEOPLE}/{row.id.hex}/change", rights(row, cleared="1")))[0] == 303
    assert ("Awa", "staff clear", "Oumar") in await deeds(office)
    assert "Oumar, par Awa" in (await mariam.get("/console/account"))[1]
    oumar = await office.browser(await office.house.store.read(lambda conn: accounts.find_staff(conn, "Oumar")))
    assert "Oumar, par Awa" not in (await oumar.get("/console/account"))[1]  # not news to themself
    assert "Oumar, par" not in (await awa.get("/console/account"))[1]
    office.house.later(minutes=1)
    assert (await mariam.post("/console/account/told"))[0] == 303
    assert "Oumar" not in (await mariam.get("/console/account"))[1]
    assert ("Mariam", "told of cleared", "") in await deeds(office)


async def test_new_rights_count_at_once(office, awa):
    """Another role ends the sessions; a form that was open meanwhile is told."""
    fatou = await office.browser(await office.staff("Fatou", "supervisor"))
    row = await row_of(office, "Fatou")
    change = f"{PEOPLE}/{row.id.hex}/change"
    assert (await fatou.get("/console/account"))[0] == 200
    assert (await awa.post(change, rights(row, role="agent", region=["kayes"])))[0] == 303
    assert (await fatou.get("/console/account"))[0] == 303
    assert (await awa.post(change, rights(row, role="administrator")))[0] == 409
    assert (await row_of(office, "Fatou")).role == "agent"


async def test_disabling_is_at_once_and_comes_undone_with_a_new_code(office, awa):
    fatou = await office.browser(await office.staff("Fatou", "agent"))
    row = await row_of(office, "Fatou")
    one = f"{PEOPLE}/{row.id.hex}"
    assert (await awa.post(f"{one}/disable"))[0] == 303
    assert (await fatou.get("/console/account"))[0] == 303
    assert (await awa.post(f"{one}/reset"))[0] == 422
    status, html = await awa.post(f"{one}/enable")
    assert status == 200
    assert 'class="code"' in html
    row = await row_of(office, "Fatou")
    assert (row.disabled_at, row.password, row.setup_index is not None) == (None, None, True)
    assert [deed for _, deed, _ in await deeds(office)][-2:] == ["staff disable", "staff enable"]
    assert await office.house.store.read(audit.verify) is None


async def test_a_reset_ends_sessions_and_the_old_password(office, awa):
    fatou = await office.browser(await office.staff("Fatou", "agent", password="$argon2id$old"))
    row = await row_of(office, "Fatou")
    assert (await awa.post(f"{PEOPLE}/{row.id.hex}/reset"))[0] == 200
    assert (await fatou.get("/console/account"))[0] == 303
    assert (await row_of(office, "Fatou")).password is None
    assert ("Awa", "staff reset", "Fatou") in await deeds(office)


@pytest.mark.parametrize("path", ["nobody", "2209778737f4466aa6d6c583cda4b709"])
async def test_somebody_who_is_not_there(awa, path):
    """The page for what is not there."""
    assert (await awa.get(f"{PEOPLE}/{path}"))[0] == 404
    for deed in ("change", "disable", "enable", "reset"):
        assert (await awa.post(f"{PEOPLE}/{path}/{deed}", {"role": "agent"}))[0] == 404
