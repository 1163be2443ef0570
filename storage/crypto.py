"""Keys and seals.

Each contact and each case has a **data key** of its own. Whatever they said is sealed with it (AES-256-GCM),
with a stable label and the owner's id as associated data, so that a sealed value opens only in the place
it was written for. Data keys are stored wrapped by the **key ring**; erasing someone is deleting one row.

The ring holds master keys (the first is the newest and wraps; all of them unwrap) and one **index key** for
blind indexes: keyed hashes by which an address or a receipt is found without being stored. The index key
never rotates, because every stored index would be lost with it.
"""

import base64
import binascii
import hmac
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from storage.errors import BadKeys, Tampered, UnknownKey

KEY_BYTES = 32
_NONCE_BYTES = 12  # NIST SP 800-38D: 96 bits; drawn by chance, safe for 2^32 seals under one key
_TAG_BYTES = 16
_VERSION = b"\x01"
_INDEX = "index"
_WRAP_LABEL = b"segin/data-key/1"
_INDEX_LABEL = b"segin/index/1/"
_LONGEST_ID = 32


def framed(*parts: bytes) -> bytes:
    """Parts joined so that no two different lists give the same bytes: each after its length."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


@lru_cache(maxsize=256)
def _place(label: str) -> bytes:
    """What a label is as associated data; the owner follows. Labels are few, and used for every seal."""
    return framed(_VERSION, label.encode())


@lru_cache(maxsize=64)
def _wrapped_by(name: bytes) -> bytes:
    """The associated data of data keys that a master key wraps; used for every contact read."""
    return framed(_VERSION, _WRAP_LABEL, name)


class DataKey:
    """The key of one contact or one case."""

    __slots__ = ("_aead", "raw")

    def __init__(self, raw: bytes) -> None:
        if len(raw) != KEY_BYTES:
            raise BadKeys(f"a data key has {KEY_BYTES} bytes, not {len(raw)}")
        self.raw = raw
        self._aead = AESGCM(raw)

    def __repr__(self) -> str:
        return "DataKey(…)"

    @classmethod
    def new(cls) -> "DataKey":
        """A fresh key, drawn by chance."""
        return cls(os.urandom(KEY_BYTES))

    def seal(self, plain: bytes, label: str, owner: bytes) -> bytes:
        """Seal `plain` for one place: `label` names the column ("outbox.body"), `owner` is the row's id."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._aead.encrypt(nonce, plain, _place(label) + owner)

    def open(self, blob: bytes, label: str, owner: bytes) -> bytes:
        """What `seal` was given; raises `Tampered` if blob, label, owner or key are not the same as then."""
        if len(blob) < 1 + _NONCE_BYTES + _TAG_BYTES or blob[:1] != _VERSION:
            raise Tampered(label)
        nonce, sealed = blob[1 : 1 + _NONCE_BYTES], blob[1 + _NONCE_BYTES :]
        try:
            return self._aead.decrypt(nonce, sealed, _place(label) + owner)
        except InvalidTag:
            raise Tampered(label) from None


class KeyRing:
    """Master keys by id, newest first, and the index key."""

    __slots__ = ("_aeads", "_hashes", "_index_key", "_keys", "_newest")

    def __init__(self, keys: Mapping[str, bytes], index_key: bytes) -> None:
        if not keys:
            raise BadKeys("there is no master key")
        for name, key in (*keys.items(), (_INDEX, index_key)):
            if len(key) != KEY_BYTES:
                raise BadKeys(f"key {name!r} has {len(key)} bytes")
        for name in keys:
            if name == _INDEX or not (name.isascii() and name.isalnum()) or len(name) > _LONGEST_ID:
                raise BadKeys("a key id is up to 32 letters and digits")
        self._keys = dict(keys)
        self._index_key = index_key
        self._newest = next(iter(keys))
        self._aeads = {name: AESGCM(key) for name, key in keys.items()}
        self._hashes: dict[str, hmac.HMAC] = {}

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self._keys)})"

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the master keys, newest first."""
        return tuple(self._keys)

    # ------------------------------------------------------------ where rings come from and go to

    @classmethod
    def new(cls) -> "KeyRing":
        """A ring with one fresh master key and a fresh index key."""
        return cls({"k1": os.urandom(KEY_BYTES)}, os.urandom(KEY_BYTES))

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """Read `id:base64url` entries, one a line or separated by spaces, newest first; one is `index:…`."""
        keys: dict[str, bytes] = {}
        for entry in text.split():
            name, colon, encoded = entry.partition(":")
            if not colon:
                # The entry itself is never quoted: it may be a key.
                raise BadKeys("an entry has no id")
            if name in keys:
                raise BadKeys(f"{name!r} is there twice")
            keys[name] = _decoded(name, encoded)
        index_key = keys.pop(_INDEX, None)
        if index_key is None:
            raise BadKeys("there is no index key")
        return cls(keys, index_key)

    @classmethod
    def load(cls, path: Path) -> "KeyRing":
        """Read a key file. Raises OSError when it cannot be read and `BadKeys` when it makes no sense."""
        return cls.parse(path.read_text(encoding="ascii", errors="replace"))

    @classmethod
    def create(cls, path: Path) -> "KeyRing":
        """Make a new ring and its file, readable by its owner alone; never overwrites (FileExistsError)."""
        ring = cls.new()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path, ring.text())
        _sync_folder(path.parent)
        return ring

    def save(self, path: Path) -> None:
        """Put this ring in the place of the file at `path`, in one step that survives a power cut."""
        beside = path.with_name(path.name + ".new")
        beside.unlink(missing_ok=True)
        _write(beside, self.text())
        beside.replace(path)
        _sync_folder(path.parent)

    def text(self) -> str:
        """The ring as `parse` reads it. Secret."""
        entries = {**self._keys, _INDEX: self._index_key}
        return "".join(
            f"{name}:{base64.urlsafe_b64encode(key).decode().rstrip('=')}\n" for name, key in entries.items()
        )

    def rotated(self) -> "KeyRing":
        """A ring that wraps with a fresh key, still unwraps with the old ones, and indexes as before."""
        number = 1
        while f"k{number}" in self._keys:
            number += 1
        return KeyRing({f"k{number}": os.urandom(KEY_BYTES), **self._keys}, self._index_key)

    # ------------------------------------------------------------ data keys

    def wrap(self, data_key: bytes) -> bytes:
        """A data key, sealed with the newest master key; the blob names that key."""
        name = self._newest.encode()
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._aeads[self._newest].encrypt(nonce, data_key, _wrapped_by(name))
        return b"".join((_VERSION, bytes((len(name),)), name, nonce, sealed))

    def unwrap(self, blob: bytes) -> bytes:
        """The data key in `blob`; raises `UnknownKey` or `Tampered`."""
        name, rest = _named(blob)
        aead = self._aeads.get(name.decode("ascii", "replace"))
        if aead is None:
            raise UnknownKey(name.decode("ascii", "replace"))
        try:
            return aead.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], _wrapped_by(name))
        except InvalidTag:
            raise Tampered("data key") from None

    def is_newest(self, blob: bytes) -> bool:
        """Whether the newest master key wrapped this data key; if not, rotation wraps it anew."""
        return _named(blob)[0] == self._newest.encode()

    def rewrap(self, blob: bytes) -> bytes:
        """The same data key under the newest master key."""
        return self.wrap(self.unwrap(blob))

    # ------------------------------------------------------------ blind indexes

    def index(self, purpose: str, *parts: str | bytes) -> bytes:
        """32 bytes that stand for `parts`: the same for equal parts, not to be guessed without the key.

        `purpose` ("address", "receipt", "message") keeps indexes apart: the same parts never match across
        purposes. Rotation does not change what this returns.
        """
        keyed = self._hashes.get(purpose)
        if keyed is None:
            subkey = HKDFExpand(SHA256(), KEY_BYTES, _INDEX_LABEL + purpose.encode()).derive(self._index_key)
            keyed = self._hashes[purpose] = hmac.new(subkey, digestmod="sha256")
        # `hmac.digest` would let go of the interpreter's lock, and the event loop then waits for the writer's
        # thread to give it back (measured: 35 µs instead of 2)
        this = keyed.copy()
        this.update(framed(*(part.encode() if isinstance(part, str) else part for part in parts)))
        return this.digest()


def _decoded(name: str, encoded: str) -> bytes:
    padded = encoded.rstrip("=")
    padded += "=" * (-len(padded) % 4)
    try:
        return base64.b64decode(padded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        # Without the cause: its text may quote what was not decodable.
        raise BadKeys(f"{name[:_LONGEST_ID]!r} is not base64url") from None


def _named(blob: bytes) -> tuple[bytes, bytes]:
    """A wrapped key's master key id, and the rest: nonce and sealed key."""
    length = blob[1] if len(blob) > 1 and blob[:1] == _VERSION else 0
    name, rest = blob[2 : 2 + length], blob[2 + length :]
    if not length or len(rest) != _NONCE_BYTES + KEY_BYTES + _TAG_BYTES:
        raise Tampered("data key")
    return name, rest


def _write(path: Path, text: str) -> None:
    """Write a new file of mode 0600 and wait until it is on the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)  # half a key file would only be taken for a damaged one
        raise


def _sync_folder(folder: Path) -> None:
    """Wait until a new name in `folder` is on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
