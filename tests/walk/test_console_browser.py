"""The console in a real browser, and the people it answers in theirs: from the first account to a case that reopens."""

import asyncio
import io
import re
from datetime import UTC, datetime, timedelta

import openpyxl
import pytest
from aiohttp import web

from bot.app import channels_of, first_publish, key_ring, open_store
from bot.settings import Settings
from bot.web import Runner, application
from bot.worker import Worker
from tests.cases.on_duty import MailServer
from tests.cases.test_referrals import words_of
from tests.conftest import _postgresql_database
from tests.walk.conftest import free_port, serving
from tests.walk.console import PASSWORD, Beside, Codes, at_console
from tests.walk.test_walk_browser import begin, complain, named_complaint

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

SERVICE = "anpe"

# On PostgreSQL what asks most of the database: live news, the mailbox, consent, reopening, what is not seen, pages.
on_sqlite = pytest.mark.only_on("sqlite")


@pytest.fixture(scope="module")
def desk(database_kind, request, tmp_path_factory):
    """One Segin for all tests of a database: each brings people and staff of its own."""
    data = tmp_path_factory.mktemp("desk") / "data"
    with MailServer() as mail:
        settings = {"SEGIN_SMTP_URL": mail.url, "SEGIN_MAIL_FROM": "segin@example.org"}
        if database_kind == "sqlite":
            with serving(data, **settings) as served, Beside.of(served) as beside:
                beside.served = served
                yield beside
                log = served.stop()
        else:
            with (
                _postgresql_database(request.getfixturevalue("postgresql"), "segin_tables") as url,
                serving(data, SEGIN_DATABASE_URL=url, **settings) as served,
                Beside.of(served) as beside,
            ):
                beside.served = served
                yield beside
                log = served.stop()
    assert "failed" not in log
    assert "Traceback" not in log


@pytest.fixture
async def console(browser, desk):
    """Opens the console: signed in as somebody new of this role, or as nobody. No page may complain."""
    opened = []

    async def open_as(role="", **more):
        member = desk.staff(role, **more) if role else None
        opened.append(await at_console(browser, desk.address, member))
        opened[-1].member = member
        return opened[-1]

    yield open_as
    assert [trouble for one in opened for trouble in one.page.troubles] == []


async def grave_complaint(phone, name=""):
    """A restricted complaint, to be answered in the chat."""
    await begin(phone)
    await complain(phone, "Une personne, de l'argent demandé")
    await phone.tap("Oui, avec mon nom")
    await phone.sees("Quel est votre nom")
    if name:
        await phone.write(name)
        await phone.sees("Quelle organisation")
    for _ in range(2 if name else 3):
        await phone.tap("Passer")
    await phone.tap("Ici")
    await phone.tap("Envoyer")
    await phone.sees("Numéro à garder")


class Came:
    """What came since: the reference of the one new case."""

    def __init__(self, desk):
        self.desk, self.before = desk, desk.references()

    def reference(self):
        (one,) = self.desk.references() - self.before
        return one


@on_sqlite
async def test_the_first_account_and_those_it_adds(console, desk):
    """A set-up code on the command line; password, codes, signing in; colleagues are added, and set up in turn."""
    given = desk.served.segin("staff", "add", f"Fanta {desk.served.port}", "--role", "administrator")
    assert given.returncode == 0, given.stderr
    name, code = f"Fanta {desk.served.port}", re.search(r"(?:[a-z2-9]{5}-){3}[a-z2-9]{5}", given.stdout)[0]
    here = await console()
    await here.open("/console")
    await here.looks_well("sign-in")
    await here.page.get_by_role("link", name="Première fois").click()
    await here.looks_well("set-up")
    codes = await set_up(here, name, code, shots="set-up-codes")
    await here.looks_well("account-of-administrator")
    await here.press("Quitter")
    assert await here.told() == "Vous êtes sorti."
    await sign_in(here, name, "123456")
    assert "ne va pas" in await here.text()
    await sign_in(here, name, codes.next())
    await here.page.wait_for_url("**/console/people")
    for role, cleared in (("agent", False), ("supervisor", False), ("protection", True)):
        await here.open("/console/people")
        new = f"{role} {desk.served.port}"
        await here.fill("Nom", new)
        await here.page.get_by_label("Rôle", exact=True).select_option(role)
        if cleared:
            await here.page.get_by_label("Habilité").check()
        await here.press("Ajouter")
        code = (await here.page.locator(".code").inner_text()).strip()
        if role == "agent":
            await here.looks_well("people-code")
        other = await console()
        await other.open("/console/set-up")
        theirs = await set_up(other, new, code)
        await other.press("Quitter")
        await sign_in(other, new, theirs.next())
        await other.page.wait_for_url("**/console")
        seen = await other.page.get_by_role("navigation", name="Console").inner_text()
        assert ("Alertes" in seen, "Chiffres" in seen) == (cleared, role == "supervisor")
    await here.open("/console/people")
    assert await here.page.get_by_text("actif", exact=True).count() >= 4
    await here.looks_well("people")
    await here.page.get_by_role("link", name=f"agent {desk.served.port}").click()
    await here.looks_well("person")


async def set_up(at, name, code, shots=""):
    """The first password and the first one-time code; the application that shows codes from here on."""
    await at.fill("Nom", name)
    await at.fill("Code d'installation", code)
    await at.fill("Nouveau mot de passe", PASSWORD)
    await at.fill("Encore une fois", PASSWORD)
    await at.press("Continuer")
    if shots:
        await at.looks_well(shots)
    codes = Codes(await at.page.locator(".code").inner_text())
    await at.page.get_by_label("Code à 6 chiffres").fill(codes.next())
    await at.press("Terminer")
    await at.page.wait_for_url("**/console/account")
    return codes


async def sign_in(at, name, code):
    await at.fill("Nom", name)
    await at.fill("Mot de passe", PASSWORD)
    await at.fill("Code à 6 chiffres", code)
    await at.press("Entrer")


async def test_a_case_is_taken_and_answered_in_the_open_chat(console, phone, desk):
    """The agent's list has it, they take it and answer; the words stand in the chat without reloading, and back."""
    came, here = Came(desk), await phone(desk.served)
    await named_complaint(here)
    reference = came.reference()
    at = await console("agent")
    await at.open("/console?view=unassigned")
    await at.looks_well("inbox")
    await at.page.get_by_role("button", name=f"Prendre {reference}").click()
    await at.page.wait_for_url("**done=taken**")
    await at.open("/console?view=mine")
    await at.page.get_by_role("link", name=reference).click()
    await at.page.wait_for_url(f"**/console/cases/{reference}")
    assert "J'attends depuis huit mois." in await at.text()
    await at.looks_well("case")
    await at.fill("Votre réponse", "Votre dossier est chez nous.")
    await at.press("Envoyer")
    await here.sees("Votre dossier est chez nous.")
    await here.tap("Répondre")
    await here.sees("Écrivez votre réponse")
    await here.write("Merci, à mardi.")
    await here.sees("Bien reçu.")
    await at.page.get_by_text("Il y a du nouveau dans ce dossier.").first.wait_for()
    await at.open(f"/console/cases/{reference}")
    assert "Merci, à mardi." in await at.text()
    await at.fill("Nouvelle note", "Elle vient mardi avec zirconium.")
    await at.press("Garder la note")
    await at.open("/console?view=open")
    await at.unfold("Chercher, filtrer, trier")
    await at.fill("Chercher", "zirconium")
    await at.press("Chercher")
    assert reference in await at.text()
    assert "zirconium" not in at.page.url
    await at.looks_well("search")
    for view in ("overdue", "waiting", "words", "mentions", "closed"):
        await at.open(f"/console?view={view}")
        await at.looks_well(f"inbox-{view}")


@on_sqlite
async def test_two_on_one_case_and_nothing_is_overwritten(console, phone, desk):
    """The later one is told, with what they had written."""
    came, here = Came(desk), await phone(desk.served)
    await named_complaint(here)
    reference = came.reference()
    first, second = await console("agent"), await console("supervisor")
    for one in (first, second):
        await one.open(f"/console/cases/{reference}")
    await first.fill("Votre réponse", "Venez lundi.")
    await first.press("Envoyer")
    await second.fill("Votre réponse", "Venez jeudi.")
    await second.press("Envoyer")
    assert "Modifié entre-temps" in await second.text()
    assert await second.page.locator("textarea").input_value() == "Venez jeudi."
    await second.looks_well("changed")
    await second.open(f"/console/cases/{reference}")
    await second.fill("Votre réponse", " ")
    await second.press("Envoyer")
    assert "Pas possible" in await second.text()
    await second.looks_well("not-possible")
    await here.sees("Venez lundi.")
    assert not await here.page.get_by_text("Venez jeudi.").count()


async def test_an_anonymous_mailbox_is_answered_and_read_elsewhere(console, phone, desk):
    """Nobody knows who it is; the 16 digits open the answer in another browser."""
    came, here = Came(desk), await phone(desk.served)
    await begin(here)
    await complain(here)
    await here.tap("Non, sans nom")
    await here.tap("Passer")
    await here.sees("Dites ce que vous voulez")
    await here.write("On m'a fait attendre.")
    await here.tap("Envoyer")
    receipt, reference = await here.receipt(), came.reference()
    at = await console("agent")
    await at.open(f"/console/cases/{reference}")
    assert "Sans nom : la réponse attend" in await at.text()
    await at.fill("Votre réponse", "Nous cherchons pourquoi.")
    await at.press("Envoyer")
    await at.looks_well("case-anonymous")
    assert "Nous cherchons pourquoi." in await by_receipt(await phone(desk.served, 1280, 800), receipt)
    assert not await here.page.get_by_text("Nous cherchons pourquoi.").count()


async def by_receipt(phone, receipt):
    """What a browser that knows nothing shows for these 16 digits."""
    await phone.sees("Choisissez votre langue")
    await phone.tap("Français")
    await phone.tap("D'abord regarder")
    await phone.tap("J'aide quelqu'un")
    await phone.tap("Où est ma demande ?")
    await phone.tap("J'ai un numéro")
    await phone.sees("16 chiffres")
    await phone.write(receipt)
    return await (await phone.sees("Dernier changement")).inner_text()


async def test_a_service_gets_what_was_agreed_to_and_nothing_else(console, phone, desk):
    """Staff ask, the person taps yes, the page for the service has the summary and no name; its answer is kept."""
    came, here = Came(desk), await phone(desk.served)
    await named_complaint(here, "Je cherche du travail depuis Agadez.")
    reference = came.reference()
    at = await console("agent")
    await at.open(f"/console/cases/{reference}")
    await at.page.get_by_role("link", name="Orienter vers un service").click()
    await at.looks_well("refer")
    await at.page.get_by_label("Service", exact=True).select_option(SERVICE)
    await at.page.locator("input[name=told][value=summary]").check()
    await at.fill("Le résumé, en deux phrases", "Cherche une formation de couture.")
    await at.press("Demander l'accord")
    question = await (await here.sees("Êtes-vous d'accord que nous transmettions")).inner_text()
    assert "Cherche une formation de couture." in question
    assert "Awa Diarra" not in question
    await here.tap("Oui")
    await here.sees("C'est noté.")
    await at.open(f"/console/cases/{reference}")
    await at.looks_well("case-referred")
    await at.page.get_by_role("link", name=re.compile("^Ouvrir :")).click()
    await at.page.wait_for_url("**/referrals/*")
    await at.looks_well("referral")
    link = await at.page.get_by_role("link", name="Ouvrir pour imprimer").get_attribute("href")
    answer = await at.page.context.request.get(f"{desk.address}{link}")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/pdf")
    page = words_of(await answer.body())
    assert "Cherche une formation de couture." in page
    assert not {word for word in ("Awa", "Diarra", "Agadez", "centre") if word in page}
    await at.press("Le service l'a reçu")
    await at.page.get_by_label(re.compile("accept|reçoit|prend", re.IGNORECASE)).first.check()
    await at.fill("Ses mots, ou le rendez-vous", "Mardi à 9 h, bureau 4.")
    await at.press("Noter la réponse")
    assert "Mardi à 9 h, bureau 4." in await at.text()
    await at.looks_well("referral-answered")
    await at.open(f"/console/cases/{reference}/export.json")
    assert "Awa Diarra" not in await at.text()
    await at.looks_well("export-case")


async def test_no_reopens_what_was_resolved(console, phone, desk):
    """ "Is it settled?" comes into the chat; "no" brings the case back into the list."""
    came, here = Came(desk), await phone(desk.served)
    await named_complaint(here)
    reference = came.reference()
    at = await console("agent")
    await at.open(f"/console/cases/{reference}")
    await at.press("J'ai lu")
    await at.unfold("Résoudre")
    await at.page.get_by_label("Dernière réponse").fill("Votre carte est prête.")
    await at.press("C'est résolu")
    assert "Segin demande" in await at.told()
    await here.sees("Est-ce réglé ?")
    await here.tap("Non")
    await here.sees("Qu'est-ce qui manque ?")
    await at.open("/console?view=open&status=reopened")
    assert reference in await at.text()
    await here.write("La carte porte un faux nom.")
    await here.sees("Bien reçu.")
    await at.open(f"/console/cases/{reference}")
    assert "La carte porte un faux nom." in await at.text()
    assert "Non, dit la personne" in await at.text()
    await at.looks_well("case-reopened")


@on_sqlite
async def test_a_walk_in_takes_a_paper_home(console, phone, desk):
    """What is written down at the door has a receipt, and the receipt opens the status in the chat."""
    at = await console("agent")
    await at.open("/console/enter")
    await at.looks_well("enter")
    await at.page.get_by_label("Comment est-elle arrivée ?").select_option("walk_in")
    await at.page.get_by_label("De quoi s'agit-il ?").select_option("delay")
    await at.fill("Ce que la personne a dit, avec ses mots", "Elle attend sa carte depuis mai.")
    came = Came(desk)
    await at.press("Enregistrer et faire le papier")
    receipt = " ".join((await at.page.locator(".digits").inner_text()).split())
    assert re.fullmatch(r"\d{4}( \d{4}){3}", receipt)
    await at.looks_well("paper")
    assert came.reference() in await at.text()
    assert receipt.replace(" ", "") not in at.page.url
    assert came.reference() in await by_receipt(await phone(desk.served), receipt)


async def test_a_restricted_case_is_not_there_for_an_agent(console, phone, desk):
    """Neither in a list nor by its reference nor at its address, which answers as an unknown one's does."""
    came, here = Came(desk), await phone(desk.served)
    await grave_complaint(here)
    reference = came.reference()
    unknown = f"{reference[:-4]}2222"
    agent = await console("agent")
    for view in ("unassigned", "open", "mine", "closed"):
        await agent.open(f"/console?view={view}")
        assert reference not in await agent.page.content()
    assert "restreints" not in (await agent.page.get_by_role("navigation", name="Listes").inner_text()).casefold()
    await agent.unfold("Chercher, filtrer, trier")
    await agent.fill("Chercher", reference)
    await agent.press("Chercher")
    assert "Rien trouvé" in await agent.text()
    hidden, missing = [await answered(agent, f"/console/cases/{one}") for one in (reference, unknown)]
    assert hidden == missing
    assert hidden[0] == 404
    await agent.looks_well("missing")
    protection = await console("protection")
    await protection.open("/console?view=restricted")
    await protection.looks_well("inbox-restricted")
    await protection.page.get_by_role("link", name=reference).click()
    await protection.page.wait_for_url(f"**/console/cases/{reference}")
    await protection.looks_well("case-restricted")
    await protection.fill("Votre réponse", "Nous vous avons lu.")
    await protection.press("Envoyer")
    await here.sees("Vous avez un message.")
    assert not await here.page.get_by_text("Nous vous avons lu.").count()
    await here.tap("Lire")
    await here.sees("Nous vous avons lu.")


@on_sqlite
async def test_an_identity_is_granted_by_a_second_person(console, phone, desk):
    """The name is hidden; whoever asks gives a reason; somebody else grants it; then the name is there."""
    came, here = Came(desk), await phone(desk.served)
    await grave_complaint(here, "Kadiatou Sissoko")
    reference = came.reference()
    first, second = await console("protection"), await console("protection")
    await first.open(f"/console/cases/{reference}")
    assert "Sissoko" not in await first.page.content()
    await first.unfold("Demander à connaître l'identité")
    await first.page.get_by_label("Pourquoi devez-vous la connaître ?").fill("Elle doit voir un médecin.")
    await first.press("Demander")
    assert await first.page.get_by_role("button", name="Accorder").count() == 0
    await second.open("/console/requests")
    await second.looks_well("requests")
    await second.page.get_by_role("link", name=reference).click()
    await second.page.wait_for_url(f"**/console/cases/{reference}")
    assert "Elle doit voir un médecin." in await second.text()
    await second.page.get_by_label("J'ai lu la raison").focus()
    await second.page.keyboard.press("Space")
    await second.press("Accorder")
    assert "Sissoko" not in await second.page.content()
    await first.open(f"/console/cases/{reference}")
    assert "Kadiatou Sissoko" in await first.text()
    await first.looks_well("case-identity")


async def answered(at, path):
    """Status and text of a page."""
    answer = await at.open(path)
    return answer.status, await answer.text()


@on_sqlite
async def test_an_export_opens_as_a_spreadsheet(console, phone, desk):
    """The downloaded file, read by a spreadsheet library: HXL tags below the headings, one row a case."""
    came, here = Came(desk), await phone(desk.served)
    await named_complaint(here)
    reference = came.reference()
    at = await console("supervisor")
    await at.open("/console/exports")
    await at.looks_well("exports")
    await at.press("Télécharger")
    assert "trop peu" in await at.text()  # of last month there is nothing
    await at.page.get_by_label("Dossiers ouverts").select_option("month")
    await at.page.get_by_label("Format").select_option("xlsx")
    await at.page.get_by_label("Avec identifiants").check()
    await at.fill("Pourquoi faut-il les identifiants ?", "Rapprochement mensuel demandé")
    async with at.page.expect_download() as downloading:
        await at.page.get_by_role("button", name="Télécharger").click()
    download = await downloading.value
    with open(await download.path(), "rb") as file:  # noqa: PTH123, ASYNC230 - the test waits for it anyway
        book = openpyxl.load_workbook(io.BytesIO(file.read()))
    headings, tags, *rows = book.active.iter_rows(values_only=True)
    assert download.suggested_filename.endswith(".xlsx")
    assert all(tag.startswith("#") for tag in tags if tag)
    assert len([row for row in rows if reference in row]) == 1
    assert not any("huit mois" in str(cell) for row in rows for cell in row)
    assert len(headings) == len(tags)


@on_sqlite
async def test_every_other_page_looks_well(console, phone, desk):
    """What the stories above do not pass: figures, workload, settings, rota, alerts, account."""
    here = await phone(desk.served)
    await named_complaint(here)
    supervisor = await console("supervisor")
    for name in ("figures?period=month", "workload", "workload/none"):
        await supervisor.open(f"/console/{name}")
        await supervisor.looks_well(re.sub(r"\W", "-", name))
    protection = await console("protection", email="mariam@example.org")
    for name in ("alerts", "account"):
        await protection.open(f"/console/{name}")
        await protection.looks_well(name)
    administrator = await console("administrator")
    for name in ("settings", "rota"):
        await administrator.open(f"/console/{name}")
        await administrator.looks_well(name)


# ---------------------------------------------------------------- the clock


class Clock:
    """The time, and as much more as a test says."""

    def __init__(self):
        self.more = timedelta()

    def __call__(self):
        return datetime.now(UTC) + self.more


@pytest.fixture
async def hosted(tmp_path, database_url):
    """Segin in this very process, served as `segin serve` does, with a clock and a mail server: (beside, clock, …)."""
    clock, port = Clock(), free_port()
    with MailServer() as mail:
        settings = Settings(
            data_dir=tmp_path / "data",
            database_url=database_url,
            port=port,
            public_url=f"http://127.0.0.1:{port}",
            smtp_url=mail.url,
            mail_from="segin@example.org",
        )
        settings.data_dir.mkdir(parents=True)
        store = open_store(settings)
        first_publish(store, settings.library_dir)
        keyring = key_ring(settings, store)
        beside = Beside(settings.public_url, store, keyring)
        member = beside.staff("protection", email="mariam@example.org")
        worker = Worker(settings, store, keyring, channels_of(settings), clock=clock)
        runner = Runner(application(worker), access_log=None, shutdown_timeout=5)
        await runner.setup()
        await web.TCPSite(runner, settings.host, settings.port).start()
        try:
            yield Hosted(beside, clock, worker, mail, member)
        finally:
            await runner.cleanup()


class Hosted:
    """Segin with a clock."""

    def __init__(self, beside, clock, worker, mail, member):
        self.beside, self.clock, self.worker, self.mail, self.member = beside, clock, worker, mail, member
        self.address = f"{beside.address}/"

    async def look(self):
        """What is due now goes out."""
        await self.worker.paging.take()
        await self.worker.paging.quiet()

    async def mails(self, many):
        """Returns when so many mails arrived."""
        async with asyncio.timeout(20):
            while len(self.mail.taken) < many:  # noqa: ASYNC110 - the mail server runs in a thread of its own
                await asyncio.sleep(0.02)


async def test_a_page_goes_out_at_the_fifteenth_minute(hosted, phone, browser):
    """Somebody says that they want to end it: a mail at once, one at 15 minutes if nobody takes it; no content."""
    here = await phone(hosted)
    await begin(here)
    await here.write("je veux en finir")
    await here.sees("danger")
    await hosted.mails(1)
    hosted.clock.more = timedelta(minutes=14, seconds=30)
    await hosted.look()
    assert len(hosted.mail.taken) == 1
    hosted.clock.more = timedelta(minutes=15, seconds=1)
    hosted.worker.paging.look()
    await hosted.mails(2)
    (_, first), (to, second) = hosted.mail.taken
    assert to == ["mariam@example.org"]
    assert "1 alerte" in second
    assert "finir" not in first + second
    link = re.search(r"http://\S+", second)[0]
    assert link == f"{hosted.beside.address}/console/alerts"
    stranger = await at_console(browser, hosted.address)
    await stranger.page.goto(link)
    assert stranger.page.url.endswith("/console/sign-in?next=/console/alerts")
    at = await at_console(browser, hosted.address, hosted.beside.again(hosted.member, hosted.clock()))
    await at.page.goto(link)
    assert "Personne ne s'en occupe" in await at.text()
    assert "2 fois sur 3" in await at.text()
    await at.looks_well("alerts-open")
    await at.page.locator("summary", has_text="Fermer l'alerte").click()
    await at.page.get_by_label("Comment cela s'est terminé").select_option("reached")
    await at.press("Fermer")
    assert await at.told() == "L'alerte est fermée."
    hosted.clock.more = timedelta(minutes=61)
    await hosted.look()
    assert len(hosted.mail.taken) == 2
