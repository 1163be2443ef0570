"""Search: by reference, by service, by words of notes; never beyond what one may see."""

import pytest
from sqlalchemy import insert, select

from bot.cases import search
from bot.cases.desk import Desk
from bot.cases.may import Staff
from storage import random_id, tables
from tests.cases.test_lists import AWA, CLEARED, NOW, SUPERVISOR, case, put
from tests.people import real_library

LIBRARY = real_library()


def note(store, keyring, row, text):
    """The words of a note, as notes.py hands them over."""

    def write(conn):
        desk = Desk(conn, keyring, SUPERVISOR, NOW)
        search.index(desk, conn.execute(select(tables.cases).where(tables.cases.c.id == row["id"])).one(), text)

    store.run_now(write)


def find(store, keyring, text, staff=SUPERVISOR, page=1):
    found = store.read_now(lambda conn: search.found(conn, keyring, staff, LIBRARY, text, page))
    return [row.reference for row in found.rows]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("K4T-9QM7", ["K4T-9QM7"]), ("k4t9qm7", ["K4T-9QM7"]), (" k4t 9qm7 ", ["K4T-9QM7"]),
        ("K4T-9", ["K4T-9QM7", "K4T-9QMA"]), ("k4t", ["K4T-9QM7", "K4T-9QMA"]), ("K4", []), ("K4T-8", []),
        ("ZZZ", ["ZZZ-2222"]), ("%", []), ("K4T%", []), ("", []), ("\0", []), ("K4T-9QM7 autre", []),
    ],
)  # fmt: skip
def test_by_reference(store, keyring, typed, expected):
    """All of it or its beginning, however it is typed; two characters are too few."""
    put(store, *(case(n, reference=one) for n, one in enumerate(("K4T-9QM7", "K4T-9QMA", "ZZZ-2222"))))
    assert sorted(find(store, keyring, typed)) == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("ambassade", [1]), ("AMBASSADE", [1]), ("dossier", [1, 2]), ("dossier ambassade", [1]),
        ("ambassade dossier", [1]), ("amba", []), ("retourne", [2]), ("RETOURNÉ", [2]), ("telephone", [2]),
        ("66", [2]), ("de", []), ("nyè", [2]), ("ɲɛ", [2]), ("dossier inconnu", []), ("introuvable", []),
    ],
)  # fmt: skip
def test_by_words(store, keyring, typed, expected):
    """Accents and case fall; all words must be there; whole words alone; letters of Bambara as one can type them."""
    first, second = put(store, case(1), case(2))
    note(store, keyring, first, "L'ambassade a le dossier de la famille.")
    note(store, keyring, second, "Dossier retourné : téléphone 66, i ɲɛ")
    assert sorted(int(one[-1]) for one in find(store, keyring, typed)) == expected


def test_the_same_words_twice_are_no_trouble(store, keyring):
    """Two notes with the same words."""
    (row,) = put(store, case(1))
    for _ in range(2):
        note(store, keyring, row, "rendez-vous rendez-vous lundi")
    assert find(store, keyring, "rendez-vous lundi") == ["AAA-0001"]


def test_words_are_kept_as_tokens_alone(store, keyring):
    """The database has the word in no form that could be read."""
    (row,) = put(store, case(1))
    note(store, keyring, row, "excision")
    rows = store.read_now(lambda conn: conn.execute(select(tables.case_words)).all())
    assert len(rows) == 1
    assert b"excision" not in rows[0].word
    assert rows[0].word == keyring.index("word", "excision")


def test_by_service(store, keyring):
    """A referral is found by the service's name, or by its key."""
    first, _ = put(store, case(1), case(2))
    key = next(iter(LIBRARY.directory.services))
    put(
        store,
        {
            "id": random_id(), "case_id": first["id"], "service": key, "status": "sent", "created_by": AWA,
            "created_at": NOW, "terms": b"",
        },
        table=tables.referrals,
    )  # fmt: skip
    for typed in (key, LIBRARY.words(f"services:{key}", "fr"), LIBRARY.words(f"services:{key}", "fr").upper()):
        assert find(store, keyring, typed) == ["AAA-0001"]


def test_what_one_may_not_see_is_not_found(store, keyring):
    """Restricted, of another region, or naming whoever asks: neither by reference nor by words."""
    rows = put(store, case(1, restricted=True), case(2, region="gao"), case(3))
    for row in rows:
        note(store, keyring, row, "violence")
    put(store, {"id": random_id(), "case_id": rows[2]["id"], "staff_id": AWA, "office": None}, table=tables.exclusions)
    agent = Staff(AWA.hex, "Awa", "agent", regions=("kayes",))
    seen = {"agent": [], "supervisor": [2], "cleared": [1, 2]}
    for staff, name in ((agent, "agent"), (SUPERVISOR, "supervisor"), (CLEARED, "cleared")):
        assert sorted(int(one[-1]) for one in find(store, keyring, "violence", staff)) == seen[name]
        assert [n for n in (1, 2, 3) if find(store, keyring, f"AAA-000{n}", staff)] == []  # 0 and 1 are in no reference


def test_many_words_and_a_long_text_are_cut(store, keyring):
    """Nobody keeps the database busy with one search, or one note."""
    (row,) = put(store, case(1))
    note(store, keyring, row, " ".join(f"mot{n}x" for n in range(5_000)))
    kept = store.read_now(lambda conn: len(conn.execute(select(tables.case_words)).all()))
    assert kept == search.MOST_WORDS
    assert find(store, keyring, "mot " * 5_000) == []


def test_pages_of_what_is_found(store, keyring):
    """Fifty at a time."""
    rows = put(store, *(case(n) for n in range(60)))
    token = keyring.index("word", "commun")
    store.run_now(
        lambda conn: (
            conn.execute(insert(tables.case_words), [{"word": token, "case_id": row["id"]} for row in rows]) and None
        )
    )
    assert [len(find(store, keyring, "commun", page=page)) for page in (1, 2)] == [50, 10]
