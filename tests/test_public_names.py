"""The public surface: these names and no others, each documented."""

from __future__ import annotations

import inspect

import deepwright

PUBLIC = {
    "DeepwrightError",
    "Learner",
    "Move",
    "Plan",
    "Recipe",
    "Report",
    "Rows",
    "Run",
    "Stream",
    "__version__",
    "find",
    "fit",
    "load",
    "look",
    "names",
    "resume",
    "run",
    "train",
}


def test_public_names() -> None:
    assert set(deepwright.__all__) == PUBLIC


def test_each_public_name_has_a_docstring() -> None:
    for name in PUBLIC - {"__version__"}:
        assert inspect.getdoc(getattr(deepwright, name)), name


def test_an_unknown_name_is_an_attribute_error() -> None:
    try:
        deepwright.nonsense  # noqa: B018
    except AttributeError as error:
        assert "nonsense" in str(error)
    else:
        raise AssertionError("expected an AttributeError")
