"""The statements behind the inbox go along an index, on both databases: none reads the whole table."""

import re

import pytest

from bot.cases import lists
from storage import Store, upgrade
from tests.bench.desk import NOW, fill, plan, statements

# What each must use; either of them will do. The planner may know a better way, but never the whole table.
MUST = {
    "view mine": "ix_cases_assignee_id_due_at|ix_cases_unanswered",
    "view unassigned": "ix_cases_assignee_id_due_at|ix_cases_due_at|ix_cases_unanswered",
    "view overdue": "ix_cases_unanswered|ix_cases_status_due_at",
    "view waiting": "ix_cases_status_(due|opened)_at",
    "view words": "ix_cases_heard_at",
    "view mentions": "ix_mentions_staff_id",
    "view open": "ix_cases_due_at",
    "view closed": "ix_cases_status_opened_at|ix_cases_opened_at",
    "search reference": "uq_cases_reference|ix_cases_reference_begins|sqlite_autoindex_cases",
    "search beginning": "ix_cases_reference_begins|uq_cases_reference|sqlite_autoindex_cases",
    "search word": "pk_case_words|case_words USING PRIMARY KEY",
    "search two words": "pk_case_words|case_words USING PRIMARY KEY",
    "search service": "ix_referrals_service",
}
WHOLE = re.compile(r"Seq Scan on cases|SCAN cases$")


@pytest.fixture(scope="module")
def town(database_kind, request, tmp_path_factory, module_keyring):
    """A desk of 2,000 cases, and its plans by statement."""
    from tests.conftest import _postgresql_database  # noqa: PLC0415

    def plans(url):
        with Store(url) as store:
            made = fill(store, module_keyring, cases=2_000, messages=1, agents=4, open_each=60)
            found = statements(store.dialect, module_keyring, made)
            found["counts"] = lists.counts_query(made.staff["Mariam"], NOW)
            return {name: store.read_now(lambda conn, one=one: _plan(conn, one)) for name, one in found.items()}

    if database_kind == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('plans') / 'segin.db'}"
        upgrade(url)
        yield plans(url)
        return
    with _postgresql_database(request.getfixturevalue("postgresql"), "segin_tables") as url:
        yield plans(url)


def _plan(conn, statement):
    if conn.dialect.name == "postgresql":  # which reads small tables whole, whatever indexes there are
        conn.exec_driver_sql("SET LOCAL enable_seqscan TO off")
    return plan(conn, statement)


@pytest.fixture(scope="module")
def module_keyring():
    from storage import KeyRing  # noqa: PLC0415

    return KeyRing.new()


@pytest.mark.parametrize("name", MUST)
def test_an_index_leads_there(town, name):
    """The index made for it is in the plan."""
    lines = "\n".join(town[name])
    assert re.search(MUST[name], lines), lines


@pytest.mark.parametrize("name", ["counts", *MUST])
def test_nothing_reads_the_whole_table(town, name):
    """No plan goes through all cases."""
    assert not [line for line in town[name] if WHOLE.search(line)], "\n".join(town[name])
