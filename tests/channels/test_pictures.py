"""Every picture is drawn anew: upright, readable, without place and phone, in bounded memory; or it is refused."""

import io
import struct
import subprocess
import sys

import pytest
from PIL import Image

from bot.channels import pictures
from bot.channels.pictures import NoPicture, TooLarge, cleaned, is_picture
from tests.people import ROOT

PHONE = "Secret Phone"
RED, BLUE = (254, 0, 0), (0, 0, 254)


def exif_of_a_phone(turned=6):
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = PHONE, turned
    place = exif.get_ifd(0x8825)
    place[1], place[2] = "N", (12.0, 38.0, 21.0)
    return exif


def photo(form, size=(600, 400), *, mode="RGB", **options):
    """Left half blue, right half red."""
    picture, out = Image.new(mode, size, "red"), io.BytesIO()
    picture.paste("blue", (0, 0, size[0] // 2, size[1]))
    picture.save(out, form, **options)
    return out.getvalue()


def declared(body, width, height):
    """A JPEG that says it is larger than it is."""
    at = max(body.find(b"\xff\xc0"), body.find(b"\xff\xc2"))
    return body[: at + 5] + struct.pack(">HH", height, width) + body[at + 9 :]


def near(seen, wanted):
    return all(abs(one - other) < 12 for one, other in zip(seen, wanted, strict=True))


def assert_clean(body, size):
    """Upright after a turn of 90°: what was left is on top."""
    picture = Image.open(io.BytesIO(body))
    assert picture.size == size
    assert not picture.getexif()
    assert PHONE.encode() not in body
    picture = picture.convert("RGB")
    width, height = size
    assert near(picture.getpixel((width // 2, height // 4)), BLUE)
    assert near(picture.getpixel((width // 2, height * 3 // 4)), RED)


async def test_a_photo_of_50_megapixels_is_kept():
    body = photo("JPEG", (8160, 6120), exif=exif_of_a_phone())
    assert PHONE.encode() in body
    assert_clean(await cleaned(body), (1920, 2560))


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"mif1"])
async def test_a_photo_of_an_iphone_is_kept(brand):
    body = photo("HEIF", exif=exif_of_a_phone().tobytes())
    assert PHONE.encode() in body
    body = body[:8] + brand + body[12:]
    assert is_picture(body)
    assert_clean(await cleaned(body), (400, 600))


async def test_a_scan_is_kept():
    body = photo("TIFF", exif=exif_of_a_phone(), compression="tiff_lzw")
    assert PHONE.encode() in body
    assert_clean(await cleaned(body), (400, 600))


async def test_a_bmp_is_kept():
    picture = Image.open(io.BytesIO(await cleaned(photo("BMP"))))
    assert (picture.format, picture.size) == ("JPEG", (600, 400))


async def test_a_photo_with_another_behind_it_is_kept():
    """As phones write that keep a map of light or a second look (MPO)."""
    second = Image.new("RGB", (60, 40), "green")
    body = photo("MPO", exif=exif_of_a_phone(), save_all=True, append_images=[second])
    assert_clean(await cleaned(body), (400, 600))


async def test_grey_in_16_bits_is_no_white_page():
    for form in ("PNG", "TIFF"):
        out = io.BytesIO()
        Image.new("I;16", (30, 20), 128 * 256).save(out, form)
        seen = Image.open(io.BytesIO(await cleaned(out.getvalue()))).convert("L")
        assert near((seen.getpixel((5, 5)),), (128,))


@pytest.mark.parametrize(
    "body",
    [
        declared(photo("JPEG"), 12_000, 10_000),
        declared(photo("JPEG", progressive=True, subsampling=0), 10_000, 10_000),
        photo("PNG", (20_000, 20_000), mode="1"),
        photo("WEBP", (5200, 5200)),
        photo("TIFF", (6000, 6000), compression="tiff_deflate"),
    ],
    ids=["pixels", "progressive", "png", "webp", "tiff"],
)
async def test_what_would_fill_the_memory_is_refused_before_it_is_decoded(body, monkeypatch):
    monkeypatch.setattr(Image.Image, "thumbnail", lambda *_: pytest.fail("it was opened"))
    with pytest.raises(TooLarge):
        await cleaned(body)


def tiff_of_large_tiles():
    """A few pixels in one tile that is said to be 60,000 wide and high."""
    entries = [
        (256, 3, 10), (257, 3, 10), (258, 3, 8), (259, 3, 8), (262, 3, 1), (277, 3, 1),
        (322, 4, 60_000), (323, 4, 60_000), (324, 4, 8), (325, 4, 100),
    ]  # fmt: skip
    return (
        b"II*\x00"
        + struct.pack("<IH", 8, len(entries))
        + b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
        + bytes(200)
    )


async def test_a_tile_is_reckoned_as_well():
    with pytest.raises(NoPicture):
        await cleaned(tiff_of_large_tiles())


async def test_a_jpeg_of_a_thousand_scans_is_refused():
    body = photo("JPEG", progressive=True)
    with pytest.raises(NoPicture, match="scans"):
        await cleaned(body[:-2] + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" * 1000 + body[-2:])


async def test_what_would_lose_a_part_unseen_is_refused():
    """Several pages, a raw picture (its thumbnail is what can be read); a BMP whose jumps fill memory."""
    page = Image.new("RGB", (30, 20))
    raw = photo("TIFF", (30, 20), tiffinfo={pictures.DNG_VERSION: b"\x01\x04\x00\x00"})
    out = io.BytesIO()
    Image.new("P", (30, 20)).save(out, "BMP")
    rle = bytearray(out.getvalue())
    rle[30] = 1  # how it is packed
    for body in (photo("TIFF", (30, 20), save_all=True, append_images=[page]), raw, bytes(rle)):
        with pytest.raises(NoPicture):
            await cleaned(body)


def test_pictures_are_known_by_their_bytes():
    for body in (b"\x00\x00\x00\x18ftypcrx \x00\x00\x00\x00", b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1miaf"):
        assert is_picture(body)
    assert not is_picture(b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom")
    assert not is_picture(b"%PDF-1.4\n")


MEMORY = """
import asyncio, resource, sys
from bot.channels.pictures import cleaned
body = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
asyncio.run(cleaned(body))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize(
    ("form", "size", "options"),
    [
        ("JPEG", (11_600, 9_400), {"subsampling": 0}),
        ("JPEG", (5119, 5119), {"subsampling": 0, "progressive": True}),
        ("PNG", (5770, 5770), {"mode": "RGBA", "compress_level": 1}),
        ("TIFF", (5400, 5400), {"compression": "tiff_deflate", "exif": exif_of_a_phone()}),
    ],
    ids=["large", "progressive", "png", "tiff"],
)
def test_the_largest_that_are_kept_fill_no_memory(form, size, options):
    python = [sys.executable, "-c", MEMORY]
    done = subprocess.run(python, input=photo(form, size, **options), capture_output=True, check=True, cwd=ROOT)
    assert int(done.stdout) < 380 * 1024  # kB
