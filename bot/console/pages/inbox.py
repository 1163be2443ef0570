"""The inbox: views, filters, search, and whose a case is."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

from aiohttp import web
from sqlalchemy import Connection

from bot.cases import assigning, lists, referrals, search, services
from bot.cases.desk import Desk, NotPossible
from bot.cases.lists import Listed, Page, Wanted
from bot.cases.may import Staff
from bot.cases.statuses import OPEN
from bot.console.asking import Ask
from bot.console.rendering import N_, saying
from bot.console.routes import route
from bot.console.wording import CHANNELS, ENTRIES, KINDS, STATUSES, Wording

VIEWS = {
    "mine": N_("Mes dossiers"),
    "unassigned": N_("À prendre"),
    "overdue": N_("En retard"),
    "waiting": N_("Attend la personne"),
    "words": N_("Nouveaux messages"),
    "mentions": N_("On me mentionne"),
    "restricted": N_("Restreints"),
    "open": N_("Tous les ouverts"),
    "closed": N_("Clos"),
}
SORTS = {
    "deadline": N_("Ce qui est dû d'abord"),
    "newest": N_("Les plus récents"),
    "words": N_("Derniers messages"),
}
KEYS = {"m": "mine", "u": "unassigned", "o": "overdue", "w": "words", "a": "open"}
"""After g on the keyboard."""

TAKEN = saying("taken", N_("Vous suivez ce dossier."))
LET_GO = saying("let-go", N_("Vous ne suivez plus ce dossier."))
ASSIGNED = saying("assigned", N_("C'est attribué."))
CHOOSE = N_("Choisissez à qui attribuer les dossiers.")
NONE_TICKED = saying("none-ticked", N_("Cochez d'abord des dossiers."))


LOGGED_EVERY = timedelta(minutes=15)
"""So often a list that stays open, and renews itself, is logged."""

_LOGGED: WeakKeyDictionary[web.Application, dict[tuple[str, str], datetime]] = WeakKeyDictionary()
"""When a list was logged, by session and view; each process for itself."""


@dataclass(frozen=True)
class Shown:
    """What a list page shows."""

    wanted: Wanted
    page: Page
    counts: Mapping[str, int]
    names: Mapping[uuid.UUID, str]
    digest: str


def look(conn: Connection, staff: Staff, ask: Ask) -> Shown:
    """What this member of staff may see of what the address asks for, now."""
    zone = ZoneInfo(ask.library.organisation.timezone)
    counts = lists.counts(conn, staff, ask.now)
    wanted = Wanted.read(ask.request.query, staff, lists.first_view(staff, counts))
    page = lists.listed(conn, staff, wanted, ask.now, zone)
    return Shown(wanted, page, counts, assigning.names(conn), lists.digest(page, counts, ask.now))


@route("GET", "/console", "list")
async def inbox(ask: Ask) -> web.StreamResponse:
    """A view of the cases; for htmx the list alone."""
    shown = await ask.read(lambda conn: look(conn, ask.staff, ask))
    wanted = shown.wanted
    values = {**_values(ask), "wanted": wanted, "shown": shown, "back": wanted.query(), "rows": shown.page.rows}
    renews = bool(ask.request.headers.get("HX-Request"))
    if _is_news(ask, wanted.query(), renews=renews):
        await ask.desk(lambda desk: desk.log("list", None))
    if renews:
        return ask.page("inbox/_list.html", **values)
    colleagues = await ask.read(assigning.colleagues)
    silent = await ask.read(lambda conn: referrals.silent(conn, ask.staff, ask.now))
    names = {one.service: services.name_of(ask.library, one.service, ask.language) for one in silent}
    return ask.page("inbox/inbox.html", **values, silent=silent, services=names, **_choices(ask, colleagues))


@route("POST", "/console/search", "list")
async def searched(ask: Ask) -> web.StreamResponse:
    """What fits the words of the form; they stand in no address."""
    words = str(ask.form.get("words", "")).strip()[: search.LONGEST]
    given = str(ask.form.get("page", ""))
    number = min(int(given), lists.MOST_PAGES) if given.isdecimal() and len(given) < 6 else 1  # noqa: PLR2004
    page = Page((), more=False)
    names: dict[uuid.UUID, str] = {}
    if search.asked(words):
        page, names = await ask.desk(lambda desk: _search(desk, ask, words, max(number, 1)))
    if len(page.rows) == 1 and search.is_whole_reference(words):
        return ask.go(f"/console/cases/{page.rows[0].reference}")
    shown = Shown(Wanted(), page, {}, names, "")
    return ask.page(
        "inbox/search.html",
        **{**_values(ask), "ticks": False}, words=words, shown=shown, rows=page.rows, number=max(number, 1), back="",
        asked=search.asked(words),
    )  # fmt: skip


def _search(desk: Desk, ask: Ask, words: str, number: int) -> tuple[Page, dict[uuid.UUID, str]]:
    desk.log("search", None)
    page = search.found(desk.conn, desk.keyring, desk.staff, ask.library, words, number)
    return page, assigning.names(desk.conn)


@route("POST", "/console/cases/{reference}/take", "take")
async def take(ask: Ask) -> web.StreamResponse:
    """The case is mine."""
    await ask.desk(lambda desk: assigning.take(desk, ask.reference, ask.version))
    return ask.go(_back(ask), TAKEN)


@route("POST", "/console/cases/{reference}/let-go", "take")
async def let_go(ask: Ask) -> web.StreamResponse:
    """The case is nobody's."""
    await ask.desk(lambda desk: assigning.let_go(desk, ask.reference, ask.version))
    return ask.go(_back(ask), LET_GO)


@route("POST", "/console/cases/{reference}/assign", "assign")
async def assign(ask: Ask) -> web.StreamResponse:
    """The case is somebody's: the form's `to`, an id, or "" for nobody."""
    await ask.desk(lambda desk: assigning.assign(desk, ask.reference, str(ask.form.get("to", "")), ask.version))
    return ask.go(_back(ask), ASSIGNED)


@route("POST", "/console/assign", "assign_many")
async def assign_many(ask: Ask) -> web.StreamResponse:
    """The ticked cases are somebody's. What could not be is told case by case."""
    cases = [_ticked(str(one)) for one in ask.form.getall("case", [])]
    to = str(ask.form.get("to", ""))
    if not to:
        raise NotPossible(CHOOSE)
    if not cases:
        return ask.go(_back(ask), NONE_TICKED)
    whom = "" if to == lists.NOBODY else to
    outcome = await ask.desk(lambda desk: assigning.assign_many(desk, cases, whom))
    if outcome.whole:
        return ask.go(_back(ask), ASSIGNED)
    return ask.page("inbox/assigned.html", outcome=outcome, back=_back(ask))


# ---------------------------------------------------------------- the parts


def _is_news(ask: Ask, view: str, *, renews: bool) -> bool:
    """Whether a list is to be logged: always, but for one that renews itself and was logged a short while ago.

    Anybody may send the header of a renewal: one of a list that was not opened, or of other filters, is no renewal.
    """
    logged, now = _LOGGED.setdefault(ask.request.app, {}), ask.now
    list_ = (ask.token, view)
    if renews and list_ in logged and now - logged[list_] < LOGGED_EVERY:
        return False
    for old in [one for one, at in logged.items() if now - at >= LOGGED_EVERY]:
        del logged[old]
    logged[list_] = now
    return True


def _values(ask: Ask) -> dict[str, object]:
    return {
        "told": Wording(ask),
        "views": {view: VIEWS[view] for view in lists.views_of(ask.staff)},
        "keys": {view: key for key, view in KEYS.items()},
        "mine": _is_mine(ask),
        "ticks": ask.may("assign_many"),
    }


def _is_mine(ask: Ask) -> Callable[[Listed], bool]:
    return lambda row: row.assignee_id is not None and row.assignee_id.hex == ask.staff.id


def _choices(ask: Ask, colleagues: list[Staff]) -> dict[str, object]:
    """What filters offer, as pairs of value and words."""
    told, library = Wording(ask), ask.library
    regions = sorted(((key, told.region(key)) for key in _regions(ask)), key=lambda pair: pair[1])
    restricted = "restricted" in lists.views_of(ask.staff)
    categories = [key for key, one in library.categories.items() if restricted or not one.restricted]
    return {
        "colleagues": colleagues,
        "sorts": SORTS,
        "choices": [
            ("region", N_("Région"), regions),
            ("category", N_("Sujet"), [(key, told.category(key)) for key in categories]),
            ("kind", N_("Sorte"), [(key, told.kind(key)) for key in KINDS]),
            ("status", N_("État"), [(key, told.status(key)) for key in STATUSES if key in OPEN]),
            (
                "assignee",
                N_("Suivi par"),
                [(lists.NOBODY, N_("personne")), *((one.id, one.name) for one in colleagues)],
            ),
            ("channel", N_("Canal"), [(key, told.channel(key)) for key in CHANNELS]),
            ("language", N_("Langue"), list(library.languages.items())),
            ("entry", N_("Saisi depuis"), [(key, told.entry(key)) for key in ENTRIES]),
        ],
    }


def _regions(ask: Ask) -> tuple[str, ...]:
    """The regions whose cases one sees: those of an agent, or all."""
    every = tuple(ask.library.directory.regions)
    if ask.staff.role != "agent" or not ask.staff.regions:
        return every
    return tuple(key for key in every if key in ask.staff.regions)


def _ticked(text: str) -> tuple[str, int | None]:
    """`reference:version`, as a tick box has it."""
    reference, _, version = text.partition(":")
    return reference[:20], int(version) if version.isascii() and version.isdigit() and len(version) < 10 else None  # noqa: PLR2004


def _version(ask: Ask) -> int | None:
    return ask.version


def _back(ask: Ask) -> str:
    """Where a form was sent from: the case, or a list with its view and filters, put together anew."""
    back = str(ask.form.get("back", ""))
    if back == "case":
        return f"/console/cases/{ask.reference}"
    query = Wanted.read(dict(parse_qsl(back[:500])), ask.staff).query()
    return f"/console?{query}" if query else "/console"
