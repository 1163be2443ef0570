"""`kill -9` at named points while people on Telegram and WhatsApp file a complaint with a voice note and read on.

Both channels at once, on both databases, with one worker and with two. What providers took for each person is compared
with a day on which nothing was killed.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.dialogues import Reviver
from tests.faults.phones import SCRIPTS, Phones, Providers
from tests.faults.segin import Launcher, Segin

pytestmark = pytest.mark.kill

# point → passings, counted from each start; with two workers they take turns
KILLS: dict[str, list[int]] = {
    "in_the_engine": [5, 7, 4],
    "everything_written": [2, 4, 3],
    "before_commit": [3, 2, 4],
    "after_commit": [2, 4, 3],
    "push_leased": [3, 5, 4],
    "push_read": [4, 3, 5],
    "push_marked": [5, 4, 3],
    "telegram_before_200": [3, 4, 2],
    "telegram_before_send": [2, 3, 4],
    "telegram_after_send": [2, 3, 4],
    "telegram_file_there": [1, 1],
    "whatsapp_before_200": [3, 4, 2],
    "whatsapp_before_send": [2, 3, 4],
    "whatsapp_after_send": [2, 3, 4],
    "whatsapp_file_there": [1, 1],
    "file_leased": [1, 1],
    "file_marked": [1, 1],
    "statuses_written": [3, 4, 5],
}

Found = Callable[[str, dict[str, int]], None]


@pytest.fixture
def providers() -> Iterator[Providers]:
    with Providers() as both:
        yield both


@pytest.fixture(scope="module")
def undisturbed(
    launcher: Launcher, sqlite_tables: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[int, list[str]]:
    """What everybody gets on a day without kills."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "segin.db").write_bytes(sqlite_tables.read_bytes())
    with Providers() as both:
        segin = Segin(launcher, f"sqlite:///{folder / 'segin.db'}", folder, settings=both.settings())
        segin.start()
        try:
            phones = Phones(both, [segin])
            phones.live()
            found = phones.transcripts()
            assert phones.count(found, 0).sent_again == 0
        finally:
            segin.end()
    return found


def test_the_day_is_worth_it(undisturbed: dict[int, list[str]]) -> None:
    assert all(len(undisturbed[person]) >= len(SCRIPTS[person]) for person in SCRIPTS)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("point", KILLS)
def test_a_kill_loses_and_doubles_nothing(
    launcher: Launcher,
    database_url: str,
    tmp_path: Path,
    providers: Providers,
    undisturbed: dict[int, list[str]],
    found: Found,
    point: str,
    workers: int,
) -> None:
    kills = [(point, passing) for passing in KILLS[point]]
    segins = [
        Segin(launcher, database_url, tmp_path, f"server{number}", settings=providers.settings())
        for number in range(workers)
    ]
    revivers = []
    for number, segin in enumerate(segins):
        mine = kills[number::workers]
        segin.start(kill=mine[0] if mine else None)
        revivers.append((Reviver(segin, mine[1:]), len(mine)))
    phones = Phones(providers, segins)
    for reviver, _ in revivers:
        reviver.start()
    try:
        phones.live()
    finally:
        # of two, one may never pass the point so often
        killed = sum(reviver.stop(expected, 2.0 / workers**2) for reviver, expected in revivers)
        for segin in segins:
            segin.end()
    count = phones.count(undisturbed, killed)
    found(f"channels: {point}, {workers} worker{'s' * (workers > 1)}", count.row())
    assert {**count.row(), "kills": 0, "sent_again": 0} == dict.fromkeys(count.row(), 0)
    assert killed >= (1 if workers > 1 else len(kills)), f"{point} was passed too seldom: {killed} kills"
