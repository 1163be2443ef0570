"""`segin cases export`: the same rows on the command line."""

import argparse
import csv
import io
import json
import sys
from datetime import UTC, datetime

import pytest

from bot.app import first_publish, key_ring, open_store
from bot.cases import filing
from bot.cases.desk import NoSuchCase, NotPossible
from bot.commands import cases, exporting
from bot.library.shelf import Shelf
from bot.settings import Settings
from bot.staff import accounts
from storage import tables
from tests.cases.handmade import made
from tests.people import ROOT

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)


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


# ---------------------------------------------------------------- one case, for its person


@pytest.fixture
def one_case(database_url, tmp_path, monkeypatch):
    """A database with a named case and its receipt, and a restricted one; receipts come from standard input."""
    settings = Settings(data_dir=tmp_path, database_url=database_url)
    with open_store(settings) as store:
        first_publish(store, ROOT)
        keyring = key_ring(settings, store)
        receipts = {}

        def file(conn):
            library = Shelf().current(conn)
            for key in ("delay", "conduct"):
                category = library.categories[key]
                new = filing.New(category.kind, category, anonymous=False, region="kayes", language="fr")
                filed, thread = filing.file_case(conn, keyring, new, NOW)
                story = {"name": "Sira Cissé", "account": "Un retard.", "proof": {"kind": "photo", "id": "a" * 32}}
                filing.tell_story(thread, story, restricted=category.restricted)
                thread.say("staff", {"said": "Venez lundi.", "to": "mailbox"})
                thread.say("system", {"event": "kept"})
                receipts[key] = filed
            accounts.add_staff(conn, "Mariam", "protection", cleared=True, regions=(), now=NOW)

        store.run_now(file)

    def bring(key):
        typed = receipts[key].receipt if key in receipts else key
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"{typed}\n"))
        return receipts.get(key)

    return settings, bring


def test_one_case_for_whoever_brings_its_receipt(one_case, tmp_path, capsys):
    """Both sides' words, what they told of themselves, no events; into a file of ours alone; in the audit log."""
    settings, bring = one_case
    filed, target = bring("delay"), tmp_path / "own.json"
    assert exporting.run(settings, given("--receipt", "--output", str(target))) == 0
    told = json.loads(target.read_text())
    assert target.stat().st_mode & 0o077 == 0
    assert (told["reference"], told["category"], told["referrals"]) == (filed.reference, "delay", [])
    assert [line["author"] for line in told["thread"]] == ["person", "staff"]
    assert told["thread"][0]["content"]["name"] == "Sira Cissé"
    assert (told["files"], told["identity_left_out"]) == (1, False)
    assert f"segin cases show {filed.reference}" in capsys.readouterr().err
    with open_store(settings, make=False) as store:
        rows = store.read_now(lambda conn: conn.execute(tables.audit_log.select()).all())
    assert [(row.deed, row.case_id) for row in rows][-1] == ("export own data", filed.id)


def test_a_restricted_case_is_for_those_who_are_cleared(one_case, capsys):
    """For others it looks like a receipt that is wrong; name and number stay hidden until they are disclosed."""
    settings, bring = one_case
    said = []
    for key in ("conduct", "0000000000000000"):
        bring(key)
        with pytest.raises(NoSuchCase) as error:
            exporting.run(settings, given("--receipt"))
        said.append(str(error.value))
    assert said[0] == said[1]
    bring("conduct")
    assert exporting.run(settings, given("--receipt", "--as", "Mariam")) == 0
    shown = capsys.readouterr()
    assert "Cissé" not in shown.out
    assert json.loads(shown.out)["identity_left_out"] is True
    assert "left out" in shown.err
    bring("conduct")
    with pytest.raises(NotPossible):
        exporting.run(settings, given("--receipt", "--as", "Nobody"))
