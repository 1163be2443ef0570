"""The 200 of a webhook, on the wire: whole, with the lines kept that are to be kept."""

import asyncio
import socket
from email.utils import parsedate_to_datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.channels.acknowledging import Acknowledged

BODY = b'{"method":"leaveChat"}'


@pytest.fixture
async def address():
    async def webhook(request):
        return Acknowledged(await request.read())

    app = web.Application()
    app.router.add_post("/webhook", webhook)
    async with TestServer(app) as server:
        yield server.host, server.port


def request(body=BODY, version="1.1", *headers):
    lines = [f"POST /webhook HTTP/{version}", "Host: segin", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def read(reader):
    """Status line, headers and body of one answer."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return first, headers, await reader.readexactly(int(headers["Content-Length"]))


@pytest.mark.parametrize("body", [BODY, b""])
async def test_it_is_whole_and_brief(address, body):
    reader, writer = await asyncio.open_connection(*address)
    writer.write(request(body))
    first, headers, got = await read(reader)
    assert (first, got) == ("HTTP/1.1 200 OK", body)
    assert parsedate_to_datetime(headers.pop("Date"))
    assert headers == {"Content-Type": "application/json", "Content-Length": str(len(body))}
    writer.close()


async def test_one_after_the_other_on_one_line(address):
    """Also where they are sent at once."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(request(b"1") + request(b"22"))
    assert [(await read(reader))[2] for _ in range(2)] == [b"1", b"22"]
    writer.write(request(b"333"))
    assert (await read(reader))[2] == b"333"
    writer.close()


@pytest.mark.parametrize("how", [("1.1", "Connection: close"), ("1.0",)])
async def test_who_asks_for_the_line_to_end_is_heard(address, how):
    reader, writer = await asyncio.open_connection(*address)
    writer.write(request(BODY, *how))
    first, headers, got = await read(reader)
    assert (first.split(" ", 1)[1], got) == ("200 OK", BODY)
    assert headers.get("Connection", "close") == "close"
    assert await reader.read() == b""  # it did
    writer.close()


async def test_who_reads_nothing_is_given_no_more_than_fits(address, monkeypatch):
    """Deliveries without end on one line, whose answers nobody reads: they don't heap up here."""
    heaps, right = [], Acknowledged.prepare

    async def prepare(self, request):
        heaps.append(request.transport.get_write_buffer_size())
        return await right(self, request)

    monkeypatch.setattr(Acknowledged, "prepare", prepare)
    with socket.create_connection(address) as line:
        line.setblocking(False)
        writing = asyncio.create_task(asyncio.get_running_loop().sock_sendall(line, request(b"x" * 20_000) * 2000))
        count = -1
        while len(heaps) > count:  # until the server waits for us, too
            count = len(heaps)
            await asyncio.sleep(0.2)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    assert len(heaps) < 2000
    assert max(heaps) < 200_000


async def test_a_reader_that_is_gone_breaks_nothing(address):
    for _ in range(20):
        _, writer = await asyncio.open_connection(*address)
        writer.write(request())
        writer.transport.abort()
    reader, writer = await asyncio.open_connection(*address)
    writer.write(request())
    assert (await read(reader))[2] == BODY
    writer.close()
