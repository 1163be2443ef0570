"""Whatever a signed body holds: no 500, and what is heard can be stored."""

import asyncio
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.dialogue.model import MAX_TAP_BYTES
from tests.channels.whatsapp.deliveries import recorded, signed
from tests.channels.whatsapp.fake_graph import FakeGraph
from tests.channels.whatsapp.whatsapp_fakes import PATH, Listening, standing

DELIVERIES = [one["delivery"] for one in recorded().values()]
WORDS = st.text(max_size=20) | st.sampled_from(
    ["messages", "text", "interactive", "failed", "106540352242922", "\ud83d"]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | WORDS
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=12
)


@st.composite
def mutated(draw):
    """A recorded delivery with up to four of its parts replaced, taken out, or doubled."""
    body = json.loads(json.dumps(draw(st.sampled_from(DELIVERIES))))
    for _ in range(draw(st.integers(1, 4))):
        node, key = body, None
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if not isinstance(node[key], dict | list) or not node[key] or draw(st.integers(0, 6)) == 0:
                break
            node = node[key]
        if key is None or not node:
            continue
        match draw(st.sampled_from(["replace", "drop", "double", "list"])):
            case "replace":
                node[key] = draw(JSON)
            case "drop":
                del node[key]
            case "double" if isinstance(node, list):
                node.append(node[key])
            case _:
                node[key] = [node[key]]
    return json.dumps(body).encode()


BODIES = mutated() | JSON.map(lambda one: json.dumps(one).encode()) | st.binary(max_size=200)


class Careful(Listening):
    """Stores as a database would: text is UTF-8, degrees are degrees."""

    async def hear(self, channel, incoming):
        heard = incoming.heard
        for words in (incoming.address, incoming.message_id, heard.text, heard.tap, incoming.file_ref):
            words.encode()
        assert incoming.address
        assert incoming.message_id
        assert heard.kind in {"text", "tap", "voice", "photo", "document", "location", "start", "unknown"}
        assert len(heard.tap.encode()) <= MAX_TAP_BYTES
        assert (heard.file is not None) == bool(incoming.file_ref)
        assert heard.place is None or (abs(heard.place.latitude) <= 90 and abs(heard.place.longitude) <= 180)
        return await super().hear(channel, incoming)


def test_two_thousand_signed_bodies_bring_no_500_and_no_503():
    """One server for all of them; hypothesis is synchronous, so the loop is run by hand."""
    with asyncio.Runner() as runner:
        graph = FakeGraph()
        runner.run(graph.__aenter__())
        stand = standing(graph, post=Careful())
        _, _, client = runner.run(stand.__aenter__())
        seen = {}

        async def deliver(raw):
            async with client.post(PATH, data=raw, headers=signed(raw)) as response:
                await response.read()
                return response.status

        @settings(max_examples=2000, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(BODIES)
        def holds(raw):
            status = runner.run(deliver(raw))
            seen[status] = seen.get(status, 0) + 1
            assert status in (200, 400)
            if status == 400:
                assert not is_json(raw)

        try:
            holds()
        finally:
            runner.run(stand.__aexit__(None, None, None))
            runner.run(graph.__aexit__())
        assert seen[200] > 500


def is_json(raw):
    try:
        json.loads(raw)
    except ValueError:
        return False
    return True
