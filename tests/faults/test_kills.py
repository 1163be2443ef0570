"""`kill -9` at named points, on both databases: nothing acknowledged is lost, nothing happens twice.

Each test lets the same people live the same day while Segin is killed at one point, two times where the point
is passed often enough, and started anew; the browsers try again as the page does. What they saw is compared
with a day on which nothing was killed.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.dialogues import ANSWER, Reviver, Town
from tests.faults.points import POINTS
from tests.faults.segin import Launcher, Segin
from tests.faults.test_channel_kills import KILLS as OF_CHANNELS

pytestmark = pytest.mark.kill

# point → passings, counted from each start
KILLS: dict[str, list[int]] = {
    "before_the_round": [11, 7],
    "contacts_locked": [9, 6],
    "newcomer_created": [2, 6],
    "acknowledged": [12, 5],
    "everything_read": [8, 8],
    "in_the_engine": [27, 15],
    "turn_taken": [10, 4],
    "case_inserted": [1, 2],
    "case_filed": [1, 2],
    "file_kept": [1, 1],
    "savepoint_released": [11, 7],
    "before_writing": [9, 6],
    "everything_written": [12, 5],
    "before_commit": [8, 8],
    "while_committing": [10, 4],
    "after_commit": [11, 7],
    "before_the_200": [9, 6],
    "after_the_200": [12, 5],
    "push_leased": [2, 3],
    "push_read": [3, 2],
    "push_before_send": [2, 4],
    "push_after_send": [2, 4],
    "push_marked": [3, 1],
    "stream_opened": [1, 1],
    "stream_writing": [1, 1],
    "stream_written": [1],
    "seen_dropped": [1],
}
AT_THE_DESK = [name for name in POINTS if name.startswith("desk_")]

Found = Callable[[str, dict[str, int]], None]


@pytest.fixture(scope="module")
def undisturbed(
    launcher: Launcher, sqlite_tables: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[str]]:
    """What everybody sees on a day without kills."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "segin.db").write_bytes(sqlite_tables.read_bytes())
    phone = folder / "phone"
    segin = Segin(launcher, f"sqlite:///{folder / 'segin.db'}", folder, extras={"phone": str(phone)})
    town = Town(segin, phone)
    segin.start()
    try:
        town.live()
        return town.transcripts()
    finally:
        town.close()


@pytest.fixture
def town(launcher: Launcher, database_url: str, tmp_path: Path) -> Iterator[Town]:
    phone = tmp_path / "phone"
    made = Town(Segin(launcher, database_url, tmp_path, extras={"phone": str(phone)}), phone)
    yield made
    made.close()


def test_every_point_is_used() -> None:
    """No point is planted and then forgotten."""
    assert {*KILLS, *OF_CHANNELS, *AT_THE_DESK, "publishing"} == set(POINTS)


@pytest.mark.parametrize("point", KILLS)
def test_a_kill_loses_and_doubles_nothing(
    town: Town, point: str, undisturbed: dict[str, list[str]], found: Found
) -> None:
    kills = [(point, passing) for passing in KILLS[point]]
    reviver = Reviver(town.segin, kills[1:])
    town.segin.start(kill=kills[0])
    reviver.start()
    try:
        town.live()
    finally:
        killed = reviver.stop(len(kills))
    assert killed == len(kills), f"{point} was passed too seldom: {killed} kills"
    count = town.count(undisturbed, killed)
    found(point, count.row())
    assert {**count.row(), "kills": 0, "sent_again": 0} == dict.fromkeys(count.row(), 0)


@pytest.mark.parametrize("point", AT_THE_DESK)
def test_an_answer_of_staff_is_whole_or_not_there(
    town: Town, point: str, undisturbed: dict[str, list[str]], found: Found
) -> None:
    """The staff's own process is killed; they look at the case, and answer again only if the answer is not there."""
    answer = town.answer

    def killed_once() -> None:
        answer(kill=(point, 1))
        written = [line for line in town.thread() if line["author"] == "staff"]
        assert [line["content"] for line in written] == ([ANSWER] if point == "desk_after_commit" else [])
        if not written:
            answer()

    town.answer = killed_once  # type: ignore[method-assign]
    town.segin.start()
    town.live()
    assert [line["content"] for line in town.thread() if line["author"] == "staff"] == [ANSWER]
    count = town.count(undisturbed, 1)
    found(point, count.row())
    assert {**count.row(), "kills": 0, "sent_again": 0} == dict.fromkeys(count.row(), 0)


def test_a_kill_at_the_very_first_start(
    launcher: Launcher, empty_database_url: str, tmp_path: Path, found: Found
) -> None:
    """Keys and tables are there or not, the library is published once."""
    segin = Segin(launcher, empty_database_url, tmp_path)
    segin.start(kill=("publishing", 1), wait=False)
    assert segin.wait() == -9
    segin.start()
    town = Town(segin, tmp_path / "phone")
    try:
        assert town.awa.say("start")[0]["text"] == "Quelle langue ?"
    finally:
        town.close()
    found("publishing", {"kills": 1})
