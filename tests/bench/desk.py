"""`python -m tests.bench desk`: the inbox and its search with 50,000 cases and 500,000 messages.

Rows are made directly, as they come in a year: eleven regions, most cases closed, 300 open ones for each agent, one
in twenty restricted, one in five anonymous, notes with words, referrals. Pages are asked for through the console's
own HTTP, signed in. Prints the median and p95 of each in milliseconds, and the plans of the main statements.
"""

import argparse
import asyncio
import contextlib
import random
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import ClauseElement, Connection, Executable, insert
from sqlalchemy.ext.compiler import compiles

from bot.cases import consents, lists, numbers, search
from bot.cases.lists import Wanted
from bot.cases.may import Staff
from bot.console import asking
from bot.console.mount import mount
from bot.console.rendering import Rendering
from bot.settings import Settings
from bot.staff import accounts, sessions
from storage import DataKey, KeyRing, Store, random_id, tables, upgrade, uuid7
from tests.bench.machine import Database, postgresql
from tests.people import ROOT, real_library

NOW = datetime(2026, 11, 23, 9, 17, tzinfo=UTC)
OPEN_EACH = 300
VOCABULARY = 3_000  # words of notes; a few are in very many
CATEGORIES = ("delay", "service", "other", "referral", "person", "question")
GRAVE = ("conduct", "serious", "distress")
CLOSED_AGENTS = 30  # agents among whom all work was shared
IN_PROGRESS = {
    "new": 12, "acknowledged": 8, "in_progress": 45, "waiting": 20, "referred": 10, "resolved": 4, "reopened": 1,
}  # fmt: skip


@dataclass
class Town:
    """What was made. `word`: one that is in some notes; `service`: one that some were referred to."""

    staff: dict[str, Staff] = field(default_factory=dict)
    references: list[str] = field(default_factory=list)
    word: str = "mot300"
    two_words: str = "mot12 mot30"
    service: str = ""


def fill(
    store: Store, keyring: KeyRing, *, cases: int = 50_000, messages: int = 10, agents: int = CLOSED_AGENTS,
    now: datetime = NOW, open_each: int = OPEN_EACH,
) -> Town:  # fmt: skip
    """A desk with so many cases, with `messages` messages each on average. Takes a minute or two for all."""
    chance = random.Random(5)
    town, library = Town(), real_library()
    regions, services = tuple(library.directory.regions), tuple(library.directory.services)
    town.service = library.words(f"services:{services[0]}", "fr")

    def people(conn: Connection) -> None:
        for number in range(agents):
            theirs = (regions[number % len(regions)],)
            name = f"Agent {number + 1}"
            town.staff[name] = accounts.add_staff(conn, name, "agent", cleared=False, regions=theirs, now=now)
        for name, role in (("Mariam", "protection"), ("Salif", "supervisor")):
            town.staff[name] = accounts.add_staff(conn, name, role, cleared=role == "protection", regions=(), now=now)

    store.run_now(people)
    tokens = [keyring.index("word", f"mot{number}") for number in range(VOCABULARY)]
    key = DataKey.new()
    wrapped = keyring.wrap(key.raw)  # one for all, to be quicker
    open_cases = min(agents * open_each + cases // 25, cases // 2)
    made = _Makers(chance, town, regions, services, tokens, wrapped, key, now, open_each, agents)
    for begin in range(0, cases, 1_000):
        many = range(begin, min(begin + 1_000, cases))
        store.run_now(lambda conn, many=many: made.batch(conn, many, open_cases, messages))
    store.run_now(_analyse)
    return town


def _analyse(conn: Connection) -> None:
    conn.exec_driver_sql("ANALYZE")


@dataclass
class _Makers:
    chance: random.Random
    town: Town
    regions: tuple[str, ...]
    services: tuple[str, ...]
    tokens: list[bytes]
    wrapped: bytes
    key: DataKey
    now: datetime
    open_each: int
    agents: int
    taken: set[str] = field(default_factory=set)

    def batch(self, conn: Connection, many: range, open_cases: int, messages: int) -> None:
        rows, lines, notes, words, mentions, referrals, excluded = [], [], [], [], [], [], []
        for number in many:
            row = self.case(number, is_open=number < open_cases)
            rows.append(row)
            lines += self.lines(row, max(1, round(self.chance.gauss(messages, messages / 3))))
            for place in range(self.chance.choice((0, 0, 1, 1, 2))):
                note_id = uuid7()
                body = self.seal({"number": place + 1, "text": "Un mot pour les collègues."}, "note", note_id)
                note = {"id": note_id, "case_id": row["id"], "staff_id": self.one(), "at": self.now, "body": body}
                notes.append(note)
                words += [{"word": one, "case_id": row["id"]} for one in self.words()]
                if self.chance.random() < 0.02:
                    seen = self.now if self.chance.random() < 0.7 else None
                    mentions.append({"note_id": note["id"], "staff_id": self.one(), "seen_at": seen})
            if self.chance.random() < 0.12:
                referrals.append(self.referral(row))
            if row["restricted"] and self.chance.random() < 0.05:
                excluded.append({"id": random_id(), "case_id": row["id"], "staff_id": None, "office": "Kayes"})
        unique = {(one["word"], one["case_id"]): one for one in words}
        for table, made in (
            (tables.cases, rows), (tables.case_messages, lines), (tables.notes, notes),
            (tables.case_words, list(unique.values())), (tables.mentions, mentions), (tables.referrals, referrals),
            (tables.exclusions, excluded),
        ):  # fmt: skip
            if made:
                conn.execute(insert(table), made)

    def case(self, number: int, *, is_open: bool) -> dict[str, Any]:
        chance = self.chance
        restricted, anonymous = chance.random() < 0.05, chance.random() < 0.2
        # open ones are young, but for a few
        days = chance.expovariate(1 / 25) if is_open else chance.uniform(10, 365)
        opened = self.now - timedelta(days=min(days, 360), minutes=chance.uniform(0, 600))
        hours = 24 if restricted else 120
        status = chance.choices(list(IN_PROGRESS), list(IN_PROGRESS.values()))[0] if is_open else "closed"
        if status in ("new", "acknowledged", "reopened"):
            opened = max(opened, self.now - timedelta(hours=hours * 1.3))
        answered = (
            None if status in ("new", "acknowledged") else opened + timedelta(hours=hours * chance.uniform(0.1, 0.9))
        )
        heard = opened if chance.random() < 0.5 else opened + timedelta(hours=hours * chance.uniform(0, 1.2))
        mine = number < self.agents * self.open_each
        agent = self.town.staff[f"Agent {number % self.agents + 1}"] if mine or not is_open else None
        region = agent.regions[0] if agent and chance.random() < 0.8 else chance.choice((*self.regions, None))
        cut = _day if anonymous else lambda at: at
        reference = _reference(chance)
        while reference in self.taken:
            reference = _reference(chance)
        self.taken.add(reference)
        self.town.references.append(reference)
        return {
            "id": random_id() if anonymous else uuid7(),
            "reference": reference,
            "kind": "complaint" if restricted or chance.random() < 0.4 else "request",
            "category": chance.choice(GRAVE if restricted else CATEGORIES),
            "status": status,
            "restricted": restricted,
            "anonymous": anonymous,
            "region": region,
            "language": None if anonymous else chance.choices(("fr", "bm", "en"), (70, 25, 5))[0],
            "channel": None if anonymous else chance.choices(("web", "telegram", "whatsapp"), (40, 15, 45))[0],
            "opened_at": cut(opened),
            "due_at": cut(opened + timedelta(hours=hours)),
            "last_step_at": cut(max(opened, heard, answered or opened)),
            "heard_at": cut(heard),
            "answered_at": answered and cut(answered),
            "first_answer_at": answered and cut(answered),
            "closed_at": None if is_open else cut(opened + timedelta(days=9)),
            "in_chat": not anonymous,
            "data_key": self.wrapped,
            "receipt_index": random_id().bytes * 2,
            "entry": chance.choice(("hotline", "walk_in")) if chance.random() < 0.1 else None,
            "version": chance.randrange(1, 9),
            "assignee_id": (agent and not restricted and uuid.UUID(agent.id)) or None,
        }

    def lines(self, row: dict[str, Any], many: int) -> list[dict[str, Any]]:
        said = "Je voudrais savoir où en est ma demande. " * 3
        lines = []
        for place in range(1, many + 1):
            message_id = uuid7()
            author = "person" if place % 2 else "staff"
            body = self.seal({"said": said} if place > 1 else {"story": {"about": said}}, "case_message", message_id)
            line = {"id": message_id, "case_id": row["id"], "position": place, "author": author}
            lines.append({**line, "at": row["opened_at"], "body": body})
        return lines

    def words(self) -> list[bytes]:
        """Some words are everywhere, most are rare."""
        return [self.tokens[int(VOCABULARY * self.chance.random() ** 3)] for _ in range(self.chance.randrange(5, 40))]

    def referral(self, row: dict[str, Any]) -> dict[str, Any]:
        referral_id, service = random_id(), self.chance.choice(self.services)
        who = {"created_by": self.one(), "created_at": self.now}
        row = {"id": referral_id, "case_id": row["id"], "service": service, "status": "sent", **who}
        return {**row, "terms": consents.seal(self.key, consents.Terms(service=service, told={}), referral_id)}

    def seal(self, body: object, label: str, owner: uuid.UUID) -> bytes:
        return self.key.seal(msgspec.json.encode(body), label, owner.bytes)

    def one(self) -> uuid.UUID:
        """Somebody of the staff."""
        return uuid.UUID(self.chance.choice(list(self.town.staff.values())).id)


def _day(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def _reference(chance: random.Random) -> str:
    body = "".join(chance.choice(numbers.ALPHABET) for _ in range(numbers.REFERENCE_LENGTH - 1))
    return numbers.read_reference(body + numbers.check_character(body, numbers.ALPHABET))


# ---------------------------------------------------------------- the plans


def statements(dialect: str, keyring: KeyRing, town: Town) -> dict[str, Any]:
    """The statements behind the pages, by name."""
    zone, library = ZoneInfo("Africa/Bamako"), real_library()
    agent, mariam = town.staff["Agent 1"], town.staff["Mariam"]
    found: dict[str, Any] = {
        f"view {view}": lists.page_query(mariam if view == "restricted" else agent, Wanted(view=view), NOW, zone)
        for view in lists.VIEWS
    }
    for name, words in (("reference", town.references[7]), ("beginning", town.references[7][:5]), ("word", town.word),
                        ("two words", town.two_words), ("service", town.service)):  # fmt: skip
        found[f"search {name}"] = search.query(dialect, keyring, agent, library, words)
    return found


class _Explain(Executable, ClauseElement):
    inherit_cache = False

    def __init__(self, statement: Any) -> None:
        self.statement = statement


@compiles(_Explain)
def _explain(element: _Explain, compiler: Any, **more: Any) -> str:
    word = "EXPLAIN" if compiler.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    return f"{word} {compiler.process(element.statement, **more)}"


def plan(conn: Connection, statement: Any) -> list[str]:
    """How the database goes about it, line by line."""
    cursor = conn.execute(_Explain(statement)).cursor  # the plan's own columns, not those of the statement
    return [str(row[-1]) for row in cursor.fetchall()] if cursor else []


# ---------------------------------------------------------------- the pages


class _Fixed:
    def __init__(self) -> None:
        self.library = real_library()


async def _ask(store: Store, keyring: KeyRing, town: Town, rounds: int) -> dict[str, list[float]]:
    rendering = Rendering(ROOT / "locales", lambda: "Africa/Bamako")
    console = asking.Console(store, keyring, _Fixed(), Settings(), lambda: NOW, rendering)  # type: ignore[arg-type]
    app = web.Application()
    mount(app, console)
    found: dict[str, list[float]] = {}
    async with TestClient(TestServer(app)) as client:
        browsers = {name: await _sign_in(console, client, staff) for name, staff in town.staff.items()}
        pages = _pages(town)
        chance = random.Random(7)
        for number in range(rounds + 1):
            for name, who, path, words in pages:
                reference = chance.choice(town.references[: OPEN_EACH * 2])
                before = time.perf_counter()
                _, status = await browsers[who](
                    path.replace("REFERENCE", reference), words.replace("REFERENCE", reference)
                )
                took = (time.perf_counter() - before) * 1000
                assert status in (200, 303, 404), (name, status)
                if number:  # the first round warms up
                    found.setdefault(name, []).append(took)
    return found


def _pages(town: Town) -> list[tuple[str, str, str, str]]:
    """Name, who asks, path, and what is searched for."""
    pages = []
    for view in lists.VIEWS:
        who = "Mariam" if view == "restricted" else "Agent 1"
        pages.append((f"view {view}", who, f"/console?view={view}", ""))
    pages += [
        ("view open, supervisor", "Salif", "/console?view=open", ""),
        ("view open, protection", "Mariam", "/console?view=open", ""),
        ("view open, page 10", "Salif", "/console?view=open&page=10", ""),
        ("view closed, supervisor", "Salif", "/console?view=closed", ""),
        ("filter region", "Salif", "/console?view=open&region=kayes", ""),
        ("filter status", "Salif", "/console?view=open&status=waiting", ""),
        ("filter rare: closed, English, Kidal", "Salif", "/console?view=closed&language=en&region=kidal", ""),
        ("filter dates", "Salif", "/console?view=closed&from=2026-03-01&to=2026-03-07", ""),
        ("filter assignee", "Salif", f"/console?view=open&assignee={town.staff['Agent 2'].id}", ""),
        ("sort newest", "Salif", "/console?view=open&sort=newest", ""),
        ("sort last words", "Salif", "/console?view=open&sort=words", ""),
        ("search reference", "Salif", "/console/search", "REFERENCE"),
        ("search beginning", "Salif", "/console/search", town.references[7][:4]),
        ("search word", "Salif", "/console/search", town.word),
        ("search frequent word", "Salif", "/console/search", "mot0"),
        ("search two words", "Salif", "/console/search", town.two_words),
        ("search service", "Salif", "/console/search", town.service),
        ("search nothing found", "Salif", "/console/search", "introuvable"),
        ("case page", "Salif", "/console/cases/REFERENCE", ""),
    ]
    return pages


async def _sign_in(console: asking.Console, client: TestClient[Any, Any], staff: Staff) -> Any:
    def begin(conn: Connection) -> tuple[str, Any]:
        token = sessions.begin(conn, console.keyring, uuid.UUID(staff.id), NOW)
        return token, sessions.of_token(conn, console.keyring, token, NOW)

    token, session = await console.store.run(begin)
    headers = {"Origin": str(client.make_url("/")).rstrip("/")}
    cookies = {asking.cookie_name(console): token}

    async def go(path: str, words: str) -> tuple[int, int]:
        if words:
            form = {"csrf": session.csrf, "words": words}
            answer = client.post(path, data=form, headers=headers, cookies=cookies, allow_redirects=False)
        else:
            answer = client.get(path, cookies=cookies, allow_redirects=False)
        async with answer as got:
            return len(await got.read()), got.status

    return go


# ---------------------------------------------------------------- the command


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench desk", description=__doc__)
    parser.add_argument("--cases", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=20, help="how often each page is asked for")
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--plans", action="store_true", help="print the query plans as well")
    given = parser.parse_args(arguments)
    kinds = ["sqlite", "postgresql"] if given.database == "both" else [given.database]
    results: dict[str, dict[str, list[float]]] = {}
    for kind in kinds:
        with _database(kind) as url:
            upgrade(url)
            with Store(url) as store:
                results[kind] = _measure(kind, store, given)
    _print(results)
    return 0


def _measure(kind: str, store: Store, given: argparse.Namespace) -> dict[str, list[float]]:
    keyring = KeyRing.new()
    before = time.monotonic()
    town = fill(store, keyring, cases=given.cases)
    print(f"{kind}: {given.cases} cases made in {time.monotonic() - before:.0f} s", flush=True)
    if given.plans:
        for name, statement in statements(store.dialect, keyring, town).items():
            print(f"\n{kind}, {name}:")
            print("\n".join(f"    {line}" for line in store.read_now(lambda conn, one=statement: plan(conn, one))))
    return asyncio.run(_ask(store, keyring, town, given.rounds))


@contextlib.contextmanager
def _database(kind: str) -> Iterator[str]:
    if kind == "postgresql":
        with postgresql() as database:
            yield database.fresh()
        return
    with tempfile.TemporaryDirectory(prefix="segin-bench-") as name:
        yield Database(Path(name)).fresh()


def _print(results: dict[str, dict[str, list[float]]]) -> None:
    kinds = list(results)
    print("\n| page | " + " | ".join(f"{kind} median ms | p95" for kind in kinds) + " |")
    print("|---|" + "---|---|" * len(kinds))
    for name in results[kinds[0]]:
        cells = []
        for kind in kinds:
            times = sorted(results[kind][name])
            cells += [f"{statistics.median(times):.0f}", f"{times[int(len(times) * 0.95)]:.0f}"]
        print(f"| {name} | " + " | ".join(cells) + " |")
