"""The two numbers of a case, both safe to read aloud.

A **reference** names a case among staff ("K4T-9QM7"): letters and digits that no one mistakes for another,
the last one a check. A **receipt** opens it to whoever holds it: 16 digits in four groups, the last a check
digit; the database keeps only its keyed hash. Checks follow ISO 7064's hybrid rule, MOD 11,10 for digits and
MOD 31,30 for our thirty characters (31 is prime as the rule asks): every single slip and nearly every swap is
noticed.
"""

import secrets

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # no 0 O, 1 I L, U
DIGITS = "0123456789"
RECEIPT_LENGTH = 16
REFERENCE_LENGTH = 7


def check_character(body: str, alphabet: str) -> str:
    """ISO 7064's hybrid check character over an alphabet (MOD 11,10 for digits)."""
    size = len(alphabet)
    carry = size
    for character in body:
        carry = (carry + alphabet.index(character)) % size or size
        carry = carry * 2 % (size + 1)
    return alphabet[(size + 1 - carry) % size]


def _new(length: int, alphabet: str) -> str:
    drawn, body = secrets.randbelow(len(alphabet) ** (length - 1)), ""
    for _ in range(length - 1):
        drawn, place = divmod(drawn, len(alphabet))
        body += alphabet[place]
    return body + check_character(body, alphabet)


def new_reference() -> str:
    raw = _new(REFERENCE_LENGTH, ALPHABET)
    return f"{raw[:3]}-{raw[3:]}"


def new_receipt() -> str:
    """16 digits, ungrouped; show them with `grouped`."""
    return _new(RECEIPT_LENGTH, DIGITS)


def receipt_of(secret: bytes) -> str:
    """The receipt that stands for 32 secret bytes: always the same one, for a form that is sent twice."""
    body = str(int.from_bytes(secret, "big") % 10 ** (RECEIPT_LENGTH - 1)).zfill(RECEIPT_LENGTH - 1)
    return body + check_character(body, DIGITS)


def grouped(receipt: str) -> str:
    """In four groups, held together on one line."""
    return "\u00a0".join(receipt[start : start + 4] for start in range(0, RECEIPT_LENGTH, 4))


def read_receipt(text: str) -> str | None:
    """The 16 digits somebody typed, in whatever groups; None when they can't be a receipt."""
    digits = "".join(str(int(character)) for character in text if character.isdecimal())
    if len(digits) != RECEIPT_LENGTH or check_character(digits[:-1], DIGITS) != digits[-1]:
        return None
    return digits


def read_reference(text: str) -> str:
    """A reference as staff typed it, in its one spelling."""
    raw = "".join(character for character in text.upper() if character in ALPHABET)
    return f"{raw[:3]}-{raw[3:]}"
