"""Cases put into the database by hand: figures, exports and workload are held to what was made."""

from datetime import timedelta

from bot.cases import numbers
from storage import DataKey, random_id, tables
from tests.people import BEGINS

CASES = tables.cases


def made(keyring, **given):
    """A row of `cases`: an ordinary question from the web, opened at `BEGINS`, unless said otherwise."""
    opened = given.pop("opened_at", BEGINS)
    return {
        "id": random_id(),
        "reference": numbers.new_reference(),
        "kind": "request",
        "category": "question",
        "status": "new",
        "restricted": False,
        "anonymous": False,
        "region": "kayes",
        "language": "fr",
        "channel": "web",
        "opened_at": opened,
        "due_at": opened + timedelta(hours=120),
        "last_step_at": opened,
        "in_chat": False,
        "data_key": keyring.wrap(DataKey.new().raw),
        "receipt_index": random_id().bytes,
        "settled": None,
        "owed": True,
        **dict.fromkeys(
            ("entry", "external_id", "first_answer_at", "answered_at", "resolved_at", "closed_at", "assignee_id",
             "merged_into", "outcome"),
        ),
        **given,
    }  # fmt: skip


async def put(house, many=1, **given):
    """Stores some cases that are alike; their references."""
    rows = [made(house.keyring, **given) for _ in range(many)]
    if rows:
        await house.store.run(lambda conn: conn.execute(CASES.insert(), rows) and None)
    return [row["reference"] for row in rows]
