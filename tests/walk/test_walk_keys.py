"""`segin keys rotate` as operators use it: beside a running server, killed at any moment, with keys of each kind."""

import fcntl
import http.cookiejar
import json
import os
import subprocess
import sys
import time
import urllib.request

import pytest
from sqlalchemy import insert

from bot.commands import keys
from storage import KeyRing, Store, rotation, tables
from tests.storage.test_rotation import contact, fill, raw_keys, used
from tests.walk.conftest import ROOT, Served


class Chat:
    """One browser that comes back."""

    def __init__(self, served):
        self.served, self.cursor = served, 0
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(jar)

    def hear(self, kind="start", **more):
        body = json.dumps({"id": f"{time.monotonic_ns()}", "kind": kind, "cursor": self.cursor, **more}).encode()
        headers = {"Content-Type": "application/json", "X-Segin": "chat"}
        request = urllib.request.Request(f"{self.served.address}chat/messages", body, headers)
        with self.opener.open(request) as answer:
            messages = json.load(answer)["messages"]
        self.cursor = messages[-1]["seq"]
        return " ".join(one["text"] for one in messages)


@pytest.fixture
def at_home(tmp_path, database_url):
    """A command line with data of each kind of row and a key file; nothing is served."""
    home = Served({"SEGIN_DATA_DIR": str(tmp_path), "SEGIN_DATABASE_URL": database_url, "PATH": "/usr/bin:/bin"}, 0)
    assert home.segin("cases", "list").returncode == 0  # makes the keys
    home.file = tmp_path / "keys"
    with Store(database_url) as store:
        fill(store, KeyRing.load(home.file), contacts=500)
        home.before = raw_keys(store, KeyRing.load(home.file))
    home.url = database_url
    return home


def settle(file):
    """As if the file had been there for a while."""
    then = time.time() - keys.SETTLED - 1
    os.utime(file, (then, then))


def secrets_of(file):
    return [line.partition(":")[2] for line in file.read_text().splitlines()]


def test_beside_a_running_server(served, tmp_path):
    """People who are talking go on, newcomers are wrapped with the new key, and the old one can go."""
    chat = Chat(served)
    assert "Bonjour" in chat.hear()
    chat.hear("text", text="1")
    told = served.segin("keys", "rotate")
    assert (told.returncode, "rows are under k2" in told.stdout) == (0, True)
    assert chat.hear("text", text="menu")
    newcomer = Chat(served)
    assert "Bonjour" in newcomer.hear()
    file = tmp_path / "data" / "keys"
    assert file.stat().st_mode & 0o777 == 0o600
    with Store(served.environment["SEGIN_DATABASE_URL"]) as store:
        counts = used(store, KeyRing.load(file))
    assert (counts.by_key["k2"] >= 2, counts.by_key["k1"], counts.strange) == (True, 0, 0)
    assert served.segin("keys", "rotate", "--drop-old").returncode == 1
    settle(file)
    dropped = served.segin("keys", "rotate", "--drop-old")
    assert (dropped.returncode, "backups" in dropped.stdout.lower()) == (0, True)
    assert KeyRing.load(file).ids == ("k2",)
    assert chat.hear("text", text="menu")
    assert "Bonjour" in Chat(served).hear()
    assert "Traceback" not in served.stop()


KILLED = """
import os, signal, sys
import bot.__main__
from pathlib import Path
from storage import crypto, rotation

at = sys.argv.pop(1)
die = lambda: os.kill(os.getpid(), signal.SIGKILL)
some, replace = rotation._rewrap_some, Path.replace
parts = 0

def rewrap_some(conn, **more):
    global parts
    done = some(conn, **more)
    parts += done.rewrapped > 0
    if (at == "first rows" and parts == 1) or (at == "second rows" and parts == 2):
        die()
    return done

def put(self, target):
    if at == "before the file":
        die()
    replace(self, target)
    if at == "after the file":
        die()

rotation._rewrap_some, Path.replace = rewrap_some, put
sys.exit(bot.__main__.main())
"""


@pytest.mark.kill
@pytest.mark.parametrize("point", ["before the file", "after the file", "first rows", "second rows"])
def test_killed_at_any_moment_nothing_is_lost(at_home, point):
    """What is on the disk opens every row; the same command again goes on to the end."""
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, point, "keys", "rotate"], cwd=ROOT, env=at_home.environment, check=False
    )
    assert killed.returncode == -9
    with Store(at_home.url) as store:
        ring = KeyRing.load(at_home.file)
        assert ring.ids == (("k1",) if point == "before the file" else ("k2", "k1"))
        assert raw_keys(store, ring) == at_home.before
        rewrapped = used(store, ring).by_key.get("k2", 0)
        assert rewrapped == (200 if point == "second rows" else 0)
        again = at_home.segin("keys", "rotate")
        assert (again.returncode, f"{504 - rewrapped} rows are under k2" in again.stdout) == (0, True)
        ring = KeyRing.load(at_home.file)
        assert (ring.ids, used(store, ring).by_key) == (("k2", "k1"), {"k2": 504, "k1": 0})
        assert raw_keys(store, ring) == at_home.before
    assert at_home.segin("audit", "verify").returncode == 0


def test_no_key_is_printed_and_each_deed_is_in_the_log(at_home):
    """Ids and counts alone; the log has who, when and how many."""
    told = at_home.segin("keys", "rotate")
    settle(at_home.file)
    secrets = secrets_of(at_home.file)
    dropped = at_home.segin("keys", "rotate", "--drop-old")
    said = told.stdout + told.stderr + dropped.stdout + dropped.stderr
    assert not [one for one in secrets if one in said]
    with Store(at_home.url) as store:
        rows = store.read_now(lambda conn: conn.execute(tables.audit_log.select()).all())
    deeds = [(row.staff, row.deed, row.detail) for row in rows if "key" in row.deed]
    assert deeds == [
        ("command line", "rotate keys", "new key k2"),
        ("command line", "rotate keys", "504 rows under k2"),
        ("command line", "drop keys", "k1"),
    ]


def test_a_key_that_a_row_needs_is_not_dropped(at_home):
    """One row is enough: the file stays as it is, and the count is told."""
    old = KeyRing.load(at_home.file)
    frozen = KeyRing.parse(old.text())  # a worker that does not follow
    assert at_home.segin("keys", "rotate").returncode == 0
    settle(at_home.file)
    with Store(at_home.url) as store:
        store.run_now(lambda conn: conn.execute(insert(tables.contacts), contact(frozen, 10_000)) and None)
    told = at_home.segin("keys", "rotate", "--drop-old")
    assert (told.returncode, "k1 by 1 rows" in told.stderr) == (1, True)
    assert KeyRing.load(at_home.file).ids == ("k2", "k1")
    ended = at_home.segin("keys", "rotate")
    assert (ended.returncode, "ended an earlier rotation" in ended.stdout) == (0, True)
    assert at_home.segin("keys", "rotate", "--drop-old").returncode == 0


def test_prepared_for_several_machines(at_home):
    """The key is there before it wraps: a worker elsewhere that has the prepared file opens what comes after."""
    assert at_home.segin("keys", "rotate", "--prepare").returncode == 0
    elsewhere = KeyRing.parse(at_home.file.read_text())
    assert at_home.segin("keys", "rotate", "--prepare").returncode == 0
    assert elsewhere.ids == KeyRing.load(at_home.file).ids == ("k1", "k2")
    settle(at_home.file)
    assert "no old key" in at_home.segin("keys", "rotate", "--drop-old").stdout
    assert at_home.segin("keys", "rotate").returncode == 0
    assert KeyRing.load(at_home.file).ids == ("k2", "k1")
    with Store(at_home.url) as store:
        assert raw_keys(store, elsewhere) == at_home.before


def test_keys_in_the_environment_are_rotated_by_hand(at_home):
    """Nothing is changed, and what to do is said; once it is done, the rows follow."""
    ring = KeyRing.load(at_home.file)
    at_home.file.unlink()
    at_home.environment["SEGIN_KEYS"] = ring.text().replace("\n", " ")
    for words in ((), ("--prepare",)):
        told = at_home.segin("keys", "rotate", *words)
        assert (told.returncode, '"k2:$(head -c 32 /dev/urandom' in told.stderr) == (2, True)
    command = next(line for line in told.stderr.splitlines() if "echo" in line).partition("echo")[2]
    made = subprocess.run(["bash", "-c", f"echo {command}"], capture_output=True, text=True, check=True).stdout.strip()
    at_home.environment["SEGIN_KEYS"] = f"{made} {at_home.environment['SEGIN_KEYS']}"
    assert at_home.segin("keys", "rotate").returncode == 0
    newer = KeyRing.parse(at_home.environment["SEGIN_KEYS"])
    with Store(at_home.url) as store:
        assert used(store, newer).by_key == {"k2": 504, "k1": 0}
        assert raw_keys(store, newer) == at_home.before
    dropping = at_home.segin("keys", "rotate", "--drop-old")
    assert (dropping.returncode, "take it out of SEGIN_KEYS" in dropping.stdout) == (2, True)
    assert not at_home.file.exists()


@pytest.mark.only_on("sqlite")
def test_one_at_a_time(at_home):
    """A second one changes nothing: each would put a key of its own in front."""
    with at_home.file.with_name("keys.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = at_home.segin("keys", "rotate")
    assert (told.returncode, "another segin keys" in told.stderr) == (1, True)
    assert KeyRing.load(at_home.file).ids == ("k1",)
    assert at_home.segin("keys", "rotate", "--prepare", "--drop-old").returncode == 2
    assert rotation.AT_ONCE < 500
