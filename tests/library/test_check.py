"""Each mistake, planted in a small library, is told once, with its file and line."""

from pathlib import Path

import pytest

from bot.library.check import check
from bot.library.issues import SENTENCES
from bot.library.load import build
from bot.library.names import ENGINE_FLOWS
from tests.library.small import MAIN, changed, line_of, small_files

EN = "locales/en/LC_MESSAGES/bot.po"
LONG = "k" * 50
CENTRE = "content/directory/north/centre_north.yaml"

# sort, file, what stands there, what is planted, text of the line where it is told (and its file, if another)
PLANTED = [
    # ---- reading
    ("yaml_unclosed", "flows/lost.yaml", "start: offer", "start: 'offer", "start:"),
    ("yaml_quotes", "flows/lost.yaml", "say: Voulez", "say: C'est : Voulez", "C'est :"),
    ("duplicate_key", "flows/lost.yaml", "  over:", "  to_person: {say: Ici., go: over}\n  over:", "{say: Ici."),
    ("no_alias", "flows/lost.yaml", "title: Perdu", "title: &a Perdu", "&a"),
    # ---- shape
    ("unknown_key", "flows/lost.yaml", "{call: person,", "{call: person, hold: true,", "hold"),
    ("unknown_key", "flows/lost.yaml", "    choices:", "    choises:", "choises"),
    ("unknown_key", "content/organisation.yaml", "hold_hours: 48", "hold_hours: 48\nholdhours: 3", "holdhours"),
    ("unknown_key", "flows/complaint.yaml", "{from: kind}", "{form: kind}", "form"),
    ("missing_key", "flows/complaint.yaml", "    category: {from: kind}\n", "", "  file:"),
    ("missing_key", "flows/complaint.yaml", "    save_as: account\n", "", "  account:"),
    ("useless_key", "flows/complaint.yaml", "Mari ou femme}", "Mari ou femme, go: over}", "Mari"),
    ("unknown_key", "flows/complaint.yaml", "    end: return", "    end: return\n    go: kind", "go: kind"),
    ("wrong_type", "flows/complaint.yaml", "label: Un retard", "label: 5", "label: 5"),
    ("wrong_type", "flows/complaint.yaml", "optional: true", "optional: oui", "oui"),
    ("wrong_word", "flows/complaint.yaml", "ask: anything", "ask: anithing", "anithing"),
    ("wrong_word", "flows/complaint.yaml", "status: mine", "status: mien", "mien"),
    ("two_kinds", "flows/complaint.yaml", "    ask: anything", "    ask: anything\n    status: mine", "  account:"),
    ("no_kind", "flows/complaint.yaml", "    end: return", "    go: kind", "  over:"),
    ("bad_name", "flows/lost.yaml", "key: again", "key: Again", "Again"),
    ("bad_name", "flows/complaint.yaml", "key: spouse", "key: done", "key: done"),
    ("bad_value", "flows/person.yaml", "{situation: abroad}", "{situation: true}", "situation: true"),
    ("night_hours", "content/organisation.yaml", "08:00-17:00", "17:00-08:00", "17:00"),
    ("bad_hours", "content/organisation.yaml", '"08:00-17:00"', '["08:00-12:00", "2 pm"]', "2 pm"),
    ("hours_overlap", "content/organisation.yaml", '"08:00-17:00"', '["08:00-12:00", "11:00-17:00"]', "11:00"),
    ("bad_value", "content/organisation.yaml", "Africa/Bamako", "Africa/Bamaco", "timezone"),
    ("unknown_key", "content/organisation.yaml", "    mon:", "    lundi:", "lundi"),
    # ---- ways
    ("missing_step", "flows/lost.yaml", "Essayer encore, go: over", "Essayer encore, go: ovver", "ovver"),
    ("missing_step", "flows/lost.yaml", "start: offer", "start: ofer", "ofer"),
    ("missing_flow", "flows/lost.yaml", "call: person", "call: persona", "persona"),
    ("missing_step", "flows/resume.yaml", "main.menu", "main.menus", "menus"),
    ("missing_flow", "flows/resume.yaml", "main.menu", "mein.menu", "mein"),
    ("unreachable", "flows/lost.yaml", "  over:", "  alone: {say: Ici., go: over}\n  over:", "alone"),
    ("duplicate_choice", "flows/distress.yaml", '{key: "no"', '{key: "yes"', 'key: "yes", label: Non'),
    ("same_label", "flows/complaint.yaml", "label: Une personne", "label: Un  rétard !", "rétard"),
    # ---- names
    ("unknown_rule", "flows/person.yaml", "rule: consented", "rule: consentd", "consentd"),
    ("unknown_rule", "content/documents.yaml", "{situation: [abroad]}", "{rule: abroad}", "rule"),
    ("bad_value", "content/documents.yaml", "{situation: [abroad]}", "{situation: []}", "situation"),
    ("unknown_category", "flows/person.yaml", "category: person", "category: persons", "persons"),
    ("category_kind", "flows/person.yaml", "category: person", "category: delay", "delay"),
    ("unknown_name", "flows/person.yaml", "{situation: abroad}", "{situations: abroad}", "situations"),
    ("unknown_name", "flows/complaint.yaml", "include: [account]", "include: [acount]", "acount"),
    ("unknown_name", "content/documents.yaml", "{situation: [abroad]}", "{place: [abroad]}", "place"),
    ("unknown_value", "flows/person.yaml", "{situation: abroad}", "{situation: abrod}", "abrod"),
    ("unknown_value", "flows/distress.yaml", "[suicide, danger]", "[suicide, dangr]", "dangr"),
    ("unknown_value", "content/documents.yaml", "[abroad]", "[away]", "away"),
    ("label_placeholder", "flows/complaint.yaml", "label: Envoyer", 'label: "Envoyer {account}"', "Envoyer {"),
    ("unused_words", "content/words.yaml", "status:\n", "never_said: Bonjour\nstatus:\n", "never_said"),
    ("two_flows", "flows/person.yaml", "[humain, human]", "[humain, human, Plainte]", "keywords"),
    ("word_taken", "flows/person.yaml", "[humain, human]", "[humain, human, Rétour]", "keywords"),
    ("label_taken", "flows/lost.yaml", "Essayer encore", "Plainte", "Plainte"),
    ("label_taken", "flows/lost.yaml", "Essayer encore", "Menu", "Menu"),
    # ---- the directory
    ("unknown_entry", "content/regions.yaml", "neighbours: [south]", "neighbours: [south, soth]", "soth"),
    ("one_sided", "content/regions.yaml", "neighbours: [south]", "neighbours: []", "neighbours: [north]"),
    ("bad_value", "content/regions.yaml", "tile: [0, 1]", "tile: [0, 0]  # again", "tile: [0, 0]  # again"),
    ("bad_value", "content/regions.yaml", "tile: [0, 1]", "tile: [0, 1, 2]", "tile: [0, 1, 2]"),
    ("bad_value", "content/regions.yaml", "tile: [0, 1]", "tile: [0, -1]", "tile: [0, -1]"),
    ("long_label", "content/regions.yaml", "label: Collines", "label: Les plus hautes des collines", "plus hautes"),
    ("same_word", "content/sectors.yaml", "[menuisier]", "[soudeur]", "Menuiserie"),
    ("unknown_entry", "content/sectors.yaml", "[metalwork]", "[metalwrok]", "metalwrok"),
    ("unknown_source", "content/sectors.yaml", "report-2022, liste", "raport-2022, liste", "words: [soudeur]"),
    ("unknown_key", CENTRE, "place: Ville", "places: Ville", "places:"),
    ("wrong_word", CENTRE, "audience: public", "audience: everybody", "everybody"),
    ("wrong_word", CENTRE, "agreement: unknown", "agreement: sure", "sure"),
    ("unknown_entry", CENTRE, "[welding, carpentry]", "[weldin, carpentry]", "weldin"),
    ("unknown_entry", CENTRE, "regions: [north]", "regions: [nort]", "nort"),
    ("unknown_entry", CENTRE, "bring: [identity]", "bring: [passport]", "passport"),
    ("bad_value", CENTRE, "source_year: 2022", 'source_year: 2022\nverified_on: "hier"', "hier"),
    ("same_short", "content/directory/south/workshop_south.yaml", "short: Atelier Sud", "short: Centre Nord", "short"),
    # ---- languages
    ("unknown_language", "content/organisation.yaml", "  en: required", "  en: required\n  xyz: optional", "xyz"),
]  # fmt: skip


def told(files):
    return [(issue.sort, issue.path, issue.line) for issue in check(build(files))]


def test_nothing_is_wrong_with_the_small_library():
    built = build(small_files())
    assert check(built) == ()
    assert built.library is not None


@pytest.mark.parametrize(
    ("sort", "path", "old", "new", "mark"),
    PLANTED,
    ids=lambda value: value if isinstance(value, str) and value.isidentifier() else "",
)
def test_a_planted_mistake_is_told_with_file_and_line(sort, path, old, new, mark):
    files = changed(small_files(), path, old, new)
    found = [issue for issue in told(files) if issue[0] not in ("untranslated", "stale")]
    # French texts that are new or changed are not translated either
    assert found == [(sort, path, line_of(files, path, mark))]


def test_every_sentence_can_be_said():
    for issue in check(build(changed(small_files(), "flows/lost.yaml", "call: person", "call: persona"))):
        assert str(issue) == (
            "flows/lost.yaml:9: le dialogue « persona » n'existe pas  → Vouliez-vous dire « person » ?"
        )


def test_a_file_nobody_reads():
    assert told({**small_files(), "content/word.yaml": b"a: b\n"}) == [("unknown_file", "content/word.yaml", 1)]


@pytest.mark.parametrize("content", [b"", b"# nothing\n"])
def test_an_empty_flow(content):
    assert ("empty_file", "flows/x.yaml", 1) in told({**small_files(), "flows/x.yaml": content})


def test_a_file_that_is_no_text():
    assert ("encoding", "flows/lost.yaml", 2) in told({**small_files(), "flows/lost.yaml": b"title: a\n\xff: b\n"})


@pytest.mark.parametrize("name", ENGINE_FLOWS)
def test_a_flow_the_engine_calls_is_missing(name):
    files = {path: content for path, content in small_files().items() if path != f"flows/{name}.yaml"}
    assert ("engine_flow", f"flows/{name}.yaml", 1) in told(files)


def test_the_menu_must_ask():
    main = MAIN.replace("  menu:\n", "  choice:\n").replace("go: menu", "go: choice")
    files = small_files(main=main + "  menu: {say: A., go: choice}\n")
    assert ("menu_waits", "flows/main.yaml", line_of(files, "flows/main.yaml", "  menu:")) in told(files)


def test_a_flow_nothing_leads_to():
    files = small_files(alone="title: Seul\nstart: a\nsteps:\n  a: {say: Bonjour., end: stop}\n")
    assert ("unreachable_flow", "flows/alone.yaml", 1) in told(files)


def test_a_tap_too_long():
    files = changed(small_files(), "flows/complaint.yaml", "key: conduct", f"key: {LONG}")
    found = told(files)
    line = line_of(files, "flows/complaint.yaml", LONG)
    assert ("long_tap", "flows/complaint.yaml", line) in found
    just = LONG[: 64 - len("complaint/kind:")]
    assert not any(sort == "long_tap" for sort, *_ in told(changed(files, "flows/complaint.yaml", LONG, just)))


@pytest.mark.parametrize("name", ["acount", "Account", " account", "on_call.nam", "case.status"])
def test_a_placeholder_nobody_fills(name):
    files = changed(small_files(), "flows/complaint.yaml", "{account}", f"{{{name}}}")
    sort = "case_placeholder" if name.startswith("case.") else "unknown_placeholder"
    line = line_of(files, "flows/complaint.yaml", "    say: |-")
    assert (sort, "flows/complaint.yaml", line) in told(files)


def test_an_answer_that_is_saved_only_later():
    files = changed(small_files(), "flows/complaint.yaml", "De quoi s'agit-il ?", "De quoi, {with_me} ?")
    line = line_of(files, "flows/complaint.yaml", "{with_me}")
    assert ("unknown_placeholder", "flows/complaint.yaml", line) in told(files)


def test_a_placeholder_of_a_phrase_the_code_does_not_fill():
    files = changed(small_files(), "content/words.yaml", '"needs_text"', '"needs_text {min}"')
    line = line_of(files, "content/words.yaml", "needs_text")
    assert ("unknown_placeholder", "content/words.yaml", line) in told(files)


@pytest.mark.parametrize("key", ["apology", "status"])
def test_a_phrase_the_code_says_is_missing(key):
    text = 'apology: "apology"\n' if key == "apology" else "  new: status new\n"
    files = changed(small_files(), "content/words.yaml", text, "")
    line = 1 if key == "apology" else line_of(files, "content/words.yaml", "status:")
    assert ("missing_words", "content/words.yaml", line) in told(files)


# ---------------------------------------------------------------- languages


def test_a_placeholder_lost_and_one_added_in_translation():
    files = changed(small_files(), EN, "{case.receipt} (en)", "{case.recipt} (en)")
    line = line_of(files, EN, 'msgctxt "complaint/file:say"')
    [issue] = check(build(files))
    assert (issue.sort, issue.path, issue.line) == ("placeholder_added", EN, line)
    assert "{case.receipt}" in issue.hint
    files = changed(small_files(), EN, "{case.receipt} (en)", "(en)")
    assert told(files) == [("placeholder_lost", EN, line)]


def test_a_text_not_translated_is_told_where_the_french_stands():
    files = changed(small_files(), EN, 'msgstr "Des enfants (en)"', 'msgstr ""')
    [issue] = check(build(files))
    assert (issue.sort, issue.path) == ("untranslated_entry", "flows/complaint.yaml")
    assert issue.line == line_of(files, "flows/complaint.yaml", "Des enfants")
    assert f"{EN}:{line_of(files, EN, 'complaint/with_me:children')}" in issue.hint
    files = changed(small_files(), EN, 'msgctxt "main:title"', 'msgctxt "main:titel"')
    [issue] = check(build(files))  # the one that is too many is told once all texts are there
    assert issue.sort == "untranslated"
    assert "segin translations" in issue.hint


def test_a_language_that_may_have_gaps():
    files = changed(small_files(), EN, 'msgstr "Des enfants (en)"', 'msgstr ""')
    assert told(changed(files, "content/organisation.yaml", "en: required", "en: optional")) == []


@pytest.mark.parametrize("path", [EN, "content/safety/en.yaml", "content/keywords/en.yaml"])
def test_a_required_language_without_its_file(path):
    files = {name: content for name, content in small_files().items() if name != path}
    sort = "no_po" if path == EN else "no_language_file"
    line = line_of(files, "content/organisation.yaml", "en: required")
    assert told(files) == [(sort, "content/organisation.yaml", line)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('msgstr "Des enfants (en)"', 'msgstr "Des enfants'),
        ('msgstr "Des enfants (en)"', ""),
        ('msgstr "Des', 'mgstr "Des'),
    ],
)
def test_a_catalogue_that_is_none(old, new):
    files = changed(small_files(), EN, old, new)
    [(sort, path, line)] = told(files)
    assert (sort, path) == ("po", EN)
    assert abs(line - line_of(files, EN, 'msgid "Des enfants"')) <= 2


def test_the_same_text_translated_twice():
    files = changed(small_files(), EN, 'msgctxt "lost/offer:again"', 'msgctxt "lost/offer:person"')
    assert ("po_twice", EN, line_of(files, EN, 'msgid "Essayer encore"') - 1) in told(files)


def test_a_translation_of_a_text_that_is_gone():
    files = changed(small_files(), "flows/distress.yaml", '      - {key: "no", label: Non, go: over}\n', "")
    assert told(files) == [("po_unknown", EN, line_of(files, EN, "distress/grave:no"))]


@pytest.mark.parametrize("fuzzy", [True, False], ids=["marked fuzzy", "not brought up to date"])
def test_a_translation_older_than_its_french(fuzzy):
    if fuzzy:
        files = changed(small_files(), EN, 'msgctxt "lost:title"', '#, fuzzy\nmsgctxt "lost:title"')
    else:
        files = changed(small_files(), "flows/lost.yaml", "title: Perdu", "title: Égaré")
    assert told(files) == [("stale", EN, line_of(files, EN, 'msgctxt "lost:title"'))]


def test_labels_alike_in_another_language():
    files = changed(small_files(), EN, 'msgstr "Mari ou femme (en)"', 'msgstr "Des enfants (en)"')
    assert told(files) == [("same_label", EN, line_of(files, EN, 'msgctxt "complaint/with_me:children"'))]


# ---------------------------------------------------------------- loops

RING = """\
title: Ronde
keywords: [ronde]
start: first
steps:
  first: {say: Un., go: second}
  second:
    branch:
      - {when: {rule: consented}, go: third}
    else: first
  third: {say: Trois., go: main.menu}
"""


def loops(files):
    return [issue for issue in check(build(files)) if issue.sort == "loop"]


def test_a_loop_that_never_asks():
    [issue] = loops(small_files(ronde=RING))
    assert (issue.path, issue.line, issue.key) == ("flows/ronde.yaml", 5, "first → second → first")


def test_a_loop_with_a_question_is_fine():
    asks = "{say: Un., go: second, choices: [{key: a, label: A}]}"
    assert loops(small_files(ronde=RING.replace("{say: Un., go: second}", asks))) == []


def test_a_loop_through_another_flow():
    ronde = RING.replace("{say: Un., go: second}", "{call: pause, go: second}")
    pause = "title: Pause\nstart: a\nsteps:\n  a: {say: Pause., go: b}\n  b: {end: return}\n"
    [issue] = loops(small_files(ronde=ronde, pause=pause))
    assert issue.key == "first → pause.a → pause.b → second → first"
    asks = pause.replace("go: b}", "go: b, choices: [{key: a, label: A}]}")
    assert loops(small_files(ronde=ronde, pause=asks)) == []


def test_a_ring_that_its_own_conditions_break():
    """Asked again after a flow that returns at once only when the person had agreed before."""
    ronde = """\
title: Ronde
keywords: [ronde]
start: agreed
steps:
  agreed:
    branch:
      - {when: {rule: consented}, go: thanks}
    else: ask
  ask: {call: consent, go: agreed}
  thanks: {say: Merci., go: main.menu}
"""
    consent = """\
title: Accord
start: before
steps:
  before:
    branch:
      - {when: {rule: consented}, go: over}
    else: question
  question: {say: D'accord ?, go: keep, choices: [{key: agree, label: D'accord}]}
  keep: {remember: {consent: agreed}, go: over}
  over: {end: return}
"""
    assert loops(small_files(ronde=ronde, consent=consent)) == []


def test_a_flow_that_starts_its_caller_anew():
    ronde = RING.replace("{say: Un., go: second}", "{call: again, go: second}").replace("else: first", "else: third")
    again = "title: Encore\nstart: a\nsteps:\n  a: {end: restart}\n"
    [issue] = loops(small_files(ronde=ronde, again=again))
    assert issue.key == "first → again.a → first"


def test_every_sort_of_mistake_is_looked_for():
    code = "".join(path.read_text() for path in (Path(__file__).parents[2] / "bot/library").glob("*.py"))
    assert [sort for sort in SENTENCES if code.count(f'"{sort}"') < 2] == []


def test_an_empty_list_of_choices():
    files = changed(small_files(), "flows/complaint.yaml", "    pick:\n", "    pick: []\n    x:\n")
    assert ("no_choices", "flows/complaint.yaml", line_of(files, "flows/complaint.yaml", "pick: []")) in told(files)
