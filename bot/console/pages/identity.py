"""Who may know of a case, and who the person is: exclusions, and identities disclosed by a second person."""

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web
from sqlalchemy import Row

from bot.cases import disclosures, excluding, referred
from bot.cases.desk import Desk, NotPossible
from bot.console.asking import Ask
from bot.console.rendering import N_, saying
from bot.console.routes import route
from bot.console.sections import section
from bot.dialogue.flow import Library

CASE = "/console/cases/{reference}"
REQUESTS = "/console/requests"

LABELS = {"name": N_("Nom"), "phone": N_("Numéro"), "reach": N_("Comment joindre")}
STATES = {
    "waiting": N_("attend une réponse"),
    "granted": N_("accordé"),
    "refused": N_("refusé"),
    "withdrawn": N_("retiré"),
    "over": N_("terminé"),
    "unseen": N_("pris en urgence, pas encore vu par une autre personne"),
}
KINDS = {"waiting": "warn", "granted": "good", "unseen": "bad"}

DONE = {
    "ask": saying("identity-asked", N_("C'est demandé. Une autre personne habilitée répondra.")),
    "override": saying(
        "identity-taken",
        N_("Vous voyez l'identité pour 72 heures. Les autres personnes habilitées le voient sous « Demandes »."),
    ),
    "override_alone": saying(
        "identity-taken-alone",
        N_(
            "Vous voyez l'identité pour 72 heures. Aucune autre personne habilitée ne peut en être prévenue :"
            " dites-le à votre responsable."
        ),
    ),
    "withdraw": saying("identity-withdrawn", N_("Votre demande est retirée.")),
    "grant": saying("identity-granted", N_("L'identité est accordée pour 30 jours.")),
    "refuse": saying("identity-refused", N_("L'identité est refusée.")),
    "end": saying("identity-ended", N_("L'identité n'est plus montrée à cette personne.")),
    "seen": saying("identity-seen", N_("C'est noté : vous l'avez vu.")),
    "exclude": saying("excluded", N_("Le dossier n'existe plus pour cette personne ou ce bureau.")),
    "include": saying("included", N_("Le dossier est visible à nouveau pour cette personne ou ce bureau.")),
    "recuse": saying("recused", N_("Vous ne voyez plus ce dossier.")),
}

SURE = N_("Lisez la raison et cochez la case avant de répondre.")

# What deeds of bot.cases say when they are refused; the words stand here to be translated.
REFUSED = (
    N_("Ce dossier est sans nom : personne ne sait qui est la personne."),
    N_("Ce dossier n'est pas restreint : ce qu'on sait de la personne est dans les échanges."),
    N_("Écrivez pourquoi vous devez savoir qui est la personne."),
    N_("Vous connaissez déjà l'identité."),
    N_("Vous l'avez déjà demandé. Une autre personne doit répondre."),
    N_("Quelqu'un a déjà répondu."),
    N_("Une autre personne que vous doit le faire."),
    N_("Dites d'abord qui vous êtes."),
    N_("Choisissez une personne ou un bureau."),
    N_("Cette personne ne voit déjà plus ce dossier."),
    N_(
        "Plus personne ne pourrait lire ce dossier. Demandez d'abord à l'administrateur d'habiliter une autre personne."
    ),
    N_("Pour vous retirer vous-même, touchez « Me récuser »."),
)


@section("case/_identity.html", order=70)
def identity_section(desk: Desk, row: Row[Any], _library: Library) -> Mapping[str, object]:
    """Who must not know of the case; of a restricted one also who the person is, for those who may know."""
    excludes = desk.may("exclude", row)
    knows = row.restricted and desk.may("identity", row)
    asks = row.restricted and not row.anonymous and desk.may("ask_identity", row)
    seen = desk.seen(row)
    if knows and not row.anonymous:
        desk.log("identity", row)
    return {
        "version": row.version,
        "restricted": row.restricted,
        "anonymous": row.anonymous,
        "due_at": row.due_at,
        "unread": row.status in ("new", "reopened"),
        "identity": referred.identity(desk, row) if knows else None,
        "labels": LABELS,
        "asks": asks and not seen.disclosed and not seen.asked_by_them,
        "hastens": asks and not seen.disclosed,
        "asked": asks and seen.asked_by_them,
        "decides": row.restricted and desk.may("disclose", row),
        "requests": disclosures.of_case(desk, row) if row.restricted else [],
        "states": STATES,
        "kinds": KINDS,
        "excludes": excludes,
        "excluded": excluding.excluded(desk, row) if excludes else [],
        "choices": excluding.choices(desk, row) if excludes else [],
        "longest": excluding.LONGEST,
    }


# ---------------------------------------------------------------- identity


@route("GET", f"{CASE}/identity", "see")
async def identity(ask: Ask) -> web.Response:
    """It stands on the page of the case."""
    return ask.go(_case(ask))


@route("GET", f"{CASE}/exclude", "see")
async def exclusions(ask: Ask) -> web.Response:
    """They stand on the page of the case."""
    return ask.go(_case(ask))


@route("POST", f"{CASE}/identity/ask", "ask_identity")
async def ask_identity(ask: Ask) -> web.Response:
    reason = _given(ask, "reason")
    return await _do(ask, lambda desk: disclosures.ask(desk, ask.reference, reason), "ask")


@route("POST", f"{CASE}/identity/override", "ask_identity")
async def override(ask: Ask) -> web.Response:
    reason = _given(ask, "reason")
    others = await ask.desk(lambda desk: disclosures.override(desk, ask.reference, reason))
    return await ask.back_to_case(DONE["override" if others else "override_alone"])


@route("POST", f"{CASE}/identity/withdraw", "ask_identity")
async def withdraw(ask: Ask) -> web.Response:
    return await _do(ask, lambda desk: disclosures.withdraw(desk, ask.reference), "withdraw")


@route("POST", f"{CASE}/identity/decide", "disclose")
async def decide(ask: Ask) -> web.Response:
    one, granted = _given(ask, "request"), _given(ask, "granted") == "yes"
    if not _given(ask, "sure"):
        raise NotPossible(SURE)
    done = "grant" if granted else "refuse"
    return await _do(ask, lambda desk: disclosures.decide(desk, ask.reference, one, granted=granted), done)


@route("POST", f"{CASE}/identity/end", "disclose")
async def end(ask: Ask) -> web.Response:
    one = _given(ask, "request")
    return await _do(ask, lambda desk: disclosures.end(desk, ask.reference, one), "end")


@route("POST", f"{CASE}/identity/seen", "disclose")
async def seen(ask: Ask) -> web.Response:
    one = _given(ask, "request")
    return await _do(ask, lambda desk: disclosures.seen(desk, ask.reference, one), "seen")


@route("GET", REQUESTS, "alerts")
async def requests(ask: Ask) -> web.Response:
    """What others ask to know, of all cases one may decide on."""
    return ask.page("identity/requests.html", requests=await ask.desk(disclosures.waiting))


# ---------------------------------------------------------------- exclusions


@route("POST", f"{CASE}/exclude", "exclude")
async def exclude(ask: Ask) -> web.Response:
    who, reason = _given(ask, "who"), _given(ask, "reason")
    return await _do(ask, lambda desk: excluding.exclude(desk, ask.reference, who, reason, ask.version), "exclude")


@route("POST", f"{CASE}/include", "exclude")
async def include(ask: Ask) -> web.Response:
    one, reason = _given(ask, "exclusion"), _given(ask, "reason")
    return await _do(ask, lambda desk: excluding.include(desk, ask.reference, one, reason, ask.version), "include")


@route("POST", f"{CASE}/recuse", "see")
async def recuse(ask: Ask) -> web.Response:
    reason = _given(ask, "reason")
    await ask.desk(lambda desk: excluding.recuse(desk, ask.reference, reason, ask.version))
    return ask.go("/console", DONE["recuse"])


# ---------------------------------------------------------------- the parts


async def _do(ask: Ask, work: Callable[[Desk], None], done: str) -> web.Response:
    """A deed, and back to the case: to the list where it is theirs no more."""
    await ask.desk(work)
    return await ask.back_to_case(DONE[done])


def _case(ask: Ask) -> str:
    return f"/console/cases/{ask.reference}"


def _given(ask: Ask, name: str) -> str:
    return str(ask.form.get(name, ""))
