"""A backup: all tables of one moment in one file, the same for SQLite and PostgreSQL.

What is sealed stays sealed: the file is of no use without the keys, and the keys are not in it. It is a row of
msgpack documents, each after its length (4 bytes, big-endian): a header, parts of tables, an end with the counts. A
file that was cut off has no end, and is refused.
"""

import uuid
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Table, func, insert, select

from storage.tables import metadata

FORMAT = 1
PART = 1 << 20  # bytes, about: a part is held in memory at once

_encode = msgspec.msgpack.Encoder(uuid_format="hex").encode


class BadBackup(ValueError):
    """The file is no backup of Segin, or it is not whole."""


class NotEmpty(RuntimeError):
    """There is something in this database already; a backup is brought back into an empty one."""


def write(conn: Connection, file: BinaryIO) -> dict[str, int]:
    """Write all tables as this transaction sees them. Returns the number of rows of each."""
    _put(file, {"segin": FORMAT, "tables": _form(conn)})
    counts: dict[str, int] = {}
    for table in metadata.sorted_tables:
        counts[str(table.name)] = 0
        for rows in _parts(conn, table):
            _put(file, {"table": str(table.name), "columns": [str(one.name) for one in table.columns], "rows": rows})
            counts[table.name] += len(rows)
    _put(file, {"end": counts})
    return counts


def read_back(conn: Connection, file: BinaryIO) -> dict[str, int]:
    """Bring a backup into this empty database, of the same form. Returns the number of rows of each table.

    Raises `BadBackup`, `NotEmpty`; nothing may be committed then.
    """
    header = _get(file)
    if header is None or header.get("segin") != FORMAT:
        raise BadBackup(BadBackup.__doc__)
    if header["tables"] != _form(conn):
        raise BadBackup(f"it was written by another version (tables {header['tables']}, here {_form(conn)})")
    if any(conn.scalar(select(func.count()).select_from(table)) for table in metadata.sorted_tables):
        raise NotEmpty(NotEmpty.__doc__)
    counts = dict.fromkeys((table.name for table in metadata.sorted_tables), 0)
    while part := _get(file):
        if "end" in part:
            if part["end"] != counts:
                raise BadBackup(BadBackup.__doc__)
            return counts
        table = metadata.tables[part["table"]]
        uuids = [_is_id(table, name) for name in part["columns"]]
        rows = [
            {
                name: uuid.UUID(value) if is_id and value is not None else value
                for name, is_id, value in zip(part["columns"], uuids, row, strict=True)
            }
            for row in part["rows"]
        ]
        conn.execute(insert(table), rows)
        counts[table.name] += len(rows)
    raise BadBackup(BadBackup.__doc__)


def _parts(conn: Connection, table: Table) -> Iterator[list[list[Any]]]:
    """The rows of a table, about `PART` bytes at a time."""
    rows: list[list[Any]] = []
    size = 0
    with conn.execution_options(yield_per=100).execute(select(table)) as found:
        for row in found:
            rows.append(list(row))
            size += sum(len(value) if isinstance(value, bytes | str) else 8 for value in row)
            if size > PART:
                yield rows
                rows, size = [], 0
    if rows:
        yield rows


def _form(conn: Connection) -> str:
    """Which tables these are: the newest migration."""
    return str(MigrationContext.configure(conn).get_current_revision())


def _is_id(table: Table, name: str) -> bool:
    return table.columns[name].type.python_type is uuid.UUID


def _put(file: BinaryIO, document: object) -> None:
    body = _encode(document)
    file.write(len(body).to_bytes(4, "big") + body)


def _get(file: BinaryIO) -> dict[str, Any] | None:
    size = file.read(4)
    if len(size) < 4:  # noqa: PLR2004 - the length itself
        return None
    body = file.read(int.from_bytes(size, "big"))
    try:
        document = msgspec.msgpack.decode(body)
    except msgspec.DecodeError:
        raise BadBackup(BadBackup.__doc__) from None
    return document if isinstance(document, dict) else None
