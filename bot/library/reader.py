"""Reading content files: what they hold, the French texts in them, and what is wrong with them."""

from collections.abc import Mapping
from typing import TypeVar

from bot.library import shape
from bot.library.flows import Source
from bot.library.issues import Issue, found
from bot.library.reading import NAME, Document, Where, read_yaml

T = TypeVar("T")


class Reader:
    """The content files by path (`documents`), their French texts (`sources`), and what is wrong (`issues`)."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.issues: list[Issue] = []
        self.sources: dict[str, Source] = {}
        self.documents: dict[str, Document] = {}
        for path, content in files.items():
            if path.startswith("content/"):
                document, issues = read_yaml(path, content)
                self.issues += issues
                if document:
                    self.documents[path] = document
        self._files = files

    def document(self, path: str) -> Document | None:
        if path not in self._files:
            self.issues.append(found("missing_file", path, 1, path))
        return self.documents.get(path)

    def mapping(self, document: Document) -> dict[str, object]:
        if not isinstance(document.value, dict):
            how = "écrivez « clé: valeur » sur chaque ligne"
            wanted = "un groupe « clé: valeur »"
            self.issues.append(
                document.issue("wrong_type", key=document.path, wanted=wanted, got="autre chose", how=how)
            )
        return document.mapping()

    def converted(self, cls: type[T], document: Document, where: Where, value: object) -> T | None:
        made, issues = shape.convert(cls, document, where, value)
        self.issues += issues
        return made

    def text(self, document: Document, key: str, words: object, *where: str | int) -> None:
        """A French text to be said, and translated."""
        if isinstance(words, str) and words:
            self.sources[key] = Source(document.path, document.line(*where), words)
        else:
            named = str(where[-1])
            self.issues.append(
                document.issue(
                    "wrong_type",
                    *where,
                    key=named,
                    wanted="un texte",
                    got="autre chose",
                    how="écrivez la phrase",
                )
            )

    def name(self, document: Document, name: str, *where: str | int) -> None:
        if not NAME.fullmatch(name):
            self.issues.append(document.issue("bad_name", *where, key=name))
