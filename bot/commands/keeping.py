"""`segin backup|restore`: a copy of everything, and the way back."""

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from bot.app import open_store
from bot.settings import Settings
from storage import backup


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    backing = commands.add_parser("backup", help="copy all that is stored into one file; the keys are not in it")
    backing.add_argument("file", type=Path, nargs="?", help="where to (segin-<time>.backup, when left out)")
    backing.set_defaults(run=run_backup)

    restoring = commands.add_parser("restore", help="bring a backup into an empty database")
    restoring.add_argument("file", type=Path)
    restoring.set_defaults(run=run_restore)


def run_backup(settings: Settings, given: argparse.Namespace) -> int:
    path = given.file or Path(f"segin-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.backup")
    part = path.with_name(f"{path.name}.part")
    if path.exists():
        print(f"{path} exists; nothing was written", file=sys.stderr)
        return 1
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file, open_store(settings, make=False) as store:
            counts = store.read_now(lambda conn: backup.write(conn, file))
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        print(f"{path}: {error.strerror}", file=sys.stderr)
        return 1
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    size = path.stat().st_size
    print(f"{path}: {sum(counts.values())} rows, {size} bytes. Keep the keys elsewhere: they are not in it.")
    return 0


def run_restore(settings: Settings, given: argparse.Namespace) -> int:
    try:
        with given.file.open("rb") as file, open_store(settings) as store:
            counts = store.run_now(lambda conn: backup.read_back(conn, file))
    except OSError as error:
        print(f"{given.file}: {error.strerror}", file=sys.stderr)
        return 1
    except (backup.BadBackup, backup.NotEmpty) as error:
        print(f"{given.file}: {error} Nothing was changed.", file=sys.stderr)
        return 1
    print(f"{sum(counts.values())} rows are back. Bring back the keys as well, then: segin audit verify.")
    return 0
