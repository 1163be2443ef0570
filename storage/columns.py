"""Column types that are cheap and mean the same on SQLite and PostgreSQL."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, LargeBinary, Uuid
from sqlalchemy.types import TypeDecorator, TypeEngine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class _Bytes16(TypeDecorator[uuid.UUID]):
    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: uuid.UUID | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002
        return None if value is None else value.bytes

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> uuid.UUID | None:  # noqa: ARG002
        return None if value is None else uuid.UUID(bytes=value)


def Id() -> TypeEngine[uuid.UUID]:  # noqa: N802 reads as a type in the tables
    """A UUID: native on PostgreSQL, 16 bytes on SQLite (SQLAlchemy's own would be 32 letters)."""
    return Uuid().with_variant(_Bytes16(16), "sqlite")


class Moment(TypeDecorator[datetime]):
    """A moment in UTC, to the microsecond; always aware.

    PostgreSQL keeps `timestamptz`, SQLite whole microseconds since 1970, which order and compare as numbers.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """What the database keeps."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(BigInteger())
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """On the way in. A naive datetime is refused: nobody could tell which clock it was read from."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs its time zone")
        return (value - _EPOCH) // _MICROSECOND if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """On the way out."""
        if value is None:
            return None
        if dialect.name == "sqlite":
            return _EPOCH + timedelta(microseconds=value)
        moment: datetime = value.astimezone(UTC)
        return moment


def Place() -> TypeEngine[int]:  # noqa: N802 reads as a type in the tables
    """A 63-bit number that on SQLite is the row's own place (its rowid)."""
    return BigInteger().with_variant(Integer(), "sqlite")
