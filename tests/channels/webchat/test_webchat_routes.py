"""The addresses of the web chat: what they take, refuse, answer and forget."""

import asyncio
import gzip
import io
import json
import logging
import re
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer
from PIL import Image
from webchat_fakes import FakePost, application

from bot.channels import pictures, webchat
from bot.channels.webchat import MESSAGES_PER_MINUTE, NEWCOMERS_PER_MINUTE, WebChat, stream
from bot.channels.webchat.limits import REMEMBERED, Flood, place_of
from bot.channels.webchat.reading import MAX_FILE, Bounds
from bot.dialogue.model import Heard, Message, Place

ROOT = Path(__file__).parents[3]
PAGE = {"X-Segin": "chat"}
WEBM = b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84webm" * 4
OGG = b"OggS\x00\x02" + b"\x00" * 60
MP3 = b"ID3\x03" + b"\x00" * 60
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + b"\x00" * 60
AAC = b"\xff\xf1" + b"\x00" * 60
M4A = b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00M4A mp42isom" + b"\x00" * 60
AMR = b"#!AMR\n" + b"\x00" * 60
PDF = b"%PDF-1.4\n" + b"\x00" * 60


@asynccontextmanager
async def chatting(post=None, **kwargs):
    chat = WebChat(**{"secure_cookie": False, **kwargs})
    async with TestClient(TestServer(application(post or FakePost(), chat))) as client:
        yield client


@pytest.fixture
def post():
    return FakePost()


@pytest.fixture
async def client(post):
    async with chatting(post) as client:
        yield client


async def say(client, kind="text", headers=PAGE, **fields):
    message = {"id": "m1", "kind": kind, "cursor": 0} | fields
    return await client.post("/chat/messages", json=message, headers=headers)


async def send(client, body, kind="photo", content_type="image/jpeg", **headers):
    headers = PAGE | {"X-Message-Id": "f1", "X-Message-Kind": kind, "Content-Type": content_type} | headers
    return await client.post("/chat/messages", data=body, headers=headers)


def jpeg(size=(60, 40), **options):
    out = io.BytesIO()
    Image.new("RGB", size, "red").save(out, "JPEG", **options)
    return out.getvalue()


# ---------------------------------------------------------------- what is heard


async def test_start_is_answered_with_what_waits(client, post):
    answer = await say(client, "start")
    assert answer.status == 200
    content = await answer.json()
    assert content["demonstration"] is False
    assert content["new"] is True
    (message,) = content["messages"]
    assert message == {
        "seq": 1,
        "text": "Bonjour. Que voulez-vous faire ?",
        "options": [
            {"tap": "main/menu:request", "label": "Demander de l'aide"},
            {"tap": "main/menu:complaint", "label": "Porter plainte"},
        ],
        "many": False,
        "accepts": ["voice", "photo"],
    }
    assert post.heard[0].heard == Heard("start")
    assert post.heard[0].cursor is None


@pytest.mark.parametrize("carried", ["kayes", "kayes-en", "plainte", "x" * 64])
async def test_a_start_brings_what_the_link_carried(client, post, carried):
    assert (await say(client, "start", start=carried)).status == 200
    assert (post.heard[0].heard, post.heard[0].start) == (Heard("start"), carried)


@pytest.mark.parametrize("nonsense", ["", "x" * 65, "k/y", "kayes\n", "é", "<b>", 7, True, None, ["kayes"], {}])
async def test_nonsense_in_a_link_keeps_nobody_from_beginning(client, post, nonsense):
    assert (await say(client, "start", start=nonsense)).status == 200
    assert (post.heard[0].heard, post.heard[0].start) == (Heard("start"), "")


async def test_only_a_start_carries_anything(client, post):
    assert (await say(client, text="Bonjour", start="kayes")).status == 200
    assert post.heard[0].start == ""


@pytest.mark.parametrize(
    ("fields", "heard"),
    [
        ({"kind": "text", "text": "Bonjour"}, Heard("text", text="Bonjour")),
        ({"kind": "text", "text": "a\x00b\u202ec 😀"}, Heard("text", text="a\x00b\u202ec 😀")),
        ({"kind": "text", "text": "x" * 10_000}, Heard("text", text="x" * 10_000)),
        ({"kind": "tap", "tap": "main/menu:help"}, Heard("tap", tap="main/menu:help")),
        (
            {"kind": "location", "latitude": 12.6, "longitude": -8},
            Heard("location", place=Place(12.6, -8.0)),
        ),
    ],
)
async def test_kinds_are_heard(client, post, fields, heard):
    assert (await say(client, **fields)).status == 200
    assert post.heard[0].heard == heard
    assert post.heard[0].message_id == "m1"


async def test_half_a_surrogate_pair_can_be_stored(client, post):
    body = '{"id": "m1", "kind": "text", "text": "a\\ud800b"}'
    headers = PAGE | {"Content-Type": "application/json"}
    assert (await client.post("/chat/messages", data=body, headers=headers)).status == 200
    assert post.heard[0].heard.text.encode() == "a\ufffdb".encode()


async def test_a_repeat_is_no_second_turn_and_gets_the_same_answer(client, post):
    first = await (await say(client, text="Bonjour")).json()
    second = await (await say(client, text="Bonjour")).json()
    assert len(post.heard) == 1
    assert first["messages"] == second["messages"]


async def test_the_cursor_acknowledges(client, post):
    await say(client, "start")
    content = await (await say(client, text="oui", id="m2", cursor=1)).json()
    assert post.cursors == [1]
    assert [message["seq"] for message in content["messages"]] == [2]
    assert content["new"] is False


async def test_demonstration_and_language_are_told(client, post):
    post.demonstration = True
    post.answers = lambda _: [Message("Hello", language="en")]
    content = await (await say(client, "start")).json()
    assert content["demonstration"] is True
    assert content["language"] == content["messages"][0]["language"] == "en"


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b'"text"',
        b"[" * 100_000,
        b"1" * 5000,
        b'{"kind": "text", "text": "no id"}',
        b'{"id": "", "kind": "start"}',
        b'{"id": 7, "kind": "start"}',
        b'{"id": "%s", "kind": "start"}' % (b"x" * 65),
        b'{"id": "a\\nb", "kind": "start"}',
        b'{"id": "m1"}',
        b'{"id": "m1", "kind": "sticker"}',
        b'{"id": "m1", "kind": ["text"]}',
        b'{"id": "m1", "kind": "text"}',
        b'{"id": "m1", "kind": "text", "text": ""}',
        b'{"id": "m1", "kind": "text", "text": 7}',
        b'{"id": "m1", "kind": "tap", "tap": ""}',
        b'{"id": "m1", "kind": "tap", "tap": "%s"}' % (b"x" * 65),
        b'{"id": "m1", "kind": "location", "latitude": 91, "longitude": 0}',
        b'{"id": "m1", "kind": "location", "latitude": NaN, "longitude": 0}',
        b'{"id": "m1", "kind": "location", "latitude": 1e999, "longitude": 0}',
        b'{"id": "m1", "kind": "location", "latitude": 1%s, "longitude": 0}' % (b"0" * 400),
        b'{"id": "m1", "kind": "location", "latitude": 0, "longitude": -1%s}' % (b"0" * 400),
        b'{"id": "m1", "kind": "location", "latitude": true, "longitude": 0}',
        b'{"id": "m1", "kind": "location", "latitude": "12", "longitude": 0}',
        b'{"id": "m1", "kind": "location", "latitude": 12}',
        b'{"id": "m1", "kind": "start", "cursor": -1}',
        b'{"id": "m1", "kind": "start", "cursor": 9223372036854775808}',
        b'{"id": "m1", "kind": "start", "cursor": true}',
        b'{"id": "m1", "kind": "start", "cursor": 1.5}',
    ],
)
async def test_what_is_no_message_is_refused_kindly_and_makes_nobody(client, post, body):
    headers = PAGE | {"Content-Type": "application/json"}
    answer = await client.post("/chat/messages", data=body, headers=headers)
    assert answer.status == 400
    content = await answer.json()
    assert content["error"]
    assert content["say"]
    assert "Set-Cookie" not in answer.headers
    assert not post.heard


@pytest.mark.parametrize("length", [10_001, 300_000])
async def test_a_text_too_long_says_how_long_it_may_be(client, post, length):
    answer = await say(client, text="x" * length)
    assert answer.status == 413
    assert (await answer.json())["say"] == "Trop long : 10000 lettres au plus."
    assert not post.heard


async def test_kind_words_come_in_the_language_of_the_page(client):
    answer = await say(client, "sticker", headers=PAGE | {"Accept-Language": "en"})
    assert (await answer.json())["say"].endswith("(en)")


@pytest.mark.parametrize("path", ["/chat/messages", "/chat/seen", "/chat/leave"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Segin": "console"},
        {"X-Segin": "chat", "Origin": "https://elsewhere.example"},
        {"X-Segin": "chat", "Origin": "null"},
        {"X-Segin": "chat", "Origin": "http://["},
        {"X-Segin": "chat", "Origin": ""},
    ],
)
async def test_only_our_page_may_post(client, post, path, headers):
    answer = await client.post(path, json={"id": "m1", "kind": "start", "cursor": 0}, headers=headers)
    assert answer.status == 403
    assert not post.heard


async def test_our_own_origin_may_post(client):
    origin = str(client.make_url("/")).rstrip("/")
    assert (await say(client, "start", headers=PAGE | {"Origin": origin})).status == 200


async def test_behind_our_proxy_the_forwarded_host_counts():
    headers = PAGE | {"Origin": "https://segin.example", "X-Forwarded-Host": "segin.example"}
    async with chatting(behind_proxy=True) as client:
        assert (await say(client, "start", headers=headers)).status == 200
    async with chatting() as client:
        assert (await say(client, "start", headers=headers)).status == 403


async def test_refused_by_segin_is_final_and_unavailable_is_not(client, post):
    post.refuses = True
    answer = await say(client, "start")
    assert answer.status == 400
    assert (await answer.json())["say"] == "Pardon, cela n'a pas marché."
    post.refuses, post.down = False, True
    answer = await say(client, "start")
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "5"
    content = await answer.json()
    assert content == {"error": "unavailable", "say": "Un moment, s'il vous plaît."}
    assert "Set-Cookie" not in answer.headers


# ---------------------------------------------------------------- who it is


async def test_the_cookie_is_for_the_chat_alone():
    async with chatting(secure_cookie=True) as client:
        cookie = (await say(client, "start")).cookies["segin_chat"]
        assert len(cookie.value) == 43
        assert cookie["httponly"]
        assert cookie["secure"]
        assert cookie["samesite"] == "Strict"
        assert cookie["path"] == "/chat"
        assert cookie["max-age"] == str(30 * 24 * 3600)


async def test_the_cookie_is_the_address_and_is_renewed(client, post):
    first = (await say(client, "start")).cookies["segin_chat"]
    second = (await say(client, text="oui", id="m2")).cookies["segin_chat"]
    assert first.value == second.value == post.heard[0].address == post.heard[1].address


@pytest.mark.parametrize("cookie", ["short", "x" * 43, "../" * 15, "é" * 43])
async def test_an_unknown_or_misshapen_cookie_begins_anew(client, post, cookie):
    answer = await say(client, "start", headers=PAGE | {"Cookie": f"segin_chat={cookie}"}, cursor=7)
    assert answer.status == 200
    assert (await answer.json())["new"] is True
    assert post.heard[0].address == answer.cookies["segin_chat"].value != cookie
    assert post.heard[0].cursor is None, "the cursor of another life must not drop what is said now"


async def test_who_was_erased_begins_anew_and_misses_nothing(client, post):
    await say(client, "start")
    await say(client, text="effacer", id="m2", cursor=1)
    post.contacts.clear()
    content = await (await say(client, text="Bonjour", id="m3", cursor=7)).json()
    assert content["new"] is True
    assert [message["seq"] for message in content["messages"]] == [1]


async def test_leaving_drops_the_cookie(client, post):
    await say(client, "start")
    answer = await client.post("/chat/leave", headers=PAGE)
    assert answer.status == 204
    assert answer.cookies["segin_chat"]["max-age"] == "0"
    await say(client, "start", id="m2")
    assert post.heard[0].address != post.heard[1].address


async def test_who_left_is_reached_no_more_and_their_token_is_dead(client, post):
    token = (await say(client, "start")).cookies["segin_chat"].value
    await say(client, text="Secret", id="m2")
    assert (await client.post("/chat/leave", headers=PAGE)).status == 204
    assert post.gone == [token]
    stolen = {"Cookie": f"segin_chat={token}"}
    assert (await client.get("/chat/stream?cursor=0", headers=stolen)).status == 401
    assert (await client.post("/chat/seen", json={"cursor": 9}, headers=PAGE | stolen)).status == 401
    content = await (await say(client, text="moi", id="m3", headers=PAGE | stolen)).json()
    assert content["new"] is True
    assert post.heard[-1].address != token
    client.session.cookie_jar.clear()
    assert (await client.post("/chat/leave", headers=PAGE | stolen)).status == 204
    assert post.gone == [token]


@pytest.mark.parametrize("cached", [True, False])
async def test_leaving_does_not_wait_for_the_database(post, cached, monkeypatch):
    monkeypatch.setattr(webchat, "TRY_AGAIN", 0.01)
    async with chatting(post) as client:
        token = (await say(client, "start")).cookies["segin_chat"].value
        if cached:
            await say(client, text="Secret", id="m2")
        post.down = True
        answer = await client.post("/chat/leave", headers=PAGE)
        assert answer.status == 204
        assert answer.cookies["segin_chat"]["max-age"] == "0"
        await asyncio.sleep(0.05)
        assert not post.gone
        post.down = False
        stolen = {"Cookie": f"segin_chat={token}"}
        assert (await client.get("/chat/stream?cursor=0", headers=stolen)).status == 401
        async with asyncio.timeout(20):
            while post.gone != [token]:  # noqa: ASYNC110 (the server tells nobody)
                await asyncio.sleep(0.01)


async def test_a_look_that_was_under_way_when_they_left_revives_no_token(post):
    chat = WebChat(secure_cookie=False)
    async with TestClient(TestServer(application(post, chat))) as client:
        token = (await say(client, "start")).cookies["segin_chat"].value
        looked = post.since

        async def slow(channel, address, cursor):
            found = await looked(channel, address, cursor)
            post.since = looked
            await chat._leave(token, post)
            return found

        post.since = slow
        assert await chat._look_up(token, post)
        assert token not in chat._known


async def test_who_is_erased_is_told_to_forget(client, post):
    await say(client, "start")
    assert "erased" not in await (await say(client, text="oui", id="m2", cursor=1)).json()
    post.erases = True
    answer = await say(client, text="effacer", id="m3", cursor=2)
    assert (await answer.json())["erased"] is True
    assert answer.headers["Clear-Site-Data"] == '"cache"'


async def test_seen_moves_the_cursor(client, post):
    assert (await client.post("/chat/seen", json={"cursor": 1}, headers=PAGE)).status == 401
    await say(client, "start")
    assert (await client.post("/chat/seen", json={"cursor": 1}, headers=PAGE)).status == 204
    assert post.cursors == [1]
    assert len(post.cursors) == 1, "for a stranger nothing is written"
    for bad in ({}, {"cursor": "x"}, {"cursor": -1}, []):
        assert (await client.post("/chat/seen", json=bad, headers=PAGE)).status == 400
    post.down = True
    assert (await client.post("/chat/seen", json={"cursor": 1}, headers=PAGE)).status == 503


# ---------------------------------------------------------------- files


@pytest.fixture
async def known(client, post):
    """Somebody who began: files are taken from them."""
    await say(client, "start")
    post.heard.clear()
    return client


async def test_files_are_taken_only_from_those_who_began_and_are_not_read_before(client, post):
    async def endless():
        while True:
            yield b"\x00" * 65536
            await asyncio.sleep(0)

    for cookie in ({}, {"Cookie": "segin_chat=" + "x" * 43}):
        async with asyncio.timeout(20):
            answer = await send(client, endless(), "voice", **cookie)
        assert answer.status == 409
        content = await answer.json()
        assert content == {"error": "unknown", "say": "Pardon, cela n'a pas marché."}
    assert not post.heard


@pytest.mark.parametrize("body", [WEBM, OGG, MP3, WAV, AAC, M4A, AMR])
async def test_voice_notes_are_known_by_their_bytes(known, post, body):
    answer = await send(known, body, "voice", "text/plain", **{"X-Seconds": "12", "X-Cursor": "0"})
    assert answer.status == 200
    heard = post.heard[0]
    assert heard.body == body
    assert heard.message_id == "f1"
    assert heard.heard.kind == heard.heard.file.kind == "voice"
    assert heard.heard.file.seconds == 12


async def test_a_wrong_length_loses_no_voice_note(known, post):
    for number, seconds in enumerate(["nan", "inf", "-4", "many", "99999"]):
        answer = await send(known, OGG, "voice", **{"X-Message-Id": f"v{number}", "X-Seconds": seconds})
        assert answer.status == 200
    assert [one.heard.file.seconds for one in post.heard] == [0, 0, 0, 0, 3600]


async def test_documents_are_taken(known, post):
    assert (await send(known, PDF, "document", "application/pdf")).status == 200
    assert post.heard[0].heard.kind == "document"
    assert post.heard[0].body == PDF


async def test_pictures_lose_place_and_phone_and_stand_upright(known, post):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90°
    exif[0x010F] = "Tecno"
    exif.get_ifd(0x8825)[1] = "N"
    assert (await send(known, jpeg(exif=exif, comment=b"at home"))).status == 200
    picture = Image.open(io.BytesIO(post.heard[0].body))
    assert picture.size == (40, 60)
    assert not picture.getexif()
    assert "comment" not in picture.info
    assert b"Tecno" not in post.heard[0].body


@pytest.mark.parametrize("form", ["PNG", "WEBP", "GIF"])
async def test_other_pictures_are_drawn_anew_as_well(known, post, form):
    out = io.BytesIO()
    Image.new("RGBA", (30, 20), (0, 0, 0, 0)).save(out, form)
    assert (await send(known, out.getvalue(), "document")).status == 200
    assert post.heard[0].heard.kind == "photo"
    picture = Image.open(io.BytesIO(post.heard[0].body)).convert("RGB")
    assert picture.getpixel((1, 1)) == (255, 255, 255)


async def test_a_large_picture_is_made_smaller(known, post):
    assert (await send(known, jpeg((5000, 2500)))).status == 200
    assert Image.open(io.BytesIO(post.heard[0].body)).size == (2560, 1280)


@pytest.mark.parametrize(
    "body",
    [
        b"MZ" + b"\x00" * 300,
        b"<html><script>alert(1)</script>",
        b"PK\x03\x04" + b"\x00" * 300,
        b"hello",
        jpeg()[:100],
        b"\x89PNG\r\n\x1a\n" + b"\x00" * 100,
        b"GIF89a" + b"\xff" * 40,
    ],
)
async def test_other_files_are_refused_kindly(known, post, body):
    answer = await send(known, body)
    assert answer.status == 415
    assert (await answer.json())["say"] == "Je ne sais pas lire cela."
    assert not post.heard


async def test_a_picture_bomb_is_refused(known, post):
    out = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "PNG")
    assert len(out.getvalue()) < MAX_FILE
    assert (await send(known, out.getvalue())).status == 415
    assert not post.heard


async def test_photos_of_current_phones_are_taken(known, post):
    out = io.BytesIO()
    Image.new("RGB", (60, 40), "red").save(out, "HEIF")
    for number, body in enumerate((jpeg((8160, 6120)), out.getvalue())):
        assert (await send(known, body, "document", **{"X-Message-Id": f"p{number}"})).status == 200
    assert [one.heard.kind for one in post.heard] == ["photo", "photo"]


async def test_a_heap_of_pictures_is_drawn_one_at_a_time(known, monkeypatch):
    running, most = 0, 0

    def draw(body):
        nonlocal running, most
        running += 1
        most = max(most, running)
        time.sleep(0.01)
        running -= 1
        return body

    monkeypatch.setattr(pictures, "_draw_anew", draw)
    answers = [send(known, jpeg(), **{"X-Message-Id": f"p{number}"}) for number in range(10)]
    assert [answer.status for answer in await asyncio.gather(*answers)] == [200] * 10
    assert most == 1


MEMORY = """
import asyncio, resource, sys
from bot.channels.pictures import cleaned
body = sys.stdin.buffer.read()
async def heap():
    await asyncio.gather(*(cleaned(body) for _ in range(4)))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
asyncio.run(heap())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_heap_of_large_pictures_fills_no_memory(form):
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {"progressive": True, "subsampling": 0} if form == "JPEG" else {"lossless": True}
    out = io.BytesIO()
    Image.new("RGB" if form == "JPEG" else "RGBA", (4000, 4000), "red").save(out, form, exif=exif, **options)
    python = [sys.executable, "-c", MEMORY]
    done = subprocess.run(python, input=out.getvalue(), capture_output=True, check=True, cwd=ROOT)
    assert int(done.stdout) < 350 * 1024  # kB


async def test_files_have_a_size(known, post):
    whole = OGG + b"\x00" * (MAX_FILE - len(OGG))
    assert (await send(known, io.BytesIO(whole), "voice")).status == 200

    async def unannounced():
        for _ in range(6):
            yield OGG + b"\x00" * (1024 * 1024)

    for body in (io.BytesIO(whole + b"\x00"), unannounced()):
        answer = await send(known, body, "voice", **{"X-Message-Id": "f2"})
        assert answer.status == 413
        assert (await answer.json())["say"] == "Trop gros : 5 Mo au plus."
    assert len(post.heard) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Message-Id": ""},
        {"X-Message-Id": "x" * 65},
        {"X-Message-Kind": "text"},
        {"X-Message-Kind": ""},
        {"X-Cursor": "-1"},
        {"X-Cursor": "one"},
    ],
)
async def test_a_file_needs_its_headers(known, post, headers):
    assert (await send(known, OGG, "voice", **headers)).status == 400
    assert not post.heard


async def test_an_empty_file_is_refused(known):
    assert (await send(known, b"", "voice")).status == 400


# ---------------------------------------------------------------- floods


async def test_a_flood_is_slowed_down_and_not_locked_out(client, post):
    statuses = [(await say(client, text="x", id=f"m{number}")).status for number in range(70)]
    assert statuses.count(200) in range(61, 64)  # one as a newcomer, sixty after, a few refilled
    answer = await say(client, text="x", id="late")
    assert answer.status == 429
    assert int(answer.headers["Retry-After"]) >= 1
    assert (await answer.json())["say"] == "Un moment, s'il vous plaît."
    assert len(post.heard) == statuses.count(200)


async def test_newcomers_are_counted_per_place_and_only_our_proxy_may_tell_places():
    for behind_proxy, many in ((False, False), (True, True)):
        async with chatting(behind_proxy=behind_proxy) as client:
            statuses = []
            for number in range(NEWCOMERS_PER_MINUTE + 10):
                client.session.cookie_jar.clear()
                headers = PAGE | {"X-Forwarded-For": f"1.1.1.1, 10.0.0.{number}"}
                statuses.append((await say(client, "start", headers=headers)).status)
            assert (statuses.count(429) == 0) is many


async def test_invented_cookies_count_as_newcomers(client):
    statuses = []
    for number in range(NEWCOMERS_PER_MINUTE + 10):
        client.session.cookie_jar.clear()
        headers = PAGE | {"Cookie": f"segin_chat={number:043d}"}
        statuses.append((await say(client, "start", headers=headers)).status)
    assert 429 in statuses


def test_an_allowance_comes_back_with_time():
    now = 0.0
    flood = Flood(60, lambda: now)
    assert not any(flood.wait("a") for _ in range(60))
    assert flood.wait("a") == 1
    assert flood.wait("b") == 0
    now = 1.0
    assert flood.wait("a") == 0
    assert flood.wait("a") == 1


def test_a_flood_of_keys_fills_no_memory_and_forgives_nobody_who_goes_on():
    flood = Flood(60, lambda: 0.0)
    for _ in range(60):
        flood.wait("flooding")
    for key in range(3 * REMEMBERED):
        flood.wait(str(key))
        if key % 5000 == 0:
            assert flood.wait("flooding") == 1
    assert len(flood._left) == REMEMBERED


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("unknown", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_an_address_is_counted_with_its_neighbours(address, place):
    assert place_of(address) == place


async def forwarded(chat, *addresses):
    """The statuses of newcomers, each behind the next of these addresses."""
    async with TestClient(TestServer(application(FakePost(), chat))) as client:
        statuses = []
        for number in range(NEWCOMERS_PER_MINUTE + 10):
            client.session.cookie_jar.clear()
            address = addresses[number % len(addresses)]
            headers = PAGE | ({"X-Forwarded-For": address.format(number=number)} if address else {})
            statuses.append((await say(client, "start", headers=headers)).status)
        return statuses


async def test_a_house_with_many_addresses_is_one_place():
    assert 429 in await forwarded(WebChat(secure_cookie=False, behind_proxy=True), "2001:db8:1:2::{number:x}")
    assert 429 not in await forwarded(WebChat(secure_cookie=False, behind_proxy=True), "2001:db8:1:{number:x}::1")


async def test_a_proxy_that_tells_no_address_is_counted_itself():
    chat = WebChat(secure_cookie=False, behind_proxy=True)
    assert 429 in await forwarded(chat, "", "unknown", "10.0.0.1, ", "10.0.0.1, nonsense")
    assert set(chat._newcomers._left) == {"127.0.0.1"}


async def test_a_proxy_nobody_told_us_about_is_warned_of_once(caplog):
    chat = WebChat(secure_cookie=False)
    assert 429 in await forwarded(chat, "10.0.0.{number}")
    (warning,) = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert "SEGIN_BEHIND_PROXY" in warning.getMessage()
    assert "10.0.0" not in warning.getMessage()


@pytest.mark.parametrize(
    "ask",
    [
        lambda client, headers: client.get("/chat/stream?cursor=0", headers=headers),
        lambda client, headers: client.post("/chat/seen", json={"cursor": 1}, headers=headers),
        lambda client, headers: client.post("/chat/leave", headers=headers),
    ],
)
async def test_strangers_who_guess_are_slowed_down_and_the_database_is_spared(client, post, ask):
    statuses = []
    for number in range(NEWCOMERS_PER_MINUTE + 30):
        answer = await ask(client, PAGE | {"Cookie": f"segin_chat={number:043d}"})
        statuses.append(answer.status)
    assert set(statuses) == {429, 401} or set(statuses) == {429, 204}
    assert len(post.lookups) < NEWCOMERS_PER_MINUTE + 10
    assert not post.cursors
    assert not post.gone
    assert statuses[-1] == 429


async def test_acknowledgements_are_no_flood_either(client, post):
    await say(client, "start")
    asked = [client.post("/chat/seen", json={"cursor": 1}, headers=PAGE) for _ in range(MESSAGES_PER_MINUTE + 10)]
    statuses = [answer.status for answer in await asyncio.gather(*asked)]
    assert 429 in statuses
    assert len(post.cursors) == statuses.count(204) <= MESSAGES_PER_MINUTE + 2
    assert (await say(client, text="oui", id="m2")).status == 200, "messages have their own allowance"


# ---------------------------------------------------------------- slow bodies


async def never():
    yield b"OggS"
    await asyncio.Event().wait()


async def test_a_body_that_does_not_end_is_given_up(post):
    async with chatting(post, bounds=Bounds(json_seconds=0.05, file_seconds=0.05)) as client:
        json_headers = PAGE | {"Content-Type": "application/json"}
        await say(client, "start")
        async with asyncio.timeout(20):
            for answer in (
                await client.post("/chat/messages", data=never(), headers=json_headers),
                await client.post("/chat/seen", data=never(), headers=json_headers),
                await send(client, never(), "voice"),
            ):
                assert answer.status == 408
                assert (await answer.json())["say"] == "Un moment, s'il vous plaît."
    assert len(post.heard) == 1


async def test_so_many_files_at_once_and_then_later(post):
    async with chatting(post, bounds=Bounds(files=2)) as client:
        await say(client, "start")
        end = asyncio.Event()

        async def slow():
            yield OGG
            await end.wait()

        under_way = [
            asyncio.create_task(send(client, slow(), "voice", **{"X-Message-Id": f"v{number}"})) for number in range(2)
        ]
        async with asyncio.timeout(20):
            while (answer := await send(client, OGG, "voice", **{"X-Message-Id": "v3"})).status == 200:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            assert answer.status == 503
            assert answer.headers["Retry-After"] == "5"
            assert (await say(client, text="Bonjour", id="m2")).status == 200, "words are not held up"
            end.set()
            assert [(await one).status for one in under_way] == [200, 200]
        assert (await send(client, OGG, "voice", **{"X-Message-Id": "v4"})).status == 200


async def test_a_body_that_breaks_off_is_no_fault_of_ours(client, post):
    token = (await say(client, "start")).cookies["segin_chat"].value
    request = (
        "POST /chat/messages HTTP/1.1\r\nHost: x\r\nX-Segin: chat\r\nX-Message-Id: f1\r\nX-Message-Kind: voice\r\n"
        f"Cookie: segin_chat={token}\r\nContent-Type: audio/ogg\r\n"
    )
    for rest in ("Transfer-Encoding: chunked\r\n\r\n5\r\nabcdefgh\r\nzz\r\n", "Content-Length: 900\r\n\r\nOggS"):
        reader, writer = await asyncio.open_connection(client.host, client.port)
        writer.write((request + rest).encode())
        writer.write_eof()
        async with asyncio.timeout(20):
            assert b" 500 " not in await reader.read()
        writer.close()
        await writer.wait_closed()
    assert len(post.heard) == 1


# ---------------------------------------------------------------- later messages


async def events(answer, count):
    """The first `count` messages of a stream, as (id, content)."""
    found = []
    lines = {}
    async with asyncio.timeout(5):
        while len(found) < count:
            line = (await answer.content.readline()).decode().rstrip("\n")
            if line.startswith("id:"):
                lines["id"] = int(line[3:])
            elif line.startswith("data:") and "id" in lines:
                found.append((lines.pop("id"), json.loads(line[5:])))
    return found


async def test_the_stream_tells_what_waits_and_what_comes(client, post):
    await say(client, "start")
    async with client.get("/chat/stream?cursor=0") as answer:
        assert answer.status == 200
        assert answer.content_type == "text/event-stream"
        assert answer.headers["Cache-Control"] == "no-store"
        ((seq, content),) = await events(answer, 1)
        assert (seq, content["seq"]) == (1, 1)
        post.staff_says(Message("Ligne 1\nLigne 2\u2028\r\n"))
        ((seq, content),) = await events(answer, 1)
        assert (seq, content["text"]) == (2, "Ligne 1\nLigne 2\u2028\r\n")


async def test_the_stream_resumes_where_it_broke_off(client, post):
    await say(client, "start")
    for number in range(2, 5):
        post.staff_says(Message(f"Message {number}"))
    async with client.get("/chat/stream?cursor=0", headers={"Last-Event-ID": "2"}) as answer:
        assert [seq for seq, _ in await events(answer, 2)] == [3, 4]
    async with client.get("/chat/stream?cursor=3", headers={"Last-Event-ID": "nonsense"}) as answer:
        assert [seq for seq, _ in await events(answer, 1)] == [4]


async def test_the_stream_is_for_those_who_are_known(client, post):
    for cookie in ({}, {"Cookie": "segin_chat=" + "x" * 43}):
        answer = await client.get("/chat/stream?cursor=0", headers=cookie)
        assert answer.status == 401
    await say(client, "start")
    post.down = True
    answer = await client.get("/chat/stream?cursor=0")
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "5"


async def test_the_stream_pings_ends_with_age_and_says_bye(client, post, monkeypatch):
    monkeypatch.setattr(stream, "PING", 0.05)
    monkeypatch.setattr(stream, "MAX_AGE", 0.2)
    await say(client, "start")
    async with asyncio.timeout(5), client.get("/chat/stream?cursor=1") as answer:
        text = (await answer.content.read()).decode()
    assert text.startswith("retry: ")
    assert text.count(": ping\n\n") >= 3
    assert text.endswith("event: bye\ndata: {}\n\n")
    assert not post.listening


async def test_a_stream_that_cannot_read_ends_and_the_browser_comes_back(client, post):
    await say(client, "start")
    async with asyncio.timeout(5), client.get("/chat/stream?cursor=1") as answer:
        await answer.content.readuntil(b"ping\n\n")
        post.down = True
        post.staff_says(Message("Bonjour"))
        assert b"bye" in await answer.content.read()


async def test_closing_ends_every_stream_at_once(post):
    chat = WebChat(secure_cookie=False)
    async with TestClient(TestServer(application(post, chat))) as client:
        await say(client, "start")
        async with asyncio.timeout(5), client.get("/chat/stream?cursor=1") as answer:
            await answer.content.readuntil(b"ping\n\n")
            await chat.stop()
            assert b"bye" in await answer.content.read()
    assert not chat._streams._open


async def test_a_fifth_tab_ends_the_first(client):
    await say(client, "start")
    answers = []
    for _ in range(5):
        answers.append(await client.get("/chat/stream?cursor=1"))
        await answers[-1].content.readuntil(b"ping\n\n")
    async with asyncio.timeout(5):
        assert b"bye" in await answers[0].content.read()
    for answer in answers:
        answer.close()


async def test_a_browser_that_went_away_is_forgotten(post, monkeypatch):
    monkeypatch.setattr(stream, "PING", 0.05)
    chat = WebChat(secure_cookie=False)
    async with TestClient(TestServer(application(post, chat))) as client:
        await say(client, "start")
        answer = await client.get("/chat/stream?cursor=1")
        await answer.content.readuntil(b"ping\n\n")
        answer.close()
        async with asyncio.timeout(5):
            while chat._streams._open:  # noqa: ASYNC110 (only the next ping finds out)
                await asyncio.sleep(0.05)


# ---------------------------------------------------------------- the page


async def test_the_page_is_small_and_strict(client):
    client.session._auto_decompress = False
    answer = await client.get("/", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Cache-Control"] == "no-cache"
    page = gzip.decompress(await answer.read()).decode()
    assert "<title>Segin</title>" in page
    assert "<noscript>" in page
    for inline in ("<script>", "style=", "<style", "onclick", "{title}", "{js}"):
        assert inline not in page
    tag = answer.headers["ETag"]
    again = await client.get("/", headers={"If-None-Match": tag})
    assert again.status == 304


async def test_files_live_for_ever_under_the_name_of_their_content(client):
    page = await (await client.get("/")).text()
    for name in ("chat.css", "chat.js", "icon.svg", "manifest.webmanifest"):
        stem, suffix = name.split(".")
        (address,) = set(re.findall(rf"/static/chat/{stem}\.[0-9a-f]{{16}}\.{suffix}", page))
        answer = await client.get(address)
        assert answer.status == 200
        assert "immutable" in answer.headers["Cache-Control"]
    worker = await client.get("/static/chat/sw.js")
    assert worker.headers["Service-Worker-Allowed"] == "/"
    assert (await client.get("/static/chat/nothing.js")).status == 404
    assert (await client.get("/static/chat/..%2f..%2fpictures.py")).status == 404


async def test_titles_are_text():
    async with chatting(title='<b>"A&B"') as client:
        assert "<title>&lt;b&gt;&quot;A&amp;B&quot;</title>" in await (await client.get("/")).text()


@pytest.mark.parametrize("path", ["/", "/static/chat/sw.js", "/static/chat/none", "/chat/stream"])
async def test_every_answer_is_guarded(client, path):
    answer = await client.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Permissions-Policy"] == "microphone=(self), geolocation=(self)"


async def test_chat_answers_are_never_kept(client):
    for answer in (await say(client, "start"), await say(client, "nothing")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Content-Security-Policy" in answer.headers


async def test_nothing_is_pushed():
    with pytest.raises(NotImplementedError):
        await WebChat(secure_cookie=False).send("address", Message("x"))
