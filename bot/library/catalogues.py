"""Catalogues for translators: the template of all French texts, and bringing a language up to date with it.

A text is known by its key (`msgctxt`), never by its words: correcting a comma in French keeps the old
translation, marked fuzzy with the words it was made from. It is served until somebody looks at it.
"""

import io
from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePath
from typing import BinaryIO

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import write_po

from bot.dialogue.model import SOURCE_LANGUAGE
from bot.library.flows import Source, read_flow
from bot.library.languages import french_name
from bot.library.load import build
from bot.library.translations import parse, previous_words


class BrokenFilesError(ValueError):
    """The French files have mistakes: a text that can't be read would look as if it were gone."""


def template(files: Mapping[str, bytes]) -> Catalog:
    """All French texts of these files, in the order they stand. Raises `BrokenFilesError`."""
    built = build({path: content for path, content in files.items() if not path.startswith("locales/")})
    if built.library is None:
        raise BrokenFilesError("\n".join(map(str, built.issues)))
    catalogue = Catalog(locale=SOURCE_LANGUAGE, project="Segin", charset="utf-8", fuzzy=False)
    for key, source in built.sources.items():
        catalogue.add(source.words, locations=[(source.path, source.line)], context=key)
    return catalogue


def update(content: bytes, template: Catalog, language: str = "") -> bytes:
    """A .po file brought up to date with the template; empty `content` begins one for `language`.

    New texts come without words, changed ones keep theirs and are marked fuzzy, texts that are gone are kept
    as obsolete and come back with their text. Raises `translations.CatalogueError`.
    """
    fresh = Catalog(locale=language or None, project="Segin", fuzzy=False)
    fresh.header_comment = f"# Segin, {french_name(language)}. Lisez locales/README.md avant de changer quelque chose."
    catalogue = parse(content) if content.strip() else fresh
    catalogue.project, catalogue.version = "Segin", "1"
    catalogue.msgid_bugs_address = _said(catalogue.msgid_bugs_address)
    catalogue.last_translator = _said(catalogue.last_translator)
    old = {one.context: one for one in [*catalogue.obsolete.values(), *catalogue] if one.context}
    for key, words in previous_words(content).items():
        if key in old:
            old[key].previous_id = [words]
    for message in list(catalogue):
        if message.id:
            catalogue.delete(message.id, message.context)
    catalogue.obsolete.clear()
    for message in template:
        if message.id:
            source = Source(message.locations[0][0], message.locations[0][1] or 1, str(message.id))
            _add(catalogue, str(message.context), source, old.pop(message.context, None))
    for message in old.values():
        if message.string:
            catalogue.obsolete[message.id, str(message.context)] = message
    written = io.BytesIO()
    write_po(written, catalogue, width=0, include_previous=True, include_lineno=False)
    return written.getvalue()


def _said(header: str | None) -> str:
    """A header, without what Babel writes where nobody said anything."""
    return "" if header is None or "EMAIL@ADDRESS" in header else header


def _add(catalogue: Catalog, key: str, source: Source, before: Message | None = None) -> None:
    """One text; with the words it had `before`, fuzzy when the French is not what they were made from."""
    string = str(before.string) if before and before.string else ""
    made_from = _made_from(before) if before else ""
    fuzzy = bool(string) and made_from != source.words
    if before and before.fuzzy and not before.previous_id:
        fuzzy = bool(string)  # marked by a person, who alone knows why
    message = catalogue.add(
        source.words,
        string,
        auto_comments=[source.path],
        flags={"fuzzy"} if fuzzy else set(),
        user_comments=[one for one in before.user_comments if not one.startswith("|")] if before else (),
        previous_id=[made_from] if fuzzy and made_from != source.words else (),
        context=key,
    )
    message.flags -= {"python-format", "python-brace-format"}  # Babel takes "70 % des gens" for a format


def _made_from(message: Message) -> str:
    """The French words a translation was made from: the previous ones, while it is fuzzy."""
    return str(message.previous_id[0]) if message.fuzzy and message.previous_id else str(message.id)


def extract(
    fileobj: BinaryIO,
    keywords: Collection[str],  # noqa: ARG001 Babel's way to call
    comment_tags: Collection[str],  # noqa: ARG001
    options: Mapping[str, object],  # noqa: ARG001
) -> Iterator[tuple[int, str, tuple[str, str], list[str]]]:
    """The texts of one flow file, for Babel's own commands: `bot.library.catalogues:extract` in a mapping file."""
    path = f"flows/{PurePath(fileobj.name).name}"
    file, _ = read_flow(path, fileobj.read())
    for key, source in file.sources.items() if file else ():
        yield source.line, "pgettext", (key, source.words), []
