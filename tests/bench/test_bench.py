"""The benches run, and find nothing wrong; how fast is not asked here."""

from pathlib import Path

import pytest

from tests.bench import six_steps, telegram, whatsapp_load
from tests.bench.machine import Database

pytestmark = pytest.mark.kill


def test_five_busy_seconds_of_whatsapp_are_without_an_error(tmp_path: Path) -> None:
    found = whatsapp_load.measure(tmp_path, 5)
    assert whatsapp_load.errors(found) == 0, found
    assert found["messages"] >= 5 * 80 - 2
    assert found["deliveries"] > 2 * found["messages"], "statuses come as well"
    assert found["memory"][-1] > 0


@pytest.mark.parametrize("bot", ["segin", "peer"])
def test_the_telegram_bench_is_about_right_answers(tmp_path: Path, bot: str) -> None:
    library = six_steps.write(tmp_path / "library")
    found = telegram.run(bot, Database(tmp_path), tmp_path, library, 5, 0.5, 0.0)
    assert found["turns"] > 0
    assert found["wrong"] == found["refused"] == found["lost"] == 0
