"""One-time codes (TOTP, RFC 6238): six digits that change every 30 seconds, each taken once."""

import hmac
from datetime import datetime

import pyotp
import segno
from sqlalchemy import Row

from storage import DataKey, KeyRing

STEP = 30  # seconds
_LABEL = "staff.totp"


def new_secret() -> str:
    """160 bits, in base32 as authenticator apps take it."""
    return pyotp.random_base32()


def step_of(secret: str, code: str, now: datetime, after: int | None) -> int | None:
    """The step that `code` belongs to: this one or a neighbour, later than `after` (the last one taken). Else None."""
    given = "".join(code.split())
    current = int(now.timestamp()) // STEP
    found = None
    for step in (current - 1, current, current + 1):
        same = hmac.compare_digest(pyotp.OTP(secret).generate_otp(step).encode(), given.encode())
        if same and (after is None or step > after):
            found = step
    return found


def picture(secret: str, name: str) -> str:
    """An SVG of the QR code that authenticator apps read."""
    address = pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name="Segin")
    svg: str = segno.make(address, error="m", micro=False).svg_inline(
        omitsize=True, border=2, dark="#000", light="#fff"
    )
    return svg


def spaced(secret: str) -> str:
    """The secret in groups of four, to be typed."""
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))


def sealed(keyring: KeyRing, row: "Row[object]", secret: str) -> bytes:
    return DataKey(keyring.unwrap(row.data_key)).seal(secret.encode(), _LABEL, row.id.bytes)


def opened(keyring: KeyRing, row: "Row[object]") -> str:
    """The secret of a member of staff, or "" before they have one."""
    if row.totp is None or row.data_key is None:
        return ""
    return DataKey(keyring.unwrap(row.data_key)).open(row.totp, _LABEL, row.id.bytes).decode()
