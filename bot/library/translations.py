"""Reading one catalogue (locales/<lang>/LC_MESSAGES/bot.po): the words of one language by text key."""

import io
import re
from dataclasses import dataclass
from functools import lru_cache

from babel.messages.catalog import Catalog
from babel.messages.pofile import PoFileError, denormalize, read_po

from bot.library.issues import Issue, found

_context = re.compile(rb'^msgctxt "([^"]*)"', re.MULTILINE)
_previous = re.compile(r'^#\| (?:msgid )?(".*")\s*$')
_plain = re.compile(r"\A(?:\s*|#.*|(?:msgctxt|msgid|msgstr|msgid_plural|msgstr\[\d+\])?\s*\".*\"\s*)\Z")


@dataclass(frozen=True, slots=True)
class Translation:
    """Words of another language for one text. `source` are the French words they were made from."""

    words: str
    line: int
    source: str
    fuzzy: bool = False


class CatalogueError(ValueError):
    """A catalogue that can't be read; `line` says where."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line, self.problem = line, problem


@lru_cache(maxsize=32)  # by content: when a flow changes, the catalogues are not read again
def read_translations(path: str, content: bytes) -> tuple[dict[str, Translation], tuple[Issue, ...]]:
    """Text key → translation ("" when it is not written yet), and what is wrong with the file."""
    try:
        catalogue = parse(content)
    except CatalogueError as error:
        return {}, (found("po", path, error.line, problem=error.problem),)
    issues: list[Issue] = []
    lines: dict[str, int] = {}
    for match in _context.finditer(content):
        line = content.count(b"\n", 0, match.start()) + 1
        key = match[1].decode(errors="replace")
        if key in lines:
            issues.append(found("po_twice", path, line, key, first=lines[key]))
        lines.setdefault(key, line)
    read: dict[str, Translation] = {}
    for message in catalogue:
        if message.context and isinstance(message.string, str):
            key = str(message.context)
            read[key] = Translation(
                message.string.strip(), lines.get(key, message.lineno or 1), str(message.id), message.fuzzy
            )
    return read, tuple(issues)


def previous_words(content: bytes) -> dict[str, str]:
    """Text key → the French words before the last change (`#| msgid`), which Babel writes but does not read."""
    read: dict[str, str] = {}
    lines: list[str] = []
    for line in content.decode("utf-8-sig").splitlines():
        told = _previous.match(line)
        context = _context.match(line.encode())
        if told:
            lines.append(told[1])
        elif context and lines:
            read[context[1].decode()] = denormalize("\n".join(lines))
        if not line.startswith("#"):
            lines = []
    return read


def parse(content: bytes) -> Catalog:
    """The catalogue in a .po file. Raises `CatalogueError`, with a line, for what is none."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CatalogueError(content.count(b"\n", 0, error.start) + 1, "ce n'est pas de l'UTF-8") from error
    for number, line in enumerate(text.splitlines(), 1):
        if not _plain.match(line):  # Babel would read on and lose the text
            raise CatalogueError(number, f"« {line.strip()[:40]} »")
    try:
        return read_po(io.BytesIO(text.encode()), abort_invalid=True)
    except PoFileError as error:
        raise CatalogueError(int(error.lineno) + 1, str(error)) from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise CatalogueError(1, f"{type(error).__name__}: {error}") from error
