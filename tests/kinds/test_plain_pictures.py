"""PGM and PPM of 8 bits, as arrays become: read by hand exactly as Pillow reads them, and left to it where unsure."""

from __future__ import annotations

import numpy as np
import pytest

from deepwright.core.errors import DataError
from deepwright.kinds import _pictures
from deepwright.kinds._pictures import fitted, header, picture

RNG = np.random.default_rng(0)
GREY = b"P5 7 5 255\n" + RNG.integers(0, 256, 35, dtype=np.uint8).tobytes()
COLOUR = b"P6 7 5 255\n" + RNG.integers(0, 256, 105, dtype=np.uint8).tobytes()
BLANK = b"P5 7 5 255\n" + b" \n\t" * 11 + b"  "


@pytest.mark.parametrize("content", [GREY, COLOUR, BLANK], ids=["grey", "colour", "blanks as pixels"])
def test_the_same_as_pillow(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = header(content, "")
    by_hand = picture(content, ""), fitted(content, "", shape), fitted(content, "", (3, 4, 4)), np.array(shape)
    monkeypatch.setattr(_pictures, "_plain", lambda content: None)
    by_pillow = (
        picture(content, ""),
        fitted(content, "", shape),
        fitted(content, "", (3, 4, 4)),
        np.array(header(content, "")),
    )
    for one, other in zip(by_hand, by_pillow, strict=True):
        assert one.dtype == other.dtype and (one == other).all()


def test_what_is_not_plain_is_left_to_pillow() -> None:
    commented = b"P5\n# by hand\n7 5\n255\n" + GREY[11:]
    assert (picture(commented, "") == picture(GREY, "")).all()
    longer = GREY + b"more"
    assert (picture(longer, "") == picture(GREY, "")).all()
    deep = b"P5 7 5 65535\n" + np.arange(35, dtype=">u2").tobytes()
    assert picture(deep, "").shape == (1, 5, 7)
    for content in (GREY[:-1], b"P5 0 5 255\n", b"P6 99999 99999 255\n" + bytes(99), b"P5 7 5 255\n"):
        with pytest.raises(DataError):
            picture(content, "here")
