"""`segin poster`: pages to hang up, with a QR code that leads to Segin."""

import argparse
import asyncio
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import msgspec

from bot.channels.base import START, Blocked, Fault, GiveUp, Retry
from bot.channels.telegram.calls import Calls, Trouble, told
from bot.channels.telegram.limits import API_URL, TOKEN
from bot.dialogue import led
from bot.dialogue.flow import Library
from bot.dialogue.letters import spellings
from bot.dialogue.model import SOURCE_LANGUAGE
from bot.library import files, load
from bot.poster import DoesNotFit, NoLetter, Poster, draw, pdf, png
from bot.settings import Settings

CHANNELS = ("telegram", "whatsapp", "web")
BOT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{3,31}")
NUMBER = re.compile(r"[1-9][0-9]{6,14}")
ADDRESS = re.compile(r"https?://[^\s/?#]+(/[^\s?#]*)?")
REGIONS = "content/regions.yaml"


class CannotDraw(Exception):
    """There is no poster; the message says what is missing and how to give it."""


@dataclass(frozen=True)
class Link:
    """Where a code leads, and the same as people type it."""

    channel: str
    address: str
    shown: str


class _Me(msgspec.Struct):
    username: str = ""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("poster", help="pages with a QR code for transit centres, as PDF and PNG")
    parser.add_argument(
        "--channel", action="append", choices=CHANNELS, help="may be repeated (default: each that is set up)"
    )
    parser.add_argument(
        "--language", action="append", metavar="CODE", help="may be repeated (default: each required one)"
    )
    parser.add_argument("--region", metavar="KEY", help="such as kayes; every link carries it")
    parser.add_argument("--bot-name", metavar="NAME", help="name of the bot (default: Telegram is asked)")
    parser.add_argument("--number", help="WhatsApp number people write to, with the code of the country")
    parser.add_argument("--to", type=Path, metavar="FOLDER", default=Path("posters"), help="default: posters")
    parser.set_defaults(run=run)


def run(settings: Settings, given: argparse.Namespace) -> int:
    """Everything is found out and drawn before anything is written."""
    built = load.build(files.read_folder(settings.library_dir))
    if built.library is None:
        print("the texts can't be read: segin check says why", file=sys.stderr)
        return 1
    try:
        languages = _languages(built.library, given.language)
        place = _place(built, given.region)
        made = {
            f"segin-{link.channel}-{language}" + (f"-{given.region}" if given.region else ""): poster_of(
                built.library, _leading(built, link, given.region or "", language), language, place
            )
            for link in _links(settings, given)
            for language in languages
        }
        contents = {f"{name}.{kind}": content for name, poster in made.items() for kind, content in _files(poster)}
        given.to.mkdir(parents=True, exist_ok=True)
        for file, content in contents.items():
            (given.to / file).write_bytes(content)
            print(given.to / file)
    except CannotDraw as error:
        print(error, file=sys.stderr)
        return 2
    except DoesNotFit as error:
        print(f"no room on the page for « {error} »: write it shorter", file=sys.stderr)
        return 1
    except NoLetter as error:
        print(f"the poster's font has no letter « {error} » (U+{ord(str(error)):04X})", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{given.to} can't be written: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def _files(poster: Poster) -> Iterator[tuple[str, bytes]]:
    page = draw(poster)
    yield "pdf", pdf(page, f"Segin: {poster.title}")
    yield "png", png(page)


# ---------------------------------------------------------------- words


def poster_of(library: Library, link: Link, language: str, place: str = "") -> Poster:
    """The poster in this language. Raises `CannotDraw` for a text that is not translated: half a page in French
    would be read by nobody.
    """
    texts, missing = library.texts.get(language, {}), []

    def say(key: str) -> str:
        if key not in texts:
            missing.append(key)
        return texts.get(key, "")

    organisation = library.organisation
    names = {"telegram": "words:poster_telegram", "whatsapp": "words:poster_whatsapp", "web": "words:poster_web"}
    poster = Poster(
        language=language,
        title=say("words:poster_title"),
        invitation=say("words:poster_invitation"),
        channel=say(names[link.channel]),
        link=link.address,
        or_type=say("words:poster_or_type"),
        shown=link.shown,
        steps=(say("words:poster_scan"), say("words:poster_write"), say("words:poster_answer")),
        demonstration=say("words:poster_demonstration") if organisation.missing else "",
        foot=tuple(line for line in (organisation.name, *organisation.contacts) if line),
        place=place,
    )
    if missing:
        raise CannotDraw(f"not translated into {language}: {', '.join(missing)} ({load.catalogue_path(language)})")
    return poster


def _languages(library: Library, wanted: list[str] | None) -> list[str]:
    unknown = [code for code in wanted or () if code not in library.languages]
    if unknown:
        known = ", ".join(library.languages)
        raise CannotDraw(f"no language {', '.join(unknown)}; content/organisation.yaml has {known}")
    return list(dict.fromkeys(wanted or library.required))


def _place(built: load.Built, region: str | None) -> str:
    """The region's name as it is printed.

    Known are those of content/regions.yaml; where there is no such file, any word that a link may carry and that
    opens no dialogue: whoever scans a page on a wall shall not be led to where others need not see them.
    """
    if not region:
        return ""
    document = built.content.documents.get(REGIONS)
    known = document.mapping() if document else {}
    if known:
        if region not in known:
            raise CannotDraw(f"no region {region}; {REGIONS} has {', '.join(known)}")
        about = known[region]
        return str(about.get("label", region)) if isinstance(about, dict) else region
    if not START.fullmatch(region):
        raise CannotDraw(f"a region has 1 to 64 letters of A-Z, a-z, 0-9, _ and -, not {region!r}")
    library = built.library
    if library and any(one in words for one in spellings(region) for words in (library.anywhere, library.topics)):
        raise CannotDraw(f"{region} opens a dialogue; a region is a name such as kayes")
    return region.replace("_", " ").replace("-", " ").capitalize()


# ---------------------------------------------------------------- links


def _links(settings: Settings, given: argparse.Namespace) -> list[Link]:
    """One for each channel that is wanted, to its front door. Raises `CannotDraw`."""
    set_up = {
        "telegram": bool(given.bot_name or settings.telegram_token),
        "whatsapp": bool(given.number),
        "web": bool(settings.public_url),
    }
    if not given.channel and settings.whatsapp_token and not given.number:
        print("WhatsApp is left out: --number says which number people write to", file=sys.stderr)
    wanted = list(dict.fromkeys(given.channel or [name for name in CHANNELS if set_up[name]]))
    if not wanted:
        raise CannotDraw(
            "no channel is set up: give --bot-name or SEGIN_TELEGRAM_TOKEN, --number (WhatsApp) or SEGIN_PUBLIC_URL"
        )
    made = {
        "telegram": lambda: _telegram(settings, given),
        "whatsapp": lambda: _whatsapp(given.number),
        "web": lambda: _web(settings.public_url),
    }
    return [made[name]() for name in wanted]


def _leading(built: load.Built, link: Link, region: str, language: str) -> Link:
    """The link with the region, and with the language unless that is French: whoever takes out a phone before a page in
    French, which hangs everywhere, may still want another, and is asked.

    WhatsApp's brings words along that their sender sees, also where there is nothing to say: else nothing is sent.
    Typed by hand, a link should be short; only Telegram's has its region there.
    """
    library = built.library
    language = "" if library is None or language == SOURCE_LANGUAGE else language
    carried = led.start_of(region, language)
    if link.channel == "whatsapp":
        words = led.typed_of(library, region, language) if library and carried else next(_menu_words(built))
        return replace(link, address=f"{link.address}?text={quote(words)}")
    if not carried:
        return link
    if not START.fullmatch(carried):
        raise CannotDraw(f"a link carries 1 to 64 letters of A-Z, a-z, 0-9, _ and -, not {carried!r}")
    shown = f"{link.shown}?start={region}" if region and link.channel == "telegram" else link.shown
    return replace(link, address=f"{link.address}?start={carried}", shown=shown)


def _telegram(settings: Settings, given: argparse.Namespace) -> Link:
    name = given.bot_name.removeprefix("@") if given.bot_name else _bot_name(settings)
    if not BOT_NAME.fullmatch(name):
        raise CannotDraw("a bot's name has 4 to 32 letters of A-Z, a-z, 0-9 and _, such as SeginBot")
    return Link("telegram", f"https://t.me/{name}", f"t.me/{name}")


def _bot_name(settings: Settings) -> str:
    if not settings.telegram_token:
        raise CannotDraw("a poster for Telegram needs --bot-name or SEGIN_TELEGRAM_TOKEN")
    if not (TOKEN.fullmatch(settings.telegram_token) and API_URL.fullmatch(settings.telegram_api_url)):
        raise CannotDraw("SEGIN_TELEGRAM_TOKEN or SEGIN_TELEGRAM_API_URL is wrong; --bot-name needs neither")
    name = asyncio.run(_ask(settings.telegram_token, settings.telegram_api_url))
    if not name:
        raise CannotDraw("Telegram did not say the name of the bot; try again, or give --bot-name")
    return name


async def _ask(token: str, api_url: str) -> str:
    """The bot's name; "" when Telegram does not say. Nothing of its refusal is shown: the token may be in it."""
    calls = Calls(token, api_url)
    try:
        me = told(await calls.call("getMe", {}), _Me)
    except (Retry, GiveUp, Blocked, Fault, Trouble):
        return ""
    finally:
        await calls.close()
    return me.username if isinstance(me, _Me) else ""


def _whatsapp(number: str | None) -> Link:
    if not number:
        raise CannotDraw("a poster for WhatsApp needs --number, with the code of the country")
    digits = re.sub(r"[\s().-]", "", number).removeprefix("+")
    if not NUMBER.fullmatch(digits):
        raise CannotDraw(f"--number takes a number that begins with the code of the country, not {number!r}")
    return Link("whatsapp", f"https://wa.me/{digits}", f"wa.me/{digits}")


def _menu_words(built: load.Built) -> Iterator[str]:
    words = built.content.keywords.get(SOURCE_LANGUAGE, {}).get("menu")
    yield from (str(word) for word in (words if isinstance(words, list | tuple) else ()))
    yield "menu"


def _web(public_url: str) -> Link:
    if not public_url:
        raise CannotDraw("a poster for the web chat needs SEGIN_PUBLIC_URL")
    address = public_url.rstrip("/")
    if not ADDRESS.fullmatch(address) or not address.isascii():
        raise CannotDraw("SEGIN_PUBLIC_URL is an address such as https://segin.example.org")
    return Link("web", f"{address}/", address.removeprefix("https://"))
