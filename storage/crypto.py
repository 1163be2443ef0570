"""Keys and seals.

Each contact and each case has a **data key** of its own. Whatever they said is sealed with it (AES-256-GCM),
with a stable label and the owner's id as associated data, so that a sealed value opens only in the place
it was written for. Data keys are stored wrapped by the **key ring**; erasing someone is deleting one row.

The ring holds master keys (the first is the newest and wraps; all of them unwrap; one may be marked as prepared: it is
not to wrap yet) and one **index key** for blind indexes: keyed hashes by which an address or a receipt is found without
being stored. The index key never rotates, because every stored index would be lost with it.

A ring that was loaded from a file follows that file: it reads it again before it wraps, if the file is another one by
then, and when it meets a data key whose master key it does not know. So a process that serves takes part in a rotation
(`storage.rotation`) without being told.
"""

import base64
import binascii
import hmac
import logging
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from storage import key_file
from storage.chance import Chance
from storage.errors import BadKeys, Tampered, UnknownKey

KEY_BYTES = 32
_NONCE_BYTES = 12  # NIST SP 800-38D: 96 bits; drawn by chance, safe for 2^32 seals under one key
_TAG_BYTES = 16
_VERSION = b"\x01"
_INDEX = "index"
_PREPARED = "?"
_WRAP_LABEL = b"segin/data-key/1"
_INDEX_LABEL = b"segin/index/1/"
_ID_LABEL = b"segin/master-key-id/1"
_LONGEST_ID = 32
_nonces = Chance(_NONCE_BYTES)

log = logging.getLogger(__name__)


def framed(*parts: bytes) -> bytes:
    """Parts joined so that no two different lists give the same bytes: each after its length."""
    return b"".join([len(part).to_bytes(4, "big") + part for part in parts])


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
    waiting: str | None

    @classmethod
    def of(cls, keys: Mapping[str, bytes], waiting: str | None) -> "_Masters":
        wrapping = {name: key for name, key in keys.items() if name != waiting}
        ordered = {**wrapping, **keys}
        return cls(ordered, {name: AESGCM(key) for name, key in keys.items()}, next(iter(wrapping)), waiting)


@dataclass(frozen=True, slots=True)
class _Followed:
    """The file a ring was read from, and which state of it."""

    path: Path
    stamp: key_file.Stamp


class KeyRing:
    """Master keys by id, newest first, and the index key. One of them may be `waiting`."""

    __slots__ = ("_complained", "_followed", "_hashes", "_index_key", "_masters")

    def __init__(
        self,
        keys: Mapping[str, bytes],
        index_key: bytes,
        waiting: str | None = None,
        *,
        followed: "_Followed | None" = None,
    ) -> None:
        _check(keys, index_key, waiting)
        self._masters = _Masters.of(keys, waiting)
        self._index_key = index_key
        self._hashes: dict[str, hmac.HMAC] = {}
        self._followed = followed
        self._complained: object = None  # the state of the file that the log has a warning about

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
        return self._masters.waiting

    # ------------------------------------------------------------ where rings come from and go to

    @classmethod
    def new(cls) -> "KeyRing":
        """A ring with one fresh master key and a fresh index key."""
        return cls({"k1": os.urandom(KEY_BYTES)}, os.urandom(KEY_BYTES))

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """Read `id:base64url` entries, one a line or separated by spaces, newest first; one is `index:…`, and the id of
        one that waits ends in `?`.
        """
        return cls(*_entries(text))

    @classmethod
    def load(cls, path: Path) -> "KeyRing":
        """Read a key file, and follow it. Raises OSError when it can't be read and `BadKeys` when it makes no sense."""
        text, stamp = key_file.read(path)
        return cls(*_entries(text), followed=_Followed(path, stamp))

    @classmethod
    def create(cls, path: Path) -> "KeyRing":
        """Make a new ring and its file, readable by its owner alone; never overwrites (FileExistsError)."""
        key_file.create(path, cls.new().text())
        return cls.load(path)

    def save(self, path: Path) -> None:
        """Put this ring in the place of the file at `path`. Raises OSError; the file is as it was then."""
        key_file.replace(path, self.text())

    def drop(self, names: Collection[str], path: Path) -> Path:
        """Save this ring `without` these keys, which are in the file returned by then: backups may need them."""
        left, target = self.without(names), path.resolve()
        kept = target.with_name(f"{target.name}.dropped")
        key_file.append(kept, [_entry(name, self._masters.keys[name]) for name in names], like=target)
        left.save(path)
        return kept

    def text(self) -> str:
        """The ring as `parse` reads it. Secret."""
        masters = self._masters
        marked = {name + _PREPARED if name == masters.waiting else name: key for name, key in masters.keys.items()}
        return "".join(f"{_entry(name, key)}\n" for name, key in {**marked, _INDEX: self._index_key}.items())

    def _renew(self) -> None:
        """Read the file again if it is another one by now.

        A file that is gone or makes no sense, or that holds another index key, changes nothing: what was read before
        goes on, and the log has one warning.
        """
        followed = self._followed
        if followed is None:
            return
        stamp = None
        try:
            stamp = key_file.stamp_of(followed.path.stat())
            if stamp == followed.stamp:
                self._complained = None
                return
            text, stamp = key_file.read(followed.path)
            keys, index_key, waiting = _entries(text)
            _check(keys, index_key, waiting)
            if not hmac.compare_digest(index_key, self._index_key):
                raise BadKeys("the index key is another one")  # noqa: TRY301 it is told like the others
        except (OSError, BadKeys) as error:
            self._complain(followed.path, stamp, error)
            return
        self._masters, self._followed = _Masters.of(keys, waiting), _Followed(followed.path, stamp)
        self._complained = None

    def _complain(self, path: Path, stamp: key_file.Stamp | None, error: OSError | BadKeys) -> None:
        """Log why a file is not read, once for each state of it."""
        reason = error.detail if isinstance(error, BadKeys) else error.strerror or type(error).__name__
        state = (stamp, reason)
        if state != self._complained:
            self._complained = state
            log.warning("%s changed, and can't be used: %s; the keys read before are used on", path, reason)

    # ------------------------------------------------------------ rings made of this one

    def prepared(self) -> "KeyRing":
        """A ring with one more key, fresh and waiting: it unwraps, and wraps only after `rotated`."""
        keys, waiting = self._awaiting()
        return KeyRing(keys, self._index_key, waiting)

    def rotated(self) -> "KeyRing":
        """A ring that wraps with the key that waits, else with a fresh one; it unwraps and indexes as before."""
        keys, newest = self._awaiting()
        return KeyRing({newest: keys[newest], **keys}, self._index_key)

    def _awaiting(self) -> tuple[Mapping[str, bytes], str]:
        """The master keys, and the id of the one that waits; a fresh one, if none did."""
        masters = self._masters
        if masters.waiting is not None:
            return masters.keys, masters.waiting
        fresh = os.urandom(KEY_BYTES)
        return {**masters.keys, _id_of(fresh): fresh}, _id_of(fresh)

    def without(self, names: Collection[str]) -> "KeyRing":
        """A ring that can't unwrap with these keys any more. Raises `BadKeys` if the newest is one of them."""
        masters = self._masters
        if masters.newest in names:
            raise BadKeys("the newest key can't go")
        keys = {name: key for name, key in masters.keys.items() if name not in names}
        return KeyRing(keys, self._index_key, masters.waiting if masters.waiting in keys else None)

    # ------------------------------------------------------------ data keys

    def wrap(self, data_key: bytes) -> bytes:
        """A data key, sealed with the newest master key; the blob names that key."""
        self._renew()
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
            self._renew()  # or another thread just did
            aead = self._masters.aeads.get(known)
        if aead is None:
            raise UnknownKey(known)
        try:
            return aead.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], _wrapped_by(name))
        except InvalidTag:
            raise Tampered("data key") from None

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
        this.update(framed(*[part.encode() if isinstance(part, str) else part for part in parts]))
        return this.digest()


def _entries(text: str) -> tuple[dict[str, bytes], bytes, str | None]:
    """The master keys of a ring's text by id, its index key, and the id of the key that waits. Raises `BadKeys`."""
    keys: dict[str, bytes] = {}
    waiting: list[str] = []
    for entry in text.split():
        marked, colon, encoded = entry.partition(":")
        name = marked.removesuffix(_PREPARED)
        if not colon:
            # The entry itself is never quoted: it may be a key.
            raise BadKeys("an entry has no id")
        _check_id(name)
        if name in keys:
            raise BadKeys(f"{name!r} is there twice")
        if name != marked:
            waiting.append(name)
        keys[name] = _decoded(name, encoded)
    if _INDEX not in keys or _INDEX in waiting:
        raise BadKeys("there is no index key")
    if len(waiting) > 1:
        raise BadKeys("more than one key is marked as prepared")
    return keys, keys.pop(_INDEX), waiting[0] if waiting else None


def _entry(name: str, key: bytes) -> str:
    return f"{name}:{base64.urlsafe_b64encode(key).decode().rstrip('=')}"


def _check(keys: Mapping[str, bytes], index_key: bytes, waiting: str | None) -> None:
    """Raises `BadKeys` for keys that make no ring."""
    if not set(keys) - {waiting}:
        raise BadKeys("there is no master key")
    for name, key in (*keys.items(), (_INDEX, index_key)):
        _check_id(name)
        if len(key) != KEY_BYTES:
            raise BadKeys(f"key {name!r} has {len(key)} bytes")
    if _INDEX in keys:
        raise BadKeys("a master key can't be called index")


def _check_id(name: str) -> None:
    """Raises `BadKeys`; what is no id is never quoted: it may be a key."""
    if not (name.isascii() and name.isalnum()) or len(name) > _LONGEST_ID:
        raise BadKeys("a key id is up to 32 letters and digits")


def _id_of(key: bytes) -> str:
    """The id of a new master key: made of the key itself, so that no two keys are called the same anywhere."""
    return "k" + hmac.digest(key, _ID_LABEL, "sha256").hex()[:10]


def wrap_prefix(name: str) -> bytes:
    """What every data key begins with that the master key `name` wrapped: databases compare it without any key."""
    return b"".join((_VERSION, bytes((len(name),)), name.encode()))


def _decoded(name: str, encoded: str) -> bytes:
    padded = encoded.rstrip("=")
    padded += "=" * (-len(padded) % 4)
    try:
        return base64.b64decode(padded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        # Without the cause: its text may quote what was not decodable.
        raise BadKeys(f"{name!r} is not base64url") from None


def _named(blob: bytes) -> tuple[bytes, bytes]:
    """A wrapped key's master key id, and the rest: nonce and sealed key."""
    length = blob[1] if len(blob) > 1 and blob[:1] == _VERSION else 0
    name, rest = blob[2 : 2 + length], blob[2 + length :]
    if not length or len(rest) != _NONCE_BYTES + KEY_BYTES + _TAG_BYTES:
        raise Tampered("data key")
    return name, rest
