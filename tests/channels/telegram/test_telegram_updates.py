"""Recorded updates, one for each kind (in the shapes of the Bot API's documentation): each has its outcome."""

import json
from copy import deepcopy
from datetime import UTC, datetime

import msgspec
import pytest
import telegram
from telegram.constants import MessageType, UpdateType

from bot.channels.telegram.updates import PASSED_OVER, SERVICE, NotJson, read
from bot.dialogue.model import Heard
from tests.channels.telegram.telegram_fakes import PAYLOADS, SECRET, serving, talking

ADDRESS = "5501234567"


def told(arrived):
    """An `Arrived` as the payloads tell it: only what is set."""
    found = {key: value for key, value in msgspec.to_builtins(arrived).items() if value not in (None, "")}
    incoming = found.pop("incoming", None)
    found.pop("gone_at", None)  # dates have a test of their own
    if incoming is not None:
        incoming.pop("said_at")
        heard = {key: value for key, value in incoming.pop("heard").items() if value not in (None, "")}
        found |= {key: value for key, value in incoming.items() if value not in (None, "")} | {"heard": heard}
    return found


@pytest.mark.parametrize("name", sorted(PAYLOADS))
def test_each_update_is_stored_answered_or_passed_over(name):
    payload = PAYLOADS[name]
    expected = dict(payload["expect"])
    if "message_id" in expected:
        expected = {"address": ADDRESS} | expected
    expected = {key: value for key, value in expected.items() if value != ""}
    assert told(read(json.dumps(payload["update"]).encode())) == expected
    outcome = "passed over"
    if expected.get("heard"):
        outcome = "answered" if expected["heard"]["kind"] == "unknown" else "stored"
    assert payload["outcome"] == ("stored" if "gone" in expected else outcome)


@pytest.mark.filterwarnings("ignore::telegram.warnings.PTBDeprecationWarning")
@pytest.mark.parametrize("name", sorted(set(PAYLOADS) - {"text_of_another_shape", "tap_of_another_shape"}))
def test_the_payloads_have_the_shapes_that_python_telegram_bot_knows(name):
    update = telegram.Update.de_json(PAYLOADS[name]["update"])
    unknown = set(update.api_kwargs) | set(update.message.api_kwargs if update.message else ())
    old = {"new_chat_participant", "new_chat_member", "forward_sender_name", "forward_date"}  # sent for old bots
    assert unknown - old == ({"thought_read"} if name == "update_of_tomorrow" else set()) | (
        {"hologram"} if name == "kind_of_tomorrow" else set()
    )


def test_every_kind_of_update_has_a_payload():
    recorded = {key for payload in PAYLOADS.values() for key in payload["update"]}
    # these two differ from kinds that are recorded only in who they are about
    assert set(UpdateType) - recorded <= {"managed_bot", "guest_message"}


def test_service_messages_are_those_of_the_library():
    known = set(MessageType)
    assert SERVICE - known <= {"migrate_from_chat_id"}


async def test_each_update_is_answered_with_200_and_heard_once():
    async with talking() as (_, post, channel), serving(post, channel) as client:
        for name, payload in PAYLOADS.items():
            response = await client.post(
                "/telegram/webhook", json=payload["update"], headers={"X-Telegram-Bot-Api-Secret-Token": SECRET}
            )
            assert response.status == 200, name
    heard = [payload for payload in PAYLOADS.values() if "message_id" in payload["expect"]]
    assert len(post.heard) == len(heard)
    assert len({(one.address, one.message_id) for one in post.heard}) == len(heard), "message ids are unique"
    assert post.left == [ADDRESS]


def test_words_and_leavings_have_their_dates_and_taps_have_none():
    """Of a tap only the message above it has one: that is ours, and old."""
    arrived = {name: read(json.dumps(PAYLOADS[name]["update"]).encode()) for name in ("photo", "blocked", "tap")}
    assert arrived["photo"].incoming.said_at == datetime.fromtimestamp(1795425514, UTC)
    assert arrived["blocked"].gone_at == datetime.fromtimestamp(1795425451, UTC)
    assert arrived["tap"].incoming.said_at is None


@pytest.mark.parametrize("date", [None, 0, -5, "soon", "1795425514", 10**10, 10**30, 1.5, 1e9, True, [], {"a": 1}])
def test_whatever_stands_for_a_date_the_rest_is_read(date):
    photo, blocked = (deepcopy(PAYLOADS[name]["update"]) for name in ("photo", "blocked"))
    photo["message"]["date"] = blocked["my_chat_member"]["date"] = date
    heard, gone = (read(json.dumps(one).encode()) for one in (photo, blocked))
    assert (heard.incoming.heard.kind, heard.incoming.said_at) == ("photo", None)
    assert (gone.gone, gone.gone_at) == (ADDRESS, None)


def test_an_edit_of_a_message_is_no_repeat_and_no_message():
    assert read(json.dumps(PAYLOADS["edited_text"]["update"]).encode()) == PASSED_OVER


@pytest.mark.parametrize("body", [b"", b"{", b"nope", b"\xff\xfe\x00", b'{"message": ', b'"\xff"'])
def test_what_is_no_json_is_told(body):
    with pytest.raises(NotJson):
        read(body)


@pytest.mark.parametrize(
    "body",
    [
        b"null", b"[]", b"1", b'"message"', b"{}", b'{"message":null}', b'{"message":7}', b'{"message":{"chat":{}}}',
        b'{"message":{"message_id":true,"chat":{"id":true,"type":"private"}}}',
        b'{"message":{"message_id":1,"chat":{"id":' + b"9" * 4400 + b',"type":"private"}}}',
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"message":{"message_id":1,"chat":{"id":5,"type":"group"},"text":5}}',
        b'{"callback_query":{"id":"\\ud800","data":5}}',
    ],
)  # fmt: skip
def test_json_of_any_shape_is_passed_over(body):
    assert read(body) == PASSED_OVER


def test_what_somebody_sent_in_an_unknown_shape_is_heard_as_unknown():
    arrived = read(b'{"message":{"message_id":9,"chat":{"id":5,"type":"private"},"text":"half \\ud800"}}')
    assert (arrived.incoming.address, arrived.incoming.message_id) == ("5", "message 9")
    assert arrived.incoming.heard == Heard("unknown")


def test_hidden_marks_reach_the_engine_which_cleans_them():
    arrived = read('{"message":{"message_id":9,"chat":{"id":5,"type":"private"},"text":"a\u200bb"}}'.encode())
    assert arrived.incoming.heard.text == "a\u200bb"
