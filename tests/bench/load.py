"""The people of the bench: many at once, each over one kept connection, each waiting for every answer.

Its own process, so that the bot has a core to itself: `python -m tests.bench.load PORT PEOPLE SECONDS`.
Bare sockets, because a comfortable client would be slower than what it measures. Prints `begin` and `end`
around what counts, then one JSON line.
"""

import asyncio
import json
import sys
import time
from typing import Any

import uvloop

# What is said, and what the answer must hold: the tap or words that only the right step offers.
OPENING = [
    ({"kind": "start"}, b"main/language:fr"),
    ({"kind": "tap", "tap": "main/language:fr"}, b"main/privacy:yes"),
    ({"kind": "tap", "tap": "main/privacy:yes"}, b"main/where:abroad"),
    ({"kind": "tap", "tap": "main/where:abroad"}, b"main/menu:documents"),
]
ROUND = [
    ({"kind": "tap", "tap": "main/menu:documents"}, b"documents/country:morocco"),
    ({"kind": "tap", "tap": "documents/country:morocco"}, b"documents/applies:children"),
    ({"kind": "text", "text": "1, 3"}, b"documents/missing:no"),
    ({"kind": "tap", "tap": "documents/missing:no"}, b"main/menu:complaint"),
    ({"kind": "tap", "tap": "main/menu:complaint"}, b"complaint/safe:yes"),
    ({"kind": "tap", "tap": "complaint/safe:yes"}, b"complaint/kind:delay"),
    ({"kind": "tap", "tap": "complaint/kind:delay"}, b"complaint/identity:no"),
    ({"kind": "tap", "tap": "complaint/identity:no"}, b"complaint/where:skip"),
    ({"kind": "tap", "tap": "complaint/where:skip"}, b"complaint/account:skip"),
    ({"kind": "text", "text": "J'attends depuis trois mois et personne ne répond."}, b"complaint/review:yes"),
    ({"kind": "tap", "tap": "complaint/review:yes"}, "Reçu".encode()),
    ({"kind": "text", "text": "menu"}, b"main/menu:documents"),
]
WARM = 12  # turns before the counting begins, a whole round


class Person(asyncio.Protocol):
    """One browser in a closed loop."""

    def __init__(self, crowd: "Crowd", number: int) -> None:
        self.crowd, self.number = crowd, number
        self.steps = [*OPENING]
        self.place = self.turn = self.cursor = 0
        self.cookie = b""
        self.got = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.say()

    def say(self) -> None:
        content, self.expected = self.steps[self.place]
        self.turn += 1
        body = json.dumps({**content, "id": f"{self.number}-{self.turn}", "cursor": self.cursor}).encode()
        self.asked = time.perf_counter()
        self.transport.write(
            b"POST /chat/messages HTTP/1.1\r\nHost: localhost\r\nX-Segin: chat\r\nAccept-Language: fr\r\n"
            b"Content-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s" % (self.cookie, len(body), body)
        )

    def data_received(self, data: bytes) -> None:
        self.got += data
        head_end = self.got.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = bytes(self.got[:head_end])
        start = head.find(b"Content-Length: ") + 16
        length = int(head[start:].partition(b"\r\n")[0])
        if len(self.got) < head_end + 4 + length:
            return
        body = bytes(self.got[head_end + 4 : head_end + 4 + length])
        self.got.clear()
        self.answered(head, body)

    def answered(self, head: bytes, body: bytes) -> None:
        took = time.perf_counter() - self.asked
        if not head.startswith(b"HTTP/1.1 200") or self.expected not in body:
            self.crowd.wrong(self.expected, head, body)
            return
        if not self.cookie:
            self.cookie = b"Cookie: " + head.partition(b"Set-Cookie: ")[2].partition(b";")[0] + b"\r\n"
        self.cursor = json.loads(body)["messages"][-1]["seq"]
        self.place += 1
        if self.place == len(self.steps):
            self.steps, self.place = ROUND, 0
        if self.crowd.counts(self, took):
            self.say()
        else:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.crowd.left += 1
        if self.crowd.left == self.crowd.people or error:
            self.crowd.over.set()


class Crowd:
    """Everybody, and the figures."""

    def __init__(self, people: int, seconds: float) -> None:
        self.people, self.seconds = people, seconds
        self.took: list[float] = []
        self.fault = ""
        self.left = 0
        self.over = asyncio.Event()
        self._warm = 0
        self._until = 0.0
        self._began = 0.0
        self.lasted = 0.0

    def counts(self, person: Person, took: float) -> bool:
        """Count one answer; whether to go on."""
        now = time.perf_counter()
        if not self._until:
            if person.turn == WARM:
                self._warm += 1
            if self._warm == self.people:
                print("begin", flush=True)
                self._began, self._until = now, now + self.seconds
            return True
        if now < self._until:
            self.took.append(took)
            return True
        if not self.lasted:
            self.lasted = now - self._began
            print("end", flush=True)
        return False

    def wrong(self, expected: bytes, head: bytes, body: bytes) -> None:
        self.fault = f"expected {expected.decode()}, got {head[:40].decode()} {body[:400].decode()}"
        self.over.set()


async def run(port: int, people: int, seconds: float) -> Crowd:
    crowd = Crowd(people, seconds)
    loop = asyncio.get_running_loop()
    for number in range(people):
        await loop.create_connection(lambda number=number: Person(crowd, number), "127.0.0.1", port)
    await crowd.over.wait()
    return crowd


def main() -> int:
    port, people, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    crowd = uvloop.run(run(port, people, seconds))
    if crowd.fault or not crowd.took:
        print(crowd.fault or "nobody was answered", file=sys.stderr)
        return 1
    took = sorted(crowd.took)
    print(
        json.dumps(
            {
                "turns": len(took),
                "seconds": crowd.lasted,
                "p50": took[len(took) // 2] * 1000,
                "p99": took[len(took) * 99 // 100] * 1000,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
