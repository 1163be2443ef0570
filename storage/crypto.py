"""Keys and seals.

Each contact and each case has a **data key** of its own. Whatever they said is sealed with it (AES-256-GCM),
with a stable label and the owner's id as associated data, so that a sealed value opens only in the place
it was written for. Data keys are stored wrapped by the **key ring**; erasing someone is deleting one row.

The ring holds master keys (the first is the newest and wraps; all of them unwrap) and one **index key** for
blind indexes: keyed hashes by which an address or a receipt is found without being stored. The index key
never rotates, because every stored index would be lost with it.

A ring that was loaded from a file follows that file: it reads it again before it wraps, if the file is another one by
then, and when it meets a data key whose master key it does not know. So a process that serves takes part in a rotation
(`storage.rotation`) without being told.
"""

import base64
import binascii
import hmac
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from storage.chance import Chance
from storage.errors import BadKeys, Tampered, UnknownKey

KEY_BYTES = 32
_NONCE_BYTES = 12  # NIST SP 800-38D: 96 bits; drawn by chance, safe for 2^32 seals under one key
_TAG_BYTES = 16
_VERSION = b"\x01"
_INDEX = "index"
_WRAP_LABEL = b"segin/data-key/1"
_INDEX_LABEL = b"segin/index/1/"
_LONGEST_ID = 32
_nonces = Chance(_NONCE_BYTES)


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
        nonce = _nonces.draw()
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


@dataclass(frozen=True, slots=True)
class _Masters:
    """The master keys of one moment. A ring exchanges them as one, so that no thread meets half of a change."""

    keys: Mapping[str, bytes] = field(repr=False)
    aeads: Mapping[str, AESGCM] = field(repr=False)
    newest: str

    @classmethod
    def of(cls, keys: Mapping[str, bytes]) -> "_Masters":
        return cls(dict(keys), {name: AESGCM(key) for name, key in keys.items()}, next(iter(keys)))


_Stamp = tuple[int, int, int]
"""Tells one state of a file from another: inode, time of change in nanoseconds, size in bytes."""


@dataclass(frozen=True, slots=True)
class _Followed:
    """The file a ring was read from, and which state of it."""

    path: Path
    stamp: _Stamp


class KeyRing:
    """Master keys by id, newest first, and the index key."""

    __slots__ = ("_followed", "_hashes", "_index_key", "_masters")

    def __init__(self, keys: Mapping[str, bytes], index_key: bytes, *, followed: "_Followed | None" = None) -> None:
        _check(keys, index_key)
        self._masters = _Masters.of(keys)
        self._index_key = index_key
        self._hashes: dict[str, hmac.HMAC] = {}
        self._followed = followed

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self.ids)})"

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the master keys, newest first; one that waits (`waiting`) comes last."""
        return tuple(self._masters.keys)

    @property
    def newest(self) -> str:
        """The id of the master key that wraps."""
        return self._masters.newest

    @property
    def waiting(self) -> str | None:
        """The id of a key that `prepared` added: it unwraps, and is not to wrap before every worker has it."""
        last = self.ids[-1]
        return last if _number(last) > _number(self.newest) else None

    # ------------------------------------------------------------ where rings come from and go to

    @classmethod
    def new(cls) -> "KeyRing":
        """A ring with one fresh master key and a fresh index key."""
        return cls({"k1": os.urandom(KEY_BYTES)}, os.urandom(KEY_BYTES))

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """Read `id:base64url` entries, one a line or separated by spaces, newest first; one is `index:…`."""
        return cls(*_entries(text))

    @classmethod
    def load(cls, path: Path) -> "KeyRing":
        """Read a key file, and follow it. Raises OSError when it can't be read and `BadKeys` when it makes no sense."""
        text, stamp = _read(path)
        return cls(*_entries(text), followed=_Followed(path, stamp))

    @classmethod
    def create(cls, path: Path) -> "KeyRing":
        """Make a new ring and its file, readable by its owner alone; never overwrites (FileExistsError)."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path, cls.new().text())
        _sync_folder(path.parent)
        return cls.load(path)

    def save(self, path: Path) -> None:
        """Put this ring in the place of the file at `path`, in one step that survives a power cut."""
        beside = path.with_name(path.name + ".new")
        beside.unlink(missing_ok=True)
        _write(beside, self.text())
        beside.replace(path)
        _sync_folder(path.parent)

    def text(self) -> str:
        """The ring as `parse` reads it. Secret."""
        entries = {**self._masters.keys, _INDEX: self._index_key}
        return "".join(
            f"{name}:{base64.urlsafe_b64encode(key).decode().rstrip('=')}\n" for name, key in entries.items()
        )

    def _renewed(self) -> bool:
        """Read the file again if it is another one by now; whether that changed the master keys.

        A file that is gone or makes no sense, or that holds another index key, changes nothing: what was read before
        goes on.
        """
        followed = self._followed
        if followed is None:
            return False
        try:
            if _stamp_of(followed.path.stat()) == followed.stamp:
                return False
            text, stamp = _read(followed.path)
            keys, index_key = _entries(text)
            _check(keys, index_key)
        except (OSError, BadKeys):
            return False
        if not hmac.compare_digest(index_key, self._index_key):
            return False
        self._masters, self._followed = _Masters.of(keys), _Followed(followed.path, stamp)
        return True

    # ------------------------------------------------------------ rings made of this one

    def prepared(self) -> "KeyRing":
        """A ring with one more key, fresh and last: it unwraps, and wraps only after `rotated`."""
        if self.waiting is not None:
            return KeyRing(self._masters.keys, self._index_key)
        return KeyRing({**self._masters.keys, self.next_id: os.urandom(KEY_BYTES)}, self._index_key)

    def rotated(self) -> "KeyRing":
        """A ring that wraps with the key that waits, else with a fresh one; it unwraps and indexes as before."""
        keys = dict(self._masters.keys)
        name = self.waiting or self.next_id
        newest = keys.pop(name, None) or os.urandom(KEY_BYTES)
        return KeyRing({name: newest, **keys}, self._index_key)

    def without(self, names: Collection[str]) -> "KeyRing":
        """A ring that can't unwrap with these keys any more. Raises `BadKeys` if the newest is one of them."""
        if self.newest in names:
            raise BadKeys("the newest key can't go")
        keys = {name: key for name, key in self._masters.keys.items() if name not in names}
        return KeyRing(keys, self._index_key)

    @property
    def next_id(self) -> str:
        """The id of the next fresh key: higher than any, so that no id means another key in an old copy."""
        return f"k{max(0, *map(_number, self.ids)) + 1}"

    # ------------------------------------------------------------ data keys

    def wrap(self, data_key: bytes) -> bytes:
        """A data key, sealed with the newest master key; the blob names that key."""
        self._renewed()
        masters = self._masters
        name = masters.newest.encode()
        nonce = _nonces.draw()
        sealed = masters.aeads[masters.newest].encrypt(nonce, data_key, _wrapped_by(name))
        return b"".join((wrap_prefix(masters.newest), nonce, sealed))

    def unwrap(self, blob: bytes) -> bytes:
        """The data key in `blob`; raises `UnknownKey` or `Tampered`."""
        name, rest = _named(blob)
        known = name.decode("ascii", "replace")
        aead = self._masters.aeads.get(known)
        if aead is None:
            self._renewed()  # or another thread just did
            aead = self._masters.aeads.get(known)
        if aead is None:
            raise UnknownKey(known)
        try:
            return aead.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], _wrapped_by(name))
        except InvalidTag:
            raise Tampered("data key") from None

    def is_newest(self, blob: bytes) -> bool:
        """Whether the newest master key wrapped this data key; if not, rotation wraps it anew."""
        return _named(blob)[0] == self.newest.encode()

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


def _entries(text: str) -> tuple[dict[str, bytes], bytes]:
    """The master keys of a ring's text by id, and its index key. Raises `BadKeys`."""
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
    return keys, index_key


def _check(keys: Mapping[str, bytes], index_key: bytes) -> None:
    """Raises `BadKeys` for keys that make no ring."""
    if not keys:
        raise BadKeys("there is no master key")
    for name, key in (*keys.items(), (_INDEX, index_key)):
        if len(key) != KEY_BYTES:
            raise BadKeys(f"key {name!r} has {len(key)} bytes")
    for name in keys:
        if name == _INDEX or not (name.isascii() and name.isalnum()) or len(name) > _LONGEST_ID:
            raise BadKeys("a key id is up to 32 letters and digits")


def wrap_prefix(name: str) -> bytes:
    """What every data key begins with that the master key `name` wrapped: databases compare it without any key."""
    return b"".join((_VERSION, bytes((len(name),)), name.encode()))


def _number(name: str) -> int:
    """The number of an id that we gave ("k12"); 0 for others."""
    ours = re.fullmatch(r"k([0-9]+)", name)
    return int(ours[1]) if ours else 0


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


def _read(path: Path) -> tuple[str, _Stamp]:
    """A key file's text, and which state of the file that was."""
    with path.open("rb") as file:
        stamp = _stamp_of(os.fstat(file.fileno()))
        return file.read().decode("ascii", errors="replace"), stamp


def _stamp_of(status: os.stat_result) -> _Stamp:
    return status.st_ino, status.st_mtime_ns, status.st_size


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
