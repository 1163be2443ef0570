"""One slip is one line, or two: what it explains is not told besides."""

import pytest

from bot.library.check import check
from bot.library.files import strays
from bot.library.load import build
from tests.library.small import changed, small_files

EN = "locales/en/LC_MESSAGES/bot.po"

# file, what stands there, what is planted, the sorts that are told
ONE_SLIP = [
    ("flows/complaint.yaml", "Un retard, go: account", "Un retard, go: acount", ["missing_step"]),
    ("flows/complaint.yaml", "start: kind", "start: kinds", ["missing_step"]),
    ("flows/complaint.yaml", "    go: with_me\n", "    go: whom\n", ["missing_step", "unreachable"]),
    ("flows/complaint.yaml", "    go: with_me\n", "", ["missing_key"]),
    ("flows/complaint.yaml", "    ask: anything\n", "    ask: anythin\n", ["wrong_word"]),
    (
        "flows/complaint.yaml",
        "{key: delay, label: Un retard, go: account}",
        "{key: delay, label: Un retard}",
        ["no_way"],
    ),
    ("flows/complaint.yaml", "{account}", "{acount}", ["unknown_placeholder"]),
    ("flows/complaint.yaml", "{account}", "{account", ["brace"]),
    ("flows/main.yaml", "{call: complaint, go: menu}", "{call: complain, go: menu}", ["missing_flow"]),
    ("flows/main.yaml", "  to_person:", "  to_complaint:", ["duplicate_key", "missing_step"]),
    ("flows/main.yaml", "title: Accueil", "title: 'Accueil", ["yaml_unclosed"]),
    ("flows/main.yaml", "remember: {situation:", "remember: {situatin:", ["unknown_name", "unknown_name"]),
    ("content/words.yaml", "needs_date:", "need_date:", ["unused_words"]),
    ("content/organisation.yaml", "timezone:", "timezon:", ["missing_key", "unknown_key"]),
    (EN, "{case.receipt} (en)", "{case.receipt (en)", ["brace"]),
    (EN, "{case.receipt} (en)", "{case.recept} (en)", ["placeholder_added"]),
]


@pytest.mark.parametrize(("path", "old", "new", "sorts"), ONE_SLIP)
def test_one_slip_gives_no_pages(path, old, new, sorts):
    found = check(build(changed(small_files(), path, old, new)))
    assert sorted(issue.sort for issue in found) == sorted(sorts), "\n".join(map(str, found))


def test_a_row_of_steps_nobody_comes_to_is_told_once():
    row = "  one: {say: Un., go: two}\n  two: {say: Deux., go: over}\n"
    found = check(build(changed(small_files(), "flows/lost.yaml", "  over:\n", f"{row}  over:\n")))
    assert [issue.key for issue in found if issue.sort == "unreachable"] == ["one"]


@pytest.mark.parametrize("value", ['"no"', "refused", "{from: kind}"])
def test_only_two_words_are_consent(value):
    files = changed(small_files(), "flows/complaint.yaml", "go: over\n    none: over", "go: keep\n    none: keep")
    files = changed(
        files, "flows/complaint.yaml", "  over:\n", f"  keep: {{remember: {{consent: {value}}}, go: over}}\n  over:\n"
    )
    assert {issue.sort for issue in check(build(files))} == {"consent_value"}
    assert check(build(changed(files, "flows/complaint.yaml", f"consent: {value}", "consent: agreed"))) == ()


def test_a_case_is_kept_a_year_at_most():
    files = changed(small_files(), "content/case-categories.yaml", "keep_days: 365", "keep_days: 366")
    assert [issue.sort for issue in check(build(files))] == ["keep_days"]


@pytest.mark.parametrize(
    ("path", "right"),
    [
        ("flows/x.yml", "flows/x.yaml"),
        ("flows/deep/x.yaml", "flows/x.yaml"),
        ("content/words.yml", "content/words.yaml"),
        ("locales/bm.po", "locales/bm/LC_MESSAGES/bot.po"),
        ("locales/bm/bot.po", "locales/bm/LC_MESSAGES/bot.po"),
        ("flows/x.yaml.bak", ""),
        ("content/notes.txt", ""),
    ],
)
def test_a_file_under_a_wrong_name_is_told(tmp_path, path, right):
    for name in [path, "flows/README.md", "flows/flow.schema.json", "flows/.x.swp", "content/words.yaml", EN]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    [issue] = strays(tmp_path)
    assert (issue.path, issue.key, issue.sort) == (path, right, "wrong_name" if right else "unknown_file")


@pytest.mark.parametrize("path", ["locales/bm/LC_MESSAGES/bot.po", "locales/en/LC_MESSAGES/other.po"])
def test_a_catalogue_of_no_language_is_told(path):
    sort = "unread_catalogue" if path.endswith("bot.po") else "unknown_file"
    assert [(issue.sort, issue.path) for issue in check(build({**small_files(), path: b""}))] == [(sort, path)]


@pytest.mark.parametrize(
    ("path", "old", "new", "sort"),
    [
        ("content/keywords/fr.yaml", "menu: [menu]", "menus: [menu]", "unknown_key"),
        ("content/keywords/fr.yaml", "menu: [menu]", "menu: menu", "not_a_list"),
        ("content/keywords/fr.yaml", "menu: [menu]", "menu: [menu]\nmonths: [mars]", "bad_list"),
        ("content/keywords/fr.yaml", "menu: [menu]", "menu: [menu]\nnumbers: {1: [un], x: [deux]}", "bad_number"),
        ("content/keywords/fr.yaml", "menu: [menu]", "menu: [menu]\nnumbers: [un]", "bad_number"),
        ("content/safety/fr.yaml", "[je veux mourir]", '["veux|"]', "bad_phrase"),
        ("content/safety/fr.yaml", "not:", "short: [stp]\nnot:", "not_a_map"),
    ],
)
def test_small_words_are_told_in_french(path, old, new, sort):
    found = [issue for issue in check(build(changed(small_files(), path, old, new))) if issue.path == path]
    assert [issue.sort for issue in found] == [sort]


@pytest.mark.parametrize(
    ("path", "old", "new", "remedy"),
    [
        ("flows/complaint.yaml", "optional: true", "optional: oui", "écrivez true ou false"),
        (
            "flows/complaint.yaml",
            "{key: delay, label: Un retard, go: account}",
            "Un retard",
            "{key: …, label: …, go: …}",
        ),
        ("content/organisation.yaml", "hold_hours: 48", "hold_hours: deux", "comme 120"),
        ("content/organisation.yaml", "hold_hours: 48", "hold_hours: 0", "écrivez 120"),
        ("content/organisation.yaml", '["Téléphone : 20 00 00 00"]', "\n  - Téléphone : 20", "entre guillemets"),
        ("content/organisation.yaml", "Africa/Bamako", "Bamako", "Africa/Bamako"),
    ],
)
def test_the_remedy_is_something_to_write(path, old, new, remedy):
    [issue] = check(build(changed(small_files(), path, old, new)))
    assert remedy in issue.hint


def test_a_step_without_its_go_is_named_and_all_slips_of_a_step_are_told_at_once():
    files = changed(small_files(), "flows/complaint.yaml", "    go: with_me\n", "    hold: true\n")
    files = changed(files, "flows/complaint.yaml", "optional: true", "optional: oui")
    found = check(build(files))
    assert sorted(issue.sort for issue in found) == ["missing_key", "unknown_key", "wrong_type"]
    assert any("à l'étape « account »" in issue.message for issue in found)
