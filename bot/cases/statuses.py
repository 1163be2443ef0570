"""The ways of a case: one table, from which the machine is built and the diagram drawn.

What a person is told of each status are the words `status:…` and `status_next:…` of content/words.yaml.
"""

from functools import cache

from transitions import Machine, MachineError

STATUSES = ("new", "acknowledged", "in_progress", "waiting", "referred", "resolved", "closed", "reopened")

OPEN = ("new", "acknowledged", "in_progress", "waiting", "referred", "resolved", "reopened")

# Why a case was closed.
OUTCOMES = ("settled", "no_answer", "out_of_scope", "withdrawn", "merged", "other")

_UNDER_WAY = ("new", "acknowledged", "in_progress", "waiting", "referred", "reopened")

# deed, from, to. Deeds of staff, but for `hear` (the person wrote), `settle` and `unsettle` (they said whether it is
# settled) and `lapse` (they said neither).
TABLE: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("acknowledge", ("new", "reopened"), "acknowledged"),
    ("start", ("new", "acknowledged", "waiting", "referred", "reopened"), "in_progress"),
    ("answer", ("new", "acknowledged", "in_progress", "waiting", "reopened"), "in_progress"),
    ("answer", ("referred",), "referred"),
    ("answer", ("resolved",), "resolved"),
    ("ask", ("new", "acknowledged", "in_progress", "referred", "reopened"), "waiting"),
    ("hear", ("waiting",), "in_progress"),
    ("hear", ("closed",), "reopened"),  # whoever still writes is read
    ("refer", ("acknowledged", "in_progress", "waiting", "reopened"), "referred"),
    ("resolve", _UNDER_WAY, "resolved"),
    ("settle", ("resolved",), "closed"),
    ("unsettle", ("resolved",), "reopened"),
    ("lapse", ("resolved",), "closed"),
    ("close", (*_UNDER_WAY, "resolved"), "closed"),
    ("reopen", ("resolved", "closed"), "reopened"),
    # others read it from here on, from the start; what was over stays over
    ("restrict", ("new", "acknowledged", "in_progress", "waiting", "referred"), "new"),
    ("restrict", ("resolved", "reopened"), "reopened"),
    ("restrict", ("closed",), "closed"),
)


class _Case:
    state: str


@cache
def _machine() -> Machine:
    return Machine(
        model=None,
        states=list(STATUSES),
        transitions=[{"trigger": deed, "source": list(sources), "dest": to} for deed, sources, to in TABLE],
        initial="new",
        auto_transitions=False,
    )


def after(status: str, deed: str) -> str:
    """The status once `deed` is done. Raises `MachineError` where the table has no such way."""
    case = _Case()
    machine = _machine()
    machine.add_model(case, initial=status)
    try:
        machine.events[deed].trigger(case)
        return case.state
    finally:
        machine.remove_model(case)


def can(status: str, deed: str) -> bool:
    try:
        after(status, deed)
    except MachineError:
        return False
    return True


def deeds(status: str) -> tuple[str, ...]:
    """What the table allows in this status, in its order."""
    return tuple(dict.fromkeys(deed for deed, sources, _ in TABLE if status in sources))
