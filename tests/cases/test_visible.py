"""The condition by which lists are read agrees with `may`, whoever asks and whatever the case."""

import itertools
import uuid

import pytest
from sqlalchemy import insert, select

from bot.cases.desk import Desk
from bot.cases.lists import visible
from bot.cases.may import OPERATOR, ROLES
from bot.staff import accounts
from storage import tables
from tests.people import House

CASES = tables.cases
KAYES = "Bureau de Kayes"


@pytest.fixture
def house(store, keyring):
    return House(store, keyring)


async def test_lists_show_what_may_allows(house):
    """Every role, cleared or not, regions and office × sensitivity, region and exclusion, on both databases."""
    await house.store.run(lambda conn: plant(conn, house))

    def compare(conn):
        people = [accounts.of_row(row) for row in conn.execute(select(tables.staff))]
        rows, cells = conn.execute(select(CASES)).all(), 0
        for staff in [*people, OPERATOR]:
            desk = Desk(conn, house.keyring, staff, house.now)
            shown = set(conn.scalars(select(CASES.c.id).where(visible(staff))))
            assert shown == {row.id for row in rows if desk.may("see", row)}, staff
            cells += len(rows)
        return cells

    assert await house.store.read(compare) == (len(ROLES) * 2 * 3 * 2 + 1) * 2 * 3 * 4


def plant(conn, house):
    people = []
    for role, cleared, regions, office in itertools.product(
        ROLES, (False, True), ((), ("kayes",), ("kayes", "gao")), ("", KAYES)
    ):
        made = accounts.add_staff(
            conn,
            f"{role} {cleared} {regions} {office}",
            role,
            cleared=cleared,
            regions=regions,
            office=office,
            now=house.now,
        )
        people.append(uuid.UUID(made.id))
    number = itertools.count(1)
    for restricted, region in itertools.product((False, True), (None, "kayes", "segou")):
        for exclusion in ("no", "half", "office", "other office"):
            case_id = uuid.uuid4()
            conn.execute(insert(CASES), case(house, case_id, next(number), restricted=restricted, region=region))
            row = {"case_id": case_id, "staff_id": None, "office": None}
            if exclusion == "half":
                rows = [{**row, "id": uuid.uuid4(), "staff_id": one} for one in people[::2]]
            else:
                office = {"office": KAYES, "other office": "Gao"}.get(exclusion)
                rows = [{**row, "id": uuid.uuid4(), "office": office}] if office else []
            if rows:
                conn.execute(insert(tables.exclusions), rows)


def case(house, case_id, number, **values):
    return {
        "id": case_id, "reference": f"K-{number:04}", "receipt_index": number.to_bytes(32, "big"), "kind": "request",
        "category": "person", "status": "new", "anonymous": False, "data_key": house.keyring.wrap(bytes(32)),
        "opened_at": house.now, "due_at": house.now, "last_step_at": house.now, "erase_at": house.now, **values,
    }  # fmt: skip
