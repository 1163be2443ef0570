"""Ids made by us."""

import threading
from datetime import UTC, datetime, timedelta

from storage import random_id, uuid7

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)


def test_is_a_uuid_of_version_7():
    """RFC 9562: version 7, the usual variant, the moment in the first 48 bits."""
    made = uuid7(datetime(2100, 1, 1, tzinfo=UTC))
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert made.int >> 80 == int(datetime(2100, 1, 1, tzinfo=UTC).timestamp() * 1000)


def test_grows_with_every_call():
    """Many ids of one millisecond are still in the order they were made in, for bytes and text alike."""
    made = [uuid7(NOW) for _ in range(5000)] + [uuid7() for _ in range(5000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert [one.bytes for one in made] == sorted(one.bytes for one in made)


def test_survives_a_clock_that_steps_back():
    """An hour back (a corrected clock) does not put new ids before old ones."""
    before = uuid7(NOW)
    assert uuid7(NOW - timedelta(hours=1)) > before


def test_threads_never_get_the_same_id():
    """Writers in several threads share one order."""
    made: list[list] = [[] for _ in range(4)]

    def make(into: list) -> None:
        into.extend(uuid7(NOW) for _ in range(2000))

    threads = [threading.Thread(target=make, args=(into,)) for into in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one for into in made for one in into}) == 8000
    assert all(into == sorted(into) for into in made)


def test_random_ids_tell_no_time():
    """What is anonymous gets an id of version 4."""
    assert random_id().version == 4
    assert random_id() != random_id()
