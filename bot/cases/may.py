"""Who may do what: one function decides, from the first page on.

A case somebody may not see is, for them, not there: not in a list, not by its number, not in a count.
"""

from dataclasses import dataclass

ROLES = ("agent", "protection", "supervisor", "editor", "administrator")


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody who works here. `cleared`: for restricted cases. No `regions` means every region."""

    id: str
    name: str
    role: str
    cleared: bool = False
    regions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What decides about a case."""

    restricted: bool
    region: str | None


OPERATOR = Staff("", "command line", "supervisor")
"""Whoever runs the command line without `--as`: ordinary cases only."""


def may(staff: Staff, deed: str, case: Seen) -> bool:
    """Whether `staff` may do `deed` ("see", "answer") with a case."""
    if deed not in ("see", "answer"):
        raise LookupError(f"no rule for the deed {deed!r}")
    if case.restricted:
        return staff.cleared and staff.role == "protection"
    if staff.role == "supervisor":
        return True
    if staff.role == "protection":
        return staff.cleared
    return staff.role == "agent" and (not staff.regions or case.region is None or case.region in staff.regions)
