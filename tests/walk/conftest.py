"""Segin as people run it: a served process, its command line, a real browser."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
CHROMIUM = "/usr/bin/chromium" if Path("/usr/bin/chromium").exists() else shutil.which("chromium")
ORDINARY = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
ORDINARY += ["--disable-component-update", "--disable-sync"]
ORDINARY += ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


@dataclass
class Served:
    """A running `segin serve` and the command line beside it."""

    environment: dict[str, str]
    port: int
    process: subprocess.Popen[bytes] | None = None
    log: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def segin(self, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "bot", *words],
            cwd=ROOT,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def cases(self, *words: str) -> list[dict]:
        return json.loads(self.segin("cases", "list", "--json", *words).stdout)

    def start(self, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bot", "serve", *words], cwd=ROOT, env=self.environment, stderr=subprocess.PIPE
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.address}readyz", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                assert self.process.poll() is None, self.process.stderr.read().decode()
                time.sleep(0.05)
        raise AssertionError("Segin does not listen")

    def stop(self) -> str:
        """What it logged."""
        self.process.send_signal(signal.SIGTERM)
        _, log = self.process.communicate(timeout=15)
        return log.decode()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(folder: Path, *words: str, **settings: str):
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEGIN_")}
    environment |= {"SEGIN_DATA_DIR": str(folder), "SEGIN_PORT": str(port), "PYTHONWARNINGS": "error", **settings}
    served = Served(environment, port)
    served.start(*words)
    try:
        yield served
    finally:
        if served.process.poll() is None:
            served.stop()


@pytest.fixture
def served(tmp_path, database_url):
    """Segin on each database."""
    with serving(tmp_path / "data", SEGIN_DATABASE_URL=database_url) as running:
        yield running


@pytest.fixture
async def browser():
    if CHROMIUM is None and os.environ.get("CI") != "true":
        pytest.skip("no Chromium: neither /usr/bin/chromium nor `chromium` on the PATH")
    from playwright.async_api import async_playwright  # noqa: PLC0415 - only where there is a browser

    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=ORDINARY + root)
        yield running
        await running.close()


class Phone:
    """Somebody's browser, with the chat open."""

    def __init__(self, page) -> None:
        self.page = page

    async def tap(self, label: str) -> None:
        await self.page.get_by_role("log").get_by_role("button", name=label, exact=True, disabled=False).last.click()

    async def write(self, words: str) -> None:
        await self.page.get_by_role("textbox").fill(words)
        await self.page.keyboard.press("Enter")

    async def sees(self, words: str):
        found = self.page.get_by_role("log").get_by_text(words).last
        await found.wait_for()
        return found

    async def receipt(self) -> str:
        text = await (await self.sees("Numéro à garder")).inner_text()
        return re.search(r"\d{4}\s\d{4}\s\d{4}\s\d{4}", text)[0]


@pytest.fixture
async def phone(browser):
    """Opens the chat on a fresh phone."""

    async def open_on(served: Served, width: int = 320, height: int = 640) -> Phone:
        context = await browser.new_context(viewport={"width": width, "height": height})
        context.set_default_timeout(15_000)
        page = await context.new_page()
        await page.goto(served.address)
        return Phone(page)

    return open_on
