"""The page of a case: what staff read and do there, and what they may not know."""

import re

import pytest
from msgspec.structs import replace

from bot.cases import disclosures, transcripts
from bot.cases.desk import Desk
from bot.console.pages.case import FILE_HEADERS
from storage import audit, tables
from tests.cases.test_desk import anonymous, ordinary, restricted, row_of
from tests.people import OGG

CASES, AUDIT = tables.cases, tables.audit_log


async def page(office, reference, name="Awa", role="agent", **more):
    """The page of a case as somebody new sees it: their browser, the status, the page."""
    browser = await office.browser(await office.staff(name, role, **more))
    status, html = await browser.get(f"/console/cases/{reference}")
    return browser, status, html


def plain(html):
    """The words of a page."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


async def version(office, reference):
    return str((await row_of(office.house, reference)).version)


# ---------------------------------------------------------------- reading


async def test_both_sides_are_read_and_the_reading_is_in_the_log(office):
    """Questions in plain words, who said what, what became of it; one line of the log for one reading."""
    reference = await ordinary(office.house)
    b, status, html = await page(office, reference)
    assert status == 200
    for words in ("De quoi il s&#39;agit", "J&#39;attends depuis six mois.", "La personne"):
        assert words in html
    status, _ = await b.post(
        f"/console/cases/{reference}/answer", {"words": "Venez lundi.", "version": await version(office, reference)}
    )
    assert status == 303
    assert b.last.headers["Location"] == f"/console/cases/{reference}?done=sent-chat"
    _, html = await b.get(b.last.headers["Location"])
    assert "Envoyé dans la discussion" in html
    assert "Venez lundi." in html
    assert 'class="who">Awa' in html
    deeds = [row.deed for row in await office.house.rows(AUDIT) if row.staff == "Awa"]
    assert deeds == ["show", "answer", "show"]
    assert await office.house.store.read(audit.verify) is None


@pytest.mark.parametrize("path", ["", "/files/00000000000000000000000000000000", "/live"])
async def test_what_is_not_theirs_looks_like_what_is_not_there(office, path):
    """The same page for an unknown, a restricted and another region's case."""
    hidden = await restricted(office.house)
    b, _, _ = await page(office, hidden)
    told = {await b.get(f"/console/cases/{reference}{path}") for reference in (hidden, "222-2222")}
    assert len(told) == 1
    assert {status for status, _ in told} == {404}


async def test_an_identity_is_protected_until_it_was_disclosed(office):
    """Of a restricted case neither name nor way to reach: until a second person granted it."""
    reference = await restricted(office.house)
    b, status, html = await page(office, reference, "Mariam", "protection")
    assert status == 200
    assert "Il a demandé de l&#39;argent." in html
    thread = html[html.index('class="thread"') : html.index("</ol>", html.index('class="thread"'))]
    assert thread.count("identité protégée") == 2
    assert ">Ali<" not in re.sub(r"\s+", "", thread)
    second = await office.staff("Fanta", "protection")

    def disclosed(conn):
        mine, theirs = (Desk(conn, office.house.keyring, one, office.house.now) for one in (b.staff, second))
        disclosures.ask(mine, reference, "Pour l'appeler avant ce soir.")
        (request,) = disclosures.of_case(theirs, theirs.find(reference, "see"))
        disclosures.decide(theirs, reference, request.id, granted=True)

    await office.house.store.run(disclosed)
    _, html = await b.get(f"/console/cases/{reference}")
    assert "<em>identité protégée</em>" not in html
    assert ">Ali<" in re.sub(r"\s+", "", html)


async def test_an_anonymous_case_tells_the_day_alone(office):
    """No hour, no channel, no other cases; its answer waits for the number."""
    await ordinary(office.house, "eve")
    await office.house.talk("eve", "menu")
    reference = await anonymous(office.house, "eve")
    _, _, html = await page(office, reference)
    main = html[html.index("<main") :]
    assert not re.search(r"\d\d:\d\d", main)
    assert "chat du site" not in main
    assert "Autres dossiers" not in main
    assert "Sans nom : la réponse attend" in main


# ---------------------------------------------------------------- files


async def sounded(house):
    """A case with a voice note that was added to it: its reference and the path of the file."""
    reference = await ordinary(house)
    await house.voice("awa")
    (row,) = await house.rows(tables.attachments)
    return reference, f"/console/cases/{reference}/files/{row.id.hex}"


async def test_a_voice_note_is_played_whole_or_in_parts(office):
    """Inline as a sound, nothing a browser could take for a page; phones ask for parts."""
    reference, path = await sounded(office.house)
    b, _, html = await page(office, reference)
    assert f'<audio controls preload="none" src="{path}"' in html
    async with b.client.get(path, cookies=b.cookies) as answer:
        assert (answer.status, await answer.read()) == (200, OGG)
        assert answer.headers["Content-Type"] == "audio/ogg"
        assert answer.headers["Content-Disposition"] == f'inline; filename="{reference}-voice.ogg"'
        assert FILE_HEADERS.items() <= answer.headers.items()
        assert answer.headers["Cache-Control"] == "no-store"
    for asked, told in (("bytes=0-3", OGG[:4]), ("bytes=4-", OGG[4:]), ("bytes=-5", OGG[-5:])):
        async with b.client.get(path, cookies=b.cookies, headers={"Range": asked}) as answer:
            assert (answer.status, await answer.read()) == (206, told)
    async with b.client.get(path, cookies=b.cookies, headers={"Range": "bytes=99999-"}) as answer:
        assert answer.status == 416
    assert [row.deed for row in await office.house.rows(AUDIT)].count("file") == 5


async def test_what_is_no_picture_and_no_sound_is_saved(office):
    """Whatever a document holds, no browser opens it here."""
    reference, path = await sounded(office.house)
    await office.house.store.run(
        lambda conn: conn.execute(tables.attachments.update().values(kind="document", media_type="text/html"))
    )
    b, _, html = await page(office, reference)
    assert "<audio" not in html
    async with b.client.get(path, cookies=b.cookies) as answer:
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"].startswith("attachment;")


async def test_a_file_that_is_not_there_says_so(office):
    """Lost or still on its way: words, and no player."""
    reference, _ = await sounded(office.house)
    await office.house.store.run(lambda conn: conn.execute(tables.attachments.update().values(size=0)))
    b, _, _ = await page(office, reference)
    for why, words in (
        ("", "n&#39;a pas pu être reçu"),
        ("too_large", "n&#39;est pas gardé, car trop grand"),
        ("unclean", "n&#39;est pas gardé : abîmé, ou d&#39;une sorte dont le lieu"),
    ):
        change = tables.attachments.update().values(media_type=why)
        await office.house.store.run(lambda conn, change=change: conn.execute(change) and None)
        _, html = await b.get(f"/console/cases/{reference}")
        assert words in html
        assert "<audio" not in html


async def test_a_place_leads_to_no_third_party(office):
    """Coordinates, and a link that only the phone's own map follows."""
    reference = await ordinary(office.house)
    await office.house.place("awa")
    _, _, html = await page(office, reference)
    assert 'href="geo:12.60000,-8.00000"' in html
    assert "http://" not in html
    assert "https://" not in html


async def test_a_voice_note_is_written_down(office):
    """Words, one line and the language beside the player; nothing of it in the log."""
    reference, path = await sounded(office.house)
    b, _, _ = await page(office, reference)
    told = {"text": "Je suis à Kita.\nSeul.", "summary": "Il est seul à Kita", "language": "bambara"}
    status, _ = await b.post(f"{path}/transcript", told)
    assert status == 303
    _, html = await b.get(f"/console/cases/{reference}")
    for words in ("Il est seul à Kita", "Je suis à Kita.<br>Seul.", "(bambara)"):
        assert words in html
    row = await row_of(office.house, reference)
    look = lambda conn: transcripts.summary(Desk(conn, office.house.keyring, b.staff, office.house.now), row)  # noqa: E731
    assert await office.house.store.read(look) == "Il est seul à Kita"
    assert "Kita" not in str(await office.house.rows(AUDIT))
    assert b"Kita" not in b"".join(row.body for row in await office.house.rows(tables.transcripts))
    await b.post(f"{path}/transcript", {"text": " ", "summary": "", "language": ""})
    assert await office.house.count(tables.transcripts) == 0


# ---------------------------------------------------------------- answering


async def test_a_refused_answer_is_kept_as_a_draft(office):
    """Somebody was faster: nothing is overwritten, and the words are there again on the page."""
    reference = await ordinary(office.house)
    b, _, _ = await page(office, reference)
    before = await version(office, reference)
    await b.post(f"/console/cases/{reference}/answer", {"words": "Un.", "version": before})
    status, html = await b.post(f"/console/cases/{reference}/answer", {"words": "Deux mots.", "version": before})
    assert status == 409
    assert "Deux mots." in html
    _, html = await b.get(f"/console/cases/{reference}")
    assert re.search(r"<textarea id=\"words\"[^>]*>Deux mots.</textarea>", html)
    _, _, other = await page(office, reference, "Oumar")
    assert "Deux mots." not in other
    await b.post(f"/console/cases/{reference}/answer", {"words": "Deux.", "version": await version(office, reference)})
    assert await office.house.count(tables.reply_drafts) == 0


async def test_a_draft_is_kept_while_typing(office):
    """Sealed; an empty one goes; htmx gets a word, others the page."""
    reference = await ordinary(office.house)
    b, _, _ = await page(office, reference)
    path = f"/console/cases/{reference}/draft"
    status, html = await b.post(path, {"words": "Bonj"}, **{"HX-Request": "true"})
    assert (status, "<html" in html, "Brouillon gardé à" in html) == (200, False, True)
    assert (await b.post(path, {"words": "Bonjour secret"}))[0] == 303
    (row,) = await office.house.rows(tables.reply_drafts)
    assert b"secret" not in row.body
    await b.post(path, {"words": "  "})
    assert await office.house.count(tables.reply_drafts) == 0


async def test_an_answer_may_wait_for_the_person(office):
    """The tick says so: the status is "waiting", and stays so with the next answer if it is ticked again."""
    reference = await ordinary(office.house)
    b, _, _ = await page(office, reference)
    for words, ask, status in (("Quand ?", "1", "waiting"), ("Et où ?", "1", "waiting"), ("Bien.", "", "in_progress")):
        form = {"words": words, "version": await version(office, reference), "ask": ask}
        await b.post(f"/console/cases/{reference}/answer", form)
        assert (await row_of(office.house, reference)).status == status


async def test_what_became_of_an_answer_stands_below_it(office):
    """In its lane, knocked for, taken, told by the provider, given up; nothing when the person is gone."""
    house = office.house
    reference = await ordinary(house)
    b, _, _ = await page(office, reference)
    await b.post(f"/console/cases/{reference}/answer", {"words": "Oui.", "version": await version(office, reference)})
    outbox, row = tables.outbox, max(await house.rows(tables.outbox), key=lambda one: one.seq)

    async def shown(change):
        await house.store.run(lambda conn: conn.execute(change))
        _, html = await b.get(f"/console/cases/{reference}")
        return re.findall(r'class="when">[^<]* · ([^<]+)</span>', html)

    mine = outbox.c.id == row.id
    assert await shown(outbox.update().where(mine).values(attempts=0)) == ["en route"]
    told = {"contact_id": row.contact_id, "outbox_id": row.id, "case_message_id": row.case_message_id, "at": house.now}
    knock = tables.deliveries.insert().values(message_index=b"k", part=tables.KNOCK, status="read", **told)
    assert await shown(knock) == ["attend que la personne écrive : on le lui a signalé"]
    assert await shown(outbox.update().where(mine).values(gave_up_at=house.now)) == [
        "pas remis : la personne ne l&#39;a pas reçu"
    ]
    assert await shown(outbox.delete().where(mine)) == ["envoyé"]
    taken = tables.deliveries.insert().values(message_index=b"x", part=0, status="read", **told)
    assert await shown(taken) == ["lu"]
    assert await shown(tables.contacts.delete()) == []


async def test_while_a_colleague_follows_a_person_in_danger_nobody_else_writes(office):
    """The words are refused, and kept as a draft."""
    house = office.house
    reference = await ordinary(house)
    await office.staff("Mariam", "protection")
    b, _, _ = await page(office, reference)
    row = await row_of(house, reference)
    alert = {"id": row.id, "kind": "suicide", "contact_id": row.contact_id, "at": house.now, "stage": 1}
    await house.store.run(lambda conn: conn.execute(tables.alerts.insert().values(alert)))
    form = {"words": "Alors ?", "version": await version(office, reference)}
    status, html = await b.post(f"/console/cases/{reference}/answer", form)
    assert status == 422
    assert "Une collègue formée suit cette personne" in html
    assert await house.count(tables.reply_drafts) == 1


async def test_the_window_is_in_sight(office):
    """Until when words go out at once, or that the person is first told that a message waits."""
    house = office.house
    reference = await ordinary(house)
    b, _, html = await page(office, reference)
    assert "fenêtre" not in html
    await house.store.run(lambda conn: conn.execute(tables.contacts.update().values(window_until=house.now)))
    house.later(minutes=1)
    _, html = await b.get(f"/console/cases/{reference}")
    assert "fenêtre fermée" in html
    house.later(minutes=-2)
    _, html = await b.get(f"/console/cases/{reference}")
    assert "fenêtre ouverte jusqu" in html


async def test_somebody_who_blocked_us_is_named_so(office):
    """The answer waits for the number, and staff know."""
    house = office.house
    reference = await ordinary(house)
    await house.store.run(lambda conn: conn.execute(tables.contacts.update().values(blocked_at=house.now)))
    b, _, html = await page(office, reference)
    assert "ne reçoit plus nos messages" in html
    await b.post(f"/console/cases/{reference}/answer", {"words": "Bon.", "version": await version(office, reference)})
    assert b.last.headers["Location"].endswith("sent-mailbox")
    _, html = await b.get(f"/console/cases/{reference}")
    assert "son numéro l&#39;ouvre" in html


async def test_a_canned_reply_is_filled_in_and_its_blanks_hold_it_back(office):
    """What is known is filled in; what only staff know must be written before it goes."""
    reference = await ordinary(office.house)
    b, _, html = await page(office, reference)
    assert '<option value="come">' in html
    status, html = await b.post(
        f"/console/cases/{reference}/reply", {"words": "Bonjour.", "reply": "come"}, **{"HX-Request": "true"}
    )
    assert status == 200
    assert "Bonjour.\n\nVous pouvez venir [… jour …] à [… heure …]." in html
    form = {"words": "Venez [… jour …].", "version": await version(office, reference)}
    status, html = await b.post(f"/console/cases/{reference}/answer", form)
    assert status == 422
    assert "Il reste un blanc" in html
    _, html = await b.post(f"/console/cases/{reference}/reply", {"reply": "read"}, **{"HX-Request": "true"})
    assert "je suis Awa, de [… organisation …]" in html
    assert (await b.post(f"/console/cases/{reference}/reply", {"reply": "nonsense"}))[0] == 422


async def test_a_canned_reply_speaks_the_language_of_the_person(office):
    """French stands in where a language has no words of its own."""
    reference = await ordinary(office.house)
    for language, begins in (("en", "I could not open"), ("bm", "Je n&#39;ai pas pu")):
        await office.house.store.run(lambda conn, to=language: conn.execute(CASES.update().values(language=to)))
        _, _, html = await page(office, reference, f"Awa {language}")
        assert re.search(rf'<option value="send_again">{begins}', html)


# ---------------------------------------------------------------- notes


async def test_a_note_calls_a_colleague_and_never_reaches_the_person(office):
    """It is read by colleagues, found by its words, and seen once."""
    reference = await ordinary(office.house)
    b, _, _ = await page(office, reference)
    oumar = await office.browser(await office.staff("Oumar Cissé"))
    before = await office.house.count(tables.outbox)
    status, _ = await b.post(f"/console/cases/{reference}/note", {"text": "@oumar cissé, regarde la quittance."})
    assert status == 303
    assert await office.house.count(tables.outbox) == before
    (mention,) = await office.house.rows(tables.mentions)
    assert (mention.staff_id.hex, mention.seen_at) == (oumar.staff.id, None)
    _, html = await oumar.get(f"/console/cases/{reference}")
    assert "pour vous" in html
    (mention,) = await office.house.rows(tables.mentions)
    assert mention.seen_at == office.house.now
    _, html = await oumar.get(f"/console/cases/{reference}")
    assert "pour vous" not in html
    assert "regarde la quittance" in html
    assert await office.house.count(tables.case_words) > 0
    assert b"quittance" not in (await office.house.rows(tables.notes))[0].body
    assert "quittance" not in str(await office.house.rows(AUDIT))


async def test_a_note_calls_nobody_who_may_not_see_the_case(office):
    """Not somebody of another region, not somebody unknown; the note is given back."""
    reference = await ordinary(office.house)
    await office.house.store.run(lambda conn: conn.execute(CASES.update().values(region="kayes")))
    await office.staff("Gaoussou", regions=("gao",))
    b, _, html = await page(office, reference)
    assert "Gaoussou" not in html
    for name in ("Gaoussou", "Personne", "100%s"):
        status, html = await b.post(f"/console/cases/{reference}/note", {"text": f"Dis @{name} : à voir"})
        assert status == 422
        assert f"@{name}" in html
        assert "à voir" in html
    assert await office.house.count(tables.notes) == 0
    assert (await b.post(f"/console/cases/{reference}/note", {"text": "awa@exemple.ml a écrit"}))[0] == 303


# ---------------------------------------------------------------- beside it


async def test_the_situation_is_what_was_agreed_to(office):
    """Region and country, papers that are missing; nothing without consent, nothing for restricted cases."""
    house = office.house
    reference = await ordinary(house)
    contact = await house.contact("awa")
    facts = {"consent": "agreed", "country": "morocco", "region": "kayes", "lacking": ["identity"], "wish": "secret"}

    async def remember(facts):
        contact.conversation = replace(contact.conversation, facts=facts)
        sealed = contact.seal_conversation()
        await house.store.run(lambda conn: conn.execute(tables.contacts.update().values(conversation=sealed)))

    await remember(facts)
    b, _, html = await page(office, reference)
    assert "Du Maroc" in html
    assert "Papiers qui manquent" in html
    assert "secret" not in html
    await remember({**facts, "consent": ""})
    _, html = await b.get(f"/console/cases/{reference}")
    assert "Du Maroc" not in html


async def test_earlier_cases_are_told_to_those_who_may_see_both(office):
    """Beside a restricted case another would tell who it is: that needs the right to know."""
    first = await ordinary(office.house, "ali")
    await office.house.talk("ali", "menu")
    grave = await restricted(office.house, "ali")
    office.house.later(days=1)
    await office.house.talk("ali", "menu", "personne", "autre chose", "Encore.")
    third = max((row for row in await office.house.rows(CASES)), key=lambda row: row.opened_at).reference
    _, _, html = await page(office, first)
    assert third in html
    assert grave not in html
    b, _, html = await page(office, first, "Mariam", "protection")
    assert third in html
    assert grave not in html
    _, html = await b.get(f"/console/cases/{grave}")
    assert first not in html


async def test_cases_are_linked_merged_and_parted_on_the_page(office):
    """Each shows the other; a wrong reference is told kindly, whatever is wrong with it."""
    one = await ordinary(office.house, "awa")
    office.house.later(seconds=1)
    two = await ordinary(office.house, "ben")
    hidden = await restricted(office.house, "ali")
    b, _, _ = await page(office, one)
    told = set()
    for other in (hidden, "222-2222", "", "<b>"):
        status, html = await b.post(f"/console/cases/{one}/link", {"other": other, "how": "link"})
        told.add((status, "Vous ne voyez aucun dossier" in html))
    assert told == {(422, True)}
    form = {"other": two, "how": "merge", "version": await version(office, one)}
    assert (await b.post(f"/console/cases/{one}/link", form))[0] == 303
    _, html = await b.get(f"/console/cases/{one}")
    assert f'Ce dossier continue dans <a href="/console/cases/{two}">' in html
    assert "Ce dossier est fermé" in html
    _, html = await b.get(f"/console/cases/{two}")
    assert f'Réuni ici : <a href="/console/cases/{one}">' in html
    assert (await b.post(f"/console/cases/{two}/unlink", {"other": one}))[0] == 303
    _, html = await b.get(f"/console/cases/{one}")
    assert f"/console/cases/{two}" not in html
    assert (await row_of(office.house, one)).status == "reopened"


# ---------------------------------------------------------------- what changes meanwhile


async def test_the_page_hears_of_new_words(office):
    """The digest of the page is the stream's, until somebody writes."""
    reference = await ordinary(office.house)
    b, _, html = await page(office, reference)
    digest = re.search(r'data-digest="(\w+)"', html)[1]

    async def first():
        async with b.client.get(f"/console/cases/{reference}/live", cookies=b.cookies) as answer:
            async for line in answer.content:
                if line.startswith(b"data: "):
                    return line.removeprefix(b"data: ").strip().decode()
        return ""

    assert await first() == digest
    await office.house.hear("awa", "Encore ceci.")
    assert await first() != digest
