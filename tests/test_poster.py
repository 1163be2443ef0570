"""`segin poster`: the code leads where the link says, in every required language; what is missing is named."""

import io
import shutil
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import zxingcpp
from PIL import Image, ImageFont

from bot.__main__ import parser
from bot.dialogue import led
from bot.dialogue.model import Heard
from bot.library import files, load
from bot.poster import DoesNotFit, NoLetter, Poster, draw, pdf, png
from bot.poster.sheet import A4, FONT, Sheet, dots, has
from bot.settings import ROOT, Settings

FRENCH = Poster(
    language="fr",
    title="Une question ?",
    invitation="Demandez à Segin.",
    channel="Sur Telegram",
    link="https://t.me/SeginBot?start=kayes",
    or_type="Ou tapez :",
    shown="t.me/SeginBot?start=kayes",
    steps=("Scannez", "Écrivez", "Lisez la réponse"),
)
LONG_NAME = "Bureau d'accueil et d'orientation de la région, de 8 h à 12 h et de 14 h à 17 h"


def read(content):
    """What a phone reads in a PNG."""
    return [code.text for code in zxingcpp.read_barcodes(Image.open(io.BytesIO(content)).convert("L"))]


def segin_poster(folder, *words, library=ROOT, **settings):
    given = parser().parse_args(["poster", "--to", str(folder), *words])
    return given.run(replace(Settings(), library_dir=library, **settings), given)


@pytest.fixture
def library(tmp_path):
    """Editors' files to change."""
    for name in ("flows", "content", "locales"):
        shutil.copytree(ROOT / name, tmp_path / "library" / name)
    return tmp_path / "library"


def changed(library, name, before, after):
    path = library / name
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


@pytest.fixture(scope="module")
def french_page():
    return draw(FRENCH)


# ---------------------------------------------------------------- the page


def test_it_is_a4_in_png_and_pdf_and_both_are_small(french_page):
    small, printed = png(french_page), pdf(french_page, "Segin")
    with Image.open(io.BytesIO(small)) as image:
        width, height = (side / dpi * 25.4 for side, dpi in zip(image.size, image.info["dpi"], strict=True))
    assert (width, height) == pytest.approx(A4, abs=0.2)
    assert b"/MediaBox [ 0 0 595." in printed
    assert max(len(small), len(printed)) < 200_000


def test_a_phone_reads_the_link_also_on_a_bad_print(french_page):
    assert read(png(french_page)) == [FRENCH.link]
    faint = french_page.resize((413, 585)).point(lambda grey: 90 + grey // 3)  # 50 dots an inch, grey on grey
    assert [code.text for code in zxingcpp.read_barcodes(faint)] == [FRENCH.link]
    torn = french_page.copy()
    torn.paste(128, (dots(100), dots(100), dots(108), dots(108)))
    assert [code.text for code in zxingcpp.read_barcodes(torn)] == [FRENCH.link]


def test_nothing_comes_near_the_edge_where_printers_leave_off(french_page):
    left, top, right, bottom = french_page.point(lambda grey: 255 - grey).getbbox()
    edge = dots(8)
    assert min(left, top, french_page.width - right, french_page.height - bottom) >= edge


@pytest.mark.parametrize("letter", "ɛɔɲŋƝƐƆŊɓɗƴǝɣšéèêëàâçîïôùûœÉÈÀÇ«»’·…+@?=/_-0123456789")
def test_the_font_it_brings_has(letter):
    assert has(letter)


def test_the_font_comes_with_its_licence_and_under_its_own_name():
    assert "SIL OPEN FONT LICENSE Version 1.1" in (FONT.parent / "OFL.txt").read_text(encoding="utf-8")
    assert ImageFont.truetype(FONT, 20).getname() == ("Andika", "Bold")


def test_letters_of_bambara_are_drawn():
    draw(replace(FRENCH, title="Ɲininkali ?", steps=("A ja ta", "Sɛbɛnni kɛ", "Jaabi kalan, ɲɔgɔn ŋɛ")))


def test_a_letter_the_font_lacks_is_named():
    with pytest.raises(NoLetter, match="س"):
        draw(replace(FRENCH, title="سؤال"))


def test_a_full_page_still_has_its_code():
    foot = ("Une organisation au nom bien long", LONG_NAME, "Téléphone : +000 00 00 00 00")
    page = draw(replace(FRENCH, demonstration="Démonstration : personne ne lit.", foot=foot, place="Tombouctou"))
    assert read(png(page)) == [FRENCH.link]


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": "Une question " * 30},
        {
            "steps": (
                "Scannez",
                "Écrivez",
                "Attendez la réponse de la personne qui lit tout cela un jour ou l'autre, ici",
            )
        },
        {"foot": (LONG_NAME * 2,)},
        {"foot": (LONG_NAME,) * 9},
        {"shown": "a" * 90},
    ],
)
def test_what_has_no_room_is_told_and_never_cut(wrong):
    with pytest.raises(DoesNotFit):
        draw(replace(FRENCH, **wrong))


def test_text_stays_in_its_box():
    for words in ("Écrivez", "ŊŊŊ ɲɲɲ ɔ̀ɔ̀ɔ̀", "Lisez la réponse, ligne après ligne", "W" * 12):
        sheet = Sheet()
        sheet.text(words, 105, 100, 60, 20, lines=2)
        left, top, right, bottom = sheet.image.point(lambda grey: 255 - grey).getbbox()
        assert left >= dots(74)
        assert right <= dots(136)
        assert top >= dots(99)
        assert bottom <= dots(121)


# ---------------------------------------------------------------- the command


def test_each_channel_that_is_set_up_in_every_required_language(tmp_path, capsys):
    arguments = "--bot-name", "@SeginBot", "--number", "+999 76 00 00 00", "--region", "kayes"
    assert segin_poster(tmp_path, *arguments, public_url="https://segin.example.org/") == 0
    links = {
        "telegram-fr": "https://t.me/SeginBot?start=kayes",
        "telegram-en": "https://t.me/SeginBot?start=kayes-en",
        "whatsapp-fr": "https://wa.me/99976000000?text=Menu%20Kayes",
        "whatsapp-en": "https://wa.me/99976000000?text=Menu%20Kayes%20English",
        "web-fr": "https://segin.example.org/?start=kayes",
        "web-en": "https://segin.example.org/?start=kayes-en",
    }
    wanted = {f"segin-{page}-kayes": link for page, link in links.items()}
    assert load.build(files.read_folder(ROOT)).library.required == ("fr", "en")
    assert {name: read((tmp_path / f"{name}.png").read_bytes()) for name in wanted} == {
        name: [link] for name, link in wanted.items()
    }
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{name}.{kind}" for name in wanted for kind in ("pdf", "png")
    }
    assert set(capsys.readouterr().out.split()) == {str(path) for path in tmp_path.iterdir()}


def test_the_word_that_whatsapp_brings_leads_to_the_menu(tmp_path, said):
    library = load.build(files.read_folder(ROOT)).library
    assert "menu" in library.vocabulary.menu
    assert segin_poster(tmp_path, "--number", "+999 76 00 00 00", "--language", "fr") == 0
    assert [poster.link for poster in said] == ["https://wa.me/99976000000?text=menu"]


@pytest.mark.parametrize("language", ["fr", "en", "bm"])
@pytest.mark.parametrize("region", ["", "kayes", "tombouctou", "gao", "menaka"])
def test_every_link_says_the_same_in_every_channel(tmp_path, said, language, region):
    """What a code brings along is read by Segin, also where WhatsApp's are words."""
    library = load.build(files.read_folder(ROOT)).library
    arguments = "--bot-name", "SeginBot", "--number", "+999 76 00 00 00", "--language", language
    arguments += ("--region", region) if region else ()
    assert segin_poster(tmp_path, *arguments, public_url="https://segin.example.org") == 0
    wanted = led.Link(region=region, language="" if language == "fr" else language)
    for poster in said:
        query = parse_qs(urlsplit(poster.link).query)
        heard, link = led.read(library, Heard("text", text=query.get("text", [""])[0]), query.get("start", [""])[0])
        assert link == wanted, poster.link
        assert heard.kind == "start" or "wa.me" not in poster.link or wanted == led.Link()


def test_typed_by_hand_a_link_is_short(tmp_path, said):
    arguments = "--bot-name", "SeginBot", "--number", "99976000000", "--language", "en", "--region", "kayes"
    assert segin_poster(tmp_path, *arguments, public_url="https://segin.example.org") == 0
    assert [poster.shown for poster in said] == ["t.me/SeginBot?start=kayes", "wa.me/99976000000", "segin.example.org"]


@pytest.fixture
def said(monkeypatch):
    """What would be drawn, without drawing it."""
    drawn = []
    monkeypatch.setattr("bot.commands.poster._files", lambda poster: drawn.append(poster) or ())
    return drawn


def test_a_demonstration_says_so(tmp_path, said):
    assert segin_poster(tmp_path, "--bot-name", "SeginBot") == 0
    assert [poster.demonstration for poster in said] == [
        "Démonstration : personne ne lit.",
        "Demonstration: nobody reads.",
    ]
    assert {poster.foot for poster in said} == {()}


def test_in_service_it_says_who_serves_and_no_word_of_a_demonstration(tmp_path, said, library):
    name = "content/organisation.yaml"
    changed(library, name, 'name: ""\n\n', "name: Mali Accueil\n\n")
    changed(library, name, 'data_controller: ""', "data_controller: Une personne")
    changed(library, name, "contacts: []", "contacts: [Bureau de 8 h à 12 h]")
    changed(library, name, '  name: ""', "  name: L'équipe")
    changed(library, name, '  phone: ""', '  phone: "+999 00 00 00 00"')
    changed(library, name, "  hours: {}", '  hours: {mon: "08:00-17:00"}')
    changed(library, name, '  hours_text: ""', "  hours_text: le lundi")
    changed(library, name, '  verified_by: ""', "  verified_by: A., 2026-11-20")
    assert segin_poster(tmp_path, "--bot-name", "SeginBot", "--language", "fr", library=library) == 0
    assert [(poster.demonstration, poster.foot) for poster in said] == [("", ("Mali Accueil", "Bureau de 8 h à 12 h"))]


def test_its_words_tell_nothing_of_why_somebody_reads_it():
    library = load.build(files.read_folder(ROOT)).library
    for language in library.required:
        words = " ".join(library.texts[language][key] for key in library.texts["fr"] if "poster_" in key).lower()
        for told in ("plain", "compl", "migra", "retour", "return", "détresse", "distress", "abus", "expul", "deport"):
            assert told not in words


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "no channel is set up"),
        (["--channel", "telegram"], "--bot-name or SEGIN_TELEGRAM_TOKEN"),
        (["--channel", "whatsapp"], "needs --number"),
        (["--channel", "web"], "needs SEGIN_PUBLIC_URL"),
        (["--bot-name", "SeginBot", "--language", "xx"], "no language xx; content/organisation.yaml has fr, en"),
        (["--bot-name", "SeginBot", "--region", "k/y"], "no region k/y"),
        (["--bot-name", "Segin-Bot"], "a bot's name has"),
        (["--number", "076 00 00 00"], "code of the country"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_written(tmp_path, capsys, arguments, error):
    assert segin_poster(tmp_path / "new", *arguments) == 2
    assert error in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("url", ["segin.example.org", "https://", "https://segin.example.org/?a=b", "ftp://a.b"])
def test_an_address_that_is_none(tmp_path, capsys, url):
    assert segin_poster(tmp_path, public_url=url) == 2
    assert "SEGIN_PUBLIC_URL" in capsys.readouterr().err


def test_a_region_is_no_word_that_opens_a_dialogue(tmp_path, capsys, library):
    (library / "content/regions.yaml").unlink(missing_ok=True)
    assert segin_poster(tmp_path, "--bot-name", "SeginBot", "--region", "plainte", library=library) == 2
    assert "opens a dialogue" in capsys.readouterr().err


def test_regions_are_those_of_the_library_where_it_has_any(said, capsys, monkeypatch, tmp_path):
    built = load.build(files.read_folder(ROOT))
    document = replace(
        built.content.documents["content/words.yaml"], value={"kayes": {"label": "Kayes"}, "gao": {"label": "Gao"}}
    )
    regions = {**built.content.documents, "content/regions.yaml": document}
    known = replace(built, content=replace(built.content, documents=regions))
    monkeypatch.setattr("bot.commands.poster.load.build", lambda _: known)
    assert segin_poster(tmp_path, "--bot-name", "SeginBot", "--region", "gao", "--language", "fr") == 0
    assert [(poster.place, poster.link) for poster in said] == [("Gao", "https://t.me/SeginBot?start=gao")]
    assert segin_poster(tmp_path, "--bot-name", "SeginBot", "--region", "goa") == 2
    assert "no region goa; content/regions.yaml has kayes, gao" in capsys.readouterr().err


def test_a_language_without_its_words_gets_no_half_poster(tmp_path, capsys, library):
    changed(library, "content/organisation.yaml", '  snk: "off"', "  snk: optional")
    assert segin_poster(tmp_path, "--bot-name", "SeginBot", "--language", "snk", library=library) == 2
    told = capsys.readouterr().err
    assert "not translated into snk: words:poster_title" in told
    assert "locales/snk/" in told


def test_words_that_are_too_long_are_quoted(tmp_path, capsys, library):
    changed(library, "content/words.yaml", "poster_scan: Scannez", f"poster_scan: {'Scannez tout ' * 12}")
    arguments = "--bot-name", "SeginBot", "--language", "fr"
    assert segin_poster(tmp_path / "new", *arguments, library=library) == 1
    assert "no room on the page for « Scannez tout" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_folder_that_is_a_file(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert segin_poster(tmp_path / "file", "--bot-name", "SeginBot", "--language", "fr") == 1
    assert "can't be written" in capsys.readouterr().err


def test_whatsapp_that_is_set_up_without_a_number_is_spoken_of(tmp_path, capsys, said):
    assert segin_poster(tmp_path, public_url="https://segin.example.org", whatsapp_token="t") == 0
    assert {poster.shown for poster in said} == {"segin.example.org"}
    assert "WhatsApp is left out" in capsys.readouterr().err


# ---------------------------------------------------------------- the name of the bot


@pytest.fixture
def bot_api():
    """A Bot API that only knows getMe of one token: its address."""

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            known = self.path == "/bot1:secret/getMe"
            body = b'{"ok":true,"result":{"id":1,"is_bot":true,"first_name":"S","username":"SeginMaliBot"}}'
            refusal = b'{"ok":false,"error_code":401,"description":"Unauthorized"}'
            answer = body if known else refusal
            self.send_response(200 if known else 401)
            self.send_header("Content-Length", str(len(answer)))  # as Telegram does: an end by closing is none
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_telegram_is_asked_for_the_name_of_the_bot(tmp_path, bot_api, said):
    assert segin_poster(tmp_path, telegram_token="1:secret", telegram_api_url=bot_api) == 0
    assert [poster.link for poster in said] == ["https://t.me/SeginMaliBot", "https://t.me/SeginMaliBot?start=en"]


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:9"])
def test_a_telegram_that_does_not_tell_is_named_and_the_token_is_not(tmp_path, bot_api, capsys, url):
    assert segin_poster(tmp_path, telegram_token="1:wrong", telegram_api_url=url or bot_api) == 2
    told = capsys.readouterr()
    assert "give --bot-name" in told.err
    assert "wrong" not in told.err + told.out


def test_a_token_that_is_none_is_not_sent_anywhere(tmp_path, capsys):
    assert segin_poster(tmp_path, telegram_token="a b/../c") == 2
    assert "SEGIN_TELEGRAM_TOKEN" in capsys.readouterr().err
    assert not list(Path(tmp_path).iterdir())
