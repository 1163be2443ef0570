"""`segin keys rotate` as operators use it: beside a running server, killed at any moment, with keys of each kind."""

import fcntl
import http.cookiejar
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request

import pytest
from sqlalchemy import insert, update

from bot.commands import keys
from bot.settings import Settings
from storage import KeyRing, Store, rotation, tables
from tests.storage.test_rotation import contact, fill, raw_keys, spoil, used
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


def rotate(home):
    """All of a rotation: where workers may serve on other machines, it takes two commands."""
    told = home.segin("keys", "rotate")
    if home.environment["SEGIN_DATABASE_URL"].startswith("postgres"):
        assert (told.returncode, "only prepared" in told.stdout) == (1, True)
        told = home.segin("keys", "rotate")
    return told


def another(home, folder):
    """The same database, served from another folder with a copy of the keys."""
    folder.mkdir()
    shutil.copy(home.file, folder / "keys")
    other = Served({**home.environment, "SEGIN_DATA_DIR": str(folder)}, 0)
    other.file = folder / "keys"
    return other


def name(store, newest):
    store.run_now(lambda conn: conn.execute(update(tables.key_mark).values(newest=newest)) and None)


def secrets_of(file):
    return [line.partition(":")[2] for line in file.read_text().splitlines()]


def test_beside_a_running_server(served, tmp_path):
    """People who are talking go on, newcomers are wrapped with the new key, and the old one can go."""
    chat = Chat(served)
    assert "Bonjour" in chat.hear()
    chat.hear("text", text="1")
    told = rotate(served)
    assert (told.returncode, "rows are under k" in told.stdout) == (0, True)
    assert chat.hear("text", text="menu")
    newcomer = Chat(served)
    assert "Bonjour" in newcomer.hear()
    file = tmp_path / "data" / "keys"
    assert file.stat().st_mode & 0o777 == 0o600
    ring = KeyRing.load(file)
    with Store(served.environment["SEGIN_DATABASE_URL"]) as store:
        counts = used(store, ring)
    assert (counts.by_key[ring.newest] >= 2, counts.by_key["k1"], counts.strange) == (True, 0, 0)
    assert served.segin("keys", "rotate", "--drop-old").returncode == 1
    settle(file)
    dropped = served.segin("keys", "rotate", "--drop-old")
    assert (dropped.returncode, "backups" in dropped.stdout.lower()) == (0, True)
    assert KeyRing.load(file).ids == (ring.newest,)
    assert chat.hear("text", text="menu")
    assert "Bonjour" in Chat(served).hear()
    assert "Traceback" not in served.stop()


KILLED = """
import os, signal, sys
import bot.__main__
from bot.commands import keys
from pathlib import Path
from storage import rotation

at = sys.argv.pop(1)
put, replace, name = rotation._put, Path.replace, keys._name
parts = 0

def reached(point):
    if at == point:
        os.kill(os.getpid(), signal.SIGKILL)

def put_some(*given, **more):
    global parts
    done = put(*given, **more)
    parts += 1
    reached(f"rows {parts}")
    return done

def put_file(self, target):
    what = "prepared" if "?:" in self.read_text() else "rotated"
    reached(f"before {what}")
    replace(self, target)
    reached(f"after {what}")

def put_name(*given):
    done = name(*given)
    reached("named")
    return done

rotation._put, Path.replace, keys._name = put_some, put_file, put_name
sys.exit(bot.__main__.main())
"""


@pytest.mark.kill
@pytest.mark.parametrize(
    "point", ["before prepared", "after prepared", "named", "before rotated", "after rotated", "rows 1", "rows 2"]
)
def test_killed_at_any_moment_nothing_is_lost(at_home, point):
    """What is on the disk opens every row, no key wraps before it is named; the command again goes on to the end."""
    if "prepared" not in point and at_home.url.startswith("postgres"):
        assert at_home.segin("keys", "rotate", "--prepare").returncode == 0
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, point, "keys", "rotate"], cwd=ROOT, env=at_home.environment, check=False
    )
    assert killed.returncode == -9
    in_front = point in ("after rotated", "rows 1", "rows 2")
    with Store(at_home.url) as store:
        ring = KeyRing.load(at_home.file)
        assert (ring.newest == "k1", len(ring.ids)) == (not in_front, 1 if point == "before prepared" else 2)
        assert raw_keys(store, ring) == at_home.before
        assert store.read_now(rotation.named) == ("k1" if "prepared" in point else ring.ids[not in_front])
        assert used(store, ring).by_key["k1"] == (304 if point == "rows 2" else 504)
        again = at_home.segin("keys", "rotate")
        if in_front:
            assert (again.returncode, "ended an earlier rotation" in again.stdout) == (1, True)
            assert used(store, ring).by_key == {ring.newest: 504, "k1": 0}
        for _ in range(2):
            again = again if again.returncode == 0 else at_home.segin("keys", "rotate")
        assert (again.returncode, "504 rows are under" in again.stdout) == (0, True)
        ring = KeyRing.load(at_home.file)
        assert (ring.waiting, used(store, ring).by_key[ring.newest]) == (None, 504)
        assert store.read_now(rotation.named) == ring.newest
        assert raw_keys(store, ring) == at_home.before
    assert at_home.segin("audit", "verify").returncode == 0
    assert not at_home.file.with_name("keys.new").exists()


def test_no_key_is_printed_and_each_deed_is_in_the_log(at_home):
    """Ids and counts alone; the log has who, when and how many."""
    told = rotate(at_home)
    settle(at_home.file)
    newest, secrets = KeyRing.load(at_home.file).newest, secrets_of(at_home.file)
    dropped = at_home.segin("keys", "rotate", "--drop-old")
    said = told.stdout + told.stderr + dropped.stdout + dropped.stderr
    assert not [one for one in secrets if one in said]
    with Store(at_home.url) as store:
        rows = store.read_now(lambda conn: conn.execute(tables.audit_log.select()).all())
    deeds = [(row.staff, row.deed, row.detail) for row in rows if "key" in row.deed]
    assert deeds[-3:] == [
        ("command line", "rotate keys", f"new key {newest}"),
        ("command line", "rotate keys", f"504 rows under {newest}"),
        ("command line", "drop keys", "k1"),
    ]
    assert deeds[:-3] == [("command line", "prepare key", newest)] * at_home.url.startswith("postgres")


def test_a_key_that_a_row_needs_is_not_dropped(at_home):
    """One row is enough: the file stays as it is, and the count is told."""
    old = KeyRing.load(at_home.file)
    frozen = KeyRing.parse(old.text())  # a worker that does not follow
    assert rotate(at_home).returncode == 0
    settle(at_home.file)
    ids = KeyRing.load(at_home.file).ids
    with Store(at_home.url) as store:
        store.run_now(lambda conn: conn.execute(insert(tables.contacts), contact(frozen, 10_000)) and None)
    told = at_home.segin("keys", "rotate", "--drop-old")
    assert (told.returncode, "k1 by 1 rows" in told.stderr) == (1, True)
    ended = at_home.segin("keys", "rotate")
    assert (ended.returncode, "ended an earlier rotation" in ended.stdout) == (1, True)
    assert KeyRing.load(at_home.file).ids == ids
    assert at_home.segin("keys", "rotate", "--drop-old").returncode == 0
    kept = at_home.file.with_name("keys.dropped")
    assert kept.read_text() == old.text().splitlines(keepends=True)[0]
    assert kept.stat().st_mode & 0o777 == 0o600


def test_rows_under_keys_that_are_not_here_stop_every_deed(at_home):
    """Nothing is changed before their keys are back: which they are would be harder to find after it."""
    with Store(at_home.url) as store:
        spoil(store, KeyRing.load(at_home.file))
    settle(at_home.file)
    before = at_home.file.read_bytes()
    for words in ((), ("--prepare",)):
        told = at_home.segin("keys", "rotate", *words)
        assert (told.returncode, "2 rows are under keys that are not here" in told.stderr) == (1, True)
    told = at_home.segin("keys", "rotate", "--drop-old")
    assert (told.returncode, "1 rows are under keys that are not here" in told.stderr) == (1, True)
    assert at_home.file.read_bytes() == before


def test_prepared_for_several_machines(at_home):
    """The key is there before it wraps: a worker elsewhere that has the prepared file opens what comes after."""
    assert at_home.segin("keys", "rotate", "--prepare").returncode == 0
    elsewhere = KeyRing.parse(at_home.file.read_text())
    assert at_home.segin("keys", "rotate", "--prepare").returncode == 0
    assert elsewhere.ids == KeyRing.load(at_home.file).ids == ("k1", elsewhere.waiting)
    settle(at_home.file)
    assert "no old key" in at_home.segin("keys", "rotate", "--drop-old").stdout
    assert at_home.segin("keys", "rotate").returncode == 0
    assert KeyRing.load(at_home.file).ids == (elsewhere.waiting, "k1")
    with Store(at_home.url) as store:
        assert raw_keys(store, elsewhere) == at_home.before


def test_a_prepared_key_comes_in_front_whatever_is_left(at_home):
    """Rows that an earlier rotation left go straight under it."""
    assert rotate(at_home).returncode == 0
    frozen = KeyRing({"k1": KeyRing.load(at_home.file)._masters.keys["k1"]}, bytes(32))
    with Store(at_home.url) as store:
        store.run_now(lambda conn: conn.execute(insert(tables.contacts), contact(frozen, 10_000)) and None)
        assert at_home.segin("keys", "rotate", "--prepare").returncode == 0
        waiting = KeyRing.load(at_home.file).waiting
        assert at_home.segin("keys", "rotate").returncode == 0
        ring = KeyRing.load(at_home.file)
        assert (ring.newest, used(store, ring).by_key[waiting]) == (waiting, 505)


def test_two_folders_with_one_database(at_home, tmp_path):
    """The second one finds that it has an old copy: it changes no row, and serves none."""
    other = another(at_home, tmp_path / "other")
    assert rotate(at_home).returncode == 0
    newest = KeyRing.load(at_home.file).newest
    for words in (("keys", "rotate"), ("keys", "rotate", "--prepare"), ("cases", "list"), ("serve",)):
        told = other.segin(*words)
        assert (told.returncode, f"this database is under key {newest}" in told.stderr) == (1, True)
    assert KeyRing.load(other.file).ids == ("k1",)
    with Store(at_home.url) as store:
        assert raw_keys(store, KeyRing.load(at_home.file)) == at_home.before
    shutil.copy(at_home.file, other.file)
    assert other.segin("cases", "list").returncode == 0


def test_two_folders_at_the_same_moment(at_home, capsys):
    """Whoever names its key second gets as far as a key that waits, and wraps nothing with it."""
    settings = Settings(database_url=at_home.url, data_dir=at_home.file.parent)
    KeyRing.load(at_home.file).prepared().save(at_home.file)
    with Store(at_home.url) as store:
        name(store, "kelsewhere")  # since this one looked at it
        assert keys._rotate(settings, store, KeyRing.load(at_home.file)) == 1
        assert "rotated on another machine just now" in capsys.readouterr().err
        ring = KeyRing.load(at_home.file)
        assert (ring.newest, ring.waiting is None, store.read_now(rotation.named)) == ("k1", False, "kelsewhere")
        assert used(store, ring).by_key == {"k1": 504, ring.waiting: 0}


def test_a_backup_from_before_the_rotation(at_home, tmp_path):
    """Without the key it was made under it is refused, and told where that key is; with it, it is read."""
    assert at_home.segin("backup", str(tmp_path / "old.backup")).returncode == 0
    assert rotate(at_home).returncode == 0
    restored = Served({**at_home.environment, "SEGIN_DATABASE_URL": f"sqlite:///{tmp_path / 'restored.db'}"}, 0)
    assert restored.segin("restore", str(tmp_path / "old.backup")).returncode == 0
    assert restored.segin("cases", "list").returncode == 0
    settle(at_home.file)
    assert at_home.segin("keys", "rotate", "--drop-old").returncode == 0
    told = restored.segin("cases", "list")
    dropped = at_home.file.with_name("keys.dropped")
    assert (told.returncode, "under key k1, which" in told.stderr, str(dropped) in told.stderr) == (1, True, True)
    at_home.file.write_text(at_home.file.read_text() + dropped.read_text())
    assert restored.segin("cases", "list").returncode == 0
    with Store(restored.environment["SEGIN_DATABASE_URL"]) as store:
        assert raw_keys(store, KeyRing.load(at_home.file)) == at_home.before
    ended = restored.segin("keys", "rotate")
    assert (ended.returncode, "ended an earlier rotation" in ended.stdout) == (1, True)


def test_a_key_that_the_database_names_goes_only_after_its_heir_is_named(at_home):
    """As after a backup was brought back of which no row is left: it starts without the old key."""
    assert rotate(at_home).returncode == 0
    settle(at_home.file)
    with Store(at_home.url) as store:
        name(store, "k1")
        assert at_home.segin("keys", "rotate", "--drop-old").returncode == 0
        assert store.read_now(rotation.named) == KeyRing.load(at_home.file).newest
    assert at_home.segin("cases", "list").returncode == 0


def test_a_database_that_names_no_key_yet(at_home):
    """From an older version: the ring's newest is named, unless rows are under keys that it lacks; that is told."""
    with Store(at_home.url) as store:
        name(store, None)
        assert at_home.segin("cases", "list").returncode == 0
        assert store.read_now(rotation.named) == "k1"
        name(store, None)
        spoil(store, KeyRing.load(at_home.file))
        told = at_home.segin("cases", "list")
        assert (told.returncode, "1 rows are under master keys" in told.stderr) == (0, True)
        assert store.read_now(rotation.named) is None


def test_keys_in_the_environment_are_rotated_by_hand(at_home):
    """Nothing is changed, and what to do is said; once it is done, the rows follow."""
    ring = KeyRing.load(at_home.file)
    at_home.file.unlink()
    at_home.environment["SEGIN_KEYS"] = ring.text().replace("\n", " ")
    for words in ((), ("--prepare",)):
        told = at_home.segin("keys", "rotate", *words)
        assert (told.returncode, "?:$(head -c 32 /dev/urandom" in told.stderr) == (2, True)
    command = next(line for line in told.stderr.splitlines() if "echo" in line).partition("echo")[2]
    made = subprocess.run(["bash", "-c", f"echo {command}"], capture_output=True, text=True, check=True).stdout.strip()
    at_home.environment["SEGIN_KEYS"] += made
    waiting = KeyRing.parse(at_home.environment["SEGIN_KEYS"])
    told = at_home.segin("keys", "rotate")
    assert (told.returncode, f"{waiting.waiting} is there already" in told.stderr) == (2, True)
    at_home.environment["SEGIN_KEYS"] = f"{made.replace('?', '')} {ring.text()}".replace("\n", " ")
    assert at_home.segin("keys", "rotate").returncode == 0
    newer = KeyRing.parse(at_home.environment["SEGIN_KEYS"])
    with Store(at_home.url) as store:
        assert used(store, newer).by_key == {waiting.waiting: 504, "k1": 0}
        assert raw_keys(store, newer) == at_home.before
        behind = {**at_home.environment, "SEGIN_KEYS": waiting.text().replace("\n", " ")}
        assert Served(behind, 0).segin("keys", "rotate").returncode == 2
        assert used(store, newer).by_key["k1"] == 0
    dropping = at_home.segin("keys", "rotate", "--drop-old")
    assert (dropping.returncode, "take it out of SEGIN_KEYS" in dropping.stdout) == (2, True)
    assert not at_home.file.exists()


@pytest.mark.only_on("sqlite")
def test_one_at_a_time(at_home):
    """A second one changes nothing: each would put a key of its own in front. What a killed one left goes."""
    left = at_home.file.with_name("keys.new")
    left.write_text("left by a power cut")
    with at_home.file.with_name("keys.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = at_home.segin("keys", "rotate")
    assert (told.returncode, "another segin keys" in told.stderr) == (1, True)
    assert (KeyRing.load(at_home.file).ids, left.exists()) == (("k1",), True)
    assert at_home.segin("keys", "rotate", "--prepare", "--drop-old").returncode == 2
    assert at_home.segin("keys", "rotate", "--drop-old").returncode == 0
    assert not left.exists()
    assert rotation.AT_ONCE < 500
