"""The directory as it is read, the languages that are drafts, and what the real one must hold."""

import json
from pathlib import Path

import pytest

from bot.__main__ import parser
from bot.library.counting import count
from bot.library.files import read_folder
from bot.library.load import build, catalogue_path
from bot.library.sourced import check_sources
from bot.settings import Settings
from tests.library.small import changed, english, small_files, small_library

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def real():
    built = build(read_folder(ROOT))
    assert built.library is not None
    return built


# ---------------------------------------------------------------- reading


def test_what_is_read():
    directory = small_library().directory
    assert directory.regions["north"].cercles == ("hills", "river")
    assert directory.sector_of == {"welding": "metal", "metalwork": "metal", "carpentry": "wood"}
    centre = directory.services["centre_north"]
    assert (centre.who.age_min, centre.phone, centre.place) == (15, ("+223 00",), "Ville du Nord")
    assert directory.services["donor"].audience == "staff"


def test_names_are_the_same_in_every_language_and_descriptions_are_not():
    library = small_library()
    assert library.words("services:centre_north", "en") == "Centre du Nord"
    assert library.words("services:centre_north/gives", "en") == "On y apprend un métier. (en)"
    assert "services:donor/gives" not in library.texts["fr"]  # for staff: nobody translates it


def test_an_address_that_is_kept_back_is_not_shown():
    files = small_files()
    path = "content/directory/north/centre_north.yaml"
    hidden = 'contact: {address: "Rue 1", phone: ["+223 00"]}\naddress_hidden: Pas sûre.'
    files = changed(files, path, 'contact: {phone: ["+223 00"]}', hidden)
    centre = build(files).library.directory.services["centre_north"]
    assert (centre.address, centre.phone) == ("", ("+223 00",))


def test_a_library_without_a_directory_is_one_too():
    files = {p: c for p, c in small_files().items() if not p.startswith(("content/directory", "content/reg"))}
    assert build(files).library.directory.services == {}


# ---------------------------------------------------------------- sources


@pytest.mark.parametrize(
    ("path", "old", "new", "sort"),
    [
        ("content/documents.yaml", "source_year: 2022", "", "no_source_year"),
        ("content/documents.yaml", "source: report-2022", "why: Comme ça", "no_source"),
        ("flows/lost.yaml", "say: Voulez", "say: Le kit vaut 52 000 FCFA. Voulez", "figure_in_flow"),
        ("flows/lost.yaml", "say: Voulez", "say: Appelez le 20 22 76 97. Voulez", "figure_in_flow"),
    ],
)
def test_a_fact_without_a_source_is_told(path, old, new, sort):
    paper = "- key: identity\n  label: Carte d'identité\n  when: {}\n  source: report-2022\n  source_year: 2022\n"
    files = {**small_files(), "content/documents.yaml": paper.encode()}
    assert check_sources(build(files)) == []
    assert [issue.sort for issue in check_sources(build(changed(files, path, old, new)))] == [sort]


def test_none_of_our_facts_lacks_one(real):
    assert "\n".join(map(str, check_sources(real))) == ""


# ---------------------------------------------------------------- languages that are drafts


def drafted(**reviews):
    """The small library with Bambara as a draft: every text there, and who has read what may harm."""
    files = changed(small_files(), "content/organisation.yaml", "  en: required", "  en: required\n  bm: draft")
    lines = ["texts: [complaint, main/where]", "read_by:", f"  bm: {json.dumps(reviews.get('bm', []))}"]
    files["content/reviews.yaml"] = "\n".join(lines).encode()
    return build({**files, catalogue_path("bm"): english(small_files()).replace(b"(en)", b"(bm)")}).library


def test_a_draft_says_so_and_keeps_back_what_may_harm():
    library = drafted()
    assert library.languages["bm"] == "Bamanankan (essai)"
    assert library.words("main/menu:say", "bm") == "Que voulez-vous faire ? (bm)"
    assert library.words("complaint/account:say", "bm") == "Dites ce que vous voulez."
    assert library.words("main/where:home", "bm") == "Chez moi"


@pytest.mark.parametrize(("readers", "shown"), [(["A", "A"], False), (["A"], False), (["A", "B"], True)])
def test_two_people_must_have_read_it(readers, shown):
    words = drafted(bm=readers).words("complaint/account:say", "bm")
    assert (words == "Dites ce que vous voulez. (bm)") is shown


def test_a_language_that_is_off_is_not_offered():
    files = changed(small_files(), "content/organisation.yaml", "  en: required", '  en: required\n  ff: "off"')
    assert list(build(files).library.languages) == ["fr", "en"]


# ---------------------------------------------------------------- the real directory


def test_every_region_has_neighbours_and_every_trade_words(real):
    directory = real.library.directory
    assert all(region.neighbours for region in directory.regions.values())
    assert sum(trade.leaflet for trade in directory.trades.values()) == 23  # of the leaflet
    assert len(directory.regions) == 11


def test_every_number_of_the_mapping_is_there_once(real):
    numbers = [
        document.mapping().get("number")
        for path, document in real.content.documents.items()
        if path.startswith("content/directory/")
    ]
    told = sorted(number for number in numbers if number)
    assert told == sorted([*(f"FP#{n}" for n in range(1, 38)), *(f"FA#{n}" for n in range(1, 12))])


def test_nobody_is_said_to_have_called(real):
    assert all(service.verified_on is None for service in real.library.directory.services.values())


def test_staff_only_stays_with_staff(real):
    """Donors, programmes, investors, companies of 2018: a table is not an open door."""
    services = real.library.directory.services
    for service in services.values():
        if service.kind in ("donor", "company", "mechanism"):
            assert service.audience == "staff", service.key
    for key in ("fadev", "zira_capital", "mali_angel", "unicef"):
        assert services[key].audience == "staff"


def test_no_money_in_what_people_read(real):
    for language, texts in real.library.texts.items():
        for key, words in texts.items():
            if key.startswith(("services:", "rights:", "advice:", "documents:")):
                assert "CFA" not in words, (language, key)


# ---------------------------------------------------------------- the commands


def ran(*arguments):
    given = parser().parse_args(arguments)
    return given.run(Settings.read({}), given)


def test_the_count(real, capsys):
    counted = count(real.library)
    assert sum(counted["services by kind"].values()) == counted["services"]["all"]
    assert sum(counted["services by audience"].values()) == counted["services"]["all"]
    assert ran("library", "count", "--json") == 0
    assert json.loads(capsys.readouterr().out) == counted


def test_the_sources(capsys):
    assert ran("check", "--sources") == 0
    assert capsys.readouterr().out == ""
