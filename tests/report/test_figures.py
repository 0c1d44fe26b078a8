"""Figures: right curves, valid files, words beside pictures, contrast in both colour schemes."""

import re
import xml.etree.ElementTree as ET
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from fake_run import HOSTILE, TASK, fake_run

import deepwright.evaluation
from deepwright.core.find import find, names
from deepwright.core.task import TargetTask
from deepwright.evaluation import style
from deepwright.evaluation.drawing import draw, png
from deepwright.evaluation.figures._curves import precision_recall, reliability, roc, wilson
from deepwright.evaluation.record import Record

TASKS = [find("task", name) for name in names("task")]
FREE = {figure for task in TASKS if not issubclass(task, TargetTask) for figure in task.figures}
FREE -= {figure for task in TASKS if issubclass(task, TargetTask) for figure in task.figures}
"""Of tasks that predict no column: drawn from runs of their own, in tests/witnesses."""

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    @cache
    def make(kind):
        return Record(fake_run(tmp_path_factory.mktemp(kind) / "run", kind))

    return make


@pytest.mark.parametrize("name", names("figure"))
def test_some_run_shows_it_and_an_empty_one_does_not(runs, tmp_path, name):
    figure = find("figure", name)()
    assert figure.name == name and figure.title and len(figure.caption) > 30
    if name not in {"learning_curve_rows", *FREE}:
        assert any(figure.suits(runs(kind)) for kind in TASK)
    empty = fake_run(tmp_path / "run", state="failed")
    for path in empty.iterdir():
        if path.name != "run.json":
            path.unlink()
    assert not figure.suits(Record(empty))


@pytest.mark.parametrize("name", sorted({*names("figure")} - {"learning_curve_rows"} - FREE))
def test_valid_svg_with_texts_as_texts_and_words_beside(runs, name):
    figure = find("figure", name)()
    record = next(runs(kind) for kind in TASK if figure.suits(runs(kind)))
    picture = draw(figure, record)
    assert len(picture.alt) > 20
    for text in (picture.svg, picture.inline):
        root = ET.fromstring(text)
        assert root.tag == f"{SVG}svg" and root.get("role") == "img"
        assert picture.alt in root.get("aria-label")
        assert root.find(f"{SVG}title").text == figure.title
        assert root.findall(f".//{SVG}text")
        assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "var(--" in picture.inline and "var(--" not in picture.svg
    assert not re.findall(r"#[0-9a-f]{6}", picture.inline), "a colour that does not follow the colour scheme"


def test_every_task_names_figures_that_exist():
    for name in names("task"):
        assert set(find("task", name).figures) <= set(names("figure"))


def test_png(runs):
    data = png(find("figure", "contest")(), runs("regression"), dpi=72)
    assert data[:8] == b"\x89PNG\r\n\x1a\n" and 5_000 < len(data) < 200_000


def test_texts_from_data_are_no_mathematics_and_no_control(tmp_path):
    folder = fake_run(tmp_path / "run", "multiclass")
    text = (folder / "facts.json").read_text().replace("Biscoe", r"$\\frac{1}{0}$ \u0000\u001b[31m")
    (folder / "facts.json").write_text(text)
    picture = draw(find("figure", "data_columns")(), Record(folder))
    shown = [element.text for element in ET.fromstring(picture.svg).iter(f"{SVG}text")]
    assert r"$\frac{1}{0}$ ▯▯[" in "".join(t or "" for t in shown)


def test_learning_curve_over_rows(tmp_path):
    folder = fake_run(tmp_path / "run", "binary")
    points = (
        '{"rows": 60, "score": 0.8, "low": 0.7, "high": 0.9}, {"rows": 240, "score": 0.9, "low": null, "high": null}'
    )
    (folder / "learning_curve.json").write_text(
        f'{{"contender": "linear", "metric": "accuracy", "says": "Still rising.", "points": [{points}]}}'
    )
    figure, record = find("figure", "learning_curve_rows")(), Record(folder)
    assert figure.suits(record)
    assert figure.alt(record) == "60 rows 0.8; 240 rows 0.9. Still rising."
    assert draw(figure, record).svg


@pytest.mark.parametrize("ties", [False, True])
def test_curves_equal_scikit_learns(ties):
    from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

    rng = np.random.default_rng(1)
    hit = rng.random(300) < 0.3
    score = np.round(hit * 0.4 + rng.random(300), 1 if ties else 9)
    x, y, area = roc(hit, score)
    assert area == pytest.approx(roc_auc_score(hit, score))
    fpr, tpr, _ = roc_curve(hit, score, drop_intermediate=False)
    assert x == pytest.approx(fpr) and y == pytest.approx(tpr)
    assert precision_recall(hit, score)[2] == pytest.approx(average_precision_score(hit, score))


def test_reliability_bins_hold_every_row_once():
    rng = np.random.default_rng(2)
    chance = np.r_[0.0, 1.0, rng.random(998)]
    hit = rng.random(1000) < chance
    bins = reliability(hit, chance)
    assert sum(rows for *_, rows in bins) == 1000
    for mean, share, low, high, _ in bins:
        assert low <= share <= high and abs(mean - share) < 0.2


def test_wilson_stays_inside_and_agrees_with_scipy():
    from scipy.stats import binomtest

    for hits, rows in ((0, 1), (1, 1), (3, 10), (50, 50), (999, 1000)):
        expected = binomtest(hits, rows).proportion_ci(method="wilson")
        assert wilson(hits / rows, rows) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_confusion_of_many_classes_shows_the_most_confused(tmp_path):
    record = Record(fake_run(tmp_path / "run", "multiclass", rows=1500, classes=60))
    figure = find("figure", "confusion")()
    assert "of 60 classes, the 20 most confused" in figure.alt(record)
    assert draw(figure, record).svg.count("<text") < 600


def test_hostile_labels_are_escaped(tmp_path):
    record = Record(fake_run(tmp_path / "run", "multiclass", hostile=True))
    text = draw(find("figure", "confusion")(), record).inline
    assert "<script" not in text and "<img" not in text
    assert HOSTILE[:10] in "".join(element.text or "" for element in ET.fromstring(text).iter())


def palettes():
    css = (Path(deepwright.evaluation.__file__).parent / "report.css").read_text()
    blocks = re.findall(r":root \{(.*?)\n\s*\}", css, re.DOTALL)
    return [dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6})", block)) for block in blocks]


def luminance(colour):
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(parts <= 0.03928, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_in_light_dark_and_print():
    schemes = palettes()
    assert len(schemes) == 3
    for scheme in schemes:
        for text in ("--ink", "--muted", "--error", "--warn", "--info", "--series-0"):
            for ground in ("--paper", "--page", "--wash"):
                assert contrast(scheme[text], scheme[ground]) >= 4.5, (text, ground)
        for k in range(len(style.SERIES)):
            assert contrast(scheme[f"--series-{k}"], scheme["--paper"]) >= 3


def test_the_drawn_palette_is_the_light_one():
    light = palettes()[0]
    assert {light[variable] for variable in style.VARIABLES.values()} == set(style.VARIABLES)


def test_number_words():
    from deepwright.evaluation.words import brief, cell, duration, number, size

    assert [number(v) for v in (0.91234, 12345.6, float("nan"), -3.0, 0.0000123, 1e15)] == [
        "0.912",
        "12,300",
        "–",
        "−3",
        "1.23e−05",
        "1e+15",
    ]
    assert [number(v, 2) for v in (834.2, -2.04, 0.0999, 0.00012, 99.96)] == ["830", "−2", "0.1", "0.00012", "100"]
    assert [brief(v) for v in (2007.0, 0.0591304, "2011-01-01", None)] == ["2007", "0.0591", "2011-01-01", "–"]
    assert [duration(v) for v in (0.0001, 0.04, 12.34, 200, 3900, None)] == [
        "< 1 ms",
        "40 ms",
        "12.3 s",
        "3 min 20 s",
        "1 h 05 min",
        "–",
    ]
    assert [size(v) for v in (420, 12_345, 4_500_000, None)] == ["420 B", "12.3 kB", "4.5 MB", "–"]
    assert [cell(v) for v in (None, True, 2020, 2.5, ["a", "b"], [], "x" * 100)][:6] == [
        "–",
        "true",
        "2020",
        "2.5",
        "a, b",
        "(none)",
    ]
