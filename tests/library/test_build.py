"""What the engine gets from editors' files."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from bot.dialogue.engine import advance
from bot.dialogue.model import Conversation, Heard, World
from bot.library.check import check
from bot.library.files import checksum, read_folder, stamp
from bot.library.load import build
from tests.library.small import changed, small_files, small_library

EN = "locales/en/LC_MESSAGES/bot.po"


def test_texts_by_key_and_language():
    library = small_library()
    assert library.texts["fr"]["main/menu:complaint"] == "Porter plainte"
    assert library.texts["en"]["main/menu:complaint"] == "Porter plainte (en)"
    assert library.texts["fr"]["complaint:title"] == "Plainte"
    assert library.texts["fr"]["complaint/review:say"] == "Votre message : {account}\nAvant {deadline.ordinary}."
    for key in ("words:apology", "documents:permit", "categories:delay", "status:new", "status_next:closed"):
        assert library.texts["fr"][key]
        assert library.texts["en"][key].endswith("(en)")
    assert library.placeholders["complaint/review:say"] == ("account", "deadline.ordinary")


def test_a_fuzzy_translation_is_still_served_and_an_empty_one_is_not():
    files = changed(small_files(), EN, 'msgctxt "lost:title"', '#, fuzzy\nmsgctxt "lost:title"')
    library = build(changed(files, EN, 'msgstr "Essayer encore (en)"', 'msgstr ""')).library
    assert library.words("lost:title", "en") == "Perdu (en)"
    assert library.words("lost/offer:again", "en") == "Essayer encore"


def test_labels_and_languages_are_understood_in_every_language():
    library = small_library()
    label = library.candidates["main/menu:complaint"]
    assert (label.key, label.labels) == ("complaint", ("Porter plainte", "Porter plainte (en)"))
    assert library.languages == {"fr": "Français", "en": "English"}
    assert {"English", "anglais"} <= set(library.candidates["language:en"].labels)


def test_keywords_lead_to_flows():
    library = small_library(papers="title: P\nkeywords: [Papiers]\nstart: a\nsteps:\n  a: {say: A., end: stop}\n")
    assert library.anywhere["complaint"] == "complaint"
    assert library.topics == {"papiers": "papers"}


def test_the_organisation():
    organisation = small_library().organisation
    assert organisation.missing == ()
    assert organisation.on_call.hours == {0: ((480, 1020),)}
    assert organisation.on_call.contact == "70 00 00 00"
    assert (organisation.reply_within, organisation.hold) == (timedelta(hours=120), timedelta(hours=48))
    assert small_library().categories["conduct"].restricted
    assert [paper.key for paper in small_library().lists["documents"]] == ["identity", "permit"]


def test_the_engine_runs_on_it():
    turn = advance(small_library(), Conversation(), Heard("start"), World(datetime(2026, 11, 21, 9, tzinfo=UTC)))
    assert turn.says[-1].text.key == "main/language:say"
    assert [option.tap for option in turn.says[-1].options] == ["main/language:fr", "main/language:en"]


def test_nothing_is_built_from_files_that_would_break_a_dialogue():
    built = build(changed(small_files(), "flows/lost.yaml", "call: person", "call: persona"))
    assert built.library is None
    assert [issue.sort for issue in built.issues] == ["missing_flow"]


def test_what_only_looks_bad_is_built():
    files = changed(small_files(), EN, 'msgstr "Essayer encore (en)"', 'msgstr ""')
    built = build(files)
    assert built.library is not None
    assert check(built)


def test_the_same_files_build_the_same_library_and_the_number_is_kept():
    one, two = build(small_files(), 3).library, build(small_files(), 3).library
    assert one.revision == 3
    assert dataclasses.replace(one) == dataclasses.replace(two)


@pytest.mark.parametrize("junk", [b"[1, 2]", b"text", b"null", b"steps: 3", b"steps: {a: 1, b: [2], c: {}}", b"42"])
def test_any_yaml_is_taken_without_an_exception(junk):
    for path in small_files():
        if path.endswith(".yaml"):
            assert check(build({**small_files(), path: junk}))


# ---------------------------------------------------------------- folders


def test_only_editors_files_are_read(tmp_path):
    kept = ["content/a.yaml", "content/safety/fr.yaml", "flows/a.talk", "flows/a.yaml", EN]
    for name in [*kept, "flows/README.md", "flows/.a.yaml.swp", "flows/deep/a.yaml", "locales/en/x.po", "a.yaml"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    files = read_folder(tmp_path)
    assert list(files) == sorted(kept)
    assert files["flows/a.yaml"] == b"flows/a.yaml"
    before = stamp(tmp_path)
    (tmp_path / "flows/a.yaml").write_text("new words")
    assert stamp(tmp_path) != before


def test_the_checksum_tells_files_apart():
    one = checksum({"a": b"1", "b": b"2"})
    assert one == checksum({"b": b"2", "a": b"1"})
    assert len({one, checksum({"a": b"1b", "": b"2"}), checksum({"a": b"2", "b": b"1"}), checksum({})}) == 4
