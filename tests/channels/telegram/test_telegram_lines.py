"""Lines to the Bot API: what is kept, what is broken, and that no answer is ever taken for another's."""

import asyncio
import ssl
import subprocess
from contextlib import asynccontextmanager

import pytest
from yarl import URL

from bot.channels.telegram import lines
from bot.channels.telegram.lines import Broken, Lines

OK = b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"ok":true}'


class Server:
    """Answers each request with the next of `says`: pieces of bytes; None ends the line. Counts its lines."""

    def __init__(self):
        self.says, self.heard, self.lines, self.open = [], [], 0, 0

    async def talk(self, reader, writer):
        self.lines += 1
        self.open += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
                self.heard.append((head, await reader.readexactly(length)))
                for piece in self.says.pop(0) if self.says else [OK]:
                    if piece is None:
                        return
                    if isinstance(piece, float):
                        await asyncio.sleep(piece)
                    else:
                        writer.write(piece)
                        await writer.drain()
                        await asyncio.sleep(0.005)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            writer.close()


@asynccontextmanager
async def serving(tls=None):
    server = Server()
    listening = await asyncio.start_server(server.talk, "127.0.0.1", 0, ssl=tls)
    port = listening.sockets[0].getsockname()[1]
    to = Lines(URL(f"{'https' if tls else 'http'}://127.0.0.1:{port}"))
    try:
        yield server, to
    finally:
        to.close()
        listening.close()


async def ask(to, body=b"{}", within=2.0):
    return await to.post("/bot1:AA/sendMessage", body, within)


async def test_a_line_is_kept_and_used_again():
    async with serving() as (server, to):
        for number in range(5):
            answer = await ask(to, b'{"n":%d}' % number)
            assert (answer.status, answer.body, answer.after) == (200, b'{"ok":true}', "")
        assert server.lines == 1
        assert [body for _, body in server.heard] == [b'{"n":%d}' % number for number in range(5)]
        head = server.heard[0][0]
        assert head.startswith(b"POST /bot1:AA/sendMessage HTTP/1.1\r\nHost: 127.0.0.1:")
        assert head.count(b"\r\n") == 5


async def test_many_at_once_have_a_line_each_and_their_own_answer():
    async with serving() as (server, to):
        server.says = [[0.02, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"] for _ in range(20)]
        await asyncio.gather(*[ask(to) for _ in range(20)])
        assert server.lines == 20
        await asyncio.gather(*[ask(to) for _ in range(20)])
        assert server.lines == 20


WHOLE = {
    "in pieces": [OK[:9], OK[9:30], OK[30:]],
    "in chunks": [
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"ok"\r\n',
        b"6\r\n:true}\r\n0\r\n\r\n",
    ],
    "after a continue": [b"HTTP/1.1 100 Continue\r\n\r\n", OK],
}


@pytest.mark.parametrize("pieces", WHOLE.values(), ids=WHOLE)
async def test_an_answer_comes_as_it_likes(pieces):
    async with serving() as (server, to):
        server.says = [pieces]
        for _ in range(2):
            assert (await ask(to)).body == b'{"ok":true}'
        assert server.lines == 1


async def test_it_tells_how_long_to_wait():
    async with serving() as (server, to):
        server.says = [[b"HTTP/1.1 429 Too Many\r\nretry-AFTER: 7\r\nContent-Length: 0\r\n\r\n"]]
        answer = await ask(to)
        assert (answer.status, answer.body, answer.after) == (429, b"", "7")
        assert (await ask(to)).after == ""


BROKEN = {
    "nothing": [None],
    "half a head": [OK[:12], None],
    "half a body": [OK[:-3], None],
    "half a chunk": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{", None],
    "no HTTP": [b"SSH-2.0-OpenSSH_9.2\r\n"],
    "another protocol": [b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"],
    "two lengths": [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"],
}


@pytest.mark.parametrize("pieces", BROKEN.values(), ids=BROKEN)
async def test_what_is_no_answer_breaks_the_line_and_the_next_one_is_fine(pieces):
    async with serving() as (server, to):
        server.says = [pieces]
        with pytest.raises((Broken, OSError)):
            await ask(to)
        assert (await ask(to)).status == 200
        assert server.lines == 2


ONCE = {
    "it says so": [OK.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"), None],
    "it is old": [OK.replace(b"HTTP/1.1", b"HTTP/1.0"), None],
    "it says more than was asked": [OK + OK],
    "it says more, later": [OK, OK],
    "it goes when nobody asks": [OK, None],
}


@pytest.mark.parametrize("pieces", ONCE.values(), ids=ONCE)
async def test_a_line_that_can_not_be_trusted_is_not_used_again(pieces):
    async with serving() as (server, to):
        server.says = [pieces]
        assert (await ask(to, b"1")).body == b'{"ok":true}'
        await asyncio.sleep(0.03)
        server.says = [[b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2"]]
        assert (await ask(to, b"2")).body == b"2"
        assert server.lines == 2


async def test_who_gave_up_waiting_leaves_no_answer_to_the_next():
    async with serving() as (server, to):
        server.says = [[0.1, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"], [0.3, OK]]
        with pytest.raises(Broken):
            await ask(to, within=0.05)
        waits = asyncio.create_task(ask(to))
        await asyncio.sleep(0.02)
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits
        assert (await ask(to)).body == b'{"ok":true}'
        assert server.lines == 3
        await asyncio.sleep(0.4)
        assert server.open == 1


async def test_a_line_that_waited_long_is_not_used_again(monkeypatch):
    monkeypatch.setattr(lines, "KEPT", 0.02)
    async with serving() as (server, to):
        await ask(to)
        await asyncio.sleep(0.05)
        await ask(to)
        assert server.lines == 2


async def test_an_answer_without_end_is_broken_off(monkeypatch):
    monkeypatch.setattr(lines, "LONGEST", 100)
    async with serving() as (server, to):
        server.says = [[b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x" * 500, b"x" * 500]]
        with pytest.raises((Broken, OSError)):
            await ask(to)


async def test_nobody_listens():
    with pytest.raises(ConnectionRefusedError):
        await ask(Lines(URL("http://127.0.0.1:9")))


async def test_closing_tells_those_who_wait_and_it_opens_again():
    async with serving() as (server, to):
        server.says = [[0.5, OK]]
        waits = asyncio.create_task(ask(to))
        await asyncio.sleep(0.05)
        to.close()
        with pytest.raises(Broken):
            await waits
        assert (await ask(to)).status == 200


async def test_tls_is_checked(tmp_path, monkeypatch):
    """Whoever has no certificate that we trust learns nothing: the token is in the first line."""
    key, cert = tmp_path / "key", tmp_path / "cert"
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    command = ["openssl", *words.split(), "-keyout", key, "-out", cert]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(cert, key)
    async with serving(tls) as (server, to):
        with pytest.raises(ssl.SSLCertVerificationError):
            await ask(to)
        assert server.heard == []
        monkeypatch.setenv("SSL_CERT_FILE", str(cert))
        trusting = Lines(URL(f"https://127.0.0.1:{to._port}"))
        for _ in range(2):
            assert (await ask(trusting)).body == b'{"ok":true}'
        assert server.lines == 1
        trusting.close()
