"""Bodies nobody would send, at the parsers and at the webhooks of the whole of Segin (`tests/channels/fuzz.py`)."""

from collections import Counter

import pytest

from bot.channels.rates import Rates
from tests.channels import fuzz
from tests.channels.fuzz import PARSERS, bodies
from tests.channels.telegram.fake_api import FakeTelegram
from tests.channels.whatsapp.fake_graph import FakeGraph
from tests.faults.served import Served, hurry, telegram, whatsapp
from tests.people import real_library

COUNT = 2_000


@pytest.mark.parametrize("channel", PARSERS)
def test_no_body_is_too_much_for_a_parser(channel):
    found = fuzz.fuzz(channel, COUNT)
    assert found.total() == COUNT
    assert len(found) >= 6, "the bodies are not worth it: hardly any is read"


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize("channel", PARSERS)
async def test_no_body_is_too_much_for_the_webhook_and_what_is_behind_it(store, keyring, monkeypatch, channel):
    """Everything is answered, nothing with 500 or 503, no turn fails; and the next word is heard as ever."""
    hurry(monkeypatch.setattr)
    found: Counter[int] = Counter()
    async with FakeTelegram(rates=False) as api, FakeGraph(rates=False) as graph:
        channels = lambda: [telegram(api, rates=Rates()), whatsapp(graph.url)]  # noqa: E731 - built where it is entered
        async with Served(store.url, keyring, real_library(), channels, speaks=False) as segin:
            deliver = segin.telegram if channel == "telegram" else segin.whatsapp
            for name, body in bodies(channel, COUNT, seed=2):
                status = await deliver(body)
                assert status in (200, 400), name
                found[status] += 1
            assert segin.failed_turns() == 0
            assert await segin.say(channel, 5_550_199_999, 1, text="bonjour") == 200
    assert found[200] > COUNT / 3
