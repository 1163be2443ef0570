"""E-mail by a server of the organisation's: one message to one address, in a thread of its own."""

import asyncio
import contextlib
import ipaddress
import re
import smtplib
import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr
from urllib.parse import unquote, urlsplit

TIMEOUT = 15.0  # seconds for each step of the talk with the server
WHOLE = 45.0  # seconds for all of it
AT_ONCE = 4
PORTS = {"smtp": 587, "smtps": 465}
_ADDRESS = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+")


class NotSetUp(ValueError):
    """The settings of e-mail can't be read; the message names what is wrong and quotes nothing secret."""


def is_address(text: str) -> bool:
    """Whether it looks like one e-mail address, without a name before it."""
    return bool(_ADDRESS.fullmatch(text))


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed in. With `tls` from the first byte; else STARTTLS, which only this very machine may lack."""

    host: str
    port: int
    tls: bool
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def read_server(url: str) -> Server:
    """Reads `smtp://user:password@host:587` or `smtps://…`. Raises `NotSetUp`."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise NotSetUp("an address such as smtp://user:password@mail.example.org:587") from None
    if parts.scheme not in PORTS or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise NotSetUp("an address such as smtp://user:password@mail.example.org:587")
    if bool(parts.username) != bool(parts.password):
        raise NotSetUp("both user and password, or neither; special letters in them are written as %40")
    return Server(
        parts.hostname,
        port or PORTS[parts.scheme],
        parts.scheme == "smtps",
        unquote(parts.username or ""),
        unquote(parts.password or ""),
    )


class Mail:
    """Sends from one address by one server."""

    def __init__(self, url: str, sender: str) -> None:
        self.server, self.sender = read_server(url), sender
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="mail")

    async def send(self, address: str, subject: str, body: str) -> None:
        """Returns when the server took it. Raises `smtplib.SMTPException`, `OSError` or `TimeoutError`."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self.sender, address, subject
        message["Date"] = format_datetime(datetime.now(UTC))
        message["Message-ID"] = make_msgid(domain=parseaddr(self.sender)[1].rpartition("@")[2] or "localhost")
        message["Auto-Submitted"] = "auto-generated"  # nobody's out-of-office answers it
        message.set_content(body)
        work = asyncio.get_running_loop().run_in_executor(self._threads, self._hand_in, message, address)
        async with asyncio.timeout(WHOLE):
            await work

    async def close(self) -> None:
        """Nothing more is sent; a thread that still talks ends within its timeout."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _hand_in(self, message: EmailMessage, address: str) -> None:
        server = self.server
        trusted = ssl.create_default_context()
        if server.tls:
            line: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT, context=trusted)
        else:
            line = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT)
        try:
            line.ehlo()
            if not (server.tls or server.loopback):
                line.starttls(context=trusted)  # raises where the server does not offer it
                line.ehlo()
            if server.user:
                line.login(server.user, server.password)
            line.send_message(message, to_addrs=[address])
        finally:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                line.quit()
