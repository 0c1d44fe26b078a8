"""Images: every sort of picture becomes channels, damage is said by name, and what both model families see of it."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from deepwright.core.errors import DataError
from deepwright.core.kind import Encoder
from deepwright.kinds._gradients import SIDE, feature_names, features
from deepwright.kinds._picture_files import PictureFiles
from deepwright.kinds._pictures import FORMATS, PIXELS, fitted, format_of, header, picture
from deepwright.kinds.image import Image as ImageKind

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL.TiffImagePlugin")

RNG = np.random.default_rng(0)
SMOOTH = np.add.outer(np.arange(12), np.arange(16))[..., None] * np.array([8, 4, 2]) + 5  # (12, 16, 3)
COLOUR = SMOOTH.astype(np.uint8)
GREY = COLOUR[..., 0]


def saved(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def claims(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is large."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    lines = zlib.compress(bytes(1000))
    begin = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + begin + chunk(b"IDAT", lines) + chunk(b"IEND", b"")


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_known_by_its_content(format: str) -> None:
    exact = {"lossless": True} if format == "WebP" else {}
    image = Image.fromarray(GREY if format == "GIF" else COLOUR)
    content = saved(image, format, **exact)
    assert format_of(content[:64]) == format
    planes = picture(content, "here")
    assert planes.dtype == np.uint8 and planes.flags.c_contiguous
    expected = (np.dstack([GREY] * 3) if format == "GIF" else COLOUR).transpose(2, 0, 1)
    assert planes.shape == expected.shape
    np.testing.assert_allclose(planes.astype(int), expected, atol=12 if format == "JPEG" else 0)


def test_modes_become_eight_bits() -> None:
    deep = (GREY.astype(np.uint16) << 8) | 255
    assert (picture(saved(Image.fromarray(deep)), "16-bit")[0] == GREY).all()
    assert (picture(b"P5 16 12 65535\n" + deep.astype(">u2").tobytes(), "16-bit PGM")[0] == GREY).all()
    bits = picture(saved(Image.fromarray(GREY > 50)), "1 bit")
    assert set(np.unique(bits)) == {0, 255} and bits.shape == (1, 12, 16)
    palette = Image.fromarray(COLOUR).quantize(200)
    assert (picture(saved(palette), "palette") == np.asarray(palette.convert("RGB")).transpose(2, 0, 1)).all()
    cmyk = picture(saved(Image.fromarray(COLOUR).convert("CMYK"), "JPEG", quality=100), "CMYK")
    np.testing.assert_allclose(cmyk.astype(int), COLOUR.transpose(2, 0, 1), atol=16)
    with pytest.raises(DataError, match="floating-point"):
        picture(saved(Image.fromarray(GREY.astype(np.float32)), "TIFF"), "float")
    with pytest.raises(DataError, match="32 bits"):
        picture(saved(Image.fromarray(GREY.astype(np.int32) << 16), "TIFF"), "deep")


def test_transparency_is_kept_or_laid_over_white() -> None:
    see_through = np.dstack([COLOUR, np.zeros_like(GREY)])
    content = saved(Image.fromarray(see_through))
    assert picture(content, "here").shape == (4, 12, 16)
    assert (fitted(content, "here", (3, 12, 16)) == 255).all() and (fitted(content, "here", (1, 12, 16)) == 255).all()
    assert (fitted(content, "here", (4, 12, 16))[3] == 0).all()
    assert header(content, "here") == (3, 12, 16)


def test_first_picture_of_an_animation() -> None:
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    content = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert (picture(content, "here")[0] == GREY).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = picture(saved(Image.fromarray(GREY), exif=exif), "here")[0]
    turned = {
        1: GREY,
        2: GREY[:, ::-1],
        3: GREY[::-1, ::-1],
        4: GREY[::-1],
        5: GREY.T,
        6: GREY[::-1].T,
        7: GREY[::-1, ::-1].T,
        8: GREY.T[::-1],
    }
    assert (upright == turned[orientation]).all()
    assert header(saved(Image.fromarray(GREY), exif=exif), "here") == (1, *upright.shape)


def test_broken_exif_leaves_the_picture() -> None:
    for exif in (b"Exif\0\0nonsense", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02"):
        assert picture(saved(Image.fromarray(GREY), "JPEG", exif=exif), "here").shape == (1, 12, 16)


PNG, JPEG = saved(Image.fromarray(COLOUR)), saved(Image.fromarray(COLOUR.repeat(20, 0).repeat(20, 1)), "JPEG")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"dear diary, today", "it begins with b'dear diary,"),
        (PNG[: len(PNG) // 2], "cut off or damaged"),
        (PNG[:20], "cut off or damaged"),
        (JPEG[: len(JPEG) // 2], "cut off or damaged"),
        (JPEG[:10], "cut off or damaged"),
        (b"GIF89a" + bytes(30), "pixels|damaged"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "cut off or damaged"),
        (b"II*\0\xff\xff\xff\xff", "cut off or damaged"),
        (b"P6 4 4 255\n" + bytes(9), "cut off or damaged"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "expected a picture"),
        (claims(12_000, 12_000), "at most 80,000,000 pixels, this says 12,000 × 12,000"),
        (claims(1_000_000, 1_000_000), "at most"),
    ],
)
def test_damage_names_the_file_and_how_to_mend(content: bytes, said: str) -> None:
    for read in (picture, lambda content, where: fitted(content, where, (3, 8, 8))):
        with pytest.raises(DataError, match=said) as caught:
            read(content, "cats/one.jpg")
        assert caught.value.where == "cats/one.jpg" and caught.value.remedy


def test_any_damage_is_a_data_error() -> None:
    for whole in (PNG, JPEG, *(saved(Image.fromarray(COLOUR), name) for name in ("GIF", "BMP", "WebP", "TIFF", "PPM"))):
        for _ in range(40):
            broken = bytearray(whole)
            for place in RNG.integers(0, len(broken), 6):
                broken[place] = RNG.integers(0, 256)
            try:
                planes = fitted(bytes(broken[: RNG.integers(1, len(broken) + 1)]), "here", (3, 8, 8))
            except DataError:
                continue
            assert planes.shape == (3, 8, 8)


def test_scaled_to_cover_and_cut_in_the_middle() -> None:
    wide = np.zeros((10, 30), dtype=np.uint8)
    wide[:, 10:20] = 200
    assert (fitted(saved(Image.fromarray(wide)), "here", (1, 10, 10)) == 200).all()
    assert (fitted(saved(Image.fromarray(GREY)), "here", (1, 12, 16))[0] == GREY).all()
    assert fitted(saved(Image.fromarray(GREY[:1, :1])), "one pixel", (3, 9, 7)).shape == (3, 9, 7)
    assert fitted(saved(Image.fromarray(GREY[:1].repeat(50, 1))), "a line", (1, 64, 3)).shape == (1, 64, 3)
    chequers = (np.indices((512, 512)).sum(0) % 2 * 255).astype(np.uint8)
    assert np.abs(fitted(saved(Image.fromarray(chequers)), "smoothed", (1, 16, 16)).astype(int) - 127).max() < 6


def test_large_jpegs_come_out_as_without_the_short_cut() -> None:
    big = np.kron(RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8), np.ones((100, 100, 1), dtype=np.uint8))
    content = saved(Image.fromarray(big), "JPEG", quality=95)
    exact = fitted(saved(Image.fromarray(picture(content, "x").transpose(1, 2, 0))), "x", (3, 32, 32))
    assert np.abs(fitted(content, "x", (3, 32, 32)).astype(int) - exact).mean() < 2


def column_of(folder: Path, count: int = 20) -> pl.Series:
    paths = []
    for i in range(count):
        path = folder / f"{i}.png"
        path.write_bytes(saved(Image.fromarray(RNG.integers(0, 256, (20 + i, 30, 3), dtype=np.uint8))))
        paths.append(str(path))
    return pl.Series("photo", paths)


def encoder_of(column: pl.Series, **options: Any) -> Encoder:
    return ImageKind().fit(column, options=options)


def test_paths_bytes_and_members_of_a_zip_are_the_same_pictures(tmp_path: Path) -> None:
    column = column_of(tmp_path)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in column:
            archive.write(path, f"deep/{Path(path).name}")
    inside = pl.Series("photo", [f"{tmp_path}/all.zip!/deep/{Path(path).name}" for path in column])
    content = pl.Series("photo", [Path(path).read_bytes() for path in column])
    encoder = encoder_of(column)
    for other in (inside, content):
        assert ImageKind().recognise(other).confidence > 0.9
        np.testing.assert_array_equal(encoder.encode(other)["photo"], encoder.encode(column)["photo"])
        assert encoder_of(other).state() == encoder.state()


def test_size_and_channels_are_decided_or_asked_for(tmp_path: Path) -> None:
    column = column_of(tmp_path)
    (field,) = encoder_of(column).fields
    assert (field.form, field.shape) == ("image", (3, 30, 30))
    assert encoder_of(column, size=16, channels=1).fields[0].shape == (1, 16, 16)
    assert encoder_of(column, size=[8, 24]).fields[0].shape == (3, 8, 24)
    grey = pl.Series("photo", [saved(Image.fromarray(GREY))] * 3)
    assert encoder_of(grey).fields[0].shape == (1, 24, 32)  # 12 × 16, doubled
    for wrong in ({"size": 0}, {"size": "big"}, {"size": [8, 8, 8]}, {"size": 10**6}, {"channels": 2}):
        with pytest.raises(DataError, match="column 'photo'"):
            encoder_of(column, **wrong)


def test_unreadable_pictures_are_mean_colour_counted_and_not_a_number(tmp_path: Path) -> None:
    good = column_of(tmp_path)
    (tmp_path / "text.jpg").write_text("no picture")
    lost = pl.Series("photo", [str(tmp_path / "text.jpg"), "nowhere.png", "a\0b.png", "x" * 9_000, None])
    encoder = encoder_of(pl.concat([good, lost]))
    assert "1 missing" in encoder.describe() and "4 of 24 looked at cannot be read" in encoder.describe()
    pixels = encoder.encode(lost)["photo"]
    np.testing.assert_allclose(pixels, np.broadcast_to(pixels[0, :, :1, :1], pixels.shape))
    np.testing.assert_allclose(pixels[0, :, 0, 0], encoder.encode(good)["photo"].mean(axis=(0, 2, 3)), atol=0.51)
    assert encoder.unseen(lost).to_list() == [True, True, True, True, False]
    assert np.isnan(encoder.matrix(lost)[0]).all() and np.isfinite(encoder.matrix(good)[0]).all()


def test_nothing_but_lost_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none of 2 training values is one: a\.png: the picture cannot be read"):
        encoder_of(pl.Series("photo", ["a.png", "b.png"]))
    with pytest.raises(DataError, match="expected pictures"):
        encoder_of(pl.Series("photo", [None], dtype=pl.String))


def test_other_columns_are_not_taken_for_pictures(tmp_path: Path) -> None:
    sure = [
        ImageKind().recognise(column).confidence
        for column in (
            pl.Series("x", ["a.png", "b.png"]),
            pl.Series("x", ["red", "green"]),
            pl.Series("x", [b"abc", b"def"]),
            pl.Series("x", [1, 2]),
            pl.Series("x", [str(tmp_path), str(tmp_path)]),
        )
    ]
    assert sure == [0.0] * 5


def test_files_above_the_limit_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate(300 << 20)
    with PictureFiles() as files, pytest.raises(DataError, match="at most 256 MiB"):
        files.content(str(path))
    with PictureFiles() as files, pytest.raises(DataError, match="no plain file"):
        files.content(str(tmp_path))
    assert PIXELS < 144_000_000


def test_gradients_tell_edges_and_colours() -> None:
    upright = np.zeros((1, SIDE, SIDE), dtype=np.uint8)
    upright[..., ::2] = 200
    upright = np.kron(upright[:, ::4, ::4], np.ones((1, 4, 4), dtype=np.uint8))
    for channels, pixels in ((1, upright), (3, upright.repeat(3, 0)), (4, upright.repeat(4, 0))):
        names, values = feature_names(channels), features(pixels)
        assert len(names) == len(values) == len(set(names)) and values.dtype == np.float64 and values.min() >= 0
    of = dict(
        zip(feature_names(1), features(np.tile(np.repeat([0, 200], 4), (SIDE, 4)).astype(np.uint8)[None]), strict=True)
    )
    sideways = [value for name, value in of.items() if name.startswith("edge 0°")]
    assert min(sideways) > 0.19 and all(v < 1e-9 for n, v in of.items() if n.startswith("edge 80°"))
    assert of["share of colour 0"] == of["share of colour 12"] == 0.5
    assert of["mean grey at 1.1"] == pytest.approx(100 / 255)
