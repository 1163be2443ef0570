"""/console/exports: rows for spreadsheets; and one consented case for Primero, at the case itself."""

from typing import Any, cast

from aiohttp import web
from sqlalchemy import Connection, Row

from bot.cases import exports, periods, primero
from bot.cases.desk import Desk, NotPossible
from bot.cases.exports import Format, NoReason, TooFew, Wanted
from bot.cases.periods import BadPeriod
from bot.console.asking import Ask
from bot.console.pages.figures import BAD_PERIOD, chosen
from bot.console.rendering import N_
from bot.console.routes import route
from bot.console.sections import section
from bot.dialogue.flow import Library

TOO_FEW = N_("Moins de cinq dossiers : trop peu pour un export sans identifiants. Choisissez plus de jours.")
NO_REASON = N_("Dites pourquoi il faut les identifiants, en dix lettres au moins : la raison est gardée.")
NOT_CONSENTED = N_(
    "La personne n'a pas donné son accord pour transmettre ce dossier : demandez-le d'abord, par une orientation."
)
CHOOSE_SERVICE = N_("Choisissez le service qui reçoit le dossier : la personne a donné son accord pour lui seul.")
NAMELESS = N_("Ce dossier est sans nom : il ne part pas vers un autre système.")

FORMATS = (("csv", N_("CSV")), ("xlsx", N_("Excel (XLSX)")), ("json", N_("JSON")))


@route("GET", "/console/exports", "export_rows")
async def form(ask: Ask) -> web.StreamResponse:
    return _form(ask)


@route("POST", "/console/exports", "export_rows")
async def download(ask: Ask) -> web.StreamResponse:
    """The file. It is written down in the audit log before it goes."""
    kind = str(ask.form.get("format", "csv"))
    if kind not in exports.MEDIA_TYPES:
        return _form(ask)
    wanted_form = cast("Format", kind)
    try:
        period = periods.read(dict(ask.form), ask.now, ask.library.organisation.timezone)
        wanted = Wanted(period, bool(ask.form.get("identified")), str(ask.form.get("reason", "")))
        file, rows = await ask.read(lambda conn: exports.make(_desk(ask, conn), ask.library, wanted, wanted_form))
    except (BadPeriod, TooFew, NoReason) as error:
        return _form(ask, wrong=str(error) or BAD_PERIOD)
    try:
        await ask.desk(lambda desk: exports.log_export(desk, wanted, wanted_form, rows))
    except BaseException:
        file.close()
        raise
    return web.Response(body=file, headers=_saved_as(exports.name_of(wanted, wanted_form), exports.MEDIA_TYPES[kind]))


def _form(ask: Ask, wrong: str = "") -> web.StreamResponse:
    given: Any = ask.form if wrong else ask.request.query
    return ask.page(
        "exports/exports.html",
        status=422 if wrong else 200,
        wrong=ask.console.rendering.translate(wrong, ask.language) if wrong else "",
        chosen={
            **chosen(ask, None),
            "kind": given.get("period", "last_month"),
            "first": given.get("from", ""),
            "last": given.get("to", ""),
        },
        formats=[(key, ask.console.rendering.translate(words, ask.language)) for key, words in FORMATS],
        given={
            "format": given.get("format", "csv"),
            "identified": bool(given.get("identified")),
            "reason": given.get("reason", ""),
        },
        columns=exports.COLUMNS,
        identifiers=exports.IDENTIFIERS,
    )


def _desk(ask: Ask, conn: Connection) -> Desk:
    return Desk(conn, ask.console.keyring, ask.staff, ask.now)


def _saved_as(name: str, media_type: str) -> dict[str, str]:
    return {
        "Content-Type": media_type,
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
    }


# ---------------------------------------------------------------- one case


@route("GET", "/console/cases/{reference}/export.json", "export_case")
async def preview(ask: Ask) -> web.StreamResponse:
    """What would go out to each service agreed to, and why it may or may not."""

    def look(desk: Desk) -> tuple[list[primero.Export], str]:
        try:
            made = primero.exports(desk, ask.reference, ask.library)
        except (primero.NotConsented, primero.Nameless) as error:
            return [], str(error)
        desk.log("export preview", desk.find(ask.reference, "export_case"))
        return made, ""

    made, why = await ask.desk(look)
    return ask.page("exports/case.html", reference=ask.reference, made=made, why=why)


@route("POST", "/console/cases/{reference}/export.json", "export_case")
async def hand_out(ask: Ask) -> web.StreamResponse:
    """The JSON for the service of the form's `referral`, in the transaction that writes it down."""

    def work(desk: Desk) -> bytes:
        made = primero.export(desk, ask.reference, str(ask.form.get("referral", "")), ask.library)
        primero.log_export(desk, ask.reference, made)
        return made.body()

    body = await ask.desk(work)
    return web.Response(body=body, headers=_saved_as("primero.json", "application/json"))


@section("case/_export.html", order=85, side=True)
def link(desk: Desk, row: Row[Any], library: Library) -> dict[str, object] | None:
    """A way to the export, where there is a consent to rest it on."""
    try:
        primero.exports(desk, row.reference, library)
    except NotPossible:
        return None
    return {}
