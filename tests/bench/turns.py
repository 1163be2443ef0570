"""`python -m tests.bench.turns`: what one turn costs without database and network: the engine, then the wording.

The dialogues of the bench (`load.py`) and some free messages, taken in this process, in µs of CPU: the first look
after a change to `bot/dialogue`. Absolute figures move with the machine: run it in both trees by turns.
"""

import gc
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.dialogue import engine
from bot.dialogue.flow import Library
from bot.dialogue.model import Conversation, Heard, Turn, World
from bot.library import files, load
from bot.wording import word
from tests.bench.load import AFTER_FILING, AT, MENU

ROOT = Path(__file__).resolve().parent.parent.parent
TIMES, ROUNDS = 50, 7
AT_THE_MENU = ("menu", "3", "Bonjour", "Je veux apprendre la couture à Kita", "j'ai perdu mes papiers au Maroc")


def main() -> int:
    library = load.build(files.read_folder(ROOT)).library
    if library is None:
        return 1
    world = World(datetime(2026, 11, 21, 9, tzinfo=UTC), demonstration=bool(library.organisation.missing))
    turns, menu = _dialogues(library, world)
    turns += [(f"main/menu: {text}", menu, Heard("text", text)) for text in AT_THE_MENU]
    gc.collect()
    gc.freeze()
    print("| at: said | engine µs | wording µs |\n|---|---|---|")
    for name, before, heard in turns:
        taken, worded = zip(*(_timed(library, before, heard, world) for _ in range(ROUNDS)), strict=True)
        print(f"| {name} | {statistics.median(taken):.0f} | {statistics.median(worded):.0f} |")
    return 0


def _dialogues(library: Library, world: World) -> tuple[list[tuple[str, Conversation, Heard]], Conversation]:
    """Every turn of both dialogues, as the people of the bench take them; and the conversation at the menu."""
    turns: list[tuple[str, Conversation, Heard]] = []
    talk, step, ways = Conversation(), "", iter(MENU)
    content: dict[str, Any] | None = {"kind": "start"}
    while content is not None:
        heard = Heard(**content)
        turns.append((f"{step}: {heard.text or heard.tap.rpartition(':')[2]}", talk, heard))
        turn = engine.advance(library, talk, heard, world)
        talk, options = turn.conversation, turn.says[-1].options
        step = options[0].tap.partition(":")[0] if options else "filed"
        content = next(ways, None) if step == "main/menu" else AFTER_FILING if step == "filed" else AT[step]
    return turns, talk


def _timed(library: Library, before: Conversation, heard: Heard, world: World) -> tuple[float, float]:
    clock = time.thread_time_ns
    began = clock()
    for _ in range(TIMES):
        turn: Turn = engine.advance(library, before, heard, world)
    taken = clock()
    for _ in range(TIMES):
        for say in turn.says:
            word(say, library, turn.conversation.language)
    return (taken - began) / TIMES / 1000, (clock() - taken) / TIMES / 1000


if __name__ == "__main__":
    sys.exit(main())
