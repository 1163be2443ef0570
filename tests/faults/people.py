"""People at the web chat, as the page behaves: an id for every message, a queue, a cursor, an open stream."""

import contextlib
import json
import re
import socket
import threading
import time
import uuid
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from typing import Any

from tests.faults.segin import PATIENCE

WEBM = bytes.fromhex("1A45DFA3010000000000001F4286810142F7810142F2810442F381084282847765626D") + bytes(range(256)) * 60
"""The head of a voice note as a browser records it, and 15 kB of noise."""


class Away(Exception):
    """The server does not answer, or says that it can't."""


class Browser:
    """One browser: what it shows, in order, is what its person saw."""

    def __init__(self, port: int, other_port: int = 0) -> None:
        self.port, self.other_port = port, other_port or port
        self.cookie = ""
        self.cursor = 0
        self.shown: list[tuple[int, dict[str, Any]]] = []
        self.acknowledged: list[str] = []  # ids answered with 200
        self.again = 0  # messages that came a second time by the same way
        self.out_of_order = 0
        self._by_answer: set[int] = set()
        self._by_stream: set[int] = set()
        self._connection: HTTPConnection | None = None
        self._lock = threading.RLock()
        self._stream: threading.Thread | None = None
        self._closed = threading.Event()
        self._open: HTTPConnection | None = None

    # ------------------------------------------------------------ speaking

    def say(self, kind: str, value: str = "") -> list[dict[str, Any]]:
        """Say one thing, again and again until it is taken; returns what the answer brought."""
        message_id = str(uuid.uuid4())
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                return self._answered(message_id, *self.post(message_id, kind, value))
            except Away:
                time.sleep(0.03)
        raise AssertionError(f"nobody took {kind} {value!r}")

    def post(self, message_id: str, kind: str, value: str = "") -> tuple[int, dict[str, Any]]:
        """One try: status and body. Raises `Away` when there is no answer."""
        headers = {"X-Segin": "chat", "Accept-Language": "fr"}
        if kind == "voice":
            headers |= {
                "Content-Type": "audio/webm",
                "X-Message-Id": message_id,
                "X-Message-Kind": "voice",
                "X-Seconds": "3",
                "X-Cursor": str(self.cursor),
            }
            body = WEBM
        else:
            headers["Content-Type"] = "application/json"
            content = {"id": message_id, "kind": kind, "cursor": self.cursor}
            body = json.dumps(content | ({kind: value} if kind in ("text", "tap") else {})).encode()
        return self.request("POST", "/chat/messages", body, headers)

    def _answered(self, message_id: str, status: int, given: dict[str, Any]) -> list[dict[str, Any]]:
        if status == 503:
            raise Away
        assert status == 200, (status, given)
        self.acknowledged.append(message_id)
        with self._lock:
            if given["new"]:
                self.cursor = 0
            self._show(given["messages"], self._by_answer)
        messages: list[dict[str, Any]] = given["messages"]
        return messages

    def seen(self) -> None:
        """Tell the server what is shown, once it listens."""
        body = json.dumps({"cursor": self.cursor}).encode()
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                status, _ = self.request("POST", "/chat/seen", body, {"X-Segin": "chat"})
            except Away:
                status = 0
            if status == 204:
                return
            time.sleep(0.03)
        raise AssertionError("nobody takes the acknowledgement")

    def request(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Over one kept connection; a new one when it broke."""
        if self._connection is None:
            self._connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        if self.cookie:
            headers = {**headers, "Cookie": f"segin_chat={self.cookie}"}
        try:
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, HTTPException) as error:
            self._connection.close()
            self._connection = None
            raise Away(str(error)) from error
        found = re.search(r"segin_chat=([^;]*)", answer.getheader("Set-Cookie") or "")
        if found:
            self.cookie = found[1]
        return answer.status, json.loads(content) if content else {}

    # ------------------------------------------------------------ what is shown

    def _show(self, messages: list[dict[str, Any]], way: set[int]) -> None:
        for message in messages:
            seq = message["seq"]
            if seq in way:
                self.again += 1
            way.add(seq)
            if seq <= self.cursor:
                continue
            self.cursor = seq
            self.shown.append((seq, message))

    @property
    def texts(self) -> list[str]:
        return [plain(message["text"]) for _, message in self.shown]

    def last(self) -> dict[str, Any]:
        return self.shown[-1][1]

    def wait_for(self, words: str) -> dict[str, Any]:
        """Until the page shows these words."""
        return self.until(lambda m: words in m["text"], words)

    def until(self, is_it: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with self._lock:
                for _, message in self.shown:
                    if is_it(message):
                        return message
            time.sleep(0.01)
        raise AssertionError(f"{what!r} was never shown; the page shows {self.texts[-3:]}")

    # ------------------------------------------------------------ the stream

    def listen(self) -> None:
        """Keep a stream open, as the page does."""
        self._stream = threading.Thread(target=self._keep_listening, daemon=True)
        self._stream.start()

    def _keep_listening(self) -> None:
        while not self._closed.is_set():
            self._open = HTTPConnection("127.0.0.1", self.other_port, timeout=PATIENCE)
            try:
                path = f"/chat/stream?cursor={self.cursor}"
                self._open.request("GET", path, headers={"Cookie": f"segin_chat={self.cookie}"})
                answer = self._open.getresponse()
                if answer.status == 200:
                    self._read_stream(answer)
            except (OSError, HTTPException, ValueError, AttributeError):
                pass  # the server was killed, or the page closed: the loop decides which
            finally:
                self._open.close()
            time.sleep(0.03)

    def _read_stream(self, answer: Any) -> None:
        for line in answer:
            if self._closed.is_set():
                return
            if line.startswith(b"data: {") and line.strip() != b"data: {}":
                with self._lock:
                    self._show([json.loads(line[6:])], self._by_stream)

    def close(self) -> None:
        self._closed.set()
        if self._connection:
            self._connection.close()
        if self._stream:
            opened = self._open
            if opened and opened.sock:
                with contextlib.suppress(OSError):  # gone already
                    opened.sock.shutdown(socket.SHUT_RDWR)
            self._stream.join(PATIENCE)


_DAYS = (
    "lundi mardi mercredi jeudi vendredi samedi dimanche janvier février mars avril mai juin juillet août septembre "
    "octobre novembre décembre Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April "
    "May June July August September October November December"
).replace(" ", "|")


def plain(text: str) -> str:
    """A text without what differs from run to run: references, receipts, days and hours."""
    text = re.sub(r"\b[A-Z0-9]{3}-[A-Z0-9]{4}\b", "REFERENCE", text)
    text = re.sub(rf"\b({_DAYS})\b", "DAY", text)
    text = re.sub(r"\d+:\d+(\s?[AP]M)?", "#", text)
    return re.sub(r"\d+(\s\d+)*", "#", text)
