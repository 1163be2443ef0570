"""Keys and seals."""

import logging
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import BadKeys, DataKey, KeyRing, Tampered, UnknownKey, crypto, key_file
from storage.crypto import wrap_prefix

OWNER = b"o" * 16


@given(st.binary(max_size=300), st.text(max_size=20), st.binary(max_size=20))
def test_opens_what_it_sealed(plain: bytes, label: str, owner: bytes):
    """Any bytes come back as they were, NUL included."""
    key = DataKey.new()
    assert key.open(key.seal(plain, label, owner), label, owner) == plain


def test_same_words_never_look_the_same():
    """Two seals of one text differ, and do not contain it."""
    key = DataKey.new()
    one, two = (key.seal(b"je veux partir", "outbox.body", OWNER) for _ in range(2))
    assert one != two
    assert b"partir" not in one


@pytest.mark.parametrize(("label", "owner"), [("outbox.bodies", OWNER), ("outbox.body", b"p" * 16)])
def test_opens_only_in_its_place(label: str, owner: bytes):
    """A value moved to another column or row does not open there."""
    key = DataKey.new()
    blob = key.seal(b"secret", "outbox.body", OWNER)
    with pytest.raises(Tampered):
        key.open(blob, label, owner)


def test_label_and_owner_do_not_run_into_each_other():
    """Label "a" with owner "bc" is not label "ab" with owner "c"."""
    key = DataKey.new()
    with pytest.raises(Tampered):
        key.open(key.seal(b"secret", "a", b"bc"), "ab", b"c")


def test_another_key_does_not_open():
    """Only the key that sealed opens."""
    blob = DataKey.new().seal(b"secret", "label", OWNER)
    with pytest.raises(Tampered, match="does not open"):
        DataKey.new().open(blob, "label", OWNER)


@given(st.data())
def test_any_changed_byte_is_noticed(data):
    """One flipped bit anywhere, or a cut anywhere, and it does not open."""
    key = DataKey.new()
    blob = bytearray(key.seal(b"secret", "label", OWNER))
    at = data.draw(st.integers(0, len(blob) - 1))
    with pytest.raises(Tampered):
        key.open(bytes(blob[:at]), "label", OWNER)
    blob[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Tampered):
        key.open(bytes(blob), "label", OWNER)


def test_a_data_key_has_32_bytes():
    """A short key is a mistake and never used."""
    with pytest.raises(BadKeys):
        DataKey(b"short")


# ---------------------------------------------------------------- the ring


def test_unwraps_what_it_wrapped(keyring: KeyRing):
    """A data key comes back; wrapped, it is neither readable nor twice the same."""
    raw = os.urandom(32)
    blob = keyring.wrap(raw)
    assert keyring.unwrap(blob) == raw
    assert raw not in blob
    assert keyring.wrap(raw) != blob


def test_rotation_keeps_old_data_keys_and_indexes(keyring: KeyRing):
    """New wraps use the new key, old ones open, indexes stay; rewrapping frees the old key."""
    raw = os.urandom(32)
    blob, index = keyring.wrap(raw), keyring.index("address", "web", "x")
    rotated = keyring.rotated()
    assert rotated.ids == (rotated.newest, "k1")
    assert rotated.unwrap(blob) == raw
    assert rotated.index("address", "web", "x") == index
    assert blob.startswith(wrap_prefix("k1"))
    rewrapped = rotated.rewrap(blob)
    assert rewrapped.startswith(wrap_prefix(rotated.newest))
    assert rotated.unwrap(rewrapped) == raw
    with pytest.raises(UnknownKey, match=rotated.newest):
        keyring.unwrap(rewrapped)
    assert rotated.rotated().ids[1:] == rotated.ids


def test_a_stranger_with_the_same_id_does_not_unwrap(keyring: KeyRing):
    """Two rings whose keys have the same id are still two rings."""
    blob = KeyRing.new().wrap(os.urandom(32))
    with pytest.raises(Tampered):
        keyring.unwrap(blob)


@given(st.binary(max_size=80))
def test_nonsense_is_no_wrapped_key(blob: bytes):
    """Whatever stands in the column, the answer is a clear error."""
    with pytest.raises((Tampered, UnknownKey)):
        KeyRing.new().unwrap(blob)


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.text(max_size=5), max_size=4))
def test_indexes_are_equal_for_equal_parts_alone(one: list[str], two: list[str]):
    """Parts do not run into each other; text and its UTF-8 are the same."""
    ring = KeyRing.parse("k1:" + "A" * 43 + " index:" + "B" * 42 + "A")
    assert (ring.index("address", *one) == ring.index("address", *two)) == (one == two)
    assert ring.index("address", *one) == ring.index("address", *(part.encode() for part in one))
    assert len(ring.index("address", *one)) == 32


def test_an_index_belongs_to_its_purpose_and_ring(keyring: KeyRing):
    """A receipt's index never equals an address's, nor another installation's."""
    here = keyring.index("receipt", "7612")
    assert keyring.index("address", "7612") != here
    assert KeyRing.new().index("receipt", "7612") != here


def test_the_index_of_a_version_never_changes():
    """Recorded: with another value here, every stored address would be lost."""
    ring = KeyRing.parse("k1:" + "A" * 43 + " index:" + "B" * 42 + "A")
    assert ring.index("address", "web", "token").hex() == (
        "492af511fd1d6838bf7576ad9ca1234d80618f87346e1f797e797b4ad9613805"
    )


def test_reads_its_own_text(keyring: KeyRing):
    """The text form is complete, in lines or in one line with spaces, padded or not."""
    blob, index = keyring.wrap(b"k" * 32), keyring.index("address", "x")
    ring = keyring.rotated()
    text = ring.text()
    padded = "".join(f"{line}=\n" for line in text.split())
    for form in (text, " ".join(text.split()), padded):
        again = KeyRing.parse(form)
        assert again.unwrap(blob) == b"k" * 32
        assert again.index("address", "x") == index
        assert (again.ids, again.waiting) == (ring.ids, None)


KEY = "A" * 43


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"k1:{KEY}",
        f"index:{KEY}",
        f"k1:{KEY}\nk1:{KEY}\nindex:{KEY}",
        f"k1:SECRETSECRET\nindex:{KEY}",
        f"k1:SECRET{'?' * 37}\nindex:{KEY}",
        f"SECRET{KEY}\nindex:{KEY}",
        f"k-1:{KEY}\nindex:{KEY}",
        f"{'k' * 33}:{KEY}\nindex:{KEY}",
        f"k1:{KEY}\nindex:{KEY}\nindex:{KEY}",
        f"é:{KEY}\nindex:{KEY}",
        f"k1?:{KEY}\nindex:{KEY}",
        f"k1:{KEY}\nk1?:{KEY}\nindex:{KEY}",
        f"k1:{KEY}\nk2?:{KEY}\nk3?:{KEY}\nindex:{KEY}",
        f"k1:{KEY}\nk2??:{KEY}\nindex:{KEY}",
        f"k1:{KEY}\nindex?:{KEY}",
        f"SECRETSECRETSECRETSECRETSECRETSECRETSECRET0:k1\nindex:{KEY}",
    ],
)
def test_refuses_keys_that_make_no_sense(text: str):
    """A damaged key file is refused, and the message never quotes a key."""
    with pytest.raises(BadKeys) as caught:
        KeyRing.parse(text)
    assert "SECRET" not in str(caught.value)
    assert KEY not in str(caught.value)


def test_keys_do_not_show_in_repr(keyring: KeyRing):
    """A ring or key in a log line tells no key."""
    assert repr(keyring) == "KeyRing(k1)"
    assert repr(DataKey(b"k" * 32)) == "DataKey(…)"


def test_creates_a_private_file(tmp_path: Path):
    """File 0600 in a folder 0700; what is created can be loaded."""
    path = tmp_path / "deep" / "keys" / "segin.keys"
    old = os.umask(0)
    try:
        ring = KeyRing.create(path)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert KeyRing.load(path).unwrap(ring.wrap(b"k" * 32)) == b"k" * 32


def test_never_overwrites_keys(tmp_path: Path):
    """A second creation fails and leaves the first file as it is."""
    path = tmp_path / "segin.keys"
    KeyRing.create(path)
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        KeyRing.create(path)
    assert path.read_bytes() == before


def test_saves_a_rotated_ring(tmp_path: Path):
    """Rotation replaces the file in one step, still private, and leaves nothing beside it."""
    path = tmp_path / "segin.keys"
    ring = KeyRing.create(path).rotated()
    (tmp_path / "segin.keys.new").write_text("left by a power cut")
    ring.save(path)
    assert KeyRing.load(path).ids == ring.ids
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["segin.keys"]


def test_what_a_kill_left_goes_unless_it_is_the_last_copy(tmp_path: Path):
    """Without the file itself, whoever looks for the keys may find them there."""
    path, left = tmp_path / "keys", tmp_path / "keys.new"
    left.write_text("left")
    key_file.clear(path)
    assert left.exists()
    KeyRing.create(path)
    key_file.clear(path)
    assert not left.exists()


def test_a_saved_file_is_whose_it_was(tmp_path: Path, monkeypatch):
    """A worker of another account or group can read the new file as it read the old one."""
    path, given = tmp_path / "keys", []
    KeyRing.create(path)
    path.chmod(0o640)
    monkeypatch.setattr(os, "fchown", lambda _, uid, gid: given.append((uid, gid)))
    KeyRing.load(path).rotated().save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert given == [(path.stat().st_uid, path.stat().st_gid)]


@pytest.mark.parametrize("trouble", ["fchown", "fchmod", "fsync", "replace"])
def test_a_file_that_cannot_be_replaced_as_it_was_stays(tmp_path: Path, monkeypatch, trouble: str):
    """Not permitted, disk full: an error, the file as before, and nothing beside it."""
    path = tmp_path / "keys"
    ring = KeyRing.create(path)
    before = path.read_bytes()

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path if trouble == "replace" else os, trouble, refuse)
    with pytest.raises(PermissionError):
        ring.rotated().save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["keys"]


def test_a_link_to_the_file_stays_a_link(tmp_path: Path):
    """Whoever has the keys on another disk finds the new ring there, and the link in its place."""
    (tmp_path / "elsewhere").mkdir()
    target, path = tmp_path / "elsewhere" / "segin.keys", tmp_path / "keys"
    KeyRing.create(target)
    path.symlink_to("elsewhere/segin.keys")
    serving = KeyRing.load(path)
    ring = serving.rotated()
    ring.save(path)
    assert path.is_symlink()
    assert KeyRing.load(target).ids == ring.ids
    assert serving.unwrap(ring.wrap(b"k" * 32)) == b"k" * 32
    kept = ring.drop(["k1"], path)
    assert (kept, path.is_symlink()) == (tmp_path / "elsewhere" / "segin.keys.dropped", True)


def test_a_dropped_key_is_kept_beside_the_file(tmp_path: Path):
    """Never destroyed: each line is there once, after a cut as well, and put back it opens what it wrapped."""
    path = tmp_path / "keys"
    first = KeyRing.create(path)
    blob = first.wrap(b"k" * 32)
    second = first.rotated()
    kept = second.drop(["k1"], path)
    assert KeyRing.load(path).ids == (second.newest,)
    line = next(line for line in first.text().splitlines() if line.startswith("k1:"))
    assert (kept.read_text(), stat.S_IMODE(kept.stat().st_mode)) == (f"{line}\n", 0o600)
    kept.write_text(line[:20])
    kept.chmod(0o644)
    third = second.rotated()
    third.drop(second.ids, path)
    assert kept.read_text().splitlines() == [line[:20], *second.text().splitlines()[:2]]
    second.drop(["k1"], path)
    assert (len(kept.read_text().splitlines()), stat.S_IMODE(kept.stat().st_mode)) == (3, 0o600)
    path.write_text(path.read_text() + line)
    assert KeyRing.load(path).unwrap(blob) == b"k" * 32


def test_keys_that_cannot_be_kept_are_not_dropped(tmp_path: Path):
    """A folder in the place of the file: the ring stays whole."""
    path = tmp_path / "keys"
    KeyRing.create(path)
    ring = KeyRing.load(path).rotated()
    ring.save(path)
    (tmp_path / "keys.dropped").mkdir()
    with pytest.raises(OSError, match="directory"):
        ring.drop(["k1"], path)
    assert KeyRing.load(path).ids == ring.ids


def test_a_loaded_ring_follows_its_file(tmp_path: Path):
    """A process that serves wraps with the new key at once, and opens what others wrapped with it."""
    path = tmp_path / "keys"
    serving = KeyRing.create(path)
    old = serving.wrap(b"k" * 32)
    KeyRing.load(path).rotated().save(path)
    blob = KeyRing.load(path).wrap(b"n" * 32)
    assert serving.unwrap(blob) == b"n" * 32
    assert serving.ids == KeyRing.load(path).ids
    KeyRing.load(path).prepared().save(path)
    assert serving.wrap(b"k" * 32).startswith(wrap_prefix(serving.newest))
    assert serving.waiting == KeyRing.load(path).waiting
    KeyRing.load(path).rotated().save(path)
    assert serving.wrap(b"k" * 32).startswith(wrap_prefix(KeyRing.load(path).newest))
    assert serving.unwrap(old) == b"k" * 32


def test_a_file_that_is_not_followed_is_told_once(tmp_path: Path, caplog):
    """One warning for each state of the file, with path and reason; never a key."""
    path = tmp_path / "keys"
    serving = KeyRing.create(path)
    good, others = path.read_text(), KeyRing.new().text()
    states = ["", f"{KEY}:k9\nindex:{KEY}", others]
    with caplog.at_level(logging.WARNING, "storage.crypto"):
        for text in states:
            path.write_text(text)
            for _ in range(3):
                serving.wrap(b"k" * 32)
        path.unlink()
        serving.wrap(b"k" * 32)
        serving.wrap(b"k" * 32)
    reasons = ["no index key", "up to 32 letters", "index key is another", "No such file"]
    assert len(caplog.messages) == len(reasons)
    for message, reason in zip(caplog.messages, reasons, strict=True):
        assert str(path) in message
        assert reason in message
        assert not [line for line in (good + others).split() if line.partition(":")[2] in message]
    assert KEY[:8] not in caplog.text


@pytest.mark.parametrize("left", ["", "k9:AAAA", "another's"])
def test_a_file_that_makes_no_sense_is_not_followed(tmp_path: Path, left: str):
    """Emptied, damaged, another installation's, gone: what was read before goes on."""
    path = tmp_path / "keys"
    serving = KeyRing.create(path)
    blob = serving.wrap(b"k" * 32)
    path.write_text(KeyRing.new().text() if left == "another's" else left)
    assert serving.unwrap(serving.wrap(b"n" * 32)) == b"n" * 32
    path.unlink()
    assert serving.unwrap(serving.wrap(b"n" * 32)) == b"n" * 32
    assert (serving.unwrap(blob), serving.ids) == (b"k" * 32, ("k1",))
    with pytest.raises(UnknownKey):
        serving.unwrap(KeyRing({"k7": bytes(32)}, bytes(32)).wrap(b"k" * 32))


def test_a_prepared_key_opens_and_does_not_wrap(keyring: KeyRing):
    """Until it is rotated to the front; preparing twice makes one key."""
    prepared = keyring.prepared()
    waiting = prepared.waiting
    assert (prepared.ids, prepared.newest) == (("k1", waiting), "k1")
    assert prepared.prepared().text() == prepared.text()
    assert prepared.wrap(b"k" * 32).startswith(wrap_prefix("k1"))
    rotated = prepared.rotated()
    assert (rotated.ids, rotated.waiting) == ((waiting, "k1"), None)
    assert prepared.unwrap(rotated.wrap(b"k" * 32)) == b"k" * 32


def test_a_prepared_key_is_marked_in_the_text(keyring: KeyRing):
    """By its mark alone, wherever it stands; what is older than the mark has no key that waits."""
    prepared = keyring.prepared()
    assert f"\n{prepared.waiting}?:" in prepared.text()
    for lines in (prepared.text().splitlines(), prepared.text().splitlines()[::-1]):
        again = KeyRing.parse("\n".join(lines))
        assert (again.ids, again.waiting, again.text()) == (prepared.ids, prepared.waiting, prepared.text())
        assert again.wrap(b"k" * 32).startswith(wrap_prefix("k1"))
    old = KeyRing.parse(f"k1:{KEY}\nk2:{KEY}\nk10:{KEY}\nindex:{KEY}")
    assert (old.ids, old.newest, old.waiting) == (("k1", "k2", "k10"), "k1", None)
    assert prepared.without([prepared.waiting]).waiting is None
    assert prepared.rotated().prepared().without(["k1"]).waiting is not None


def test_an_id_belongs_to_one_key(keyring: KeyRing):
    """Two copies of a ring that are rotated apart have no id in common but those they had."""
    assert set(keyring.rotated().ids) & set(keyring.rotated().ids) == {"k1"}
    assert set(keyring.prepared().ids) & set(keyring.prepared().ids) == {"k1"}
    assert crypto._id_of(bytes(32)) == "k36a7e507b4"
    with pytest.raises(BadKeys):
        keyring.without(["k1"])
