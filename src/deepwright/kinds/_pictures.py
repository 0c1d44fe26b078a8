"""Pictures: encoded bytes become 8-bit channels; a fixed list of formats, and limits that hold before decoding."""

from __future__ import annotations

import functools
import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from deepwright.core.errors import DataError
from deepwright.kinds._picture_operations import Operation, operated

if TYPE_CHECKING:
    from PIL import Image
    from PIL.ImageFile import ImageFile

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WebP", "TIFF", "PPM")
SUFFIXES = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".dib", ".webp", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
)
"""Endings under which pictures usually go; what a file is, its content says."""
PIXELS = 80_000_000
"""Pixels of a picture at most, by its header; below the number from which Pillow itself warns."""

_HEADER = 64
"""Bytes that tell a format."""
_PLAIN = re.compile(rb"P([56]) (\d{1,8}) (\d{1,8}) 255\n")
"""Comments, other blanks and other depths are Pillow's to read."""
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
_GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N")
_SIXTEEN_BITS = ("I", "I;16", "I;16L", "I;16B", "I;16N")
_MODES = {
    "1": "black and white",
    "L": "grey",
    "LA": "grey with transparency",
    "P": "palette",
    "PA": "palette with transparency",
    "RGB": "colour",
    "RGBA": "colour with transparency",
    **dict.fromkeys(("I", "I;16", "I;16L", "I;16B", "I;16N"), "grey of 16 bits"),
}
"""Pillow's modes in words."""
_ORIENTATION = 0x0112
_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
"""EXIF orientation → what brings the picture upright; 1 is upright."""
_AGAIN = "Save or download it again, or take it out."


def format_of(head: bytes) -> str | None:
    """The one of FORMATS whose files begin with `head` (64 bytes or more, or the whole file); None: no picture."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WebP"
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    return "PPM" if re.match(rb"P[1-6][\s#]+[\d#]", head) else None


def picture(content: bytes, where: str) -> np.ndarray:
    """(C, H, W) uint8 of an encoded picture, upright: C is 1 for grey, 3 for colour, 4 where there is transparency.

    Raises DataError naming `where` for what is no picture, damaged, cut off, or above PIXELS.
    """
    plain = _plain(content)
    return _planes(_decoded(content, where, None)) if plain is None else plain


def fitted(
    content: bytes, where: str, shape: tuple[int, int, int], operations: tuple[Operation, ...] = ()
) -> np.ndarray:
    """(C, H, W) uint8 of the `shape` asked for: scaled until it covers H × W, smoothed where it shrinks, cut centrally;
    `operations` are done before, with the picture in its own size.

    C 1 is grey and 3 colour, both with transparent pixels laid over white; 4 keeps transparency. Raises as `picture`.
    """
    channels, height, width = shape
    plain = None if operations else _plain(content)
    if plain is not None and plain.shape == shape:
        return plain
    image = _decoded(content, where, None if operations else (width, height))
    image = operated(image, operations)
    if image.mode == "RGBA" and channels < 4:
        image = _over_white(image)
    return _planes(_cut(image.convert({1: "L", 3: "RGB", 4: "RGBA"}[channels]), height, width))


@dataclass(frozen=True)
class Nature:
    """What a picture says of itself: its format, how its pixels are kept, and its size as it stands upright."""

    format: str
    mode: str
    height: int
    width: int


def nature(content: bytes, where: str) -> Nature:
    """Without decoding; raises as `picture`."""
    plain = _plain(content)
    if plain is not None:
        return Nature("PPM", "grey" if len(plain) == 1 else "colour", *plain.shape[1:])
    image = _opened(content, where)
    mode = _MODES.get(image.mode, image.mode)
    moving = ", animated" if getattr(image, "is_animated", False) else ""
    width, height = image.size
    upright = _orientation(image) < 5
    return Nature(format_of(content[:_HEADER]) or "", mode + moving, *((height, width) if upright else (width, height)))


def header(content: bytes, where: str) -> tuple[int, int, int]:
    """(channels, height, width) as the picture stands upright, without decoding it; raises as `picture`.

    Channels is 1 or 3: whether there is transparency is not asked.
    """
    plain = _plain(content)
    if plain is not None:
        channels, height, width = plain.shape
        return channels, height, width
    image = _opened(content, where)
    width, height = image.size
    upright = _orientation(image) < 5  # the others lie on their side
    return (1 if image.mode in _GREY else 3, *((height, width) if upright else (width, height)))


def _plain(content: bytes) -> np.ndarray | None:
    """(C, H, W) uint8 of a PGM or PPM of 8 bits as arrays become in `sources`, 30 times as fast as Pillow reads it.

    None where it is anything else, or not exactly as long as it says.
    """
    match = _PLAIN.match(content)
    if match is None:
        return None
    channels, width, height = 1 if match[1] == b"5" else 3, int(match[2]), int(match[3])
    if not 0 < width * height <= PIXELS or len(content) - match.end() != channels * height * width:
        return None
    pixels = np.frombuffer(content, dtype=np.uint8, offset=match.end()).reshape(height, width, channels)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _opened(content: bytes, where: str) -> ImageFile:
    """The picture with its header read; nothing is decoded.

    The reader of the format is called by name: Pillow's own way to open tries readers beyond the list.
    """
    from PIL.BmpImagePlugin import BmpImageFile
    from PIL.GifImagePlugin import GifImageFile
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile
    from PIL.PpmImagePlugin import PpmImageFile
    from PIL.TiffImagePlugin import TiffImageFile
    from PIL.WebPImagePlugin import WebPImageFile

    readers: tuple[Callable[[BinaryIO], ImageFile], ...] = (
        *(PngImageFile, JpegImageFile, GifImageFile, BmpImageFile, WebPImageFile, TiffImageFile, PpmImageFile),
    )
    _hush()
    name = format_of(content[:_HEADER])
    if name is None:
        raise _no_picture(content, where)
    try:
        image = dict(zip(FORMATS, readers, strict=True))[name](io.BytesIO(content))
    except Exception as error:  # on damaged content readers raise whatever their arithmetic ends in
        raise _damaged(name, error, where) from error
    width, height = image.size
    if not 0 < width * height <= PIXELS:
        raise DataError(
            f"expected a picture of at most {PIXELS:,} pixels, this says {width:,} × {height:,} of itself.",
            where=where,
            remedy="Make it smaller, or take it out.",
        )
    return image


@functools.cache
def _hush() -> None:
    """Pillow warns of damaged EXIF and TIFF tags on standard error; what matters of it becomes a DataError here."""
    said = "Corrupt EXIF data|Truncated File Read|Tag data larger than file|Metadata Warning"
    warnings.filterwarnings("ignore", message=said, category=UserWarning, module=r"PIL\.TiffImagePlugin")


def _decoded(content: bytes, where: str, least: tuple[int, int] | None) -> Image.Image:
    """Upright, in mode L, RGB or RGBA; a JPEG that may shrink to `least` (width, height) is decoded at a part of its
    size, which is several times as fast."""
    image = _opened(content, where)
    name = format_of(content[:_HEADER]) or ""
    turn = _TURNS.get(_orientation(image))
    try:
        if least is not None and name == "JPEG":
            # Shrinking inside the decoder averages over squares; what is left to shrink, less than by 2, is smoothed by
            # us. Either side may come to lie along the other.
            image.draft(None, (max(least), max(least)))
        image.load()
        decoded = _eight_bits(image, where)
    except DataError:
        raise
    except Exception as error:  # as above
        raise _damaged(name, error, where) from error
    return decoded if turn is None else decoded.transpose(_transpose(turn))


def _transpose(turn: str) -> Image.Transpose:
    from PIL import Image

    return Image.Transpose[turn]


def _orientation(image: ImageFile) -> int:
    """1 to 8; 1 where EXIF says nothing, nonsense, or is damaged: the pixels are sound all the same."""
    try:
        said = image.getexif().get(_ORIENTATION, 1)
    except Exception:
        return 1
    return said if isinstance(said, int) and 1 <= said <= 8 else 1


def _eight_bits(image: Image.Image, where: str) -> Image.Image:
    """Mode L, RGB or RGBA. Of 16 bits the upper 8 stay; CMYK, YCbCr and palettes become RGB."""
    from PIL import Image

    if image.mode in _SIXTEEN_BITS:
        values = np.asarray(image)  # (H, W)
        if values.min() < 0 or values.max() > 65_535:
            raise _too_deep("integers of 32 bits", where)
        return Image.fromarray((values >> 8).astype(np.uint8))
    if image.mode == "F":
        raise _too_deep("floating-point numbers", where)
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        return image.convert("RGBA")
    return image.convert("L" if image.mode in _GREY else "RGB")


def _over_white(image: Image.Image) -> Image.Image:
    from PIL import Image

    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _cut(image: Image.Image, height: int, width: int) -> Image.Image:
    """The largest centred part with the proportions of H × W, scaled to it."""
    from PIL import Image

    scale = min(image.width / width, image.height / height)
    left = max(0.0, (image.width - width * scale) / 2)
    top = max(0.0, (image.height - height * scale) / 2)
    box = (left, top, image.width - left, image.height - top)
    return image.resize((width, height), Image.Resampling.BILINEAR, box=box)


def _planes(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image)  # (H, W) or (H, W, C)
    return np.ascontiguousarray(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))  # (C, H, W)


def _no_picture(content: bytes, where: str) -> DataError:
    came = f"it begins with {content[:12]!r}" if content else "it is empty"
    return DataError(f"expected a picture ({', '.join(FORMATS)}), {came}.", where=where, remedy=_AGAIN)


def _damaged(name: str, error: Exception, where: str) -> DataError:
    lines = str(error).splitlines()
    reason = lines[0].rstrip(".") if lines else type(error).__name__
    return DataError(
        f"expected a whole {name} picture, it is cut off or damaged ({reason}).", where=where, remedy=_AGAIN
    )


def _too_deep(what: str, where: str) -> DataError:
    return DataError(
        f"expected pixels of 8 or 16 bits, these are {what}.",
        where=where,
        remedy="Save it with 8 or 16 bits a channel.",
    )
