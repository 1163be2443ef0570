"""The process that starts Segin for the fault tests: it imports everything once and forks for every start.

Reads jobs from standard input, one JSON object a line, and answers each with one line. A started process is
`segin` itself (`bot.__main__.main`), with kill points planted from outside and, where a test asks for it, a
made-up channel or a small disk. Floods are not slowed down here: a test speaks faster than people do.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import uvloop  # noqa: F401 - imported before the fork, so that a start is quick
from sqlalchemy import event
from sqlalchemy.engine import Engine

import bot.__main__
import bot.app
import bot.attachments
import bot.channels.webchat
import bot.lanes
import bot.outbox
import storage.store
from bot.channels.base import Channel
from bot.library import files, load
from bot.settings import Settings
from tests.faults.points import plant
from tests.faults.push import Push


def main() -> None:
    _build_once()
    for line in sys.stdin:
        print(json.dumps(_do(json.loads(line))), flush=True)


def _do(job: dict[str, Any]) -> object:
    if job["do"] == "start":
        pid = os.fork()
        if pid == 0:
            _become(job)
        return pid
    done, status = os.waitpid(job["pid"], os.WNOHANG)
    return None if done == 0 else os.waitstatus_to_exitcode(status)


def _become(job: dict[str, Any]) -> None:
    """Be `segin …` from here on; never returns."""
    status = 99
    try:
        log = os.open(job["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for target, source in ((0, nothing), (1, log), (2, log)):
            os.dup2(source, target)
        for name in [name for name in os.environ if name.startswith("SEGIN_")]:
            del os.environ[name]
        os.environ.update(job["environment"])
        os.chdir(job["environment"]["SEGIN_DATA_DIR"])  # no .env of whoever runs the tests
        _prepare(job)
        sys.argv = ["segin", *job["arguments"]]
        status = bot.__main__.main()
    except SystemExit as error:
        status = int(error.code or 0)
    except BaseException:  # noqa: BLE001 - the log is all that is left of it
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        os._exit(status)


def _prepare(job: dict[str, Any]) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    bot.channels.webchat.MESSAGES_PER_MINUTE = bot.channels.webchat.NEWCOMERS_PER_MINUTE = 1_000_000
    # What a killed worker had is soon taken up. Most of a test's time is spent waiting for that.
    bot.lanes.LEASE = bot.outbox.LEASE = timedelta(seconds=1.2)
    bot.outbox.SEND_TIMEOUT, bot.outbox.SWEEP = 0.7, 0.05
    bot.attachments.LEASE, bot.attachments.EVERY = timedelta(seconds=1), 0.05
    bot.attachments.FETCH_TIMEOUT = 0.7
    if job.get("busy_seconds"):
        _wait_less_for_locks(job["busy_seconds"])
    if job.get("phone"):
        _add_push(Path(job["phone"]))
    if job.get("room"):
        _small_disk(Path(job["room"]))
    if job.get("kill"):
        plant(*job["kill"])


def _wait_less_for_locks(seconds: float) -> None:
    original = storage.store.open_engine

    def hurried(*args: Any, **kwargs: Any) -> Engine:
        return original(*args, **{**kwargs, "busy_seconds": seconds})

    storage.store.open_engine = hurried


def _add_push(phone: Path) -> None:
    original: Callable[[Settings], dict[str, Channel]] = bot.app.channels_of

    def channels(settings: Settings) -> dict[str, Channel]:
        return {**original(settings), Push.name: Push(phone)}

    bot.app.channels_of = channels


def _small_disk(room: Path) -> None:
    """The file `room` tells how many pages the database may have; read before every transaction, empty: any number."""

    @event.listens_for(Engine, "begin")
    def _limit(conn: Any) -> None:
        conn.exec_driver_sql(f"PRAGMA max_page_count={room.read_text().strip() or 2**30}")


def _build_once() -> None:
    """The library is built once and handed to whoever asks for the same files: a start is then quick."""
    original, built = load.build, {}

    def build(given: Mapping[str, bytes], revision: int = 0) -> load.Built:
        key = (files.checksum(given), revision)
        if key not in built:
            built[key] = original(given, revision)
        return built[key]

    load.build = build
    build(files.read_folder(Path(sys.argv[1])), 1)


if __name__ == "__main__":
    main()
