"""Steps are counted by day, of nobody; what leads to a restricted case is not."""

import asyncio
from datetime import UTC, datetime

import pytest

from bot.counts import StepCounts, countable
from storage import Unavailable, tables
from tests.people import BEGINS, House, real_library

STEPS = tables.step_counts
DAY = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def house(store, keyring):
    return House(store, keyring, real_library())


async def counted(house):
    """ "flow/step" → entered, answered: of all that was heard so far."""
    counts = StepCounts(house.store, clock=lambda: house.now)
    for result in house.results:
        counts.take(house.library, result.passed, result.answered)
    house.results.clear()
    await counts.stop()
    return {f"{row.flow}/{row.step}": (row.entered, row.answered) for row in await house.rows(STEPS)}


async def test_a_request_is_counted_step_by_step(house):
    await house.consent("awa")
    await house.talk("awa", "personne", "autre chose", "J'attends.")
    await house.consent("ali")
    await house.talk("ali", "personne", "autre chose")
    found = await counted(house)
    assert found["person/about"] == (2, 1)
    assert found["person/who_reads"] == (2, 0)  # it tells, and waits for nothing
    assert found["person/file"] == (1, 0)
    assert {row.day for row in await house.rows(STEPS)} == {DAY}


async def test_leaving_and_going_back_are_no_answers(house):
    await house.consent("awa")
    await house.talk("awa", "plainte", "oui", "retour", "menu")
    found = await counted(house)
    assert found["complaint/safe"] == (2, 1)
    assert found["complaint/kind"] == (1, 0)


async def test_a_wrong_answer_is_none(house):
    await house.consent("awa")
    await house.talk("awa", "plainte", "oui", "zzz", "1")
    assert (await counted(house))["complaint/kind"] == (1, 1)


async def test_what_leads_to_a_restricted_case_leaves_no_trace(house):
    """Two complaints that differ from the kind on, and one that tells distress: the counts are alike."""
    await house.consent("ali")
    await house.talk("ali", "plainte", "oui", "3", "oui", "Ali", "Kayes", "Il a demandé de l'argent.", "ici", "envoyer")
    grave = await counted(house)
    await house.store.run(lambda conn: conn.execute(STEPS.delete()) and None)
    await house.consent("awa")
    await house.talk("awa", "plainte", "oui", "1", "oui", "Awa", "Kayes", "Un retard.", "ici", "envoyer")
    assert await counted(house) == grave
    before = grave
    await house.talk("awa", "je veux en finir", "non")
    assert not any(name.startswith("distress/") for name in await counted(house))
    assert set(before) <= {"complaint/signed", "complaint/scope", "complaint/scope_demonstration", "complaint/safe",
                           "complaint/kind", "complaint/scope_signed"} | {
        name for name in before if not name.startswith("complaint/")
    }  # fmt: skip


def test_which_steps_may_be_counted():
    """Of a complaint only what comes before its kind; of distress nothing; of the rest all."""
    library = real_library()
    found = countable(library)
    of = {name: {one.partition("/")[2] for one in found if one.startswith(f"{name}/")} for name in library.flows}
    assert of["complaint"] == {"signed", "scope", "scope_signed", "scope_demonstration", "safe", "kind"}
    assert of["distress"] == set()
    assert of["person"] == set(library.flows["person"].steps) - {"grave"} or of["person"] == set(
        library.flows["person"].steps
    )
    assert of["opportunities"] == set(library.flows["opportunities"].steps)
    assert "support/to_distress" not in found


async def test_counts_are_added_to_what_is_there(house):
    """Two workers, and one that writes twice, on one row."""
    one, two = (StepCounts(house.store, clock=lambda: BEGINS) for _ in range(2))
    for counts in (one, two, one):
        counts.take(house.library, ("person/about", "person/who_reads"), "person/who_reads")
        await asyncio.gather(one.flush(), two.flush())
    rows = {row.step: (row.entered, row.answered) for row in await house.rows(STEPS)}
    assert rows == {"about": (3, 0), "who_reads": (3, 3)}


async def test_what_can_not_be_written_waits(house, monkeypatch):
    counts = StepCounts(house.store, clock=lambda: BEGINS)
    counts.take(house.library, ("person/about",), "")

    async def away(work):  # noqa: ARG001 - as the store has it
        raise Unavailable("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(house.store, "run", away)
        await counts.flush()
    assert await house.count(STEPS) == 0
    await counts.flush()
    assert [(row.step, row.entered) for row in await house.rows(STEPS)] == [("about", 1)]
