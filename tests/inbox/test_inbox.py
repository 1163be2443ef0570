"""The inbox, on both databases: one turn per message, order, rounds, faults, erasing, files, cursors, two workers."""

import asyncio
import contextlib
import uuid

import msgspec
import pytest
from sqlalchemy import create_engine

from bot import contacts
from bot.channels.base import Unavailable
from bot.dialogue.model import File, Heard
from bot.effects import Effects
from bot.round import Round
from storage import Store, tables
from storage import Unavailable as StorageUnavailable
from tests.people import OGG, House, real_library, texts

CONTACTS, HEARD, OUTBOX, FILES, CASES = (
    tables.contacts, tables.heard, tables.outbox, tables.attachments, tables.cases,
)  # fmt: skip


@pytest.fixture
def house(store, keyring):
    return House(store, keyring)


@pytest.fixture
def other(database_url, keyring):
    """Another worker's inbox on the same database."""
    with Store(database_url, busy_seconds=5) as second:
        yield House(second, keyring)


def notes(said):
    """What the notebook flow repeated, in the order of seq."""
    return [one.message.text.removeprefix("Dit : ") for one in said if one.message.text.startswith("Dit : ")]


# ---------------------------------------------------------------- one turn per message


async def test_a_repeat_one_after_the_other_is_no_second_turn(house):
    """The same message id again: the same answer, and nothing happened twice."""
    await house.talk("awa", "carnet")
    first = await house.hear("awa", "riz", message_id="m1")
    again = await house.hear("awa", "riz", message_id="m1")
    assert texts(first) == texts(again)
    assert [one.seq for one in first.said] == [one.seq for one in again.said]
    assert notes(await house.waiting("awa")) == ["riz"]
    assert await house.count(HEARD) == 2


async def test_repeats_at_the_same_time_are_no_second_turn(house):
    """Five deliveries at once, other people's messages between: one turn; all five are answered alike."""
    await house.talk("awa", "carnet")
    told = await asyncio.gather(
        *(house.hear(who, "riz", message_id="m1") for who in ("awa", "ali", "awa", "awa", "eve", "awa", "awa"))
    )
    assert {tuple(texts(one)) for place, one in enumerate(told) if place not in (1, 4)} == {tuple(texts(told[0]))}
    assert notes(await house.waiting("awa")) == ["riz"]


async def test_the_same_id_from_two_people_is_two_messages(house):
    """An id belongs to its address: nobody can block another's message with it."""
    await asyncio.gather(house.talk("awa", "carnet"), house.talk("ali", "carnet"))
    await asyncio.gather(house.hear("awa", "riz", message_id="m1"), house.hear("ali", "mil", message_id="m1"))
    assert notes(await house.waiting("awa")) == ["riz"]
    assert notes(await house.waiting("ali")) == ["mil"]


async def test_a_repeat_of_a_message_that_filed_a_case_files_nothing(house):
    """One case, and the receipt is shown again until the page has it."""
    await house.consent("awa")
    await house.talk("awa", "guichet")
    first = await house.hear("awa", "Six mois.", message_id="m1")
    again = await house.hear("awa", "Six mois.", message_id="m1")
    assert await house.count(CASES) == 1
    assert texts(first) == texts(again)
    assert any("Reçu" in text for text in texts(again))


# ---------------------------------------------------------------- order, rounds


async def test_twenty_messages_at_once_keep_their_order(house):
    """Of one person, each message is a turn of its own, in the order it was heard."""
    await house.talk("awa", "carnet")
    await asyncio.gather(*(house.hear("awa", f"mot {number}") for number in range(20)))
    assert notes(await house.waiting("awa")) == [f"mot {number}" for number in range(20)]


async def test_seqs_count_up_without_gaps(house):
    """What is said to one person is numbered one by one."""
    await asyncio.gather(*(house.hear("awa", "carnet") for _ in range(5)))
    seqs = [one.seq for one in await house.waiting("awa")]
    assert seqs == list(range(1, len(seqs) + 1))


async def test_many_people_share_a_round(house):
    """Sixty people at once take a few commits, not sixty; everybody gets their own answer."""
    await asyncio.gather(*(house.hear(f"p{n}", "carnet") for n in range(60)))
    house.rounds.clear()
    told = await asyncio.gather(*(house.hear(f"p{n}", f"mot {n}") for n in range(60)))
    assert [notes(one.said) for one in told] == [[f"mot {n}"] for n in range(60)]
    assert len(house.rounds) <= 6
    assert sum(house.rounds) == 60


async def test_told_new_for_newcomers_only(house):
    """The first message of an address says so; the second does not."""
    assert (await house.hear("awa", "bonjour")).new
    assert not (await house.hear("awa", "bonjour")).new


# ---------------------------------------------------------------- faults


async def test_a_turn_that_raises_is_set_aside_alone(house, caplog):
    """The person gets an apology, the others of the round their answers; what failed is kept sealed, told nowhere."""
    everybody = [f"p{n}" for n in range(9)]
    await asyncio.gather(*(house.hear(who, "carnet") for who in everybody))
    before = await house.contact("p4")
    told = await asyncio.gather(
        *(house.hear(who, "rond" if who == "p4" else f"secret de {who}", message_id=who) for who in everybody)
    )
    assert texts(told[4])[-1] == "apology"
    assert all(notes(told[n].said) == [f"secret de p{n}"] for n in range(9) if n != 4)
    failed = [row for row in await house.rows(HEARD) if row.failed is not None]
    assert len(failed) == 1
    assert failed[0].failure.startswith("LoopError at ")
    assert b"rond" not in failed[0].failed
    contact = await house.contact("p4")
    opened = contact.key.open(failed[0].failed, "failed", failed[0].message_index)
    assert msgspec.json.decode(opened, type=Heard).text == "rond"
    assert contact.conversation.frames == before.conversation.frames
    assert "rond" not in caplog.text
    assert texts(await house.hear("p4", "rond", message_id="p4"))[-1] == "apology"
    assert notes((await house.hear("p4", "riz")).said) == ["riz"]


async def test_a_fault_in_the_words_undoes_what_the_turn_did(house, monkeypatch):
    """Words that can't be put together after a case was filed: the case is not there, nobody is told a lie."""
    from bot import round as module  # noqa: PLC0415 where its name is replaced

    await asyncio.gather(house.consent("awa"), house.consent("ali"))
    await asyncio.gather(house.talk("awa", "guichet"), house.talk("ali", "carnet"))
    right = module.word

    def wrong(say, *rest):
        if say.text.key == "desk/file:say":
            raise KeyError(say.text.key)
        return right(say, *rest)

    monkeypatch.setattr(module, "word", wrong)
    awa, ali = await asyncio.gather(house.voice("awa"), house.hear("ali", "riz"))
    assert texts(awa)[-1] == "apology"
    assert notes(ali.said) == ["riz"]
    assert await house.count(CASES) == 0
    assert await house.count(FILES) == 0
    assert await house.count(OUTBOX, OUTBOX.c.is_say.is_(True)) == 0
    monkeypatch.setattr(module, "word", right)
    assert any("Reçu" in text for text in texts(await house.hear("awa", "Six mois.")))


async def test_half_letters_in_a_turn_that_raises_are_set_aside_too(house):
    """Half a surrogate pair, as broken JSON brings it, does not keep a failure from being stored."""
    await house.hear("awa", "carnet")
    told = await house.hear("awa", Heard("text", text="rond\ud800"))
    assert texts(told)[-1] == "apology"
    assert await house.count(HEARD, HEARD.c.failed.is_not(None)) == 1


def failing_write(monkeypatch, address, *, always=False):
    """A write that fails whenever this person's turn is in it."""
    right = Round._write

    def write(self):
        if any(entry.incoming.address == address and (always or not entry.failed) for entry in self.entries):
            raise ValueError("planted")
        right(self)

    monkeypatch.setattr(Round, "_write", write)


async def test_a_write_that_fails_halves_the_round(house, monkeypatch):
    """The culprit stands alone in the end and gets an apology; eleven others are answered, each once."""
    await asyncio.gather(*(house.hear(f"p{n}", "carnet") for n in range(12)))
    house.rounds.clear()
    failing_write(monkeypatch, "p7")
    told = await asyncio.gather(*(house.hear(f"p{n}", f"mot {n}") for n in range(12)))
    for number, one in enumerate(told):
        assert notes(one.said) == ([] if number == 7 else [f"mot {number}"])
    assert texts(told[7])[-1] == "apology"
    assert sum(house.rounds) == 12, "the halves stand in savepoints: nobody takes a second commit"
    assert await house.count(HEARD, HEARD.c.failed.is_not(None)) == 1


async def test_a_turn_set_aside_in_a_batch_that_fails_later_doubles_nobodys_case(house, monkeypatch):
    """One is set aside, then the writing of another fails and all is taken again in halves: each case is there once."""
    people = ["awa", "ali", "eve"]
    await asyncio.gather(*(house.consent(person) for person in people))
    await asyncio.gather(*(house.talk(person, "guichet") for person in ("awa", "ali")), house.talk("eve", "carnet"))
    ali, right, write = (await house.contact("ali")).id, Effects.apply, Round._write

    def apply(self, effect):
        right(self, effect)
        if self.contact.id == ali:
            raise KeyError("planted")

    def writing(self):
        if any(entry.incoming.address == "eve" and not entry.failed for entry in self.entries):
            raise ValueError("planted")
        write(self)

    monkeypatch.setattr(Effects, "apply", apply)
    monkeypatch.setattr(Round, "_write", writing)
    await asyncio.gather(house.hear("awa", "Six mois."), house.hear("ali", "Six mois."), house.hear("eve", "riz"))
    assert await house.count(CASES) == 1


async def test_what_cannot_even_be_set_aside_is_not_pretended(house, monkeypatch):
    """Only its sender is told to try again; the others are answered."""
    failing_write(monkeypatch, "p1", always=True)
    told = await asyncio.gather(*(house.hear(f"p{n}", "carnet") for n in range(4)), return_exceptions=True)
    assert [isinstance(one, Unavailable) for one in told] == [False, True, False, False]
    assert await house.count(CONTACTS) == 3


async def test_a_database_error_in_one_turn_fails_it_alone(house, monkeypatch):
    """A statement the database refuses (on PostgreSQL it spoils the transaction) does not take others along."""
    from bot.cases import filing  # noqa: PLC0415 where its function is replaced

    await asyncio.gather(house.consent("awa"), house.consent("ali"))
    await asyncio.gather(house.talk("awa", "guichet"), house.talk("ali", "carnet"))

    def wrong(self, *_):
        self.conn.exec_driver_sql("SELECT * FROM no_such_table")

    monkeypatch.setattr(filing.Filing, "open", wrong)
    awa, ali = await asyncio.gather(house.hear("awa", "Six mois."), house.hear("ali", "riz"))
    assert texts(awa)[-1] == "apology"
    assert notes(ali.said) == ["riz"]


async def test_unavailable_stores_nothing_and_says_so(house, monkeypatch):
    """Every sender of the round is told; afterwards the same messages are taken as if for the first time."""
    await house.hear("awa", "carnet")
    right = house.store.run

    async def away(*_):
        raise StorageUnavailable("full")

    monkeypatch.setattr(house.store, "run", away)
    told = await asyncio.gather(
        house.hear("awa", "riz", message_id="m1"), house.hear("ali", "mil", message_id="m2"), return_exceptions=True
    )
    assert all(isinstance(one, Unavailable) for one in told)
    monkeypatch.setattr(house.store, "run", right)
    assert await house.count(HEARD) == 1
    assert notes((await house.hear("awa", "riz", message_id="m1")).said) == ["riz"]


@pytest.mark.only_on("sqlite")
async def test_a_locked_database_is_unavailable(house, database_url):
    """A lock that another process holds for too long: nothing is stored, the sender is told."""
    await house.hear("awa", "carnet")
    engine = create_engine(database_url)
    with engine.connect() as conn:
        conn.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable):
            await house.hear("awa", "riz", message_id="m1")
        conn.exec_driver_sql("ROLLBACK")
    engine.dispose()
    assert notes((await house.hear("awa", "riz", message_id="m1")).said) == ["riz"]


async def test_a_sender_who_hung_up_does_not_disturb(house):
    """A cancelled sender's message may still be stored; the others are answered."""
    await asyncio.gather(house.hear("awa", "carnet"), house.hear("ali", "carnet"))
    gone = asyncio.create_task(house.hear("awa", "riz"))
    stays = asyncio.create_task(house.hear("ali", "mil"))
    await asyncio.sleep(0)
    gone.cancel()
    assert notes((await stays).said) == ["mil"]
    with contextlib.suppress(asyncio.CancelledError):
        await gone
    assert (await house.hear("awa", "sel")).said


# ---------------------------------------------------------------- erasing


async def test_erase_drops_the_person_and_a_repeat_makes_nobody(store, keyring):
    """Key, dialogue, drafts and what waited are gone; a later repeat of an old message brings nobody back."""
    house = House(store, keyring, real_library())
    await house.consent("awa")
    await house.talk("awa", "personne", "autre chose")
    await house.voice("awa", message_id="old")
    before = await house.contact("awa")
    told = await house.talk("awa", "effacer", "oui")
    assert "effacé" in texts(told)[-1]
    after = await house.contact("awa")
    assert after.id != before.id
    assert after.key.raw != before.key.raw
    assert (after.conversation.frames, dict(after.conversation.facts)) == ((), {})
    assert after.last_seq >= before.last_seq
    assert all(row.contact_id == after.id for row in await house.rows(OUTBOX))
    assert await house.count(FILES, FILES.c.contact_id.is_not(None)) == 0
    cases = await house.rows(CASES)
    assert [row.contact_id for row in cases] == [None]

    repeat = await house.voice("awa", message_id="old")
    assert texts(repeat) == texts(told)[-1:]
    assert (await house.contact("awa")).conversation.frames == ()
    await store.run(lambda conn: conn.execute(CONTACTS.delete()))
    assert (await house.voice("awa", message_id="old")).said == ()
    assert await house.count(CONTACTS) == 0


async def test_a_message_beside_its_own_erasing_in_one_go(store, keyring):
    """Messages right behind the erase begin with a stranger."""
    house = House(store, keyring, real_library())
    await house.consent("awa")
    await house.talk("awa", "effacer")
    _, told = await asyncio.gather(house.hear("awa", "oui"), house.hear("awa", "bonjour"))
    assert "Hello" in texts(told)[-1]
    assert await house.count(CONTACTS) == 1


# ---------------------------------------------------------------- files


async def test_a_voice_note_is_kept_only_when_it_is_an_answer(house):
    """Where a choice is asked it is not kept; where anything may be said it is, sealed, as a draft."""
    await house.consent("awa")
    await house.hear("awa", "plainte")
    await house.voice("awa")
    assert await house.count(FILES) == 0
    await house.talk("awa", "carnet")
    await house.voice("awa")
    (row,) = await house.rows(FILES)
    contact = await house.contact("awa")
    assert (row.contact_id, row.case_id, row.kind, row.size) == (contact.id, None, "voice", len(OGG))
    assert b"sound of a voice" not in bytes(row.bytes)
    assert contact.key.open(row.bytes, "attachment", row.id.bytes) == OGG
    assert row.id.version == 4


async def test_a_voice_note_filed_at_once_is_kept_with_the_case_alone(house):
    """The case has it, under another id and key; no draft of it stays with the person."""
    await house.consent("awa")
    await house.talk("awa", "guichet")
    await house.voice("awa")
    (row,) = await house.rows(FILES)
    (case,) = await house.rows(CASES)
    assert (row.contact_id, row.case_id) == (None, case.id)
    assert row.id.hex not in str((await house.contact("awa")).conversation)


async def test_a_draft_moves_into_the_case(store, keyring):
    """A voice note said two steps earlier leaves the person's drafts when the case is filed."""
    house = House(store, keyring, real_library())
    await house.talk("awa", "start", "français", "regarder", "plainte", "oui", "1", "non", "Kayes")
    await house.voice("awa")
    assert await house.count(FILES, FILES.c.contact_id.is_not(None)) == 1
    await house.hear("awa", "envoyer")
    (row,) = await house.rows(FILES)
    assert (row.contact_id, row.case_id is not None) == (None, True)


async def test_a_made_up_file_id_is_ignored(house):
    """Ids come from us: a sender's id names nobody's file."""
    await house.talk("awa", "carnet")
    await house.hear("awa", Heard("voice", file=File("x", "voice", 3)), body=OGG)
    (row,) = await house.rows(FILES)
    assert isinstance(row.id, uuid.UUID)


# ---------------------------------------------------------------- cursors


async def test_what_is_acknowledged_is_dropped(house):
    """Up to the cursor nothing stays; what came after waits, and is told with each answer until then."""
    first = await house.hear("awa", "carnet")
    second = await house.hear("awa", "riz")
    assert texts(second)[: len(first.said)] == texts(first)
    third = await house.hear("awa", "mil", cursor=second.said[-1].seq)
    assert notes(third.said) == ["mil"]
    assert await house.count(OUTBOX) == len(third.said)
    assert await house.waiting("awa", third.said[-1].seq) == []
    assert await house.waiting("nobody") is None


async def test_a_strangers_cursor_drops_nothing(house):
    """A page that outlived its contact: its old cursor is ignored, seq begins at one."""
    told = await house.hear("awa", "carnet", cursor=99)
    assert told.new
    assert [one.seq for one in told.said] == list(range(1, len(told.said) + 1))
    assert await house.count(OUTBOX) == len(told.said)


async def test_a_cursor_far_ahead_or_below_zero_does_no_harm(house):
    """Numbers a page makes up drop at most its own messages."""
    await asyncio.gather(house.hear("awa", "carnet"), house.hear("ali", "carnet"))
    await house.hear("awa", "riz", cursor=2**31 - 1)
    told = await house.hear("awa", "mil", cursor=-5)
    assert notes(told.said) == ["riz", "mil"]
    assert (await house.waiting("ali")) != []


# ---------------------------------------------------------------- two workers


async def test_newcomers_at_two_workers_become_one_contact_each(house, other):
    """Thirty addresses first heard by both at once: thirty contacts, sixty turns, numbers without gaps."""
    people = [f"p{n}" for n in range(30)]
    house.store._busy_seconds = 5
    told = await asyncio.gather(
        *(worker.hear(who, "carnet") for who in people for worker in (house, other)), return_exceptions=True
    )
    assert not [one for one in told if isinstance(one, BaseException) and not isinstance(one, Unavailable)]
    heard = sum(not isinstance(one, BaseException) for one in told)
    assert await house.count(CONTACTS) == len(people)
    assert await house.count(HEARD) == heard
    if house.store.dialect == "postgresql":
        assert heard == 60
        assert sum(one.new for one in told) == 30
    for who in people:
        seqs = [one.seq for one in await house.waiting(who)]
        assert seqs == list(range(1, len(seqs) + 1))


async def test_the_same_message_at_two_workers_is_one_turn(house, other):
    """A browser that tries again at another worker: one turn, whoever was first."""
    for number in range(8):
        who = f"p{number}"
        await house.hear(who, "carnet")
        await asyncio.gather(
            *(worker.hear(who, "riz", message_id="m1") for worker in (house, other)), return_exceptions=True
        )
        assert notes(await house.waiting(who)) == ["riz"]
    assert await house.count(HEARD, HEARD.c.failed.is_not(None)) == 0


async def test_a_newcomers_message_at_two_workers_is_one_turn(house, other):
    """The same, when nobody knew the address."""
    for number in range(8):
        who = f"p{number}"
        await asyncio.gather(
            *(worker.hear(who, "carnet", message_id="m1") for worker in (house, other)), return_exceptions=True
        )
        assert await house.count(HEARD, HEARD.c.address_index == house.index(who)) == 1
        assert [one.seq for one in await house.waiting(who)] == [1]
    assert await house.count(CONTACTS) == 8


async def test_two_workers_lose_nothing_of_one_person(house, other):
    """Twenty messages through two workers: each one turn, each answered by a number of its own."""
    await house.hear("awa", "carnet")
    senders = [(house, other)[number % 2].hear("awa", f"mot {number}") for number in range(20)]
    told = await asyncio.gather(*senders, return_exceptions=True)
    stored = {f"mot {number}" for number, one in enumerate(told) if not isinstance(one, BaseException)}
    assert set(notes(await house.waiting("awa"))) == stored
    assert len(notes(await house.waiting("awa"))) == len(stored)
    assert len(stored) >= 10
    seqs = [one.seq for one in await house.waiting("awa")]
    assert seqs == list(range(1, len(seqs) + 1))


async def test_everything_of_a_person_is_sealed(house):
    """No column of the contact, what was heard or what waits holds a word in the clear."""
    await house.talk("+22376123456", "carnet", "Fatoumata de Kayes")
    for table in (CONTACTS, HEARD, OUTBOX):
        for row in await house.rows(table):
            assert "Fatoumata" not in str(row)
            assert "22376123456" not in str(row)
    contact = await house.contact("+22376123456")
    assert contact.open_address() == "+22376123456"
    assert contacts.address_index(house.keyring, "web", "+22376123456") == contact.index
