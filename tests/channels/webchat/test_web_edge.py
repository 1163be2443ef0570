"""The edge of the application: what every answer carries, and what no log may hold."""

import asyncio
import logging
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiohttp import ClientSession, web
from prometheus_client import CollectorRegistry
from webchat_fakes import FakePost

from bot.channels.webchat import SECURITY_HEADERS, WebChat
from bot.inbox import utc_now
from bot.web import Runner, application

ROOT = Path(__file__).parents[3]

PAGE = {"X-Segin": "chat"}
START = {"id": "m1", "kind": "start", "cursor": 0}
SECRET = "Awa-Diallo"


class FakeWorker(FakePost):
    """A `Post` with what the application asks of a worker besides."""

    def __init__(self, chat, **settings):
        super().__init__()
        self.settings = SimpleNamespace(
            **{"public_url": "", "behind_proxy": False, "metrics_public": False, "library_dir": ROOT, **settings}
        )
        self.shelf, self.store, self.keyring, self.clock = SimpleNamespace(), None, None, utc_now  # of the console
        self.channels = {"web": chat, "broken": Broken()}
        self.metrics = CollectorRegistry()

    async def start(self):
        pass

    async def stop(self):
        pass

    async def hang_up(self):
        await self.channels["web"].stop()


class Broken:
    """A channel whose every address fails, in words that quote somebody."""

    def routes(self, _):
        async def fails(_):
            raise RuntimeError(SECRET)

        async def begins_and_fails(request):
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"begun\n")
            raise RuntimeError(SECRET)

        return [web.get("/broken/{name}", fails), web.get("/begins/{name}", begins_and_fails)]


@asynccontextmanager
async def served(**settings):
    """The application as `segin serve` runs it; yields its worker, a client, and where it listens."""
    worker = FakeWorker(WebChat(secure_cookie=False), **settings)
    runner = Runner(application(worker), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        async with ClientSession(f"http://{host}:{port}") as client:
            yield worker, client, (host, port)
    finally:
        await runner.cleanup()


async def raw(where, request):
    """What comes back to these very bytes."""
    reader, writer = await asyncio.open_connection(*where)
    writer.write(request)
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def guarded(headers):
    assert headers.items() >= SECURITY_HEADERS.items()
    assert headers["Server"] == "web"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/static/chat/sw.js", 200),
        ("GET", "/healthz", 200),
        ("GET", "/nowhere", 404),
        ("GET", "/static/chat/nothing", 404),
        ("DELETE", "/", 405),
        ("GET", "/chat/messages", 405),
        ("GET", "/chat/stream", 401),
        ("GET", f"/broken/{SECRET}", 500),
    ],
)
async def test_every_answer_is_guarded(method, path, status):
    async with served() as (_, client, _), client.request(method, path) as answer:
        assert answer.status == status
        guarded(dict(answer.headers))
        assert "Strict-Transport-Security" not in answer.headers
        assert SECRET not in await answer.text()


async def test_https_is_remembered_where_there_is_https():
    async with served(public_url="https://segin.example") as (_, client, _):
        for path in ("/", "/nowhere"):
            async with client.get(path) as answer:
                assert answer.headers["Strict-Transport-Security"].startswith("max-age=")


async def test_an_expectation_nobody_has_is_guarded_as_well():
    async with served() as (_, _, where):
        answer = await raw(where, b"GET / HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 417 ")
        assert b"nosniff" in answer
        assert b"Server: web\r\n" in answer


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX-%b\x00: 1\r\n\r\n" % SECRET.encode(),
        b"GET / HTTP/1.1\r\nHost: x\r\nCookie: segin_chat=%b\x00\r\n\r\n" % SECRET.encode(),
        b"GET /%b HTTP/9\r\n\r\n" % SECRET.encode(),
        b"POST /chat/messages HTTP/1.1\r\nHost: x\r\nContent-Length: %b\r\n\r\n" % SECRET.encode(),
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: %b\r\n\r\n" % (SECRET.encode() * 2000),
        b"%b\r\n\r\n" % SECRET.encode(),
    ],
)
async def test_what_is_no_http_is_neither_repeated_nor_logged(caplog, request_bytes):
    caplog.set_level(logging.DEBUG)
    async with served() as (_, _, where):
        answer = await raw(where, request_bytes)
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    assert answer.partition(b"\r\n\r\n")[2] == b"400\n"
    assert b"Server: web\r\n" in answer
    assert b"nosniff" in answer
    assert SECRET not in caplog.text
    assert "127.0.0.1" not in "".join(one.getMessage() for one in caplog.records if one.name == "aiohttp.server")
    assert any("a request could not be served: " in one.getMessage() for one in caplog.records)


async def test_a_fault_is_logged_by_its_class_its_place_and_its_route(caplog):
    async with served() as (_, client, _), client.get(f"/broken/{SECRET}?{SECRET}") as answer:
        assert answer.status == 500
    (line,) = [one.getMessage() for one in caplog.records]
    assert line.startswith("GET /broken/{name} failed: RuntimeError at test_web_edge.py:")
    assert SECRET not in caplog.text


async def test_a_fault_in_the_midst_of_an_answer_breaks_it_off(caplog):
    async with served() as (_, _, where):
        answer = await raw(where, b"GET /begins/%b HTTP/1.1\r\nHost: x\r\n\r\n" % SECRET.encode())
    assert b"begun" in answer
    assert answer.count(b"HTTP/1.1") == 1
    assert not answer.endswith(b"0\r\n\r\n"), "nobody takes it for the whole"
    assert SECRET not in caplog.text


async def test_the_page_gets_a_fault_in_kind_words():
    async with served() as (worker, client, _):
        worker.fails = RuntimeError(SECRET)
        headers = PAGE | {"Accept-Language": "en"}
        async with client.post("/chat/messages", json=START, headers=headers) as answer:
            assert answer.status == 500
            assert await answer.json() == {"error": "failed", "say": "Pardon, cela n'a pas marché. (en)"}
            assert answer.headers["Cache-Control"] == "no-store"
            guarded(dict(answer.headers))


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://["},
        {"Origin": "http://[::1"},
        {"Host": "["},
        {"Host": "x:y"},
        {"Cookie": "segin_chat"},
        {"Cookie": 'segin_chat="\\377"; $Version=1; ='},
        {"Content-Type": ";;;"},
        {"Content-Type": "application/json; charset=nonsense"},
        {"Accept-Language": "\udcff-\udcfe"},
        {"X-Forwarded-For": "\udcff"},
        {"X-Forwarded-For": "::1%" + "x" * 300},
        {"Content-Encoding": "gzip"},
    ],
)
@pytest.mark.parametrize("behind_proxy", [False, True])
async def test_odd_headers_are_no_fault_of_ours(headers, behind_proxy):
    body = b'{"id": "m1", "kind": "start"}'
    whole = {"Host": "x", "X-Segin": "chat", "Content-Type": "application/json", "Connection": "close"} | headers
    lines = "".join(f"{name}: {value}\r\n" for name, value in whole.items())
    request = f"POST /chat/messages HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
    async with served(behind_proxy=behind_proxy) as (worker, _, where):
        worker.channels["web"].behind_proxy = behind_proxy
        answer = await raw(where, request.encode("utf-8", "surrogateescape") + body)
    assert answer
    assert not answer.startswith(b"HTTP/1.1 5")


async def test_the_numbers_are_for_this_machine_alone():
    async with served() as (_, client, _):
        async with client.get("/metrics") as answer:
            assert answer.status == 200
        async with client.get("/metrics", headers={"X-Forwarded-For": "10.0.0.1"}) as answer:
            assert answer.status == 403
    async with served(behind_proxy=True) as (_, client, _), client.get("/metrics") as answer:
        assert answer.status == 403, "many proxies do not say for whom they ask"
    async with served(behind_proxy=True, metrics_public=True) as (_, client, _), client.get("/metrics") as answer:
        assert answer.status == 200
