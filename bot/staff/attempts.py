"""Wrong passwords and codes: whoever guesses waits longer each time.

What counts is the account **and** the network it was tried from. Somebody who guesses from elsewhere makes only
themselves wait, never the owner of the account; an account that does not exist waits as one that does.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select

from storage import KeyRing, insert_into, tables

FAILURES = tables.login_failures

FREE = 5  # attempts before the first wait
FIRST_WAIT = timedelta(seconds=30)  # and twice as long after each more
LONGEST_WAIT = timedelta(hours=1)
FORGOTTEN = timedelta(hours=24)


def count(conn: Connection, who: bytes, now: datetime) -> timedelta | None:
    """One attempt begins. How long to wait instead, if it is too soon; None: it was counted and may go on.

    It is counted before the password is looked at, or many attempts at once would count as one.
    """
    row = conn.execute(select(FAILURES).where(FAILURES.c.who == who).with_for_update()).first()
    times = row.times if row is not None and row.last_at > now - FORGOTTEN else 0
    if row is not None and times >= FREE:
        left: timedelta = row.last_at + min(FIRST_WAIT * 2 ** min(times - FREE, 16), LONGEST_WAIT) - now
        if left > timedelta():
            return left
    stored = insert_into(conn.dialect.name, FAILURES)
    values = {"times": times + 1, "last_at": now}
    conn.execute(stored.on_conflict_do_update(index_elements=["who"], set_=values), {"who": who, **values})
    return None


def forgive(conn: Connection, who: bytes) -> None:
    """It was the right person."""
    conn.execute(delete(FAILURES).where(FAILURES.c.who == who))


def tidy(conn: Connection, now: datetime) -> None:
    conn.execute(delete(FAILURES).where(FAILURES.c.last_at <= now - FORGOTTEN))


def whose(keyring: KeyRing, what: str, name: str, place: str) -> bytes:
    """The key of the count. `what`: "sign in" or "set up"; `place`: the network of the browser."""
    return keyring.index("login", what, name.casefold(), place)
