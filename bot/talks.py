"""Talks: tests that read like a chat (`flows/*.talk`), played through the real inbox on a database of their own.

content/README.md describes the format for editors. A talk written in French is played once more in every other
required language: words that are a button's are said in that language, and everything must happen alike.
"""

import asyncio
import re
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, insert, select

from bot import contacts
from bot.cases import workflow
from bot.cases.desk import Desk
from bot.cases.may import Staff
from bot.channels import terminal
from bot.channels.base import Incoming
from bot.dialogue.flow import Library, OnCall, Organisation
from bot.dialogue.happened import happened
from bot.dialogue.model import SOURCE_LANGUAGE, Conversation, Message
from bot.dialogue.rules import RULES
from bot.dialogue.steps.choose import ChooseLanguage
from bot.inbox import Inbox
from bot.library import load
from bot.library.languages import french_name, own_name
from bot.library.names import ENGINE_KEYS
from bot.library.shelf import Shelf
from bot.round import Result
from storage import KeyRing, Store, tables, upgrade

BEGINS = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)  # a Monday
HEADERS = ("language", "words", "rules")
LINE = re.compile(rf"(you|bot|now|staff|{'|'.join(HEADERS)}):\s*(.*)")
NO_LINE = "une ligne commence par you:, bot:, now: ou staff:, sous un titre (# …)"
AFTER = re.compile(r"\(after (\d+) (minute|hour|day)s?\)")
BUTTONS = re.compile(r"((?:\s*\[[^\]]*\])+)\s*$")
RECEIPT = re.compile(r"\d{4}(\s\d{4}){3}")
RESOLVES = "(resolved)"  # what staff do; an answer may follow
EXAMPLE = Organisation(
    name="Organisation d'exemple",
    data_controller="Organisation d'exemple",
    contacts=("Bureau d'exemple",),
    on_call=OnCall(
        "Équipe d'exemple", "00 00 00 00", "tous les jours", dict.fromkeys(range(7), ((480, 1020),)), "exemple"
    ),
)
WRITER = Staff("", "exemple", "protection", cleared=True)


@dataclass(frozen=True, slots=True)
class Talk:
    """One talk: its lines as (line number, kind, words)."""

    path: str
    line: int
    title: str
    lines: tuple[tuple[int, str, str], ...]

    def header(self, kind: str) -> str:
        return next((words for _, found, words in self.lines if found == kind), "")

    @property
    def written(self) -> str:
        """The language its words are in."""
        return self.header("words") or self.header("language") or SOURCE_LANGUAGE


@dataclass(frozen=True, slots=True)
class Played:
    """How a talk went: what differs from what is written ("" when nothing does), and the steps it passed."""

    problem: str
    passed: frozenset[str]


class Differs(Exception):
    """What happened is not what is written."""


def read(path: str, content: str) -> list[Talk]:
    """The talks of a file. Raises `Differs` for a line that is none."""
    found: list[tuple[int, str, list[tuple[int, str, str]]]] = []
    for number, line in enumerate(content.splitlines(), 1):
        if line.startswith("# "):
            found.append((number, line[2:].strip(), []))
        elif line.strip():
            parts = LINE.fullmatch(line.strip())
            if parts is None or not found:
                raise Differs(f"{path}:{number}: {NO_LINE}")
            kind, words = parts[1], parts[2]
            problem = _wrong_line(kind, words, before=[one for _, one, _ in found[-1][2]])
            if problem:
                raise Differs(f"{path}:{number}: {problem}")
            found[-1][2].append((number, kind, words))
    return [Talk(path, number, title, tuple(lines)) for number, title, lines in found]


def _wrong_line(kind: str, words: str, before: list[str]) -> str:
    if kind in HEADERS and any(one not in HEADERS for one in before):
        return f"« {kind}: » se met juste sous le titre"
    if kind in ("language", "words") and not own_name(words):
        return f"« {words} » n'est pas le code d'une langue  → écrivez fr, en ou bm"
    if kind == "you" and words.startswith("(") and not (AFTER.fullmatch(words) or terminal.SPECIAL.fullmatch(words)):
        known = "(voice 12s), (photo), (document), (location), (sticker), (tap dialogue/étape:clé), (after 3 days)"
        return f"« {words} » n'est pas connu  → on peut écrire : {known}"
    return ""


def run_all(files: Mapping[str, bytes]) -> list[str]:
    """Play every talk in every required language. Returns what differs, and the steps no talk passes."""
    library = load.build(files).library
    if library is None:
        return ["les essais (flows/*.talk) ne peuvent pas être joués avant que ces fautes soient corrigées"]
    problems: list[str] = []
    passed: set[str] = set()
    talks: list[Talk] = []
    for path, content in sorted(files.items()):
        if path.endswith(".talk"):
            try:
                talks += read(path, content.decode())
            except Differs as error:
                problems.append(str(error))
    with Stage(library) as stage:
        for talk in talks:
            for language in languages_of(talk, library):
                played = stage.play(talk, language)
                passed |= played.passed
                if played.problem:
                    problems.append(played.problem)
    every = {f"{flow.name}/{step}" for flow in library.flows.values() for step in flow.steps}
    return problems + [
        f"flows/{flow}.yaml: aucun essai ne passe par l'étape « {step} »  → ajoutez-la dans flows/{flow}.talk"
        for flow, step in sorted(missed.split("/") for missed in every - passed)
    ]


def languages_of(talk: Talk, library: Library) -> tuple[str, ...]:
    """The languages a talk is played in: French ones in all that are required, others as they are written."""
    if talk.header("words") or talk.written != SOURCE_LANGUAGE:
        return (talk.written,)
    return library.required


class Stage:
    """Where talks are played: a small database that is gone afterwards."""

    def __init__(self, library: Library) -> None:
        self.library = library

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="segin-talks-")
        url = f"sqlite:///{Path(self._folder.name) / 'talks.db'}"
        upgrade(url)
        self._store = Store(url).open()
        self._keyring = KeyRing.new()
        return self

    def __exit__(self, *_: object) -> None:
        self._store.close()
        self._folder.cleanup()

    def play(self, talk: Talk, language: str) -> Played:
        """Play one talk in one language."""
        # a talk assumes a demonstration, unless it says which rules hold: so it comes out alike for every organisation
        own = self.library.organisation
        example = EXAMPLE if talk.header("rules") else Organisation()
        known = {name: getattr(example, name) for name in ("name", "data_controller", "contacts", "on_call")}
        library = replace(self.library, organisation=replace(own, **known))
        player = _Player(self._store, self._keyring, library, language, talk)
        try:
            _offered(language, library)
            with _forced(talk.header("rules")):
                problem = asyncio.run(player.play())
        except Differs as error:  # a rule or a language nobody knows
            player.at, problem = talk.line, str(error)
        where = "" if language == talk.written else f" (en {french_name(language)})"
        return Played(
            f"{talk.path}:{player.at}: « {talk.title} »{where}: {problem}" if problem else "", frozenset(player.passed)
        )


def _offered(language: str, library: Library) -> None:
    if language not in library.languages:
        raise Differs(f"la langue « {language} » n'est pas dans content/organisation.yaml")


@contextmanager
def _forced(rules: str) -> Iterator[None]:
    """Named rules hold, or do not, as the talk says."""
    before = dict(RULES)
    try:
        for word in filter(None, (part.strip() for part in rules.split(","))):
            name, holds = word.removeprefix("not "), not word.startswith("not ")
            if name not in RULES:
                known = ", ".join(sorted(RULES))
                raise Differs(f"la règle « {name} » n'existe pas  → règles connues : {known}")
            RULES[name] = lambda _, holds=holds: holds  # type: ignore[misc]
        yield
    finally:
        RULES.clear()
        RULES.update(before)


@dataclass
class _Player:
    store: Store
    keyring: KeyRing
    library: Library
    language: str
    talk: Talk
    at: int = 0
    now: datetime = BEGINS
    receipt: str = ""
    said: list[Message] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    buttons: dict[str, str] = field(default_factory=dict)  # French label → tap, of the message said last
    passed: set[str] = field(default_factory=set)
    others: tuple[str, ...] = ()  # references of cases that other talks filed

    async def play(self) -> str:
        self.channel = terminal.Terminal(lambda _: None)
        self.address = uuid.uuid4().hex
        self.inbox = Inbox(
            self.store,
            self.keyring,
            Shelf(fixed=self.library),
            after_commit=self._committed,
            clock=lambda: self.now,
        )
        self.others = await self.store.read(_references)
        try:
            if self.talk.header("language"):
                await self.store.run(self._came_before)
            for number, kind, words in self.talk.lines:
                self.at = number
                await self._line(kind, words)
            self._nothing_left()
        except Differs as error:
            return str(error)
        return ""

    async def _line(self, kind: str, words: str) -> None:
        match kind:
            case "you":
                self._nothing_left()
                await self._hear(words)
            case "staff":
                self._nothing_left()
                await self.store.run(lambda conn: self._answer(conn, words))
                await self._fetch()
            case "bot":
                self._expect(words)
            case "now":
                if not self.done or self.done[0] != words:
                    instead = f", mais « {self.done[0]} »" if self.done else ""
                    raise Differs(f"« now: {words} » n'a pas eu lieu{instead}")
                self.done.pop(0)

    def _nothing_left(self) -> None:
        if self.done:
            raise Differs(f"il y a eu aussi « {self.done[0]} »  → ajoutez : now: {self.done[0]}")
        if self.said:
            raise Differs(f"Segin a dit aussi : {_flat(self.said[0].text)}  → ajoutez cette ligne bot:")

    async def _hear(self, words: str) -> None:
        after = AFTER.fullmatch(words)
        if after:
            self.now += timedelta(**{f"{after[2]}s": int(after[1])})
            return
        words = words.replace("[receipt]", self.receipt)
        if self.language != SOURCE_LANGUAGE and words in self.buttons:
            words = self._translated(words)
        heard, body = terminal.read(words)
        if heard.tap and not self._is_button(heard.tap):
            raise Differs(f"le bouton « {heard.tap} » n'existe pas  → écrivez dialogue/étape:clé")
        await self.inbox.hear(self.channel, Incoming(self.address, uuid.uuid4().hex, heard, body))
        await self._fetch()

    def _is_button(self, tap: str) -> bool:
        place, _, key = tap.rpartition(":")
        flow, _, name = place.partition("/")
        step = self.library.flows[flow].steps.get(name) if flow in self.library.flows else None
        if step is None:  # below an answer of staff
            return flow in ("reply", "read", "settled", "consent")
        return (
            tap in step.words()
            or key in ENGINE_KEYS
            or (isinstance(step, ChooseLanguage) and key in self.library.languages)
        )

    def _translated(self, label: str) -> str:
        if label in self.library.languages.values():
            return own_name(self.language) if label == own_name(SOURCE_LANGUAGE) else label
        return self.library.texts[self.language].get(self.buttons[label], label)

    def _committed(self, results: list[Result]) -> None:
        for result in results:
            self.passed.update(result.passed)
            self.done += [told for effect in result.effects if (told := happened(effect))]

    async def _fetch(self) -> None:
        """What waits in the outbox, as the channel would send it."""
        self.said += await self.store.run(self._take)
        for message in self.said:
            found = RECEIPT.search(message.text)
            self.receipt = found[0] if found else self.receipt
            if message.options:
                self.buttons = {
                    self.library.texts[SOURCE_LANGUAGE].get(button.tap, button.label): button.tap
                    for button in message.options
                }

    def _take(self, conn: Connection) -> list[Message]:
        index = contacts.address_index(self.keyring, self.channel.name, self.address)
        contact = contacts.locked(conn, self.keyring, [(self.channel.name, index)]).get(index)
        if contact is None:
            return []
        outbox = tables.outbox
        mine = (outbox.c.contact_id == contact.id) & (outbox.c.seq > 0)
        rows = conn.execute(select(outbox).where(mine).order_by(outbox.c.seq)).all()
        conn.execute(outbox.delete().where(mine))
        return [contact.read_message(row.id, row.body) for row in rows]

    def _came_before(self, conn: Connection) -> None:
        index = contacts.address_index(self.keyring, self.channel.name, self.address)
        contact = contacts.fresh(self.keyring, self.channel.name, index, self.address, self.now)
        contact.conversation = Conversation(language=self.language)
        conn.execute(insert(tables.contacts), contacts.new_row(contact, self.now))

    def _answer(self, conn: Connection, words: str) -> None:
        mine = [reference for reference in _references(conn) if reference not in self.others]
        if not mine:
            raise Differs("il n'y a pas de dossier auquel l'équipe peut répondre")
        desk = Desk(conn, self.keyring, WRITER, self.now)
        if words.startswith(RESOLVES):
            workflow.resolve(desk, mine[-1], self.library, words.removeprefix(RESOLVES).strip())
        else:
            desk.answer(mine[-1], words, self.library)

    def _expect(self, words: str) -> None:
        if not self.said:
            raise Differs(f"Segin n'a rien dit ; attendu : {words}")
        message = self.said.pop(0)
        labels = None
        found = BUTTONS.search(words)
        if found:
            labels, words = re.findall(r"\[([^\]]*)\]", found[1]), words[: found.start()]
        written = self.language == self.talk.written
        if written and not _pattern(words).fullmatch(_flat(message.text)):
            raise Differs(f"attendu : {words} — dit : {_flat(message.text)}")
        if labels is None or labels == ["…"]:
            return
        offered = [button.label for button in message.options]
        if (labels != offered) if written else (len(labels) != len(offered)):
            raise Differs(f"boutons attendus : {_buttons(labels)} — il y a : {_buttons(offered)}")


def _references(conn: Connection) -> tuple[str, ...]:
    """The references of all cases, the newest last."""
    cases = tables.cases
    return tuple(conn.scalars(select(cases.c.reference).order_by(cases.c.opened_at)))


def _buttons(labels: list[str]) -> str:
    return " ".join(f"[{label}]" for label in labels) or "aucun"


def _flat(text: str) -> str:
    return " ".join(text.split())


def _pattern(words: str) -> re.Pattern[str]:
    return re.compile(
        ".*".join(re.escape(_flat(part)) if part.strip() else "" for part in words.split("…")).replace(
            ".*", r"\s*.*?\s*"
        )
    )
