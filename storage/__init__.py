"""Storage: tables, the store that runs work on them, keys and seals, the audit log, migrations."""

from storage import audit, backup, tables
from storage.anchor import Anchor, BadAnchor
from storage.columns import Id, Moment
from storage.crypto import DataKey, KeyRing
from storage.errors import Aborted, BadKeys, StorageError, Tampered, Unavailable, UnknownKey
from storage.ids import random_id, uuid7
from storage.many import among, many
from storage.migrate import is_current, upgrade
from storage.store import Store, Work, database_now, insert_into

__all__ = [
    "Aborted",
    "Anchor",
    "BadAnchor",
    "BadKeys",
    "DataKey",
    "Id",
    "KeyRing",
    "Moment",
    "StorageError",
    "Store",
    "Tampered",
    "Unavailable",
    "UnknownKey",
    "Work",
    "among",
    "audit",
    "backup",
    "database_now",
    "insert_into",
    "is_current",
    "many",
    "random_id",
    "tables",
    "upgrade",
    "uuid7",
]
