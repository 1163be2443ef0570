"""Whether each language says what the French says: texts that are missing, older, or lost a placeholder."""

from collections.abc import Collection, Iterator

from bot.dialogue.model import SOURCE_LANGUAGE
from bot.library.content import KEYWORDS, ORGANISATION, SAFETY
from bot.library.flows import Source
from bot.library.issues import Issue, found, nearest, quoted
from bot.library.languages import french_name
from bot.library.load import Built, catalogue_path
from bot.library.names import WORDS
from bot.library.placeholders import braces_in, is_open
from bot.library.translations import Translation

_FILE_OF = {
    "words": "content/words.yaml",
    "status": "content/words.yaml",
    "status_next": "content/words.yaml",
    "reply": "content/replies.yaml",
    "documents": "content/documents.yaml",
    "rights": "content/rights.yaml",
    "advice": "content/advice.yaml",
    "sectors": "content/sectors.yaml",
    "trades": "content/sectors.yaml",
    "categories": "content/case-categories.yaml",
}


def check_translations(built: Built, before: Collection[Issue]) -> Iterator[Issue]:
    """Issues of catalogues. What a mistake told `before` explains is not told once more."""
    check = _Translations(built, before)
    for language, kind in built.content.languages.items():
        yield from check.language(language, required=kind == "required")


def file_of(key: str) -> str:
    """The French file a text key belongs to."""
    place = key.partition(":")[0]
    if place == "services":  # one file each; which folder, only the file that is there can tell
        return "content/directory/"
    return _FILE_OF.get(place, f"flows/{place.partition('/')[0]}.yaml")


class _Translations:
    def __init__(self, built: Built, before: Collection[Issue]) -> None:
        self.built = built
        self.wrong_files = {issue.path for issue in before}
        placeholders = {"unknown_placeholder", "case_placeholder", "label_placeholder", "brace"}
        self.wrong_lines = {(issue.path, issue.line) for issue in before if issue.sort in placeholders}

    def language(self, language: str, *, required: bool) -> Iterator[Issue]:
        organisation = self.built.content.documents.get(ORGANISATION)
        line = organisation.line("languages", language) if organisation else 1
        if required:
            yield from self._small_words(language, line)
        po = catalogue_path(language)
        if language != SOURCE_LANGUAGE and language in self.built.translations:
            yield from self._catalogue(language, po, required=required)
        elif language != SOURCE_LANGUAGE and required:
            yield found("no_po", ORGANISATION, line, language, po=po)

    def _catalogue(self, language: str, po: str, *, required: bool) -> Iterator[Issue]:
        if any(issue.path == po and issue.sort == "po" for issue in self.built.issues):
            return
        missing = list(self._missing(language, po))
        if required:
            yield from missing
        explained = self.wrong_files | {issue.path for issue in missing}
        for key, translation in self.built.translations[language].items():
            source = self.built.sources.get(key)
            if source is not None and translation.words:
                yield from self._one(key, source, translation, po, language)
            elif source is None and not any(path.startswith(file_of(key)) for path in explained):
                yield found("po_unknown", po, translation.line, key)

    def _small_words(self, language: str, line: int) -> Iterator[Issue]:
        content = self.built.content
        for folder, files in ((KEYWORDS, content.keywords), (SAFETY, content.safety)):
            path = f"{folder}{language}.yaml"
            if language not in files and path not in {*content.documents, *content.unread}:
                yield found("no_language_file", ORGANISATION, line, language, path=path)

    def _missing(self, language: str, po: str) -> Iterator[Issue]:
        named = french_name(language)
        for key, source in self.built.sources.items():
            if key.startswith("words:") and key.removeprefix("words:") not in WORDS:
                continue  # never said
            translation = self.built.translations[language].get(key)
            if translation is None:
                yield found("untranslated", source.path, source.line, key, language=named, po=po)
            elif not translation.words:
                place = f"{po}:{translation.line}"
                yield found("untranslated_entry", source.path, source.line, key, language=named, place=place)

    def _one(self, key: str, source: Source, translation: Translation, po: str, language: str) -> Iterator[Issue]:
        """Placeholders first: a text that lost one is older than its French, too."""
        if (source.path, source.line) in self.wrong_lines:
            return
        if is_open(translation.words):
            yield found("brace", po, translation.line, key)
            return
        french, given = braces_in(source.words), braces_in(translation.words)
        lost = [name for name in french if name not in given]
        added = [name for name in given if name not in french]
        for name in added:
            near = nearest(name, lost)
            if near:
                lost.remove(near)
            known = quoted([f"{{{one}}}" for one in french]) or "rien"
            yield found(
                "placeholder_added", po, translation.line, key, near=near and f"{{{near}}}", name=name, known=known
            )
        for name in lost:
            yield found("placeholder_lost", po, translation.line, key, name=name)
        older = translation.fuzzy or translation.source.strip() != source.words.strip()
        if older and not (lost or added):
            where = f"{source.path}:{source.line}"
            yield found("stale", po, translation.line, key, language=french_name(language), where=where)
