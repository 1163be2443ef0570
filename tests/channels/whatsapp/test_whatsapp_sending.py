"""What goes out to WhatsApp: shapes within its limits, and what its answers mean."""

import asyncio
import logging
import random

import pytest

from bot.channels.base import BadTemplate, Blocked, Closed, Fault, GiveUp, Retry
from bot.channels.fitting import fit
from bot.channels.rates import WHATSAPP, NotYet, Rates
from bot.channels.whatsapp import WhatsApp, limits
from bot.channels.whatsapp.errors import MEANINGS
from bot.channels.whatsapp.shaping import shaped, unique, units
from bot.channels.whatsapp.templates import ANSWERS, TEMPLATES, VARIABLE, Template, as_json
from bot.dialogue.model import Button, Message
from tests.channels.whatsapp.fake_graph import (
    CUT,
    HALF,
    RESET,
    RESET_AFTER,
    TOKEN,
    Error,
    FakeGraph,
    Raw,
    Slow,
)
from tests.channels.whatsapp.whatsapp_fakes import Listening
from tests.jumping import jumping, slowly

AWA, ALI, NOBODY = "15550100001", "15550100002", "user:ML.13491208655302741918"


@pytest.fixture
async def graph():
    async with FakeGraph() as one:
        yield one
        assert {f"Bearer {TOKEN}"} >= set(one.tokens_seen)


@pytest.fixture
async def channel(graph):
    one = WhatsApp(**graph.settings(), rates=Rates())
    await one.start(Listening())
    yield one
    await one.stop()


def choices(*labels):
    return tuple(Button(f"main/menu:{n}", label) for n, label in enumerate(labels))


# ---------------------------------------------------------------- shapes


async def test_words_go_as_text_without_a_preview(channel, graph):
    assert await channel.send(AWA, Message("Bonjour https://segin.example")) == graph.sent[0].id
    assert graph.sent[0].content["text"] == {"body": "Bonjour https://segin.example", "preview_url": False}
    assert graph.sent[0].content["to"] == AWA
    assert "recipient" not in graph.sent[0].content


async def test_who_shows_no_number_is_written_to_by_id(channel, graph):
    await channel.send(NOBODY, Message("Bonjour"))
    await channel.knock(NOBODY, "fr")
    assert [one.to for one in graph.sent] == [NOBODY] * 2
    assert all("to" not in one.content for one in graph.sent)


async def test_up_to_three_choices_are_buttons_up_to_ten_a_list(channel, graph):
    for count in range(1, 11):
        await channel.send(AWA, Message("Que voulez-vous ?", choices(*(f"Choix {n}" for n in range(count)))))
    assert [one.kind for one in graph.sent] == ["button"] * 3 + ["list"] * 7
    assert graph.sent[-1].options[9] == ("main/menu:9", "Choix 9")
    assert graph.sent[-1].content["interactive"]["action"]["button"] == "Choisir"
    graph.must_be_content()


async def test_the_button_of_a_list_speaks_the_persons_language(channel, graph):
    await channel.send(AWA, Message("What?", choices("a", "b", "c", "d"), language="en"))
    assert graph.sent[0].content["interactive"]["action"]["button"] == "Choose"


async def test_the_rest_of_a_long_label_stands_below_its_row(channel, graph):
    label = "Une aide pour commencer un petit commerce"
    await channel.send(AWA, Message("Quoi ?", choices(label, "b", "c", "d")))
    row = graph.sent[0].content["interactive"]["action"]["sections"][0]["rows"][0]
    assert (row["title"], row["description"]) == ("Une aide pour commencer…", label)
    assert "description" not in graph.sent[0].content["interactive"]["action"]["sections"][0]["rows"][1]


async def test_a_long_text_with_few_choices_becomes_a_list(channel, graph):
    await channel.send(AWA, Message("x" * 1025, choices("oui", "non")))
    assert graph.sent[0].kind == "list"
    graph.must_be_content()


async def test_where_several_may_be_taken_numbers_are_written(channel, graph):
    options = (*choices("Mari ou femme", "Des enfants"), Button("home/with:done", "Rien de tout cela"))
    await channel.send(AWA, Message("Avec qui ?", options, many=True))
    await channel.send(AWA, Message("Avec qui ?", (*options[:2], Button("home/with:done", "Fini")), many=True))
    await channel.send(AWA, Message("11–20 / 25", choices("k", "l"), many=True))
    none, done, further = graph.sent
    assert none.body == done.body == "Avec qui ?\n1. Mari ou femme\n2. Des enfants"
    assert (none.kind, none.options) == ("button", (("home/with:done", "Rien de tout cela"),))
    assert done.kind == "text"  # "done" alone would mean nothing
    assert further.body == "11–20 / 25\n11. k\n12. l"


async def test_nothing_to_say_is_not_sent(channel, graph):
    with pytest.raises(GiveUp):
        await channel.send(AWA, Message("  "))
    assert graph.requests == 0


async def test_titles_alike_carry_their_place_in_the_whole_list(channel, graph):
    labels = [f"Une formation de {word} à Kayes" for word in ("couture", "cuisine", "coiffure", "conduite")]
    await channel.send(AWA, Message("11–14 / 14", choices(*(f"Une très longue formation : {one}" for one in labels))))
    assert [title[:3] for _, title in graph.sent[0].options] == ["11.", "12.", "13.", "14."]
    graph.must_be_content()


def test_titles_are_unique_and_short():
    labels = [
        "Une aide pour les jeunes de Kayes",
        "Une aide pour les jeunes de Kita",
        "oui",
        "OUI",
        "",
        "x" * 50,
        "😮" * 20,
    ]
    for limit in (20, 24):
        titles = unique(labels, limit)
        assert len({title.casefold() for title in titles}) == len(labels)
        assert all(0 < units(title) <= limit for title in titles)


async def test_a_thousand_messages_of_any_length_keep_the_limits(channel, graph):
    """As the outbox sends them: fitted, then one after the other. Every choice arrives once, no word is lost."""
    chance = random.Random(11)
    words = ["aide", "retour", "réinstallation", "Kayes", "à", "l’argent", "😮", "ߊ", "une", "formation"]
    for _ in range(1000):
        text = " ".join(chance.choices(words, k=chance.choice([1, 5, 60, 400, 1500])))
        labels = [" ".join(chance.choices(words, k=chance.choice([1, 2, 5, 12]))) for _ in range(chance.randint(0, 23))]
        message = Message(text, choices(*labels), many=chance.random() < 0.1, language="fr")
        for part in fit(message, channel.capabilities):
            content = shaped(part, lambda _key, _language: "")
            if content["type"] == "interactive" or len(content["text"]["body"]) <= limits.TEXT or not part.many:
                await channel.send(AWA, part)
        if not message.many:
            arrived = [tap for one in graph.sent for tap, _ in one.options]
            assert arrived == [option.tap for option in message.options]
            said = "".join("".join(one.body.split()) for one in graph.sent)
            assert "".join(text.split()) in said
        graph.sent.clear()
        graph._pairs.clear()
        graph._second.clear()
    graph.must_be_content()


# ---------------------------------------------------------------- knocking


@pytest.mark.parametrize(("language", "code"), [("fr", "fr"), ("en", "en"), ("bm", "fr"), ("", "fr")])
async def test_knocking_sends_the_template_of_the_language(channel, graph, language, code):
    await channel.knock(AWA, language)
    assert graph.sent[0].content["template"] == {"name": "message_waiting", "language": {"code": code}}
    graph.must_be_content()


async def test_knocking_gives_the_providers_id(channel, graph):
    assert await channel.knock(AWA, "fr") == graph.sent[0].id


async def test_a_template_that_is_not_taken_is_told_to_operators(channel, graph, caplog):
    for code in (132000, 132001, 132007, 132015, 132016):
        graph.next(Error(code))
        with pytest.raises(BadTemplate):
            await channel.knock(AWA, "fr")
        assert f"error {code}" in caplog.text
    assert AWA not in caplog.text


# Ours have no variables: whatever filled them would stand on a phone that is shared. An organisation may have one
# approved that has some, such as the day its office is closed.
CLOSED = Template("office_closed", "fr", "Bonjour. Le bureau de {{1}} est fermé {{2}}. Nous vous écrirons ensuite.")


def test_templates_are_as_the_provider_takes_them():
    """Utility: up to 1024 letters, a button up to 25; variables are numbered from 1 and stand at neither end."""
    for template in (*TEMPLATES.values(), CLOSED):
        assert 0 < len(template.text) <= 1024
        assert len(template.button) <= 25
        assert [int(one) for one in VARIABLE.findall(template.text)] == list(range(1, template.variables + 1))
        assert template.text.count("{{") == template.text.count("}}") == template.variables
        assert not template.text.startswith("{{")
        assert not template.text.rstrip(".!? ").endswith("}}")
    assert [one.variables for one in (*TEMPLATES.values(), CLOSED)] == [0, 0, 2]
    assert {"Lire", "Read"} == ANSWERS


async def send_template(channel, template):
    return await channel._sent(AWA, {"type": "template", "template": template})


async def test_a_template_with_parameters_goes_as_the_provider_takes_it(channel, graph):
    """In their order, as text, one line each."""
    graph.templates["office_closed", "fr"] = 2
    message_id = await send_template(channel, as_json(CLOSED, "Kayes\n\tville", "jeudi      et\r\nvendredi"))
    assert graph.sent[0].id == message_id
    parameters = [{"type": "text", "text": "Kayes ville"}, {"type": "text", "text": "jeudi et vendredi"}]
    assert graph.sent[0].content["template"] == {
        "name": "office_closed",
        "language": {"code": "fr"},
        "components": [{"type": "body", "parameters": parameters}],
    }
    graph.must_be_content()


@pytest.mark.parametrize("parameters", [(), ("Kayes",), ("Kayes", "jeudi", "vendredi"), ("Kayes", " \n")])
def test_a_template_is_not_sent_with_too_few_or_too_many(parameters):
    with pytest.raises(ValueError, match="2 variables"):
        as_json(CLOSED, *parameters)


@pytest.mark.parametrize(
    ("code", "given"),
    [
        (132001, {"name": "office_open"}),
        (132001, {"language": {"code": "en"}}),
        (132000, {"components": []}),
        (132000, {"components": [{"type": "body", "parameters": [{"type": "text", "text": "Kayes"}]}]}),
        (132018, {"components": [{"type": "body", "parameters": [{"type": "text", "text": "a\nb"}] * 2}]}),
        (132018, {"components": [{"type": "body", "parameters": [{"type": "text", "text": "a     b"}] * 2}]}),
        (100, {"components": [{"type": "body", "parameters": ["Kayes", "jeudi"]}]}),
        (100, {"components": [{"type": "body", "parameters": [{"type": "text", "text": ""}] * 2}]}),
        (100, {"components": [{"type": "header", "parameters": [{"type": "text", "text": "a"}] * 2}]}),
    ],
)
async def test_the_pretended_provider_looks_at_templates(channel, graph, caplog, code, given):
    """What it is asked to check, it finds."""
    graph.templates["office_closed", "fr"] = 2
    with pytest.raises(BadTemplate if code > 100 else GiveUp, match=f"error {code}"):
        await send_template(channel, as_json(CLOSED, "Kayes", "jeudi") | given)
    assert graph.violations
    assert not graph.sent
    assert (f"error {code}" in caplog.text) == (code > 100)


# ---------------------------------------------------------------- what their answers mean

MEANT = {
    Retry: (1, 2, 500, 130429, 131000, 131016, 131056),
    Closed: (131047,),
    Blocked: (131021, 131026),
    GiveUp: (
        100, 131008, 131009, 131030, 131049, 131050, 131051, 131052, 131053, 131062, 130472, 130497, 132000, 132001,
        132005, 132007, 132008, 132012, 132015, 132016, 132068, 132069, 131063, 135000, 137000,
    ),
    Fault: (
        0, 3, 4, 10, 33, 190, 200, 210, 299, 368, 613, 80007, 131005, 131031, 131037, 131042, 131044, 131045, 131048,
        131057, 131064, 133010, 133016,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("error", "code"), [(error, code) for error, codes in MEANT.items() for code in codes])
async def test_each_code_is_the_error_it_means(channel, graph, error, code):
    graph.next(Error(code))
    with pytest.raises(error) as raised:
        await channel.send(AWA, Message("Bonjour"))
    for words in (str(raised.value), repr(raised.value), repr(raised.value.__cause__)):
        assert TOKEN not in words
        assert AWA not in words
    assert await channel.send(AWA, Message("Bonjour"))


def test_the_table_is_tested_as_a_whole():
    assert {code for codes in MEANT.values() for code in codes} >= set(MEANINGS)


async def test_a_wrong_phone_number_is_nobodys_fault_alone(graph):
    """Whoever gave up on each message would have lost them all."""
    channel = WhatsApp(**{**graph.settings(), "phone_id": "1"}, rates=Rates())
    with pytest.raises(Fault, match="phone number"):
        await channel.send(AWA, Message("Bonjour"))
    await channel.stop()


async def test_a_wrong_token_is_a_fault(graph):
    channel = WhatsApp(**{**graph.settings(), "token": "another"}, rates=Rates())
    with pytest.raises(Fault, match="credentials") as raised:
        await channel.send(AWA, Message("Bonjour"))
    assert "another" not in repr(raised.value)
    graph.tokens_seen.clear()
    await channel.stop()


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (RESET, Retry), (RESET_AFTER, Retry), (HALF, Retry), (CUT, Retry), (Raw(), Retry), (Raw(b"", 500), Retry),
        (Raw(b"[]", 200), Retry), (Raw(b"", 200), Retry), (Raw(b"null", 200), Retry),
        (Raw(b"{}", 200), Retry), (Raw(b'{"messages": [{"id": 7}]}', 200), Retry), (Raw(b"\xff", 200), Retry),
        (Raw(b"{}", 429), Retry), (Raw(b"x" * 2_000_000, 200), Retry), (Error(999999, 500), Retry),
        (Raw(b"", 401), Fault),
        (Error(999999, 400, transient=True), Retry), (Error(999999, 400), GiveUp), (Raw(b"", 403), Fault),
        (Raw(b"", 404), Fault), (Raw(b"", 400), GiveUp), (Raw(b'{"error": "text"}', 503), Retry),
    ],
)  # fmt: skip
async def test_what_is_no_answer_is_typed_as_well(channel, graph, end, error):
    graph.next(end)
    with pytest.raises(error) as raised:
        await channel.send(AWA, Message("Bonjour"))
    assert TOKEN not in repr(raised.value)
    assert await channel.send(AWA, Message("Bonjour"))


async def test_a_send_that_takes_too_long_is_broken_off(channel, graph, monkeypatch):
    monkeypatch.setattr("bot.channels.whatsapp.graph.Graph.post.__defaults__", (0.1,))
    graph.next(Slow(0.5))
    with pytest.raises(Retry):
        await channel.send(AWA, Message("Bonjour"))


async def test_nobody_there_is_tried_again():
    channel = WhatsApp(token="t", phone_id="1", app_secret="s", verify_token="v", api_url="http://127.0.0.1:9/v1")
    with pytest.raises(Retry):
        await channel.send(AWA, Message("Bonjour"))
    await channel.stop()
    await channel.stop()


@pytest.mark.parametrize("url", ["no address", "ftp://x/y", "http://"])
async def test_an_address_that_is_none_is_a_fault(url):
    channel = WhatsApp(token="t", phone_id="1", app_secret="s", verify_token="v", api_url=url)
    with pytest.raises(Fault):
        await channel.send(AWA, Message("Bonjour"))
    await channel.stop()


async def test_waits_grow_while_it_goes_wrong_and_for_that_person_alone(channel, graph):
    async def waits(address, end):
        graph.next(end)
        with pytest.raises(Retry) as raised:
            await channel.send(address, Message("Bonjour"))
        return raised.value.after

    assert [await waits(AWA, Error(131056)) for _ in range(7)] == [1, 4, 16, 64, 256, 600, 600]
    assert await waits(ALI, Error(131056)) == 1
    await channel.send(AWA, Message("Bonjour"))
    assert [await waits(AWA, Raw()) for _ in range(4)] == [2, 4, 8, 16]
    assert await waits(ALI, Raw(b"", 503, {"Retry-After": "77"})) == 77
    assert await waits("5", Raw(b"", 503, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"})) == 2


async def test_too_fast_for_the_number_holds_all_of_it_for_a_moment(graph):
    rates = Rates(WHATSAPP)
    channel = WhatsApp(**graph.settings(), rates=rates)
    graph.next(Error(130429))
    with pytest.raises(Retry):
        await channel.send(AWA, Message("Bonjour"))
    assert 1.5 < rates.backlog() <= 2
    with pytest.raises(NotYet):
        await rates.wait(ALI)
    await channel.stop()


def test_the_rates_keep_within_what_is_enforced():
    """As the outbox sends: admission first. The pair's burst to one person, and hundreds to others."""
    with jumping() as loop:
        sent_to_awa, held, violations = loop.run_until_complete(_sent_at_once(loop))
    assert WHATSAPP.burst <= sent_to_awa <= WHATSAPP.burst + 2  # patience brings one or two more
    assert held == 60 - sent_to_awa
    assert violations == []


async def _sent_at_once(loop):
    held = 0
    rates = Rates(WHATSAPP, clock=loop.time)
    async with FakeGraph(clock=loop.time) as graph:
        channel = WhatsApp(**graph.settings(), rates=rates)
        slowly(loop, channel, "send")
        await channel.start(Listening())

        async def send(address):
            nonlocal held
            try:
                await rates.wait(address, patience=10)
                await channel.send(address, Message("Bonjour"))
            except NotYet:
                held += 1

        await asyncio.gather(*(send(AWA) for _ in range(60)), *(send(f"1555020{n:04d}") for n in range(100)))
        await channel.stop()
        return len(graph.to(AWA)), held, graph.violations


# ---------------------------------------------------------------- files


async def test_a_file_comes_in_two_steps(channel, graph):
    graph.files["123"] = b"OggS" * 50_000
    assert await channel.fetch("123") == graph.files["123"]
    assert graph.requests == 2


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (RESET, Retry),
        (CUT, Retry),
        (HALF, Retry),
        (Raw(b"", 500), Retry),
        (Raw(b"", 401), Fault),
        (Raw(b"", 200), Retry),
    ],
)
async def test_half_a_file_is_fetched_again(channel, graph, end, error):
    graph.files["123"] = b"OggS" * 5000
    graph.file_ends.extend([end] * (1 + (end == RESET)))  # aiohttp itself asks twice where nothing came
    with pytest.raises(error):
        await channel.fetch("123")
    assert await channel.fetch("123") == graph.files["123"]


async def test_a_file_that_moved_is_asked_for_once_more(channel, graph):
    graph.files["123"] = b"OggS"
    graph.file_ends.append(Raw(b"", 404))
    assert await channel.fetch("123") == b"OggS"
    graph.file_ends.extend([Raw(b"", 404)] * 2)
    with pytest.raises(GiveUp, match="gone"):
        await channel.fetch("123")


async def test_a_file_that_is_gone_or_too_big_is_given_up(channel, graph, monkeypatch):
    with pytest.raises(GiveUp):
        await channel.fetch("999")
    assert graph.requests == 1  # each vain look counts against the number
    graph.files["123"] = b"x" * 2000
    monkeypatch.setattr(limits, "FILE", 1999)
    with pytest.raises(GiveUp, match="too big"):
        await channel.fetch("123")
    assert graph.requests == 2  # not a byte of it was asked for
    monkeypatch.setattr("bot.channels.whatsapp.graph._size", lambda _: 0)
    with pytest.raises(GiveUp, match="too big"):
        await channel.fetch("123")


async def test_the_token_is_shown_to_nobody_else(channel, graph, caplog):
    """Where a file is, their answer says; a line that was tampered with must not collect tokens."""
    may = channel._graph._may_see_the_token
    assert may("https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1")
    for url in (
        "https://evil.example/x",
        "http://lookaside.fbsbx.com/x",
        "https://fbsbx.com.evil.example/",
        "https://[x",
    ):
        assert not may(url)
    caplog.set_level(logging.DEBUG)
    graph.next(Error(190, 401))
    with pytest.raises(Fault):
        await channel.send(AWA, Message("Bonjour"))
    assert TOKEN not in "".join(one.getMessage() for one in caplog.records if one.name.startswith("bot."))
