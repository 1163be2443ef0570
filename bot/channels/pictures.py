"""Pictures without what the phone wrote into them: place, time, model, thumbnail.

Some apps shrink pictures and drop all of that, others don't, and whoever speaks to the server directly sends
what they like. So every picture is drawn anew here.
"""

import asyncio
import io
import struct
from concurrent.futures import ThreadPoolExecutor

from PIL import Image, ImageOps

MAX_PIXELS = 16_000_000  # opened whole, with what its format needs beside it, that is up to 260 MB for a moment
MAX_SIDE = 2560  # enough to read a stamp on a page
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")

# One picture at a time, also when those who sent them went away meanwhile: a heap of them fills no memory.
_drawer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="picture")


class NoPicture(Exception):
    """These bytes are no picture that can be read, or one too large to open."""


async def cleaned(body: bytes) -> bytes:
    """The picture upright, at most `MAX_SIDE` wide and high, as JPEG (a PNG stays PNG), with no metadata.

    Raises `NoPicture`.
    """
    return await asyncio.get_running_loop().run_in_executor(_drawer, _draw_anew, body)


def _draw_anew(body: bytes) -> bytes:
    try:
        with Image.open(io.BytesIO(body), formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise NoPicture("too many pixels")
            as_png = picture.format == "PNG"
            picture.draft("RGB", (MAX_SIDE, MAX_SIDE))  # JPEG: decode it small from the start
            # Small first, then turned: every further step copies what the one before left.
            picture.thumbnail((MAX_SIDE, MAX_SIDE))
            ImageOps.exif_transpose(picture, in_place=True)
            seen = picture.convert("RGBA")
        # A fresh canvas: nothing a format keeps beside its pixels can come along.
        canvas = Image.new("RGB", seen.size, "white")
        canvas.paste(seen, mask=seen.getchannel("A"))
        out = io.BytesIO()
        if as_png:
            canvas.save(out, "PNG", optimize=True)
        else:
            canvas.save(out, "JPEG", quality=80, optimize=True)
        return out.getvalue()
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        struct.error,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        # What Pillow raises on broken files depends on where they are broken.
        raise NoPicture("unreadable picture") from error
