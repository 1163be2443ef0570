"""Bringing translations up to date."""

import io

import pytest
from babel.messages.pofile import read_po

from bot.library.catalogues import BrokenFilesError, extract, template, update
from bot.library.translations import previous_words, read_translations
from tests.library.small import changed, line_of, small_files

EN = "locales/en/LC_MESSAGES/bot.po"


def entry(content, key):
    return next(message for message in read_po(io.BytesIO(content)) if message.context == key)


def test_the_template_has_every_text_once_with_its_place():
    files = small_files()
    found = {message.context: message for message in template(files) if message.id}
    assert found["lost/offer:again"].id == "Essayer encore"
    assert found["lost/offer:again"].locations == [
        ("flows/lost.yaml", line_of(files, "flows/lost.yaml", "Essayer encore"))
    ]
    assert {"words:apology", "documents:permit", "categories:delay", "status:new", "main:title"} <= set(found)


def test_two_texts_with_the_same_words_stay_two():
    found = [message.context for message in template(small_files()) if message.id == "Une personne"]
    assert {"complaint/kind:conduct", "person:title", "categories:conduct"} <= set(found)


def test_nothing_changes_when_nothing_changed():
    once = update(small_files()[EN], template(small_files()))
    assert update(once, template(small_files())) == once
    assert read_translations(EN, once)[0].keys() == read_translations(EN, small_files()[EN])[0].keys()


def test_a_comma_in_french_keeps_the_translation_marked_fuzzy():
    files = changed(small_files(), "flows/lost.yaml", "Essayer encore", "Essayer encore !")
    once = update(files[EN], template(files))
    after = entry(once, "lost/offer:again")
    assert (after.id, after.string, after.fuzzy) == ("Essayer encore !", "Essayer encore (en)", True)
    assert previous_words(once) == {"lost/offer:again": "Essayer encore"}
    assert update(once, template(files)) == once
    again = changed(files, "flows/lost.yaml", "Essayer encore !", "Encore une fois")
    twice = update(once, template(again))
    assert previous_words(twice) == {"lost/offer:again": "Essayer encore"}  # what the words were made from
    back = entry(update(once, template(small_files())), "lost/offer:again")
    assert (back.string, back.fuzzy) == ("Essayer encore (en)", False)


def test_what_a_person_marked_fuzzy_stays_so():
    files = changed(small_files(), EN, 'msgctxt "lost:title"', '# is this right?\n#, fuzzy\nmsgctxt "lost:title"')
    after = entry(update(files[EN], template(files)), "lost:title")
    assert after.fuzzy
    assert after.user_comments == ["is this right?"]


def test_a_text_that_is_gone_is_kept_aside_and_comes_back():
    files = changed(small_files(), "flows/lost.yaml", "{key: again,", "{key: once_more,")
    once = update(files[EN], template(files))
    assert b'#~ msgctxt "lost/offer:again"' in once
    assert entry(once, "lost/offer:once_more").string == ""
    back = entry(update(once, template(small_files())), "lost/offer:again")
    assert (back.string, back.fuzzy) == ("Essayer encore (en)", False)


def test_a_new_language_begins_empty():
    begun = update(b"", template(small_files()), "snk")
    assert entry(begun, "main:title").string == ""
    assert b'"Language: snk' in begun
    assert begun.decode().startswith("# Segin, soninké. Lisez locales/README.md")
    assert not any(word in begun for word in (b"FIRST AUTHOR", b"ORGANIZATION", b"EMAIL@ADDRESS", b"FULL NAME"))
    read, issues = read_translations("x", begun)
    assert issues == ()
    assert not any(translation.words for translation in read.values())


def test_no_template_from_broken_files():
    with pytest.raises(BrokenFilesError, match="persona"):
        template(changed(small_files(), "flows/lost.yaml", "call: person", "call: persona"))


def test_percent_signs_are_words():
    files = changed(small_files(), "flows/lost.yaml", "Essayer encore", "70 % des gens")
    assert b"python-format" not in update(files[EN], template(files))


def test_babels_own_command_finds_the_texts_of_a_flow(tmp_path):
    path = tmp_path / "lost.yaml"
    path.write_bytes(small_files()["flows/lost.yaml"])
    with path.open("rb") as file:
        found = list(extract(file, (), (), {}))
    assert (8, "pgettext", ("lost/offer:again", "Essayer encore"), []) in found
