"""Alerts: for those who answer them. And, for everybody else, that a colleague has taken over."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from sqlalchemy import Row

from bot.cases import alerts, on_call
from bot.cases.desk import Desk
from bot.console.asking import Ask
from bot.console.rendering import N_, saying
from bot.console.routes import route
from bot.console.sections import section
from bot.dialogue.flow import Library

PATH = "/console/alerts"

KINDS = {
    "suicide": N_("Une personne va très mal"),
    "danger": N_("Une personne est peut-être en danger"),
    "held": N_("Une personne est peut-être en danger : ne l'appelez pas"),
    alerts.URGENT: N_("Un dossier urgent est arrivé"),
    alerts.OVERDUE: N_("Un dossier restreint attend depuis trop longtemps"),
}
OUTCOMES = {
    "reached": N_("Nous avons pu lui parler"),
    "passed_on": N_("Confié à un service ou à une collègue"),
    "unreachable": N_("Pas de réponse malgré nos essais"),
    "not_asked": N_("La personne ne veut pas qu'on lui écrive"),
    "mistake": N_("Fausse alerte"),
}
TAKEN = saying("alert_taken", N_("Vous vous en occupez. Personne d'autre ne sera prévenu."))
CLOSED = saying("alert_closed", N_("L'alerte est fermée."))

# What deeds of bot.cases say when they are refused; the words stand here to be translated.
REFUSED = (
    N_("Cette alerte n'est plus ouverte, ou elle n'est pas pour vous."),
    N_("La personne n'a pas demandé qu'on lui écrive : vous pouvez seulement fermer cette alerte."),
    N_("Choisissez comment l'alerte s'est terminée."),
    N_("Une collègue formée suit cette personne en ce moment. Écrivez une note ; votre réponse partira ensuite."),
)


@route("GET", PATH, "alerts")
async def open_alerts(ask: Ask) -> web.Response:
    found = await ask.desk(on_call.open_alerts)
    return ask.page("alerts/alerts.html", alerts=found, kinds=KINDS, outcomes=OUTCOMES)


@route("POST", f"{PATH}/take", "alerts")
async def take(ask: Ask) -> web.Response:
    given = str(ask.form.get("alert", "")), str(ask.form.get("taken", ""))
    await ask.desk(lambda desk: on_call.take(desk, *given))
    return ask.go(PATH, TAKEN)


@route("POST", f"{PATH}/close", "alerts")
async def close(ask: Ask) -> web.Response:
    given = str(ask.form.get("alert", "")), str(ask.form.get("outcome", ""))
    await ask.desk(lambda desk: on_call.close(desk, *given))
    return ask.go(PATH, CLOSED)


@section("case/_taken_over.html", order=5, side=False)
def taken_over(desk: Desk, row: "Row[Any]", library: Library) -> Mapping[str, object] | None:  # noqa: ARG001 - as sections are asked
    """That a colleague follows the person: neither why nor since when."""
    return {} if alerts.in_other_hands(desk, row) else None
