"""Bring a database to the tables of this version (Alembic, without its ini file)."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, select

from storage.engines import open_engine, trouble
from storage.errors import Dangling, Unavailable

_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 0x5E61_4E00  # PostgreSQL advisory lock: one migration at a time


def upgrade(url: str, revision: str = "head") -> None:
    """Create or migrate the database at `url`, all or nothing; when it is up to date, nothing happens.

    Safe when several workers start at once: they wait for each other. Raises `Unavailable` as the store does.
    """
    # SQLite alters some tables by building them anew; with foreign keys on, what hangs on them would go.
    engine = open_engine(url, creating=True, busy_seconds=60.0, foreign_keys=False)
    try:
        with engine.begin() as conn:
            if conn.dialect.name == "postgresql":
                conn.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            config = _config()
            config.attributes["connection"] = conn
            command.upgrade(config, revision)
            if conn.dialect.name == "sqlite" and conn.exec_driver_sql("PRAGMA foreign_key_check").first():
                raise Dangling  # noqa: TRY301 inside, so that it undoes the migration
    except Exception as error:
        reason = "cannot open" if isinstance(error, OSError) else trouble(error)
        if reason is None:
            raise
        raise Unavailable(reason) from error
    finally:
        engine.dispose()


def is_current(conn: Connection) -> bool:
    """Whether the database has exactly the tables this version was written for."""
    known = ScriptDirectory.from_config(_config()).get_current_head()
    return MigrationContext.configure(conn).get_current_revision() == known


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
