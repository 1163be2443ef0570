"""Every recorded delivery becomes what stands beside it; nothing in a delivery can raise."""

import json
from datetime import UTC, datetime

import pytest

from bot.channels.whatsapp.reading import PASSED_OVER, walk
from tests.channels.whatsapp.deliveries import PHONE_ID, delivery, messages, recorded, text

RECORDED = recorded()


def as_recorded(incoming):
    """An Incoming in the words of the recordings."""
    heard = incoming.heard
    told = {"address": incoming.address, "message_id": incoming.message_id, "kind": heard.kind}
    told |= {name: value for name in ("text", "tap") if (value := getattr(heard, name))}
    if heard.place:
        told["place"] = [heard.place.latitude, heard.place.longitude]
    if incoming.file_ref:
        assert heard.file.kind == heard.kind
        told["file_ref"] = incoming.file_ref
    return told


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_delivery_becomes_what_stands_beside_it(name):
    becomes = RECORDED[name]["becomes"]
    found = walk(RECORDED[name]["delivery"], PHONE_ID)
    statuses = [
        {"id": of, "kind": one.kind, "why": type(one.why).__name__ if one.why else None} for of, one in found.statuses
    ]
    assert {
        "messages": [as_recorded(one) for one in found.messages],
        "statuses": statuses,
        "passed_over": found.passed_over,
        "elsewhere": found.elsewhere,
        "moved": found.moved,
        "errors": found.errors,
    } == {"elsewhere": 0, "moved": 0, "errors": [], **becomes}


def test_every_kind_is_recorded():
    """What is passed over, and what is heard, is so on purpose: there is a recording of it."""
    types = {
        message["type"]
        for one in RECORDED.values()
        for entry in one["delivery"]["entry"]
        for change in entry["changes"]
        for message in change["value"].get("messages", ())
    }
    known = {
        "text", "interactive", "button", "audio", "image", "document", "location", "contacts", "sticker", "video",
        "order", "unsupported", "request_welcome",
    }  # fmt: skip
    assert types >= known | (PASSED_OVER - {"pin", "unpin"})


@pytest.mark.parametrize("name", RECORDED)
def test_half_a_delivery_raises_nothing(name):
    """Each part of a recording taken out, or put in as something else."""
    raw = RECORDED[name]["delivery"]
    for path in paths(raw):
        for other in ("gone", None, 0, "", "x", [], {}, [[]], [None], True, 1e400, 10**40, "\ud83d"):
            found = walk(planted(raw, path, other), PHONE_ID)
            assert all(one.address and one.message_id for one in found.messages)
            assert all(one.address.encode() and one.heard.text.encode() is not None for one in found.messages)


def paths(node, path=()):
    if path:
        yield path
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from paths(value, (*path, key))


def planted(raw, path, value):
    copy = json.loads(json.dumps(raw))
    node = copy
    for key in path[:-1]:
        node = node[key]
    if value == "gone":
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return copy


def test_messages_of_one_delivery_are_heard_as_they_were_written():
    """They may stand in any order; within one second as they stand."""
    given = [text("1", "c", "m3", 3), text("1", "a", "m1", 1), text("1", "b1", "m2", 2), text("1", "b2", "m4", 2)]
    found = walk(delivery(messages(given[0]), messages(*given[1:])), PHONE_ID)
    assert [one.heard.text for one in found.messages] == ["a", "b1", "b2", "c"]


def test_when_it_was_said_is_told():
    """Unless that can't be: the clock of whoever hears it counts then."""
    stamps = ["1795000000", 1_795_000_000, "", "soon", None, "0", "-5", "17", "1795000000000", "9" * 12, 1.5, True, [1]]
    given = [text("1", "a", f"m{number}") | {"timestamp": stamp} for number, stamp in enumerate(stamps)]
    heard = {one.message_id: one.said_at for one in walk(delivery(messages(*given)), PHONE_ID).messages}
    when = datetime(2026, 11, 18, 11, 6, 40, tzinfo=UTC)
    assert heard == dict.fromkeys(heard) | {"m0": when, "m1": when}
    del given[0]["timestamp"]
    assert walk(delivery(messages(given[0])), PHONE_ID).messages[0].said_at is None


def test_a_wrong_error_code_gives_up_on_that_message_alone():
    status = {"id": "wamid.x", "status": "failed", "errors": [{"code": "131026"}, {"code": True}]}
    assert type(walk(delivery({"statuses": [status]}), PHONE_ID).statuses[0][1].why).__name__ == "Blocked"
