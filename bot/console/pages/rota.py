"""The rota: administrators say who is on call when. No case stands here."""

from aiohttp import web

from bot.cases import rota
from bot.console.asking import Ask
from bot.console.rendering import N_, saying
from bot.console.routes import route

PATH = "/console/rota"

DAYS = (N_("Lundi"), N_("Mardi"), N_("Mercredi"), N_("Jeudi"), N_("Vendredi"), N_("Samedi"), N_("Dimanche"))
ADDED = saying("rota_added", N_("La garde est notée."))
REMOVED = saying("rota_removed", N_("La garde est retirée."))

# What deeds of bot.cases.rota say when they are refused; the words stand here to be translated.
REFUSED = (
    N_("Cette personne ne peut pas être de garde : il faut le rôle protection, l'habilitation et une adresse."),
    N_("Écrivez deux heures différentes, comme 08:00 et 17:00, et choisissez au moins un jour."),
    N_("Cette personne est déjà de garde à un de ces moments."),
)


@route("GET", PATH, "rota")
async def week(ask: Ask) -> web.Response:
    organisation, set_up, now = ask.library.organisation, ask.console.settings.page_ways, ask.now
    found = await ask.read(
        lambda conn: rota.week(
            conn, ask.console.keyring, set_up, organisation.timezone, organisation.on_call.hours, now
        )
    )
    return ask.page(
        "rota/rota.html",
        rota=found,
        days=DAYS,
        clock=rota.clock,
        set_up=set_up,
        able=[(person.id.hex, person.name) for person in found.people if person.ways],
        unable=[person.name for person in found.people if not person.ways],
        hours_text=organisation.on_call.hours_text,
    )


@route("POST", f"{PATH}/add", "rota")
async def add(ask: Ask) -> web.Response:
    person, opens, closes = (str(ask.form.get(name, "")) for name in ("person", "opens", "closes"))
    days = [str(day) for day in ask.form.getall("day", [])]
    set_up = ask.console.settings.page_ways
    await ask.desk(lambda desk: rota.add(desk, set_up, person, days, opens, closes))
    return ask.go(PATH, ADDED)


@route("POST", f"{PATH}/remove", "rota")
async def remove(ask: Ask) -> web.Response:
    span = str(ask.form.get("span", ""))
    await ask.desk(lambda desk: rota.remove(desk, span))
    return ask.go(PATH, REMOVED)
