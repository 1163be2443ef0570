"""Random bytes, none of them twice."""

import os
from concurrent.futures import ThreadPoolExecutor

from storage.chance import AT_ONCE, Chance


def test_none_is_given_twice_to_any_thread():
    chance = Chance(12)
    with ThreadPoolExecutor(8) as threads:
        drawn = [one for part in threads.map(lambda _: [chance.draw() for _ in range(2000)], range(8)) for one in part]
    assert {len(one) for one in drawn} == {12}
    assert len(set(drawn)) == len(drawn) == 16_000


def test_a_process_forked_from_us_draws_its_own():
    """What lay ready before the fork is not used by both: a nonce that is used twice gives a key away."""
    chance = Chance(12)
    chance.draw()  # the rest lies ready
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, b"".join(chance.draw() for _ in range(AT_ONCE)))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        theirs = pipe.read()
    os.waitpid(child, 0)
    ours = {chance.draw() for _ in range(AT_ONCE)}
    assert len(theirs) == 12 * AT_ONCE
    assert not ours & {theirs[at : at + 12] for at in range(0, len(theirs), 12)}
