"""The French words of the console, gathered from its templates and from the code, for those who translate them.

In templates words stand in `_("…")` or `ngettext("…", "…", n)`; in Python in `N_("…")`, `saying(key, "…")`, or as
what a refusal says: `NotPossible("…")` and its kinds.
"""

import io
from collections.abc import Iterator, Mapping
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import write_po

from bot.cases.desk import NotPossible
from bot.console.rendering import HERE, LANGUAGES
from bot.console.routes import all_routes
from bot.dialogue.model import SOURCE_LANGUAGE
from bot.library.languages import french_name
from bot.library.translations import parse

_CODE = HERE.parent
_PLACES = ("console", "cases", "staff", "library")
_UNSAID = (
    b'"Report-Msgid-Bugs-To',
    b'"POT-Creation-Date',
    b'"PO-Revision-Date',
    b'"Last-Translator',
    b'"Language-Team',
    b'"Generated-By',
)
_TEMPLATES: dict[str, tuple[int, ...] | None] = {"_": None, "gettext": None, "ngettext": (1, 2)}


def found() -> Catalog:
    """All of them, each with the files it stands in."""
    all_routes()  # imports the pages, and with them every kind of refusal
    code = {"N_": None, "saying": (2,), **dict.fromkeys(_refusals(NotPossible))}
    catalogue = Catalog(locale=SOURCE_LANGUAGE, project="Segin", charset="utf-8", fuzzy=False)
    for path in sorted((HERE / "templates").rglob("*.*")):  # also pages to whoever is on call (.txt)
        _add(catalogue, path, "jinja2.ext:babel_extract", _TEMPLATES)
    for place in _PLACES:
        for path in sorted((_CODE / place).rglob("*.py")):
            _add(catalogue, path, "python", code)
    return catalogue


def update(content: bytes, language: str) -> bytes:
    """A console.po brought up to date: new words come empty, words that are gone are kept as obsolete.

    Raises `bot.library.translations.CatalogueError`.
    """
    catalogue = Catalog(locale=language, project="Segin", version="1", fuzzy=False)
    catalogue.header_comment = f"# Segin, la console, {french_name(language)}. Lisez locales/README.md."
    old = parse(content) if content.strip() else Catalog()
    known = {str(one.id): one for one in [*old.obsolete.values(), *old] if one.id}
    for message in found():
        if message.id:
            before = known.pop(str(message.id), None)
            string = str(before.string) if before else ""
            made = catalogue.add(message.id, string, locations=message.locations)
            made.flags -= {"python-format", "python-brace-format"}
    for message in known.values():
        if message.string:
            catalogue.obsolete[message.id] = message
    written = io.BytesIO()
    write_po(written, catalogue, width=0, include_lineno=False)
    # dates and authors are in the history of the repository; here they would only change each time
    lines = written.getvalue().split(b"\n")
    return b"\n".join(line for line in lines if not line.startswith(_UNSAID))


def bring_up_to_date(folder: Path) -> Iterator[Path]:
    """Write the console.po of every language of the console below `folder`; the paths."""
    for language in LANGUAGES:
        if language != SOURCE_LANGUAGE:
            path = folder / "locales" / language / "LC_MESSAGES" / "console.po"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(update(path.read_bytes() if path.exists() else b"", language))
            yield path


def _add(catalogue: Catalog, path: Path, method: str, keywords: Mapping[str, tuple[int, ...] | None]) -> None:
    place = str(path.relative_to(_CODE.parent))
    options = {"extensions": "jinja2.ext.do", "silent": "false"}
    with path.open("rb") as file:
        for line, words, _, _ in extract(method, file, keywords=keywords, options=options):
            many = [str(one) for one in words] if isinstance(words, tuple) else [str(words)]
            for one in many:  # one and many are words of their own
                catalogue.add(one, locations=[(place, line)])


def _refusals(kind: type[Exception]) -> set[str]:
    names = {kind.__name__}
    for one in kind.__subclasses__():
        names |= _refusals(one)
    return names
