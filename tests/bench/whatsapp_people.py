"""WhatsApp's side of `whatsapp-load`: a Graph API, people who write, and statuses; a process of its own.

`python -m tests.bench.whatsapp_people API_PORT SECONDS MESSAGES_A_SECOND STATUSES_A_SECOND`; Segin's port by standard
input. Deliveries leave at their time, whatever became of those before: what Segin is late with is counted from the
moment at which it was due. Each message and each status is a delivery of its own, the dearest way there is.
"""

import asyncio
import hashlib
import hmac
import itertools
import json
import re
import sys
import time
from collections import deque

import uvloop

from tests.bench.lean import Line, Provider, percentile
from tests.bench.six_steps import SEGIN

SECRET, PHONE_ID, TOKEN, VERIFY = "an app secret", "106540352242922", "EAAG-a-token-of-the-bench", "verify me"
LINES = 256
TO = re.compile(rb'"to":"(\d+)"')
SENT = b'{"messaging_product":"whatsapp","contacts":[{"input":"%d","wa_id":"%d"}],"messages":[{"id":"wamid.s%d"}]}'
KINDS = ("sent", "delivered", "read")


def delivery(value: dict[str, object]) -> bytes:
    metadata = {"display_phone_number": "15550783881", "phone_number_id": PHONE_ID}
    change = {"field": "messages", "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}
    entry = {"id": "102290129340398", "changes": [change]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


class Post:
    """Deliveries over a heap of kept lines; the next free one, or the next that becomes free."""

    def __init__(self) -> None:
        self.free: deque[int] = deque()
        self.waiting: deque[tuple[bytes, float]] = deque()
        self.under_way: dict[int, float] = {}
        self.took: list[float] = []
        self.statuses: dict[int, int] = {}
        self.lines: list[Line] = []

    async def open(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        for number in range(LINES):
            line = Line(lambda status, _, number=number: self._answered(number, status))
            await loop.create_connection(lambda line=line: line, "127.0.0.1", port)
            self.lines.append(line)
            self.free.append(number)

    def deliver(self, body: bytes, due: float) -> None:
        if not self.free:
            self.waiting.append((body, due))
            return
        number = self.free.popleft()
        self.under_way[number] = due
        digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest().encode()
        self.lines[number].post(b"/whatsapp/webhook", b"X-Hub-Signature-256: sha256=%s\r\n" % digest, body)

    def _answered(self, number: int, status: int) -> None:
        self.took.append(time.perf_counter() - self.under_way.pop(number))
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.free.append(number)
        if self.waiting:
            self.deliver(*self.waiting.popleft())


class People:
    """Everybody walks through the six steps; whoever has their answer is ready for the next word."""

    def __init__(self, post: Post) -> None:
        self.post = post
        self.ready: deque[tuple[int, int]] = deque()  # whom, which step
        self.waits: dict[int, tuple[int, str]] = {}  # whose answer is on its way: step, how it begins
        self.told: deque[tuple[str, str]] = deque()  # statuses to come
        self.newest, self.numbers, self.sent = 15_550_000_000, itertools.count(1), itertools.count(1)
        self.said = self.answered = self.wrong = self.idle = 0

    def graph(self, _: bytes, body: bytes) -> bytes:
        """One call of the Graph API."""
        found = TO.search(body)
        if found is None:
            return b'{"success":true}'
        person, number = int(found[1]), next(self.sent)
        if person in self.waits:
            step, expects = self.waits.pop(person)
            self.answered += 1
            self.wrong += expects.encode() not in body
            if step + 1 < len(SEGIN):
                self.ready.append((person, step + 1))
        self.told.extend((kind, f"wamid.s{number}") for kind in KINDS)
        return SENT % (person, person, number)

    def speak(self, due: float) -> None:
        if self.ready:
            person, step = self.ready.popleft()
        else:
            self.newest += 1
            person, step = self.newest, 0
        kind, value, expects = SEGIN[step]
        self.waits[person] = (step, expects)
        self.said += 1
        given: dict[str, object] = {
            "from": str(person), "id": f"wamid.m{next(self.numbers)}", "timestamp": str(int(time.time())),
        }  # fmt: skip
        if kind == "text":
            given |= {"type": "text", "text": {"body": value}}
        else:
            reply = {"type": "list_reply", "list_reply": {"id": value, "title": "x"}}
            given |= {"type": "interactive", "interactive": reply}
        contacts = [{"wa_id": str(person), "profile": {"name": "Awa"}}]
        self.post.deliver(delivery({"contacts": contacts, "messages": [given]}), due)

    def tell(self, due: float) -> None:
        if not self.told:
            self.idle += 1
            return
        kind, message_id = self.told.popleft()
        status = {"id": message_id, "status": kind, "timestamp": str(int(time.time())), "recipient_id": "15550000001"}
        self.post.deliver(delivery({"statuses": [status]}), due)


async def at(rate: float, until: float, do: "object") -> None:
    """`do(due)` so often a second, at its time, whatever it takes."""
    due = time.perf_counter()
    while due < until:
        wait = due - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        do(due)  # type: ignore[operator]
        due += 1 / rate


async def run(api_port: int, seconds: float, messages: float, statuses: float) -> dict[str, object]:
    loop, post = asyncio.get_running_loop(), Post()
    people = People(post)
    server = await loop.create_server(lambda: Provider(people.graph), "127.0.0.1", api_port, backlog=1024)
    print("listening", flush=True)
    await post.open(int(await asyncio.to_thread(sys.stdin.readline)))
    until = time.perf_counter() + seconds

    async def seconds_pass() -> None:
        for second in range(int(seconds)):
            print(f"second {second}", flush=True)
            await asyncio.sleep(1)

    await asyncio.gather(at(messages, until, people.speak), at(statuses, until, people.tell), seconds_pass())
    print("end", flush=True)
    end = time.perf_counter() + 10
    while time.perf_counter() < end and (people.waits or post.under_way or post.waiting):  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    server.close()
    took = sorted(post.took)
    return {
        "deliveries": len(took), "messages": people.said, "answered": people.answered, "wrong": people.wrong,
        "unanswered": len(people.waits), "open": len(post.under_way) + len(post.waiting), "idle": people.idle,
        "statuses": {str(status): count for status, count in post.statuses.items()},
        "p50": percentile(took, 0.5) * 1000, "p99": percentile(took, 0.99) * 1000, "most": took[-1] * 1000,
    }  # fmt: skip


def main() -> int:
    print(json.dumps(uvloop.run(run(int(sys.argv[1]), *map(float, sys.argv[2:5])))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
