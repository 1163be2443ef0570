"""What goes out: its shape by python-telegram-bot's types, the API's limits, what its refusals mean, files."""

import asyncio
import inspect
import logging

import pytest
import telegram
from aiohttp import web

from bot.channels.base import Blocked, Closed, Fault, GiveUp, Retry
from bot.channels.fitting import fit
from bot.channels.telegram import Telegram, calls
from bot.channels.telegram.calls import Trouble
from bot.channels.telegram.showing import keyboard, shown
from bot.dialogue.model import Button, Message
from tests.channels.telegram.fake_api import TOKEN, Answer, FakeTelegram, blocked
from tests.channels.telegram.telegram_fakes import FakePost, channel_of, talking

CHAT = 5501234567


def message(text="Bonjour", *labels, many=False):
    options = tuple(Button(f"main/menu:k{number}", label) for number, label in enumerate(labels))
    return Message(text, options, many, language="fr")


def words(key, language):
    return FakePost().words(key, language)


# ---------------------------------------------------------------- shape


@pytest.mark.parametrize(
    "said",
    [
        message(),
        message("Où êtes-vous ?", "À l'étranger", "Chez moi"),
        message("Lequel ?", *[f"Choix {n}" for n in range(100)]),
        message("Avec qui ?", "Mari ou femme", "Des enfants", many=True),
    ],
    ids=["words", "two choices", "a hundred choices", "several"],
)
async def test_what_is_sent_is_what_python_telegram_bot_knows(said):
    sent = shown(str(CHAT), said, words)
    assert set(sent) <= set(inspect.signature(telegram.Bot.send_message).parameters)
    assert telegram.LinkPreviewOptions.de_json(sent["link_preview_options"]).to_dict() == {"is_disabled": True}
    if "reply_markup" in sent:
        markup = telegram.InlineKeyboardMarkup.de_json(sent["reply_markup"])
        rows = [list(row) for row in markup.to_dict()["inline_keyboard"]]
        assert rows == sent["reply_markup"]["inline_keyboard"]
        buttons = [button for row in markup.inline_keyboard for button in row]
        assert all(not button.api_kwargs and button.callback_data for button in buttons)


async def test_a_message_arrives_and_its_id_is_told():
    async with FakeTelegram() as api:
        channel = channel_of(api)
        number = await channel.send(str(CHAT), message("Où êtes-vous ?", "À l'étranger", "Chez moi"))
        assert [(one["text"], str(one["message_id"])) for one in api.sent(CHAT)] == [("Où êtes-vous ?", number)]
        assert "parse_mode" not in api.named("sendMessage")[0].parameters, "what people wrote is no markup"
        assert not api.violations
        await channel.stop()


@pytest.mark.parametrize("text", ["a < b & *c* _d_ [e](f) {g}", "نص", "👩🏾‍🌾" * 3, "a\n\nb", "\\"])
async def test_any_text_arrives_as_it_is(text):
    async with talking() as (api, _, channel):
        await channel.send(str(CHAT), message(text))
        assert api.sent(CHAT)[0]["text"] == text


async def test_what_fits_the_capabilities_is_never_refused():
    """Long texts, long labels, many choices: fitted, then sent; the fake API refuses what the real one would."""
    said = [
        message("é" * 9000),
        message("👍🏾" * 3000),
        message("Lequel ?", *[f"Le choix numéro {n} de cette longue liste" for n in range(250)]),
        message("Lequel ?", *["mot " * 30 + str(n) for n in range(30)]),
        message("x" * 4096, *["oui", "non"]),
        message("Combien ?", *[str(n) for n in range(24)]),
        message("Lesquels ?", *["Une longue réponse, avec beaucoup de mots, la " + "même" * 3] * 3, many=True),
    ]
    async with talking() as (api, _, channel):
        for one in said:
            taps = []
            for part in fit(one, channel.capabilities):
                await channel.send(str(CHAT), part)
                taps += [option.tap for option in part.options]
            assert taps == [option.tap for option in one.options]
        assert not api.violations


def test_short_labels_stand_side_by_side_and_long_ones_below_each_other():
    def rows(*labels):
        return [[one["text"] for one in row] for row in keyboard(message("", *labels).options)]

    assert rows("Oui", "Non") == [["Oui", "Non"]]
    assert rows("À l'étranger", "Chez moi") == [["À l'étranger", "Chez moi"]]
    assert rows("Parler à une personne", "Non") == [["Parler à une personne"], ["Non"]]
    assert [len(row) for row in rows(*"abcdefghijkl")] == [8, 4]


async def test_where_several_may_be_taken_numbers_are_written():
    """A tap would take one and go on; only "none of these" stays a button."""
    async with talking() as (api, post, channel):
        await channel.start(post)
        labels = ("Mari ou femme", "Des enfants")
        options = tuple(Button(f"a/b:{n}", label) for n, label in enumerate(labels))
        none = Button("a/b:done", "Rien de tout cela")
        await channel.send(str(CHAT), Message("Avec qui ?", (*options, none), many=True, language="fr"))
        done = Button("a/b:done", "Fini")
        await channel.send(str(CHAT), Message("Lesquels ?", (*options, done), many=True, language="fr"))
        first, second = api.sent(CHAT)
        lines = "1. Mari ou femme\n2. Des enfants\nÉcrivez les numéros, comme « 1, 3 »."
        assert (first["text"], second["text"]) == (f"Avec qui ?\n{lines}", f"Lesquels ?\n{lines}")
        assert first["reply_markup"] == {"inline_keyboard": [[{"text": none.label, "callback_data": none.tap}]]}
        assert "reply_markup" not in second, "done, with nothing taken, is no answer there"


async def test_nothing_needs_a_template():
    async with talking() as (_, _, channel):
        assert channel.window is None
        with pytest.raises(Closed):
            await channel.knock(str(CHAT), "fr")


# ---------------------------------------------------------------- refusals

REFUSALS = {
    "too many": (Answer(429, "Too Many Requests: retry after 7", retry_after=7), Retry),
    "too many, no time": (Answer(429, "Too Many Requests"), Retry),
    "blocked": (blocked(), Blocked),
    "deactivated": (Answer(403, "Forbidden: user is deactivated"), Blocked),
    "never wrote": (Answer(403, "Forbidden: bot can't initiate conversation with a user"), Blocked),
    "kicked": (Answer(403, "Forbidden: bot was kicked from the group chat"), Blocked),
    "no such chat": (Answer(400, "Bad Request: chat not found"), Blocked),
    "no such peer": (Answer(400, "Bad Request: PEER_ID_INVALID"), Blocked),
    "too long": (Answer(400, "Bad Request: message is too long"), GiveUp),
    "button": (Answer(400, "Bad Request: BUTTON_DATA_INVALID"), GiveUp),
    "anything else": (Answer(400, "Bad Request: le dossier de Awa"), GiveUp),
    "too large": (Answer(413, "Request Entity Too Large"), GiveUp),
    "token": (Answer(401, "Unauthorized"), Fault),
    "token of no form": (Answer(404, "Not Found"), Fault),
    "trouble": (Answer(500, "Internal Server Error"), Trouble),
    "gateway": (Answer(502, body=b"<html>Bad Gateway</html>"), Trouble),
    "unavailable": (Answer(503, body=b""), Trouble),
    "a portal": (Answer(200, body=b"<html>Please pay for the Internet</html>"), Trouble),
    "a proxy": (Answer(403, body=b"<html>Forbidden by policy</html>"), Trouble),
    "a proxy that has enough": (Answer(429, body=b"slow down"), Retry),
    "no shape": (Answer(200, body=b"[]"), Trouble),
    "deep": (Answer(200, body=b"[" * 100_000), Trouble),
    "half an answer": (Answer(200, body=b'{"ok":true,"result":{"message_id":5}}', cut=True), Trouble),
    "reset": (Answer(reset=True), Trouble),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_each_refusal_has_its_meaning(name):
    answer, meaning = REFUSALS[name]
    async with talking() as (api, _, channel):
        api.answers["sendMessage"].append(answer)
        with pytest.raises(meaning) as told:
            await channel.send(str(CHAT), message("le secret de Awa"))
        if meaning is Retry:
            assert told.value.after == (answer.retry_after or 5)
        text = chained(told.value)
        assert not [word for word in (api.token, str(CHAT), "Awa") if word in text]
        await channel.send(str(CHAT), message())  # the next one goes


def chained(error):
    """All that an error carries along, shown or not."""
    told = []
    while error is not None:
        told.append(f"{error!r} {error}")
        error = error.__cause__ or error.__context__
    return "\n".join(told)


async def test_a_server_that_is_away_is_trouble_and_tells_no_token():
    channel = Telegram(token=TOKEN, api_url="http://127.0.0.1:9", secret="s")
    with pytest.raises(Trouble) as told:
        await channel.send(str(CHAT), message())
    assert TOKEN not in chained(told.value)
    await channel.stop()


async def test_a_slow_api_is_not_waited_for_for_ever(monkeypatch):
    monkeypatch.setattr(calls, "TIMEOUT", 0.1)
    monkeypatch.setattr(calls.Calls.call, "__defaults__", (calls.TIMEOUT,))
    async with talking() as (api, _, channel):
        api.answers["sendMessage"].append(Answer(delay=0.5))
        with pytest.raises(Trouble):
            await channel.send(str(CHAT), message())


async def test_an_answer_without_an_id_is_a_sent_message():
    async with talking() as (api, _, channel):
        api.answers["sendMessage"].append(Answer(200, body=b'{"ok":true,"result":{}}'))
        assert await channel.send(str(CHAT), message()) == ""


async def test_a_redirect_is_not_followed_with_the_token():
    seen = []

    async def redirect(request):
        seen.append(request.path)
        raise web.HTTPTemporaryRedirect("http://127.0.0.1:9/elsewhere")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", redirect)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    channel = Telegram(token=TOKEN, api_url=url, secret="s")
    with pytest.raises(Trouble):
        await channel.send(str(CHAT), message())
    assert len(seen) == 1
    await channel.stop()
    await runner.cleanup()


async def test_a_broken_chat_does_not_hold_up_another():
    async with talking() as (api, _, channel):
        api.chats[1] = Answer(429, retry_after=30)
        api.chats[2] = Answer(delay=3)
        slow = asyncio.create_task(channel.send("2", message()))
        with pytest.raises(Retry):
            await channel.send("1", message())
        async with asyncio.timeout(1):
            await channel.send("3", message())
        slow.cancel()


async def test_the_session_opens_again_and_closing_twice_is_fine():
    async with talking() as (_, _, channel):
        await channel.send(str(CHAT), message())
        await channel.stop()
        await channel.stop()
        await channel.send(str(CHAT), message())


# ---------------------------------------------------------------- files


async def test_a_file_is_fetched_in_two_steps():
    async with talking() as (api, _, channel):
        api.files["AwACAg_x-1"] = b"OggS" * 100_000
        assert await channel.fetch("AwACAg_x-1") == b"OggS" * 100_000


FETCHES = {
    "gone": (None, None, Retry),  # Telegram has one sentence for gone and for later
    "too big": (Answer(400, "Bad Request: file is too big"), None, GiveUp),
    "no such file": (Answer(400, "Bad Request: invalid file_id"), None, GiveUp),
    "no path": (Answer(200, body=b'{"ok":true,"result":{"file_id":"x"}}'), None, GiveUp),
    "said to be too big": (
        Answer(200, body=b'{"ok":true,"result":{"file_path":"v/x","file_size":20971521}}'), None, GiveUp
    ),
    "token": (Answer(401, "Unauthorized"), None, Fault),
    "not ours": (Answer(403, "Forbidden"), None, GiveUp),
    "too many": (Answer(429, retry_after=3), None, Retry),
    "trouble": (Answer(500, "Internal Server Error"), None, Retry),
    "reset": (Answer(reset=True), None, Retry),
    "gone meanwhile": (None, Answer(404), GiveUp),
    "trouble meanwhile": (None, Answer(502, body=b""), Retry),
    "half of it": (None, Answer(200, body=b"x" * 5000, cut=True), Retry),
    "reset meanwhile": (None, Answer(reset=True), Retry),
    "larger than it may be": (None, Answer(200, body=b"x" * (20 * 1024 * 1024 + 1)), GiveUp),
}  # fmt: skip


@pytest.mark.parametrize("name", FETCHES)
async def test_a_file_that_cannot_be_fetched(name):
    first, then, meaning = FETCHES[name]
    async with talking() as (api, _, channel):
        if name != "gone":
            api.files["x"] = b"sound"
        if first is not None:
            api.answers["getFile"].append(first)
        if then is not None:
            api.answers["download"] += [then, then]  # a reset GET is asked again at once
        with pytest.raises(meaning) as told:
            await channel.fetch("x")
        assert api.token not in chained(told.value)


async def test_nothing_of_what_is_sent_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    async with talking() as (api, post, channel):
        await channel.start(post)
        await channel.send(str(CHAT), message("le secret de Awa"))
        for answer, _ in REFUSALS.values():
            api.answers["sendMessage"].append(answer)
            with pytest.raises((Retry, GiveUp, Blocked, Fault, Trouble)):
                await channel.send(str(CHAT), message("le secret de Awa"))
        await channel.stop()
    lines = [record.getMessage() for record in caplog.records if record.name != "asyncio"]
    assert not [line for line in lines if TOKEN in line or "Awa" in line or str(CHAT) in line]
