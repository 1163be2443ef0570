"""`segin check --sources`: facts that do not say where they come from.

A fact of content (a paper, a right, a piece of advice, a region, a trade, a service) names its document and the
year it was true. Flows hold words, not facts: a sum of money, a phone number or a year in one belongs in content.
"""

import re
from collections.abc import Iterator

from bot.library.content import LISTS
from bot.library.directory import REGIONS, SECTORS, SERVICES
from bot.library.issues import Issue, found
from bot.library.load import Built
from bot.library.reading import Document, Where

_MONEY = re.compile(r"\d[\d\s.]*(?:F\b|FCFA|CFA|francs|euros?|EUR)|\bFCFA\b", re.IGNORECASE)
_PHONE = re.compile(r"\+?\d(?:[\s./-]?\d){7,}")


def check_sources(built: Built) -> list[Issue]:
    """Every fact without a source, in the order of files and lines."""
    documents = built.content.documents
    issues: list[Issue] = []
    for path in LISTS.values():
        if path in documents:
            issues += _list(built, documents[path])
    if REGIONS in documents:
        issues += _mapping(built, documents[REGIONS], ())
    if SECTORS in documents:
        for sector in documents[SECTORS].mapping():
            issues += _mapping(built, documents[SECTORS], (sector, "trades"))
    for path, document in documents.items():
        if path.startswith(SERVICES):
            issues += _one(built, document, (), document.value)
    return sorted([*issues, *_figures(built)])


def _list(built: Built, document: Document) -> Iterator[Issue]:
    for place, entry in enumerate(document.value if isinstance(document.value, list) else ()):
        yield from _one(built, document, (place,), entry)


def _mapping(built: Built, document: Document, where: Where) -> Iterator[Issue]:
    value: object = document.value
    for part in where:
        value = value.get(str(part), {}) if isinstance(value, dict) else {}
    for key, entry in value.items() if isinstance(value, dict) else ():
        yield from _one(built, document, (*where, key), entry)


def _one(built: Built, document: Document, where: Where, entry: object) -> Iterator[Issue]:
    """A fact needs a document that content/sources.yaml knows, and a year."""
    fact = entry if isinstance(entry, dict) else {}
    named = str(fact.get("key") or (where[-1] if where else document.path))
    source = str(fact.get("source", "")).partition(",")[0].strip()
    if source not in built.content.directory.sources:
        yield document.issue("no_source", *where, key=named)
    if not isinstance(fact.get("source_year"), int):
        yield document.issue("no_source_year", *where, key=named)


def _figures(built: Built) -> Iterator[Issue]:
    for file in built.flows.values():
        for source in file.sources.values():
            figure = _MONEY.search(source.words) or _PHONE.search(source.words)
            if figure:
                yield found("figure_in_flow", source.path, source.line, figure[0].strip())
