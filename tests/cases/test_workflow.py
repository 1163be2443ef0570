"""The way of a case: deeds of staff, what the person is told, and what they say to "is it settled?"."""

from datetime import timedelta

import pytest

from bot.cases import retention, settling, statuses, workflow
from bot.cases.desk import Changed, NoSuchCase, NotPossible
from bot.cases.may import Staff
from storage import audit, tables
from tests.cases.test_desk import AGENT, READER, anonymous, at, ordinary, restricted, row_of
from tests.people import House, Windowed, real_library, texts

CASES, OUTBOX, AUDIT, MESSAGES = tables.cases, tables.outbox, tables.audit_log, tables.case_messages
BOSS = Staff("", "Fanta", "supervisor")
QUESTION = "Est-ce réglé ?"


@pytest.fixture
def house(store, keyring):
    return House(store, keyring, real_library())


async def do(house, deed, reference, *more, staff=READER, **named):
    """One deed of the workflow."""
    return await at(house, staff, lambda desk: deed(desk, reference, *more, **named))


async def resolve(house, reference, words="", staff=READER):
    return await do(house, workflow.resolve, reference, house.library, words, staff=staff)


async def said_since(house, address, before, channel=None):
    return [one.message for one in await house.waiting(address, before, channel)]


async def last(house, address):
    return (await house.contact(address)).last_seq


async def events(house, reference):
    """What stands in the thread as lines of nobody."""
    row = await row_of(house, reference)
    found = []
    for message in await house.rows(MESSAGES):
        if message.case_id == row.id and message.author == "system":
            body = await at(
                house, READER, lambda desk, m=message: workflow.filing.open_body(desk.key(row), m.id, m.body)
            )
            found.append((message.position, body))
    return [body for _, body in sorted(found, key=lambda one: one[0])]


# ---------------------------------------------------------------- deeds of staff


async def test_a_case_goes_its_way(house):
    """From new to closed and back, each deed audited, each making a new version."""
    reference = await ordinary(house)
    lib = house.library
    way = [
        (workflow.acknowledge, (lib,), "acknowledged"), (workflow.start, (), "in_progress"),
        (workflow.wait, (), "waiting"), (workflow.start, (), "in_progress"),
        (workflow.resolve, (lib,), "resolved"), (workflow.close, ("no_answer",), "closed"),
        (workflow.reopen, (lib, "Elle a rappelé."), "reopened"),
    ]  # fmt: skip
    for number, (deed, more, status) in enumerate(way):
        before = await row_of(house, reference)
        assert before.version == number + 1
        await do(house, deed, reference, *more, version=before.version, staff=AGENT)
        assert (await row_of(house, reference)).status == status
    assert [row.deed for row in await house.rows(AUDIT)] == [
        "acknowledge", "start", "ask", "start", "resolve", "close", "reopen",
    ]  # fmt: skip
    assert "rappelé" not in str([tuple(row) for row in await house.rows(AUDIT)])
    assert await house.store.read(audit.verify) is None


async def test_the_later_of_two_is_told(house):
    """What somebody did from an old page is not stored."""
    reference = await ordinary(house)
    await do(house, workflow.start, reference, version=1)
    with pytest.raises(Changed):
        await do(house, workflow.wait, reference, version=1)
    assert (await row_of(house, reference)).status == "in_progress"


async def test_what_the_table_lacks_can_not_be_done(house):
    """A kind refusal, and nothing is stored or logged."""
    reference = await ordinary(house)
    with pytest.raises(NotPossible):
        await do(house, workflow.reopen, reference, house.library, "Encore.")
    with pytest.raises(NotPossible):
        await do(house, workflow.close, reference, "because")
    assert (await row_of(house, reference)).version == 1
    assert await house.count(AUDIT) == 0


async def test_the_ends_of_a_case_are_told_apart(house):
    """Moments and outcome are kept, and gone once it is open again, with a new deadline."""
    reference = await ordinary(house)
    first = (await row_of(house, reference)).due_at
    house.later(days=10)
    await resolve(house, reference, "C'est fait.")
    row = await row_of(house, reference)
    assert (row.resolved_at, row.answered_at, row.first_answer_at) == (house.now,) * 3
    await do(house, workflow.close, reference, "withdrawn")
    row = await row_of(house, reference)
    assert (row.outcome, row.closed_at) == ("withdrawn", house.now)
    await do(house, workflow.reopen, reference, house.library, "Encore.")
    row = await row_of(house, reference)
    assert (row.outcome, row.closed_at, row.resolved_at) == (None, None, None)
    assert row.due_at > house.now > first


async def test_somebody_read_it(house):
    """Of an ordinary case the chat is told, without its topic; of a restricted one nothing."""
    reference, hidden = await ordinary(house), await restricted(house)
    before = {name: await last(house, name) for name in ("awa", "ali")}
    await do(house, workflow.acknowledge, reference, house.library)
    await do(house, workflow.acknowledge, hidden, house.library)
    assert [one.text for one in await said_since(house, "awa", before["awa"])] == ["Une personne a lu votre message."]
    assert await said_since(house, "ali", before["ali"]) == []


async def test_nothing_is_said_by_the_way_into_a_closed_window(house):
    """A template that says only "you have a message" is not worth "somebody read it"."""
    channel = Windowed()
    await house.consent("awa", channel)
    await house.talk("awa", "personne", "autre chose", "Six mois.", channel=channel)
    (row,) = await house.rows(CASES)
    house.later(days=2)
    before = await house.count(OUTBOX)
    await do(house, workflow.acknowledge, row.reference, house.library)
    assert await house.count(OUTBOX) == before
    assert (await row_of(house, row.reference)).status == "acknowledged"


# ---------------------------------------------------------------- is it settled?


async def test_the_person_says_yes(house):
    """One message with the answer and the question; yes closes the case as settled, once."""
    reference = await ordinary(house)
    before = await last(house, "awa")
    assert await resolve(house, reference, "Un foyer a une place.") == "chat"
    (asked,) = await said_since(house, "awa", before)
    assert asked.text == f"Une personne vous répond :\nUn foyer a une place.\n{QUESTION}"
    yes, no = (button.tap for button in asked.options)
    assert max(len(yes), len(no)) <= 64
    told = await house.hear("awa", f"tap {yes}")
    assert texts(told)[-1].startswith("Merci.")
    row = await row_of(house, reference)
    assert (row.status, row.outcome, row.settled, row.closed_at) == ("closed", "settled", True, house.now)
    assert (await house.contact("awa")).conversation.hold is None
    assert [one["event"] for one in await events(house, reference)] == ["resolved", "settled"]
    for tap in (yes, no):
        told = await house.talk("awa", f"tap {tap}")
        assert "C'est déjà fait." in " ".join(texts(told))
    after = await row_of(house, reference)
    assert (after.status, after.version) == ("closed", row.version)


async def test_the_person_says_no(house):
    """It is open again with a new deadline, and what they write next joins it."""
    reference = await ordinary(house)
    await resolve(house, reference)
    house.later(days=8)
    row = await row_of(house, reference)
    told = await house.hear("awa", f"tap settled/{row.id.hex}:no")
    assert "Qu'est-ce qui manque ?" in texts(told)[-1]
    row = await row_of(house, reference)
    assert (row.status, row.settled, row.resolved_at) == ("reopened", False, None)
    assert row.due_at > house.now
    await house.hear("awa", "Le foyer est plein.")
    _, thread = await at(house, READER, lambda desk: desk.show(reference))
    assert thread[-1].content == "Le foyer est plein."


async def test_an_old_tap_changes_nothing(house):
    """Staff opened it again meanwhile: the person is told gently, the case stays open."""
    reference = await ordinary(house)
    await resolve(house, reference)
    await do(house, workflow.reopen, reference, house.library, "Trop tôt.")
    row = await row_of(house, reference)
    told = await house.talk("awa", f"tap settled/{row.id.hex}:yes")
    assert "C'est déjà fait." in " ".join(texts(told))
    assert (await row_of(house, reference)).status == "reopened"


async def test_yes_and_no_may_be_written(house):
    """Who has no buttons writes; anything else joins the case and leaves the question open."""
    reference = await ordinary(house)
    await resolve(house, reference)
    told = await house.hear("awa", "Merci beaucoup")
    assert texts(told)[-1] == "Bien reçu."
    assert (await row_of(house, reference)).status == "resolved"
    told = await house.hear("awa", "non")
    assert "Qu'est-ce qui manque ?" in texts(told)[-1]
    assert (await row_of(house, reference)).status == "reopened"
    told = await house.hear("awa", "oui")  # no question any more: words for the case
    assert texts(told)[-1] == "Bien reçu."
    await resolve(house, reference)
    await house.hear("awa", "Oui.")
    assert (await row_of(house, reference)).status == "closed"


async def test_nobody_settles_what_is_not_theirs(house):
    """A tap with the id of somebody else's case does nothing."""
    reference = await ordinary(house)
    await resolve(house, reference)
    row = await row_of(house, reference)
    await house.consent("thief")
    for key in ("yes", "no", "maybe"):
        await house.talk("thief", f"tap settled/{row.id.hex}:{key}", f"tap settled/nonsense:{key}")
    assert (await row_of(house, reference)).status == "resolved"
    assert (await house.contact("thief")).conversation.hold is None


async def test_of_a_restricted_case_the_question_comes_after_a_tap(house):
    """First the neutral notice; then what was answered, and the question; no topic in any of it."""
    reference = await restricted(house)
    before = await last(house, "ali")
    assert await resolve(house, reference) == "chat"
    (notice,) = await said_since(house, "ali", before)
    assert notice.text == "Vous avez un message."
    told = await house.hear("ali", f"tap {notice.options[0].tap}")
    assert texts(told)[-1] == QUESTION
    told = await house.hear("ali", f"tap {told.said[-1].message.options[0].tap}")
    assert texts(told)[-1].startswith("Merci.")
    assert (await row_of(house, reference)).settled is True


async def test_without_a_name_the_receipt_asks(house):
    """The mailbox shows the answer and asks; no chat hears of it; the case keeps the day alone."""
    await house.consent("eve")
    told = await house.talk("eve", "plainte", "oui", "1", "sans nom", "passer", "Un retard.", "envoyer")
    receipt = next(line for line in texts(told)[-1].splitlines() if line[:1].isdigit())
    (row,) = await house.rows(CASES)
    before = await house.count(OUTBOX)
    assert await resolve(house, row.reference, "C'est prêt.") == "mailbox"
    assert await house.count(OUTBOX) == before
    await house.consent("friend")
    told = await house.talk("friend", "mon reçu", "2", receipt)
    assert "C'est prêt." in " ".join(texts(told))
    assert texts(told)[-1] == QUESTION
    told = await house.talk("friend", "non", "Rien n'est prêt.")
    row = await row_of(house, row.reference)
    assert (row.status, row.settled) == ("reopened", False)
    assert {moment.hour for moment in (row.due_at, row.heard_at, row.last_step_at)} == {0}
    told = await house.talk("friend", "mon reçu", "2", receipt)
    assert texts(told)[-1] != QUESTION
    await resolve(house, row.reference)
    told = await house.talk("friend", "mon reçu", "2", receipt, "oui")
    assert (await row_of(house, row.reference)).outcome == "settled"


async def lapse(house):
    await house.followups._lapsed()


async def test_who_says_nothing_is_told_that_it_is_over(house):
    """After fourteen days, not before; neutrally; of a restricted case nothing is sent."""
    reference, hidden, unnamed = await ordinary(house), await restricted(house), await anonymous(house)
    for one in (reference, hidden, unnamed):
        await resolve(house, one)
    before = {name: await last(house, name) for name in ("awa", "ali")}
    house.later(days=13)
    await lapse(house)
    assert {(await row_of(house, one)).status for one in (reference, hidden, unnamed)} == {"resolved"}
    house.later(days=1, seconds=1)
    await lapse(house)
    await lapse(house)
    rows = [await row_of(house, one) for one in (reference, hidden, unnamed)]
    assert {(row.status, row.outcome, row.settled) for row in rows} == {("closed", "no_answer", None)}
    (told,) = await said_since(house, "awa", before["awa"])
    assert told.text.startswith("Votre demande est terminée.")
    assert await said_since(house, "ali", before["ali"]) == []
    assert [row.deed for row in await house.rows(AUDIT)].count("lapse") == 3


async def test_who_wrote_since_is_read_first(house):
    """Words that came after it was resolved keep the case from being closed unread, anonymous or not."""
    reference = await ordinary(house)
    await house.consent("eve")
    told = await house.talk("eve", "plainte", "oui", "1", "sans nom", "passer", "Un retard.", "envoyer")
    receipt = next(line for line in texts(told)[-1].splitlines() if line[:1].isdigit())
    unnamed = next(row.reference for row in await house.rows(CASES) if row.anonymous)
    for one in (reference, unnamed):
        await resolve(house, one)
    await house.hear("awa", "Le foyer est plein.")
    await house.talk("eve", "mon reçu", "2", receipt, "non")  # opens it again …
    await resolve(house, unnamed)  # … and resolved again it waits
    house.later(days=15)
    await lapse(house)
    assert (await row_of(house, reference)).status == "resolved"
    assert (await row_of(house, unnamed)).status == "closed"


async def test_who_writes_into_a_closed_case_is_read(house):
    """It opens again with a new deadline; nobody writes into a void."""
    reference = await ordinary(house)
    await do(house, workflow.close, reference, "no_answer")
    house.later(days=9)
    await house.talk("awa", "menu", "ma demande", "1", "ajouter", "J'attends encore.")
    row = await row_of(house, reference)
    assert (row.status, row.outcome) == ("reopened", None)
    assert row.due_at > house.now
    assert row.heard_at == house.now


# ---------------------------------------------------------------- what it is


async def test_category_and_region(house):
    """Another category for the same readers; another region, and an agent of the first no longer sees it."""
    await house.consent("awa")
    await house.talk("awa", "plainte", "oui", "1", "oui", "Awa", "Kayes", "Un retard.", "ici", "envoyer")
    (row,) = await house.rows(CASES)
    await do(house, workflow.categorise, row.reference, "service", house.library)
    assert (await row_of(house, row.reference)).category == "service"
    for wrong in ("serious", "question", "nonsense"):
        with pytest.raises(NotPossible):
            await do(house, workflow.categorise, row.reference, wrong, house.library)
    await do(house, workflow.move, row.reference, "gao", house.library)
    kayes = Staff("", "K", "agent", regions=("kayes",))
    with pytest.raises(NoSuchCase):
        await do(house, workflow.move, row.reference, "kayes", house.library, staff=kayes)
    with pytest.raises(NotPossible):
        await do(house, workflow.move, row.reference, "atlantis", house.library)


async def test_an_answer_is_owed_until_somebody_answers_and_again_when_they_write(house):
    """Reading, taking and waiting keep no promise; whoever works or answers follows the case."""
    agent = await house.store.run(lambda conn: staff_row(conn, house, "Mariam Ba"))
    await house.consent("awa")
    await house.talk("awa", "personne", "autre chose", "J'attends.")
    (row,) = await house.rows(CASES)
    first = row.due_at
    await do(house, workflow.start, row.reference, staff=agent)
    row = await row_of(house, row.reference)
    assert (row.owed, row.assignee_id.hex) == (True, agent.id)
    await do(house, workflow.wait, row.reference, staff=agent)
    assert (await row_of(house, row.reference)).owed
    house.later(days=1)
    await at(house, agent, lambda desk: desk.answer(row.reference, "Venez lundi.", house.library))
    assert not (await row_of(house, row.reference)).owed
    house.later(hours=30)
    await house.hear("awa", "Je suis venu lundi.")
    row = await row_of(house, row.reference)
    assert (row.owed, row.due_at, row.promised_at) == (True, house.now + timedelta(hours=120), first)
    house.later(hours=9)
    await house.hear("awa", "Et maintenant ?")
    assert (await row_of(house, row.reference)).due_at == row.due_at


async def test_a_case_is_handed_to_the_cleared(house):
    """The agent who does it no longer sees it; it is new, unassigned, with its own clock; whoever it names is out."""
    accused = await house.store.run(lambda conn: staff_row(conn, house, "Oumar Keïta"))
    await house.store.run(lambda conn: staff_row(conn, house, "Mariam Ba"))
    await house.consent("awa")
    await house.talk("awa", "personne", "autre chose", "M. Keita Oumar demande de l'argent.")
    (row,) = await house.rows(CASES)
    with pytest.raises(NotPossible):
        await do(house, workflow.restrict, row.reference, "service", house.library, sure=True, staff=AGENT)
    with pytest.raises(NotPossible):
        await do(house, workflow.restrict, row.reference, "conduct", house.library, sure=False, staff=AGENT)
    await do(house, workflow.start, row.reference, staff=AGENT)
    await do(house, workflow.restrict, row.reference, "conduct", house.library, sure=True, staff=AGENT)
    with pytest.raises(NoSuchCase):
        await at(house, AGENT, lambda desk: desk.show(row.reference))
    with pytest.raises(NoSuchCase):
        await at(house, accused, lambda desk: desk.show(row.reference))
    row = await row_of(house, row.reference)
    assert (row.restricted, row.status, row.assignee_id, row.category) == (True, "new", None, "conduct")
    assert row.due_at == house.now + timedelta(hours=24)
    with pytest.raises(NotPossible):  # never back
        await do(house, workflow.categorise, row.reference, "service", house.library)


def staff_row(conn, house, name, **columns):
    """Somebody who is cleared."""
    from bot.staff import accounts  # noqa: PLC0415 - only here

    accounts.add_staff(conn, name, "protection", cleared=True, regions=(), now=house.now)
    if columns:
        conn.execute(tables.staff.update().where(tables.staff.c.name == name).values(**columns))
    return accounts.find_staff(conn, name)


async def test_a_number_elsewhere_is_sealed(house):
    """It is read by those who may, and stands nowhere in plain bytes."""
    reference = await ordinary(house)
    await do(house, workflow.number_elsewhere, reference, " MIM-2026-0042 ")
    row = await row_of(house, reference)
    assert b"0042" not in bytes(row.external_id)
    assert await at(house, READER, lambda desk: workflow.external_id(desk, row)) == "MIM-2026-0042"
    assert "0042" not in str([tuple(one) for one in await house.rows(AUDIT)])
    await do(house, workflow.number_elsewhere, reference, "")
    assert (await row_of(house, reference)).external_id is None


async def test_a_held_case_does_not_expire(house):
    """Supervisors hold it with a reason, which only the sealed thread has; the others go when their days are over."""
    held = await ordinary(house)
    house.later(minutes=1)
    other = await ordinary(house, "ben")
    with pytest.raises(NoSuchCase):
        await do(house, workflow.keep, held, "Tribunal.", on=True, staff=AGENT)
    with pytest.raises(NotPossible):
        await do(house, workflow.keep, held, " ", on=True, staff=BOSS)
    await do(house, workflow.keep, held, "Tribunal de Kayes.", on=True, staff=BOSS)
    assert "Tribunal" not in str([tuple(one) for one in await house.rows(AUDIT)])
    assert (await events(house, held))[-1] == {"event": "kept", "reason": "Tribunal de Kayes."}
    keep_days = house.library.categories["person"].keep_days
    house.later(days=keep_days - 29)
    row = await row_of(house, other)
    assert retention.expires_soon(house.library, row, house.now) == row.opened_at + timedelta(days=keep_days)
    assert retention.expires_soon(house.library, await row_of(house, held), house.now) is None
    assert retention.expires_soon(house.library, row, house.now - timedelta(days=5)) is None
    house.later(days=30)
    await house.store.run(house.followups.tidy)
    assert [row.reference for row in await house.rows(CASES)] == [held]
    await do(house, workflow.keep, held, "Jugement rendu.", on=False, staff=BOSS)
    await house.store.run(house.followups.tidy)
    assert await house.rows(CASES) == []


# ---------------------------------------------------------------- whoever is named does not know


@pytest.mark.parametrize("named", ["Oumar Keïta", "OUMAR KEITA", "keita, oumar"])
async def test_who_is_named_in_a_restricted_case_never_sees_it(house, named):
    """By name, however it is spelt; others who are cleared see it."""
    accused = await house.store.run(lambda conn: staff_row(conn, house, "Oumar Keïta"))
    reader = await house.store.run(lambda conn: staff_row(conn, house, "Mariam Ba"))
    await house.consent("ali")
    await house.talk(
        "ali", "plainte", "oui", "3", "oui", "Mariam Ba", "Kayes", f"C'est {named} qui demande.", "ici", "envoyer"
    )
    (row,) = await house.rows(CASES)
    with pytest.raises(NoSuchCase):
        await at(house, accused, lambda desk: desk.show(row.reference))
    await at(house, reader, lambda desk: desk.show(row.reference))  # the person's own name is no accusation
    assert len(await house.rows(tables.exclusions)) == 1


async def test_an_office_is_named_without_a_name(house):
    """An anonymous case, too; an office of one word is no office; words added later count as well."""
    office = await house.store.run(lambda conn: staff_row(conn, house, "Ba", office="Bureau de Gao"))
    town = await house.store.run(lambda conn: staff_row(conn, house, "Sy", office="Kayes"))
    late = await house.store.run(lambda conn: staff_row(conn, house, "Awa Diarra"))
    await house.consent("eve")
    told = await house.talk("eve", "plainte", "oui", "3", "sans nom", "le bureau de Gao, pas Kayes", "Ils.", "envoyer")
    receipt = next(line for line in texts(told)[-1].splitlines() if line[:1].isdigit())
    (row,) = await house.rows(CASES)
    assert row.anonymous
    with pytest.raises(NoSuchCase):
        await at(house, office, lambda desk: desk.show(row.reference))
    for one in (town, late):
        await at(house, one, lambda desk: desk.show(row.reference))
    await house.talk("eve", "mon reçu", "2", receipt, "ajouter", "Surtout Awa Diarra.")
    with pytest.raises(NoSuchCase):
        await at(house, late, lambda desk: desk.show(row.reference))
    await at(house, town, lambda desk: desk.show(row.reference))


async def test_an_ordinary_case_excludes_nobody(house):
    """Who is thanked in a request may answer it."""
    await house.store.run(lambda conn: staff_row(conn, house, "Awa Diarra"))
    await house.consent("awa")
    await house.talk("awa", "personne", "autre chose", "Awa Diarra m'a aidé.")
    assert await house.count(tables.exclusions) == 0


def test_the_table_is_drawn():
    """Every way of the table is an arrow of the diagram, with the words people read."""
    from bot.library import draw  # noqa: PLC0415 - only here

    words = {status: f"mots {status}" for status in statuses.STATUSES}
    drawn = draw.statuses(statuses.TABLE, words)
    for deed, sources, to in statuses.TABLE:
        for source in sources:
            if source != to:
                (line,) = [line for line in drawn.splitlines() if line.startswith(f"  {source} --> {to} :")]
                assert deed in line.rpartition(":")[2]
    assert all(f"« mots {status} »" in drawn for status in statuses.STATUSES)
    assert timedelta(days=14) == settling.SILENT_FOR
