"""Reading content/: who serves Segin here, what cases are about, papers, Segin's own phrases, small words."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Literal, TypeVar
from zoneinfo import ZoneInfo

from bot.dialogue.flow import SOURCE_LANGUAGE, Category, OnCall, Organisation, Paper
from bot.library import shape
from bot.library.conditions import check_conditions
from bot.library.flows import Source
from bot.library.issues import Issue, found, nearest, quoted
from bot.library.languages import own_name
from bot.library.names import STATUSES
from bot.library.reading import NAME, Document, Where, read_yaml
from bot.library.small_words import check_keywords, check_safety

T = TypeVar("T")

ORGANISATION, CATEGORIES, PAPERS, WORDS = (
    "content/organisation.yaml",
    "content/case-categories.yaml",
    "content/documents.yaml",
    "content/words.yaml",
)
KEYWORDS, SAFETY = "content/keywords/", "content/safety/"
MOST_DAYS = 365  # flows/consent.yaml tells people "un an au plus"
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_hours = re.compile(r"(\d{1,2}):([0-5]\d)\s*[-–]\s*(\d{1,2}):([0-5]\d)")


@dataclass(frozen=True, kw_only=True)
class _OnCall:
    name: str = ""
    phone: str = ""
    hours: dict[str, str | list[str]] = field(default_factory=dict)
    hours_text: str = ""
    languages: tuple[str, ...] = ()
    verified_by: str = ""


@dataclass(frozen=True, kw_only=True)
class _ReplyHours:
    ordinary: float
    restricted: float


@dataclass(frozen=True, kw_only=True)
class _Organisation:
    """content/organisation.yaml."""

    name: str = ""
    data_controller: str = ""
    contacts: tuple[str, ...] = ()
    on_call: _OnCall = field(default_factory=_OnCall)
    help_unchanged_signed: bool = False
    reply_hours: _ReplyHours
    hold_hours: float
    resume_after_hours: float
    languages: dict[str, str]
    timezone: str


@dataclass(frozen=True, kw_only=True)
class _Category:
    """An entry of content/case-categories.yaml."""

    label: str
    kind: Literal["request", "complaint"]
    restricted: bool
    reply_hours: float
    keep_days: int


@dataclass(frozen=True, kw_only=True)
class _Paper:
    """An entry of content/documents.yaml; all but key, label and `when` is for staff and editors."""

    key: str
    label: str
    when: Mapping[str, object] = field(default_factory=dict)
    why: str = ""
    source: str = ""
    source_year: int | None = None


@dataclass(frozen=True)
class Content:
    """What the content files hold. `documents` keeps them as they were read, by path."""

    organisation: Organisation
    languages: Mapping[str, str]  # code → "required" | "optional", in the order offered
    categories: Mapping[str, Category]
    papers: tuple[Paper, ...]
    keywords: Mapping[str, Mapping[str, object]]  # language → content/keywords/<language>.yaml
    safety: Mapping[str, Mapping[str, object]]
    sources: Mapping[str, Source]  # text key → French words
    documents: Mapping[str, Document] = field(repr=False)
    unread: frozenset[str]  # paths of files that are there but can't be read


def _span(written: str) -> tuple[int, int] | None:
    """Hours such as 08:00-17:00 as minutes of the day; None for what is none."""
    match = _hours.fullmatch(written.strip())
    if match is None:
        return None
    return int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])


class _Reading:
    """Reads the content files and gathers what is wrong with them."""

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

    # ------------------------------------------------------------ organisation.yaml

    def organisation(self) -> tuple[Organisation, Mapping[str, str]]:
        document = self.document(ORGANISATION)
        read = self.converted(_Organisation, document, (), document.value) if document else None
        if document is None or read is None:
            return Organisation(), {SOURCE_LANGUAGE: "required"}
        on_call = read.on_call
        return Organisation(
            name=read.name,
            data_controller=read.data_controller,
            contacts=read.contacts,
            on_call=OnCall(
                on_call.name,
                on_call.phone,
                on_call.hours_text,
                self._hours(document, on_call.hours),
                on_call.verified_by,
            ),
            help_unchanged_signed=read.help_unchanged_signed,
            reply_within=self._span(document, read.reply_hours.ordinary, "reply_hours", "ordinary"),
            restricted_reply_within=self._span(document, read.reply_hours.restricted, "reply_hours", "restricted"),
            hold=self._span(document, read.hold_hours, "hold_hours"),
            resume_after=self._span(document, read.resume_after_hours, "resume_after_hours"),
            timezone=self._timezone(document, read.timezone),
        ), self._languages(document, read.languages)

    def _span(self, document: Document, hours: float, *where: str) -> timedelta:
        if not 0 < hours <= 24 * 365 * 10:
            problem = "il faut un nombre d'heures, plus grand que 0"
            self.issues.append(document.issue("bad_value", *where, key=where[-1], problem=problem, how="écrivez 120"))
            return timedelta(hours=1)
        return timedelta(hours=hours)

    def _timezone(self, document: Document, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ValueError, OSError, KeyError):
            problem, how = "ce fuseau horaire n'existe pas", "écrivez Africa/Bamako"
            self.issues.append(document.issue("bad_value", "timezone", key="timezone", problem=problem, how=how))
        return name

    def _languages(self, document: Document, languages: Mapping[str, str]) -> Mapping[str, str]:
        kinds = ("required", "optional")
        for code, kind in languages.items():
            where = ("languages", code)
            if not own_name(code):
                self.issues.append(document.issue("unknown_language", *where, key=code))
            if kind not in kinds:
                near, known = nearest(kind, kinds), quoted(kinds)
                self.issues.append(document.issue("wrong_word", *where, key=code, got=kind, known=known, near=near))
        if languages.get(SOURCE_LANGUAGE) != "required":
            self.issues.append(
                document.issue("missing_key", "languages", key=f"{SOURCE_LANGUAGE}: required", of=" sous « languages »")
            )
        return languages

    def _hours(
        self, document: Document, hours: Mapping[str, str | list[str]]
    ) -> dict[int, tuple[tuple[int, int], ...]]:
        read: dict[int, tuple[tuple[int, int], ...]] = {}
        for day, written in hours.items():
            where = ("on_call", "hours", day)
            if day not in _DAYS:
                self.issues.append(document.issue("unknown_key", *where, key=day, known=quoted(_DAYS)))
                continue
            spans = [_span(text) for text in ([written] if isinstance(written, str) else written)]
            if None in spans:
                self.issues.append(document.issue("bad_hours", *where, key=day))
            known = sorted(span for span in spans if span)
            if any(not opens < closes <= 24 * 60 for opens, closes in known):
                self.issues.append(document.issue("night_hours", *where, key=day))
            elif any(before[1] > after[0] for before, after in pairwise(known)):
                self.issues.append(document.issue("hours_overlap", *where, key=day))
            read[_DAYS.index(day)] = tuple(known)
        return read

    # ------------------------------------------------------------ what a case is about, papers

    def categories(self) -> dict[str, Category]:
        document = self.document(CATEGORIES)
        read: dict[str, Category] = {}
        for key, value in self.mapping(document).items() if document else ():
            category = self.converted(_Category, document, (key,), value) if document else None
            if document is None or category is None:
                continue
            self._name(document, key, key)
            self.text(document, f"categories:{key}", category.label, key, "label")
            within = self._span(document, category.reply_hours, key, "reply_hours")
            read[key] = Category(key, category.kind, category.restricted, within, category.keep_days)
            if category.keep_days > MOST_DAYS:
                self.issues.append(document.issue("keep_days", key, "keep_days", key=str(category.keep_days)))
            if category.keep_days <= 0:
                where, problem = (key, "keep_days"), "il faut un nombre de jours"
                self.issues.append(
                    document.issue("bad_value", *where, key=where[-1], problem=problem, how="écrivez 365")
                )
        return read

    def papers(self) -> tuple[Paper, ...]:
        document = self.document(PAPERS)
        if document is None:
            return ()
        if not isinstance(document.value, list):
            how = "écrivez chaque papier après un tiret : - key: …"
            self.issues.append(document.issue("wrong_type", key=PAPERS, wanted="une liste", got="autre chose", how=how))
            return ()
        read: dict[str, Paper] = {}
        for place, value in enumerate(document.value):
            paper = self.converted(_Paper, document, (place,), value)
            if paper is None:
                continue
            self._name(document, paper.key, place, "key")
            if paper.key in read:
                first = self.sources[f"documents:{paper.key}"].line
                self.issues.append(document.issue("duplicate_key", place, key=paper.key, first=first))
            read[paper.key] = Paper(paper.key, paper.when)
            self.issues += check_conditions(document, (place,), value)
            self.text(document, f"documents:{paper.key}", paper.label, place, "label")
        return tuple(read.values())

    def _name(self, document: Document, name: str, *where: str | int) -> None:
        if not NAME.fullmatch(name):
            self.issues.append(document.issue("bad_name", *where, key=name))

    # ------------------------------------------------------------ phrases and small words

    def words(self) -> None:
        document = self.document(WORDS)
        if document is None:
            return
        for key, words in self.mapping(document).items():
            if key not in ("status", "status_next"):
                self.text(document, f"words:{key}", words, key)
                continue
            for status, phrase in words.items() if isinstance(words, dict) else ():
                if status not in STATUSES:
                    near, known = nearest(status, STATUSES), quoted(STATUSES)
                    self.issues.append(document.issue("unknown_key", key, status, key=status, near=near, known=known))
                self.text(document, f"{key}:{status}", phrase, key, status)

    def by_language(self, folder: str, wrong: Callable[[Document], list[Issue]]) -> dict[str, Mapping[str, object]]:
        """The files `<folder><language>.yaml`; `wrong` says what is wrong with one."""
        read: dict[str, Mapping[str, object]] = {}
        for path, document in self.documents.items():
            if not path.startswith(folder):
                continue
            code = PurePosixPath(path).stem
            if not own_name(code):
                self.issues.append(found("unknown_language", path, 1, code))
            issues = wrong(document)
            self.issues += issues
            if not issues:
                read[code] = self.mapping(document)
        return read


def read_content(files: Mapping[str, bytes]) -> tuple[Content, list[Issue]]:
    """What the content files hold, as far as it can be read, and what is wrong with them."""
    reading = _Reading(files)
    organisation, languages = reading.organisation()
    categories, papers = reading.categories(), reading.papers()
    reading.words()
    keywords = reading.by_language(KEYWORDS, check_keywords)
    safety = reading.by_language(SAFETY, check_safety)
    known = {ORGANISATION, CATEGORIES, PAPERS, WORDS}
    reading.issues += [
        found("unknown_file", path, 1)
        for path in files
        if path.startswith("content/") and path not in known and not path.startswith((KEYWORDS, SAFETY))
    ]
    unread = frozenset(path for path in files if path.startswith("content/") and path not in reading.documents)
    content = Content(
        organisation, languages, categories, papers, keywords, safety, reading.sources, reading.documents, unread
    )
    return content, reading.issues
