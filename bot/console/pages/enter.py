"""Entering a case for somebody, and the paper they take home."""

from collections.abc import Mapping

import segno
from aiohttp import web
from markupsafe import Markup

from bot.cases import entering, numbers
from bot.cases.desk import NotPossible
from bot.cases.entering import Entered, Entry
from bot.console.asking import Ask
from bot.console.rendering import N_
from bot.console.routes import route
from bot.console.wording import ENTRIES, KINDS, Wording
from bot.dialogue.flow import Library
from bot.dialogue.model import SOURCE_LANGUAGE, Say, Text
from bot.wording import moment, word

REACHED = {
    "other": N_("À ce numéro"),
    "visit": N_("Quand elle revient ici"),
    "none": N_("Ne pas la joindre"),
}
"""How somebody is reached without harm, by the keys of `entering.REACHED`."""

_TEXTS = ("way", "category", "region", "language", "account", "name", "phone", "reach")
_SLIP = ("number", "deadline", "how", "or_come", "keep")


@route("GET", "/console/enter", "enter")
async def form(ask: Ask) -> web.Response:
    """An empty form, with a token of its own."""
    return _form(ask, entering.new_token(), {})


@route("POST", "/console/enter", "enter")
async def enter(ask: Ask) -> web.Response:
    """The paper; or the form again, with all that was written and what it lacks."""
    given = {name: str(ask.form.get(name, "")) for name in _TEXTS}
    named = ask.form.get("named") == "1"
    entry = Entry(anonymous=not named, consented=ask.form.get("consented") == "1", **given)
    token = str(ask.form.get("token", ""))
    try:
        entered = await ask.desk(lambda desk: entering.enter(desk, entry, token, ask.library))
    except NotPossible as error:
        values = {**given, "named": named, "consented": entry.consented}
        if not isinstance(error, entering.AlreadyFiled):  # nothing was filed: its half hour begins anew
            token = entering.new_token()
        return _form(ask, token, values, error=str(error))
    return await _paper(ask, entered, given["language"])


def _form(ask: Ask, token: str, given: Mapping[str, object], *, error: str = "") -> web.Response:
    library, told = ask.library, Wording(ask)
    kinds = {
        kind: [
            (one.key, told.category(one.key), one.restricted) for one in library.categories.values() if one.kind == kind
        ]
        for kind in KINDS
    }
    return ask.page(
        "enter/form.html",
        demonstration=bool(library.organisation.missing),
        status=422 if error else 200,
        error=error,
        token=token,
        given={**dict.fromkeys((*_TEXTS, "named", "consented"), ""), **given},
        ways=[(way, ENTRIES[way]) for way in entering.WAYS],
        kinds=[(KINDS[kind], categories) for kind, categories in kinds.items()],
        regions=[(key, told.region(key)) for key in library.directory.regions],
        languages=list(library.languages.items()),
        reached=[(key, REACHED[key]) for key in entering.REACHED],
        aloud=_aloud(library),
        reads=ask.staff.role == "protection" and ask.staff.cleared,
    )


def _aloud(library: Library) -> list[tuple[str, str, str]]:
    """What is read aloud: code and name of a language, and the words; each wording once."""
    found: dict[str, tuple[str, str, str]] = {}
    for code, name in library.languages.items():
        words = entering.consent_words(library, code)
        found.setdefault(words, (code, name, words))
    return list(found.values())


async def _paper(ask: Ask, entered: Entered, language: str) -> web.Response:
    """The one time that the 16 digits are shown. No topic stands on it: others may find it."""
    library = ask.library
    language = language if language in library.languages else SOURCE_LANGUAGE
    style = "day" if entered.anonymous else "moment"
    demonstration = ""
    if library.organisation.missing:  # then nobody reads, and nothing is promised
        demonstration = word(Say(Text(key="words:poster_demonstration")), library, language).text
    address = ask.console.settings.public_url.rstrip("/")
    return ask.page(
        "enter/paper.html",
        demonstration=demonstration,
        slip={part: word(Say(Text(key=f"words:slip_{part}")), library, language).text for part in _SLIP},
        slip_language=language,
        reference=entered.reference,
        groups=numbers.grouped(entered.receipt).split("\u00a0"),
        deadline=moment(entered.due_at, style, language, library.organisation.timezone),
        address=address.partition("://")[2],
        code=_code(f"{address}/") if address else "",
        reads=await ask.desk(lambda desk: entering.sees(desk, entered.reference)),
    )


def _code(address: str) -> Markup:
    """The address of the web chat for a camera; never the receipt."""
    # segno writes nothing but numbers and the attributes named here
    return Markup(segno.make_qr(address).svg_inline(border=2, omitsize=True, svgclass=None, lineclass=None))  # noqa: S704
