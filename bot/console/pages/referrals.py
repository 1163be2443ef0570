"""Passing a case on to a service: the form, one referral with all that may be done with it, and its printed page."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import hdrs, web
from sqlalchemy import Row

from bot.cases import consents, numbers, referrals, services, summary_pdf, telling
from bot.cases.desk import Changed, Desk, NotPossible
from bot.cases.referrals import Asked, Referral
from bot.console.asking import Ask
from bot.console.rendering import N_, saying
from bot.console.routes import route
from bot.console.sections import section
from bot.dialogue.flow import Library
from bot.dialogue.model import SOURCE_LANGUAGE

CASE = "/console/cases/{reference}"
ONE = f"{CASE}/referrals/{{referral}}"

STATUSES = {
    "proposed": N_("attend l'accord"),
    "declined": N_("la personne ne veut pas"),
    "consented": N_("accord donné, à transmettre"),
    "sent": N_("transmis"),
    "accepted": N_("accepté par le service"),
    "rejected": N_("refusé par le service"),
    "done": N_("fait"),
    "revoked": N_("accord retiré"),
}
KINDS = {"consented": "warn", "sent": "warn", "accepted": "good", "done": "good", "rejected": "bad", "revoked": "bad"}
FIELDS = {
    "name": N_("Nom"),
    "phone": N_("Comment joindre la personne"),
    "region": N_("Région"),
    "summary": N_("Un résumé que vous écrivez"),
    "story": N_("Ses propres mots, écrits au début"),
}
HOW = {"chat": N_("dans la discussion"), "oral": N_("de vive voix"), "paper": N_("par écrit")}
ANSWERS = {
    "accepted": N_("Le service accepte"),
    "rejected": N_("Le service refuse"),
    "done": N_("C'est fait : le service a aidé"),
}
AGREEMENTS = {"signed": N_("accord signé"), "walk-in": N_("accueil libre"), "unknown": N_("accord inconnu")}

DONE = {
    "chat": saying("referral-asked", N_("Segin demande l'accord de la personne dans la discussion.")),
    "aloud": saying("referral-words", N_("Lisez ces mots à la personne, puis notez sa réponse.")),
    "yes": saying("referral-agreed", N_("L'accord est noté. Vous pouvez imprimer le résumé.")),
    "no": saying("referral-declined", N_("C'est noté : rien ne sera transmis.")),
    "send": saying("referral-sent", N_("C'est noté : le service a le résumé.")),
    "answer": saying("referral-answered", N_("La réponse du service est notée.")),
    "remind": saying("referral-reminded", N_("C'est noté : le service a été relancé.")),
    "revoke": saying("referral-revoked", N_("L'accord est retiré : plus rien n'est transmis.")),
    "told": saying("referral-told", N_("C'est noté : le service sait qu'il ne doit plus rien faire.")),
}

# What deeds of bot.cases say when they are refused; the words stand here to be translated.
REFUSED = (
    N_(
        "Ce dossier est sans nom : nous ne pouvons pas demander l'accord de la personne. Dites-lui dans une réponse ce "
        "que le service peut faire ; elle ira si elle veut."
    ),
    N_("Ce dossier est terminé. Rouvrez-le, puis orientez-le."),
    N_("Choisissez un service de la liste."),
    N_("Cochez au moins une chose que le service doit savoir."),
    N_("Écrivez ce que vous avez coché."),
    N_("C'est trop long."),
    N_("Ce service est déjà proposé dans ce dossier."),
    N_("Nous ne pouvons pas écrire à cette personne. Lisez-lui les mots à voix haute."),
    N_("Dites comment la personne a répondu."),
    N_("Dites ce que le service a répondu."),
    N_("L'orientation n'en est plus là."),
    N_("Écrivez pourquoi."),
    N_("Ce résumé dit qui est la personne. Demandez d'abord à connaître son identité."),
    N_("Sans l'accord de la personne, il n'y a pas de résumé."),
)


@section("case/_referrals.html", order=60, side=False)
def referrals_section(desk: Desk, row: Row[Any], _library: Library) -> Mapping[str, object] | None:
    """The referrals of a case, for those who may refer."""
    if not desk.may("refer", row):
        return None
    return {
        "referrals": referrals.of_case(desk, row),
        "refers": not row.anonymous and row.status not in ("resolved", "closed"),
        "statuses": STATUSES,
        "kinds": KINDS,
    }


# ---------------------------------------------------------------- the form


@route("GET", f"{CASE}/refer", "refer")
async def form(ask: Ask) -> web.Response:
    """Choose a service, tick what it would be told."""
    return await _form(ask)


@route("POST", f"{CASE}/refer", "refer")
async def propose(ask: Ask) -> web.Response:
    """Ask the person. What can't be asked so is said above the form, with all that was written."""
    ticked = [str(name) for name in ask.form.getall("told", [])]
    asked = Asked(
        _given(ask, "service"),
        {name: _given(ask, "words" if name == "summary" else name) for name in ticked},
        _given(ask, "way") or "chat",
        _given(ask, "language"),
    )
    try:
        made = await ask.desk(lambda desk: referrals.propose(desk, ask.reference, asked, ask.library, ask.version))
    except Changed:
        raise
    except NotPossible as error:
        return await _form(ask, wrong=str(error))
    if asked.way == "chat":
        return ask.go(_case(ask), DONE["chat"])
    return ask.go(f"{_case(ask)}/referrals/{made.id}", DONE["aloud"])


async def _form(ask: Ask, wrong: str = "") -> web.Response:
    def read(desk: Desk) -> dict[str, object]:
        contact = telling.contact_of(desk.conn, desk.keyring, ask.reference)
        row = desk.find(ask.reference, "refer")
        if row.anonymous:
            raise NotPossible(referrals.ANONYMOUS)
        desk.log("refer: form", row)
        return {
            "version": row.version,
            "reference": row.reference,
            "restricted": row.restricted,
            "own_region": row.region or "",
            "case_language": row.language or SOURCE_LANGUAGE,
            "in_chat": telling.reached(contact, row) is not None,
            "known": referrals.tellable(desk, row, ask.library),
        }

    known = await ask.desk(read)
    region, trade = _place(ask, str(known["own_region"])), ask.request.query.get("trade", "")
    directory, words = ask.library.directory, ask.library.words
    trade = trade if trade in directory.trades else ""
    return ask.page(
        "referrals/refer.html",
        status=422 if wrong else 200,
        **known,
        wrong=wrong,
        choices=services.choices(ask.library, ask.now.date(), ask.language, region=region, trade=trade),
        regions=[(key, words(f"regions:{key}", ask.language)) for key in directory.regions],
        trades=sorted(
            ((key, words(f"trades:{key}", ask.language)) for key in directory.trades), key=lambda one: one[1]
        ),
        region=region,
        trade=trade,
        fields=FIELDS,
        identity=consents.IDENTITY,
        agreements=AGREEMENTS,
        languages=list(ask.library.languages.items()),
        longest=referrals.LONGEST,
        given=ask.form,
        ticked=[str(name) for name in ask.form.getall("told", [])],
    )


def _place(ask: Ask, own: str) -> str:
    region = ask.request.query.get("region", own)
    return region if region in ask.library.directory.regions else ""


# ---------------------------------------------------------------- one referral


@route("GET", ONE, "refer")
async def referral(ask: Ask) -> web.Response:
    """What was asked and answered, and what may be done now. Reading it is in the audit log."""

    def read(desk: Desk) -> tuple[Row[Any], Referral]:
        row = desk.find(ask.reference, "refer")
        desk.log("refer: show", row)
        return row, referrals.one(desk, row, ask.request.match_info["referral"])

    row, found = await ask.desk(read)
    return ask.page(
        "referrals/referral.html",
        reference=row.reference,
        version=row.version,
        one=found,
        statuses=STATUSES,
        kinds=KINDS,
        fields=FIELDS,
        how=HOW,
        answers=ANSWERS,
        deeds=referrals.ANSWERS,
        spoken=ask.library.languages.get(found.terms.language, found.terms.language),
        days=referrals.SILENT_FOR.days,
    )


@route("POST", f"{ONE}/consent", "refer")
async def consent(ask: Ask) -> web.Response:
    said, how = _given(ask, "said"), _given(ask, "how")
    return await _do(ask, lambda desk, one: referrals.record(desk, ask.reference, one, said, how, ask.version), said)


@route("POST", f"{ONE}/send", "refer")
async def send(ask: Ask) -> web.Response:
    return await _do(ask, lambda desk, one: referrals.send(desk, ask.reference, one, ask.version), "send")


@route("POST", f"{ONE}/answer", "refer")
async def answer(ask: Ask) -> web.Response:
    given, words = _given(ask, "outcome"), _given(ask, "answer")

    def work(desk: Desk, one: str) -> None:
        referrals.answered(desk, ask.reference, one, given, words, ask.version)

    return await _do(ask, work, "answer")


@route("POST", f"{ONE}/remind", "refer")
async def remind(ask: Ask) -> web.Response:
    return await _do(ask, lambda desk, one: referrals.remind(desk, ask.reference, one, ask.version), "remind")


@route("POST", f"{ONE}/revoke", "refer")
async def revoke(ask: Ask) -> web.Response:
    reason = _given(ask, "reason")
    return await _do(ask, lambda desk, one: referrals.revoke(desk, ask.reference, one, reason, ask.version), "revoke")


@route("POST", f"{ONE}/told", "refer")
async def told(ask: Ask) -> web.Response:
    return await _do(ask, lambda desk, one: referrals.told_off(desk, ask.reference, one, ask.version), "told")


@route("GET", f"{ONE}/summary.pdf", "refer")
async def summary(ask: Ask) -> web.Response:
    """The page for the service. It is drawn for each reader and kept nowhere."""
    one = ask.request.match_info["referral"]
    row, found = await ask.desk(lambda desk: referrals.summary(desk, ask.reference, one))
    # outside the transaction: it takes a third of a second, and others wait to write
    body = await asyncio.to_thread(summary_pdf.draw, _page(ask, row, found))
    name = f"{numbers.read_reference(ask.reference)}.pdf"
    headers = {hdrs.CONTENT_TYPE: "application/pdf", hdrs.CONTENT_DISPOSITION: f'inline; filename="{name}"'}
    return web.Response(body=body, headers=headers)


def _page(ask: Ask, row: Row[Any], found: Referral) -> summary_pdf.Page:
    organisation, local = ask.library.organisation, ask.console.rendering.local
    return summary_pdf.Page(
        reference=row.reference,
        day=local(ask.now).date(),
        service=found.terms.service,
        organisation=organisation.name,
        contacts=organisation.contacts,
        told=found.told,
        consented_on=local(found.consented_at or ask.now).date(),
        how=found.terms.how,
        revision=found.terms.revision,
        language=found.terms.language,
    )


# ---------------------------------------------------------------- the parts


async def _do(ask: Ask, work: Callable[[Desk, str], None], done: str) -> web.Response:
    """A deed with a referral, and back to its page."""
    one = ask.request.match_info["referral"]
    await ask.desk(lambda desk: work(desk, one))
    return ask.go(f"{_case(ask)}/referrals/{one}", DONE[done])


def _case(ask: Ask) -> str:
    return f"/console/cases/{ask.reference}"


def _given(ask: Ask, name: str) -> str:
    return str(ask.form.get(name, ""))
