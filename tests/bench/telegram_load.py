"""The people of the Telegram bench, and the Bot API they are reached by: a process of their own.

`python -m tests.bench.telegram_load API_PORT PEOPLE SECONDS API_DELAY segin|peer SECRET`

The bot's port comes by standard input.

Each person walks through the six steps: an update by webhook, then the next one as soon as the answer was taken by the
Bot API *and* the webhook was answered; after the last step somebody new begins. A turn takes from the update written
until its answer is here. Wrong answers and lost ones are counted, never taken for speed.
"""

import asyncio
import json
import re
import sys
import time

import uvloop

from tests.bench.lean import Line, Provider, percentile
from tests.bench.six_steps import PEER, SEGIN

WARM = 2.0  # seconds before the counting begins
CHAT = re.compile(rb"chat_id\W+(\d+)")
REPLIES = (b"sendMessage", b"editMessageText")
MESSAGE = (
    b'{"ok":true,"result":{"message_id":%d,"from":{"id":7000000001,"is_bot":true,"first_name":"Bench"},'
    b'"chat":{"id":%d,"first_name":"Amina","type":"private"},"date":1770000000,"text":"?"}}'
)
ME = b'{"ok":true,"result":{"id":7000000001,"is_bot":true,"first_name":"Bench","username":"bench_bot"}}'


class Person:
    """One line to the webhook; whoever stands at it changes after the last step."""

    def __init__(self, crowd: "Crowd") -> None:
        self.crowd, self.line = crowd, Line(self.answered)
        self.chat = self.step = 0
        self.has_reply = self.has_answer = True

    def begin(self) -> None:
        self.crowd.by_chat.pop(self.chat, None)
        self.crowd.newest += 1
        self.chat, self.step = self.crowd.newest, 0
        self.crowd.by_chat[self.chat] = self
        self.say()

    def say(self) -> None:
        crowd = self.crowd
        crowd.number += 1
        kind, value, self.expects = crowd.steps[self.step]
        who = {"id": self.chat, "is_bot": False, "first_name": "Amina", "language_code": "fr"}
        chat = {"id": self.chat, "first_name": "Amina", "type": "private"}
        if kind == "text":
            said = {"message_id": crowd.number, "from": who, "chat": chat, "date": 1770000000, "text": value}
            if value.startswith("/"):
                said["entities"] = [{"offset": 0, "length": len(value), "type": "bot_command"}]
            update = {"update_id": crowd.number, "message": said}
        else:
            under = {"message_id": crowd.number, "chat": chat, "date": 1770000000, "text": "?", "reply_markup": KEYS}
            query = {"id": str(crowd.number), "from": who, "message": under, "chat_instance": "-8", "data": value}
            update = {"update_id": crowd.number, "callback_query": query}
        body = json.dumps(update).encode()
        self.has_reply = self.has_answer = False
        self.asked = time.perf_counter()
        self.line.post(b"/telegram/webhook", crowd.secret, body)

    def reply(self, body: bytes) -> None:
        if self.has_reply:
            self.crowd.more += 1
            return
        self.has_reply = True
        if self.crowd.counting:
            self.crowd.took.append(time.perf_counter() - self.asked)
            self.crowd.wrong += self.expects.encode() not in body
        self.next()

    def answered(self, status: int, body: bytes) -> None:
        self.crowd.refused += status != 200
        self.has_answer = True
        if any(method in body for method in REPLIES):
            self.reply(body)
        self.next()

    def next(self) -> None:
        if not (self.has_reply and self.has_answer) or self.crowd.over:
            return
        self.step += 1
        if self.step == len(self.crowd.steps):
            self.begin()
        else:
            self.say()


KEYS = {"inline_keyboard": [[{"text": f"Région {number}", "callback_data": f"reg:{number}"}] for number in range(4)]}


class Crowd:
    """Everybody, the Bot API, and the figures."""

    def __init__(self, bot: str, secret: str) -> None:
        self.steps = SEGIN if bot == "segin" else PEER
        self.secret = f"X-Telegram-Bot-Api-Secret-Token: {secret}\r\n".encode()
        self.by_chat: dict[int, Person] = {}
        self.newest, self.number = 100_000_000, 1_000
        self.took: list[float] = []
        self.wrong = self.refused = self.more = self.calls = 0
        self.counting = self.over = False

    def told(self, path: bytes, body: bytes) -> bytes:
        """One call of the Bot API."""
        method = path.rpartition(b"/")[2].partition(b"?")[0]
        self.calls += self.counting
        if method == b"getMe":
            return ME
        found = CHAT.search(body)
        chat = int(found[1]) if found else 0
        if method in REPLIES and chat in self.by_chat:
            self.by_chat[chat].reply(body)
        self.number += 1
        return MESSAGE % (self.number, chat) if method in REPLIES else b'{"ok":true,"result":true}'


async def run(api_port: int, people: int, seconds: float, delay: float, bot: str, secret: str) -> Crowd:
    loop = asyncio.get_running_loop()
    crowd = Crowd(bot, secret)
    api = await loop.create_server(lambda: Provider(crowd.told, delay), "127.0.0.1", api_port, backlog=2048)
    print("listening", flush=True)
    port = int(await asyncio.to_thread(sys.stdin.readline))  # the bot is up, and listens there
    crowd_of = [Person(crowd) for _ in range(people)]
    for person in crowd_of:
        await loop.create_connection(lambda person=person: person.line, "127.0.0.1", port)
    for person in crowd_of:
        person.begin()
    await asyncio.sleep(WARM)
    print("begin", flush=True)
    began, crowd.counting = time.perf_counter(), True
    await asyncio.sleep(seconds)
    crowd.counting, crowd.lasted = False, time.perf_counter() - began
    print("end", flush=True)
    crowd.over = True
    end = time.perf_counter() + 3
    while time.perf_counter() < end and not all(person.has_reply for person in crowd_of):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    crowd.lost = sum(not person.has_reply for person in crowd_of)
    api.close()
    return crowd


def main() -> int:
    api_port, people = map(int, sys.argv[1:3])
    seconds, delay = map(float, sys.argv[3:5])
    crowd = uvloop.run(run(api_port, people, seconds, delay, sys.argv[5], sys.argv[6]))
    took = sorted(crowd.took)
    found = {
        "turns": len(took), "seconds": crowd.lasted, "calls": crowd.calls / max(1, len(took)),
        "p50": percentile(took, 0.5) * 1000, "p99": percentile(took, 0.99) * 1000,
        "wrong": crowd.wrong, "refused": crowd.refused, "lost": crowd.lost, "more": crowd.more,
    }  # fmt: skip
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
