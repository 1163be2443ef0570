"""Files that are fetched after their turn: they come, once, sealed and clean, or staff see that they did not."""

import asyncio
import io
from datetime import UTC, datetime, timedelta

import pytest
from PIL import Image

from bot import attachments as module
from bot.attachments import Attachments
from bot.cases.desk import Desk, NoSuchCase
from bot.cases.may import Staff
from bot.channels.base import Fault, GiveUp, Retry
from bot.dialogue.model import File, Heard
from bot.library.shelf import Shelf
from storage import Store, tables
from tests.people import OGG, House, real_library

FILES, FETCHES, CASES = tables.attachments, tables.fetches, tables.cases
READER = Staff("", "Mariam", "supervisor")
PAST = datetime(2020, 1, 1, tzinfo=UTC)
RAW = b"\x00\x00\x00\x18ftypcrx \x00\x00\x00\x00crx isom" + bytes(40)  # of a camera
PDF = b"%PDF-1.4\n" + b"paper " * 20


@pytest.fixture
def house(store, keyring):
    return House(store, keyring)


def fetching(house, store=None, most_bytes=100_000):
    """What fetches files for a house; on another `store`, a second worker."""
    shelf, channels = Shelf(fixed=house.library), {"phone": house.phone}
    return Attachments(
        store or house.store, house.keyring, channels, most_bytes=most_bytes, shelf=shelf, clock=lambda: house.now
    )


@pytest.fixture
async def fetcher(house):
    made = fetching(house)
    yield made
    await made.stop()


async def send(house, address, ref="ref-1", kind="voice", **more):
    heard = Heard(kind, file=File("", kind, 12 if kind == "voice" else 0))
    return await house.hear(address, heard, channel=house.phone, file_ref=ref, **more)


async def a_case(house, address="awa", **more):
    """A voice note that is the whole story of a case."""
    await house.consent(address, house.phone)
    await house.talk(address, "guichet", channel=house.phone)
    await send(house, address, **more)


async def fetch(fetcher):
    await fetcher.take()
    await fetcher.quiet()


async def again(house, fetcher):
    """Whatever waits is due."""
    await house.store.run(lambda conn: conn.execute(FETCHES.update().values(not_before=PAST, until=None)))
    await fetch(fetcher)


async def opened(house, reference, file_id):
    return await house.store.run(lambda conn: Desk(conn, house.keyring, READER, house.now).file(reference, file_id))


async def shown(house, reference):
    return await house.store.run(lambda conn: Desk(conn, house.keyring, READER, house.now).show(reference))


async def test_a_row_commits_with_its_turn_and_its_bytes_come_later(house, fetcher):
    """The turn does not wait; nothing of the reference is in the clear; the bytes are sealed under the case's key."""
    house.phone.files["ref-1"] = OGG
    await a_case(house)
    assert house.phone.fetched == []
    (case,) = await house.rows(CASES)
    (row,) = await house.rows(FILES)
    (pending,) = await house.rows(FETCHES)
    assert (row.case_id, row.size) == (case.id, 0)
    assert b"ref-1" not in bytes(pending.ref)
    _, lines = await shown(house, case.reference)
    assert lines[0].content["story"]["file"] == "pending"
    await fetch(fetcher)
    assert await house.count(FETCHES) == 0
    _, lines = await shown(house, case.reference)
    told = lines[0].content["story"]
    assert "file" not in told
    file = await house.store.run(
        lambda conn: Desk(conn, house.keyring, READER, house.now).file(case.reference, told["id"])
    )
    assert (file.body, file.kind, file.media_type) == (OGG, "voice", "audio/ogg")
    (row,) = await house.rows(FILES)
    assert b"sound" not in bytes(row.bytes)


async def test_a_file_that_answers_nothing_is_never_fetched(house, fetcher):
    """As those that come with their message: kept only where an answer points to them."""
    await house.consent("awa", house.phone)
    await house.talk("awa", "plainte", channel=house.phone)
    await send(house, "awa")
    assert (await house.count(FILES), await house.count(FETCHES)) == (0, 0)
    await fetch(fetcher)
    assert house.phone.fetched == []


async def test_a_repeat_is_fetched_once(house, fetcher):
    house.phone.files["ref-1"] = OGG
    await a_case(house, message_id="m1")
    await send(house, "awa", message_id="m1")
    await fetch(fetcher)
    await fetch(fetcher)
    assert house.phone.fetched == ["ref-1"]
    assert await house.count(FILES) == 1


async def test_a_draft_that_is_filed_before_its_bytes_came(store, keyring):
    """The case has a fetch of its own, sealed under its key; of an anonymous one nothing leads to the person."""
    house = House(store, keyring, real_library())
    fetcher = fetching(house)
    house.phone.files["ref-1"] = OGG
    await house.talk("awa", "start", "français", "regarder", "plainte", "oui", "1", "non", "Kayes", channel=house.phone)
    await send(house, "awa")
    (draft,) = await house.rows(FILES)
    assert draft.contact_id is not None
    await house.talk("awa", "envoyer", channel=house.phone)
    (row,) = await house.rows(FILES)
    assert (row.contact_id, row.id != draft.id, await house.count(FETCHES)) == (None, True, 1)
    await fetch(fetcher)
    (row,) = await house.rows(FILES)
    assert (row.size, await house.count(FETCHES)) == (len(OGG), 0)
    await fetcher.stop()


async def test_filed_while_it_is_being_fetched(store, keyring):
    """What comes for the draft is dropped; the case's own fetch brings it."""
    house = House(store, keyring, real_library())
    fetcher = fetching(house)
    await house.talk("awa", "start", "français", "regarder", "plainte", "oui", "1", "non", "Kayes", channel=house.phone)
    await send(house, "awa")
    began, goes_on = asyncio.Event(), asyncio.Event()

    async def slowly(_):
        began.set()
        await goes_on.wait()
        return OGG

    house.phone.fetch = slowly
    await fetcher.take()
    await asyncio.wait_for(began.wait(), 5)
    await house.talk("awa", "envoyer", channel=house.phone)
    goes_on.set()
    await fetcher.quiet()
    assert (await house.rows(FILES))[0].size == 0
    await fetch(fetcher)
    assert (await house.rows(FILES))[0].size == len(OGG)
    await fetcher.stop()


async def test_an_erase_calls_it_off(store, keyring):
    """A draft nobody filed goes with the person, also while it is on its way."""
    house = House(store, keyring, real_library())
    fetcher = fetching(house)
    await house.talk("awa", "start", "français", "regarder", "plainte", "oui", "1", "non", "Kayes", channel=house.phone)
    await send(house, "awa")
    assert await house.count(FETCHES) == 1
    began, goes_on = asyncio.Event(), asyncio.Event()

    async def slowly(_):
        began.set()
        await goes_on.wait()
        return OGG

    house.phone.fetch = slowly
    await fetcher.take()
    await asyncio.wait_for(began.wait(), 5)
    await house.talk("awa", "effacer", "oui", channel=house.phone)
    assert (await house.count(FILES), await house.count(FETCHES)) == (0, 0)
    goes_on.set()
    await fetcher.quiet()
    assert await house.count(FILES) == 0
    await fetcher.stop()


async def test_it_is_tried_again_later_and_later(house, fetcher):
    """The line breaks, the provider asks to wait: it comes in the end, and a fault of the provider costs no try."""
    house.phone.files["ref-1"] = OGG
    house.phone.outcomes["ref-1"] = [OSError("line"), Retry(50), Fault("credentials", 60)]
    await a_case(house)
    waits = []
    for _ in range(3):
        before = datetime.now(UTC)
        await fetch(fetcher)
        (row,) = await house.rows(FETCHES)
        waits.append((round((row.not_before - before).total_seconds()), row.tries))
        await fetch(fetcher)
        await house.store.run(lambda conn: conn.execute(FETCHES.update().values(not_before=PAST)))
    assert waits == [(2, 1), (50, 2), (60, 2)]
    assert len(house.phone.fetched) == 3
    await fetch(fetcher)
    assert (await house.rows(FILES))[0].size == len(OGG)


WHY = {"gone": "lost", "empty": "lost", "often": "lost", "large": "too_large", "pixels": "too_large"} | {
    "broken": "unclean", "raw": "unclean",
}  # fmt: skip
BODIES = {"large": OGG + bytes(100_000), "empty": b"", "broken": b"\xff\xd8\xff\xe0rest", "raw": RAW}


def a_bomb():
    out = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "PNG")
    return out.getvalue()


async def given_up(house, fetcher, why):
    """A fetch that ends for this reason."""
    house.phone.files["ref-1"] = a_bomb() if why == "pixels" else BODIES.get(why, OGG)
    if why == "gone":
        house.phone.outcomes["ref-1"] = [GiveUp("ref-1")]
    if why == "often":
        await house.store.run(lambda conn: conn.execute(FETCHES.update().values(tries=module.MOST_TRIES)))
        house.phone.outcomes["ref-1"] = [OSError("ref-1")]
    await fetch(fetcher)
    assert await house.count(FETCHES) == 0


async def told(house, address="awa"):
    """What waits in the lane of a person, in words."""
    return [said.message.text for said in await house.waiting(address, channel=house.phone)]


@pytest.mark.parametrize("why", list(WHY))
async def test_what_cannot_be_kept_is_told_to_staff(house, why, caplog):
    """It stays as a row without bytes, with its reason; nobody can open it, and no log names it."""
    fetcher = fetching(house)
    await a_case(house)
    await given_up(house, fetcher, why)
    (case,) = await house.rows(CASES)
    (row,) = await house.rows(FILES)
    _, lines = await shown(house, case.reference)
    assert lines[0].content["story"] == {"kind": "voice", "id": "", "seconds": 12, "file": WHY[why]}
    with pytest.raises(NoSuchCase):
        await house.store.run(
            lambda conn: Desk(conn, house.keyring, READER, house.now).file(case.reference, row.id.hex)
        )
    assert "ref-1" not in caplog.text


@pytest.mark.parametrize(("why", "words"), [("gone", "file_lost"), ("broken", "file_not_kept")])
@pytest.mark.parametrize("language", ["fr", "en"])
async def test_the_person_is_told_once_in_their_language(store, keyring, why, words, language):
    """In the lane of an ordinary request, with the same commit; whoever serves lanes is told after it."""
    house, served = House(store, keyring, real_library()), []
    fetcher = fetching(house)
    fetcher.serve = lambda contact_id, channel: served.append((contact_id, channel))
    await house.consent("awa", house.phone, language)
    wish = ("personne", "autre chose") if language == "fr" else ("person", "something else")
    await house.talk("awa", *wish, channel=house.phone)
    await send(house, "awa")
    assert await house.count(FETCHES) == 1
    before = await told(house)
    await given_up(house, fetcher, why)
    assert await told(house) == [*before, house.library.words(f"words:{words}", language)]
    assert served == [((await house.contact("awa", house.phone)).id, "phone")]
    await again(house, fetcher)
    assert len(await told(house)) == len(before) + 1


async def test_a_draft_that_is_lost_is_told_as_well_and_the_reason_moves_into_the_case(store, keyring):
    house = House(store, keyring, real_library())
    fetcher = fetching(house)
    await house.talk("awa", "start", "français", "regarder", "plainte", "oui", "1", "non", "Kayes", channel=house.phone)
    await send(house, "awa")
    await given_up(house, fetcher, "broken")
    assert (await told(house))[-1] == house.library.words("words:file_not_kept", "fr")
    await house.talk("awa", "envoyer", channel=house.phone)
    (case,) = await house.rows(CASES)
    (row,) = await house.rows(FILES)
    assert (row.case_id, row.media_type, row.size) == (case.id, "unclean", 0)


async def test_of_an_anonymous_case_nobody_can_be_told(store, keyring):
    """Filed before the file came: no link to the person is left, and staff see why it is not there."""
    house = House(store, keyring, real_library())
    fetcher = fetching(house)
    await house.talk("awa", "start", "français", "regarder", "plainte", "oui", "1", "non", "Kayes", channel=house.phone)
    await send(house, "awa")
    await house.talk("awa", "envoyer", channel=house.phone)
    before = await told(house)
    await given_up(house, fetcher, "broken")
    assert await told(house) == before
    assert (await house.rows(FILES))[0].media_type == "unclean"


@pytest.mark.parametrize("change", [{"in_chat": False}, {"contact_id": None}])
async def test_who_may_not_be_written_to_or_erased_is_not_told(house, fetcher, change):
    await a_case(house)
    await house.store.run(lambda conn: conn.execute(CASES.update().values(**change)))
    before = await told(house)
    await given_up(house, fetcher, "broken")
    assert await told(house) == before
    assert (await house.rows(FILES))[0].media_type == "unclean"


async def test_an_erase_while_it_is_given_up_ends_well(house, fetcher):
    """Whoever comes second finds nothing: no message, no row, no deadlock."""
    await a_case(house)
    (wanted,) = await house.store.run(lambda conn: fetcher._lease(conn, 4))
    mark = house.store.run(lambda conn: fetcher._mark(conn, wanted, GiveUp("gone")))
    contact = await house.contact("awa", house.phone)
    forget = tables.contacts.delete().where(tables.contacts.c.id == contact.id)
    await asyncio.gather(mark, house.store.run(lambda conn: conn.execute(forget) and None))
    assert (await house.count(tables.contacts), await house.count(FETCHES)) == (0, 0)


async def test_photos_of_current_phones_reach_staff(house):
    """50 megapixels with a place, sent as a document, and HEIC of an iPhone: kept, upright, without place."""
    fetcher = fetching(house, most_bytes=16_000_000)
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Secret Phone", 6
    exif.get_ifd(0x8825)[1] = "N"
    for number, (form, size, given) in enumerate((("JPEG", (8160, 6120), exif), ("HEIF", (600, 400), exif.tobytes()))):
        out = io.BytesIO()
        Image.new("RGB", size, "red").save(out, form, exif=given)
        house.phone.files[f"ref-{number}"] = out.getvalue()
        await a_case(house, f"p{number}", ref=f"ref-{number}", kind="document")
        await fetch(fetcher)
    cases, found = await house.rows(CASES), {}
    for case in cases:
        _, lines = await shown(house, case.reference)

        file = await opened(house, case.reference, lines[0].content["story"]["id"])
        found[Image.open(io.BytesIO(file.body)).size] = (file.media_type, b"Secret Phone" in file.body)
    assert found == {(1920, 2560): ("image/jpeg", False), (400, 600): ("image/jpeg", False)}


async def test_pictures_lose_place_and_phone_whatever_they_are_called(house, fetcher):
    """A photo sent as a document, said to be a voice note: its bytes say what it is."""
    picture, out = Image.new("RGB", (60, 40), "red"), io.BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "Secret Phone"
    picture.save(out, "JPEG", exif=exif)
    assert b"Secret Phone" in out.getvalue()
    house.phone.files["ref-1"] = out.getvalue()
    await a_case(house, kind="document")
    await fetch(fetcher)
    (case,) = await house.rows(CASES)
    _, lines = await shown(house, case.reference)
    file_id = lines[0].content["story"]["id"]
    file = await house.store.run(
        lambda conn: Desk(conn, house.keyring, READER, house.now).file(case.reference, file_id)
    )
    assert file.media_type == "image/jpeg"
    assert b"Secret Phone" not in file.body
    assert Image.open(io.BytesIO(file.body)).size == (60, 40)


@pytest.mark.parametrize(("body", "media_type"), [(PDF, "application/pdf"), (b"no idea", "application/octet-stream")])
async def test_the_type_is_what_the_bytes_say(house, fetcher, body, media_type):
    house.phone.files["ref-1"] = body
    await a_case(house, kind="document")
    await fetch(fetcher)
    assert (await house.rows(FILES))[0].media_type == media_type


async def test_a_worker_that_died_leaves_it_to_another(house, fetcher, database_url):
    """While its lease runs nobody else fetches; then another does, and what the first brings late is dropped."""
    house.phone.files["ref-1"] = OGG
    await a_case(house)
    (late,) = await house.store.run(lambda conn: fetcher._lease(conn, 4))
    with Store(database_url, busy_seconds=5) as second:
        other = fetching(house, second)
        await fetch(other)
        assert house.phone.fetched == []
        await house.store.run(lambda conn: conn.execute(FETCHES.update().values(until=PAST)))
        (row,) = await second.run(lambda conn: other._lease(conn, 4))
        await house.store.run(lambda conn: fetcher._mark(conn, late, ("audio/ogg", b"late")))
        assert (await house.rows(FILES))[0].size == 0
        await second.run(lambda conn: other._mark(conn, row, ("audio/ogg", OGG)))
    assert (await house.rows(FILES))[0].size == len(OGG)


async def test_many_files_through_two_workers_are_fetched_once_each(house, fetcher, database_url):
    house.phone.files = {f"ref-{n}": OGG + bytes([n]) for n in range(12)}
    for n in range(12):
        await a_case(house, f"p{n}", ref=f"ref-{n}")
    with Store(database_url, busy_seconds=5) as second:
        other = fetching(house, second)
        fetcher.start()
        other.start()
        async with asyncio.timeout(60):
            while await house.count(FETCHES):  # noqa: ASYNC110 - what the workers write tells when it is over
                await asyncio.sleep(0.02)
        await other.stop()
    assert sorted(house.phone.fetched) == sorted(house.phone.files)
    assert await house.count(FILES, FILES.c.size == len(OGG) + 1) == 12


async def test_a_file_that_takes_for_ever_is_broken_off(house, fetcher, monkeypatch):
    monkeypatch.setattr(module, "FETCH_TIMEOUT", 0.05)

    async def never(_):
        await asyncio.sleep(60)

    house.phone.fetch = never
    await a_case(house)
    await fetch(fetcher)
    (row,) = await house.rows(FETCHES)
    assert (row.tries, row.until) == (1, None)


async def test_a_draft_that_lay_too_long_is_not_fetched_any_more(house):
    await house.consent("awa", house.phone)
    await house.talk("awa", "carnet", channel=house.phone)
    await send(house, "awa")
    assert await house.count(FETCHES) == 1
    house.later(hours=25)
    await house.store.run(house.followups.tidy)
    assert await house.count(FETCHES) == 0
    assert timedelta(seconds=module.FETCH_TIMEOUT) < module.LEASE
