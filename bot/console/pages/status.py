"""The way of a case on its page: what may be done with it now, what it is, how long it is kept."""

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web
from sqlalchemy import Row

from bot.cases import retention, statuses, workflow
from bot.cases.desk import Desk
from bot.console.asking import Ask
from bot.console.rendering import N_, saying
from bot.console.routes import route
from bot.console.sections import section
from bot.console.stories import OUTCOMES
from bot.console.wording import STATUSES
from bot.dialogue.flow import Library

PRESSED = {"acknowledge": N_("J'ai lu"), "start": N_("Je m'en occupe"), "ask": N_("J'attends la personne")}
"""Deeds of a single button."""

# what cannot be chosen by hand: merging has its own form
_CLOSING = [key for key in statuses.OUTCOMES if key != "merged"]

DONE = {
    "acknowledge": saying("acknowledged", N_("C'est noté : vous l'avez lu.")),
    "start": saying("started", N_("C'est noté : quelqu'un s'en occupe.")),
    "ask": saying("awaited", N_("C'est noté : nous attendons la personne.")),
    "chat": saying("resolved-chat", N_("Résolu. Dans la discussion, Segin demande à la personne si c'est réglé.")),
    "mailbox": saying(
        "resolved-mailbox", N_("Résolu. La personne sera interrogée quand elle viendra avec son numéro.")
    ),
    "close": saying("closed", N_("Le dossier est clos.")),
    "reopen": saying("reopened", N_("Le dossier est rouvert, avec un nouveau délai.")),
    "category": saying("categorised", N_("Le sujet est changé.")),
    "restrict": saying("restricted", N_("Le dossier est confié à la petite équipe formée.")),
    "region": saying("moved", N_("La région est changée.")),
    "number": saying("numbered", N_("Le numéro est enregistré.")),
    "keep": saying("kept", N_("Le dossier est gardé.")),
    "let_go": saying("not-kept", N_("Le dossier suit à nouveau son délai.")),
}


@section("case/_status.html", order=50)
def status_section(desk: Desk, row: Row[Any], library: Library) -> Mapping[str, object]:
    """Only what the table allows, and what `may` permits."""
    works = desk.may("work", row)
    deeds = statuses.deeds(row.status) if works else ()
    return {
        "version": row.version,
        "status": STATUSES[row.status],
        "said": _words(library, f"status:{row.status}", desk),
        "next": _words(library, f"status_next:{row.status}", desk),
        "outcome": OUTCOMES.get(row.outcome or "", ""),
        "settled": row.settled,
        "pressed": [(deed, PRESSED[deed]) for deed in PRESSED if deed in deeds],
        "resolves": "resolve" in deeds,
        "closes": "close" in deeds,
        "reopens": "reopen" in deeds,
        "outcomes": [(key, OUTCOMES[key]) for key in _CLOSING],
        "in_chat": row.in_chat and row.contact_id is not None,
        "works": works,
        "category": row.category,
        "categories": _categories(library, desk, kind=row.kind, restricted=row.restricted),
        "restricts": not row.restricted and desk.may("restrict", row),
        "graver": _categories(library, desk, kind=None, restricted=True),
        "stays": desk.staff.role == "protection",
        "region": row.region or "",
        "regions": [(key, _words(library, f"regions:{key}", desk)) for key in library.directory.regions],
        "number": workflow.external_id(desk, row) if works else "",
        "holds": desk.may("hold", row),
        "held": row.legal_hold,
        "goes_at": retention.expires_at(library, row),
        "goes_soon": retention.expires_soon(library, row, desk.now) is not None,
    }


@route("POST", "/console/cases/{reference}/acknowledge", "work")
async def acknowledge(ask: Ask) -> web.Response:
    await ask.desk(lambda desk: workflow.acknowledge(desk, ask.reference, ask.library, ask.version))
    return _back(ask, "acknowledge")


@route("POST", "/console/cases/{reference}/start", "work")
async def start(ask: Ask) -> web.Response:
    await ask.desk(lambda desk: workflow.start(desk, ask.reference, ask.version))
    return _back(ask, "start")


@route("POST", "/console/cases/{reference}/ask", "work")
async def wait(ask: Ask) -> web.Response:
    await ask.desk(lambda desk: workflow.wait(desk, ask.reference, ask.version))
    return _back(ask, "ask")


@route("POST", "/console/cases/{reference}/resolve", "work")
async def resolve(ask: Ask) -> web.Response:
    words = _given(ask, "words")
    return _back(
        ask, await ask.desk(lambda desk: workflow.resolve(desk, ask.reference, ask.library, words, ask.version))
    )


@route("POST", "/console/cases/{reference}/close", "work")
async def close(ask: Ask) -> web.Response:
    outcome = _given(ask, "outcome")
    await ask.desk(lambda desk: workflow.close(desk, ask.reference, outcome, ask.version))
    return _back(ask, "close")


@route("POST", "/console/cases/{reference}/reopen", "work")
async def reopen(ask: Ask) -> web.Response:
    reason = _given(ask, "reason")
    await ask.desk(lambda desk: workflow.reopen(desk, ask.reference, ask.library, reason, ask.version))
    return _back(ask, "reopen")


@route("POST", "/console/cases/{reference}/category", "work")
async def category(ask: Ask) -> web.Response:
    key = _given(ask, "category")
    await ask.desk(lambda desk: workflow.categorise(desk, ask.reference, key, ask.library, ask.version))
    return _back(ask, "category")


@route("POST", "/console/cases/{reference}/restrict", "restrict")
async def restrict(ask: Ask) -> web.Response:
    key, sure = _given(ask, "category"), _given(ask, "sure")

    def work(desk: Desk) -> None:
        workflow.restrict(desk, ask.reference, key, ask.library, ask.version, sure=bool(sure))

    return await _perhaps_gone(ask, work, "restrict")


@route("POST", "/console/cases/{reference}/region", "work")
async def region(ask: Ask) -> web.Response:
    key = _given(ask, "region")
    return await _perhaps_gone(
        ask, lambda desk: workflow.move(desk, ask.reference, key, ask.library, ask.version), "region"
    )


@route("POST", "/console/cases/{reference}/number", "work")
async def number(ask: Ask) -> web.Response:
    given = _given(ask, "number")
    await ask.desk(lambda desk: workflow.number_elsewhere(desk, ask.reference, given, ask.version))
    return _back(ask, "number")


@route("POST", "/console/cases/{reference}/keep", "hold")
async def keep(ask: Ask) -> web.Response:
    reason, on = _given(ask, "reason"), _given(ask, "on") == "1"
    await ask.desk(lambda desk: workflow.keep(desk, ask.reference, reason, ask.version, on=on))
    return _back(ask, "keep" if on else "let_go")


# ---------------------------------------------------------------- the parts


async def _perhaps_gone(ask: Ask, work: Callable[[Desk], None], done: str) -> web.Response:
    """Back to the case, or to the list when it is no longer theirs to see."""
    await ask.desk(work)
    return await ask.back_to_case(DONE[done])


def _back(ask: Ask, done: str) -> web.Response:
    return ask.go(f"/console/cases/{ask.reference}", DONE[done])


def _given(ask: Ask, name: str) -> str:
    return str(ask.form.get(name, ""))


def _categories(library: Library, desk: Desk, *, kind: str | None, restricted: bool) -> list[tuple[str, str]]:
    return [
        (key, _words(library, f"categories:{key}", desk))
        for key, one in library.categories.items()
        if one.restricted == restricted and kind in (None, one.kind)
    ]


def _words(library: Library, key: str, desk: Desk) -> str:
    try:
        return library.words(key, desk.staff.language)
    except KeyError:  # editors dropped it; cases still have it
        return key.partition(":")[2]
