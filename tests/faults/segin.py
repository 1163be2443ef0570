"""Starting Segin as a process, watching it, ending it by its number."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 20.0  # seconds for anything to happen; a test that needs them has failed


class Launcher:
    """The process that forks (`server.py`); one for a whole test run. `library` is what Segin serves."""

    def __init__(self, log: Path, library: Path) -> None:
        self.library = library
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.server", str(library)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._turn = threading.Lock()

    def ask(self, **job: Any) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        with self._turn:
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()
        self._log.close()


@dataclass
class Segin:
    """`segin serve` on one database, started as often as it is killed. Also `segin` for staff."""

    launcher: Launcher
    url: str
    folder: Path
    name: str = "server"
    extras: dict[str, Any] = field(default_factory=dict)  # what `server.py` prepares
    settings: dict[str, str] = field(default_factory=dict)  # more of its environment
    port: int = 0
    pid: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def _job(self, arguments: list[str], log: Path, **extras: Any) -> dict[str, Any]:
        environment = {
            "SEGIN_DATA_DIR": str(self.folder),
            "SEGIN_DATABASE_URL": self.url,
            "SEGIN_LIBRARY_DIR": str(self.launcher.library),
            "SEGIN_PORT": str(self.port),
            **self.settings,
        }
        return {"do": "start", "arguments": arguments, "environment": environment, "log": str(log), **extras}

    def start(self, *, kill: tuple[str, int] | None = None, wait: bool = True) -> None:
        self.pid = self.launcher.ask(**self._job(["serve"], self.log, kill=kill, **self.extras))
        if wait:
            self.wait_until_ready()

    def wait_until_ready(self) -> None:
        end = time.monotonic() + PATIENCE
        while not self.is_ready():
            if self.ended() is not None or time.monotonic() > end:
                raise AssertionError(f"segin serve did not start:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.01)

    def is_ready(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def ended(self) -> int | None:
        """Its exit status, minus the signal's number when one ended it; None while it runs."""
        if not self.pid:
            return 0
        status: int | None = self.launcher.ask(do="look", pid=self.pid)
        if status is not None:
            self.pid = 0
        return status

    def wait(self, patience: float = PATIENCE) -> int:
        """Wait for its end."""
        end = time.monotonic() + patience
        while (status := self.ended()) is None:
            if time.monotonic() > end:
                raise AssertionError(f"still running:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.01)
        return status

    def end(self, number: signal.Signals = signal.SIGKILL) -> int | None:
        """End this process, and no other; its exit status, None when it had ended before."""
        if self.pid and self.ended() is None:
            os.kill(self.pid, number)
            return self.wait()
        return None

    def staff(self, *arguments: str, kill: tuple[str, int] | None = None) -> tuple[int, str]:
        """`segin cases …` as its own process: its exit status and what it printed."""
        printed = self.folder / f"staff-{time.monotonic_ns()}.log"
        pid = self.launcher.ask(**self._job(list(arguments), printed, kill=kill))
        end = time.monotonic() + PATIENCE
        while (status := self.launcher.ask(do="look", pid=pid)) is None:
            assert time.monotonic() < end, "a staff command hangs"
            time.sleep(0.01)
        return status, printed.read_text()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
