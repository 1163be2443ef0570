"""People on Telegram and WhatsApp, seen from the providers: both pretended here, in a thread that outlives Segin.

A provider delivers one person's words in their order, each again and again until it gets a 200, at any worker. The
person waits for an answer before the next word. WhatsApp also tells what became of each message it took.
"""

import asyncio
import hashlib
import hmac
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any, Self

from sqlalchemy import select

from bot.channels.telegram.updates import read
from bot.channels.whatsapp.reading import walk
from storage import DataKey, KeyRing, Store, tables
from tests.channels.telegram.fake_api import TOKEN as TELEGRAM_TOKEN
from tests.channels.telegram.fake_api import FakeTelegram
from tests.channels.whatsapp.deliveries import SECRET as APP_SECRET
from tests.channels.whatsapp.deliveries import delivery, messages, statuses
from tests.channels.whatsapp.fake_graph import PHONE_ID, TOKEN, VERIFY, FakeGraph
from tests.faults.contents import masked
from tests.faults.dialogues import ASKING, COMPLAINING, NAMED, Count
from tests.faults.segin import PATIENCE, Segin
from tests.faults.served import TELEGRAM_SECRET, message, telegram_headers, update

VOICE = b"OggS\x00\x02" + b"sound of a voice" * 4000
FILING = [
    ("text", "/start"),
    *NAMED[1:4],
    *[("voice", "file") if value.startswith("Récit") else (kind, value) for kind, value in COMPLAINING],
]
READING = [("text", "/start"), *ASKING[1:6], ("text", "menu")]
SCRIPTS = {70_001: FILING, 70_002: READING, 15_550_100_001: FILING, 15_550_100_002: READING}


class Providers:
    """Both fakes on an event loop of their own."""

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.api: FakeTelegram = self.run(FakeTelegram(rates=False).__aenter__())
        self.graph: FakeGraph = self.run(FakeGraph(rates=False).__aenter__())
        self.api.files["file"] = self.graph.files["file"] = VOICE
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self.api.__aexit__())
        self.run(self.graph.__aexit__())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    def settings(self) -> dict[str, str]:
        """What Segin is started with."""
        return {
            "SEGIN_TELEGRAM_TOKEN": TELEGRAM_TOKEN,
            "SEGIN_TELEGRAM_API_URL": self.api.url,
            "SEGIN_TELEGRAM_SECRET": TELEGRAM_SECRET,
            "SEGIN_WHATSAPP_TOKEN": TOKEN,
            "SEGIN_WHATSAPP_PHONE_ID": PHONE_ID,
            "SEGIN_WHATSAPP_APP_SECRET": APP_SECRET,
            "SEGIN_WHATSAPP_VERIFY_TOKEN": VERIFY,
            "SEGIN_WHATSAPP_API_URL": self.graph.url,
            "SEGIN_UNLIMITED_RATES": "1",
        }

    def arrived(self, person: int) -> list[str]:
        """What was taken for this person, in its order."""
        if person in self.of_telegram():
            return [masked(one["text"]) for one in self.api.sent(person)]
        return [masked(one.body) for one in list(self.graph.sent) if one.to == str(person)]

    @staticmethod
    def of_telegram() -> set[int]:
        return {person for person in SCRIPTS if person < 10**9}


def once(arrived: list[str]) -> list[str]:
    """A repeat of the message just before left out."""
    return [text for before, text in zip([None, *arrived], arrived, strict=False) if text != before]


@dataclass
class Phones:
    """A day of all people on both channels, at one Segin or two."""

    providers: Providers
    workers: list[Segin]
    taken: dict[str, list[str]] = field(default_factory=dict)  # channel → ids answered with 200
    _over: threading.Event = field(default_factory=threading.Event)

    def live(self) -> None:
        telling = threading.Thread(target=self._tell_statuses, daemon=True)
        telling.start()
        with ThreadPoolExecutor(len(SCRIPTS)) as people:
            days = [people.submit(self._live, person) for person in SCRIPTS]
            for day in days:
                day.result()
        self._until(self._nothing_waits, "everything went out, every file is here")
        self._over.set()
        telling.join(PATIENCE)

    def _live(self, person: int) -> None:
        line = Line(self.workers)
        for number, (kind, value) in enumerate(SCRIPTS[person], 1):
            before = len(once(self.providers.arrived(person)))
            self.deliver(line, person, number, **{kind: value})
            self._until(
                lambda before=before: len(once(self.providers.arrived(person))) > before, f"{value} is answered"
            )
        line.close()

    def deliver(self, line: "Line", person: int, number: int, **what: str) -> None:
        """Until it is taken."""
        channel = "telegram" if person in self.providers.of_telegram() else "whatsapp"
        body, message_id = spoken(channel, person, number, **what)
        self._until(lambda: line.post(channel, body) == 200, f"{what} is taken")
        self.taken.setdefault(channel, []).append(message_id)

    def _tell_statuses(self) -> None:
        line, told = Line(self.workers), 0
        while not self._over.is_set():
            sent = list(self.providers.graph.sent)[told:]
            for one in sent:
                for kind in ("delivered", "sent", "read"):
                    body = json.dumps(delivery(statuses(kind, one.id))).encode()
                    while line.post("whatsapp", body) != 200 and not self._over.is_set():
                        time.sleep(0.01)
            told += len(sent)
            time.sleep(0.01)
        line.close()

    def _nothing_waits(self) -> bool:
        with Store(self.workers[0].url) as store:
            unsent = select(tables.outbox.c.id).where(tables.outbox.c.sent_at.is_(None), tables.outbox.c.seq > 0)
            fetches = select(tables.fetches.c.attachment_id)
            return store.read_now(lambda conn: not conn.execute(unsent).first() and not conn.execute(fetches).first())

    @staticmethod
    def _until(happened: Callable[[], Any], what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not happened():
            assert time.monotonic() < end, f"it never came to this: {what}"
            time.sleep(0.01)

    # ------------------------------------------------------------ what must be true

    def transcripts(self) -> dict[int, list[str]]:
        return {person: once(self.providers.arrived(person)) for person in SCRIPTS}

    def count(self, undisturbed: dict[int, list[str]], kills: int) -> Count:
        """Compare with a day without kills, and read the database."""
        keyring = KeyRing.load(self.workers[0].folder / "keys")
        with Store(self.workers[0].url) as store:
            heard = store.read_now(lambda conn: set(conn.scalars(select(tables.heard.c.message_index))))
            cases = store.read_now(lambda conn: conn.execute(select(tables.cases)).all())
            files = store.read_now(lambda conn: conn.execute(select(tables.attachments)).all())
            failed = store.read_now(
                lambda conn: conn.scalars(
                    select(tables.heard.c.failure).where(tables.heard.c.failure.is_not(None))
                ).all()
            )
        assert not failed, failed
        count = Count(kills=kills)
        count.messages_lost = sum(
            keyring.index("message", one) not in heard for row in self.taken.values() for one in row
        )
        found, expected = Counter(row.channel for row in cases), Counter({"telegram": 1, "whatsapp": 1})
        count.cases_lost, count.cases_doubled = (expected - found).total(), (found - expected).total()
        keys = {row.id: DataKey(keyring.unwrap(row.data_key)) for row in cases}
        bodies = [keys[row.case_id].open(row.bytes, "attachment", row.id.bytes) for row in files if row.case_id in keys]
        assert bodies == [VOICE] * len(cases), "each case has its voice note, whole"
        for person, texts in self.transcripts().items():
            count.replies_lost += (Counter(undisturbed[person]) - Counter(texts)).total()
            count.turns_doubled += (Counter(texts) - Counter(undisturbed[person])).total()
            if not count.replies_lost + count.turns_doubled:
                assert texts == undisturbed[person], f"{person}: the order is not kept"
        again = [len(self.providers.arrived(person)) - len(self.transcripts()[person]) for person in SCRIPTS]
        count.sent_again = sum(again)
        assert max(again) <= kills, again
        assert self.providers.api.violations + self.providers.graph.violations == []
        return count


def spoken(channel: str, person: int, number: int, **what: str) -> tuple[bytes, str]:
    """The body of a delivery, and the id by which its message is known."""
    if channel == "telegram":
        body = json.dumps(update(person, number, **what)).encode()
        incoming = read(body).incoming
        assert incoming is not None
        return body, incoming.message_id
    given = delivery(messages(message(str(person), number, **what)))
    return json.dumps(given).encode(), walk(given, PHONE_ID).messages[0].message_id


class Line:
    """A provider's connection to the workers: the next one when one does not answer."""

    PATHS = ("/telegram/webhook", "/whatsapp/webhook")

    def __init__(self, workers: list[Segin]) -> None:
        self.workers, self._turn = workers, 0
        self._open: dict[int, HTTPConnection] = {}

    def post(self, channel: str, body: bytes) -> int:
        """The status; 0 when nobody answers."""
        self._turn += 1
        port = self.workers[self._turn % len(self.workers)].port
        line = self._open.get(port) or self._open.setdefault(port, HTTPConnection("127.0.0.1", port, timeout=PATIENCE))
        headers = telegram_headers() if channel == "telegram" else _signed(body)
        try:
            line.request("POST", f"/{channel}/webhook", body, headers)
            answer = line.getresponse()
            answer.read()
        except (OSError, HTTPException):
            line.close()
            del self._open[port]
            return 0
        return answer.status

    def close(self) -> None:
        for line in self._open.values():
            line.close()


def _signed(body: bytes) -> dict[str, str]:
    digest = hmac.new(APP_SECRET.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={digest}", "Content-Type": "application/json"}
