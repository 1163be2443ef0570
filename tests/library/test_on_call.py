"""Hours on call: several spans a day, to midnight and from it."""

from datetime import UTC, datetime

import pytest

from bot.dialogue.hours import next_opening
from bot.library.load import build
from tests.library.small import changed, small_files

SPANS = 'mon: ["14:00-17:00", "08:00-12:00"]\n    tue: "20:00-24:00"\n    wed: "00:00-06:00"'


def test_a_day_may_have_several_spans():
    library = build(changed(small_files(), "content/organisation.yaml", 'mon: "08:00-17:00"', SPANS)).library
    assert library.organisation.on_call.hours == {0: ((480, 720), (840, 1020)), 1: ((1200, 1440),), 2: ((0, 360),)}


@pytest.mark.parametrize(
    ("day", "hour", "opens"),
    [(23, 7, (23, 8)), (23, 9, (23, 14)), (23, 13, (23, 14)), (23, 18, (24, 20)), (24, 21, (25, 0)), (25, 7, (30, 8))],
)
def test_the_next_opening_is_the_next_span(day, hour, opens):
    hours = {0: ((480, 720), (840, 1020)), 1: ((1200, 1440),), 2: ((0, 360),)}
    found = next_opening(hours, "Africa/Bamako", datetime(2026, 11, day, hour, tzinfo=UTC))
    assert (found.day, found.hour) == opens


def test_what_is_urgent_is_read_by_the_trained_few():
    """`urgent` without `restricted` would tell staff on call of what they may not see."""
    path, files = "content/case-categories.yaml", small_files()
    delay, conduct = "restricted: false, reply_hours: 120, keep_days: 365", "restricted: true"
    wrong = build(changed(files, path, delay, f"urgent: true, {delay}"))
    assert ["urgent" in str(issue) for issue in wrong.issues] == [True]
    right = build(changed(files, path, conduct, f"{conduct}, urgent: true")).library
    assert [one.key for one in right.categories.values() if one.urgent] == ["conduct"]
