"""The page: complete for every kind of run, honest about partial ones, safe with hostile data, self-contained."""

import json
import re
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise

import polars as pl
import pytest
from fake_run import HOSTILE, TASK, fake_run

from deepwright.core.errors import RunError
from deepwright.evaluation.record import Record
from deepwright.evaluation.report import summary_html, write_report

pytestmark = pytest.mark.filterwarnings("error::UserWarning")

KINDS = list(TASK)
SOME = [kind if kind in ("binary", "regression") else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS]
"""All of them in the long lane."""
VOID = {"meta", "br", "img", "input", "link", "hr", "rect", "circle", "line", "path", "use"}


class Page(HTMLParser):
    """Tags, attributes and text of a page; notes tags that are not closed in order."""

    def __init__(self, html: str):
        super().__init__(convert_charrefs=True)
        self.tags, self.texts, self.open, self.crossed = [], [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.crossed.append(tag)

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.texts.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.texts))

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def render(folder):
    return Page(write_report(folder).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Kind → folder and page of a done run; written once for all tests that only read."""

    @cache
    def make(kind):
        folder = fake_run(tmp_path_factory.mktemp(kind) / "run", kind)
        return folder, render(folder)

    return make


@pytest.fixture
def plain(monkeypatch):
    """Pages without figures, for tests of the words."""
    monkeypatch.setattr("deepwright.evaluation.page._draw_all", lambda record: [])


def assert_harmless(page: Page):
    """Nothing runs and nothing is fetched, whatever the data says."""
    assert not {"script", "iframe", "object", "embed", "base", "form", "link", "img"} & {tag for tag, _ in page.tags}
    for tag, attrs in page.tags:
        assert not [name for name in attrs if name.lower().startswith("on")], (tag, attrs)
        for name in ("src", "href", "xlink:href", "action", "srcset", "data"):
            carried = ("#", "data:image/png;base64,")  # of the page itself, or in the text itself
            assert (attrs.get(name) or "#").startswith(carried), (tag, name, attrs[name])
        style = attrs.get("style") or ""
        assert "url(" not in style.replace("url(#", "") and "expression" not in style


@pytest.mark.parametrize("kind", SOME)
def test_a_done_run_is_told_whole_and_in_order(whole, kind):
    folder, page = whole(kind)
    assert page.open == [] and page.crossed == []
    assert_harmless(page)
    record = Record(folder)
    assert record.verdict is not None
    order = [
        record.verdict.sentence,
        "The contest",
        "The data",
        "Learning curves",
        "In detail",
        "Permutation importance",
    ]
    order += ["The worst mistakes", "Findings", "--mend overfitting", "The recipe", "Repeat it", "sha256"]
    places = [page.text.index(words) for words in order[:1]]
    for words in order[1:]:
        places.append(page.text.index(words, places[-1]))
    assert "could not be drawn" not in page.text
    for name, scores in record.scores.items():
        assert name in page.text and scores.explain in page.text
    assert "If bill_length_mm < 43.2: Adelie, else Gentoo." in page.text
    assert "contenders.tabm.training.weight_decay: 0.01" in page.text


@pytest.mark.parametrize("kind", SOME)
def test_the_task_gets_its_own_figures(whole, kind):
    folder, page = whole(kind)
    drawn = {attrs["aria-label"].split(".")[0] for attrs in page.all("svg") if "aria-label" in attrs}
    own = {
        "binary": {"Confusion matrix", "ROC curve", "Precision and recall", "Calibration"},
        "multiclass": {"Confusion matrix", "ROC curve", "Precision and recall", "Calibration"},
        "regression": {"Residuals", "Predicted against true"},
        "tagging": {"Precision, recall and F1 of each tag", "Precision and recall", "Calibration"},
    }
    assert own[kind] <= drawn
    if kind == "regression":
        assert not {"Confusion matrix", "ROC curve", "Calibration"} & drawn
    else:
        assert not {"Residuals", "Predicted against true"} & drawn
    written = {path.stem for path in (folder / "figures").glob("*.svg")}
    assert len(written) == len([attrs for attrs in page.all("svg") if attrs.get("class") == "figure"])


@pytest.mark.parametrize("kind", SOME)
@pytest.mark.parametrize("state", ["running", "failed"])
def test_a_run_that_did_not_end_says_so_and_shows_what_there_is(tmp_path, kind, state):
    page = render(fake_run(tmp_path / "run", kind, state=state))
    assert page.open == [] and page.crossed == []
    assert_harmless(page)
    assert ("has not ended" if state == "running" else "This run failed") in page.text
    assert ("deepwright resume" in page.text) == (state == "running")
    assert ("one_rule" in page.text) == (state == "running")
    assert "The data" in page.text and "Confusion" not in page.text


def test_only_run_json_is_enough(tmp_path, plain):
    folder = fake_run(tmp_path / "run", state="failed")
    for path in folder.iterdir():
        if path.name != "run.json":
            path.unlink()
    (folder / "run.json").write_text('{"format": 1, "state": "failed", "why": "DataError: no rows <b>"}')
    page = render(folder)
    assert "DataError: no rows <b>" in page.text and "b" not in {tag for tag, _ in page.tags}


@pytest.mark.parametrize("kind", ["multiclass", pytest.param("tagging", marks=pytest.mark.slow)])
def test_hostile_data_stays_text(tmp_path, kind):
    folder = tmp_path / "run"
    fake_run(folder, kind, hostile=True)
    page = render(folder)
    assert_harmless(page)
    assert page.open == [] and page.crossed == []
    assert HOSTILE in page.text
    for svg in (folder / "figures").glob("*.svg"):
        assert "<script" not in svg.read_text(encoding="utf-8")
    assert_harmless(Page(summary_html(Record(folder))))


def test_hostile_words_in_every_json_string_stay_text(tmp_path, plain):
    folder = fake_run(tmp_path / "run", "binary")
    evil = "</style></svg><script>x</script>\"' onload=x {{7*7}} &lt;"
    kept = {"state", "severity", "role", "name", "family", "created", "winner", "kind", "contender", "metric"}

    def poison(value, key=""):
        if isinstance(value, dict):
            return {k: poison(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [poison(v, key) for v in value]
        return evil if isinstance(value, str) and key not in kept else value

    files = [
        "run.json",
        "verdict.json",
        "findings.json",
        "facts.json",
        *(f"contenders/{n}/scores.json" for n in ("tabm", "svm")),
    ]
    for name in files:
        data = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(poison(data)))
    (folder / "recipe.yaml").write_text(evil)
    page = render(folder)
    assert_harmless(page)
    assert page.open == [] and page.crossed == []
    assert page.text.count("{{7*7}}") > 10 and "49 " not in page.text.split("{{7*7}}")[1]


def test_the_page_can_load_nothing_even_if_something_slipped_through(whole):
    _, page = whole("binary")
    policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy and "script" not in policy


def test_accessible(whole):
    _, page = whole("binary")
    assert [a["lang"] for a in page.all("html")] == ["en"]
    assert len(page.all("h1")) == 1
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all(a.get("scope") in ("col", "row") for a in page.all("th"))
    for svg in page.all("svg"):
        assert svg.get("aria-hidden") == "true" or (svg["role"] == "img" and len(svg["aria-label"]) > 30)
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    targets = {a["href"][1:] for a in page.all("a") if a["href"].startswith("#")}
    references = {a["href"][1:] for a in page.all("use")}
    assert targets | references <= set(ids)


def test_every_table_scrolls_by_itself_on_a_phone(whole):
    class Tables(HTMLParser):
        depth, bare, stack = 0, 0, None

        def handle_starttag(self, tag, attrs):
            self.stack = self.stack or []
            if tag == "div":
                self.stack.append(dict(attrs).get("class", ""))
            if tag == "table":
                self.bare += "wide" not in self.stack[-1:]
                self.depth += 1

        def handle_endtag(self, tag):
            if tag == "div":
                self.stack.pop()

    tables = Tables()
    html = (whole("binary")[0] / "report.html").read_text(encoding="utf-8")
    tables.feed(html)
    assert tables.depth >= 5 and tables.bare == 0
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in html
    assert "prefers-color-scheme: dark" in html and "@media print" in html


@pytest.mark.parametrize("kind", SOME)
def test_small(whole, kind):
    assert (whole(kind)[0] / "report.html").stat().st_size < 400_000


def test_the_same_run_gives_the_same_page(whole):
    folder, _ = whole("regression")
    first = (folder / "report.html").read_bytes()
    assert write_report(folder).read_bytes() == first


@pytest.mark.slow
def test_sixty_classes_and_two_hundred_columns_stay_small(tmp_path):
    folder = fake_run(tmp_path / "run", "multiclass", rows=600, classes=60, extra_columns=200)
    page = write_report(folder)
    assert page.stat().st_size < 1_500_000
    parsed = Page(page.read_text())
    assert ("class 59" in parsed.text and "6 more in facts.json" in parsed.text) or "more in facts.json" in parsed.text
    assert "could not be drawn" not in parsed.text


@pytest.mark.slow
def test_many_rows_stay_small(tmp_path):
    folder = fake_run(tmp_path / "run", "regression", rows=60_000)
    assert write_report(folder).stat().st_size < 1_500_000


@pytest.mark.parametrize("kind", SOME)
def test_one_test_row(tmp_path, kind):
    page = render(fake_run(tmp_path / "run", kind, rows=8))
    assert "1 test rows" in page.text
    assert "could not be drawn" not in page.text and "The contest" in page.text


@pytest.mark.slow
def test_scores_without_numbers(tmp_path):
    folder = fake_run(tmp_path / "run", "binary")
    for name in ("tabm", "linear", "majority"):
        path = folder / "contenders" / name / "scores.json"
        data = json.loads(path.read_text()) | {"low": None, "high": None, "bytes": None, "fit_seconds": None}
        path.write_text(json.dumps(data | ({"score": None} if name == "tabm" else {})))
    page = render(folder)
    assert "nan" not in page.text.lower().replace("finance", "")
    assert "could not be drawn" not in page.text


def test_everyone_failed(tmp_path, plain):
    folder = fake_run(tmp_path / "run", "binary")
    for path in folder.glob("contenders/*/scores.json"):
        name = path.parent.name
        path.write_text(json.dumps({"name": name, "family": "deep", "state": "failed", "why": "loss not finite"}))
    for name in ("verdict.json", "predictions.parquet", "mistakes.parquet", "importance.json"):
        (folder / name).unlink()
    page = render(folder)
    assert page.text.count("failed: loss not finite") == 6 and "There is no verdict yet." in page.text


def test_damage_is_named(tmp_path, plain):
    folder = fake_run(tmp_path / "run")
    (folder / "verdict.json").write_text('{"winner": [1]}')
    with pytest.raises(RunError, match=r"verdict\.json.*winner"):
        write_report(folder)


def test_a_long_verdict_stands_whole_its_first_sentence_large(tmp_path, plain):
    folder = fake_run(tmp_path / "run")
    verdict = json.loads((folder / "verdict.json").read_text())
    sentence = "linear wins with accuracy 0.95 [0.91, 0.98] vs. 0.81. Cost: linear learns in 1.2 s. It is small."
    (folder / "verdict.json").write_text(json.dumps(verdict | {"sentence": sentence}))
    html = write_report(folder).read_text()
    assert ">linear wins with accuracy 0.95 [0.91, 0.98] vs. 0.81.</h1>" in html
    assert "Cost: linear learns in 1.2 s. It is small." in html


def test_two_findings_of_one_name_keep_their_own_edits(tmp_path, plain):
    folder = fake_run(tmp_path / "run")
    finding = json.loads((folder / "findings.json").read_text())[1]
    other = {**finding, "contender": "mlp", "edit": {"contenders.mlp.training.epochs": 7}}
    (folder / "findings.json").write_text(json.dumps([finding, other]))
    text = render(folder).text
    assert "contenders.mlp.training.epochs: 7" in text and "contenders.tabm.training.patience: 10" in text


def test_the_mistakes_are_the_parquets(whole):
    folder, page = whole("binary")
    frame = pl.read_parquet(folder / "mistakes.parquet")
    text = page.text
    first = frame.row(0, named=True)
    assert f"{first['row'] + 1} {first['truth']} {first['prediction']}" in text


@pytest.mark.parametrize("state", ["done", "running", "failed"])
def test_summary_for_notebooks(tmp_path, state):
    folder = fake_run(tmp_path / "run", "regression", state=state)
    page = Page(summary_html(Record(folder)))
    assert_harmless(page)
    assert page.open == [] and page.crossed == []
    assert ("one_rule" in page.text) == (state != "failed")
    assert len(summary_html(Record(folder))) < 8000
