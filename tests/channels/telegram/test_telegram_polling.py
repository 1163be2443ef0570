"""Asking for updates, and setting up: the webhook, the menu."""

import asyncio
import logging
from copy import deepcopy
from datetime import UTC, datetime

import pytest

from bot.channels.telegram import calls, polling
from tests.channels.telegram.fake_api import TOKEN, Answer
from tests.channels.telegram.telegram_fakes import PAYLOADS, FakePost, serving, talking, until


def updates(*names):
    return [deepcopy(PAYLOADS[name]["update"]) for name in names]


def said(number, chat=1, text="mot"):
    message = {"message_id": number, "chat": {"id": chat, "type": "private"}, "text": f"{text} {number}"}
    return {"update_id": 100 + number, "message": message}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(polling, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(polling, "LAST_PAUSE", 0.02)


# ---------------------------------------------------------------- polling


async def test_updates_are_asked_for_and_confirmed_when_stored():
    async with talking(mode="polling", secret="") as (api, post, channel):
        api.webhook = {"url": "https://elsewhere.example.org/"}  # left over: it is taken away first
        api.tell(*updates("text", "voice", "reaction"))
        await channel.start(post)
        await until(lambda: len(post.heard) == 2 and api.confirmed)
        assert [one.heard.kind for one in post.heard] == ["text", "voice"]
        assert (api.updates, api.violations) == ([], [])
        asked = api.named("getUpdates")
        assert "offset" not in asked[0].parameters
        assert asked[0].parameters["allowed_updates"] == ["message", "callback_query", "my_chat_member"]
        assert api.named("deleteWebhook")
        api.tell(*updates("photo"))
        await until(lambda: len(post.heard) == 3)


async def test_what_could_not_be_stored_is_not_confirmed():
    async with talking(mode="polling") as (api, post, channel):
        post.down = 3
        api.tell(said(1), said(2), said(3, chat=2))
        await channel.start(post)
        await until(lambda: api.confirmed == 104)
        mine = [one.message_id for one in post.heard if one.address == "1"]
        assert list(dict.fromkeys(mine)) == ["message 1", "message 2"], "in order; repeats are the inbox's to drop"
        assert "message 3" in [one.message_id for one in post.heard]


async def test_one_person_s_messages_keep_their_order_and_people_go_side_by_side():
    order, gate = [], asyncio.Event()

    class Slow(FakePost):
        async def hear(self, channel, incoming):  # noqa: ARG002 - as the port has it
            if incoming.message_id == "message 1":
                await gate.wait()
            order.append(incoming.message_id)

    async with talking(mode="polling") as (api, _, channel):
        api.tell(said(1), said(2), said(3, chat=2))
        await channel.start(Slow())
        await until(lambda: order == ["message 3"])
        assert not api.confirmed
        gate.set()
        await until(lambda: api.confirmed == 104)
        assert order == ["message 3", "message 1", "message 2"]


async def test_after_a_quiet_week_the_numbers_may_begin_lower():
    async with talking(mode="polling") as (api, post, channel):
        api.tell(said(900))
        await channel.start(post)
        await until(lambda: api.confirmed == 1001)
        api.answers["getUpdates"].append(Answer(body=b'{"ok":true,"result":[]}'))  # nothing new for long
        api._more.set()
        await until(lambda: "offset" not in api.named("getUpdates")[-1].parameters)
        api.tell(said(5))
        await until(lambda: len(post.heard) == 2)


async def test_a_fault_of_ours_stops_nobody_else(caplog):
    class Odd(FakePost):
        async def hear(self, channel, incoming):
            if incoming.address == "1":
                raise RuntimeError("le secret de Awa")
            await super().hear(channel, incoming)

    async with talking(mode="polling") as (api, _, channel):
        post = Odd()
        api.tell(said(1), said(2, chat=2))
        await channel.start(post)
        await until(lambda: api.confirmed == 103)
        assert [one.address for one in post.heard] == ["2"]
        assert "RuntimeError" in caplog.text
        assert "Awa" not in caplog.text


async def test_taps_are_confirmed_and_groups_left_by_calls():
    async with talking(mode="polling") as (api, post, channel):
        api.tell(*updates("tap", "blocked", "added_to_group"))
        await channel.start(post)
        await until(lambda: {"answerCallbackQuery", "leaveChat"} <= {call.method for call in api.calls})
        assert (post.left, post.left_at) == (["5501234567"], [datetime.fromtimestamp(1795425451, UTC)])
        assert not api.violations


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500, "Internal Server Error"),
        Answer(502, body=b"<html>"),
        Answer(409, "Conflict: terminated by other getUpdates request"),
        Answer(401, "Unauthorized"),
        Answer(429, retry_after=1),
        Answer(reset=True),
        Answer(body=b'{"ok":true,"result":7}'),
        Answer(body=b'{"ok":true,"result":[7,null,{"update_id":"x"}]}'),
        Answer(body=b'{"ok":true,"result":[]}', cut=True),
    ],
)
async def test_asking_goes_on_after_trouble(answer, caplog):
    async with talking(mode="polling") as (api, post, channel):
        api.answers["getUpdates"].append(answer)
        api.tell(said(1))
        await channel.start(post)
        await until(lambda: len(post.heard) == 1)
        assert TOKEN not in caplog.text


async def test_polling_has_no_address_and_stops_while_asking():
    async with talking(mode="polling") as (api, post, channel):
        async with serving(post, channel) as client:
            assert (await client.post("/telegram/webhook", json={})).status == 404
        await channel.start(post)
        await until(lambda: api.named("getUpdates"))
        async with asyncio.timeout(2):
            await channel.stop()


@pytest.mark.parametrize(
    "answer", [Answer(400, "Bad Request: BOT_COMMAND_INVALID"), Answer(reset=True), Answer(delay=60)]
)
async def test_nobody_waits_for_the_menu(answer):
    async with talking(mode="polling") as (api, post, channel):
        api.answers["setMyCommands"].append(answer)
        api.tell(said(1))
        await channel.start(post)
        await until(lambda: len(post.heard) == 1)
        assert not api.menus


# ---------------------------------------------------------------- setting up


async def test_the_webhook_and_the_menu_are_registered():
    async with talking(public_url="https://segin.example.org/") as (api, post, channel):
        await channel.start(post)
        await until(lambda: "en" in api.menus)
        assert api.webhook == {
            "url": "https://segin.example.org/telegram/webhook",
            "secret_token": "the_secret-1",
            "allowed_updates": ["message", "callback_query", "my_chat_member"],
            "max_connections": "100",
        }
        assert {language: [one["command"] for one in menu] for language, menu in api.menus.items()} == {
            "": ["menu", "aide", "langue", "personne", "stop", "effacer"],
            "en": ["menu", "help", "language", "person", "stop", "erase"],
        }, "no complaint: this library has no such flow"
        assert {"command": "personne", "description": "Parler à une personne"} in api.menus[""]
        assert {"command": "person", "description": "Talk to a person"} in api.menus["en"]
        assert not api.violations
        assert api.named("setMyCommands")[0].parameters["scope"] == {"type": "all_private_chats"}


async def test_without_a_public_address_the_webhook_is_not_ours_to_set():
    async with talking() as (api, post, channel):
        await channel.start(post)
        await until(lambda: "en" in api.menus)
        assert not api.named("setWebhook")
        assert not api.named("deleteWebhook")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(401, "Unauthorized"), "SEGIN_TELEGRAM_TOKEN"),
        (Answer(404, "Not Found"), "SEGIN_TELEGRAM_TOKEN"),
        (Answer(400, "Bad Request: bad webhook: IP address 10.0.0.1 is reserved"), "10.0.0.1 is reserved"),
        (Answer(500, "Internal Server Error"), "can't be set up yet"),
        (Answer(429, retry_after=3), "can't be set up yet"),
        (Answer(reset=True), "can't be set up yet"),
    ],
)
async def test_setting_up_is_tried_again_and_says_why(answer, told, monkeypatch, caplog):
    monkeypatch.setattr("bot.channels.telegram.FIRST_PAUSE", 0.01)
    caplog.set_level(logging.DEBUG)
    async with talking(public_url="https://segin.example.org") as (api, post, channel):
        api.answers["setWebhook"].append(answer)
        await channel.start(post)
        await until(lambda: "en" in api.menus)
        assert told in caplog.text
        assert TOKEN not in caplog.text
        assert "the_secret-1" not in caplog.text


async def test_a_port_that_telegram_does_not_call_is_told(caplog):
    async with talking(public_url="https://segin.example.org:9000") as (_, post, channel):
        await channel.start(post)
        await until(lambda: "8443" in caplog.text and "port" in caplog.text)


async def test_segin_starts_while_telegram_is_away(caplog):
    async with talking(api_url="http://127.0.0.1:9", public_url="https://segin.example.org") as (_, post, channel):
        await channel.start(post)
        await until(lambda: "can't be set up yet" in caplog.text)
        assert TOKEN not in caplog.text


def test_the_limits_of_waiting():
    """A send ends before the lane's patience does; a question for updates outlives its own time."""
    assert calls.TIMEOUT < 20
    assert polling.TIMEOUT > polling.POLL
