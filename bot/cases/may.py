"""Who may do what: one function decides, for every page, deed and field.

A case somebody may not see is, for them, not there: not in a list, not by its number, not in a count.
"""

from dataclasses import dataclass

ROLES = ("agent", "protection", "supervisor", "editor", "administrator")

_ALL = frozenset(ROLES)
_CASEWORK = frozenset({"agent", "protection", "supervisor"})
_PROTECTION = frozenset({"protection"})
_SUPERVISOR = frozenset({"supervisor"})
_ADMINISTRATOR = frozenset({"administrator"})
_NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody who works here. `cleared`: for restricted cases. No `regions` means every region."""

    id: str
    name: str
    role: str
    cleared: bool = False
    regions: tuple[str, ...] = ()
    office: str = ""
    language: str = "fr"


@dataclass(frozen=True, slots=True)
class Seen:
    """What decides about a case: for whom it is, and how this very person stands to it.

    `excluded`: they, or their office, are named in it. `disclosed`: a second person let them know the identity.
    `asked_by_them`: it was they who asked for it.
    """

    restricted: bool
    region: str | None
    excluded: bool = False
    disclosed: bool = False
    asked_by_them: bool = False


OPERATOR = Staff("", "command line", "supervisor")
"""Whoever runs the command line without `--as`: ordinary cases only."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Which roles do a deed with ordinary cases, and which with restricted ones (they must be cleared as well)."""

    ordinary: frozenset[str]
    restricted: frozenset[str] = _PROTECTION


# Deeds with one case.
OF_A_CASE = {
    "see": Rule(_CASEWORK),
    "answer": Rule(_CASEWORK),
    "note": Rule(_CASEWORK),
    "work": Rule(_CASEWORK),  # its status, category, region, transcript, number elsewhere
    "take": Rule(_CASEWORK),  # assign it to oneself, or let go of it
    "assign": Rule(_SUPERVISOR),  # to somebody else
    "refer": Rule(_CASEWORK),
    "restrict": Rule(_CASEWORK),  # hand it to those who are cleared
    "merge": Rule(_CASEWORK),
    "exclude": Rule(_SUPERVISOR),
    "hold": Rule(_SUPERVISOR),  # keep it beyond its days, for a court
    "identity": Rule(_CASEWORK),  # name, numbers, account: of a restricted case only once disclosed
    "ask_identity": Rule(_NOBODY),
    "disclose": Rule(_NOBODY),  # grant or refuse it: a second person
    "export_case": Rule(_CASEWORK),
}

# Deeds with no case, or with many: what each may see of them is asked case by case.
OF_THE_DESK = {
    "sign_in": _ALL,  # one's own session, password and language
    "list": _CASEWORK,
    "enter": _CASEWORK,  # a case for somebody
    "alerts": _PROTECTION,
    "assign_many": _SUPERVISOR,
    "figures": _SUPERVISOR,
    "export_rows": _SUPERVISOR,
    "people": _ADMINISTRATOR,
    "settings": _ADMINISTRATOR,  # hours, holidays, deadlines, retention
    "rota": _ADMINISTRATOR,
}


def may(staff: Staff, deed: str, case: Seen | None = None) -> bool:
    """Whether `staff` may do `deed`: one of `OF_A_CASE` with a case, or one of `OF_THE_DESK` without.

    Raises `LookupError` for a deed nobody ruled on.
    """
    if case is None:
        if deed not in OF_THE_DESK:
            raise LookupError(f"no rule for the deed {deed!r} without a case")
        return staff.role in OF_THE_DESK[deed] and (staff.role != "protection" or staff.cleared or deed == "sign_in")
    if deed not in OF_A_CASE:
        raise LookupError(f"no rule for the deed {deed!r} with a case")
    if case.excluded:
        return False
    if staff.role == "protection" and not staff.cleared:
        return False
    if case.restricted:
        return staff.role in OF_A_CASE[deed].restricted and staff.cleared and _second_person(deed, case)
    return staff.role in OF_A_CASE[deed].ordinary and _theirs(staff, case)


def _second_person(deed: str, case: Seen) -> bool:
    """An identity is known once it was disclosed, and disclosed by somebody who did not ask for it."""
    if deed == "identity":
        return case.disclosed
    return not (deed == "disclose" and case.asked_by_them)


def _theirs(staff: Staff, case: Seen) -> bool:
    return staff.role != "agent" or not staff.regions or case.region is None or case.region in staff.regions
