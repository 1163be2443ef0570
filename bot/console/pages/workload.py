"""/console/workload: who has how much to do, and giving cases to others."""

from typing import Any

from aiohttp import web

from bot.cases import assigning, workload
from bot.cases.desk import Desk
from bot.console.asking import Ask, number
from bot.console.rendering import N_, saying
from bot.console.routes import route
from bot.console.wording import Wording

GIVEN = saying("workload_given", N_("Les dossiers ont changé de mains."))
LEFT = saying("workload_left", N_("Rien n'a été confié : choisissez au moins un dossier, ou tous."))

ROLE_NAMES = {
    "agent": N_("Agent"),
    "protection": N_("Protection"),
    "supervisor": N_("Superviseur"),
    "editor": N_("Rédacteur"),
    "administrator": N_("Administrateur"),
}
NOBODY = "none"  # in addresses and forms: cases that nobody has


@route("GET", "/console/workload", "assign_many")
async def overview(ask: Ask) -> web.StreamResponse:
    def look(desk: Desk) -> tuple[list[workload.Load], list[workload.Unassigned]]:
        desk.log("workload", None)
        return workload.loads(desk), workload.unassigned(desk)

    loads, unassigned = await ask.desk(look)
    roles = {role: ask.console.rendering.translate(ROLE_NAMES[role], ask.language) for role in ROLE_NAMES}
    return ask.page("workload/workload.html", loads=loads, unassigned=unassigned, roles=roles, region=_region(ask))


@route("GET", "/console/workload/{staff_id}", "assign_many")
async def of_one(ask: Ask) -> web.StreamResponse:
    """The cases of one colleague, or of nobody ("none"), to be given away."""
    return await _of_one(ask)


@route("POST", "/console/workload/{staff_id}", "assign_many")
async def give(ask: Ask) -> web.StreamResponse:
    """To whom, and which: those marked, or all. What can't be given stays, and is named."""
    to = str(ask.form.get("to", ""))
    every = bool(ask.form.get("all"))
    marked = [str(one) for one in ask.form.getall("case", [])]
    if not marked and not every:
        return ask.go(ask.request.path, LEFT)

    def work(desk: Desk) -> assigning.Outcome:
        rows = workload.cases_of(desk, _whose(ask))
        shown = [row.reference for row in rows if _shown(ask, row.reference) is not None]
        wanted = [one for one in shown if every or one in marked]
        return assigning.assign_many(desk, [(one, _shown(ask, one)) for one in wanted], "" if to == NOBODY else to)

    outcome = await ask.desk(work)
    if not outcome.whole:
        return await _of_one(ask, outcome, status=409)
    return ask.go("/console/workload", GIVEN)


def _shown(ask: Ask, reference: str) -> int | None:
    """The version of a case that the form was made from; None: it was not on it."""
    return number(str(ask.form.get(f"version-{reference}", "")))


def _whose(ask: Ask) -> str:
    given = ask.request.match_info["staff_id"]
    return "" if given == NOBODY else given


async def _of_one(ask: Ask, outcome: assigning.Outcome | None = None, *, status: int = 200) -> web.StreamResponse:
    def look(desk: Desk) -> tuple[str, list[Any], list[Any]]:
        whose = _whose(ask)
        name = workload.name_of(desk, whose) if whose else ""
        desk.log("workload", None, f"of {name}" if name else "of nobody")
        return name, workload.cases_of(desk, whose), assigning.colleagues(desk.conn)

    name, rows, colleagues = await ask.desk(look)
    return ask.page(
        "workload/one.html",
        status=status,
        name=name,
        rows=rows,
        colleagues=[(one.id, one.name) for one in colleagues if one.id != _whose(ask)],
        nobody=NOBODY,
        outcome=outcome,
        told=Wording(ask),
        region=_region(ask),
        categories={key: ask.library.words(f"categories:{key}", ask.language) for key in ask.library.categories},
        most=workload.MOST,
    )


def _region(ask: Ask) -> dict[str, str]:
    """Names of regions by key; "" is the one that is not known."""
    words = {key: ask.library.words(f"regions:{key}", ask.language) for key in ask.library.directory.regions}
    return {**words, "": ask.console.rendering.translate(N_("Non connue"), ask.language)}
