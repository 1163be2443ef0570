"""`python -m tests.bench whatsapp-load`: what a busy hour of WhatsApp asks of one Segin, for a minute.

80 messages and 240 statuses a second, each a delivery of its own, on SQLite with full fsync. Printed: how long
deliveries took until their 200, counted from the moment they were due; errors; memory from the tenth second on. Ends
with 1 where anything was wrong or slower, or memory grew more, than is wanted of a busy hour.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.bench import six_steps
from tests.bench.machine import Database, cpu_of_tree, free_port, memory_of, people, segin
from tests.bench.whatsapp_people import PHONE_ID, SECRET, TOKEN, VERIFY

WARM = 10  # seconds before the first look at memory
P50, P99 = 50.0, 250.0  # ms, wanted
GROWTH = 1.1  # of memory: caches fill in the first minute


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench whatsapp-load", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--messages", type=float, default=80, help="a second")
    parser.add_argument("--statuses", type=float, default=240, help="a second")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="segin-bench-") as name:
        found = measure(Path(name), given.seconds, given.messages, given.statuses)
    print("The limits of the provider are lifted for the bench.\n")
    print("| seconds | deliveries | p50 ms | p99 ms | longest ms | errors | CPU ms a delivery | MB from … to |")
    print("|---|---|---|---|---|---|---|---|")
    memory = found["memory"]
    print(
        f"| {given.seconds} | {found['deliveries']:,} | {found['p50']:.1f} | {found['p99']:.1f} | {found['most']:.0f} "
        f"| {errors(found)} | {found['cpu']:.2f} | {memory[min(WARM, len(memory) - 1)]:.0f} … {memory[-1]:.0f} |"
    )
    if errors(found):
        print({name: found[name] for name in ("statuses", "messages", "answered", "wrong", "unanswered", "open")})
    short = missed(found)
    print("\n".join(short) or "All as wanted.")
    return 1 if short else 0


def missed(found: dict[str, Any]) -> list[str]:
    """What is not as it is wanted, in words."""
    memory = found["memory"]
    first = memory[min(WARM, len(memory) - 1)]
    said = {
        f"{errors(found)} errors": errors(found) > 0,
        f"p50 of {found['p50']:.0f} ms, wanted {P50:.0f}": found["p50"] > P50,
        f"p99 of {found['p99']:.0f} ms, wanted {P99:.0f}": found["p99"] > P99,
        f"memory grew from {first:.0f} to {memory[-1]:.0f} MB": memory[-1] > first * GROWTH,
    }
    return [words for words, holds in said.items() if holds]


def errors(found: dict[str, Any]) -> int:
    """Whatever is not as it should be: another status than 200, an answer wrong or missing."""
    refused = sum(count for status, count in found["statuses"].items() if status != "200")
    return int(refused + found["wrong"] + found["unanswered"] + found["open"])


def measure(folder: Path, seconds: int, messages: float = 80, statuses: float = 240) -> dict[str, Any]:
    """Run it; the figures, `memory` in MB for each second."""
    api_port, database = free_port(), Database(folder)
    settings = {
        "SEGIN_LIBRARY_DIR": str(six_steps.write(folder / "library")),
        "SEGIN_WHATSAPP_TOKEN": TOKEN,
        "SEGIN_WHATSAPP_PHONE_ID": PHONE_ID,
        "SEGIN_WHATSAPP_APP_SECRET": SECRET,
        "SEGIN_WHATSAPP_VERIFY_TOKEN": VERIFY,
        "SEGIN_WHATSAPP_API_URL": f"http://127.0.0.1:{api_port}/v26.0",
        "SEGIN_UNLIMITED_RATES": "1",
    }
    asked = ["tests.bench.whatsapp_people", str(api_port), str(seconds), str(messages), str(statuses)]
    with people(asked, 1) as load, segin(database.fresh(), folder, settings, 0) as (port, pid):
        return _figures(load, port, pid)


def _figures(load: "subprocess.Popen[str]", port: int, pid: int) -> dict[str, Any]:
    assert load.stdin
    assert load.stdout
    load.stdin.write(f"{port}\n")
    load.stdin.flush()
    memory, before, found = [], cpu_of_tree(pid), {}
    for line in load.stdout:
        if line.startswith(("second", "end")):
            memory.append(memory_of(pid))
        elif line.startswith("{"):
            found = json.loads(line)
    return {**found, "memory": memory, "cpu": (cpu_of_tree(pid) - before) / max(1, found["deliveries"]) * 1000}
