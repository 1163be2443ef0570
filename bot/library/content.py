"""Reading content/: who serves Segin here, what cases are about, papers, Segin's own phrases, small words."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Literal, TypeVar
from zoneinfo import ZoneInfo

from bot.dialogue.flow import Category, Entry, OnCall, Organisation
from bot.dialogue.model import SOURCE_LANGUAGE
from bot.library.conditions import check_conditions
from bot.library.directory import REGIONS, SECTORS, SERVICES, SOURCES, DirectoryFiles, read_directory
from bot.library.flows import Source
from bot.library.issues import Issue, found, nearest, quoted
from bot.library.languages import own_name
from bot.library.names import STATUSES
from bot.library.phrases import PHRASES, check_phrases
from bot.library.reader import Reader
from bot.library.reading import Document
from bot.library.small_words import check_keywords, check_safety

T = TypeVar("T")

ORGANISATION, CATEGORIES, WORDS, REVIEWS, REPLIES = (
    "content/organisation.yaml",
    "content/case-categories.yaml",
    "content/words.yaml",
    "content/reviews.yaml",
    "content/replies.yaml",
)
LISTS = {name: f"content/{name}.yaml" for name in ("documents", "rights", "advice")}  # by the word of `query`
KEYWORDS, SAFETY = "content/keywords/", "content/safety/"
READERS = 2  # people who have read what may harm, before a draft shows it
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
    directory_fresh_days: int = 365
    languages: dict[str, str]
    timezone: str
    working_hours: dict[str, str | list[str]] = field(default_factory=dict)
    holidays: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Category:
    """An entry of content/case-categories.yaml."""

    label: str
    kind: Literal["request", "complaint"]
    restricted: bool
    reply_hours: float
    keep_days: int
    urgent: bool = False


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """An entry of content/documents.yaml and its like; all but key, label and `when` is for staff and editors."""

    key: str
    label: str
    when: Mapping[str, object] = field(default_factory=dict)
    why: str = ""
    source: str = ""
    source_year: int | None = None


@dataclass(frozen=True, kw_only=True)
class Reviews:
    """content/reviews.yaml. `texts`: flows, steps as `flow/step`, or text keys, whose words two people must have read
    before a draft language shows them; `read_by`: language → who has.
    """

    texts: tuple[str, ...] = ()
    read_by: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def waits(self, text_key: str, language: str) -> bool:
        """Whether a text of a draft language may not be shown yet."""
        place = text_key.partition(":")[0]
        named = text_key in self.texts or place in self.texts or place.partition("/")[0] in self.texts
        return named and len(set(self.read_by.get(language, ()))) < READERS


@dataclass(frozen=True)
class Content:
    """What the content files hold. `documents` keeps them as they were read, by path."""

    organisation: Organisation
    languages: Mapping[str, str]  # code → "required" | "optional" | "draft", in the order offered
    categories: Mapping[str, Category]
    lists: Mapping[str, tuple[Entry, ...]]
    directory: DirectoryFiles
    reviews: Reviews
    keywords: Mapping[str, Mapping[str, object]]  # language → content/keywords/<language>.yaml
    safety: Mapping[str, Mapping[str, object]]
    phrases: Mapping[str, Mapping[str, object]]
    sources: Mapping[str, Source]  # text key → French words
    documents: Mapping[str, Document] = field(repr=False)
    unread: frozenset[str]  # paths of files that are there but can't be read


def _span(written: str) -> tuple[int, int] | None:
    """Hours such as 08:00-17:00 as minutes of the day; None for what is none."""
    match = _hours.fullmatch(written.strip())
    if match is None:
        return None
    return int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])


class _Reading(Reader):
    """The small content files."""

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
                self._hours(document, on_call.hours, "on_call", "hours"),
                on_call.verified_by,
            ),
            help_unchanged_signed=read.help_unchanged_signed,
            reply_within=self._span(document, read.reply_hours.ordinary, "reply_hours", "ordinary"),
            restricted_reply_within=self._span(document, read.reply_hours.restricted, "reply_hours", "restricted"),
            hold=self._span(document, read.hold_hours, "hold_hours"),
            resume_after=self._span(document, read.resume_after_hours, "resume_after_hours"),
            directory_fresh_for=timedelta(days=read.directory_fresh_days),
            timezone=self._timezone(document, read.timezone),
            working_hours=self._hours(document, read.working_hours, "working_hours"),
            holidays=self._holidays(document, read.holidays),
        ), self._languages(document, read.languages)

    def _span(self, document: Document, hours: float, *where: str) -> timedelta:
        if not 0 < hours <= 24 * 365 * 10:
            problem = "il faut un nombre d'heures, plus grand que 0"
            self.issues.append(document.issue("bad_value", *where, key=where[-1], problem=problem, how="écrivez 120"))
            return timedelta(hours=1)
        return timedelta(hours=hours)

    def _holidays(self, document: Document, days: tuple[str, ...]) -> frozenset[date]:
        read = set()
        for place, written in enumerate(days):
            try:
                read.add(date.fromisoformat(written))
            except ValueError:
                problem, how = f"« {written} » n'est pas une date", 'écrivez "2026-12-25"'
                self.issues.append(
                    document.issue("bad_value", "holidays", place, key="holidays", problem=problem, how=how)
                )
        return frozenset(read)

    def _timezone(self, document: Document, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ValueError, OSError, KeyError):
            problem, how = "ce fuseau horaire n'existe pas", "écrivez Africa/Bamako"
            self.issues.append(document.issue("bad_value", "timezone", key="timezone", problem=problem, how=how))
        return name

    def _languages(self, document: Document, languages: Mapping[str, str]) -> Mapping[str, str]:
        kinds = ("required", "optional", "draft", "off")
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
        return {code: kind for code, kind in languages.items() if kind != "off"}

    def _hours(
        self, document: Document, hours: Mapping[str, str | list[str]], *place: str
    ) -> dict[int, tuple[tuple[int, int], ...]]:
        read: dict[int, tuple[tuple[int, int], ...]] = {}
        for day, written in hours.items():
            where = (*place, day)
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
            self.name(document, key, key)
            self.text(document, f"categories:{key}", category.label, key, "label")
            within = self._span(document, category.reply_hours, key, "reply_hours")
            read[key] = Category(
                key, category.kind, category.restricted, within, category.keep_days, urgent=category.urgent
            )
            if category.urgent and not category.restricted:
                where, problem = (key, "urgent"), "une urgence est lue par la petite équipe formée"
                how = "écrivez aussi restricted: true"
                self.issues.append(document.issue("bad_value", *where, key=where[-1], problem=problem, how=how))
            if category.keep_days > MOST_DAYS:
                self.issues.append(document.issue("keep_days", key, "keep_days", key=str(category.keep_days)))
            if category.keep_days <= 0:
                where, problem = (key, "keep_days"), "il faut un nombre de jours"
                self.issues.append(
                    document.issue("bad_value", *where, key=where[-1], problem=problem, how="écrivez 365")
                )
        return read

    def entries(self, name: str) -> tuple[Entry, ...]:
        """The lines of a list; only that of papers must be there."""
        path = LISTS[name]
        document = self.document(path) if name == "documents" else self.documents.get(path)
        if document is None:
            return ()
        if not isinstance(document.value, list):
            how = "écrivez chaque ligne après un tiret : - key: …"
            self.issues.append(document.issue("wrong_type", key=path, wanted="une liste", got="autre chose", how=how))
            return ()
        read: dict[str, Entry] = {}
        for place, value in enumerate(document.value):
            entry = self.converted(_Entry, document, (place,), value)
            if entry is None:
                continue
            self.name(document, entry.key, place, "key")
            if entry.key in read:
                first = self.sources[f"{name}:{entry.key}"].line
                self.issues.append(document.issue("duplicate_key", place, key=entry.key, first=first))
            read[entry.key] = Entry(entry.key, entry.when)
            self.issues += check_conditions(document, (place,), value)
            self.text(document, f"{name}:{entry.key}", entry.label, place, "label")
        return tuple(read.values())

    def reviews(self) -> Reviews:
        """Which texts wait for readers, and who has read them, by language."""
        document = self.documents.get(REVIEWS)
        return (self.converted(Reviews, document, (), document.value) if document else None) or Reviews()

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

    def replies(self) -> None:
        """Words that staff choose and complete; without the file they write their own."""
        document = self.documents.get(REPLIES)
        for key, words in self.mapping(document).items() if document else ():
            if document:
                self.name(document, key, key)
                self.text(document, f"reply:{key}", words, key)

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
    categories, lists = reading.categories(), {name: reading.entries(name) for name in LISTS}
    papers = {entry.key: entry for entry in lists["documents"]}
    directory = read_directory(reading, papers, organisation.directory_fresh_for)
    reviews = reading.reviews()
    reading.words()
    reading.replies()
    keywords = reading.by_language(KEYWORDS, check_keywords)
    safety = reading.by_language(SAFETY, check_safety)
    phrases = reading.by_language(PHRASES, check_phrases)
    known = {ORGANISATION, CATEGORIES, WORDS, REVIEWS, REPLIES, SOURCES, REGIONS, SECTORS, *LISTS.values()}
    folders = (KEYWORDS, SAFETY, PHRASES, SERVICES)
    reading.issues += [
        found("unknown_file", path, 1)
        for path in files
        if path.startswith("content/") and path not in known and not path.startswith(folders)
    ]
    unread = frozenset(path for path in files if path.startswith("content/") and path not in reading.documents)
    content = Content(
        organisation=organisation,
        languages=languages,
        categories=categories,
        lists=lists,
        directory=directory,
        reviews=reviews,
        keywords=keywords,
        safety=safety,
        phrases=phrases,
        sources=reading.sources,
        documents=reading.documents,
        unread=unread,
    )
    return content, reading.issues
