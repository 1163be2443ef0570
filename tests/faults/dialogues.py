"""What the people of the fault tests say, what staff answer, and what must be true of the database afterwards."""

import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select

from storage import KeyRing, Store, tables
from tests.faults.people import Away, Browser, plain
from tests.faults.segin import PATIENCE, Segin

ANSWER = "Votre dossier est retrouvé, venez lundi."

# The flows are those of `town.py`.
NAMED = [
    ("start", ""),
    ("tap", "main/language:fr"),
    ("tap", "main/privacy:yes"),
    ("tap", "main/where:abroad"),
    ("tap", "main/menu:complaint"),
    ("tap", "complaint/safe:yes"),
    ("tap", "complaint/kind:delay"),
    ("tap", "complaint/identity:yes"),
    ("text", "OIM, Bamako"),
    ("text", "Récit d'Awa : j'attends depuis des mois."),
    ("tap", "complaint/review:yes"),
    ("text", "menu"),
]
COMPLAINING = NAMED[4:]
ANONYMOUS = [
    ("start", ""),
    ("tap", "main/language:en"),
    ("tap", "main/privacy:no"),
    ("tap", "main/menu:complaint"),
    ("tap", "complaint/safe:yes"),
    ("tap", "complaint/kind:conduct"),
    ("tap", "complaint/identity:no"),
    ("text", "Kayes, the office"),
    ("voice", ""),
    ("tap", "complaint/review:yes"),
    ("text", "menu"),
    ("tap", "main/menu:status"),
    ("receipt", ""),
    ("tap", "status/after:no"),
]
ASKING = [
    ("start", ""),
    ("tap", "main/language:fr"),
    ("tap", "main/privacy:yes"),
    ("tap", "main/where:home"),
    ("tap", "main/menu:papers"),
    ("text", "1, 3"),
    ("tap", "papers/missing:no"),
    ("tap", "main/menu:person"),
    ("text", "Ma carte est perdue."),
    ("text", "C'était à Nioro."),
    ("tap", "person/waiting:back_to_it"),
]
PUSHED = [*ASKING[:6], ("text", "menu")]


@dataclass
class Count:
    """What a run with kills came to; all but `kills` and `sent_again` must stay 0."""

    kills: int = 0
    messages_lost: int = 0
    turns_doubled: int = 0
    replies_lost: int = 0
    cases_lost: int = 0
    cases_doubled: int = 0
    sent_again: int = 0  # allowed: at most one per contact and kill

    def row(self) -> dict[str, int]:
        return dict(vars(self))


@dataclass
class Town:
    """All who speak with one Segin, and what they saw."""

    segin: Segin
    phone: Path
    awa: Browser = field(init=False)
    binta: Browser = field(init=False)
    cheick: Browser = field(init=False)
    pushed_ids: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.awa, self.binta, self.cheick = (Browser(self.segin.port) for _ in range(3))
        self.phone.touch()

    @property
    def browsers(self) -> tuple[Browser, ...]:
        return self.awa, self.binta, self.cheick

    def live(self) -> None:
        """The whole day: three at the web chat and one at a pushed channel at once, then staff, then a reply."""
        with ThreadPoolExecutor(4) as people:
            days = [
                people.submit(self._walk, self.awa, NAMED),
                people.submit(self._walk, self.binta, ANONYMOUS),
                people.submit(self._walk, self.cheick, ASKING),
                people.submit(self._pushed),
            ]
            for day in days:
                day.result()
        self.awa.listen()
        self.answer()
        reply = self.awa.wait_for(ANSWER)["options"][0]["tap"]
        self.awa.seen()
        self.awa.say("tap", reply)
        self.awa.say("text", "Merci, je viens.")
        self._phone_has_all()

    def _walk(self, browser: Browser, deeds: list[tuple[str, str]]) -> None:
        for kind, value in deeds:
            if kind == "receipt":
                receipt = next(m["text"] for _, m in browser.shown if "\u00a0" in m["text"])
                digits = "".join(c for c in receipt[: receipt.rindex("\u00a0") + 5] if c.isdigit())
                browser.say("text", digits[-16:])
            else:
                browser.say(kind, value)

    # ------------------------------------------------------------ the pushed channel

    def _pushed(self) -> None:
        """The provider delivers, again and again until it gets a 200; it waits for each reply."""
        provider = Browser(self.segin.port)
        for kind, value in PUSHED:
            message_id = str(uuid.uuid4())
            content = {"address": "+22300000000", "id": message_id, "kind": kind, kind: value}
            before = len(self.heard_on_phone())
            _until(lambda content=content: self._delivered(provider, content), f"{value} was taken")
            self.pushed_ids.append(message_id)
            _until(lambda before=before: len(self.heard_on_phone()) > before, f"{value} was answered")
        provider.close()

    @staticmethod
    def _delivered(provider: Browser, content: dict[str, str]) -> bool:
        try:
            status, _ = provider.request("POST", "/push/messages", json.dumps(content).encode(), {})
        except Away:
            return False
        return status == 200

    def sent_to_phone(self) -> list[str]:
        return [plain(json.loads(line)["text"]) for line in self.phone.read_text().splitlines()]

    def heard_on_phone(self) -> list[str]:
        """What was sent, a repeat of the message just before left out."""
        sent = self.sent_to_phone()
        return [text for before, text in zip([None, *sent], sent, strict=False) if text != before]

    def _phone_has_all(self) -> None:
        """Nothing is left in any lane of the pushed channel."""

        def empty() -> bool:
            with self.database() as store:
                waiting = select(tables.outbox.c.id).join(tables.contacts).where(tables.contacts.c.channel == "push")
                return store.read_now(lambda conn: conn.execute(waiting).first()) is None

        _until(empty, "the lane is empty")

    # ------------------------------------------------------------ staff

    def reference(self) -> str:
        status, printed = self.segin.staff("cases", "list", "--json")
        assert status == 0, printed
        (found,) = [one["reference"] for one in json.loads(printed) if one["category"] == "delay"]
        return str(found)

    def answer(self, kill: tuple[str, int] | None = None) -> None:
        status, printed = self.segin.staff("cases", "answer", self.reference(), ANSWER, kill=kill)
        assert status == (-9 if kill else 0), printed

    def thread(self) -> list[dict[str, Any]]:
        status, printed = self.segin.staff("cases", "show", self.reference(), "--json")
        assert status == 0, printed
        thread: list[dict[str, Any]] = json.loads(printed)["thread"]
        return thread

    # ------------------------------------------------------------ what must be true

    @contextmanager
    def database(self) -> Iterator[Store]:
        with Store(self.segin.url) as store:
            yield store

    def transcripts(self) -> dict[str, list[str]]:
        return {
            "named": self.awa.texts,
            "anonymous": self.binta.texts,
            "asking": self.cheick.texts,
            "pushed": self.heard_on_phone(),
        }

    def count(self, undisturbed: dict[str, list[str]], kills: int) -> Count:
        """Compare with what happened on a day without kills, and read the database."""
        keyring = KeyRing.load(self.segin.folder / "keys")
        with self.database() as store:
            heard = store.read_now(lambda conn: set(conn.scalars(select(tables.heard.c.message_index))))
            cases = Counter(store.read_now(lambda conn: list(conn.scalars(select(tables.cases.c.category)))))
            failed = store.read_now(
                lambda conn: conn.execute(select(tables.heard).where(tables.heard.c.failure.is_not(None))).all()
            )
        assert not failed, [row.failure for row in failed]
        answered = [one for browser in self.browsers for one in browser.acknowledged] + self.pushed_ids
        count = Count(kills=kills)
        count.messages_lost = sum(keyring.index("message", one) not in heard for one in answered)
        expected = Counter({"delay": 1, "conduct": 1, "person": 1})
        count.cases_lost, count.cases_doubled = (expected - cases).total(), (cases - expected).total()
        for who, texts in self.transcripts().items():
            count.replies_lost += (Counter(undisturbed[who]) - Counter(texts)).total()
            count.turns_doubled += (Counter(texts) - Counter(undisturbed[who])).total()
            if texts != undisturbed[who] and not count.replies_lost + count.turns_doubled:
                raise AssertionError(f"{who}: the order is not kept: {texts}")
        sent = self.sent_to_phone()
        again = [browser.again for browser in self.browsers] + [len(sent) - len(self.heard_on_phone())]
        count.sent_again = sum(again)
        assert max(again) <= kills, again
        return count

    def close(self) -> None:
        for browser in self.browsers:
            browser.close()
        self.segin.end()


class Reviver(threading.Thread):
    """Starts Segin anew whenever it was killed; the next kill, if any is left, at the same point."""

    def __init__(self, segin: Segin, kills: list[tuple[str, int]]) -> None:
        super().__init__(daemon=True)
        self.segin, self.left, self.killed = segin, kills, 0
        self.trouble = ""
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.01):
            status = self.segin.ended() if self.segin.pid else None
            if status is None:
                continue
            if status != -9:
                self.trouble = f"it ended by itself with {status}:\n{self.segin.log.read_text()[-2000:]}"
                return
            self.killed += 1
            self.segin.start(kill=self.left.pop(0) if self.left else None, wait=False)

    def stop(self, expected: int, patience: float = 2.0) -> int:
        """How often it was killed. A kill that is on its way is waited for, `patience` seconds."""
        end = time.monotonic() + patience
        while self.killed < expected and time.monotonic() < end and not self.trouble:
            time.sleep(0.01)
        self._over.set()
        self.join(PATIENCE)
        assert not self.trouble, self.trouble
        return self.killed


def _until(happened: Any, what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, f"it never came to this: {what}"
        time.sleep(0.02)
