"""Pictures without what the phone wrote into them: place, time, model, thumbnail.

Some apps shrink pictures and drop all of that, others don't, and whoever speaks to the server directly sends
what they like. So every picture is drawn anew here. What opening it would take in memory is reckoned from what it
declares, before anything of it is decoded.
"""

import asyncio
import io
import struct
from concurrent.futures import ThreadPoolExecutor

import filetype
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile
from pillow_heif import register_heif_opener

MAX_SIDE = 2560  # enough to read a stamp on a page
MAX_PIXELS = 110_000_000  # declared; of a large JPEG far fewer are decoded
MAX_BYTES = 300_000_000  # while one is opened; with what it is drawn on, 340 MB at most (measured)
MAX_SCANS = 200  # each may draw a whole JPEG once more; those of its thumbnails count, too

# Bytes for each pixel that is decoded, as measured: what the decoder of a format keeps beside the picture.
COSTS = {"JPEG": 5, "MPO": 5, "PNG": 5, "GIF": 5, "BMP": 5, "HEIF": 6, "TIFF": 10, "WEBP": 14}
FORMATS = tuple(name for name in COSTS if name != "MPO")  # that is a JPEG with more of them behind it
ALPHA = 4  # more bytes for each pixel: the picture is copied whole before it is made smaller

# A container that films share: these brands are still pictures, which `filetype` knows in part.
BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"mif2", b"msf1", b"avif", b"avis", b"crx "}

MARK, SCAN = b"\xff", b"\xff\xda"  # of JPEG: what every marker begins with, the head of a scan
TILE_WIDTH, TILE_HEIGHT, DNG_VERSION = 322, 323, 50706  # tags of TIFF

register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
Image.MAX_IMAGE_PIXELS = MAX_PIXELS

# One picture at a time, also when those who sent them went away meanwhile: a heap of them fills no memory.
_drawer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="picture")


class NoPicture(Exception):
    """These bytes are no picture that can be read: broken, or of a kind that can't be drawn anew."""


class TooLarge(NoPicture):
    """This picture would take too much memory to open."""


def is_picture(body: bytes) -> bool:
    """Whether these bytes are a picture of any kind, also of one that can't be read here."""
    return str(filetype.guess_mime(body)).startswith("image/") or (body[4:8] == b"ftyp" and body[8:12] in BRANDS)


async def cleaned(body: bytes) -> bytes:
    """The picture upright, at most `MAX_SIDE` wide and high, as JPEG (a PNG stays PNG), with no metadata.

    Raises `NoPicture`, or `TooLarge` of it.
    """
    return await asyncio.get_running_loop().run_in_executor(_drawer, _draw_anew, body)


def _draw_anew(body: bytes) -> bytes:
    try:
        with Image.open(io.BytesIO(body), formats=FORMATS) as picture:
            as_png = picture.format == "PNG"
            _refuse_odd(picture)
            if picture.width * picture.height > MAX_PIXELS:
                raise TooLarge("too many pixels")
            held = _held(picture, body) if isinstance(picture, JpegImageFile) else 0
            _decode_small(picture)
            if held + _memory(picture) > MAX_BYTES:
                raise TooLarge("too much memory")
            # Small first, then turned: every further step copies what the one before left.
            picture.thumbnail((MAX_SIDE, MAX_SIDE))
            ImageOps.exif_transpose(picture, in_place=True)
            seen = _in_eight_bits(picture).convert("RGBA")
        # A fresh canvas: nothing a format keeps beside its pixels can come along.
        canvas = Image.new("RGB", seen.size, "white")
        canvas.paste(seen, mask=seen.getchannel("A"))
        out = io.BytesIO()
        if as_png:
            canvas.save(out, "PNG")
        else:
            canvas.save(out, "JPEG", quality=80, optimize=True)
        return out.getvalue()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooLarge("too many pixels") from error
    except (OSError, ValueError, SyntaxError, EOFError, RuntimeError, struct.error) as error:
        # What Pillow raises on broken files depends on where they are broken.
        raise NoPicture("unreadable picture") from error


def _refuse_odd(picture: Image.Image) -> None:
    """Kinds of which only a part would be kept, unseen, or whose decoder takes what memory the file tells it to."""
    if picture.format == "BMP" and any(tile[0] == "bmp_rle" for tile in getattr(picture, "tile", ())):
        raise NoPicture("a run-length BMP")
    if picture.mode in {"I", "F"}:
        raise NoPicture("measurements, no picture")
    if isinstance(picture, TiffImageFile):
        if DNG_VERSION in picture.tag_v2:
            raise NoPicture("a raw picture: what can be read of it is its thumbnail")
        if _has_second_page(picture):
            raise NoPicture("several pages")


def _has_second_page(picture: TiffImageFile) -> bool:
    try:
        picture.seek(1)
    except EOFError:
        return False
    return True


def _decode_small(picture: Image.Image) -> None:
    """Tell the decoder of a JPEG to give a half, a quarter or an eighth: what is left is at least `MAX_SIDE` long."""
    longest = max(picture.size)
    if longest > MAX_SIDE:
        picture.draft("RGB", (picture.width * MAX_SIDE // longest or 1, picture.height * MAX_SIDE // longest or 1))


def _memory(picture: Image.Image) -> int:
    """Bytes that decoding this picture takes, reckoned from its head."""
    pixels = picture.width * picture.height
    each = COSTS[str(picture.format)] + (ALPHA if picture.mode in {"RGBA", "LA", "PA"} else 0)
    if isinstance(picture, TiffImageFile):
        pixels = max(pixels, _number(picture, TILE_WIDTH) * _number(picture, TILE_HEIGHT))
    return pixels * each


def _in_eight_bits(picture: Image.Image) -> Image.Image:
    """Grey in 16 bits would be cut, not scaled: all of it would be white."""
    return picture.point(lambda grey: grey * (1 / 256)).convert("L") if picture.mode.startswith("I;16") else picture


def _number(picture: TiffImageFile, tag: int) -> int:
    return int(picture.tag_v2.get(tag, 0))


def _held(picture: JpegImageFile, body: bytes) -> int:
    """Bytes for the coefficients of a JPEG that comes in several scans: its decoder holds them all, at full size."""
    if body.count(SCAN) > MAX_SCANS:
        raise NoPicture("too many scans")
    components = [(across, down) for _, across, down, _ in picture.layer]
    if "progressive" not in picture.info and _first_scan(body) == len(components):
        return 0
    full = max(across for across, _ in components) * max(down for _, down in components)
    return 2 * picture.width * picture.height * sum(across * down for across, down in components) // full


def _first_scan(body: bytes) -> int:
    """How many components the first scan of a JPEG has; 0 when there is none to be found."""
    at = 2
    while body[at : at + 1] == MARK and at + 4 < len(body):
        if body[at : at + 2] == SCAN:
            return body[at + 4]
        filled = body[at + 1 : at + 2] == MARK
        at += 1 if filled else 2 + int.from_bytes(body[at + 2 : at + 4])
    return 0
