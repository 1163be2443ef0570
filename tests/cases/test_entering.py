"""Cases that staff enter for somebody: filed like any other, once, and kept from those who may not read them."""

import uuid
from dataclasses import replace

import pytest

from bot.cases import entering, numbers
from bot.cases.desk import NoSuchCase, NotPossible
from bot.cases.entering import Entry
from bot.staff import accounts
from storage import audit, tables
from tests.cases.test_desk import at
from tests.people import House, real_library, texts

CASES, AUDIT, MESSAGES = tables.cases, tables.audit_log, tables.case_messages
UNNAMED = Entry("walk_in", "delay", "Elle attend sa carte.", region="kayes", language="bm")
NAMED = Entry(
    "hotline", "conduct", "On demande de l'argent.", anonymous=False, region="kayes", language="fr", name="Sira Cissé",
    phone="70 11 22 33", reach="other", consented=True,
)  # fmt: skip


@pytest.fixture
def house(store, keyring):
    return House(store, keyring, real_library())


@pytest.fixture
async def awa(house):
    return await member(house, "Awa", "agent")


async def member(house, name, role):
    def add(conn):
        accounts.add_staff(conn, name, role, cleared=role == "protection", regions=(), now=house.now)
        return accounts.find_staff(conn, name)

    return await house.store.run(add)


async def enter(house, staff, entry, token="one form"):
    return await at(house, staff, lambda desk: entering.enter(desk, entry, token, house.library))


async def test_an_ordinary_case_without_a_name(house, awa):
    """Reference, deadline and receipt as from the chat; the day alone, no language; the receipt opens it."""
    entered = await enter(house, awa, UNNAMED)
    (row,) = await house.rows(CASES)
    category = house.library.categories["delay"]
    assert (row.reference, row.entry, row.region, row.status) == (entered.reference, "walk_in", "kayes", "new")
    assert (row.contact_id, row.language, row.channel, row.in_chat) == (None, None, None, False)
    assert {at.hour for at in (row.opened_at, row.due_at, row.last_step_at, row.heard_at)} == {0}
    assert row.due_at.date() == (house.now + category.reply_within).date()
    assert numbers.read_receipt(entered.receipt) == entered.receipt
    await house.consent("eve")
    told = await house.talk("eve", "mon reçu", "2", entered.receipt)
    assert f"Demande {row.reference} : reçue" in " ".join(texts(told))


async def test_the_log_does_not_join_an_anonymous_case_and_an_hour(house, awa):
    """Who entered something is known, not which case; with a name it is."""
    await enter(house, awa, UNNAMED)
    await enter(house, awa, NAMED, "another form")
    named = next(row for row in await house.rows(CASES) if not row.anonymous)
    told = [(row.deed, row.case_id, row.detail) for row in await house.rows(AUDIT) if row.deed == "enter"]
    assert told == [("enter", None, "walk_in"), ("enter", named.id, "hotline")]
    assert await house.store.read(audit.verify) is None


async def test_whoever_enters_a_restricted_case_may_not_read_it(house, awa):
    """The agent gets the paper and no way back to the case; those who are cleared read it, with the words agreed to."""
    entered = await enter(house, awa, NAMED)
    assert entered.restricted
    assert not await at(house, awa, lambda desk: entering.sees(desk, entered.reference))
    with pytest.raises(NoSuchCase):
        await at(house, awa, lambda desk: desk.show(entered.reference))
    reader = await member(house, "Mariam", "protection")
    assert await at(house, reader, lambda desk: entering.sees(desk, entered.reference))
    opened = await at(house, reader, lambda desk: opened_thread(desk, entered.reference))
    assert opened[0]["story"] == {
        "name": "Sira Cissé", "account": "On demande de l'argent.", "reach": "other", "phone": "70 11 22 33",
    }  # fmt: skip
    consent = opened[1]
    assert (consent["event"], consent["language"]) == ("consented", "fr")
    assert consent["words"].startswith("Pour vous répondre, nous devons garder votre nom")


def opened_thread(desk, reference):
    row = desk.find(reference, "see")
    found = desk.conn.execute(MESSAGES.select().where(MESSAGES.c.case_id == row.id).order_by(MESSAGES.c.position)).all()
    return [entering.filing.open_body(desk.key(row), one.id, one.body) for one in found]


async def test_who_is_named_in_it_does_not_see_it(house, awa):
    """Exclusion works by this road, too; the person's own name excludes nobody."""
    accused = await member(house, "Oumar Keïta", "protection")
    same_name = await member(house, "Sira Cissé", "protection")
    entered = await enter(house, awa, replace(NAMED, account="Oumar Keita demande de l'argent."))
    assert not await at(house, accused, lambda desk: entering.sees(desk, entered.reference))
    assert await at(house, same_name, lambda desk: entering.sees(desk, entered.reference))


async def test_a_form_sent_twice_files_once(house, awa):
    """The same paper comes again; another form, or another member of staff, makes another case."""
    first = await enter(house, awa, UNNAMED)
    house.later(minutes=3)
    again = await enter(house, awa, replace(UNNAMED, account="Autre chose."))
    assert (again.reference, again.receipt) == (first.reference, first.receipt)
    assert await house.count(CASES) == 1
    assert await house.count(AUDIT, AUDIT.c.deed == "enter") == 1
    other = await member(house, "Ben", "agent")
    seen = {first.receipt}
    for staff, token in ((awa, "two"), (other, "one form")):
        seen.add((await enter(house, staff, UNNAMED, token)).receipt)
    assert len(seen) == await house.count(CASES) == 3


@pytest.mark.parametrize("entry", [NAMED, replace(UNNAMED, category="conduct")], ids=["named", "unnamed"])
async def test_the_paper_of_a_restricted_case_is_not_shown_again_later(house, awa, entry, monkeypatch):
    """A press twice shows it; later the form of somebody who may not see the case shows nothing, and files nothing."""
    clock = [1_800_000_000.0]
    monkeypatch.setattr(entering.time, "time", lambda: clock[0])
    token = entering.new_token()
    clock[0] += 15 * 60
    first = await enter(house, awa, entry, token)
    assert (await enter(house, awa, entry, token)).receipt == first.receipt
    clock[0] += 16 * 60
    with pytest.raises(NotPossible, match="deux fois"):
        await enter(house, awa, entry, token)
    opened = token.partition(".")[0]
    with pytest.raises(NotPossible, match="deux fois"):
        await enter(house, awa, entry, token)
    forged = token.replace(opened, f"{int(clock[0]):x}")
    assert (await enter(house, awa, entry, forged)).receipt != first.receipt  # another form, another case
    assert await house.count(CASES) == 2


async def test_who_may_see_the_case_sees_its_paper_again(house, monkeypatch):
    """Somebody cleared who entered it themselves."""
    clock = [1_800_000_000.0]
    monkeypatch.setattr(entering.time, "time", lambda: clock[0])
    mariam, token = await member(house, "Mariam", "protection"), entering.new_token()
    first = await enter(house, mariam, NAMED, token)
    clock[0] += 86_400
    assert (await enter(house, mariam, NAMED, token)).receipt == first.receipt


async def test_nothing_of_a_person_is_in_plain_bytes(house, awa):
    """Name, number and account are sealed; the receipt is nowhere."""
    entered = await enter(house, awa, NAMED)
    for table in (CASES, MESSAGES, AUDIT):
        plain = str([tuple(row) for row in await house.rows(table)])
        for secret in ("Cissé", "70 11", "argent", entered.receipt, "one form"):
            assert secret not in plain


WRONG = {
    "way": replace(UNNAMED, way="pigeon"),
    "category": replace(UNNAMED, category="nonsense"),
    "region": replace(UNNAMED, region="atlantis"),
    "language": replace(UNNAMED, language="tlh"),
    "account": replace(UNNAMED, account=" \n"),
    "too long": replace(UNNAMED, account="a" * 9000),
    "a name after all": replace(UNNAMED, name="Sira"),
    "a number after all": replace(UNNAMED, phone="70"),
    "a way to reach after all": replace(UNNAMED, reach="visit"),
    "no consent": replace(NAMED, consented=False),
    "no way to reach": replace(NAMED, reach=""),
    "no number to reach": replace(NAMED, phone=" "),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_what_can_not_be_filed(house, awa, wrong):
    """A kind word, and nothing is stored."""
    with pytest.raises(NotPossible) as error:
        await enter(house, awa, WRONG[wrong])
    assert str(error.value).endswith(".")
    assert await house.count(CASES) == await house.count(AUDIT, AUDIT.c.deed == "enter") == 0


async def test_without_a_form_of_ours(house, awa):
    """No token, no case; nor does the command line enter any."""
    from bot.cases.may import OPERATOR  # noqa: PLC0415 - only here

    for staff, token in ((awa, ""), (OPERATOR, "one form")):
        with pytest.raises(NotPossible):
            await enter(house, staff, UNNAMED, token)


def test_receipts_of_forms_are_receipts():
    """Always 16 digits with their check, whatever the secret bytes."""
    for secret in (bytes(32), b"\xff" * 32, uuid.uuid4().bytes * 2):
        assert numbers.read_receipt(numbers.receipt_of(secret)) is not None


async def test_a_number_that_somebody_has_is_not_given_again(house, awa, monkeypatch):
    """Drawn by chance, a number may be taken: another one is drawn, and both cases stay as they are."""
    first = await enter(house, awa, UNNAMED)
    drawn = iter([first.reference, first.reference, "ML-0000-07"])
    monkeypatch.setattr("bot.cases.numbers.new_reference", lambda: next(drawn))
    second = await enter(house, awa, UNNAMED, "another form")
    assert second.reference == "ML-0000-07"
    rows = await house.rows(CASES)
    assert sorted(row.reference for row in rows) == sorted([first.reference, "ML-0000-07"])
    assert len({row.data_key for row in rows}) == 2
