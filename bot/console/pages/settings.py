"""Working hours, holidays, deadlines, how long cases are kept: changes to editors' files, as a new revision."""

import re
from collections.abc import Iterator, Mapping

from aiohttp import web
from sqlalchemy import Connection

from bot.cases.desk import Changed, NotPossible
from bot.console.asking import Ask
from bot.console.rendering import N_, saying
from bot.console.routes import route
from bot.dialogue.flow import Library
from bot.library import revisions
from bot.library.editing import Edit, NotRight, edited
from storage import audit

ORGANISATION, CATEGORIES = "content/organisation.yaml", "content/case-categories.yaml"

SAVED = saying("settings-saved", N_("C'est enregistré. Tout le monde le suit dès maintenant."))

DAYS = (
    ("mon", N_("Lundi")),
    ("tue", N_("Mardi")),
    ("wed", N_("Mercredi")),
    ("thu", N_("Jeudi")),
    ("fri", N_("Vendredi")),
    ("sat", N_("Samedi")),
    ("sun", N_("Dimanche")),
)


@route("GET", "/console/settings", "settings")
async def show(ask: Ask) -> web.Response:
    """The values in force."""
    return await _page(ask, _values(ask.library))


@route("POST", "/console/settings", "settings")
async def save(ask: Ask) -> web.Response:
    """A new revision; what would be wrong is said beside what was typed."""
    given = {name: str(value).strip() for name, value in ask.form.items()}
    try:
        await ask.run(lambda conn: _publish(ask, conn, given))
    except NotRight as error:
        return await _page(
            ask, {**_values(ask.library), **given}, [f"{one.message} {one.hint}" for one in error.issues], status=422
        )
    except BadNumber as error:
        return await _page(ask, {**_values(ask.library), **given}, [str(error)], status=422)
    return ask.go("/console/settings", SAVED)


_SPAN = re.compile(r"[0-9]{1,2}:[0-9]{2}-[0-9]{1,2}:[0-9]{2}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class BadNumber(ValueError):
    """What should be a number, hours or a day is none."""


async def _page(
    ask: Ask, values: Mapping[str, str], wrong: list[str] | None = None, *, status: int = 200
) -> web.Response:
    return ask.page(
        "settings.html",
        status=status,
        values=values,
        wrong=[ask.translate(one) for one in wrong or []],
        days=DAYS,
        categories=[(key, ask.library.words(f"categories:{key}", ask.language)) for key in ask.library.categories],
        watches=ask.console.shelf.watches,
        revision=await ask.read(revisions.newest),
    )


def _values(library: Library) -> dict[str, str]:
    """What the form shows, by name of its fields."""
    organisation = library.organisation
    values = {
        "ordinary": f"{organisation.reply_within.total_seconds() / 3600:g}",
        "restricted": f"{organisation.restricted_reply_within.total_seconds() / 3600:g}",
        "hold": f"{organisation.hold.total_seconds() / 3600:g}",
        "holidays": "\n".join(sorted(day.isoformat() for day in organisation.holidays)),
    }
    for number, (day, _) in enumerate(DAYS):
        spans = organisation.working_hours.get(number, ())
        values[f"hours-{day}"] = ", ".join(f"{_time(opens)}-{_time(closes)}" for opens, closes in spans)
    for category in library.categories.values():
        values[f"keep-{category.key}"] = str(category.keep_days)
    return values


def _time(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _publish(ask: Ask, conn: Connection, given: Mapping[str, str]) -> None:
    number = revisions.newest(conn)
    if ask.console.shelf.watches:
        raise NotPossible(N_("Les fichiers sont lus directement : changez-les là."))
    if given.get("revision") != str(number):
        raise Changed(Changed.__doc__)
    library = ask.console.shelf.current(conn)
    before = _values(library)
    names = sorted(name for name, value in before.items() if name in given and given[name] != value)
    if not names:
        return
    changed = edited(revisions.load(conn, number), _edits(library, given))
    author = f"{revisions.CONSOLE}{ask.staff.name}"
    revisions.publish(conn, changed, author, ", ".join(names), at=ask.now)
    audit.append(conn, at=ask.now, staff=ask.staff.name, deed="settings", detail=", ".join(names))


def _edits(library: Library, given: Mapping[str, str]) -> Iterator[Edit]:
    """What the form asks for, as values of the files. The hours of categories follow those people are promised."""
    hours = {name: _number(given[name]) for name in ("ordinary", "restricted", "hold")}
    yield Edit(ORGANISATION, ("reply_hours", "ordinary"), hours["ordinary"])
    yield Edit(ORGANISATION, ("reply_hours", "restricted"), hours["restricted"])
    yield Edit(ORGANISATION, ("hold_hours",), hours["hold"])
    working = {day: _spans(given.get(f"hours-{day}", "")) for day, _ in DAYS}
    yield Edit(ORGANISATION, ("working_hours",), {day: spans for day, spans in working.items() if spans} or None)
    yield Edit(ORGANISATION, ("holidays",), _days(given.get("holidays", "")) or None)
    for category in library.categories.values():
        promised = hours["restricted" if category.restricted else "ordinary"]
        yield Edit(CATEGORIES, (category.key, "reply_hours"), promised)
        yield Edit(CATEGORIES, (category.key, "keep_days"), _number(given[f"keep-{category.key}"]))


def _spans(written: str) -> list[str]:
    spans = [span.strip() for span in written.split(",") if span.strip()]
    if not all(_SPAN.fullmatch(span) for span in spans):
        raise BadNumber(N_("Écrivez les heures comme 08:00-12:00, 14:00-17:00. Un jour fermé reste vide."))
    return spans


def _days(written: str) -> list[str]:
    days = written.split()
    if not all(_DAY.fullmatch(day) for day in days):
        raise BadNumber(N_("Écrivez les jours fériés comme 2026-12-25, un par ligne."))
    return days


def _number(written: str) -> int:
    if not (written.isascii() and written.isdigit()):
        raise BadNumber(N_("Écrivez des nombres entiers, comme 24."))
    return int(written)
