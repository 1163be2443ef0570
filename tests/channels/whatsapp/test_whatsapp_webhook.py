"""What WhatsApp delivers: the handshake, who is believed, what is answered when, and that nothing is lost."""

import asyncio
import io
import json
import logging
import random

import pytest

from bot.channels.base import Refused, Said
from bot.channels.rates import WHATSAPP, Rates
from bot.dialogue.model import Message
from tests.channels.whatsapp.deliveries import SECRET, delivery, messages, recorded, signed, statuses, tap, text
from tests.channels.whatsapp.fake_graph import TOKEN, VERIFY, FakeGraph
from tests.channels.whatsapp.whatsapp_fakes import PATH, standing

AWA, ALI = "15550100001", "15550100002"


@pytest.fixture
async def graph():
    async with FakeGraph() as one:
        yield one


@pytest.fixture
async def stand(graph):
    async with standing(graph) as three:
        yield three


async def deliver(client, body, headers=None):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with client.post(PATH, data=io.BytesIO(raw), headers=signed(raw) if headers is None else headers) as response:
        await response.read()
        return response.status


# ---------------------------------------------------------------- who is believed


async def test_the_handshake_echoes_the_challenge(stand):
    _, _, client = stand
    asked = {"hub.mode": "subscribe", "hub.verify_token": VERIFY, "hub.challenge": "1158201444"}
    response = await client.get(PATH, params=asked)
    assert (response.status, await response.text()) == (200, "1158201444")
    assert response.content_type == "text/plain"
    for wrong in (
        {**asked, "hub.verify_token": "guess"}, {**asked, "hub.verify_token": "ê" + VERIFY}, {**asked, "hub.mode": "x"},
        {"hub.challenge": "1"}, {},
    ):  # fmt: skip
        assert (await client.get(PATH, params=wrong)).status == 403


async def test_only_what_is_signed_over_its_raw_bytes_is_heard(stand):
    _, post, client = stand
    spaced = json.dumps(delivery(messages(text(AWA, "un", "m1"))), indent=3).encode() + b"\n"
    assert await deliver(client, spaced) == 200
    raw = json.dumps(delivery(messages(text(AWA, "deux", "m2")))).encode()
    right = signed(raw)["X-Hub-Signature-256"]
    for wrong in (
        signed(raw, "another secret")["X-Hub-Signature-256"], signed(raw + b" ")["X-Hub-Signature-256"], "", right[:-1],
        "sha1=" + right[7:], right.replace("sha256=", ""), "sha256=" + "é" * 64,
    ):  # fmt: skip
        assert await deliver(client, raw, {"X-Hub-Signature-256": wrong} if wrong else {}) == 403
    assert await deliver(client, raw, {"X-Hub-Signature-256": "sha256=" + right[7:].upper()}) == 200
    assert post.by(AWA) == ["un", "deux"]


async def test_without_a_secret_nothing_is_believed(graph):
    """Whoever signs with the empty secret is a stranger, too."""
    graph.settings = lambda: {**FakeGraph.settings(graph), "app_secret": "", "verify_token": ""}
    async with standing(graph) as (_, _, client):
        raw = json.dumps(delivery(messages(text(AWA, "un", "m1")))).encode()
        assert await deliver(client, raw, signed(raw, "")) == 403
        empty = {"hub.mode": "subscribe", "hub.verify_token": "", "hub.challenge": "1"}
        assert (await client.get(PATH, params=empty)).status == 403


async def test_bodies_up_to_three_megabytes_are_read(stand):
    _, post, client = stand
    body = delivery(messages(text(AWA, "un", "m1")))
    body["filler"] = "x" * (3 * 1024 * 1024 - 5000)
    assert await deliver(client, body) == 200
    body["filler"] = "x" * (3 * 1024 * 1024)
    assert await deliver(client, body) == 413
    assert post.by(AWA) == ["un"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"nonsense", b'{"a": \xc3}', b"[" * 200_000, b"1" * 100_000])
async def test_only_what_is_no_json_is_a_bad_request(stand, body):
    assert await deliver(stand[2], body) in ((400,) if body[:1] != b"1" else (200, 400))


@pytest.mark.parametrize(
    "body", [b"[]", b"null", b'"x"', b"{}", b'{"entry": {}}', b'{"entry": [{"changes": [3]}]}', b"NaN"]
)
async def test_json_with_nothing_for_us_is_passed_over(stand, body):
    assert await deliver(stand[2], body) == 200


# ---------------------------------------------------------------- what is stored


async def test_every_recorded_delivery_is_taken(stand):
    _, post, client = stand
    for name, one in recorded().items():
        assert await deliver(client, one["delivery"]) == 200, name
        for message in one["becomes"]["messages"]:
            assert message["message_id"] in post.heard, name


async def test_the_answer_waits_until_all_is_stored(stand):
    _, post, client = stand
    post.wait = 0.05
    assert await deliver(client, delivery(messages(text(AWA, "un", "m1"), text(ALI, "deux", "m2")))) == 200
    assert set(post.heard) == {"m1", "m2"}


async def test_a_senders_messages_are_heard_in_order_and_senders_side_by_side(stand):
    _, post, client = stand
    post.wait = 0.05
    given = [text(who, str(n), f"{who}-{n}", n) for n in range(4) for who in (AWA, ALI, "3", "4", "5")]
    began = asyncio.get_running_loop().time()
    assert await deliver(client, delivery(messages(*given))) == 200
    took = asyncio.get_running_loop().time() - began
    assert post.by(AWA) == post.by(ALI) == ["0", "1", "2", "3"]
    assert took < 0.6  # 20 × 0.05 one after the other would be a second


async def test_what_is_not_stored_is_delivered_again(stand):
    """503: what was stored before is heard once, what comes after a lost one is not heard before it."""
    _, post, client = stand
    body = delivery(messages(*(text(AWA, str(n), f"m{n}", n) for n in range(4)), text(ALI, "x", "m9")))
    post.cannot("m1")
    assert await deliver(client, body) == 503
    assert (post.by(AWA), post.by(ALI)) == (["0"], ["x"])
    post.cannot()
    assert await deliver(client, body) == 200
    assert (post.by(AWA), post.by(ALI)) == (["0", "1", "2", "3"], ["x"])


async def test_a_status_that_is_not_stored_is_delivered_again(stand):
    _, post, client = stand
    body = delivery(statuses("delivered", "wamid.1", "wamid.2"))
    post.cannot("wamid.1")
    assert await deliver(client, body) == 503
    post.cannot()
    assert await deliver(client, body) == 200
    assert [one for one, _ in post.statuses].count("wamid.1") == 1


async def test_a_fault_of_ours_is_no_500_and_tells_nothing(stand, caplog):
    _, post, client = stand
    post.fails = {"m1": RuntimeError("what Awa wrote"), "m2": Refused("no")}
    assert await deliver(client, delivery(messages(text(AWA, "un", "m1"), text(ALI, "deux", "m2")))) == 503
    assert "Awa" not in caplog.text
    assert await deliver(client, delivery(messages(text(ALI, "deux", "m2")))) == 200  # knowingly passed over


async def test_three_times_shuffled_rebatched_in_parallel_ends_the_same(stand):
    """The same messages and statuses in other heaps, three times over, at once."""
    _, post, client = stand
    chance = random.Random(7)
    people = [f"1555010{n:04d}" for n in range(20)]
    given = [{"messages": [text(who, f"{who} {n}", f"{who}-{n}", n)]} for who in people for n in range(5)]
    given += [{"messages": [tap(who, "main/menu:help", f"{who}-tap", 9)]} for who in people]
    given += [statuses(kind, f"wamid.{n}") for n in range(30) for kind in ("sent", "delivered", "read")]
    heaps = []
    for _ in range(3):
        chance.shuffle(given)
        rest = list(given)
        while rest:
            size = chance.randint(1, 12)
            heap, rest = rest[:size], rest[size:]
            entries = [delivery(one)["entry"][0] for one in heap]
            heaps.append({"object": "whatsapp_business_account", "entry": entries})
    chance.shuffle(heaps)
    assert set(await asyncio.gather(*(deliver(client, heap) for heap in heaps))) == {200}
    assert set(post.heard) == {f"{who}-{n}" for who in people for n in (*range(5), "tap")}
    assert len(post.order) == 120
    assert {one for one, _ in post.statuses} == {f"wamid.{n}" for n in range(30)}


async def test_other_numbers_are_said_once(stand, caplog):
    _, post, client = stand
    other = recorded()["another_number"]["delivery"]
    with caplog.at_level(logging.WARNING):
        assert [await deliver(client, other) for _ in range(3)] == [200] * 3
    assert not post.heard
    assert len([one for one in caplog.records if "another phone number" in one.message]) == 1


async def test_a_template_that_fails_later_is_told_to_operators(stand, caplog):
    """Nobody else would learn of it: a knock has no row in the outbox."""
    assert await deliver(stand[2], delivery(statuses("failed", "wamid.1", code=132015))) == 200
    assert "a template is not taken (error 132015)" in caplog.text


async def test_nothing_of_anybody_is_logged(stand, caplog):
    _, post, client = stand
    with caplog.at_level(logging.DEBUG):
        for one in recorded().values():
            await deliver(client, one["delivery"])
        post.fails = dict.fromkeys(post.heard, ValueError("Bonjour, je suis à Kayes"))
        for one in recorded().values():
            await deliver(client, one["delivery"])
        await asyncio.sleep(0.05)
    ours = "\n".join(f"{one.getMessage()}" for one in caplog.records if one.name.startswith("bot."))
    assert "could not be taken" in ours
    for secret in (AWA, "Kayes", "wamid.", "Awa", TOKEN, SECRET, VERIFY, "ML.13"):
        assert secret not in ours


# ---------------------------------------------------------------- read receipts


async def test_what_was_stored_is_shown_as_read_and_typing_only_while_an_answer_waits(graph):
    said = (Said(1, Message("Bonjour")),)
    rates = Rates(WHATSAPP)
    async with standing(graph, rates=rates) as (_, post, client):
        post.says = said
        post.cannot("m0")
        assert await deliver(client, delivery(messages(text(ALI, "un", "m0")))) == 503
        assert await deliver(client, delivery(messages(text(AWA, "un", "m1")))) == 200
        await eventually(lambda: graph.reads)
        assert graph.reads == [{"messaging_product": "whatsapp", "status": "read", "message_id": "m1"}]
        rates.pause(5)
        assert await deliver(client, delivery(messages(text(AWA, "deux", "m2")))) == 200
        await eventually(lambda: len(graph.reads) == 2)
        assert graph.reads[1]["typing_indicator"] == {"type": "text"}


async def test_nobody_waits_for_a_read_receipt(stand, graph):
    """Not when the provider is gone, either."""
    _, post, client = stand
    await graph.__aexit__()
    graph._runner = type("Gone", (), {"cleanup": staticmethod(lambda: asyncio.sleep(0))})()
    given = [text(f"1555010{n:04d}", "un", f"m{n}") for n in range(50)]
    assert await deliver(client, delivery(messages(*given))) == 200
    assert len(post.heard) == 50


async def test_what_comes_in_counts_among_the_eighty(graph):
    rates = Rates(WHATSAPP)
    async with standing(graph, rates=rates) as (_, _, client):
        given = [text(f"1555010{n:04d}", "un", f"m{n}") for n in range(80)]
        assert await deliver(client, delivery(messages(*given))) == 200
        assert 0.5 < rates.backlog() < 1.1


async def eventually(holds, seconds=5):
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - the server that is asked tells nobody
            await asyncio.sleep(0.01)
