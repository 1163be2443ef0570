"""Small numbers can't be had from what is shown."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cases.small import SMALL, alone, rounded, shown


def table(counts):
    return shown({str(place): count for place, count in enumerate(counts)})


def possible(told, known):
    """Place → every number it may be, for whoever knows the sum, and that the smallest are hidden first."""
    left = min((cell.count for cell in told.cells if cell.count), default=None)
    spans = []
    for cell in told.cells:
        if cell.count is not None:
            spans.append(range(cell.count, cell.count + 1))
        elif cell.small:
            spans.append(range(1, SMALL))
        else:
            spans.append(range(SMALL, (left if left is not None else known) + 1))
    fits = [numbers for numbers in itertools.product(*spans) if sum(numbers) == known]
    return {place: {numbers[place] for numbers in fits} for place in range(len(spans))}


@pytest.mark.parametrize("cells", [2, 3, 4])
def test_no_small_cell_can_be_computed(cells):
    """Of every table with up to so many cells: each number from 1 to 4 stays possible for each small cell."""
    tried = 0
    for counts in itertools.product((0, 1, 2, 3, 4, 5, 6, 7, 9, 13), repeat=cells):
        told, known = table(counts), sum(counts)
        if told.whole:
            found = possible(told, known)
            for place, count in enumerate(counts):
                if 0 < count < SMALL:
                    assert told.cells[place].words == "< 5"
                    assert found[place] == {1, 2, 3, 4}, (counts, [cell.words for cell in told.cells])
                    tried += 1
        else:
            assert {cell.words for cell in told.cells} == {"–"}
    assert tried > 20


@given(st.lists(st.integers(0, 400), min_size=1, max_size=12))
def test_what_is_shown_is_true(counts):
    told = table(counts)
    for cell, count in zip(told.cells, counts, strict=True):
        assert cell.count in (None, count)
        assert not 0 < (cell.count or 0) < SMALL
        assert not cell.small or 0 < count < SMALL
    assert told.total.count == sum(counts) or 0 < sum(counts) < SMALL
    if told.exact:
        assert not any(0 < count < SMALL for count in counts)


def test_one_small_cell_takes_others_with_it():
    """10 more would tell it: the next smallest goes along, and enough of them."""
    assert [cell.words for cell in table([3, 10, 40, 0]).cells] == ["< 5", "–", "40", "0"]
    assert [cell.words for cell in table([3, 5, 60, 70]).cells] == ["< 5", "–", "–", "70"]
    assert [cell.words for cell in table([1, 5]).cells] == ["–", "–"]
    assert [cell.words for cell in table([10, 20]).cells] == ["10", "20"]


def test_alone_and_rounded():
    assert [alone("", count).words for count in (0, 1, 4, 5)] == ["0", "< 5", "< 5", "5"]
    assert [rounded(count) for count in (5, 7, 8, 12, 13)] == [5, 5, 10, 10, 15]
