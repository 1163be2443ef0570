"""Which services fit a wish, in which order, and which are never offered."""

from datetime import UTC, date, datetime, timedelta

import pytest

from bot.dialogue.directory import FAR, Directory, Region, Service, Trade, Who, Wish

TODAY = date(2026, 11, 21)
REGIONS = {
    "west": Region("west", neighbours=("middle",), cercles=("hills",)),
    "middle": Region("middle", neighbours=("west", "east")),
    "east": Region("east", neighbours=("middle",)),
    "island": Region("island"),
}
TRADES = {
    "welding": Trade("welding", "metal", close_to=("metalwork",)),
    "metalwork": Trade("metalwork", "metal"),
    "sewing": Trade("sewing", "cloth"),
}


def service(key, **given):
    known = {"kind": "training_centre", "audience": "public", "source_year": 2022, "regions": ("west",)}
    return Service(key=key, **{**known, **given})


def keys(services, wish=None, today=TODAY):
    directory = Directory(REGIONS, TRADES, {one.key: one for one in services})
    return [found.service.key for found in directory.fitting(wish or Wish(), today)]


@pytest.mark.parametrize(
    "given",
    [{"audience": "staff"}, {"status": "ended"}, {"status": "suspended"}, {"status": "planned"}, {"until": 2025}],
)
def test_what_is_no_open_door_is_never_offered(given):
    assert keys([service("closed", **given)]) == []


@pytest.mark.parametrize("given", [{}, {"until": 2026}, {"status": "closing"}, {"status": "open"}])
def test_what_may_be_open_is_offered(given):
    assert keys([service("door", **given)]) == ["door"]


def test_the_nearest_first():
    services = [
        service("far", regions=("east",), trades=("welding",)),
        service("next", regions=("middle",), trades=("welding",)),
        service("here", trades=("welding",)),
        service("town", trades=("welding",), cercles=("hills",)),
        service("all", regions=(), nationwide=True, trades=("welding",)),
    ]
    wish = Wish(region="west", cercle="hills", trade="welding")
    assert keys(services, wish) == ["town", "here", "all", "next", "far"]


def test_the_trade_before_one_close_to_it_and_offices_before_other_help():
    services = [
        service("money", kind="finance"),
        service("office", kind="employment"),
        service("close", trades=("metalwork",)),
        service("taught", trades=("welding",)),
        service("other", trades=("sewing",)),
        service("closed_trade", kind="protection"),
    ]
    assert keys(services, Wish(region="west", trade="welding")) == ["taught", "close", "office", "money"]
    assert keys(services, Wish(region="west", sector="metal"))[:2] == ["close", "taught"]


def test_a_course_far_away_comes_after_an_office_here_and_before_an_office_far_away():
    services = [
        service("office_far", kind="employment", regions=("east",)),
        service("taught_far", regions=("east",), trades=("welding",)),
        service("office", kind="employment"),
    ]
    assert keys(services, Wish(region="west", trade="welding")) == ["office", "taught_far", "office_far"]


def test_what_is_far_is_left_out_when_enough_is_near():
    near = [service(f"near{number}", kind="employment") for number in range(3)]
    far = service("far", kind="employment", regions=("east",))
    assert "far" not in keys([*near, far], Wish(region="west"))
    assert "far" in keys([*near[:2], far], Wish(region="west"))


def test_nobody_who_needs_help_is_sent_far_when_one_door_is_nearer():
    near, far = service("near", help=("medical",)), service("far", help=("medical",), regions=("east",))
    assert keys([near, far], Wish(region="west", help=("medical",))) == ["near"]
    assert keys([far], Wish(region="west", help=("medical",))) == ["far"]


def test_what_is_made_for_this_return_comes_first_among_its_like():
    services = [
        service("for_all", kind="business"),
        service("made_for", kind="business", who=Who(returns=("expelled", "alone"))),
    ]
    assert keys(services, Wish(region="west", return_kind="expelled")) == ["made_for", "for_all"]
    assert keys(services, Wish(region="west", return_kind="assisted")) == ["for_all"]


def test_what_was_checked_lately_comes_before_what_is_old():
    services = [service("old"), service("fresh", verified_on=TODAY - timedelta(days=300), regions=("east",))]
    assert keys(services, Wish(region="west")) == ["fresh", "old"]
    assert keys(services, Wish(region="west"), TODAY + timedelta(days=100)) == ["old", "fresh"]


@pytest.mark.parametrize(
    ("who", "wish", "fits"),
    [
        (Who(age_min=18, age_max=40), Wish(age=17), False),
        (Who(age_min=18, age_max=40), Wish(age=18), True),
        (Who(age_min=18, age_max=40), Wish(age=41), False),
        (Who(age_min=18, age_max=40), Wish(), True),
        (Who(sex="women"), Wish(sex="man"), False),
        (Who(sex="women"), Wish(sex="woman"), True),
        (Who(sex="women"), Wish(sex="unsaid"), True),
        (Who(schooling="some"), Wish(schooling="none"), False),
        (Who(schooling="some"), Wish(schooling="some"), True),
        (Who(returns=("assisted",)), Wish(return_kind="expelled"), False),
        (Who(returns=("assisted",)), Wish(return_kind="unknown"), True),
        (Who(returns=("expelled", "alone")), Wish(return_kind="expelled"), True),
        (Who(countries=("morocco",)), Wish(country="niger"), False),
        (Who(countries=("morocco",)), Wish(), False),
        (Who(countries=("morocco",)), Wish(country="morocco"), True),
        (Who(groups=("minors",)), Wish(age=25), False),
        (Who(groups=("minors",)), Wish(age=16), True),
        (Who(groups=("minors", "trafficking")), Wish(age=25), True),
    ],
)
def test_whom_a_service_is_for(who, wish, fits):
    assert keys([service("one", who=who)], wish) == (["one"] if fits else [])


def test_everywhere_but_in_one_region():
    bank = service("bank", kind="finance", regions=(), nationwide=True, not_in=("east",))
    assert keys([bank], Wish(region="west")) == ["bank"]
    assert keys([bank], Wish(region="east")) == []


def test_who_is_limited_to_few_comes_after_who_is_for_all():
    assert keys([service("a", who=Who(groups=("displaced",))), service("b")]) == ["b", "a"]


def test_borders():
    directory = Directory(REGIONS, TRADES, {})
    assert directory.away("west", ("west", "east")) == 0
    assert directory.away("west", ("east",)) == 2
    assert directory.away("west", ("island",)) == FAR
    assert directory.away("nowhere", ("west",)) == FAR
    assert directory.region_of == {"hills": "west"}
    assert directory.sectors == ("metal", "cloth")


def test_how_old():
    assert service("one").seen() == date(2022, 12, 31)
    assert service("one", verified_on=datetime(2026, 1, 2, tzinfo=UTC).date()).seen() == date(2026, 1, 2)
