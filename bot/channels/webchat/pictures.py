"""Pictures without what the phone wrote into them: place, time, model, thumbnail.

The page shrinks pictures itself, which drops all of that; a browser that could not, or someone who speaks
to the server directly, is no exception. So every picture is drawn anew here.
"""

import asyncio
import io
import struct

from PIL import Image, ImageOps

MAX_PIXELS = 40_000_000  # a 40-megapixel phone; drawn anew that is 120 MB for a moment
MAX_SIDE = 2560  # enough to read a stamp on a page
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
AT_ONCE = 2  # pictures drawn at the same time, so that a heap of them cannot fill the memory

_turns = asyncio.Semaphore(AT_ONCE)


class NoPicture(Exception):
    """These bytes are no picture that can be read, or one too large to open."""


async def cleaned(body: bytes) -> bytes:
    """The picture upright, at most `MAX_SIDE` wide and high, as JPEG (a PNG stays PNG), with no metadata.

    Raises `NoPicture`.
    """
    async with _turns:
        return await asyncio.to_thread(_draw_anew, body)


def _draw_anew(body: bytes) -> bytes:
    try:
        with Image.open(io.BytesIO(body), formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise NoPicture("too many pixels")
            as_png = picture.format == "PNG"
            picture.draft("RGB", (MAX_SIDE, MAX_SIDE))  # JPEG: decode it small from the start
            upright = ImageOps.exif_transpose(picture)
            upright.thumbnail((MAX_SIDE, MAX_SIDE))
            seen = upright.convert("RGBA")
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
