"""/console/figures: what supervisors report. Ordinary cases only; what is small is kept back (`bot.cases.small`)."""

from collections.abc import Callable
from datetime import date

from aiohttp import web
from babel.dates import format_date
from babel.numbers import format_decimal
from sqlalchemy import Connection

from bot.cases import periods
from bot.cases.desk import Desk
from bot.cases.figures import NOT_KNOWN, Counting, Figures, Step, is_weekly, shares
from bot.cases.periods import BadPeriod, Period
from bot.cases.small import Shown
from bot.console import charts
from bot.console.asking import Ask
from bot.console.rendering import N_
from bot.console.routes import route
from bot.console.wording import CHANNELS, ENTRIES, KINDS
from bot.dialogue.model import SOURCE_LANGUAGE

BAD_PERIOD = N_("Ces jours ne vont pas ensemble : écrivez deux jours, le premier avant le dernier, trois ans au plus.")

PERIODS = (
    ("month", N_("Ce mois")),
    ("last_month", N_("Le mois dernier")),
    ("quarter", N_("Ce trimestre")),
    ("last_quarter", N_("Le trimestre dernier")),
    ("days", N_("Du … au …")),
)
WAYS_IN = {**CHANNELS, **ENTRIES, NOT_KNOWN: N_("sans nom : voie non gardée")}
ANSWERS = {
    "in_time": N_("Répondu à temps"),
    "late": N_("Répondu en retard"),
    "waits": N_("Sans réponse, encore dans le délai"),
    "overdue": N_("Sans réponse, délai dépassé"),
    "without": N_("Terminé sans réponse écrite"),
}
SETTLED = {"yes": N_("Oui"), "no": N_("Non"), "unsaid": N_("Pas demandé, ou pas répondu")}
REOPENED = {"yes": N_("Rouverts"), "no": N_("Non rouverts")}
QUESTION_SHOWN = 90  # letters of a question


@route("GET", "/console/figures", "figures")
async def figures(ask: Ask) -> web.StreamResponse:
    try:
        period = _period(ask)
    except BadPeriod:
        wrong = _(ask, BAD_PERIOD)
        return ask.page("figures/figures.html", status=422, chosen=chosen(ask, None), wrong=wrong, found=None)
    found: Figures = await ask.read(lambda conn: _counting(ask, conn, period).all())
    await ask.desk(lambda desk: desk.log("figures", None, f"{period.first} to {period.last}"))
    percent = shares(found.by_region)
    regions = [(_region(ask, cell.key), cell.words, percent.get(cell.key)) for cell in found.by_region.cells]
    return ask.page(
        "figures/figures.html",
        width=charts.WIDTH,
        chosen=chosen(ask, period),
        wrong="",
        found=found,
        answer_hours=_number(ask, found.times.answer_hours),
        resolution_days=_number(ask, found.times.resolution_days),
        tables=_tables(ask, found),
        map=charts.tile_map(found.by_region, ask.library, ask.language),
        regions={
            "caption": _(ask, N_("Par région")),
            "column": _(ask, N_("Région")),
            "shown": found.by_region,
            "rows": regions,
        },
        steps=[(one, _question(ask, one)) for one in found.steps],
    )


@route("GET", "/console/figures/time.svg", "figures")
async def time_chart(ask: Ask) -> web.StreamResponse:
    return await _chart(ask, Counting.by_time, lambda key: _bucket(ask, key))


@route("GET", "/console/figures/subjects.svg", "figures")
async def subject_chart(ask: Ask) -> web.StreamResponse:
    return await _chart(ask, Counting.by_subject, lambda key: _subject(ask, key), lying=True)


@route("GET", "/console/figures/answers.svg", "figures")
async def answer_chart(ask: Ask) -> web.StreamResponse:
    return await _chart(ask, Counting.answers, lambda key: _(ask, ANSWERS[key]), lying=True)


async def _chart(
    ask: Ask, table: Callable[[Counting], Shown], label: Callable[[str], str], *, lying: bool = False
) -> web.Response:
    try:
        period = _period(ask)
    except BadPeriod:
        return ask.page("missing.html", status=404)
    told = await ask.read(lambda conn: table(_counting(ask, conn, period)))
    picture = charts.bars(told, [label(cell.key) for cell in told.cells], lying=lying)
    headers = {"Content-Security-Policy": charts.POLICY, "X-Content-Type-Options": "nosniff"}
    return web.Response(body=picture, content_type="image/svg+xml", headers=headers)


# ---------------------------------------------------------------- the parts


def _(ask: Ask, french: str) -> str:
    return ask.console.rendering.translate(french, ask.language)


def _counting(ask: Ask, conn: Connection, period: Period) -> Counting:
    return Counting(Desk(conn, ask.console.keyring, ask.staff, ask.now), ask.library, period)


def _period(ask: Ask) -> Period:
    return periods.read(ask.request.query, ask.now, ask.library.organisation.timezone)


def chosen(ask: Ask, period: Period | None) -> dict[str, object]:
    """What the form for a period shows; None: what was asked for makes none."""
    query = ask.request.query
    return {
        "periods": [(key, _(ask, words)) for key, words in PERIODS],
        "period": period,
        "kind": period.kind if period else "days",
        "first": period.first.isoformat() if period else query.get("from", ""),
        "last": period.last.isoformat() if period else query.get("to", ""),
    }


def _tables(ask: Ask, found: Figures) -> list[dict[str, object]]:
    """The plain tables: their heading, first column, rows (words, cell, percent) and chart, if they have one."""

    def table(
        name: str, caption: str, column: str, shown: Shown, label: Callable[[str], str], chart: str = "", alt: str = ""
    ) -> dict[str, object]:
        percent = shares(shown)
        rows = [(label(cell.key), cell.words, percent.get(cell.key)) for cell in shown.cells]
        about: dict[str, object] = {"name": name, "caption": caption, "column": column, "chart": chart, "alt": alt}
        about["height"] = charts.height_of(shown, lying=chart != "time.svg")
        return {**about, "shown": shown, "rows": rows}

    languages = ask.library.languages
    unknown = _(ask, N_("Non connue"))
    bucket = _(ask, N_("Semaine du")) if is_weekly(found.period) else _(ask, N_("Mois"))
    return [
        table(
            "time", _(ask, N_("Dossiers au fil du temps")), bucket, found.by_time, lambda key: _bucket(ask, key),
            "time.svg", _(ask, N_("Dossiers ouverts au fil du temps, en barres ; les nombres sont dans le tableau.")),
        ),
        table(
            "subjects", _(ask, N_("Par sorte et sujet")), _(ask, N_("Sujet")), found.by_subject,
            lambda key: _subject(ask, key),
            "subjects.svg", _(ask, N_("Dossiers par sujet, en barres ; les nombres sont dans le tableau.")),
        ),
        table(
            "answers", _(ask, N_("Réponses")), _(ask, N_("Où en est la réponse")), found.answers,
            lambda key: _(ask, ANSWERS[key]),
            "answers.svg", _(ask, N_("Réponses à temps, en retard et attendues, en barres ; voir le tableau.")),
        ),
        table(
            "channels", _(ask, N_("Par canal")), _(ask, N_("Canal")), found.by_channel,
            lambda key: _(ask, WAYS_IN[key]) if key in WAYS_IN else key,
        ),
        table(
            "languages", _(ask, N_("Par langue")), _(ask, N_("Langue")), found.by_language,
            lambda key: languages.get(key, key) or unknown,
        ),
        table(
            "settled", _(ask, N_("« Est-ce réglé ? »")), _(ask, N_("Réponse de la personne")), found.settled,
            lambda key: _(ask, SETTLED[key]),
        ),
        table(
            "reopened", _(ask, N_("Rouverts")), _(ask, N_("Dossiers")), found.reopened,
            lambda key: _(ask, REOPENED[key]),
        ),
    ]  # fmt: skip


def _number(ask: Ask, number: float | None) -> str:
    return "" if number is None else format_decimal(number, locale=ask.language)


def _bucket(ask: Ask, key: str) -> str:
    return format_date(date.fromisoformat(key), "d MMM y", locale=ask.language)


def _subject(ask: Ask, key: str) -> str:
    category = ask.library.categories.get(key)
    if category is None:
        return key
    kind, subject = _(ask, KINDS[category.kind]).capitalize(), ask.library.words(f"categories:{key}", ask.language)
    return _(ask, N_("{kind} : {subject}")).format(kind=kind, subject=subject)


def _region(ask: Ask, key: str) -> str:
    if key in ask.library.directory.regions:
        return ask.library.words(f"regions:{key}", ask.language)
    return key or _(ask, N_("Non connue"))


def _question(ask: Ask, step: Step) -> str:
    """What the step says, cut short; "" where it says nothing of its own."""
    texts = ask.library.texts
    key = f"{step.flow}/{step.step}:say"
    words = texts.get(ask.language, {}).get(key) or texts[SOURCE_LANGUAGE].get(key, "")
    flat = " ".join(words.split())
    return flat if len(flat) <= QUESTION_SHOWN else flat[:QUESTION_SHOWN].rsplit(" ", 1)[0] + " …"
