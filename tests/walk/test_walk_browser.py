"""The whole way in a real browser: a person complains, a person of the staff answers, the answer is read."""

import pytest

pytestmark = pytest.mark.browser


async def begin(phone):
    await phone.sees("Choisissez votre langue")
    await phone.tap("Français")
    await phone.tap("D'accord")
    await phone.tap("Chez moi, au Mali")
    await phone.sees("Que voulez-vous faire")


async def complain(phone, kind="Un retard, un service"):
    await phone.tap("Porter plainte")
    await phone.tap("Oui")
    await phone.tap(kind)


async def named_complaint(phone, story="J'attends depuis huit mois."):
    """An ordinary complaint with a name, to be answered in the chat."""
    await begin(phone)
    await complain(phone)
    await phone.tap("Oui, avec mon nom")
    await phone.sees("Quel est votre nom")
    await phone.write("Awa Diarra")
    await phone.sees("Quelle organisation")
    await phone.write("le centre")
    await phone.sees("Dites ce que vous voulez")
    await phone.write(story)
    await phone.tap("Ici")
    await phone.tap("Envoyer")
    await phone.sees("Numéro à garder")


async def test_a_named_complaint_is_answered_in_the_open_page(phone, served):
    """The answer given on the command line appears without reloading, and a reply joins the case."""
    here = await phone(served)
    await named_complaint(here)
    (case,) = served.cases()
    assert (case["kind"], case["category"], case["status"], case["anonymous"]) == ("complaint", "delay", "new", False)
    answered = served.segin("cases", "answer", case["reference"], "Votre dossier est chez nous.")
    assert answered.returncode == 0, answered.stderr
    assert "chat" in answered.stdout
    await here.sees("Votre dossier est chez nous.")
    await here.tap("Répondre")
    await here.sees("Écrivez votre réponse")
    await here.write("Merci, à mardi.")
    await here.sees("Bien reçu.")
    assert "Merci, à mardi." in served.segin("cases", "show", case["reference"]).stdout


async def test_an_anonymous_complaint_is_answered_under_its_receipt(phone, served):
    """The answer waits in the mailbox and is read from another browser, by the receipt alone."""
    here = await phone(served)
    await begin(here)
    await complain(here)
    await here.tap("Non, sans nom")
    await here.tap("Passer")
    await here.sees("Dites ce que vous voulez")
    await here.write("On m'a fait attendre.")
    await here.tap("Envoyer")
    receipt = await here.receipt()
    (case,) = served.cases()
    assert case["anonymous"]
    assert len(case["opened_at"]) == len("2026-11-21")
    answered = served.segin("cases", "answer", case["reference"], "Nous cherchons pourquoi.")
    assert "mailbox" in answered.stdout
    elsewhere = await phone(served, 1280, 800)
    await elsewhere.sees("Choisissez votre langue")
    await elsewhere.tap("Français")
    await elsewhere.tap("D'abord regarder")
    await elsewhere.tap("J'aide quelqu'un")
    await elsewhere.tap("Où est ma demande ?")
    await elsewhere.tap("J'ai un numéro")
    await elsewhere.sees("16 chiffres")
    await elsewhere.write(receipt)
    await elsewhere.sees("Nous cherchons pourquoi.")


async def test_a_restricted_case_is_seen_by_the_cleared_alone(phone, served):
    """Without clearance there is no such case, not even in the list; the person gets a neutral notice."""
    here = await phone(served)
    await begin(here)
    await complain(here, "Une personne, de l'argent demandé")
    await here.tap("Oui, avec mon nom")
    for label in ("Passer", "Passer", "Passer"):
        await here.tap(label)
    await here.tap("Ici")
    await here.tap("Envoyer")
    await here.sees("Numéro à garder")
    assert served.cases() == []
    assert served.segin("staff", "add", "Fatou", "--role", "protection", "--cleared").returncode == 0
    (case,) = served.cases("--as", "Fatou")
    hidden, unknown = served.segin("cases", "show", case["reference"]), served.segin("cases", "show", "222-2222")
    assert (hidden.returncode, hidden.stderr) == (unknown.returncode, unknown.stderr) == (1, hidden.stderr)
    served.segin("cases", "answer", case["reference"], "Nous vous avons lu.", "--as", "Fatou")
    await here.sees("Vous avez un message.")
    assert not await here.page.get_by_text("Nous vous avons lu.").count()
    await here.tap("Lire")
    await here.sees("Nous vous avons lu.")
    assert served.segin("audit", "verify").returncode == 0
