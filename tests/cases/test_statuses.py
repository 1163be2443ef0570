"""The ways of a case: one complete table."""

import itertools

import pytest
from transitions import MachineError

from bot.cases.statuses import OPEN, STATUSES, TABLE, after, can
from bot.library.names import STATUSES as WORDED
from tests.people import real_library

DEEDS = sorted({deed for deed, _, _ in TABLE})
WAYS = {(source, deed): to for deed, sources, to in TABLE for source in sources}


@pytest.mark.parametrize(("status", "deed"), list(itertools.product(STATUSES, DEEDS)))
def test_every_deed_in_every_status(status, deed):
    """Exactly what the table says happens, and nothing else can be done."""
    if (status, deed) in WAYS:
        assert can(status, deed)
        assert after(status, deed) == WAYS[status, deed]
    else:
        assert not can(status, deed)
        with pytest.raises(MachineError):
            after(status, deed)


def test_the_table_names_statuses_only_once_and_only_known_ones():
    """No way is written twice, and each leads from a status to a status."""
    ways = [(source, deed) for deed, sources, _ in TABLE for source in sources]
    assert len(ways) == len(set(ways))
    assert {status for status, _ in ways} | {to for _, _, to in TABLE} <= set(STATUSES)


def test_every_status_can_be_reached_and_left():
    """From "new" a case can come to each status, and from each on."""
    reached = {"new"}
    for _ in STATUSES:
        reached |= {to for (source, _), to in WAYS.items() if source in reached}
    assert reached == set(STATUSES)
    assert {source for source, _ in WAYS} == set(STATUSES)


def test_only_closed_cases_are_not_open():
    """What is listed as open is everything but closed."""
    assert set(OPEN) == set(STATUSES) - {"closed"}


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_words_in_every_language(status):
    """What it is and what comes next, in each language of the library."""
    library = real_library()
    assert status in WORDED
    for language in library.languages:
        for key in (f"status:{status}", f"status_next:{status}"):
            assert library.texts[language].get(key, "").strip(), (language, key)
