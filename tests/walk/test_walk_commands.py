"""The command line as operators, staff and editors use it: what it prints, and its exit status."""

import json
import shutil
import sqlite3
import time
import urllib.request

import pytest

from tests.walk.conftest import ROOT, Served, serving


@pytest.fixture
def at_home(tmp_path):
    """A command line with a data folder of its own; nothing is served."""
    with_folder = {"SEGIN_DATA_DIR": str(tmp_path / "data"), "PATH": "/usr/bin:/bin"}
    home = Served(with_folder, 0)
    assert home.segin("migrate").returncode == 0
    return home


@pytest.fixture
def folders(tmp_path):
    """A copy of the editors' folders."""
    for name in ("flows", "content", "locales"):
        shutil.copytree(ROOT / name, tmp_path / "editor" / name)
    return tmp_path / "editor"


def test_what_ships_is_well(at_home):
    """`segin check` finds nothing in the folders as they are, and every talk comes out as written."""
    checked = at_home.segin("check")
    assert (checked.returncode, checked.stdout) == (0, "")


def test_a_mistake_is_found_with_file_and_line(at_home, folders):
    """A broken `go` is told by file and line, and the status says that something was found."""
    flow = folders / "flows" / "help.yaml"
    flow.write_text(flow.read_text().replace("end: return", "end: retrun"))
    checked = at_home.segin("check", str(folders))
    assert checked.returncode == 1
    assert "flows/help.yaml:" in checked.stdout


def test_a_talk_that_differs_is_found(at_home, folders):
    """A sentence that changed in the flow but not in its talk is told with the talk's line."""
    flow = folders / "flows" / "greeting.yaml"
    flow.write_text(flow.read_text().replace("say: Bonjour.", "say: Salut à vous."))
    checked = at_home.segin("check", str(folders))
    assert "flows/greeting.talk:" in checked.stdout
    assert checked.returncode == 1


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["cases", "show", "222-2222"], 1),
        (["cases", "list", "--as", "Nobody"], 1),
        (["staff", "disable", "Nobody"], 1),
        (["nonsense"], 2),
        (["cases"], 2),
        (["draw", "nonsense"], 2),
        (["check", "/nowhere"], 2),
        (["audit", "verify"], 0),
        (["migrate"], 0),
        (["staff", "list"], 0),
        (["cases", "list"], 0),
    ],
)
def test_the_exit_status(at_home, words, status):
    """0 fine, 1 found something, 2 wrong use."""
    assert at_home.segin(*words).returncode == status


def test_a_wrong_setting_is_named(at_home):
    """A setting that can't be read, or is not one, is told by name; the status is 2."""
    for name, value in (("SEGIN_PORT", "eighty"), ("SEGIN_PROT", "80")):
        told = Served({**at_home.environment, name: value}, 0).segin("migrate")
        assert (told.returncode, name in told.stderr) == (2, True)


def test_other_keys_are_refused(at_home, tmp_path):
    """Lost or exchanged keys are told at once; nothing is written that the right keys could not read."""
    assert at_home.segin("talk", stdin="1\n").returncode == 0
    keys = tmp_path / "data" / "keys"
    kept = keys.read_bytes()
    keys.unlink()
    told = at_home.segin("cases", "list")
    assert (told.returncode, "bring them back" in told.stderr, keys.exists()) == (1, True, False)
    elsewhere = {"SEGIN_DATA_DIR": str(tmp_path / "other"), "PATH": "/usr/bin:/bin"}
    assert Served(elsewhere, 0).segin("talk", stdin="1\n").returncode == 0
    keys.write_bytes((tmp_path / "other" / "keys").read_bytes())
    assert "other keys" in at_home.segin("cases", "list").stderr
    keys.write_bytes(kept)
    assert at_home.segin("cases", "list").returncode == 0


def test_looking_where_nothing_is_makes_nothing(tmp_path):
    """A command given in the wrong folder says so, and leaves no empty database behind."""
    told = Served({"SEGIN_DATA_DIR": str(tmp_path / "nowhere"), "PATH": "/usr/bin:/bin"}, 0).segin("cases", "list")
    assert (told.returncode, "SEGIN_DATA_DIR" in told.stderr, (tmp_path / "nowhere").exists()) == (1, True, False)


def test_staff_come_and_go(at_home):
    """Somebody who was disabled can't act any more, and can't be added twice."""
    assert at_home.segin("staff", "add", "Fatou", "--role", "protection", "--cleared").returncode == 0
    assert at_home.segin("staff", "add", "FATOU", "--role", "agent").returncode == 1
    assert json.loads(at_home.segin("staff", "list", "--json").stdout)[0]["cleared"] is True
    assert at_home.segin("cases", "list", "--as", "fatou").returncode == 0
    assert at_home.segin("staff", "disable", "Fatou").returncode == 0
    assert at_home.segin("cases", "list", "--as", "Fatou").returncode == 1


def test_an_edited_audit_row_is_found(at_home, tmp_path):
    """Whoever edits the log by hand is noticed."""
    at_home.segin("cases", "list")
    at_home.segin("cases", "list")
    with sqlite3.connect(tmp_path / "data" / "segin.db") as database:
        database.execute("UPDATE audit SET staff = 'nobody' WHERE number = 1")
    told = at_home.segin("audit", "verify")
    assert told.returncode == 1
    assert "row 1" in told.stdout


def test_talk_in_the_terminal(at_home):
    """Somebody types, and reads numbered choices; a request for a person is there for staff after."""
    said = at_home.segin("talk", stdin="1\n1\n3\n8\n2\nJe veux demander.\n").stdout
    assert "1. Français" in said
    assert "Numéro" in said
    (case,) = at_home.cases()
    assert (case["kind"], case["category"], case["channel"]) == ("request", "person", "terminal")
    assert "Je veux demander." in at_home.segin("cases", "show", case["reference"]).stdout


def test_draw_writes_every_flow(at_home, tmp_path):
    """A diagram for each flow, with the words of its choices."""
    assert at_home.segin("draw", "--to", str(tmp_path / "drawn")).returncode == 0
    drawn = {path.stem for path in (tmp_path / "drawn").iterdir()}
    assert drawn == {path.stem for path in (ROOT / "flows").glob("*.yaml")}
    assert "Porter plainte" in (tmp_path / "drawn" / "main.mmd").read_text()


def hear(served, kind="start", **more):
    body = json.dumps({"id": f"{time.monotonic_ns()}", "kind": kind, "cursor": 0, **more}).encode()
    headers = {"Content-Type": "application/json", "X-Segin": "chat"}
    with urllib.request.urlopen(urllib.request.Request(f"{served.address}chat/messages", body, headers)) as answer:
        return json.load(answer)["messages"]


def test_publishing_changes_the_words_of_a_running_server(tmp_path, folders):
    """A new revision is in force with the next message; a mistake is not published."""
    with serving(tmp_path / "data", SEGIN_LIBRARY_DIR=str(folders)) as served:
        main = folders / "flows" / "main.yaml"
        assert "Bonjour. Je suis Segin" in hear(served)[0]["text"]
        main.write_text(main.read_text().replace("Bonjour. Je suis Segin", "I ni ce. Je suis Segin"))
        assert "Bonjour. Je suis Segin" in hear(served)[0]["text"]
        published = served.segin("publish", "--note", "greeting")
        assert published.returncode == 0, published.stdout
        assert "I ni ce. Je suis Segin" in hear(served)[0]["text"]
        main.write_text(main.read_text().replace("start: language", "start: langage"))
        assert served.segin("publish").returncode == 1
        assert "I ni ce. Je suis Segin" in hear(served)[0]["text"]


def test_watching_the_folders(tmp_path, folders):
    """With --watch a saved file is in force within moments; a broken one is logged and the last good one serves."""
    with serving(tmp_path / "data", "--watch", SEGIN_LIBRARY_DIR=str(folders)) as served:
        main = folders / "flows" / "main.yaml"
        main.write_text(main.read_text().replace("Bonjour. Je suis Segin", "I ni ce. Je suis Segin"))
        deadline = time.monotonic() + 20
        while "I ni ce" not in hear(served)[0]["text"]:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        main.write_text("start: [")
        time.sleep(2)
        assert "I ni ce" in hear(served)[0]["text"]
        assert "flows/main.yaml:" in served.stop()
