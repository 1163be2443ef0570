"""Referrals: nothing is told that was not agreed to; the very words are kept; a yes can be taken back."""

import re
import zlib
from datetime import date

import pytest
from sqlalchemy import update

from bot.cases import (
    consents,
    disclosures,
    excluding,
    referrals,
    services,
    statuses,
    summary_pdf,
    thread,
    workflow,
)
from bot.cases.desk import Changed, NoSuchCase, NotPossible
from bot.cases.may import Staff
from bot.cases.referrals import Asked
from bot.library import files, load
from bot.staff import accounts
from storage import tables
from tests.cases.test_desk import READER, anonymous, at, ordinary, restricted, row_of
from tests.people import ROOT, House, real_library, texts

REFERRALS, CASES, AUDIT, OUTBOX = tables.referrals, tables.cases, tables.audit_log, tables.outbox
SERVICE = "anpe"
SUMMARY = "Cherche une formation de couture."


@pytest.fixture
def house(store, keyring):
    return House(store, keyring, real_library())


async def named(house, address="awa"):
    """An ordinary complaint with a name, that may be answered in the chat. Its reference."""
    await house.consent(address)
    story = "Un retard de six mois. Mon frère a le 70 12 34 56."
    await house.talk(address, "plainte", "oui", "1", "oui", "Awa Diarra", "Kayes", story, "ici", "envoyer")
    return max(await house.rows(CASES), key=lambda row: row.opened_at).reference


async def member(house, name="Fanta", role="agent", **columns):
    """Somebody with an account."""

    def add(conn):
        accounts.add_staff(conn, name, role, cleared=role == "protection", regions=(), now=house.now)
        if columns:
            conn.execute(update(tables.staff).where(tables.staff.c.name == name).values(**columns))
        return accounts.find_staff(conn, name)

    return await house.store.run(add)


async def propose(house, reference, staff, told=None, **more):
    told = {"summary": SUMMARY} if told is None else told
    asked = Asked(more.pop("service", SERVICE), told, **more)
    return await at(house, staff, lambda desk: referrals.propose(desk, reference, asked, house.library))


async def do(house, staff, deed, reference, *more, **named_):
    return await at(house, staff, lambda desk: deed(desk, reference, *more, **named_))


async def one_of(house, reference, staff):
    """The only referral of a case."""
    row = await row_of(house, reference)
    (one,) = await at(house, staff, lambda desk: referrals.of_case(desk, row))
    return one


async def agreed(house, address="awa", told=None):
    """A referral to which the person said yes in their chat: (reference, who asked, the referral)."""
    staff, reference = await member(house), await named(house, address)
    made = await propose(house, reference, staff, told)
    await house.hear(address, f"tap consent/{made.id}:yes")
    return reference, staff, await one_of(house, reference, staff)


async def events(house, reference):
    _, lines = await at(house, READER, lambda desk: desk.show(reference))
    return [line.content for line in lines if line.author == "system"]


# ---------------------------------------------------------------- the question


async def test_the_person_is_asked_in_exact_words_and_their_yes_is_kept_with_them(house):
    """What is shown is what is kept, with the revision and how; nothing of it stands in plain bytes."""
    staff, reference = await member(house), await named(house)
    before = (await house.contact("awa")).last_seq
    made = await propose(house, reference, staff, {"name": "Awa Diarra", "summary": SUMMARY})
    *_, said = await house.waiting("awa", before)
    assert said.message.text == made.terms.words
    assert "Awa Diarra" in said.message.text
    assert SUMMARY in said.message.text
    assert [button.label for button in said.message.options] == ["Oui", "Non"]
    assert (await row_of(house, reference)).status == "waiting"
    told = await house.hear("awa", f"tap consent/{made.id}:yes")
    assert texts(told)[-1:] == ["C'est noté.\nSi vous changez d'avis, touchez « Je ne veux plus »."]
    one = await one_of(house, reference, staff)
    assert (one.status, one.consented_at, one.terms.how) == ("consented", house.now, "chat")
    assert (one.terms.words, one.terms.revision, one.terms.language) == (said.message.text, 0, "fr")
    row = await row_of(house, reference)
    assert (row.status, row.heard_at) == ("in_progress", house.now)
    (stored,) = await house.rows(REFERRALS)
    assert b"Awa" not in bytes(stored.terms)
    assert "Awa Diarra" not in str([tuple(one) for one in await house.rows(AUDIT)])
    assert [one.partition(" ")[0] for one in await events(house, reference)] == ["consent_asked", "consent_given"]


async def test_a_no_ends_it_and_a_yes_comes_too_late(house):
    """A button counts once."""
    staff, reference = await member(house), await named(house)
    made = await propose(house, reference, staff)
    told = await house.hear("awa", f"tap consent/{made.id}:no")
    assert texts(told)[-1:] == ["D'accord. Nous ne transmettons rien."]
    told = await house.hear("awa", f"tap consent/{made.id}:yes")
    assert "C'est noté" not in texts(told)[-1]
    assert (await one_of(house, reference, staff)).status == "declined"
    with pytest.raises(NotPossible):
        await do(house, staff, referrals.send, reference, made.id)
    with pytest.raises(NotPossible):
        await do(house, staff, referrals.summary, reference, made.id)


async def test_only_the_person_whose_case_it_is_may_say_it(house):
    """A tap somebody made up, or of somebody else's case, changes nothing; nor does a yes in words."""
    staff, reference = await member(house), await named(house)
    made = await propose(house, reference, staff)
    await house.consent("thief")
    for key in ("yes", "no", "revoke", "nonsense"):
        await house.talk("thief", f"tap consent/{made.id}:{key}", f"tap consent/nonsense:{key}", "tap consent/:yes")
    await house.hear("awa", "oui")
    await house.hear("awa", f"tap consent/{made.id}:revoke")
    assert (await one_of(house, reference, staff)).status == "proposed"


async def test_in_a_restricted_case_a_neutral_notice_comes_first(house):
    """The phone may be shared: the question comes once "read" is pressed, and may be answered then."""
    staff, reference = await member(house, "Mariam Ba", "protection"), await restricted(house)
    before = (await house.contact("ali")).last_seq
    made = await propose(house, reference, staff, {"summary": "Besoin d'écoute."})
    *_, said = await house.waiting("ali", before)
    assert said.message.text == "Vous avez un message."
    row = await row_of(house, reference)
    told = await house.hear("ali", f"tap read/{row.id.hex}:go")
    assert texts(told)[-1:] == [made.terms.words]
    assert [button.tap for button in told.said[-1].message.options] == [
        f"consent/{made.id}:yes",
        f"consent/{made.id}:no",
    ]
    await house.hear("ali", f"tap consent/{made.id}:yes")
    assert (await one_of(house, reference, staff)).status == "consented"


async def test_identity_is_ticked_by_those_who_may_know_it(house):
    """In a restricted case; what is then agreed to is hidden from those who may not, and not printed for them."""
    reference = await restricted(house)
    knower, other = await member(house, "Mariam Ba", "protection"), await member(house, "Binta Sy", "protection")
    with pytest.raises(NotPossible):
        await propose(house, reference, knower, {"name": "Ali"})
    await do(house, knower, disclosures.override, reference, "Il l'attend devant chez elle.")
    made = await propose(house, reference, knower, {"name": "Ali Keïta", "summary": "Besoin d'écoute."})
    await house.hear("ali", f"tap consent/{made.id}:yes")
    assert (await one_of(house, reference, knower)).told["name"] == "Ali Keïta"
    seen = await one_of(house, reference, other)
    assert (seen.hidden, "name" in seen.told, seen.terms.words) == (frozenset({"name"}), False, "")
    row = await row_of(house, reference)
    assert "Keïta" not in str(await at(house, other, lambda desk: thread.messages(desk, row)))
    await do(house, knower, referrals.summary, reference, made.id)
    with pytest.raises(NotPossible):
        await do(house, other, referrals.summary, reference, made.id)


@pytest.mark.parametrize(
    ("told", "more"),
    [
        ({}, {}),
        ({"summary": "  "}, {}),
        ({"summary": "x" * 501}, {}),
        ({"shoe": "42"}, {}),
        ({"summary": "x"}, {"service": "nonsense"}),
        ({"summary": "x"}, {"service": "enda"}),
        ({"summary": "x"}, {"way": "smoke"}),
        ({"region": ""}, {}),
    ],
)
async def test_what_makes_no_sense_is_refused(house, told, more):
    """Nothing ticked, ticked and empty, too long, an unknown service, a shelter, a region nobody knows."""
    staff, reference = await member(house), await ordinary(house)
    with pytest.raises(NotPossible):
        await propose(house, reference, staff, told, **more)
    assert await house.rows(REFERRALS) == []


async def test_a_case_without_a_name_is_not_passed_on(house):
    """There is nobody to ask; staff are told what they can do."""
    staff, reference = await member(house), await anonymous(house)
    with pytest.raises(NotPossible, match="sans nom"):
        await propose(house, reference, staff, way="aloud")


async def test_one_question_for_each_service_and_none_once_it_is_over(house):
    """The same service twice, a closed case, and somebody who may not see it."""
    staff, reference = await member(house), await named(house)
    await propose(house, reference, staff)
    with pytest.raises(NotPossible):
        await propose(house, reference, staff)
    with pytest.raises(NoSuchCase):
        await propose(house, reference, Staff("", "E", "editor"))
    far = Staff("", "G", "agent", regions=("gao",))
    await do(house, staff, workflow.move, reference, "kayes", house.library)
    with pytest.raises(NoSuchCase):
        await propose(house, reference, far, service="anpe_cpr")
    await do(house, staff, workflow.close, reference, "other")
    with pytest.raises(NotPossible):
        await propose(house, reference, staff, service="anpe_cpr")


async def test_while_a_colleague_follows_the_person_nobody_asks_in_the_chat(house):
    """Somebody in distress is not asked for signatures by others."""
    await member(house, "Mariam Ba", "protection")
    staff, reference = await member(house), await named(house)
    await house.hear("awa", "je veux en finir")
    with pytest.raises(NotPossible):
        await propose(house, reference, staff)


# ---------------------------------------------------------------- read aloud


async def test_who_is_not_in_the_chat_hears_the_words(house):
    """Oral or on paper, in the language they speak; nothing goes into a chat, and no tap answers it."""
    staff, reference = await member(house), await named(house)
    before = await house.count(OUTBOX)
    made = await propose(house, reference, staff, way="aloud", language="en")
    assert made.terms.words.startswith("The service may say no")
    assert await house.count(OUTBOX) == before
    await house.hear("awa", f"tap consent/{made.id}:yes")
    with pytest.raises(NotPossible):
        await do(house, staff, referrals.record, reference, made.id, "yes", "chat")
    await do(house, staff, referrals.record, reference, made.id, "yes", "paper")
    one = await one_of(house, reference, staff)
    assert (one.status, one.terms.how, one.terms.language, one.consented_at) == ("consented", "paper", "en", house.now)
    with pytest.raises(NotPossible):
        await do(house, staff, referrals.record, reference, made.id, "no", "oral")


async def test_who_cannot_be_written_to_is_not_asked_in_a_chat(house):
    """ "Don't reach me" is honoured; the words can be read when they come."""
    await house.consent("awa")
    await house.talk("awa", "plainte", "oui", "1", "oui", "Awa", "Kayes", "Un retard.", "ne pas", "envoyer")
    (row,) = await house.rows(CASES)
    staff = await member(house)
    with pytest.raises(NotPossible):
        await propose(house, row.reference, staff)
    await propose(house, row.reference, staff, way="aloud")


async def test_a_draft_language_asks_in_french_until_two_people_read_it():
    """Words of consent can harm when they are wrong."""
    kept = real_library()
    read = files.read_folder(ROOT)
    bm = read["locales/bm/LC_MESSAGES/bot.po"].decode()
    ctxt = 'msgctxt "words:consent_yes"\nmsgid "Oui"\nmsgstr ""'
    assert ctxt in bm
    read["locales/bm/LC_MESSAGES/bot.po"] = bm.replace(ctxt, ctxt[:-1] + 'Awɔ"').encode()
    assert load.build(read).library.words("words:consent_yes", "bm") == "Oui"
    reviews = read["content/reviews.yaml"].decode().replace("bm: []", "bm: [A. Diarra, B. Coulibaly]")
    read["content/reviews.yaml"] = reviews.encode()
    assert load.build(read).library.words("words:consent_yes", "bm") == "Awɔ"
    assert kept.words("words:consent_question", "bm") == kept.words("words:consent_question", "fr")


# ---------------------------------------------------------------- sent, answered, taken back


async def test_sent_silent_reminded_and_answered(house):
    """After a week those whose case it is are told, until they ask again; the answer is sealed."""
    reference, staff, one = await agreed(house)
    assert statuses.can("in_progress", "refer")
    await do(house, staff, referrals.send, reference, one.id)
    assert (await row_of(house, reference)).status == "referred"

    async def silent(who):
        return await house.store.read(lambda conn: referrals.silent(conn, who, house.now))

    house.later(days=6, hours=23)
    assert await silent(staff) == []
    house.later(days=2, hours=1)
    (found,) = await silent(staff)
    assert (found.reference, found.service, found.days, found.to_tell) == (reference, SERVICE, 9, False)
    assert (await one_of(house, reference, staff)).silent == 9
    assert await silent(await member(house, "Oumar")) == []
    await do(house, staff, referrals.remind, reference, one.id)
    assert await silent(staff) == []
    house.later(days=8)
    assert len(await silent(staff)) == 1
    await do(house, staff, referrals.answered, reference, one.id, "accepted", "Lundi chez M. Sow.")
    await do(house, staff, referrals.answered, reference, one.id, "done", "")
    assert await silent(staff) == []
    found = await one_of(house, reference, staff)
    assert [(said.status, said.words) for said in found.answers] == [("accepted", "Lundi chez M. Sow."), ("done", "")]
    (stored,) = await house.rows(REFERRALS)
    assert b"Sow" not in bytes(stored.answer)
    assert "Sow" not in str([tuple(row) for row in await house.rows(AUDIT)])


async def test_what_one_may_not_see_is_not_among_the_reminders(house):
    """Excluded later: nothing is left in their list."""
    reference, staff, one = await agreed(house)
    boss = await member(house, "Kadia", "supervisor")
    await do(house, staff, referrals.send, reference, one.id)
    house.later(days=8)
    await do(house, boss, excluding.exclude, reference, f"staff:{staff.id}", "Cousin.")
    assert await house.store.read(lambda conn: referrals.silent(conn, staff, house.now)) == []


async def test_the_person_takes_it_back_at_any_time(house):
    """In the chat; the service that knew must be told, and that stays a task until it is done."""
    reference, staff, one = await agreed(house)
    await do(house, staff, referrals.send, reference, one.id)
    house.later(days=1)
    told = await house.hear("awa", f"tap consent/{one.id}:revoke")
    assert texts(told)[-1].startswith("C'est noté. Nous ne transmettons plus rien.")
    found = await one_of(house, reference, staff)
    assert (found.status, found.to_tell, found.agreed) == ("revoked", True, False)
    (task,) = await house.store.read(lambda conn: referrals.silent(conn, staff, house.now))
    assert task.to_tell
    with pytest.raises(NotPossible):
        await do(house, staff, referrals.summary, reference, one.id)
    row = await row_of(house, reference)
    assert await at(house, staff, lambda desk: referrals.consented_fields(desk, row)) == []
    await do(house, staff, referrals.told_off, reference, one.id)
    assert not (await one_of(house, reference, staff)).to_tell
    assert await house.store.read(lambda conn: referrals.silent(conn, staff, house.now)) == []


async def test_staff_take_it_back_with_a_reason(house):
    """Before it was sent nobody need be told."""
    reference, staff, one = await agreed(house)
    with pytest.raises(NotPossible):
        await do(house, staff, referrals.revoke, reference, one.id, " ")
    await do(house, staff, referrals.revoke, reference, one.id, "Elle a trouvé seule.")
    found = await one_of(house, reference, staff)
    assert (found.status, found.to_tell) == ("revoked", False)
    with pytest.raises(NotPossible):
        await do(house, staff, referrals.send, reference, one.id)


async def test_two_staff_and_one_referral(house):
    """Whoever saw the case as it was before is told; a referral of another case is not there."""
    reference, staff, one = await agreed(house)
    version = (await row_of(house, reference)).version
    await do(house, staff, referrals.send, reference, one.id, version)
    with pytest.raises(Changed):
        await do(house, staff, referrals.answered, reference, one.id, "done", "", version)
    house.later(minutes=1)
    other = await ordinary(house, "ben")
    for wrong in (one.id, "nonsense"):
        with pytest.raises(NoSuchCase):
            await do(house, staff, referrals.revoke, other, wrong, "Erreur.")


def test_every_way_of_the_table_begins_and_ends_at_a_status():
    """No deed leads nowhere; what was taken back stays so."""
    for deed, sources, to in consents.TABLE:
        assert {*sources, to} <= set(consents.STATUSES), deed
    assert not any(consents.can("revoked", deed) for deed, _, _ in consents.TABLE)
    assert not any(consents.can("declined", deed) for deed, _, _ in consents.TABLE)


def test_no_shelter_and_nobody_who_receives_nobody_can_be_chosen():
    """Of the real directory: those of the region come first."""
    library = real_library()
    found = services.choices(library, date(2026, 11, 23), "fr", region="kayes")
    keys = {one.key for one in found}
    every = library.directory.services
    assert keys.isdisjoint(key for key, one in every.items() if services.SHELTER in one.help)
    assert keys.isdisjoint(key for key, one in every.items() if one.kind in services.NO_DOOR or one.status == "ended")
    assert any(services.SHELTER in one.help for one in every.values())
    near = [one.near for one in found]
    assert near == sorted(near, reverse=True)
    assert {one.for_staff for one in found} == {True, False}


# ---------------------------------------------------------------- the page


def words_of(pdf):
    """The letters of a PDF: its pages unpacked, its glyphs read by the font's own table."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    (table,) = (one.decode("latin-1") for one in streams if b"begincmap" in one)
    letters = {
        int(code, 16): bytes.fromhex(text).decode("utf-16-be")
        for code, text in re.findall(r"^<([0-9A-Fa-f]{4})> <([0-9A-Fa-f]+)>$", table, re.MULTILINE)
    }
    assert "beginbfrange" not in table
    pages = [zlib.decompress(one) for one in streams if one.startswith(b"x")]
    said = []
    for page in (one for one in pages if b" Tf" in one):
        for raw in re.findall(rb"\(((?:\\.|[^\\)])*)\)", page, re.DOTALL):
            plain = re.sub(rb"\\(.)", _unescaped, raw, flags=re.DOTALL)
            codes = (plain[place] << 8 | plain[place + 1] for place in range(0, len(plain) - 1, 2))
            said.append("".join(letters[code] for code in codes))
    assert said
    return " ".join(" ".join(said).split())


def _unescaped(found):
    return {b"n": b"\n", b"r": b"\r"}.get(found[1], found[1])


async def test_the_page_has_what_was_agreed_and_nothing_else(house):
    """Sentinels of what was not ticked are absent; the same facts make the same bytes; Bambara letters are drawn."""
    reference, staff, one = await agreed(house, told={"summary": "Sɔrɔ kɛnɛya, ɲɛ ni ŋunan.", "name": "Awa Diarra"})
    row, found = await do(house, staff, referrals.summary, reference, one.id)
    page = summary_pdf.Page(
        row.reference, house.now.date(), found.terms.service, "Mali Accueil", ("Téléphone : 20 20 00 00",),
        found.told, house.now.date(), found.terms.how, found.terms.revision, found.terms.language,
    )  # fmt: skip
    pdf = summary_pdf.draw(page)
    assert pdf == summary_pdf.draw(page)
    words = words_of(pdf)
    for there in (
        "Sɔrɔ kɛnɛya, ɲɛ ni ŋunan.",
        "Awa Diarra",
        reference,
        "20 20 00 00",
        "dans la discussion",
        "Confidentiel",
    ):
        assert there in words
    for absent in ("70 12 34 56", "retard", "Kayes", staff.name):
        assert absent not in words
    assert b"Awa" not in pdf
    assert "refer: summary" in [row.deed for row in await house.rows(AUDIT)]


def test_letters_the_font_lacks_are_told_nobody(caplog):
    """They stand as a question mark, and the log has none of them."""
    page = summary_pdf.Page(
        "K", date(2026, 1, 1), "S", "", (), {"story": "Bonjour هنا 😀\tici"}, date(2026, 1, 1), "oral", 1, "fr"
    )
    with caplog.at_level(0):
        words = words_of(summary_pdf.draw(page))
    assert "Bonjour ??? ? ici" in words
    assert [record for record in caplog.records if "fpdf" in record.name or "fontTools" in record.name] == []


# ---------------------------------------------------------------- the person erases everything


async def erases(house, address):
    """The person says so, twice, in their chat."""
    told = await house.talk(address, "effacer", "oui")
    assert told.erased


async def test_an_erase_takes_every_open_yes_back(house):
    """Staff read it in the thread and are to tell the service that knows; nothing more may be handed out."""
    reference, staff, one = await agreed(house)
    await do(house, staff, referrals.send, reference, one.id)
    other = next(
        key
        for key, service in sorted(house.library.directory.services.items())
        if key != SERVICE and services.may_refer_to(service, house.now.date())
    )
    await propose(house, reference, staff, service=other)
    before = await row_of(house, reference)
    house.later(hours=1)
    await erases(house, "awa")
    row = await row_of(house, reference)
    assert (row.contact_id, row.version) == (None, before.version + 1)
    found = {one.service: one for one in await at(house, staff, lambda desk: referrals.of_case(desk, row))}
    assert {one.status for one in found.values()} == {"revoked"}
    assert (found[SERVICE].to_tell, found[other].to_tell) == (True, False)
    assert [one.service for one in await at(house, staff, lambda desk: silent(house, desk))] == [SERVICE]
    assert (await events(house, reference))[-3:] == ["erased", "consent_revoked", "consent_revoked"]
    with pytest.raises(NotPossible):
        await do(house, staff, referrals.summary, reference, one.id)


def silent(house, desk):
    return referrals.silent(desk.conn, desk.staff, house.now)


async def test_an_erase_leaves_what_is_over_and_what_is_restricted_to_people(house):
    """A no stays a no, a service that is done is done; taking protection away is no automatic deed. No hour is kept."""
    reference, staff, one = await agreed(house)
    await do(house, staff, referrals.send, reference, one.id)
    await do(house, staff, referrals.answered, reference, one.id, "done", "")
    await erases(house, "awa")
    assert (await one_of(house, reference, staff)).status == "done"
    grave, reader = await restricted(house), await member(house, "Mariam Ba", "protection")
    made = await propose(house, grave, reader, {"summary": "Besoin d'écoute."})
    await house.hear("ali", f"tap consent/{made.id}:yes")
    await erases(house, "ali")
    assert (await one_of(house, grave, reader)).status == "consented"
    assert (await events(house, grave))[-1] == "erased"
    rows = await house.rows(tables.case_messages)
    row = await row_of(house, grave)
    last = max((one for one in rows if one.case_id == row.id), key=lambda one: one.position)
    assert (last.at.hour, last.id.version) == (0, 4)
