"""Who may do what: the full matrix, written out."""

import itertools

import pytest

from bot.cases.may import OF_A_CASE, OF_THE_DESK, OPERATOR, ROLES, Seen, Staff, may

REGIONS = ((), ("kayes",), ("kayes", "segou"))
ROLES_AND_STRANGERS = (*ROLES, "visitor", "")
CASES = tuple(itertools.product((False, True), (None, "kayes", "gao")))

# Deed with a case → who does it with an ordinary case, and who, being cleared, with a restricted one.
# a: agent (of the case's region), p: protection (cleared), s: supervisor. "." nobody.
WITH_A_CASE = """
    see             aps  p
    answer          aps  p
    note            aps  p
    work            aps  p
    take            aps  p
    assign          s    p
    refer           aps  p
    restrict        aps  p
    merge           aps  p
    exclude         s    p
    hold            s    p
    identity        aps  d
    ask_identity    .    p
    disclose        .    o
    export_case     aps  p
"""
# d: protection, once it was disclosed to them. o: protection, unless it was they who asked for it.

# Deed without a case → who does it. P: protection, if cleared. e: editor, m: administrator.
WITHOUT = """
    sign_in         apsem
    list            aPs
    enter           aPs
    alerts          P
    assign_many     s
    figures         s
    export_rows     s
    people          m
    settings        m
    rota            m
"""

LETTERS = {"a": "agent", "p": "protection", "P": "protection", "s": "supervisor", "e": "editor", "m": "administrator"}
TABLE = {deed: (ordinary, restricted) for deed, ordinary, restricted in map(str.split, WITH_A_CASE.strip().split("\n"))}
DESK = dict(line.split() for line in WITHOUT.strip().split("\n"))


def roles(letters):
    return {LETTERS[one] for one in letters if one in LETTERS}


def expected(staff, deed, case):
    """What the table says, in plain steps."""
    ordinary, restricted = TABLE[deed]
    if case.excluded:
        return False
    if case.restricted:
        right = restricted == "p" or (restricted == "d" and case.disclosed)
        right = right or (restricted == "o" and not case.asked_by_them)
        return right and staff.role == "protection" and staff.cleared
    if staff.role == "protection":
        return "p" in ordinary and staff.cleared
    if staff.role == "agent":
        mine = not staff.regions or case.region is None or case.region in staff.regions
        return "a" in ordinary and mine
    return staff.role in roles(ordinary)


def test_the_table_is_about_every_deed():
    """A new deed is written here first."""
    assert set(TABLE) == set(OF_A_CASE)
    assert set(DESK) == set(OF_THE_DESK)


@pytest.mark.parametrize("deed", list(TABLE))
def test_every_deed_with_a_case(deed):
    """Every role, cleared or not, any regions × every kind of case and every standing to it."""
    cells = 0
    for role, cleared, regions in itertools.product(ROLES_AND_STRANGERS, (False, True), REGIONS):
        staff = Staff("", "x", role, cleared, regions)
        for (restricted, region), standing in itertools.product(CASES, itertools.product((False, True), repeat=3)):
            case = Seen(restricted, region, *standing)
            assert may(staff, deed, case) == expected(staff, deed, case), (staff, case)
            cells += 1
    assert cells == 7 * 2 * 3 * 6 * 8


@pytest.mark.parametrize("deed", list(DESK))
@pytest.mark.parametrize(("role", "cleared"), list(itertools.product(ROLES_AND_STRANGERS, (False, True))))
def test_every_deed_without_a_case(deed, role, cleared):
    """Whoever is not cleared yet has their own account, and no more, in the role of protection."""
    allowed = role in roles(DESK[deed]) and (cleared or role != "protection" or "P" not in DESK[deed])
    assert may(Staff("", "x", role, cleared), deed) == allowed


@pytest.mark.parametrize("deed", list(TABLE))
def test_whoever_may_do_a_deed_may_see_the_case(deed):
    """Nobody works on what they may not read."""
    for role, cleared, regions in itertools.product(ROLES, (False, True), REGIONS):
        staff = Staff("", "x", role, cleared, regions)
        for restricted, region in CASES:
            case = Seen(restricted, region, disclosed=True)
            assert may(staff, "see", case) or not may(staff, deed, case)


def test_administrators_and_editors_have_no_cases():
    """Cleared or not."""
    for role, cleared, deed, case in itertools.product(("administrator", "editor"), (False, True), TABLE, CASES):
        assert not may(Staff("", "x", role, cleared), deed, Seen(*case))


def test_the_command_line_sees_ordinary_cases_only():
    """Without `--as` nobody reads a restricted case."""
    assert may(OPERATOR, "see", Seen(restricted=False, region="gao"))
    assert not may(OPERATOR, "see", Seen(restricted=True, region=None))


def test_a_deed_nobody_ruled_on_is_refused():
    """An unknown deed is a mistake, for everybody; so is one asked for with a case that has none, or without one."""
    for deed, case in (("delete", Seen(restricted=False, region=None)), ("list", Seen(False, None)), ("see", None)):
        with pytest.raises(LookupError):
            may(OPERATOR, deed, case)
