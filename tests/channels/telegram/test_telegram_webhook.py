"""The webhook's address: who may call it, what a 200 means, taps, groups, and bodies nobody thought of."""

import asyncio
import json
import logging
from copy import deepcopy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.channels.rates import Rates, Table
from bot.channels.telegram import NotSetUp, Telegram
from bot.dialogue.model import Heard
from tests.channels.telegram.fake_api import FakeTelegram
from tests.channels.telegram.telegram_fakes import PAYLOADS, SECRET, FakePost, channel_of, serving, talking, until

KINDS = {"text", "tap", "voice", "photo", "document", "location", "start", "unknown"}
WEBHOOK = "/telegram/webhook"
HEADER = {"X-Telegram-Bot-Api-Secret-Token": SECRET}


def update(name):
    return deepcopy(PAYLOADS[name]["update"])


# ---------------------------------------------------------------- who may call


@pytest.mark.parametrize("shown", [None, "", "wrong", SECRET + "x", SECRET.upper(), "é", "\udcff"])
async def test_without_the_secret_nothing_is_heard(shown):
    async with talking() as (_, post, channel), serving(post, channel) as client:
        headers = {} if shown is None else {"X-Telegram-Bot-Api-Secret-Token": shown}
        response = await client.post(WEBHOOK, json=update("text"), headers=headers)
        assert (response.status, await response.text(), post.heard) == (403, "", [])


async def test_a_get_is_no_webhook():
    async with talking() as (_, post, channel), serving(post, channel) as client:
        assert (await client.get(WEBHOOK, headers=HEADER)).status == 405


def test_a_webhook_without_any_secret_does_not_start():
    with pytest.raises(NotSetUp, match="SEGIN_TELEGRAM_SECRET"):
        Telegram(token="1:A", mode="webhook")


@pytest.mark.parametrize("secret", ["a b", "é", "x" * 257, "a/b"])
def test_a_secret_that_telegram_would_not_take_does_not_start(secret):
    with pytest.raises(NotSetUp, match="SEGIN_TELEGRAM_SECRET"):
        Telegram(token="1:A", secret=secret)


@pytest.mark.parametrize("wrong", [{"token": "1:A/b"}, {"token": "1:A b"}, {"api_url": "http://["}, {"api_url": "x"}])
def test_what_makes_no_address_does_not_start_and_is_not_repeated(wrong):
    with pytest.raises(NotSetUp, match="SEGIN_TELEGRAM_") as told:
        Telegram(**{"token": "1:A", "secret": "s"} | wrong)
    assert "1:A" not in str(told.value)


def test_an_unknown_mode_does_not_start():
    with pytest.raises(NotSetUp, match="SEGIN_TELEGRAM_MODE"):
        Telegram(token="1:A", secret="s", mode="carrier pigeon")


async def test_where_the_webhook_registers_itself_a_secret_is_made_and_stays_the_same():
    """All workers and all starts have the same one; it does not tell the token."""
    async with FakeTelegram() as api:
        secrets = []
        for _ in range(2):
            channel = channel_of(api, secret="", public_url="https://segin.example.org")
            await channel.start(FakePost())
            await until(lambda: api.webhook)
            secrets.append(api.webhook.pop("secret_token"))
            api.webhook = {}
            async with serving(FakePost(), channel) as client:
                headers = {"X-Telegram-Bot-Api-Secret-Token": secrets[-1]}
                assert (await client.post(WEBHOOK, json=update("text"), headers=headers)).status == 200
                assert (await client.post(WEBHOOK, json=update("text"), headers={})).status == 403
        assert secrets[0] == secrets[1]
        assert api.token.partition(":")[2] not in secrets[0]


# ---------------------------------------------------------------- what a 200 means


async def test_unavailable_is_503_and_the_same_update_is_taken_later():
    async with talking() as (_, post, channel), serving(post, channel) as client:
        post.down = 1
        first = await client.post(WEBHOOK, json=update("text"), headers=HEADER)
        assert (first.status, first.headers["Retry-After"], post.heard) == (503, "2", [])
        assert (await client.post(WEBHOOK, json=update("text"), headers=HEADER)).status == 200
        assert len(post.heard) == 1


async def test_a_block_is_told_to_the_house_or_comes_again():
    async with talking() as (_, post, channel), serving(post, channel) as client:
        post.down = 1
        assert (await client.post(WEBHOOK, json=update("blocked"), headers=HEADER)).status == 503
        assert (await client.post(WEBHOOK, json=update("blocked"), headers=HEADER)).status == 200
        assert post.left == ["5501234567"]


async def test_the_answer_waits_until_it_is_stored():
    async with talking() as (_, post, channel), serving(post, channel) as client:
        stored = asyncio.Event()

        async def hear(*_):
            await stored.wait()

        post.hear = hear
        asking = asyncio.create_task(client.post(WEBHOOK, json=update("text"), headers=HEADER))
        await asyncio.sleep(0.05)
        assert not asking.done()
        stored.set()
        assert (await asking).status == 200


async def test_what_the_house_refuses_is_answered_kindly():
    async with talking() as (_, post, channel), serving(post, channel) as client:
        post.refuses = lambda incoming: incoming.heard.kind != "unknown"
        assert (await client.post(WEBHOOK, json=update("document"), headers=HEADER)).status == 200
        assert [(one.heard, one.file_ref) for one in post.heard] == [(Heard("unknown"), "")]
        post.refuses = lambda _: True
        assert (await client.post(WEBHOOK, json=update("text"), headers=HEADER)).status == 200
        assert len(post.heard) == 1


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"update_id=1"])
async def test_only_what_is_no_json_is_400(body):
    async with talking() as (_, post, channel), serving(post, channel) as client:
        assert (await client.post(WEBHOOK, data=body, headers=HEADER)).status == 400
        assert post.heard == []


async def test_nothing_that_was_said_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    async with talking() as (api, post, channel), serving(post, channel) as client:
        for payload in PAYLOADS.values():
            await client.post(WEBHOOK, json=payload["update"], headers=HEADER)
        await until(lambda: not channel._errands)
        secrets = (SECRET, api.token, "5501234567", "rentrée", "laissez-passer", "Awa", "76000000")
    ours = [record.getMessage() for record in caplog.records if record.name.startswith(("bot", "telegram"))]
    assert not [line for line in ours if any(secret in line for secret in secrets)]


# ---------------------------------------------------------------- taps


async def test_a_tap_is_confirmed_in_the_answer_and_its_keyboard_is_retired(monkeypatch):
    """Though nothing is said to it: after a while."""
    monkeypatch.setattr("bot.channels.telegram.UNANSWERED", 0.2)
    async with talking() as (api, post, channel), serving(post, channel) as client:
        tap = update("tap")
        kept = tap["callback_query"]["message"]
        api.messages[kept["chat"]["id"], kept["message_id"]] = kept
        response = await client.post(WEBHOOK, json=tap, headers=HEADER)
        assert await response.json() == {
            "method": "answerCallbackQuery",
            "callback_query_id": "4382572138172837645",
        }
        assert post.heard[0].heard == Heard("tap", tap="main/menu:complaint")
        await until(lambda: api.calls)
        assert kept["reply_markup"] == {"inline_keyboard": []}
        assert not api.violations


async def test_the_turn_does_not_wait_for_the_old_keyboard():
    async with FakeTelegram(latency=2) as api:
        channel, post = channel_of(api), FakePost()
        async with serving(post, channel) as client, asyncio.timeout(1):
            assert (await client.post(WEBHOOK, json=update("tap"), headers=HEADER)).status == 200


async def test_a_second_press_is_another_message_and_a_late_one_retires_nothing():
    """The engine tells that it is done already; the message no longer has a keyboard."""
    async with talking() as (api, post, channel), serving(post, channel) as client:
        await client.post(WEBHOOK, json=update("tap_on_a_retired_keyboard"), headers=HEADER)
        await client.post(WEBHOOK, json=update("tap_on_an_old_message"), headers=HEADER)
        assert [one.heard.kind for one in post.heard] == ["tap", "tap"]
        assert len({one.message_id for one in post.heard}) == 2
        await asyncio.sleep(0.02)
        assert api.calls == []


async def test_a_failed_retiring_harms_nobody(monkeypatch):
    monkeypatch.setattr("bot.channels.telegram.UNANSWERED", 0.2)
    async with talking() as (api, post, channel), serving(post, channel) as client:
        for _ in range(3):  # message to edit not found
            response = await client.post(WEBHOOK, json=update("tap"), headers=HEADER)
            assert response.status == 200
        await until(lambda: len(api.named("editMessageReplyMarkup")) == 3)
        await until(lambda: not channel._errands)
        assert len(post.heard) == 3


async def test_while_answers_wait_for_their_turn_no_keyboard_is_retired():
    rates = Rates(Table(per_second=1, interval=1))
    rates.count(5)
    async with talking(rates=rates) as (api, post, channel), serving(post, channel) as client:
        assert (await client.post(WEBHOOK, json=update("tap"), headers=HEADER)).status == 200
        await asyncio.sleep(0.02)
        assert (api.calls, len(post.heard)) == ([], 1)


async def test_a_tap_that_was_not_stored_is_not_confirmed_and_keeps_its_keyboard():
    async with talking() as (api, post, channel), serving(post, channel) as client:
        post.down = 1
        response = await client.post(WEBHOOK, json=update("tap"), headers=HEADER)
        assert (response.status, await response.text()) == (503, "")
        await asyncio.sleep(0.02)
        assert api.calls == []


# ---------------------------------------------------------------- groups


@pytest.mark.parametrize(("name", "chat"), [("added_to_group", -1001987654321), ("added_to_channel", -1001555666777)])
async def test_a_group_or_channel_is_left(name, chat):
    async with talking() as (_, post, channel), serving(post, channel) as client:
        response = await client.post(WEBHOOK, json=update(name), headers=HEADER)
        assert await response.json() == {"method": "leaveChat", "chat_id": chat}
        assert post.heard == []


@pytest.mark.parametrize("name", sorted(name for name, one in PAYLOADS.items() if one["outcome"] == "passed over"))
async def test_nobody_hears_of_what_is_passed_over(name):
    async with talking() as (_, post, channel), serving(post, channel) as client:
        assert (await client.post(WEBHOOK, json=update(name), headers=HEADER)).status == 200
        assert (post.heard, post.left) == ([], [])


# ---------------------------------------------------------------- bodies nobody thought of

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=80)
    | st.sampled_from(["private", "group", "kicked", "/start x", "\ud800", "é" * 65, 2**63, -1, 10**30]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=6,
)


def places(value, path=()):
    """All places within a value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


@st.composite
def bodies(draw):
    """A recorded update with some places changed, or any JSON, or any bytes."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.binary(max_size=200))
    if kind == 1:
        return json.dumps(draw(VALUES)).encode()
    changed = update(draw(st.sampled_from(sorted(PAYLOADS))))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(places(changed))[1:]))
        at = changed
        for key in path[:-1]:
            at = at[key]
        if draw(st.booleans()) and isinstance(at, dict):
            del at[path[-1]]
        else:
            at[path[-1]] = draw(VALUES)
        if not changed:
            break
    body = json.dumps(changed).encode()
    return body[: draw(st.integers(0, len(body)))] if kind == 2 else body


def test_no_body_is_ever_a_fault_of_ours():
    """2,000 bodies: 200 for JSON, else 400; whatever is heard can be stored."""
    with asyncio.Runner() as runner:
        post = FakePost()
        opened = {}

        async def begin():
            api = await FakeTelegram(rates=False).__aenter__()
            channel = channel_of(api)
            context = serving(post, channel)
            opened.update(api=api, context=context, client=await context.__aenter__())

        async def end():
            await opened["context"].__aexit__(None, None, None)
            await opened["api"].__aexit__(None, None, None)

        @settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(bodies())
        def check(body):
            async def deliver():
                response = await opened["client"].post(WEBHOOK, data=body, headers=HEADER)
                return response.status

            post.heard.clear()
            status = runner.run(deliver())
            try:
                json.loads(body)
                is_json = True
            except ValueError:
                is_json = False
            assert status == (200 if is_json else 400), body
            for one in post.heard:
                assert one.heard.kind in KINDS
                assert str(int(one.address)) == one.address
                for text in (one.heard.text, one.heard.tap, one.message_id, one.file_ref, one.start):
                    text.encode()
                assert one.heard.kind not in {"voice", "photo", "document"} or one.file_ref

        runner.run(begin())
        try:
            check()
        finally:
            runner.run(end())
