"""Who may do what: the full matrix, written out."""

import itertools

import pytest

from bot.cases.may import OPERATOR, ROLES, Seen, Staff, may

DEEDS = ("see", "answer")
REGIONS = ((), ("kayes",), ("kayes", "segou"))
CASES = tuple(itertools.product((False, True), (None, "kayes", "gao")))

# Role and clearance → the cases they may see, as (restricted, region), for each of REGIONS.
ORDINARY = {(False, None), (False, "kayes"), (False, "gao")}
THEIRS = {(False, None), (False, "kayes")}
ALLOWED = {
    ("agent", False): (ORDINARY, THEIRS, THEIRS),
    ("agent", True): (ORDINARY, THEIRS, THEIRS),
    ("protection", False): (set(), set(), set()),
    ("protection", True): (set(CASES), set(CASES), set(CASES)),
    ("supervisor", False): (ORDINARY, ORDINARY, ORDINARY),
    ("supervisor", True): (ORDINARY, ORDINARY, ORDINARY),
    ("editor", False): (set(), set(), set()),
    ("editor", True): (set(), set(), set()),
    ("administrator", False): (set(), set(), set()),
    ("administrator", True): (set(), set(), set()),
}


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize(("role", "cleared"), list(itertools.product((*ROLES, "visitor", ""), (False, True))))
def test_the_full_matrix(role, cleared, deed):
    """Every role, cleared or not, with each kind of regions, and every kind of case."""
    for place, regions in enumerate(REGIONS):
        allowed = ALLOWED.get((role, cleared), ((), (), ()))[place]
        found = {case for case in CASES if may(Staff("", "x", role, cleared, regions), deed, Seen(*case))}
        assert found == set(allowed), regions


def test_the_matrix_is_about_every_role():
    """No role is left out of the matrix."""
    assert {role for role, _ in ALLOWED} == set(ROLES)


def test_the_command_line_sees_ordinary_cases_only():
    """Without `--as` nobody reads a restricted case."""
    assert may(OPERATOR, "see", Seen(restricted=False, region="gao"))
    assert not may(OPERATOR, "see", Seen(restricted=True, region=None))


def test_a_deed_nobody_ruled_on_is_refused():
    """An unknown deed is a mistake, for everybody."""
    with pytest.raises(LookupError):
        may(OPERATOR, "delete", Seen(restricted=False, region=None))
