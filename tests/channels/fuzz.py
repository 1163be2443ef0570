"""`python -m tests.channels.fuzz [count]`: bodies nobody would send, for the parser of each webhook.

Each is a recorded payload with something put wrong: a value exchanged for something odd, a key gone, a list nested,
bytes flipped, cut, doubled. The same count and seed give the same bodies; a parser that can't take one ends the run,
with its seed.
"""

import copy
import hashlib
import hmac
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bot.channels.base import Incoming
from bot.channels.telegram.updates import NotJson, read
from bot.channels.whatsapp import _json
from bot.channels.whatsapp.reading import Walk, walk
from bot.dialogue.model import MAX_TAP_BYTES

HERE = Path(__file__).parent
PHONE_ID = "106540352242922"
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63), 10**30, 1.5, float("nan"), float("inf"), -0.0, "", " ", "0",
    "x" * 65, "é" * 5000, "\x00", "\ud83d", "\udc00x", "\u202e\u2067", "😀" * 40, "null", "[]", [], {}, [[]], [{}],
    [None], {"": {}}, "../../etc/passwd", "main/menu:complaint", "user:", "wamid.x", "131047", 131047, "-1", "private",
    {"id": {"id": []}}, "text", "audio", "failed", "1795000000", "9" * 400,
)  # fmt: skip


def bodies(channel: str, count: int, seed: int = 1) -> Iterator[tuple[str, bytes]]:
    """`count` bodies, each with the seed it came from."""
    field = {"telegram": "update", "whatsapp": "delivery"}[channel]
    recorded = [json.loads(path.read_text())[field] for path in sorted((HERE / channel / "payloads").glob("*.json"))]
    for number in range(count):
        name = f"{channel}-{seed}-{number}"
        yield name, _body(random.Random(name), recorded)


def _body(dice: random.Random, recorded: list[Any]) -> bytes:
    given = copy.deepcopy(dice.choice(recorded))
    for _ in range(dice.choice((0, 1, 1, 1, 2, 3, 8))):
        given = _changed(dice, given, recorded)
    body = json.dumps(given, ensure_ascii=dice.random() < 0.5).encode("utf-8", "surrogatepass")
    for _ in range(dice.choice((0, 0, 0, 0, 0, 0, 1, 3))):
        body = _bytes(dice, body)
    return body


def _changed(dice: random.Random, given: Any, recorded: list[Any]) -> Any:
    """The same with one place changed."""
    places = list(_places(given))
    if not places:
        return copy.deepcopy(dice.choice(ODD))
    inside, key = dice.choice(places)
    match dice.randrange(7):
        case 0:
            del inside[key]
        case 1:
            inside[key] = [inside[key]] * dice.randint(0, 3)
        case 2:
            inside[key] = {"id": inside[key]}
        case 3:
            other = list(_places(dice.choice(recorded)))
            there, name = dice.choice(other)
            inside[key] = copy.deepcopy(there[name])
        case 4 if isinstance(inside, dict):
            inside[dice.choice(("id", "type", "from", "chat", "messages", "text", "\ud800", "x" * 300))] = inside.pop(
                key
            )
        case _:
            inside[key] = copy.deepcopy(dice.choice(ODD))
    return given


def _places(given: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in it, as what holds it and its key."""
    keys = given if isinstance(given, dict) else range(len(given)) if isinstance(given, list) else ()
    for key in list(keys):
        yield given, key
        yield from _places(given[key])


def _bytes(dice: random.Random, body: bytes) -> bytes:
    at = dice.randrange(len(body) + 1)
    match dice.randrange(6):
        case 0:
            return body[:at]
        case 1:
            return body[:at] + bytes([dice.randrange(256)]) + body[at + 1 :]
        case 2:
            return (
                body[:at]
                + dice.choice((b"\x00", b"\xff", b"\xed\xa0\x80", b"[" * 3000, b"{", b"1e999", b"\\ud800"))
                + body[at:]
            )
        case 3:
            return body + body[at:]
        case 4:
            return body[at:]
        case _:
            return body[:at] + body[at + dice.randint(1, 30) :]


# ---------------------------------------------------------------- what a parser may do


def take_telegram(body: bytes) -> str:
    try:
        arrived = read(body)
    except NotJson:
        return "no JSON"
    for one in (arrived.gone, arrived.tapped):
        one.encode()
    return _right(arrived.incoming) if arrived.incoming is not None else "passed over"


def take_whatsapp(body: bytes) -> str:
    try:
        given = _json(body)
    except (ValueError, RecursionError):
        return "no JSON"
    found: Walk = walk(given, PHONE_ID)
    for message_id, status in found.statuses:
        message_id.encode()
        assert status.kind
    kinds = [_right(incoming) for incoming in found.messages]
    return kinds[0] if kinds else "status" if found.statuses else "passed over"


def _right(incoming: Incoming) -> str:
    """What everything behind the parser counts on."""
    heard = incoming.heard
    assert incoming.address
    assert incoming.message_id
    for one in (incoming.address, incoming.message_id, incoming.file_ref, incoming.start):
        one.encode()
    assert len(incoming.address) < 1000
    assert len(heard.tap.encode("utf-8", "surrogatepass")) <= MAX_TAP_BYTES
    assert (heard.file is not None) or not incoming.file_ref
    if heard.place is not None:
        assert -90 <= heard.place.latitude <= 90
        assert -180 <= heard.place.longitude <= 180
    return heard.kind


PARSERS: dict[str, Callable[[bytes], str]] = {"telegram": take_telegram, "whatsapp": take_whatsapp}


def fuzz(channel: str, count: int, seed: int = 1) -> Counter[str]:
    """What became of each. Raises `AssertionError` with the seed of the body that a parser could not take."""
    found: Counter[str] = Counter()
    for name, body in bodies(channel, count, seed):
        try:
            found[PARSERS[channel](body)] += 1
        except Exception as error:
            raise AssertionError(f"{name}: {type(error).__name__}: {body[:300]!r}") from error
    return found


def signed(body: bytes, secret: str) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={digest}", "Content-Type": "application/json"}


def main(arguments: list[str]) -> int:
    count = int(arguments[0]) if arguments else 100_000
    for channel in PARSERS:
        began = time.perf_counter()
        found = fuzz(channel, count)
        took = time.perf_counter() - began
        what = ", ".join(f"{kind} {number:,}" for kind, number in found.most_common())
        print(f"{channel}: {count:,} bodies in {took:.0f} s, no fault: {what}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
