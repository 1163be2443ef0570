"""Whose case it is: one by one and many together, each decided by itself and written down."""

import uuid

import pytest
from sqlalchemy import select

from bot.cases import assigning
from bot.cases.assigning import NobodyThere, NotTheirs
from bot.cases.desk import Changed, Desk, NoSuchCase, NotPossible
from bot.staff import accounts
from storage import random_id, tables
from tests.cases.test_lists import NOW, case, put


@pytest.fixture
def people(store):
    """Staff by name."""

    def add(conn):
        made = {}
        for name, role, regions in (
            ("Awa", "agent", ("kayes",)), ("Binta", "agent", ("gao",)), ("Salif", "supervisor", ()),
            ("Mariam", "protection", ()), ("Edo", "editor", ()),
        ):  # fmt: skip
            made[name] = accounts.add_staff(conn, name, role, cleared=role == "protection", regions=regions, now=NOW)
        return made

    return store.run_now(add)


def at(store, keyring, staff, deed):
    return store.run_now(lambda conn: deed(Desk(conn, keyring, staff, NOW)))


def whose(store):
    """Reference → the id of whoever has it."""
    rows = store.read_now(lambda conn: conn.execute(select(tables.cases)).all())
    return {row.reference: row.assignee_id and row.assignee_id.hex for row in rows}


def logged(store):
    rows = store.read_now(lambda conn: conn.execute(select(tables.audit_log)).all())
    return [(row.staff, row.deed, row.detail) for row in rows if row.deed in ("take", "let go", "assign")]


def test_take_and_let_go(store, keyring, people):
    """Mine, then nobody's; the version grows; a second time changes nothing."""
    put(store, case(2, reference="KAA-2222", region="kayes"))
    for _ in range(2):
        at(store, keyring, people["Awa"], lambda desk: assigning.take(desk, "KAA-2222"))
    assert whose(store) == {"KAA-2222": people["Awa"].id}
    at(store, keyring, people["Awa"], lambda desk: assigning.let_go(desk, "KAA-2222", 2))
    at(store, keyring, people["Awa"], lambda desk: assigning.let_go(desk, "KAA-2222", 3))
    assert whose(store) == {"KAA-2222": None}
    assert logged(store) == [("Awa", "take", ""), ("Awa", "let go", "")]


def test_what_somebody_else_has_is_not_taken_by_an_agent(store, keyring, people):
    """Nor let go of for them; a supervisor may."""
    put(store, case(2, reference="KAA-2222", assignee_id=uuid.UUID(people["Binta"].id)))
    for deed in (assigning.take, assigning.let_go):
        with pytest.raises(NotPossible):
            at(store, keyring, people["Awa"], lambda desk, deed=deed: deed(desk, "KAA-2222"))
    assert whose(store) == {"KAA-2222": people["Binta"].id}
    at(store, keyring, people["Salif"], lambda desk: assigning.take(desk, "KAA-2222"))
    assert whose(store) == {"KAA-2222": people["Salif"].id}


def test_the_later_save_is_told(store, keyring, people):
    """Whoever looked at an older version changes nothing."""
    put(store, case(2, reference="KAA-2222", region="kayes", version=5))
    with pytest.raises(Changed):
        at(store, keyring, people["Awa"], lambda desk: assigning.take(desk, "KAA-2222", 4))
    with pytest.raises(Changed):
        at(store, keyring, people["Salif"], lambda desk: assigning.assign(desk, "KAA-2222", people["Awa"].id, 4))
    assert whose(store) == {"KAA-2222": None}
    assert logged(store) == []


def test_many_at_once_each_decided_by_itself(store, keyring, people):
    """Done; not for the colleague (region, exclusion); changed; restricted, and so not there for the supervisor."""
    rows = put(
        store, case(1, reference="KAA-2222", region="kayes"), case(2, reference="KBB-2222", region="gao"),
        case(3, reference="KCC-2222"), case(4, reference="KDD-2222", version=2),
        case(5, reference="KEE-2222", restricted=True),
    )  # fmt: skip
    awa = people["Awa"]
    put(
        store,
        {"id": random_id(), "case_id": rows[2]["id"], "staff_id": uuid.UUID(awa.id), "office": None},
        table=tables.exclusions,
    )
    wanted = [(row["reference"], 1) for row in rows] + [("ZZZ-2222", None)]
    outcome = at(store, keyring, people["Salif"], lambda desk: assigning.assign_many(desk, wanted, awa.id))
    assert (outcome.to, outcome.done, outcome.whole) == ("Awa", ["KAA-2222"], False)
    assert outcome.not_theirs == ["KBB-2222", "KCC-2222"]
    assert outcome.changed == ["KDD-2222"]
    assert outcome.missing == ["KEE-2222", "ZZZ-2222"]
    assert {ref for ref, who in whose(store).items() if who} == {"KAA-2222"}
    assert logged(store) == [("Salif", "assign", "to Awa")]


def test_only_to_somebody_who_works_on_cases(store, keyring, people):
    """No editor, nobody who left, nobody unknown, no nonsense; "" is nobody."""
    put(store, case(1, reference="KAA-2222", assignee_id=uuid.UUID(people["Awa"].id)))
    store.run_now(lambda conn: accounts.disable_staff(conn, "Binta", NOW) and None)
    for to in (people["Edo"].id, people["Binta"].id, uuid.uuid4().hex, "x"):
        with pytest.raises(NobodyThere):
            at(store, keyring, people["Salif"], lambda desk, to=to: assigning.assign(desk, "KAA-2222", to))
    at(store, keyring, people["Salif"], lambda desk: assigning.assign(desk, "KAA-2222", ""))
    assert whose(store) == {"KAA-2222": None}


def test_an_agent_assigns_nothing_and_a_restricted_case_goes_to_the_cleared_alone(store, keyring, people):
    """As `may` says."""
    put(store, case(1, reference="KAA-2222"), case(2, reference="KEE-2222", restricted=True))
    with pytest.raises(NoSuchCase):
        at(store, keyring, people["Awa"], lambda desk: assigning.assign(desk, "KAA-2222", people["Awa"].id))
    with pytest.raises(NotTheirs):
        at(store, keyring, people["Mariam"], lambda desk: assigning.assign(desk, "KEE-2222", people["Salif"].id))
    at(store, keyring, people["Mariam"], lambda desk: assigning.assign(desk, "KEE-2222", people["Mariam"].id))
    assert whose(store)["KEE-2222"] == people["Mariam"].id


def test_names_and_colleagues(store, keyring, people):  # noqa: ARG001 - they are there
    """Who left is still named, and offered no more."""
    store.run_now(lambda conn: accounts.disable_staff(conn, "Binta", NOW) and None)
    assert set(store.read_now(assigning.names).values()) == {"Awa", "Binta", "Salif", "Mariam", "Edo"}
    assert [one.name for one in store.read_now(assigning.colleagues)] == ["Awa", "Mariam", "Salif"]
