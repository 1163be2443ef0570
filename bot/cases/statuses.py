"""The ways of a case: one table, from which the machine is built and the diagram drawn.

What a person is told of each status are the words `status:…` and `status_next:…` of content/words.yaml.
"""

from functools import cache

from transitions import Machine, MachineError

STATUSES = ("new", "acknowledged", "in_progress", "waiting", "referred", "resolved", "closed", "reopened")

OPEN = ("new", "acknowledged", "in_progress", "waiting", "referred", "resolved", "reopened")

# deed, from, to
TABLE: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("acknowledge", ("new",), "acknowledged"),
    ("answer", ("new", "acknowledged", "in_progress", "waiting", "reopened"), "in_progress"),
    ("answer", ("referred",), "referred"),
    ("answer", ("resolved",), "resolved"),
    ("ask", ("new", "acknowledged", "in_progress", "referred", "reopened"), "waiting"),
    ("hear", ("waiting",), "in_progress"),
    ("refer", ("acknowledged", "in_progress", "waiting", "reopened"), "referred"),
    ("resolve", ("acknowledged", "in_progress", "waiting", "referred", "reopened"), "resolved"),
    ("close", ("resolved",), "closed"),
    ("reopen", ("resolved", "closed"), "reopened"),
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
