"""Beside a case: the person's situation, their earlier cases, and other cases that belong to it."""

from typing import Any

from aiohttp import web
from sqlalchemy import Row

from bot.cases import links, situation
from bot.cases.desk import Desk
from bot.console.asking import Ask
from bot.console.rendering import N_, saying
from bot.console.routes import route
from bot.console.sections import section
from bot.dialogue.flow import Library

LINKED = saying("linked", N_("Les dossiers sont reliés."))
MERGED = saying("merged", N_("Les dossiers sont réunis ; celui-ci est clos."))
PARTED = saying("parted", N_("Les dossiers sont séparés."))


@section("case/_situation.html", order=40)
def person(desk: Desk, row: "Row[Any]", _library: Library) -> dict[str, object] | None:
    """What is known of the person, if anything is."""
    known = dict(situation.known(desk, row))
    papers = known.pop(situation.CHECKLIST, ())
    found: dict[str, object] = {
        "facts": known,
        "papers": papers if isinstance(papers, list | tuple) else [papers] if papers else [],
        "number": situation.number(desk, row),
        "earlier": links.earlier(desk, row),
    }
    return found if any(found.values()) else None


@section("case/_links.html", order=80)
def linked(desk: Desk, row: "Row[Any]", _library: Library) -> dict[str, object] | None:
    """Other cases that belong to it, and ways to link and merge."""
    others, may_merge = links.of_case(desk, row), desk.may("merge", row)
    if not others and not may_merge:
        return None
    merged = bool(row.merged_into)
    return {"others": others, "may_merge": may_merge, "may_be_merged": not merged, "version": row.version}


@route("POST", "/console/cases/{reference}/link", "merge")
async def link(ask: Ask) -> web.StreamResponse:
    """Link to another case (`how` is "link"), or go on in it ("merge")."""
    other = str(ask.form.get("other", ""))
    merge = ask.form.get("how") == "merge"

    def deed(desk: Desk) -> None:
        if merge:
            links.merge(desk, ask.reference, other, ask.version)
        else:
            links.link(desk, ask.reference, other)

    await ask.desk(deed)
    return ask.go(f"/console/cases/{ask.reference}", MERGED if merge else LINKED)


@route("POST", "/console/cases/{reference}/unlink", "merge")
async def unlink(ask: Ask) -> web.StreamResponse:
    """Two cases have nothing to do with each other any more."""
    other = str(ask.form.get("other", ""))
    await ask.desk(lambda desk: links.part(desk, ask.reference, other, ask.library))
    return ask.go(f"/console/cases/{ask.reference}", PARTED)
