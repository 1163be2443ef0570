"""The buttons of an answered question go after the reply, and nobody ever waits for that. Through all of Segin."""

import asyncio
import json

import pytest

from bot.channels.rates import TELEGRAM, Rates
from tests.channels.telegram.fake_api import Answer, FakeTelegram
from tests.channels.telegram.telegram_fakes import until
from tests.faults.served import Served, telegram, update
from tests.library.small import small_library

AWA, BINTA = 5_501_234_567, 5_501_234_568
EDIT, SEND = "editMessageReplyMarkup", "sendMessage"
SOON = 1.0  # seconds; a call to Telegram may take 18
HANGS = 30.0
REFUSALS = {
    "not modified": Answer(400, "Bad Request: message is not modified"),
    "gone": Answer(400, "Bad Request: message to edit not found"),
    "too many": Answer(429, "Too Many Requests: retry after 30", retry_after=30),
    "blocked": Answer(403, "Forbidden: bot was blocked by the user"),
    "trouble": Answer(500, "Internal Server Error"),
    "reset": Answer(reset=True),
    "half": Answer(body=b'{"ok":true,"result":{}}', cut=True),
}


class Town:
    """Segin on Telegram, and those who write to it."""

    def __init__(self, api, segin):
        self.api, self.segin, self._said = api, segin, 0

    async def start(self, person):
        """They come, and are asked for their language."""
        await self.say(person, text="/start")
        return await self.asked(person)

    async def say(self, person, **what):
        self._said += 1
        assert await self.segin.telegram(update(person, self._said, **what)) == 200

    async def tap(self, person, question, label):
        """A button of a message as it was sent, with the keyboard the app still shows or no longer does."""
        keyboard = question["reply_markup"]["inline_keyboard"]
        data = next(one["callback_data"] for row in keyboard for one in row if one["text"] == label)
        await self.tap_data(person, question["message_id"], data, keyboard)

    async def tap_data(self, person, message_id, data, keyboard):
        self._said += 1
        tapped = update(person, self._said, tap=data)
        shown = {"reply_markup": {"inline_keyboard": keyboard}} if keyboard else {}
        tapped["callback_query"]["message"] |= {"message_id": message_id, **shown}
        assert await self.segin.telegram(tapped) == 200

    async def asked(self, person, number=1):
        """The `number`-th message this person got, as it came: later its buttons go."""
        await until(lambda: len(self.api.sent(person)) >= number)
        return json.loads(json.dumps(self.api.sent(person)[number - 1]))

    def calls(self, person):
        """What was asked of Telegram for this person, in its order: (method, text or message)."""
        return [
            (one.method, one.parameters.get("text") or one.parameters.get("message_id"))
            for one in self.api.calls
            if one.method in (SEND, EDIT) and int(one.parameters["chat_id"]) == person
        ]


@pytest.fixture
async def town(database_url, keyring):
    async with (
        FakeTelegram(rates=False) as api,
        Served(database_url, keyring, small_library(), lambda: [telegram(api)]) as segin,
    ):
        yield Town(api, segin)
        assert not api.violations


async def test_the_reply_is_sent_first_and_then_the_old_keyboard_goes(town):
    question = await town.start(AWA)
    await town.segin.settled()
    await town.tap(AWA, question, "Français")
    await until(lambda: town.api.named(EDIT))
    reply = (await town.asked(AWA, 2))["text"]
    assert town.calls(AWA) == [(SEND, question["text"]), (SEND, reply), (EDIT, question["message_id"])]
    assert town.api.sent(AWA)[0]["reply_markup"] == {"inline_keyboard": []}
    assert town.api.sent(AWA)[1]["reply_markup"]["inline_keyboard"], "the new question keeps its own"


async def two_are_answered(town):
    """The first keyboard call is made; soon after it she is answered again, and so is somebody else."""
    question = await town.start(AWA)
    await town.tap(AWA, question, "Français")
    await until(lambda: town.api.named(EDIT))
    async with asyncio.timeout(SOON):
        await town.tap(AWA, await town.asked(AWA, 2), "Chez moi")
        await town.asked(AWA, 3)
        other = await town.start(BINTA)
        await town.tap(BINTA, other, "Français")
        await town.asked(BINTA, 2)


@pytest.mark.parametrize("fails", REFUSALS)
async def test_a_keyboard_call_that_fails_delays_no_reply(town, fails):
    """It is not tried again, and what comes next is as ever."""
    town.api.answers[EDIT].append(REFUSALS[fails])
    await two_are_answered(town)
    await until(lambda: len(town.api.named(EDIT)) == 3)
    await town.segin.settled()
    assert [method for method, _ in town.calls(AWA)].count(SEND) == 3


async def test_a_keyboard_call_that_hangs_delays_no_reply(town):
    """While one call gets no answer at all, replies to the same person and to another one go."""
    town.api.answers[EDIT].append(Answer(delay=HANGS))
    await two_are_answered(town)
    assert len(town.api.named(EDIT)) == 1, "the others wait behind it, one by one"


async def test_a_hanging_keyboard_call_does_not_keep_segin_from_stopping(database_url, keyring):
    async with FakeTelegram(rates=False) as api:
        async with Served(database_url, keyring, small_library(), lambda: [telegram(api)]) as segin:
            town = Town(api, segin)
            api.answers[EDIT].append(Answer(delay=HANGS))
            await town.tap(AWA, await town.start(AWA), "Français")
            await until(lambda: api.named(EDIT))
            stopping = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - stopping < 5


@pytest.mark.parametrize("still_shown", [False, True], ids=["retired", "not retired yet"])
async def test_a_tap_below_an_old_message_gets_a_right_answer(town, still_shown):
    """The buttons went, or the app still shows them: told that it is done, and asked the question of now."""
    question = await town.start(AWA)
    await town.tap(AWA, question, "Français")
    asked = await town.asked(AWA, 2)
    await town.tap(AWA, asked, "Chez moi")
    menu = await town.asked(AWA, 3)
    await until(lambda: len(town.api.named(EDIT)) == 2)
    keyboard = asked["reply_markup"]["inline_keyboard"]
    (abroad,) = [one["callback_data"] for row in keyboard for one in row if one["text"] == "À l'étranger"]
    await town.tap_data(AWA, asked["message_id"], abroad, keyboard if still_shown else None)
    told, answer = await town.asked(AWA, 4), await town.asked(AWA, 5)
    assert (told["text"], "reply_markup" in told) == ("already_done", False)
    assert (answer["text"], answer["reply_markup"]) == (menu["text"], menu["reply_markup"])
    await town.segin.settled()
    assert len(town.api.sent(AWA)) == 5
    await town.tap(AWA, answer, "Porter plainte")  # and it goes on from there
    assert (await town.asked(AWA, 6))["text"] == "De quoi s'agit-il ?"


async def test_while_the_reply_waits_for_its_rate_the_old_keyboard_waits_too(database_url, keyring):
    """Whoever taps quickly gets the reply a second later, as Telegram allows: the buttons are there until then."""
    async with (
        FakeTelegram() as api,
        Served(database_url, keyring, small_library(), lambda: [telegram(api, rates=Rates(TELEGRAM))]) as segin,
    ):
        town = Town(api, segin)
        question = await town.start(AWA)
        await town.tap(AWA, question, "Français")
        await until(lambda: api.named(EDIT))
        assert [method for method, _ in town.calls(AWA)] == [SEND, SEND, EDIT]
