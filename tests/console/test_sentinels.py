"""Strings found nowhere else are put through every form of the console and through the chat; then they are looked for.

Typed, as names of files and within files, and while the database is away.

They must not be in a log (all loggers at DEBUG, the access log of the server as well), a header, an address, the
metrics, a page of an error, the bytes of the database with its log, or a backup. What may be there is `DECLARED`.
"""

import base64
import io
import json
import logging
import re
import uuid
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp import web
from PIL import Image
from sqlalchemy import create_engine, text

from bot.app import channels_of, first_publish
from bot.cases.may import Seen, may
from bot.channels.base import Incoming
from bot.channels.webchat.reading import MAX_FILE
from bot.console import mount as mounting
from bot.console.asking import COOKIE
from bot.console.routes import PUBLIC, all_routes
from bot.dialogue.model import File, Heard
from bot.settings import Settings
from bot.staff import accounts, sessions
from bot.web import Runner, application
from bot.worker import Worker
from storage import audit, backup, tables
from tests.channels.telegram.fake_api import FakeTelegram
from tests.console import forms
from tests.console.test_matrix import filled
from tests.faults.served import TELEGRAM_SECRET, telegram_headers, update
from tests.people import OGG
from tests.walk.conftest import free_port

pytestmark = pytest.mark.timeout(300)

WORDS, DIGITS, OPEN = "Zqxwkvbjfhgm", "9977664", "Vjqzkwxfhbpt"
"""How sentinels begin: words and names; numbers; what is declared to stand in the database in the clear."""

DECLARED = {
    ("/console/people/add", "name"): "names of staff: they sign what they do, in the audit log as well",
    ("/console/people/add", "office"): "offices of staff, which exclusions from cases name",
    ("/console/people/{staff_id}/change", "office"): "offices of staff, which exclusions from cases name",
    ("/console/exports", "reason"): "why an export has identifiers: for the audit log, and the form says so",
}
"""Fields whose words stay readable in the database; nothing else of them may be read elsewhere."""

NEVER_TAKEN = {
    "/console/sign-in": "nobody has this name",
    "/console/set-up": "nobody has this set-up code",
    "/console/account/password": "it is not the password of now",
    "/console/account/codes": "it is not the password of now",
    "/console/cases/{reference}/link": "it is no reference",
    "/console/settings": "hours and days are no words",
}
"""Forms that refuse what is typed here; all others must have taken it once."""

WITHOUT_WORDS = {
    "/console/sign-out",
    "/console/account/language",
    "/console/account/codes-confirm",
    "/console/account/others",
    "/console/account/told",
    "/console/alerts/take",
    "/console/alerts/close",
    "/console/assign",
    "/console/people/{staff_id}/disable",
    "/console/people/{staff_id}/enable",
    "/console/people/{staff_id}/reset",
    "/console/rota/add",
    "/console/rota/remove",
    "/console/workload/{staff_id}",
    *(
        f"/console/cases/{{reference}}/{deed}"
        for deed in (
            "acknowledge", "ask", "assign", "category", "close", "export.json", "identity/decide", "identity/end",
            "identity/seen", "identity/withdraw", "let-go", "region", "restrict", "start", "take", "unlink",
            "referrals/{referral}/consent", "referrals/{referral}/send", "referrals/{referral}/remind",
            "referrals/{referral}/told",
        )
    ),
}  # fmt: skip
"""Addresses of forms into which nothing can be typed: buttons and choices."""


NOT_SERVED = {"PIL.TiffImagePlugin"}
"""Loggers that tell at DEBUG what a phone wrote into a photo. Segin is served at INFO: there they are looked at too."""

FORM_AGAIN = {"/console/cases/{reference}/refer": "the form of the case again, with what of it could be told"}
"""What answers 422 with more than was sent."""

TAKES_AWAY = ("exclude", "include", "recuse", "revoke")
"""Deeds after which there is less to fill in."""


class Sentinels:
    """Strings, and where each of them was put."""

    def __init__(self):
        self.where, self.secrets = {}, {}

    def words(self, where, *, declared=False):
        made = f"{OPEN if declared else WORDS}{len(self.where):04d}"
        self.where[made] = where
        return made

    def number(self, where):
        made = f"+{DIGITS}{len(self.where):05d}"
        self.where[made[1:]] = where
        return made

    def secret(self, value, where):
        """Something else that must not be found: a receipt, a token."""
        self.secrets[value] = where
        return value

    def found(self, blob, *, declared=True):
        """Those in some bytes or text. `declared`: those of `DECLARED` as well."""
        raw = blob if isinstance(blob, bytes) else blob.encode("utf-8", "surrogateescape")
        stems = (WORDS, DIGITS, OPEN) if declared else (WORDS, DIGITS)
        hits = {one for stem in stems for one in _hits(raw, stem)}
        hits |= {one for one in self.secrets if one.encode() in raw}
        return {f"{hit} ({self.where.get(hit) or self.secrets.get(hit, '')})" for hit in hits}


def _hits(raw, stem):
    """Where a sentinel stands as text, folded, as UTF-16 or in base64."""
    folded = raw.lower()
    for form in (stem.lower().encode(), stem.lower().encode("utf-16-le")):
        at = folded.find(form)
        while at >= 0:
            plain = raw[at : at + len(form) * 3].replace(b"\0", b"").decode("latin-1")
            yield re.match(r"[A-Za-z]*\d*", plain)[0]
            at = folded.find(form, at + 1)
    for pad in range(3) if stem.isalpha() else ():  # the letters in its midst do not depend on what stands around
        coded = base64.b64encode(b"\0" * pad + stem.encode())[4:-4]
        if coded in raw:
            yield f"{stem} in base64"


class Noting(logging.Handler):
    """Keeps every record: as it would be written, and all that hangs on it."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.lines = []
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))

    def emit(self, record):
        if record.name in NOT_SERVED and record.levelno < logging.INFO:
            return
        self.lines.append(f"{self.format(record)} {record.__dict__}")


class Raising:
    """Makes pages fail, with words of a person in what they raise."""

    def __init__(self):
        self.how = None

    async def __call__(self, ask):
        if self.how == "database":
            query = text("SELECT :words FROM nowhere")
            await ask.run(lambda conn: conn.execute(query, {"words": self.words}) and None)
        if self.how and self.how != "away":
            raise self.how(f"no such story: {self.words}") from ValueError(self.words)


class Desk:
    """Segin as it is served, and everything it answered."""

    def __init__(self, worker, address, log, raising, telegram):
        self.worker, self.address, self.log, self.raising, self.telegram = worker, address, log, raising, telegram
        self.sentinels, self.faults = Sentinels(), []
        self.posted, self.taken, self.statuses = set(), set(), set()
        self.http = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())

    # -------------------------------------------------------- staff

    async def member(self, name, role, **more):
        """Somebody signed in: their account, and what their browser sends."""

        def add(conn):
            now, ring = datetime.now(UTC), self.worker.keyring
            made = accounts.add_staff(conn, name, role, cleared=role == "protection", regions=(), now=now, **more)
            token = sessions.begin(conn, ring, uuid.UUID(made.id), now)
            return accounts.find_staff(conn, name), token, sessions.of_token(conn, ring, token, now).csrf

        staff, token, csrf = await self.worker.store.run(add)
        self.sentinels.secret(token, "a session")
        return Member(self, staff, token, csrf)

    async def ask(self, method, path, *, body=None, sent=(), **headers):
        """An answer, looked through: status, headers and text."""
        headers = {"Origin": self.address, **headers}
        async with self.http.request(
            method, self.address + path, data=body, headers=headers, allow_redirects=False
        ) as got:
            if got.content_type == "text/event-stream":
                got.close()
                return got, ""
            raw = await got.read()
        page = raw.decode(errors="replace")
        self.statuses.add(got.status)
        shown = {name: value for name, value in got.headers.items() if name != "Set-Cookie"}
        self._look(f"headers of {method} {path}", json.dumps(shown))
        _, addresses = forms.read(page) if got.content_type == "text/html" else (None, [])
        self._look(f"addresses in {method} {path}", "\n".join(addresses))
        if got.status >= 400:
            # what somebody wrote is given back to them where it could not be kept, and to nobody else
            given = "".join(sent) if got.status in (409, 422) else ""
            found = {one for one in self.sentinels.found(page) if one.split(" ")[0] not in given}
            if got.status == 422 and template_of(path) in FORM_AGAIN:
                found = set()
            self.faults += [f"page {got.status} of {method} {path}: {one}" for one in found]
        return got, page

    async def look_everywhere(self, url):
        """At the metrics, the log, and all that is stored; nothing may have been found so far or now."""
        _, metrics = await self.ask("GET", "/metrics")
        assert "segin_turns" in metrics
        self._look("the metrics", metrics)
        for line in self.log.lines:
            self._look(f"log: {line[:160]}", line)
        kept = await stored(self, url)
        assert len(kept["backup"]) > 50_000
        for name, blob in kept.items():
            self._look(name, blob, declared=False)
        assert self.faults == [], "\n".join(sorted(set(self.faults)))

    def _look(self, where, blob, **more):
        self.faults += [f"{where}: {one}" for one in self.sentinels.found(blob, **more)]

    # -------------------------------------------------------- the chat

    @asynccontextmanager
    async def person(self):
        """Somebody at the page of the chat."""
        yield Person(self)

    async def cases(self):
        def look(conn):
            return {row.reference: row for row in conn.execute(tables.cases.select())}

        return await self.worker.store.read(look)


class Member:
    """Somebody of the staff."""

    def __init__(self, desk, staff, token, csrf):
        self.desk, self.staff, self.csrf = desk, staff, csrf
        self.headers = {"Cookie": f"{COOKIE}={token}"}

    async def get(self, path):
        return await self.desk.ask("GET", path, **self.headers)

    async def post(self, path, values):
        values = [("csrf", self.csrf), *[(name, value) for name, value in values if name != "csrf"]]
        answer, page = await self.desk.ask(
            "POST", path, body=urlencode(values), sent=[str(value) for _, value in values],
            **self.headers, **{"Content-Type": "application/x-www-form-urlencoded"},
        )  # fmt: skip
        template = template_of(path)
        self.desk.posted.add(template)
        if answer.status in (200, 303):
            self.desk.taken.add(template)
        return answer, page

    async def fill_in(self, path, *, only=""):
        """Every form of a page that takes words: sent, and sent once more as it was.

        What takes a case away from somebody is left out, or is all there is (`only`).
        """
        done = set()
        while True:
            answer, page = await self.get(path)
            if answer.status != 200 or answer.content_type != "text/html":
                return
            found = [
                (action, form)
                for form in forms.read(page)[0]
                for action in [form.action or path, *(one[0] for one in form.buttons if one[0])]
                if form.method == "post" and form.takes_text and action not in done
            ]
            wanted = [one for one in found if (one[0].rpartition("/")[2] in TAKES_AWAY) == bool(only)]
            wanted = [one for one in wanted if one[0].endswith(only)]
            if not wanted:
                return
            action, form = wanted[0]
            done.add(action)
            values = form.filled(lambda one, action=action: self.sentinel(action, one))
            await self.post(action, values)
            await self.post(action, values)  # the page is old by now

    def sentinel(self, action, one):
        """What is typed into a field."""
        sentinels, where = self.desk.sentinels, (template_of(action), one.name)
        if one.type == "tel" or one.name in ("phone", "number", "telegram"):
            made = sentinels.number(where)
            return made[1:] if one.name == "telegram" else made
        made = sentinels.words(where, declared=where in DECLARED)
        return f"{made}@example.org" if one.type == "email" else f"{made} {made}" if one.name == "reason" else made


class Person:
    """Somebody at the web chat."""

    def __init__(self, desk):
        self.desk, self.cookie, self.cursor, self.last = desk, "", 0, ""

    async def say(self, *many):
        for one in many:
            kind = {"kind": "tap", "tap": one[4:]} if one.startswith("tap ") else {"kind": "text", "text": one}
            await self._send({"kind": "start"} if one == "start" else kind)

    async def _send(self, what):
        body = json.dumps({"id": uuid.uuid4().hex, "cursor": self.cursor, **what})
        headers = {"Content-Type": "application/json", "X-Segin": "chat", "Cookie": self.cookie}
        answer, page = await self.desk.ask("POST", "/chat/messages", body=body, **headers)
        assert answer.status == 200, page
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
        if cookie != self.cookie:
            self.cookie = cookie
            self.desk.sentinels.secret(cookie.partition("=")[2], "a page's token")
        messages = json.loads(page)["messages"]
        self.cursor = max([self.cursor, *(one["seq"] for one in messages)])
        self.last = "\n".join(one["text"] for one in messages)

    async def upload(self, kind, media_type, body):
        """A file as it is, named in all the ways in which anybody might; the status."""
        name = self.desk.sentinels.words(f"what a {kind} is called")
        headers = {
            "Content-Type": f'{media_type}; name="{name}"', "Content-Disposition": f'attachment; filename="{name}.bin"',
            "X-File-Name": name, "X-Segin": "chat", "X-Message-Id": uuid.uuid4().hex, "X-Message-Kind": kind,
            "X-Cursor": str(self.cursor), "Cookie": self.cookie,
        }  # fmt: skip
        answer, page = await self.desk.ask("POST", "/chat/messages", body=io.BytesIO(body), **headers)
        self.desk._look(f"the answer to a {kind}", page)
        if answer.status == 200:
            self.cursor = max([self.cursor, *(one["seq"] for one in json.loads(page)["messages"])])
        return answer.status

    async def speak(self):
        web_chat, token = self.desk.worker.channels["web"], self.cookie.partition("=")[2]
        heard = Heard("voice", file=File("", "voice", 12))
        await self.desk.worker.hear(web_chat, Incoming(token, uuid.uuid4().hex, heard, OGG, self.cursor))

    def receipt(self):
        """The 16 digits just shown; they must be found nowhere."""
        shown = re.search(r"\d{4}(\s\d{4}){3}", self.last)[0]
        self.desk.sentinels.secret(re.sub(r"\s", "", shown), "a receipt")
        self.desk.sentinels.secret(shown, "a receipt in groups")
        return shown


def template_of(path):
    """The route that an address belongs to."""
    path = path.partition("?")[0]
    for route in all_routes():
        pattern = re.sub(r"\{\w+\}", "[^/]+", route.path.replace(".", r"\."))
        if route.method == "POST" and re.fullmatch(pattern, path):
            return route.path
    return path


@pytest.fixture
def log():
    """Every logger at DEBUG, but those that the product keeps silent; SQLAlchemy's own stay off, as they are."""
    noting, root = Noting(), logging.getLogger()
    before = root.level
    root.addHandler(noting)
    root.setLevel(logging.DEBUG)
    yield noting
    root.removeHandler(noting)
    root.setLevel(before)


@pytest.fixture
async def telegram():
    """The Bot API that Segin talks to."""
    async with FakeTelegram(rates=False) as api:
        yield api


@pytest.fixture
async def desk(store, keyring, log, tmp_path, monkeypatch, telegram, database_url):
    """Segin served as `segin serve` does, but with an access log as a proxy would have it."""
    raising = Raising()

    def failing(route):
        async def page(ask):
            await raising(ask)
            if raising.how == "away":
                with away(database_url, "SHARE"):  # who asks is known by now, and what is asked can be read
                    return await route.page(ask)
            return await route.page(ask)

        return mounting_route(route, page)

    monkeypatch.setattr(mounting, "all_routes", lambda: tuple(map(failing, all_routes())))
    settings = Settings(
        data_dir=tmp_path, port=free_port(), smtp_url="smtp://127.0.0.1:1", mail_from="s@example.org", demo=True,
        telegram_token=telegram.token, telegram_api_url=telegram.url, telegram_secret=TELEGRAM_SECRET,
    )  # fmt: skip
    first_publish(store, settings.library_dir)
    worker = Worker(settings, store, keyring, channels_of(settings))
    runner = Runner(application(worker), access_log=logging.getLogger("aiohttp.access"), shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, settings.host, settings.port).start()
    made = Desk(worker, f"http://{settings.host}:{settings.port}", log, raising, telegram)
    yield made
    await made.http.close()
    await runner.cleanup()


def mounting_route(route, page):
    return type(route)(route.method, route.path, route.deed, page)


# ---------------------------------------------------------------- what is done


async def people_write(desk):
    """Through the chat: cases of every kind, with sentinels as names, numbers and stories. References by kind."""
    words, number, before, cases = desk.sentinels.words, desk.sentinels.number, set(), {}

    async def filed(kind):
        now = await desk.cases()
        (cases[kind],) = set(now) - before
        before.update(now)

    named = Person(desk)
    await named.say("start", "français", "d'accord", "chez moi")
    await named.say("plainte", "oui", "1", "oui", words("chat name"), words("chat where"), words("chat story"))
    await named.say("autre numéro", number("chat phone"), "envoyer")
    named.receipt()
    await filed("named")
    voiced = Person(desk)
    await voiced.say("start", "français", "d'accord", "chez moi", "personne", "autre chose")
    await voiced.speak()
    await filed("voice")
    grave = Person(desk)
    await grave.say("start", "français", "d'accord", "chez moi", "plainte", "oui", "2", "oui")
    await grave.say(words("grave name"), words("grave where"), words("grave story"), "ici", "envoyer")
    grave.receipt()
    await filed("restricted")
    nameless = Person(desk)
    await nameless.say("start", "français", "regarder", "chez moi", "plainte", "oui", "1", "sans nom")
    await nameless.say(words("nameless where"), words("nameless story"), "envoyer")
    receipt = nameless.receipt()
    await filed("nameless")
    await nameless.say("ma demande", "j'ai un numéro", words("a wrong receipt"), "réessayer", receipt)
    await nameless.say(words("to nobody"), number("to nobody"))
    return cases, named, voiced


def places(member, cases):
    """The pages that somebody may open."""
    for route in all_routes():
        if route.method != "GET" or re.search(r"/live|\.svg|/files/|\.pdf|referrals/", route.path):
            continue
        if not route.of_a_case:
            if route.deed != PUBLIC and may(member.staff, route.deed):
                yield filled(route.path, staff_id=member.someone)
            continue
        for reference, restricted in cases:
            if may(member.staff, route.deed, Seen(restricted, None)):
                yield filled(route.path, reference=reference)


async def staff_write(desk, cases):
    """Every form of every page, by one of each role."""
    someone = (await desk.member("Bintou", "agent", office="Bureau")).staff.id
    roles = ("agent", "supervisor", "protection", "administrator", "editor")
    members = {role: await desk.member(role.capitalize(), role) for role in roles}
    second = await desk.member("Mariam", "protection")
    rows = await desk.cases()
    known = [(reference, rows[reference].restricted) for reference in cases.values()]
    for member in (*members.values(), second):
        member.someone = someone
        for path in places(member, known):
            await member.fill_in(path)
    stranger = Member(desk, None, "", "")
    for path in ("/console/sign-in", "/console/set-up"):
        await stranger.fill_in(path)
    return members


async def flows(desk, members, cases, named):
    """What needs more than one step: a case entered with a name, a referral, a case that is reopened and kept."""
    sentinels, base = desk.sentinels, "/console/cases/"
    agent, supervisor = members["agent"], members["supervisor"]
    entry = {
        "way": "walk_in", "category": "delay", "account": sentinels.words("entered account"), "named": "1",
        "consented": "1", "name": sentinels.words("entered name"), "reach": "other",
        "phone": sentinels.number("entered phone"), "region": "", "language": "fr",
    }  # fmt: skip
    _, page = await agent.get("/console/enter")
    token = next(one.value for form in forms.read(page)[0] for one in form.fields if one.name == "token")
    sentinels.secret(token, "the token of a form")
    answer, page = await agent.post("/console/enter", [*entry.items(), ("token", token)])
    assert answer.status == 200, page
    digits = re.search(r'class="digits">(.*?)</p>', page, re.DOTALL)[1]
    sentinels.secret(re.sub(r"\D", "", re.sub(r"<[^>]*>", "", digits)), "a receipt on paper")
    # a referral, agreed to by voice
    reference = base + cases["named"]
    wanted = {"service": "anpe", "told": "summary", "words": sentinels.words("told a service"), "way": "aloud"}
    version = str((await desk.cases())[cases["named"]].version)
    answer, _ = await supervisor.post(f"{reference}/refer", [*wanted.items(), ("language", "fr"), ("version", version)])
    assert answer.status == 303
    one = answer.headers["Location"].partition("?")[0]
    for deed, more in (("consent", {"how": "oral", "said": "yes"}), ("send", {})):
        await press(desk, supervisor, f"{one}/{deed}", cases["named"], more)
    answer, _ = await supervisor.get(f"{one}/summary.pdf")
    assert answer.status == 200
    await supervisor.fill_in(one)
    await supervisor.fill_in(one, only="revoke")
    # answered, resolved, reopened, kept
    await press(desk, supervisor, f"{reference}/close", cases["named"], {"outcome": "settled"})
    await supervisor.fill_in(reference)
    await named.say(sentinels.words("after it was closed"))


async def take_away(members, cases):
    """Deeds after which a case is not there for somebody."""
    for only in ("exclude", "include", "recuse"):
        for kind in ("voice", "nameless"):
            await members["supervisor"].fill_in(f"/console/cases/{cases[kind]}", only=only)
        await members["protection"].fill_in(f"/console/cases/{cases['restricted']}", only=only)


async def press(desk, member, path, reference, more):
    version = str((await desk.cases())[reference].version)
    answer, page = await member.post(path, [*more.items(), ("version", version)])
    assert answer.status == 303, page


async def failures(desk, members, cases, monkeypatch):
    """Pages that raise, forms that are none, turns of the chat that fail: with sentinels in all of them."""
    sentinels, agent, base = desk.sentinels, members["supervisor"], f"/console/cases/{cases['voice']}"
    for how in (RuntimeError, KeyError, LookupError, "database"):
        desk.raising.how, desk.raising.words = how, sentinels.words(f"raised as {how}")
        for path in ("/console", base, "/console/figures"):
            answer, _ = await agent.get(path)
            assert answer.status == 500, path
        answer, _ = await agent.post(f"{base}/note", [("text", sentinels.words("a note that fails"))])
        assert answer.status == 500
    desk.raising.how = None
    unknown, plain = sentinels.words("sent to nowhere"), {"Content-Type": "application/x-www-form-urlencoded"}
    for path, expected in (("/console/nowhere", 404), ("/console/cases/K-2222-2222/note", 404), (base, 405)):
        answer, _ = await agent.post(path, [("text", unknown)])
        assert answer.status == expected, path
    for body, kind, expected in (
        (unknown * 40_000, plain, 413), (unknown, {"Content-Type": "text/plain"}, 415),
        (f"text={unknown}%ff".encode(), plain, 400), (f"text={unknown}", plain, 403),
    ):  # fmt: skip
        answer, _ = await desk.ask("POST", f"{base}/note", body=body, **agent.headers, **kind)
        assert answer.status == expected, kind
    person = Person(desk)
    await person.say("start")

    def fails(*_, **__):
        raise RuntimeError(sentinels.words("a turn that fails"))

    with monkeypatch.context() as broken:
        broken.setattr("bot.round.Round._advance", fails)
        await person.say(sentinels.words("said into a turn that fails"))
    for body in (f'{{"{unknown}', json.dumps({"id": unknown, "kind": unknown})):
        headers = {"Content-Type": "application/json", "X-Segin": "chat", "Cookie": person.cookie}
        answer, _ = await desk.ask("POST", "/chat/messages", body=body, **headers)
        assert answer.status == 400


# ---------------------------------------------------------------- where it is looked for


async def stored(desk, url):
    """All bytes that are kept: name → bytes."""
    found, file = {}, io.BytesIO()
    await desk.worker.store.read(lambda conn: backup.write(conn, file) and None)
    found["backup"] = file.getvalue()
    if url.startswith("sqlite"):
        for end in ("", "-wal", "-shm"):
            with open(url.removeprefix("sqlite:///") + end, "rb") as part:  # noqa: PTH123, ASYNC230
                found[f"segin.db{end}"] = part.read()
        return found
    names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"

    def dump(conn):
        for (name,) in conn.execute(text(names)).all():
            cells = [cell for row in conn.execute(text(f'SELECT * FROM "{name}"')) for cell in row]
            found[f"table {name}"] = b"\n".join(
                bytes(cell) if isinstance(cell, bytes | memoryview) else str(cell).encode() for cell in cells
            )

    await desk.worker.store.read(dump)
    return found


async def test_nothing_typed_is_found_elsewhere(desk, database_url, monkeypatch):
    """Everything above, and what is found of it; then a control that is found, so that the test can fail."""
    sentinels = desk.sentinels
    cases, named, _ = await people_write(desk)
    members = await staff_write(desk, cases)
    await flows(desk, members, cases, named)
    shown = [(await members["protection"].get(f"/console/cases/{one}"))[1] for one in cases.values()]
    shown += [(await members["supervisor"].get(f"/console/cases/{one}"))[1] for one in cases.values()]
    kept = {one for page in shown for one in re.findall(rf"{WORDS}\d+|{DIGITS}\d+", page)}
    assert len(kept) > 30, "the pages of the cases show what was typed"
    await failures(desk, members, cases, monkeypatch)
    await take_away(members, cases)
    forms_with_words = {route.path for route in all_routes() if route.method == "POST"} - WITHOUT_WORDS
    assert forms_with_words - desk.posted == set(), "forms that nothing was typed into"
    assert forms_with_words - desk.taken - set(NEVER_TAKEN) == set(), "forms that took nothing"
    assert desk.statuses >= {200, 303, 400, 403, 404, 405, 409, 413, 415, 422, 500}
    assert len(sentinels.where) > 100
    assert len(desk.log.lines) > 200
    await desk.look_everywhere(database_url)
    await control(desk, database_url)


# ---------------------------------------------------------------- files


def photo(words):
    """A picture whose phone wrote words into it, and its maker into a comment."""
    exif = Image.Exif()
    exif[0x010E], exif[0x013B] = words, words  # description, artist
    body = io.BytesIO()
    Image.new("RGB", (40, 30), "green").save(body, "JPEG", exif=exif, comment=words.encode())
    return body.getvalue()


async def sent_by_telegram(desk, kind, body):
    """A file with a name, a sender with a name and a number, and words below it."""
    words, chat = desk.sentinels.words, int(desk.sentinels.number("a chat of Telegram"))
    for number, said in enumerate(("/start", "français", "d'accord", "chez moi", "personne", "autre chose"), 1):
        await deliver(desk, update(chat, number, text=said))
    file_id = uuid.uuid4().hex
    desk.telegram.files[file_id] = body
    told = update(chat, 7, text="")
    message = told["message"]
    del message["text"]
    message["from"]["username"] = message["from"]["last_name"] = words("what a sender is called on Telegram")
    name = {} if kind == "voice" else {"file_name": f"{words('what a file is called on Telegram')}.pdf"}
    message |= {kind: {"file_id": file_id, "file_unique_id": "u", **name}, "caption": words("below a file of Telegram")}
    await deliver(desk, told)
    await desk.worker.attachments.quiet()
    await desk.worker.lanes.quiet()


async def deliver(desk, told):
    answer, page = await desk.ask("POST", "/telegram/webhook", body=json.dumps(told), **telegram_headers())
    assert answer.status == 200, page


async def test_nothing_uploaded_is_found_elsewhere(desk, database_url):
    """Words in the names of files and within them, taken or refused. Staff get the files, and nobody else a word."""
    words = desk.sentinels.words
    in_voice, in_paper, in_photo = words("within a voice note"), words("within a paper"), words("within a photo")
    voice, paper = OGG + in_voice.encode() * 20, b"%PDF-1.4\n% " + in_paper.encode() * 20 + b"\n%%EOF\n"
    assert desk.sentinels.found(photo(in_photo))
    person = Person(desk)
    await person.say("start", "français", "d'accord", "chez moi", "personne", "autre chose")
    assert await person.upload("voice", "audio/ogg", voice) == 200
    for kind, media_type, body in (("document", "application/pdf", paper), ("photo", "image/jpeg", photo(in_photo))):
        assert await person.upload(kind, media_type, body) == 200
    (reference,) = set(await desk.cases())
    # what is not taken
    unknown = words("within what is no file").encode()
    for media_type, body, status in (
        ("audio/ogg", OGG + unknown * (MAX_FILE // len(unknown)), 413),
        ("application/pdf", unknown, 415),
        ("image/jpeg", b"\xff\xd8\xff\xe0" + unknown, 415),
        ("multipart/form-data; boundary=x", b"--x\r\n" + unknown, 415),
    ):
        assert await person.upload("voice", media_type, body) == status, media_type
    with away(database_url):
        assert await person.upload("voice", "audio/ogg", OGG + unknown) == 503
    # the same from Telegram, which tells names, and from which the bytes are fetched later
    in_theirs = words("within a voice note of Telegram")
    await sent_by_telegram(desk, "voice", OGG + in_theirs.encode() * 20)
    (theirs,) = set(await desk.cases()) - {reference}
    in_their_paper = words("within a paper of Telegram")
    await sent_by_telegram(desk, "document", b"%PDF-1.4\n% " + in_their_paper.encode() * 20)
    (their_paper,) = set(await desk.cases()) - {reference, theirs}
    # staff get them as they came, but for pictures
    member, got = await desk.member("Awa", "agent"), {}
    for case in (reference, theirs, their_paper):
        _, page = await member.get(f"/console/cases/{case}")
        for path in sorted(set(re.findall(rf"/console/cases/{case}/files/\w+", page))):
            for ask in (path, f"{path}?download"):
                answer, body = await member.get(ask)
                assert answer.status == 200, path
                got[case, answer.content_type, ask == path] = body
        names = {one for one in desk.sentinels.found(page) if " is called" in one}
        assert names == set(), "what a file is called is kept by nobody"
    bodies = list(got.values())
    assert all(any(one in body for body in bodies) for one in (in_voice, in_paper, in_theirs, in_their_paper))
    assert any(kind == "image/jpeg" for _, kind, _ in got)
    assert not any(in_photo in body for body in bodies)
    assert desk.statuses >= {200, 413, 415, 503}
    await desk.look_everywhere(database_url)
    await control(desk, database_url, declared=False)


# ---------------------------------------------------------------- while the database is away


@contextmanager
def away(url, mode="ACCESS EXCLUSIVE"):
    """Somebody else holds the locks that any transaction needs; with "SHARE", on PostgreSQL, those of any change."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as conn:
            if conn.dialect.name == "sqlite":
                conn.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                conn.exec_driver_sql("BEGIN")
                conn.exec_driver_sql(f"LOCK TABLE {', '.join(tables.metadata.tables)} IN {mode} MODE")
            try:
                yield
            finally:
                conn.exec_driver_sql("ROLLBACK")
    finally:
        engine.dispose()


async def test_nothing_is_found_when_the_database_is_away(desk, database_url):
    """Every form, sent while nothing can be read, and sent while nothing can be written."""
    cases, *_ = await people_write(desk)
    rows = await desk.cases()
    known = [(reference, rows[reference].restricted) for reference in cases.values()]
    members = [await desk.member(f"{role} of now", role) for role in ("supervisor", "protection", "administrator")]
    someone = (await desk.member("Bintou", "agent", office="Bureau")).staff.id
    done, found = set(), []
    for member in members:
        member.someone = someone
        for path in places(member, known):
            _, page = await member.get(path)
            for form in forms.read(page)[0]:
                for action in [form.action or path, *(one[0] for one in form.buttons if one[0])]:
                    if form.method == "post" and form.takes_text and template_of(action) not in done:
                        done.add(template_of(action))
                        found.append((member, action, form))
    stranger = Member(desk, None, "", "")
    for path in ("/console/sign-in", "/console/set-up"):
        _, page = await stranger.get(path)
        found.append((stranger, path, next(form for form in forms.read(page)[0] if form.takes_text)))
    assert len(found) > 20
    stayed = set()
    for member, action, form in found:
        with away(database_url):
            answer, page = await member.post(
                action, form.filled(lambda one, member=member, action=action: member.sentinel(action, one))
            )
        assert answer.status == 503, f"{action} is answered {answer.status}"
        assert "Rien n'a été enregistré" in spoken(page) or "Nothing was stored" in page, action
        desk.raising.how = "away"
        answer, page = await member.post(
            action, form.filled(lambda one, member=member, action=action: member.sentinel(action, one))
        )
        desk.raising.how = None
        if answer.status != 503:  # what was typed is no such thing, or nothing is written for it
            stayed.add(template_of(action))
    assert len(stayed) < len(found) // 4, stayed
    person = Person(desk)
    await person.say("start", "français", "d'accord", "chez moi")
    with away(database_url):
        body = json.dumps({"id": uuid.uuid4().hex, "cursor": 0, "kind": "text", "text": desk.sentinels.words("away")})
        headers = {"Content-Type": "application/json", "X-Segin": "chat", "Cookie": person.cookie}
        answer, _ = await desk.ask("POST", "/chat/messages", body=body, **headers)
        assert answer.status == 503
        said = update(int(desk.sentinels.number("away")), 1, text=desk.sentinels.words("away, on Telegram"))
        answer, _ = await desk.ask("POST", "/telegram/webhook", body=json.dumps(said), **telegram_headers())
        assert answer.status == 503
    await desk.look_everywhere(database_url)


def spoken(page):
    """A page as one reads it."""
    return page.replace("&#39;", "'")


async def control(desk, url, *, declared=True):
    """What is written where it must not be is found: in a log, in the database and in a backup."""
    leaked = desk.sentinels.words("a control")

    def leak(conn):
        audit.append(conn, at=datetime.now(UTC), staff="Awa", deed="note", detail=leaked)

    await desk.worker.store.run(leak)
    logging.getLogger("aiohttp.web").debug("a form: %s", {"text": leaked})
    assert desk.sentinels.found("\n".join(desk.log.lines[-20:]))
    found = {name for name, blob in (await stored(desk, url)).items() if desk.sentinels.found(blob, declared=False)}
    assert found >= {"backup", "segin.db-wal" if url.startswith("sqlite") else "table audit"}
    assert desk.sentinels.found(leaked.upper().encode("utf-16-le"))
    assert desk.sentinels.found(base64.b64encode(f"ab {leaked}".encode()))
    # names of staff are declared, and there: the field was filled in
    assert not declared or any(OPEN.encode() in blob for blob in (await stored(desk, url)).values())
