"""Exports: rows that programs read, with nothing in them that was not asked for, on both databases."""

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta

import openpyxl
import pytest
from sqlalchemy import func, select

from bot.cases import exports, workflow
from bot.cases.desk import Desk
from bot.cases.exports import NoReason, TooFew, Wanted, defused
from bot.cases.may import Staff
from bot.cases.periods import Period
from storage import random_id, tables
from tests.cases.handmade import put
from tests.people import BEGINS, House, real_library

SUPERVISOR = Staff(random_id().hex, "Sira", "supervisor")
NOVEMBER = Period(date(2026, 11, 1), date(2026, 11, 30), "Africa/Bamako")
PLAIN = Wanted(NOVEMBER)
NAMED = Wanted(NOVEMBER, identified=True, reason="Rapprochement avec MiMOSA")


@pytest.fixture
def house(store, keyring):
    return House(store, keyring, real_library())


async def at(house, work):
    return await house.store.run(lambda conn: work(Desk(conn, house.keyring, SUPERVISOR, house.now)))


async def exported(house, wanted=PLAIN, form="csv"):
    """The bytes of an export, and its number of rows; read in a transaction that can't write."""
    file, rows = await house.store.read(
        lambda conn: exports.make(Desk(conn, house.keyring, SUPERVISOR, house.now), house.library, wanted, form)
    )
    with file:
        return file.read(), rows


async def rows_of(house, wanted=PLAIN):
    """The rows of a CSV, by column key."""
    content, count = await exported(house, wanted)
    head, tags, *lines = csv.reader(io.StringIO(content.decode("utf-8-sig")))
    keys = [column.key for column in exports.columns_of(wanted)]
    assert (len(head), len(tags), len(lines)) == (len(keys), len(keys), count)
    return [dict(zip(keys, line, strict=True)) for line in lines]


async def test_a_csv_says_what_was_made(house):
    """Heading, HXL tags, then a row for each case: region by P-code, days without hours, no reference."""
    made = await put(
        house, 5, status="closed", outcome="settled", first_answer_at=BEGINS + timedelta(days=2), settled=True,
        resolved_at=BEGINS + timedelta(days=3), closed_at=BEGINS + timedelta(days=4),
    )  # fmt: skip
    content, _ = await exported(house)
    assert content.startswith(b"\xef\xbb\xbf")
    head, tags, *lines = csv.reader(io.StringIO(content.decode("utf-8-sig")))
    assert (head[:3], tags[:3]) == (
        ["Numéro d'export", "Région (P-code)", "Région"], ["#meta+id", "#adm1+code", "#adm1+name"],
    )  # fmt: skip
    assert all(tag.startswith("#") for tag in tags)
    row = (await rows_of(house))[0]
    ids = {line[0] for line in lines}
    assert len(ids) == 5
    assert {key: value for key, value in row.items() if key != "export_id"} == {
        "region_code": "ML01", "region": "Kayes", "kind": "request", "category": "question",
        "category_name": "Une question", "status": "closed", "outcome": "settled", "channel": "web", "entry": "",
        "language": "fr", "anonymous": "no", "opened": "2026-11-23", "due": "2026-11-28", "answered": "2026-11-25",
        "resolved": "2026-11-26", "closed": "2026-11-27", "answer_days": "2", "settled": "yes",
    }  # fmt: skip
    assert not any(reference in content.decode() for reference in made)
    assert "09:17" not in content.decode()


async def test_the_same_case_has_the_same_export_id_and_no_other(house):
    await put(house, 6)
    first, second = await rows_of(house), await rows_of(house)
    assert [row["export_id"] for row in first] == [row["export_id"] for row in second]
    assert len({row["export_id"] for row in first}) == 6


async def test_an_xlsx_is_opened_by_a_spreadsheet_library(house):
    """The very rows of the CSV, each cell a text."""
    await put(house, 7, region="gao")
    content, count = await exported(house, form="xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    _, tags, *lines = sheet.iter_rows(values_only=True)
    plain = [[cell or "" for cell in line] for line in lines]
    assert plain == [list(row.values()) for row in await rows_of(house)]
    assert (count, tags[1]) == (7, "#adm1+code")
    assert {cell.data_type for row in sheet.iter_rows(min_row=3) for cell in row if cell.value} == {"s"}


async def test_json_for_programs(house):
    await put(house, 5)
    content, _ = await exported(house, form="json")
    told = json.loads(content)
    assert told["hxl"]["region_code"] == "#adm1+code"
    assert [row["region_code"] for row in told["cases"]] == ["ML01"] * 5
    assert told["cases"][0]["answered"] is None


async def test_restricted_cases_are_in_none(house):
    """Not a byte of a file changes with them, nor a count, nor what is left out because it is rare."""
    await put(house, 5, region="kayes")
    await put(house, 3, region="gao", language="bm")
    before = [await exported(house, wanted, form) for wanted in (PLAIN, NAMED) for form in ("csv", "json")]
    await put(house, 9, restricted=True, region="gao", language="bm", category="conduct", kind="complaint")
    assert [await exported(house, wanted, form) for wanted in (PLAIN, NAMED) for form in ("csv", "json")] == before
    content, count = await exported(house, form="xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    assert (sheet.max_row, count) == (8 + 2, 8)


async def test_what_is_rare_is_left_out(house):
    """A region or language that fewer than five rows share is blank; with identifiers it is there."""
    await put(house, 5, region="kayes", language="fr")
    await put(house, 4, region="kidal", language="taq", channel=None, entry="relay")
    rows = await rows_of(house)
    assert (
        sorted((row["region"], row["language"], row["entry"]) for row in rows)
        == [("", "", "")] * 4 + [("Kayes", "fr", "")] * 5
    )
    named = await rows_of(house, NAMED)
    assert sum(row["region_code"] == "ML08" and row["entry"] == "relay" for row in named) == 4


async def test_too_few_rows_are_no_export_without_identifiers(house):
    references = await put(house, 4)
    with pytest.raises(TooFew):
        await exported(house)
    assert sorted(row["reference"] for row in await rows_of(house, NAMED)) == sorted(references)


async def test_identifiers_need_a_reason(house):
    """The number elsewhere is opened only with them."""
    reference, *_ = await put(house, 5)
    await at(house, lambda desk: workflow.number_elsewhere(desk, reference, "=MIMOSA-7"))
    for reason in ("", "   ", "parce que"):
        with pytest.raises(NoReason):
            Wanted(NOVEMBER, identified=True, reason=reason)
    content, _ = await exported(house)
    assert b"MIMOSA" not in content
    row = next(row for row in await rows_of(house, NAMED) if row["reference"] == reference)
    assert row["external_id"] == "'=MIMOSA-7"
    sheet = openpyxl.load_workbook(io.BytesIO((await exported(house, NAMED, "xlsx"))[0])).active
    cell = next(cell for cell in sheet["B"] if cell.value == "=MIMOSA-7")
    assert cell.data_type == "s"


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_formulas_are_defused(begin):
    assert defused(f"{begin}cmd|' /C calc'!A0") == f"'{begin}cmd|' /C calc'!A0"
    assert defused(f"a{begin}") == f"a{begin}"


async def test_a_formula_in_a_region_stays_a_word(house):
    """Whatever a case holds: no cell of a CSV begins as a formula."""
    await put(house, 5, outcome="=HYPERLINK(1)", category="@SUM(1)", status="-1+1")
    content, _ = await exported(house)
    lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    assert not any(cell.startswith(("=", "+", "-", "@")) for line in lines for cell in line)
    assert "'=HYPERLINK(1)" in lines[2]


async def test_a_day_of_somebody_without_a_name_is_theirs(house):
    """It was cut to the day of UTC: no zone moves it."""
    nairobi = Wanted(Period(date(2026, 11, 1), date(2026, 11, 30), "America/Lima"))
    day = datetime(2026, 11, 23, tzinfo=UTC)
    await put(house, 5, anonymous=True, opened_at=day, channel=None, language=None)
    assert {row["opened"] for row in await rows_of(house, nairobi)} == {"2026-11-23"}


async def test_an_export_is_written_down(house):
    """Filters, number of rows and the reason; nothing of a case."""
    await at(house, lambda desk: exports.log_export(desk, NAMED, "xlsx", 12))
    await at(house, lambda desk: exports.log_export(desk, PLAIN, "csv", 40))
    rows = await house.rows(tables.audit_log)
    assert [(row.staff, row.deed, row.detail) for row in rows] == [
        ("Sira", "export", f"xlsx, 2026-11-01 to 2026-11-30, with identifiers, 12 rows; reason: {NAMED.reason}"),
        ("Sira", "export", "csv, 2026-11-01 to 2026-11-30, without identifiers, 40 rows"),
    ]  # fmt: skip


async def test_what_goes_in_by_parts_comes_out_whole(house):
    """More rows than are read at a time."""
    await put(house, exports.AT_ONCE + 7)
    assert len({row["export_id"] for row in await rows_of(house)}) == exports.AT_ONCE + 7
    count = await house.store.read(lambda conn: conn.scalar(select(func.count()).select_from(tables.cases)))
    assert count == exports.AT_ONCE + 7
