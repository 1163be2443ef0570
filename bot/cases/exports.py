"""Rows of ordinary cases for spreadsheets and other systems: CSV, XLSX and JSON, with HXL tags and P-codes.

Without identifiers no row names its case: an export id that only our keys make, days in place of moments, no free
text, and a region, language or channel that fewer than five rows share is left out. With identifiers (a reason is
asked for, and kept in the audit log) rows carry the reference and the number in another system.

HXL tags are of the dictionary of HXL 1.1: https://hxlstandard.org/standard/1-1final/dictionary/
"""

import csv
import io
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any, Literal, cast

import msgspec
import xlsxwriter  # type: ignore[import-untyped]
from sqlalchemy import Row, func, select

from bot.cases import workflow
from bot.cases.desk import CASES, Desk, NotPossible
from bot.cases.may import Seen, may
from bot.cases.ordinary import ordinary
from bot.cases.periods import Period
from bot.cases.small import SMALL
from bot.dialogue.flow import Library

Format = Literal["csv", "xlsx", "json"]
MEDIA_TYPES: Mapping[str, str] = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
}
AT_ONCE = 1000  # rows read at a time
SHORTEST_REASON = 10  # letters
_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # spreadsheets take them for a formula
_SECONDS_A_DAY = 86400


class TooFew(NotPossible):
    """Moins de cinq dossiers : trop peu pour un export sans identifiants. Choisissez plus de jours."""


class NoReason(NotPossible):
    """Dites pourquoi il faut les identifiants, en dix lettres au moins : la raison est gardée."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an export is of. `reason`: why with identifiers."""

    period: Period
    identified: bool = False
    reason: str = ""

    def __post_init__(self) -> None:
        """Raises `NoReason`."""
        if self.identified and len(self.reason.strip()) < SHORTEST_REASON:
            raise NoReason(NoReason.__doc__)


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its key (JSON), heading (French), HXL tag and what a case says there."""

    key: str
    heading: str
    tag: str
    value: "Callable[[_Told, Row[Any]], str]"


class _Told:
    """What rows are told with: the desk, the library, and what is too rare to be told."""

    def __init__(self, desk: Desk, library: Library, period: Period, rare: Mapping[str, frozenset[str]]) -> None:
        self.desk, self.library, self.period, self.rare = desk, library, period, rare

    def export_id(self, row: Row[Any]) -> str:
        """The same in every export; only our keys tell whose it is."""
        return self.desk.keyring.index("export", row.id.bytes)[:8].hex()

    def common(self, column: str, row: Row[Any]) -> str:
        value = getattr(row, column) or ""
        return "" if value in self.rare.get(column, ()) else value

    def region_code(self, row: Row[Any]) -> str:
        region = self.library.directory.regions.get(self.common("region", row))
        return region.pcode if region else ""

    def region_name(self, row: Row[Any]) -> str:
        key = self.common("region", row)
        return self.library.words(f"regions:{key}", "fr") if key in self.library.directory.regions else ""

    def category(self, row: Row[Any]) -> str:
        known = row.category in self.library.categories
        return self.library.words(f"categories:{row.category}", "fr") if known else row.category

    def day(self, at: datetime | None, row: Row[Any]) -> str:
        return self.period.day(at, cut=row.anonymous).isoformat() if at else ""

    def days_to_answer(self, row: Row[Any]) -> str:
        if row.first_answer_at is None:
            return ""
        return str(int((row.first_answer_at - row.opened_at).total_seconds() // _SECONDS_A_DAY))

    def external_id(self, row: Row[Any]) -> str:
        return workflow.external_id(self.desk, row)


COLUMNS = (
    Column("export_id", "Numéro d'export", "#meta+id", lambda told, row: told.export_id(row)),
    Column("region_code", "Région (P-code)", "#adm1+code", lambda told, row: told.region_code(row)),
    Column("region", "Région", "#adm1+name", lambda told, row: told.region_name(row)),
    Column("kind", "Sorte", "#meta+kind", lambda _, row: row.kind),
    Column("category", "Sujet (clé)", "#meta+category+code", lambda _, row: row.category),
    Column("category_name", "Sujet", "#meta+category+name", lambda told, row: told.category(row)),
    Column("status", "État", "#status", lambda _, row: row.status),
    Column("outcome", "Issue", "#status+outcome", lambda _, row: row.outcome or ""),
    Column("channel", "Canal", "#channel", lambda told, row: told.common("channel", row)),
    Column("entry", "Saisi depuis", "#channel+entry", lambda told, row: told.common("entry", row)),
    Column("language", "Langue", "#meta+lang", lambda told, row: told.common("language", row)),
    Column("anonymous", "Sans nom", "#meta+anonymous", lambda _, row: "yes" if row.anonymous else "no"),
    Column("opened", "Ouvert le", "#date+opened", lambda told, row: told.day(row.opened_at, row)),
    Column("due", "Réponse due le", "#date+due", lambda told, row: told.day(row.due_at, row)),
    Column("answered", "Première réponse le", "#date+answered", lambda told, row: told.day(row.first_answer_at, row)),
    Column("resolved", "Résolu le", "#date+resolved", lambda told, row: told.day(row.resolved_at, row)),
    Column("closed", "Clos le", "#date+closed", lambda told, row: told.day(row.closed_at, row)),
    Column("answer_days", "Jours jusqu'à la réponse", "#indicator+answer_days", lambda t, row: t.days_to_answer(row)),
    Column("settled", "Réglé, dit la personne", "#meta+settled", lambda _, row: _yes_no(row.settled)),
)
IDENTIFIERS = (
    Column("reference", "Référence", "#meta+id+reference", lambda _, row: row.reference),
    Column("external_id", "Numéro ailleurs", "#meta+id+external", lambda told, row: told.external_id(row)),
)
QUASI = ("region", "language", "channel", "entry")
"""Columns whose rare values are left out: with the day they could point to one person."""


def columns_of(wanted: Wanted) -> tuple[Column, ...]:
    return (*IDENTIFIERS, *COLUMNS) if wanted.identified else COLUMNS


def make(desk: Desk, library: Library, wanted: Wanted, form: Format) -> tuple[IO[bytes], int]:
    """The export as a file that has no name and is gone once it is closed, and its number of rows.

    Reads only; whoever hands it out first writes `log_export`. Raises `TooFew`.
    """
    told = _Told(desk, library, wanted.period, {} if wanted.identified else _rare(desk, wanted))
    if not wanted.identified and _many(desk, wanted) < SMALL:
        raise TooFew(TooFew.__doc__)
    columns = columns_of(wanted)
    lines = ([column.value(told, row) for column in columns] for row in _rows(desk, wanted))
    file = cast("IO[bytes]", tempfile.TemporaryFile(prefix="segin-export-"))  # noqa: SIM115 - the caller closes it
    count = {"csv": _csv, "xlsx": _xlsx, "json": _json}[form](file, columns, lines)
    file.seek(0)
    return file, count


def log_export(desk: Desk, wanted: Wanted, form: Format, rows: int) -> None:
    """Into the audit log: what was asked for, how much of it there was, and why with identifiers."""
    what = "with identifiers" if wanted.identified else "without identifiers"
    why = f"; reason: {' '.join(wanted.reason.split())}" if wanted.identified else ""
    desk.log("export", None, f"{form}, {wanted.period.first} to {wanted.period.last}, {what}, {rows} rows{why}")


def name_of(wanted: Wanted, form: Format) -> str:
    """The file's name, for whoever saves it."""
    return f"segin-{wanted.period.first}-{wanted.period.last}{'-id' if wanted.identified else ''}.{form}"


def defused(text: str) -> str:
    """Words that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_RISKY) else text


# ---------------------------------------------------------------- reading


def _chosen(desk: Desk, wanted: Wanted) -> Any:
    period = wanted.period
    return ordinary(desk) & (CASES.c.opened_at >= period.begins) & (CASES.c.opened_at < period.ends)


def _rows(desk: Desk, wanted: Wanted) -> Iterator[Row[Any]]:
    """A part at a time, in the order of references: it tells nothing of when within a day."""
    query = select(CASES).where(_chosen(desk, wanted)).order_by(CASES.c.reference)
    for row in desk.conn.execute(query.execution_options(yield_per=AT_ONCE)):
        if may(desk.staff, "see", Seen(row.restricted, row.region)) and not row.restricted:
            yield row


def _many(desk: Desk, wanted: Wanted) -> int:
    return desk.conn.execute(select(func.count()).select_from(CASES).where(_chosen(desk, wanted))).scalar_one()


def _rare(desk: Desk, wanted: Wanted) -> dict[str, frozenset[str]]:
    """Column → values that fewer than five rows share."""
    rare = {}
    for name in QUASI:
        query = select(CASES.c[name], func.count()).where(_chosen(desk, wanted)).group_by(CASES.c[name])
        counted: Counter[str] = Counter({value: count for value, count in desk.conn.execute(query) if value})
        rare[name] = frozenset(value for value, count in counted.items() if count < SMALL)
    return rare


# ---------------------------------------------------------------- writing


def _csv(file: IO[bytes], columns: tuple[Column, ...], lines: Iterator[list[str]]) -> int:
    """With the mark by which spreadsheets know UTF-8."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow([column.heading for column in columns])
    writer.writerow([column.tag for column in columns])
    count = 0
    for line in lines:
        writer.writerow([defused(cell) for cell in line])
        count += 1
    text.flush()
    text.detach()
    return count


def _xlsx(file: IO[bytes], columns: tuple[Column, ...], lines: Iterator[list[str]]) -> int:
    """Every cell a text: nothing is computed when it is opened."""
    with tempfile.TemporaryDirectory(prefix="segin-export-") as folder:  # where rows wait, removed with it
        book = xlsxwriter.Workbook(file, {"constant_memory": True, "tmpdir": folder})
        sheet = book.add_worksheet("Segin")
        sheet.freeze_panes(2, 0)
        bold = book.add_format({"bold": True})
        for place, column in enumerate(columns):
            sheet.write_string(0, place, column.heading, bold)
        for place, column in enumerate(columns):
            sheet.write_string(1, place, column.tag)
        count = 0
        for count, line in enumerate(lines, start=1):
            for place, cell in enumerate(line):
                if cell:
                    sheet.write_string(count + 1, place, cell)
        book.close()
    return count


def _json(file: IO[bytes], columns: tuple[Column, ...], lines: Iterator[list[str]]) -> int:
    """A list of objects; empty is null. Keys are the columns', tags stand in the first object."""
    encode = msgspec.json.Encoder().encode
    file.write(b'{"hxl": ' + encode({column.key: column.tag for column in columns}) + b', "cases": [\n')
    count = 0
    for line in lines:
        row = {column.key: cell or None for column, cell in zip(columns, line, strict=True)}
        file.write((b",\n" if count else b"") + encode(row))
        count += 1
    file.write(b"\n]}\n")
    return count


def _yes_no(value: bool | None) -> str:
    return "" if value is None else ("yes" if value else "no")
