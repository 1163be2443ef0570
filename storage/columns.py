"""Column types that are cheap and mean the same on SQLite and PostgreSQL."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, LargeBinary, Uuid
from sqlalchemy.types import TypeDecorator, TypeEngine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class _Bytes16(TypeDecorator[uuid.UUID]):
    impl = LargeBinary
    cache_ok = True

    # the processors themselves: SQLAlchemy's wrapping of `process_…` costs as much again for each value
    def bind_processor(self, dialect: Dialect) -> Callable[[uuid.UUID | None], bytes | None]:  # noqa: ARG002
        return lambda value: None if value is None else value.bytes

    def result_processor(
        self,
        dialect: Dialect,  # noqa: ARG002
        coltype: object,  # noqa: ARG002
    ) -> Callable[[bytes | None], uuid.UUID | None]:
        return lambda value: None if value is None else uuid.UUID(bytes=value)


class Bytes(LargeBinary):
    """Bytes as they are: both drivers take and give them so."""

    def bind_processor(self, dialect: Dialect) -> None:
        """None: nothing is done to them."""

    def result_processor(self, dialect: Dialect, coltype: object) -> None:
        """None, as above."""


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

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any]:
        """On the way in. A naive datetime is refused: nobody could tell which clock it was read from."""
        as_number = dialect.name == "sqlite"

        def process(value: datetime | None) -> Any:
            if value is None:
                return None
            if value.tzinfo is None:
                raise ValueError("a moment needs its time zone")
            return (value - _EPOCH) // _MICROSECOND if as_number else value

        return process

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:  # noqa: ARG002
        """On the way out."""
        if dialect.name == "sqlite":
            return lambda value: None if value is None else _EPOCH + timedelta(microseconds=value)
        return lambda value: None if value is None else value.astimezone(UTC)


def Place() -> TypeEngine[int]:  # noqa: N802 reads as a type in the tables
    """A 63-bit number that on SQLite is the row's own place (its rowid)."""
    return BigInteger().with_variant(Integer(), "sqlite")
