"""Whatever arrives over HTTP: a documented status, kind words, and the server goes on."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faults.dialogues import NAMED
from tests.faults.people import Away, Browser
from tests.faults.segin import Launcher, Segin

pytestmark = pytest.mark.kill

JSON = {"X-Segin": "chat", "Content-Type": "application/json"}
FILE = {"X-Segin": "chat", "Content-Type": "audio/webm", "X-Message-Id": "f1", "X-Message-Kind": "voice"}


@pytest.fixture(scope="module")
def segin(launcher: Launcher, sqlite_tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Segin]:
    folder = tmp_path_factory.mktemp("bad-input")
    (folder / "segin.db").write_bytes(sqlite_tables.read_bytes())
    started = Segin(launcher, f"sqlite:///{folder / 'segin.db'}", folder)
    started.start()
    yield started
    started.end()


@pytest.fixture
def browser(segin: Segin) -> Iterator[Browser]:
    made = Browser(segin.port)
    made.say("start")
    yield made
    assert made.say("text", "menu"), "the server goes on, and so does the conversation"
    made.close()


def message(**fields: Any) -> bytes:
    return json.dumps({"id": str(uuid.uuid4()), "kind": "text", "text": "bonjour", **fields}).encode()


ODD = {
    "NUL": (message(text="a\x00b"), 200),
    "NUL alone": (message(text="\x00"), 200),
    "right-to-left marks": (message(text="\u202e\u2067abc\u2069\u200f"), 200),
    "half a surrogate pair": (message(text="\ud83d"), 200),
    "the other half": (b'{"id": "s1", "kind": "text", "text": "\\udc00 x"}', 200),
    "every control character": (message(text="".join(map(chr, range(32))) + "\x7f\x85\u2028"), 200),
    "10,000 characters": (message(text="é" * 10_000), 200),
    "10,000 characters beyond the first plane": (message(text="😀" * 10_000), 200),
    "10,001 characters": (message(text="é" * 10_001), 413),
    "no JSON": (b"{", 400),
    "nothing": (b"", 400),
    "a list": (b"[]", 400),
    "a string": (b'"bonjour"', 400),
    "not UTF-8": (b'{"id": "x", "kind": "text", "text": "\xff\xfe"}', 400),
    "deep nesting": (b"[" * 100_000, 400),
    "deep nesting in a field": (b'{"id": "x", "text": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", 400),
    "a number of 100,000 digits": (b'{"id": ' + b"9" * 100_000 + b"}", 400),
    "id missing": (b'{"kind": "text", "text": "x"}', 400),
    "id empty": (message(id=""), 400),
    "id a number": (message(id=7), 400),
    "id huge": (message(id="x" * 100_000), 400),
    "id with a line break": (message(id="a\nb"), 400),
    "kind unknown": (message(kind="poll"), 400),
    "kind a list": (message(kind=["text"]), 400),
    "text missing": (message(text=None), 400),
    "text empty": (message(text=""), 400),
    "text an object": (message(text={"a": 1}), 400),
    "tap missing": (message(kind="tap"), 400),
    "tap of 65 bytes": (message(kind="tap", tap="x" * 65), 400),
    "tap of a flow that is not there": (message(kind="tap", tap="nowhere/step:key"), 200),
    "tap without a place": (message(kind="tap", tap=":::"), 200),
    "tap that replies to a case that is not there": (message(kind="tap", tap=f"reply/{'f' * 32}:go"), 200),
    "tap that reads what is no case": (message(kind="tap", tap="read/../../etc:go"), 200),
    "cursor huge": (message(cursor=2**63), 400),
    "cursor negative": (message(cursor=-1), 400),
    "cursor a truth": (message(cursor=True), 400),
    "cursor beyond what was said": (message(cursor=10**6), 200),
    "place": (message(kind="location", latitude=12.65, longitude=-8.0), 200),
    "place beyond the poles": (message(kind="location", latitude=91, longitude=0), 400),
    "place that is no number": (b'{"id": "p", "kind": "location", "latitude": NaN, "longitude": Infinity}', 400),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_json_gets_its_status_and_kind_words(browser: Browser, name: str) -> None:
    body, expected = ODD[name]
    status, said = browser.request("POST", "/chat/messages", body, JSON)
    assert status == expected
    assert said["messages"] if status == 200 else said["say"]


def test_what_is_too_big_is_refused(browser: Browser) -> None:
    for headers in (JSON, FILE):
        try:
            status, _ = browser.request("POST", "/chat/messages", b"x" * 6 * 1024 * 1024, headers)
        except Away:  # it may hang up on us before it has read all of that
            continue
        assert status == 413


ODD_FILES = {
    "nothing": (FILE, b"", 400),
    "a text": (FILE, b"hello", 415),
    "a picture that is none": (FILE, b"\x89PNG\r\n\x1a\n" + b"\x00" * 100, 415),
    "a program": (FILE, b"MZ" + b"\x00" * 1000, 415),
    "kind unknown": ({**FILE, "X-Message-Kind": "film"}, b"\x1aE\xdf\xa3webm", 400),
    "cursor negative": ({**FILE, "X-Cursor": "-1"}, b"\x1aE\xdf\xa3webm", 400),
    "id huge": ({**FILE, "X-Message-Id": "x" * 65}, b"\x1aE\xdf\xa3webm", 400),
    "not from our page": ({"Content-Type": "application/json"}, message(), 403),
    "from another page": ({**JSON, "Origin": "https://elsewhere.example"}, message(), 403),
}


@pytest.mark.parametrize("name", ODD_FILES)
def test_odd_files_and_headers(browser: Browser, name: str) -> None:
    headers, body, expected = ODD_FILES[name]
    status, _ = browser.request("POST", "/chat/messages", body, headers)
    assert status == expected


def test_a_story_of_10_000_characters_reaches_staff_whole(segin: Segin) -> None:
    """NUL and direction marks are gone; every letter is there."""
    browser = Browser(segin.port)
    story = ("é" * 99 + " ") * 99 + "Ségou\u202e\x00 ɛɔɲŋ fin."
    for kind, value in NAMED[:-1]:
        browser.say(kind, story if value.startswith("Récit") else value)
    status, printed = segin.staff("cases", "list", "--json")
    assert status == 0
    (reference,) = [one["reference"] for one in json.loads(printed) if one["category"] == "delay"]
    status, printed = segin.staff("cases", "show", reference, "--json")
    told = json.loads(printed)["thread"][0]["content"]["account"]
    assert told.split() == story.replace("\u202e", "").replace("\x00", "").split()
    browser.close()


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=60),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(max_size=8), inside, max_size=4),
    max_leaves=12,
)
nearly_right = st.fixed_dictionaries(
    {},
    optional={
        "id": st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64) | anything,
        "kind": st.sampled_from(["start", "text", "tap", "location"]) | anything,
        "text": st.text(st.characters()) | anything,
        "tap": st.text(max_size=64) | st.sampled_from([tap for kind, tap in NAMED if kind == "tap"]) | anything,
        "cursor": st.integers() | anything,
        "latitude": st.floats() | anything,
        "longitude": st.floats() | anything,
    },
)


@given(content=nearly_right | anything)
@settings(max_examples=300)
def test_no_json_whatever_makes_the_server_fail(segin: Segin, content: Any) -> None:
    """One person says it all: whatever state it led to, the next is answered too."""
    browser = PEOPLE.setdefault(segin.port, Browser(segin.port))
    body = json.dumps(content).encode()
    status, said = browser.request("POST", "/chat/messages", body, JSON)
    assert status in (200, 400, 413), (status, said)


PEOPLE: dict[int, Browser] = {}
