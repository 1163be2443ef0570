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

# What is said at each step that asks; the dialogues go through the papers, then through a whole anonymous complaint.
# An answer is right when it asks something else than before, in a dialogue that gets back to the menu each time.
AT = {
    "main/language": {"kind": "tap", "tap": "main/language:fr"},
    "main/privacy": {"kind": "tap", "tap": "main/privacy:yes"},
    "main/privacy_demonstration": {"kind": "tap", "tap": "main/privacy_demonstration:yes"},
    "main/where": {"kind": "tap", "tap": "main/where:abroad"},
    "documents/country": {"kind": "tap", "tap": "documents/country:morocco"},
    "documents/applies": {"kind": "text", "text": "1, 3"},
    "documents/missing": {"kind": "tap", "tap": "documents/missing:no"},
    "documents/again": {"kind": "tap", "tap": "documents/again:anew"},
    "complaint/safe": {"kind": "tap", "tap": "complaint/safe:yes"},
    "complaint/kind": {"kind": "tap", "tap": "complaint/kind:delay"},
    "complaint/identity": {"kind": "tap", "tap": "complaint/identity:no"},
    "complaint/where": {"kind": "tap", "tap": "complaint/where:skip"},
    "complaint/account": {"kind": "text", "text": "J'attends depuis trois mois et personne ne répond."},
    "complaint/review": {"kind": "tap", "tap": "complaint/review:yes"},
}
MENU = ({"kind": "tap", "tap": "main/menu:documents"}, {"kind": "tap", "tap": "main/menu:complaint"})
AFTER_FILING = {"kind": "text", "text": "menu"}
WARM = 16  # turns before the counting begins: the first questions and a whole round of dialogues


class Person(asyncio.Protocol):
    """One browser in a closed loop."""

    def __init__(self, crowd: "Crowd", number: int) -> None:
        self.crowd, self.number = crowd, number
        self.step = ""
        self.content: dict[str, str] = {"kind": "start"}
        self.turn = self.cursor = self.rounds = 0
        self.cookie = b""
        self.got = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.say()

    def say(self) -> None:
        self.turn += 1
        body = json.dumps({**self.content, "id": f"{self.number}-{self.turn}", "cursor": self.cursor}).encode()
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
        if not head.startswith(b"HTTP/1.1 200"):
            self.crowd.wrong(self.step, head, body)
            return
        if not self.cookie:
            self.cookie = b"Cookie: " + head.partition(b"Set-Cookie: ")[2].partition(b";")[0] + b"\r\n"
        last = json.loads(body)["messages"][-1]
        self.cursor = last["seq"]
        if not self._goes_on(last):
            self.crowd.wrong(self.step, head, body)
            return
        if self.crowd.counts(self, took):
            self.say()
        else:
            self.transport.close()

    def _goes_on(self, last: dict[str, Any]) -> bool:
        """Know what to say next; False when the answer is not the one that belongs here."""
        before, self.step = self.step, last["options"][0]["tap"].partition(":")[0] if last["options"] else "filed"
        if self.step == before or (self.step == "filed") is not before.startswith("complaint/review"):
            return False
        if self.step == "filed":
            self.content = AFTER_FILING
        elif self.step == "main/menu":
            self.content = MENU[self.rounds % 2]
            self.rounds += 1
        elif self.step in AT:
            self.content = AT[self.step]
        else:
            return False
        return True

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

    def wrong(self, step: str, head: bytes, body: bytes) -> None:
        """No figure counts any more. When editors gave a dialogue a new step, `AT` has to learn it."""
        self.fault = f"not the right answer, now at {step}: {head[:40].decode()} {body[:400].decode()}"
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
