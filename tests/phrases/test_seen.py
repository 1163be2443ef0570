"""The phrases of seen.yaml, written at the menu of the real library."""

from functools import cache

import pytest

from tests.phrases.measure import SEEN, outcomes


@cache
def played():
    return outcomes(SEEN)  # no file, no pass


def test_nearly_all_lead_where_they_should():
    found = played()
    failed = [f"{one.phrase.say} → {one.went}, wanted {one.phrase.to}" for one in found if not one.good]
    assert len(found) >= 120
    assert len(failed) <= 0.05 * len(found), "\n".join(failed)


@pytest.mark.parametrize("destination", ["grave", "distress"])
def test_abuse_and_distress_never_lead_another_way(destination):
    ours = [one for one in played() if one.phrase.to[0] == destination]
    assert ours
    assert [f"{one.phrase.say} → {one.went}" for one in ours if one.harmful] == []


def test_names_are_found_where_they_are_said():
    named = [one for one in played() if one.phrase.slots and one.went == ("opportunities",) and not one.asked]
    right = [one for one in named if one.slots == one.phrase.slots]
    assert len(right) >= 0.85 * len(named)
