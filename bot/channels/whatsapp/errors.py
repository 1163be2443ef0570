"""What the provider's error codes mean to us: one table.

`typed` gives the exception of the port for a code, wherever it came from: the answer to a send, or a status
that tells later what became of a message. Their own words are never passed on: they may quote a number.
"""

from dataclasses import dataclass

from bot.channels.base import BadTemplate, Blocked, Closed, Fault, GiveUp, Retry

LONGEST = 600.0  # seconds between two tries for one person
PAUSE = 2.0  # seconds for which nothing is sent once the number was too fast


@dataclass(frozen=True, slots=True)
class Meaning:
    """`kind` says whose matter it is.

    - "again": try again, later and later (2, 4, 8 … s)
    - "pair": too many to this person; 4^n seconds, as the provider asks
    - "pause": too many to everybody: this one waits, and the channel sends nothing for `PAUSE`
    - "closed": outside the 24 hours
    - "blocked": this person can't be reached
    - "give up": this message can't be sent
    - "template": as "give up", and somebody must look after the template
    - "fault": nobody can be reached; `why` for operators, looked at again after `after` seconds
    """

    kind: str
    why: str = ""
    after: float = 0.0


AGAIN, PAIR, PAUSED, CLOSED = Meaning("again"), Meaning("pair"), Meaning("pause"), Meaning("closed")
BLOCKED, GIVE_UP, TEMPLATE = Meaning("blocked"), Meaning("give up"), Meaning("template")
CREDENTIALS = Meaning("fault", "credentials", 60)
NUMBER = Meaning("fault", "phone number", 60)
ACCOUNT = Meaning("fault", "account", 300)
PAYMENT = Meaning("fault", "payment", 300)
QUOTA = Meaning("fault", "quota", 60)

MEANINGS: dict[int, Meaning] = {
    0: CREDENTIALS,  # the token is none of theirs
    1: AGAIN,  # unknown to them as well
    2: AGAIN,  # "temporary"
    3: CREDENTIALS,  # the app may not do this
    4: QUOTA,  # calls of the app within an hour
    10: CREDENTIALS,
    33: NUMBER,  # the number we send from is gone
    100: GIVE_UP,  # a field is wrong (with subcode 33: see `typed`)
    131000: AGAIN,  # "something went wrong"
    131005: CREDENTIALS,
    131008: GIVE_UP,  # a field is missing
    131009: GIVE_UP,  # a value is wrong
    131016: AGAIN,  # "service unavailable"
    131021: BLOCKED,  # our own number
    131026: BLOCKED,  # undeliverable: not on WhatsApp any more, or blocked us; who writes again is reached again
    131030: GIVE_UP,  # a test number writes only to those on its list
    131031: ACCOUNT,
    131037: ACCOUNT,  # the name shown was not approved
    131042: PAYMENT,
    131044: PAYMENT,
    131045: NUMBER,  # not registered
    131047: CLOSED,
    131048: Meaning("fault", "marked as spam", 300),
    131049: GIVE_UP,  # their limit of templates a person gets
    131050: GIVE_UP,  # the person wants no marketing; a template may have been filed as that
    131051: GIVE_UP,  # a type they do not send
    131052: GIVE_UP,  # media
    131053: GIVE_UP,  # media
    131056: PAIR,
    131057: Meaning("fault", "maintenance", 60),
    131062: GIVE_UP,  # not to a person known by id alone
    131063: TEMPLATE,
    131064: ACCOUNT,
    130429: PAUSED,
    130472: GIVE_UP,  # the person is part of an experiment
    130497: GIVE_UP,  # not to that country
    135000: GIVE_UP,
    137000: GIVE_UP,
    190: CREDENTIALS,  # expired or withdrawn
    368: ACCOUNT,  # blocked for a while
    500: AGAIN,
    613: QUOTA,
    80007: QUOTA,  # calls of the account
}
RANGES: tuple[tuple[range, Meaning], ...] = (
    (range(200, 300), CREDENTIALS),  # permissions
    (range(132000, 133000), TEMPLATE),
    (range(133000, 134000), NUMBER),  # registration
)
NO_SUCH_OBJECT = 33  # the subcode of 100: what the address names is not there, or not ours


def meaning(code: int, subcode: int = 0) -> Meaning | None:
    """What a code means; None: a code nobody knows here."""
    if (code, subcode) == (100, NO_SUCH_OBJECT):
        # The address of a send names our own number: with a wrong one nobody can be written to, and whoever
        # gave up on each message would have lost them all.
        return NUMBER
    known = MEANINGS.get(code)
    if known is not None:
        return known
    return next((there for codes, there in RANGES if code in codes), None)


def meaning_of_http(status: int) -> Meaning:
    """What an answer means that carries no code."""
    if status in (401, 403):
        return CREDENTIALS
    if status == 404:  # noqa: PLR2004 - not found: the address of the API is wrong
        return Meaning("fault", "address", 60)
    if status in (408, 425, 429) or status >= 500:  # noqa: PLR2004 - theirs to mend
        return AGAIN
    return GIVE_UP if status >= 400 else AGAIN  # noqa: PLR2004 - a good status with a body that is none


def typed(meant: Meaning, code: int = 0, *, tries: int = 0, after: float = 0.0) -> Exception:
    """The error of the port. `tries`: how often it was tried in vain; `after`: seconds they asked for themselves."""
    match meant.kind:
        case "again":
            return Retry(min(LONGEST, max(after, 2.0 * 2 ** min(tries, 10))))
        case "pair":
            return Retry(min(LONGEST, max(after, 4.0 ** min(tries, 6))))
        case "pause":
            return Retry(max(after, PAUSE))
        case "closed":
            return Closed()
        case "blocked":
            return Blocked()
        case "template":
            return BadTemplate(f"error {code}")
        case "fault":
            return Fault(meant.why, max(after, meant.after))
        case _:
            return GiveUp(f"error {code}" if code else "not taken")
