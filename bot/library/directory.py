"""Reading the directory: content/sources.yaml, regions.yaml, sectors.yaml and directory/<folder>/<service>.yaml.

All of them may be missing: a library without a directory has flows alone. What a service file holds for staff
(notes, amounts, donors' programmes) stays in the file; the engine gets only what it may say.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import PurePosixPath
from typing import Literal

from bot.dialogue.directory import Directory, Region, Service, Trade, Who
from bot.dialogue.letters import fold
from bot.library.issues import nearest, quoted
from bot.library.reader import Reader
from bot.library.reading import Document, Where
from bot.library.tiles import tile_of

SOURCES, REGIONS, SECTORS = "content/sources.yaml", "content/regions.yaml", "content/sectors.yaml"
SERVICES = "content/directory/"
LONGEST_LABEL = 24  # letters: a line of a list in WhatsApp holds no more
_FOLDERS = ("national", "abroad")  # beside those named after a region


@dataclass(frozen=True, kw_only=True)
class _Source:
    title: str
    publisher: str
    year: int
    language: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class _Cercle:
    label: str
    pcode: str = ""
    words: tuple[str, ...] = ()
    source: str = ""  # that of its region, when left out
    source_year: int | None = None


@dataclass(frozen=True, kw_only=True)
class _Community:
    label: str
    cercle: str = ""
    words: tuple[str, ...] = ()
    note: str = ""
    source: str
    source_year: int


@dataclass(frozen=True, kw_only=True)
class _Region:
    label: str
    pcode: str = ""
    tile: tuple[int, ...] = ()
    words: tuple[str, ...] = ()
    neighbours: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    iom_office: Literal["main", "sub_office", ""] = ""
    iom_source: str = ""
    cercles: dict[str, object] = field(default_factory=dict)
    communities: dict[str, object] = field(default_factory=dict)
    source: str
    source_year: int


@dataclass(frozen=True, kw_only=True)
class _Sector:
    label: str
    trades: dict[str, object]


@dataclass(frozen=True, kw_only=True)
class _Trade:
    label: str
    words: tuple[str, ...] = ()
    words_en: tuple[str, ...] = ()
    words_bm: tuple[str, ...] = ()
    close_to: tuple[str, ...] = ()
    leaflet: bool = False
    source: str
    source_year: int


@dataclass(frozen=True, kw_only=True)
class _Who:
    age_min: int = 0
    age_max: int = 200
    sex: Literal["women", "men", ""] = ""
    schooling: Literal["some", ""] = ""
    returns: tuple[Literal["assisted", "expelled", "alone"], ...] = ()
    returned_from: tuple[str, ...] = ()
    groups: tuple[
        Literal["displaced", "refugees", "trafficking", "minors", "women_groups", "mature_business"], ...
    ] = ()


@dataclass(frozen=True, kw_only=True)
class _Contact:
    address: str = ""
    phone: tuple[str, ...] = ()
    year: int | None = None  # when that of the source does not hold for the contact
    email: str = ""
    web: str = ""


Status = Literal["open", "unknown", "ended", "suspended", "closing", "planned", "running"]


@dataclass(frozen=True, kw_only=True)
class _Programme:
    name: str
    regions: tuple[str, ...] = ()
    nationwide: bool = False
    since: int | None = None
    until: int | None = None
    status: Status = "unknown"
    who: str = ""
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class _Service:
    """A file of content/directory/."""

    name: str
    short: str
    number: str = ""
    kind: Literal[
        "training_centre", "employment", "business", "finance", "recruitment", "ngo", "protection", "peers",
        "social", "migration", "authority", "mechanism", "donor", "programme", "company",
    ]  # fmt: skip
    audience: Literal["public", "staff"]
    agreement: Literal["signed", "walk-in", "unknown"]
    status: Status = "unknown"
    since: int | None = None
    until: int | None = None
    nationwide: bool = False
    not_in: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    cercles: tuple[str, ...] = ()
    place: str = ""
    trades: tuple[str, ...] = ()
    help: tuple[
        Literal[
            "psychosocial", "medical", "legal", "shelter", "food", "family", "children", "women", "orientation",
            "peers", "listening", "identity_papers", "health_cover", "transport", "cash",
        ],
        ...,
    ] = ()  # fmt: skip
    who: _Who = field(default_factory=_Who)
    gives: str
    conditions: str = ""
    ask: str = ""
    bring: tuple[str, ...] = ()
    contact: _Contact = field(default_factory=_Contact)
    address_hidden: str = ""
    partners: str = ""
    programmes: tuple[_Programme, ...] = ()
    amounts: tuple[str, ...] = ()
    notes: str = ""
    source: str
    source_year: int
    verified_on: str = ""


@dataclass(frozen=True)
class DirectoryFiles:
    """The directory as it was read. `names` are words shown in every language alike, by text key; `spoken` are
    further words people use for an entry, by text key.
    """

    directory: Directory = field(default_factory=Directory)
    sources: frozenset[str] = frozenset()  # keys of content/sources.yaml
    names: Mapping[str, str] = field(default_factory=dict)
    spoken: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read_directory(reader: Reader, papers: Mapping[str, object], fresh_for: timedelta) -> DirectoryFiles:
    """The directory, its issues and French texts left with the reader. `papers` are the keys `bring` may name."""
    reading = _Directory(reader, papers)
    reading.read_sources()
    regions = reading.read_regions()
    trades = reading.read_trades()
    services = reading.read_services(regions, trades)
    directory = Directory(regions, trades, services, fresh_for)
    return DirectoryFiles(directory, frozenset(reading.known_sources), reading.names, reading.spoken)


class _Directory:
    def __init__(self, reader: Reader, papers: Mapping[str, object]) -> None:
        self.reader, self.papers = reader, papers
        self.known_sources: dict[str, object] = {}
        self.names: dict[str, str] = {}
        self.spoken: dict[str, tuple[str, ...]] = {}
        self.cercles: dict[str, str] = {}  # cercle → region
        self._words: dict[str, str] = {}  # folded word → the entry that has it

    def _file(self, path: str) -> Iterator[tuple[Document, str, object]]:
        """The entries of a file that may be missing."""
        document = self.reader.documents.get(path)
        for key, value in self.reader.mapping(document).items() if document else ():
            assert document is not None
            self.reader.name(document, key, key)
            yield document, key, value

    # ------------------------------------------------------------ sources, regions, trades

    def read_sources(self) -> None:
        document = self.reader.documents.get(SOURCES)
        for key, value in self.reader.mapping(document).items() if document else ():
            if document and self.reader.converted(_Source, document, (key,), value):
                self.known_sources[key] = value

    def read_regions(self) -> dict[str, Region]:
        regions: dict[str, Region] = {}
        for document, key, value in self._file(REGIONS):
            read = self.reader.converted(_Region, document, (key,), value)
            if read is None:
                continue
            self._named(document, "regions", key, read.label, read.words, key)
            for cercle, about in read.cercles.items():
                where = (key, "cercles", cercle)
                one = self.reader.converted(_Cercle, document, where, about)
                if one:
                    self.cercles[cercle] = key
                    self._named(document, "cercles", cercle, one.label, one.words, *where)
            for community, about in read.communities.items():
                self._community(document, read, (key, "communities", community), about)
            self._source(document, read.source, key)
            tile = tile_of(self.reader, document, key, read.tile, regions.values())
            regions[key] = Region(key, read.neighbours, tuple(read.cercles), read.pcode, tile)
        for region in regions.values():
            self._keys(document, region.neighbours, regions, region.key, "neighbours")
            for other in region.neighbours:
                if other in regions and region.key not in regions[other].neighbours:
                    self._issue(document, "one_sided", region.key, "neighbours", key=region.key, other=other)
        return regions

    def _community(self, document: Document, region: _Region, where: Where, about: object) -> None:
        """A place that was studied: people who name it mean its cercle, or the region."""
        one = self.reader.converted(_Community, document, where, about)
        if one is None:
            return
        self._keys(document, (one.cercle,) if one.cercle else (), region.cercles, *where, "cercle")
        self._source(document, one.source, *where)
        key = f"cercles:{one.cercle}" if one.cercle in region.cercles else f"regions:{where[0]}"
        self.spoken[key] = (*self.spoken.get(key, ()), one.label, *one.words)

    def read_trades(self) -> dict[str, Trade]:
        trades: dict[str, Trade] = {}
        places: dict[str, Where] = {}
        for document, sector, value in self._file(SECTORS):
            read = self.reader.converted(_Sector, document, (sector,), value)
            if read is None:
                continue
            self._label(document, read.label, sector, "label")
            self.reader.text(document, f"sectors:{sector}", read.label, sector, "label")
            for key, about in read.trades.items():
                where: Where = (sector, "trades", key)
                self.reader.name(document, key, *where)
                one = self.reader.converted(_Trade, document, where, about)
                if one is None:
                    continue
                if key in trades:
                    first = document.line(*places[key])
                    self._issue(document, "duplicate_key", *where, key=key, first=first)
                self._label(document, one.label, *where, "label")
                self.reader.text(document, f"trades:{key}", one.label, *where, "label")
                self._spoken(document, "trades", key, (*one.words, *one.words_en, *one.words_bm), *where)
                self._source(document, one.source, *where)
                trades[key], places[key] = Trade(key, sector, one.close_to, one.leaflet), where
        sectors = {one.sector for one in trades.values()}
        for key, trade in trades.items():
            if key in sectors:  # a tap would not say which of the two is meant
                self._issue(document, "duplicate_key", *places[key], key=key, first=document.line(key))
            self._keys(document, trade.close_to, trades, *places[key], "close_to")
        return trades

    # ------------------------------------------------------------ services

    def read_services(self, regions: Mapping[str, Region], trades: Mapping[str, Trade]) -> dict[str, Service]:
        services: dict[str, Service] = {}
        shorts: dict[str, str] = {}
        for path, document in sorted(self.reader.documents.items()):
            if not path.startswith(SERVICES):
                continue
            read = self.reader.converted(_Service, document, (), document.value)
            key = PurePosixPath(path).stem
            if read is None:
                continue
            self.reader.name(document, key)
            folder = PurePosixPath(path).parent.name
            if regions and folder not in regions and folder not in _FOLDERS:
                near, known = nearest(folder, [*regions, *_FOLDERS]), quoted([*regions, *_FOLDERS])
                self._issue(document, "unknown_folder", key=folder, near=near, known=known)
            if key in services:
                self._issue(document, "duplicate_key", key=key, first=1)
            taken = shorts.setdefault(fold(read.short), key)
            if read.audience == "public" and taken != key:
                self._issue(document, "same_short", "short", key=read.short, other=taken)
            self._label(document, read.short, "short")
            self._keys(document, read.regions, regions, "regions")
            self._keys(document, read.not_in, regions, "not_in")
            self._keys(document, read.cercles, self.cercles, "cercles")
            self._keys(document, read.trades, trades, "trades")
            self._keys(document, read.bring, self.papers, "bring")
            for place, programme in enumerate(read.programmes):
                self._keys(document, programme.regions, regions, "programmes", place, "regions")
            self._source(document, read.source)
            services[key] = self._service(document, key, read)
        return services

    def _service(self, document: Document, key: str, read: _Service) -> Service:
        self.names |= {f"services:{key}": read.name, f"short:{key}": read.short}
        if read.audience == "public":
            for part in ("gives", "conditions", "ask"):
                words = getattr(read, part)
                if words:
                    self.reader.text(document, f"services:{key}/{part}", words, part)
        who = read.who
        return Service(
            key=key,
            kind=read.kind,
            audience=read.audience,
            agreement=read.agreement,
            status=read.status,
            until=read.until,
            nationwide=read.nationwide,
            not_in=read.not_in,
            regions=read.regions,
            cercles=read.cercles,
            place=read.place,
            trades=read.trades,
            help=read.help,
            who=Who(
                age_min=who.age_min,
                age_max=who.age_max,
                sex=who.sex,
                schooling=who.schooling,
                returns=who.returns,
                countries=who.returned_from,
                groups=who.groups,
            ),
            bring=read.bring,
            address="" if read.address_hidden else read.contact.address,
            phone=read.contact.phone,
            contact_year=read.contact.year or read.source_year,
            source_year=read.source_year,
            verified_on=self._day(document, read.verified_on),
        )

    def _day(self, document: Document, written: str) -> date | None:
        try:
            return date.fromisoformat(written) if written else None
        except ValueError:
            problem, how = "ce n'est pas un jour", "écrivez 2026-11-20, ou laissez vide tant que personne n'a appelé"
            self._issue(document, "bad_value", "verified_on", key="verified_on", problem=problem, how=how)
            return None

    # ------------------------------------------------------------ what every entry has

    def _issue(
        self, document: Document, sort: str, *where: str | int, key: str, near: str = "", **values: object
    ) -> None:
        self.reader.issues.append(document.issue(sort, *where, key=key, near=near, **values))

    def _named(
        self, document: Document, kind: str, key: str, label: str, words: tuple[str, ...], *where: str | int
    ) -> None:
        """A name that no language changes, and how else people write it."""
        self.reader.name(document, key, *where)
        self._label(document, label, *where, "label")
        self.names[f"{kind}:{key}"] = label
        self._spoken(document, kind, key, words, *where)

    def _spoken(self, document: Document, kind: str, key: str, words: tuple[str, ...], *where: str | int) -> None:
        text_key = f"{kind}:{key}"
        self.spoken[text_key] = words
        for place, word in enumerate(words):
            owner = self._words.setdefault(f"{kind}:{fold(word)}", key)
            if owner != key:
                self._issue(document, "same_word", *where, "words", place, key=word, other=owner)

    def _label(self, document: Document, label: str, *where: str | int) -> None:
        if len(label) > LONGEST_LABEL:
            self._issue(document, "long_label", *where, key=label, letters=len(label), most=LONGEST_LABEL)

    def _keys(self, document: Document, keys: tuple[str, ...], known: Mapping[str, object], *where: str | int) -> None:
        for key in keys:
            if known and key not in known:
                near, listed = nearest(key, list(known)), quoted(sorted(known))
                self._issue(document, "unknown_entry", *where, key=key, near=near, known=listed)

    def _source(self, document: Document, source: str, *where: str | int) -> None:
        name = source.partition(",")[0].strip()
        if self.known_sources and name not in self.known_sources:
            near, known = nearest(name, list(self.known_sources)), quoted(sorted(self.known_sources))
            self._issue(document, "unknown_source", *where, "source", key=name, near=near, known=known)
