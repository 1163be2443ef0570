"""`segin cases export`: the same rows on the command line."""

import argparse
import csv
import io
import json
from datetime import UTC, datetime

import pytest

from bot.app import first_publish, key_ring, open_store
from bot.cases.desk import NotPossible
from bot.commands import cases, exporting
from bot.settings import Settings
from storage import tables
from tests.cases.handmade import made
from tests.people import ROOT


@pytest.fixture
def settings(tmp_path):
    """A database with six cases of November and four of October."""
    settings = Settings(data_dir=tmp_path)
    with open_store(settings) as store:
        first_publish(store, ROOT)
        keyring = key_ring(settings, store)
        rows = [made(keyring, opened_at=datetime(2026, 11, 3, 10, tzinfo=UTC)) for _ in range(6)]
        rows += [made(keyring, opened_at=datetime(2026, 10, 3, tzinfo=UTC)) for _ in range(4)]
        rows.append(made(keyring, opened_at=datetime(2026, 11, 3, 10, tzinfo=UTC), restricted=True))
        store.run_now(lambda conn: conn.execute(tables.cases.insert(), rows) and None)
    return settings


def given(*words):
    parser = argparse.ArgumentParser()
    cases.add_to(parser.add_subparsers())
    return parser.parse_args(["cases", "export", "--from", "2026-11-01", "--to", "2026-11-30", *words])


def test_rows_go_into_a_file_that_is_ours_alone(settings, tmp_path):
    target = tmp_path / "november.csv"
    assert exporting.run(settings, given("--output", str(target))) == 0
    assert len(list(csv.reader(io.StringIO(target.read_text(encoding="utf-8-sig"))))) == 8
    assert target.stat().st_mode & 0o077 == 0
    with open_store(settings, make=False) as store:
        rows = store.read_now(lambda conn: conn.execute(tables.audit_log.select()).all())
    assert [(row.deed, row.detail) for row in rows] == [
        ("export", "csv, 2026-11-01 to 2026-11-30, without identifiers, 6 rows")
    ]


def test_rows_go_to_standard_output(settings, capsysbinary):
    words = ("--format", "json", "--identified", "--reason", "Rapport trimestriel")
    assert given(*words).run(settings, given(*words)) == 0
    told = json.loads(capsysbinary.readouterr().out)
    assert len(told["cases"]) == 6
    assert all(row["reference"] for row in told["cases"])


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--identified",), "--reason"),
        (("--to", "2026-10-01"), "the first before the last"),
        (("--from", "2026-10-01", "--to", "2026-10-31"), "fewer than five"),
        (("--as", "Nobody"), "may not export"),
    ],
)
def test_what_can_not_be_exported_is_said(settings, words, why):
    with pytest.raises(NotPossible, match=why):
        exporting.run(settings, given(*words))
