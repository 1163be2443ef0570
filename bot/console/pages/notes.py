"""Private notes of a case, and what staff write down of its voice notes."""

from typing import Any

from aiohttp import web
from sqlalchemy import Row

from bot.cases import notes, transcripts
from bot.cases.desk import Desk, NotPossible
from bot.console.asking import Ask
from bot.console.rendering import N_, saying
from bot.console.routes import route
from bot.console.sections import section
from bot.dialogue.flow import Library

NOTED = saying("noted", N_("Note gardée."))
WRITTEN = saying("written-down", N_("C'est écrit."))
NOT_FOR_THEM = N_("Ne voit pas ce dossier, ou ne travaille pas ici : {names}. Enlevez l'arobase, puis gardez la note.")


@section("case/_notes.html", order=30, side=False)
def of_case(desk: Desk, row: "Row[Any]", _library: Library) -> dict[str, object] | None:
    """The notes; whoever opens the page has seen where they are mentioned."""
    if not desk.may("note", row):
        return None
    found = {
        "notes": notes.read(desk, row),
        "colleagues": [name for name in notes.colleagues(desk, row) if name != desk.staff.name],
    }
    notes.mark_seen(desk, row)
    return found


@route("POST", "/console/cases/{reference}/note", "note")
async def note(ask: Ask) -> web.StreamResponse:
    """Add a note."""
    text = str(ask.form.get("text", ""))
    try:
        await ask.desk(lambda desk: notes.write(desk, ask.reference, text))
    except notes.NotForThem as error:
        names = ", ".join(f"@{name}" for name in error.names)
        raise NotPossible(ask.translate(NOT_FOR_THEM).format(names=names)) from None
    return ask.go(f"/console/cases/{ask.reference}", NOTED)


@route("POST", "/console/cases/{reference}/files/{file}/transcript", "work")
async def transcript(ask: Ask) -> web.StreamResponse:
    """Write down what a voice note says."""
    told = {name: str(ask.form.get(name, "")) for name in ("text", "summary", "language")}
    file = ask.request.match_info["file"]
    await ask.desk(lambda desk: transcripts.write(desk, ask.reference, file, **told))
    return ask.go(f"/console/cases/{ask.reference}", WRITTEN)
