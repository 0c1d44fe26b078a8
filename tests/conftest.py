"""What tests in several folders share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def without_figures() -> Iterator[None]:
    """Pages of words and tables only: drawing costs more than fitting a small table, and is tested in `report/`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("deepwright.evaluation.page._draw_all", lambda record: [])
        yield
