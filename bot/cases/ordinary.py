"""Which cases figures, workload and exports are made of: ordinary ones that this member of staff may see.

Restricted cases are in none of them, not even as a rest. What somebody is named in is in none of theirs.
"""

from sqlalchemy import ColumnElement

from bot.cases import lists
from bot.cases.desk import CASES, Desk


def ordinary(desk: Desk) -> ColumnElement[bool]:
    """The ordinary cases this member of staff may see; one that was merged counts in the other."""
    return lists.visible(desk.staff) & CASES.c.restricted.is_(False) & CASES.c.merged_into.is_(None)
