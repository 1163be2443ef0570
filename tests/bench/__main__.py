"""`python -m tests.bench`: turns a second through the web chat's own address, on SQLite and on PostgreSQL.

Starts `segin serve` as its own process with full durability and encryption on, and people in another one who
walk through real dialogues (papers to bring; a whole anonymous complaint), each waiting for every answer. Every
answer is checked. Prints a Markdown table: medians of alternating rounds. `--profile` says where a turn's time goes.

`python -m tests.bench telegram` and `… whatsapp-load` measure the other channels, `… desk` the inbox of staff (`--help`
of each says how).
"""

import argparse
import contextlib
import json
import os
import platform
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench import desk, telegram, whatsapp_load
from tests.bench.machine import Database, cpu_of_tree, people, postgresql, segin

OTHERS = {"desk": desk.main, "telegram": telegram.main, "whatsapp-load": whatsapp_load.main}


def main() -> int:
    if sys.argv[1:2] and sys.argv[1] in OTHERS:
        return OTHERS[sys.argv[1]](sys.argv[2:])
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
    counts = [int(one) for one in (given.people or ("50" if given.profile else "1,50,500")).split(",")]
    with tempfile.TemporaryDirectory(prefix="segin-bench-") as name, contextlib.ExitStack() as open_until_the_end:
        folder = Path(name)
        databases: dict[str, Database] = {}
        for kind in kinds:
            if kind == "sqlite":
                databases[kind] = Database(folder)
            else:
                databases[kind] = open_until_the_end.enter_context(postgresql())
        if given.profile:
            for kind, database in databases.items():
                _profile(kind, database, folder, counts[0], given.seconds)
        else:
            _bench(databases, folder, counts, given.rounds, given.seconds)
    return 0


# ---------------------------------------------------------------- one run


def _load(port: int, count: int, seconds: float) -> "contextlib.AbstractContextManager[Any]":
    return people(["tests.bench.load", str(port), str(count), str(seconds)])


def _run(database: Database, folder: Path, count: int, seconds: float) -> dict[str, float]:
    with segin(database.fresh(), folder) as (port, pid):
        marks = []
        with _load(port, count, seconds) as load:
            assert load.stdout
            for line in load.stdout:
                if line.strip() in ("begin", "end"):
                    marks.append((cpu_of_tree(pid), database.cpu()))
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


# ---------------------------------------------------------------- what is printed


def _bench(databases: dict[str, Database], folder: Path, counts: list[int], rounds: int, seconds: float) -> None:
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{machine}; full durability, encryption on.")
    print("The web chat's flood limits (for each person and for newcomers) are lifted for the bench.\n")
    found: dict[tuple[str, int], list[dict[str, float]]] = {}
    for number in range(rounds):
        for count in counts:
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


def _profile(kind: str, database: Database, folder: Path, count: int, seconds: float) -> None:
    into = folder / f"profile-{kind}.json"
    with (
        segin(database.fresh(), folder, {"BENCH_PROFILE": str(into)}) as (port, pid),
        _load(port, count, seconds) as load,
    ):
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
    print(f"{kind}, {count} people: {each:.1f} turns a round, {whole:.0f} µs of CPU a turn\n")
    print("| thread | what | µs CPU | share | µs by the clock |")
    print("|---|---|---|---|---|")
    for thread, section, cpu, wall in sorted(result["rows"], key=lambda row: (row[0], -row[2])):
        clock = f"{wall:.1f}" if wall else ""
        print(f"| {thread} | {section} | {cpu:.1f} | {cpu / whole:.0%} | {clock} |")
    print()


if __name__ == "__main__":
    sys.exit(main())
