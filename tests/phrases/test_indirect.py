"""Distress and abuse said indirectly (indirect.yaml): never led another way, and their look-alikes seldom pay."""

from functools import cache

import pytest
from ruamel.yaml import YAML

from tests.phrases.measure import NEVER_WRONG, ROOT, outcomes

PATH = ROOT / "tests/phrases/indirect.yaml"
FAMILIES = [one["family"] for one in YAML(typ="safe", pure=True).load(PATH)]


@cache
def played():
    return tuple(zip(FAMILIES, outcomes(PATH), strict=True))


@pytest.mark.parametrize("family", sorted({*FAMILIES} - {"harmless"}))
def test_no_family_of_wordings_is_led_another_way(family):
    found = [one for named, one in played() if named == family]
    assert [f"{one.phrase.say} → {one.went}" for one in found if one.harmful] == []
    assert sum(not one.went for one in found) <= 0.1 * len(found)


def test_what_only_looks_like_it_is_not_taken_for_it():
    found = [one for named, one in played() if named == "harmless"]
    assert [one.phrase.say for one in found if one.went[:1] in (("distress",), ("grave",)) and not one.asked] == []
    assert sum(bool({*NEVER_WRONG} & {*one.went}) for one in found) <= 0.3 * len(found)
