"""Who a row of the table of staff is."""

from typing import Any

from sqlalchemy import Row

from bot.cases.may import Staff


def of_row(row: Row[Any]) -> Staff:
    """A member of staff, as `may` wants to know them."""
    return Staff(
        row.id.hex, row.name, row.role, row.cleared, tuple(row.regions), office=row.office, language=row.language
    )
