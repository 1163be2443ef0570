"""`python -m tests.bench telegram`: the whole of Segin at Telegram's webhook, beside python-telegram-bot.

Both walk people through the same six steps, one after the other in alternating rounds, so that whatever else the
machine does falls on both. Segin runs as it is served: SQLite with full fsync, encryption, the outbox, a case filed
at the last step; only the limits of the provider are lifted (`SEGIN_UNLIMITED_RATES`). The peer is
`ConversationHandler`, in memory.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench import six_steps
from tests.bench.machine import Database, cpu_of_tree, free_port, memory_of, people, segin, serving

BOTS = {"segin": "Segin", "peer": "python-telegram-bot"}
TOKEN, SECRET = "7000000001:AAFakeFakeFakeFakeFakeFakeFakeFakeFak", "a_secret-of-the-bench"
BOT_CORE, LOAD_CORE = 0, 1


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench telegram", description=__doc__.partition("\n")[0])
    parser.add_argument("--people", default="1,50,500", help="how many at once, separated by commas")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each run counts")
    parser.add_argument("--rounds", type=int, default=3, help="alternating rounds; medians are printed")
    parser.add_argument("--api-delay", type=float, default=0.0, help="ms the Bot API takes to answer; the real one: 50")
    parser.add_argument("--only", choices=list(BOTS), help="one of the two alone")
    parser.add_argument("--quick", action="store_true", help="one round of 2 s: a first look, no figure to keep")
    given = parser.parse_args(arguments)
    if given.quick:
        given.rounds, given.seconds = 1, 2.0
    counts = [int(one) for one in given.people.split(",")]
    found: dict[tuple[str, int], list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory(prefix="segin-bench-") as name:
        folder = Path(name)
        library, database = six_steps.write(folder / "library"), Database(folder)
        for number in range(given.rounds):
            for count in counts:
                for bot in [given.only] if given.only else BOTS:
                    print(f"round {number + 1} of {given.rounds}: {BOTS[bot]}, {count} people", file=sys.stderr)
                    ran = run(bot, database, folder, library, count, given.seconds, given.api_delay / 1000)
                    found.setdefault((bot, count), []).append(ran)
    show(found, given.api_delay)
    return 0


def run(
    bot: str, database: Database, folder: Path, library: Path, count: int, seconds: float, delay: float
) -> dict[str, float]:
    """One bot, fresh, under one load. A wrong answer ends the bench: it is no figure."""
    port, api_port = free_port(), free_port()
    api = f"http://127.0.0.1:{api_port}"
    words = ["tests.bench.telegram_load", str(api_port), str(count), str(seconds), str(delay), bot, SECRET]
    if bot == "segin":
        settings = {
            "SEGIN_LIBRARY_DIR": str(library), "SEGIN_TELEGRAM_TOKEN": TOKEN, "SEGIN_TELEGRAM_API_URL": api,
            "SEGIN_TELEGRAM_SECRET": SECRET, "SEGIN_UNLIMITED_RATES": "1",
        }  # fmt: skip
        with people(words, LOAD_CORE) as load, segin(database.fresh(), folder, settings, BOT_CORE) as (at, pid):
            return _figures(load, at, pid)
    peer = os.environ | {"PORT": str(port), "API_ROOT": api, "TOKEN": TOKEN, "SECRET": SECRET}
    command = [sys.executable, "-m", "tests.bench.ptb_peer"]
    with people(words, LOAD_CORE) as load, serving(command, peer, folder, port, BOT_CORE) as pid:
        return _figures(load, port, pid)


def _figures(load: "subprocess.Popen[str]", port: int, pid: int) -> dict[str, float]:
    assert load.stdin
    assert load.stdout
    load.stdin.write(f"{port}\n")
    load.stdin.flush()
    marks, found = [], {}
    for line in load.stdout:
        if line.strip() in ("begin", "end"):
            marks.append(cpu_of_tree(pid))
        elif line.startswith("{"):
            found = json.loads(line)
            found["memory"] = memory_of(pid)
    turns = found["turns"]
    if found["wrong"] or found["refused"] or not turns:
        raise SystemExit(f"an answer was wrong: no figures ({found})")
    return {**found, "turns/s": turns / found["seconds"], "cpu": (marks[1] - marks[0]) / turns * 1000}


def show(found: dict[tuple[str, int], list[dict[str, float]]], delay: float) -> None:
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{machine}; SQLite with full fsync, encryption on; a Bot API that takes {delay:g} ms.")
    print("The limits of the provider are lifted for the bench.\n")
    print("| bot | people | turns/s | times the peer | p50 ms | p99 ms | CPU ms a turn | calls a turn | lost | MB |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    medians = {
        key: {name: statistics.median(run[name] for run in runs) for name in runs[0]} for key, runs in found.items()
    }
    for (bot, count), median in sorted(medians.items(), key=lambda one: (one[0][1], one[0][0])):
        peer = medians.get(("peer", count))
        ratio = f"{median['turns/s'] / peer['turns/s']:.1f}" if peer and bot != "peer" else "–"
        print(
            f"| {BOTS[bot]} | {count} | {median['turns/s']:,.0f} | {ratio} | {median['p50']:.1f} | {median['p99']:.1f} "
            f"| {median['cpu']:.2f} | {median['calls']:.2f} | {median['lost']:.0f} | {median['memory']:.0f} |"
        )
