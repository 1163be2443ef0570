"""The complaint, through a Telegram server written elsewhere: telegram-test-api, by webhook and by polling.

Optional: it runs where `npm install` was run in `telegram_emulator/`. What a fake of ours takes for right, somebody
else's may not: here they disagree, if they do.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = Path(__file__).parent / "telegram_emulator"
NODE = shutil.which("node")
TOKEN, SECRET, AWA = "7000000001:AAFakeFakeFakeFakeFakeFakeFakeFakeFak", "the_emulator-does-not-know", 5501234567
PATIENCE = 30.0

pytestmark = [
    pytest.mark.skipif(NODE is None, reason="no Node here"),
    pytest.mark.skipif(not (HERE / "node_modules").exists(), reason=f"npm install was not run in {HERE.name}/"),
]


class Emulator:
    """The server, and the phone of one person at it."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.number = 0
        self.seen: list[dict[str, Any]] = []

    def ask(self, path: str, **content: Any) -> Any:
        request = urllib.request.Request(
            f"{self.url}{path}", json.dumps(content).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.loads(answer.read() or b"{}")

    def write(self, words: str) -> None:
        if words.startswith("/"):
            entities = [{"offset": 0, "length": len(words), "type": "bot_command"}]
            self.ask("/sendCommand", **self._there(), text=words, entities=entities)
        else:
            self.ask("/sendMessage", **self._there(), text=words)

    def tap(self, label: str) -> None:
        """The button of this name, below the newest message that has it."""
        for message in reversed(self.seen):
            for row in message["message"].get("reply_markup", {}).get("inline_keyboard", []):
                for button in row:
                    if button["text"] == label:
                        under = {
                            **self._there(),
                            "message_id": message["messageId"],
                            "text": message["message"]["text"],
                        }
                        del under["botToken"]
                        self.ask("/sendCallback", **self._there(), message=under, data=button["callback_data"])
                        return
        raise AssertionError(f"no button « {label} » in {[one['message']['text'] for one in self.seen[-3:]]}")

    def _there(self) -> dict[str, Any]:
        person = {"id": AWA, "first_name": "Awa", "is_bot": False, "language_code": "fr"}
        return {"botToken": TOKEN, "date": int(time.time()), "from": person, "chat": {**person, "type": "private"}}

    def reads(self, words: str) -> None:
        """Until these words arrive, after what was read before."""
        before = len(self.seen)

        def here() -> bool:
            self.seen += self.ask("/getUpdates", token=TOKEN, chatId=AWA)["result"]
            return any(words in one["message"]["text"] for one in self.seen[before:])

        until(here, f"{words!r}; there is {[one['message']['text'] for one in self.seen[before:]]}")


def until(happened: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, f"it never came to this: {what}"
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(command: list[str], folder: Path, url: str, **more: Any) -> Iterator[None]:
    log = folder / f"{Path(command[0]).name}.log"
    with log.open("ab") as out, subprocess.Popen(command, stdout=out, stderr=out, **more) as started:
        try:
            until(lambda: started.poll() is not None or _answers(url), f"{command} answers: {log.read_text()[-2000:]}")
            assert started.poll() is None, log.read_text()[-2000:]
            yield
        finally:
            started.terminate()
            started.wait(20)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    made = Emulator(free_port())
    command = [str(NODE), "serve.cjs", made.url.rpartition(":")[2], SECRET]
    with process(command, tmp_path, f"{made.url}/bot{TOKEN}/getMe", cwd=HERE):
        yield made


@pytest.fixture(params=["webhook", "polling"])
def segin(request: pytest.FixtureRequest, emulator: Emulator, tmp_path: Path) -> Iterator[dict[str, str]]:
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEGIN_")}
    environment |= {
        "SEGIN_DATA_DIR": str(tmp_path / "data"), "SEGIN_PORT": str(port), "SEGIN_DEMO": "1",
        "SEGIN_TELEGRAM_TOKEN": TOKEN, "SEGIN_TELEGRAM_API_URL": emulator.url, "SEGIN_TELEGRAM_MODE": request.param,
    }  # fmt: skip
    if request.param == "webhook":
        environment["SEGIN_TELEGRAM_SECRET"] = SECRET
    at = f"http://127.0.0.1:{port}"
    with process([sys.executable, "-m", "bot", "serve"], tmp_path, f"{at}/readyz", cwd=ROOT, env=environment):
        if request.param == "webhook":  # a real one would want https
            emulator.ask(f"/bot{TOKEN}/setWebhook", url=f"{at}/telegram/webhook")
        yield environment


def test_a_complaint_without_a_name(emulator: Emulator, segin: dict[str, str]) -> None:
    emulator.write("/start")
    emulator.reads("Segin")
    emulator.tap("Français")
    emulator.reads("d'accord")
    emulator.tap("D'accord")
    emulator.reads("Où êtes-vous")
    emulator.tap("Chez moi, au Mali")
    emulator.reads("Que voulez-vous faire")
    emulator.tap("Porter plainte")
    emulator.reads("sans danger")
    emulator.tap("Oui")
    emulator.reads("De quoi voulez-vous parler")
    emulator.tap("Un retard, un service")
    emulator.reads("votre nom")
    emulator.tap("Non, sans nom")
    emulator.reads("Quelle organisation")
    emulator.write("OIM, Kayes")
    emulator.reads("Dites ce que vous voulez")
    emulator.write("J'attends depuis trois mois.")
    emulator.reads("Voici ce qui part")
    emulator.tap("Envoyer")
    emulator.reads("Numéro à garder")
    printed = subprocess.run(
        [sys.executable, "-m", "bot", "cases", "list", "--json"],
        cwd=ROOT, env=segin, capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    assert [case["category"] for case in json.loads(printed)] == ["delay"]
