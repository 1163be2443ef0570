"""After an anonymous complaint, every table is read raw with the keys: nothing joins the case to the contact."""

import datetime as dt
import re
import uuid

import pytest
from sqlalchemy import text

from bot.cases import numbers
from bot.cases.desk import Desk
from bot.cases.may import Staff
from bot.pages import acknowledge
from storage import DataKey, tables
from storage.errors import StorageError
from tests.people import JPEG, OGG, House, real_library

STORY = "Monsieur Zorgho du bureau Quatrevents a pris mon argent"
PLACE = "Quatrevents Sikasso"
RECEIPT = re.compile(r"\d{4}(\s\d{4}){3}")


@pytest.fixture
def house(store, keyring):
    return House(store, keyring, real_library())


async def complain(house, address, *, named):
    """A grave complaint in words, then with voice and photo as its account, through the real flow. Its receipt."""
    if named:
        await house.consent(address)
    else:
        await house.talk(address, "start", "français", "regarder", "chez moi")
    told = await house.talk(address, "plainte", "oui", "2", "oui" if named else "sans nom")
    if named:
        told = await house.hear(address, "Awa Quatrevents", cursor=told.said[-1].seq)
    await house.talk(address, PLACE, STORY)
    if named:
        await house.hear(address, "ici")
    # said once more, by voice, then by photo: each takes the place of the one before
    await house.talk(address, "changer", "mon message")
    await house.voice(address)
    await house.talk(address, "changer", "mon message")
    await house.photo(address)
    told = await house.hear(address, "envoyer")
    return await fetched(house, address, told)


async def fetched(house, address, told):
    """The page has everything; the receipt that stood in it."""
    receipt = next(found[0] for said in told.said if (found := RECEIPT.search(said.message.text)))
    await house.store.run(acknowledge("web", house.index(address), told.said[-1].seq))
    return numbers.read_receipt(receipt)


async def everything(house):
    """Table → rows as mappings, of every table there is in the database, not only those we know."""

    def read(conn):
        if conn.dialect.name == "sqlite":
            names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        else:
            names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        found = {}
        for (name,) in conn.execute(text(names)).all():
            table = tables.metadata.tables.get(name)
            query = table.select() if table is not None else text(f'SELECT * FROM "{name}"')
            found[name] = [dict(row) for row in conn.execute(query).mappings()]
        return found

    return await house.store.read(read)


def opened(house, rows):
    """Every sealed value that any key opens, in the clear: (table, column, row id) → bytes."""
    keys = [DataKey(house.keyring.unwrap(row["data_key"])) for table in ("contacts", "cases") for row in rows[table]]
    labels = ("conversation", "address", "outbox", "attachment", "case_message", "failed")
    owners = {bytes(v.bytes) for t in rows.values() for r in t for v in r.values() if isinstance(v, uuid.UUID)}
    owners |= {bytes(row["message_index"]) for row in rows["heard"]}
    clear = {}
    for name, some in rows.items():
        for row in some:
            for column, value in row.items():
                if not isinstance(value, bytes | memoryview) or len(value) < 29:
                    continue
                for plain in _tries(keys, bytes(value), labels, owners):
                    clear[name, column, str(row.get("id"))] = plain
    return clear


def _tries(keys, blob, labels, owners):
    for key in keys:
        for label in labels:
            for owner in owners:
                try:
                    yield key.open(blob, label, owner)
                except StorageError:
                    continue


def values(rows, *names):
    """All values of these tables that could join rows: ids, indexes, exact moments."""
    found = set()
    for name in names:
        for row in rows[name]:
            for value in row.values():
                if isinstance(value, uuid.UUID):
                    found.add(value.hex)
                elif isinstance(value, dt.datetime):
                    found.add(value.isoformat())
                elif isinstance(value, bytes | memoryview) and len(value) == 32:
                    found.add(bytes(value).hex())
    return found


CASE_TABLES = ("cases", "case_messages")
PERSON_TABLES = ("contacts", "heard", "outbox", "lanes")


def joins(house, rows, receipt):
    """What joins the cases to people, as a list of findings."""
    found = []
    files = rows["attachments"]
    split = {
        **rows,
        "case_files": [row for row in files if row["case_id"]],
        "person_files": [row for row in files if row["contact_id"]],
    }
    of_cases = values(split, *CASE_TABLES, "case_files")
    of_people = values(split, *PERSON_TABLES, "person_files")
    found += [f"shared value {value}" for value in of_cases & of_people]
    moments = [
        (name, column, value)
        for name in (*CASE_TABLES, "case_files")
        for row in split[name]
        for column, value in row.items()
        if isinstance(value, dt.datetime)
    ]
    found += [f"exact moment {name}.{column}" for name, column, value in moments if value.time() != dt.time(0)]
    found += [
        f"ordered id {name}.{column}"
        for name in (*CASE_TABLES, "case_files")
        for row in split[name]
        for column, value in row.items()
        if isinstance(value, uuid.UUID) and value.version != 4
    ]
    found += [f"case column {c}" for row in rows["cases"] for c in ("contact_id", "channel", "language") if row[c]]
    found += ["a draft file of the person"] if split["person_files"] else []
    case_ids = [row["id"] for name in (*CASE_TABLES, "case_files") for row in split[name]]
    secrets = [
        STORY,
        PLACE,
        "Quatrevents",
        receipt,
        numbers.grouped(receipt),
        numbers.grouped(receipt).replace("\u00a0", " "),
    ]
    secrets += [row["reference"] for row in rows["cases"]]
    secrets += [form for one in case_ids for form in (one.hex, str(one))]
    person_ids = [form for row in rows["contacts"] for form in (row["id"].hex, str(row["id"]))]
    addresses = ["awa-page-token"]
    for (name, column, owner), plain in opened(house, rows).items():
        of_case = name in CASE_TABLES or (name == "attachments" and owner in {str(one) for one in case_ids})
        words = plain.decode("utf-8", "replace")
        bad = [*person_ids, *addresses] if of_case else secrets
        found += [f"{name}.{column} holds {one}" for one in bad if one in words]
        if not of_case:
            found += [f"{name}.{column} holds the file" for body in (OGG, JPEG) if body in plain]
    for name, some in rows.items():
        for row in some:
            for column, value in row.items():
                shown = str(value)
                if name not in CASE_TABLES and column != "content":
                    skip = name == "attachments"
                    found += [f"{name}.{column} shows {one}" for one in secrets if one in shown and not skip]
    return found


async def test_nothing_joins_an_anonymous_case_to_its_person(house):
    """No shared id, index, moment or text: neither in the clear, nor in anything a key opens."""
    receipt = await complain(house, "awa-page-token", named=False)
    rows = await everything(house)
    assert len(rows["cases"]) == 1
    assert rows["cases"][0]["anonymous"]
    clear = opened(house, rows)
    assert any(STORY in plain.decode("utf-8", "replace") or plain == JPEG for plain in clear.values())
    assert {name for name, _, _ in clear} >= {"contacts", "case_messages", "attachments"}, "what is sealed was opened"
    assert joins(house, rows, receipt) == []


async def test_it_stays_so_when_the_person_adds_to_it_by_its_receipt(house):
    """A voice note added later with the receipt leaves nothing with the person either, once the flow is over."""
    receipt = await complain(house, "awa-page-token", named=False)
    house.later(hours=3, seconds=11)
    await house.talk("awa-page-token", "ma demande", "j'ai un numéro", receipt, "ajouter")
    told = await house.voice("awa-page-token")
    await house.store.run(acknowledge("web", house.index("awa-page-token"), told.said[-1].seq))
    rows = await everything(house)
    assert len(rows["case_messages"]) == 2
    assert len(rows["attachments"]) == 2
    assert joins(house, rows, receipt) == []


async def test_an_answer_to_it_waits_in_the_mailbox_alone(house):
    """Staff answer: nothing of it is with any contact; the receipt shows it from any other page."""
    receipt = await complain(house, "awa-page-token", named=False)
    reference = (await everything(house))["cases"][0]["reference"]
    reader = Staff("", "Mariam", "protection", cleared=True)
    house.later(hours=2)
    where = await house.store.run(
        lambda conn: Desk(conn, house.keyring, reader, house.now).answer(reference, "Venez lundi.", house.library)
    )
    assert where == "mailbox"
    rows = await everything(house)
    assert [finding for finding in joins(house, rows, receipt) if not finding.startswith("audit.")] == []
    assert all(
        b"Venez lundi" not in plain for (name, *_), plain in opened(house, rows).items() if name != "case_messages"
    )
    await house.talk("other-page", "start", "français", "regarder", "chez moi")
    told = await house.talk("other-page", "ma demande", "j'ai un numéro", numbers.grouped(receipt))
    assert any("Venez lundi." in said.message.text for said in told.said)


async def test_a_named_case_does_join(house):
    """The same search finds a named case's links: it can fail."""
    receipt = await complain(house, "awa-page-token", named=True)
    rows = await everything(house)
    assert not rows["cases"][0]["anonymous"]
    found = joins(house, rows, receipt)
    assert any(finding.startswith("shared value") for finding in found)
    assert any(finding.startswith("exact moment") for finding in found)
    assert any(finding.startswith("ordered id") for finding in found)
    assert any("case column contact_id" in finding for finding in found)


async def test_before_it_is_filed_the_draft_would_be_found(house):
    """The search also finds a story that still waits for "send"."""
    await house.talk("awa-page-token", "start", "français", "regarder", "chez moi")
    await house.talk("awa-page-token", "plainte", "oui", "2", "sans nom", PLACE, STORY)
    found = joins(house, await everything(house), "0" * 16)
    assert any(finding.startswith("contacts.conversation holds") for finding in found)


@pytest.mark.only_on("sqlite")
async def test_no_word_is_in_the_raw_file(house, database_url):
    """In the bytes of the SQLite file and its log: no story, name, receipt, address or file."""
    receipt = await complain(house, "awa-page-token", named=False)
    named = await complain(house, "ali-page-token", named=True)
    path = database_url.removeprefix("sqlite:///")
    raw = b""
    for end in ("", "-wal"):
        with open(path + end, "rb") as file:  # noqa: PTH123, ASYNC230 the test waits for it anyway
            raw += file.read()
    assert len(raw) > 50_000
    reference = (await everything(house))["cases"][0]["reference"].encode()
    assert reference in raw, "what is not sealed is found"
    for secret in (STORY, "Quatrevents", "awa-page-token", "ali-page-token", receipt, named, numbers.grouped(receipt)):
        for form in (secret.encode(), secret.encode("utf-16-le")):
            assert form not in raw, secret
    for body in (OGG[8:40], JPEG[12:40]):
        assert body not in raw
