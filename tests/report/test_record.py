"""Record: typed, lazy, tolerant of what is not there, strict about what is damaged."""

import json
import math

import numpy as np
import polars as pl
import pytest
from fake_run import TASK, fake_run

from deepwright.core.errors import NotFoundError, RunError
from deepwright.evaluation.record import Record


@pytest.mark.parametrize("kind", list(TASK))
def test_answers_are_the_written_predictions(tmp_path, kind):
    record = Record(fake_run(tmp_path / "run", kind))
    for part, frame in (("test", record.predictions), ("valid", record.validation)):
        answers = record.answers("tabm", part)
        rows = frame.filter(pl.col("contender") == "tabm")
        assert len(answers) == rows.height == getattr(record.run.split, part)
        if kind == "regression":
            assert np.array_equal(answers.truth, rows["truth"].to_numpy())
        elif kind == "tagging":
            said = [[answers.classes[k] for k in np.flatnonzero(row)] for row in answers.truth]
            assert [sorted(tags) for tags in rows["truth"].to_list()] == [sorted(tags) for tags in said]
        else:
            assert [answers.classes[code] for code in answers.truth] == rows["truth"].to_list()


def test_best_first_whichever_way_the_metric_points(tmp_path):
    up = Record(fake_run(tmp_path / "up", "binary")).scores
    down = Record(fake_run(tmp_path / "down", "regression")).scores
    assert [s.score for s in up.values()][:-1] == sorted((s.score for s in list(up.values())[:-1]), reverse=True)
    assert [s.score for s in down.values()][:-1] == sorted(s.score for s in list(down.values())[:-1])
    assert list(up)[-1] == list(down)[-1] == "svm" and math.isnan(up["svm"].score)


@pytest.mark.parametrize("state", ["running", "failed"])
def test_parts_that_are_not_there_are_none_or_empty(tmp_path, state):
    record = Record(fake_run(tmp_path / "run", state=state))
    assert record.verdict is record.winner is record.predictions is record.mistakes is record.importance is None
    assert record.findings == () and record.learning_curve is None and record.answers("linear") is None
    assert record.log.height == 0 and "valid_loss" in record.log.columns


def test_a_torn_last_line_does_not_count_and_a_torn_middle_one_is_damage(tmp_path):
    folder = fake_run(tmp_path / "run")
    log = folder / "metrics.jsonl"
    log.write_text(log.read_text() + '{"contender": "ta')
    assert Record(folder).log.height == 40
    log.write_text('{"contender": "ta\n' + log.read_text())
    with pytest.raises(RunError, match=r"metrics\.jsonl"):
        _ = Record(folder).log


def test_no_folder_no_run_and_another_format(tmp_path):
    with pytest.raises(RunError, match="no run folder"):
        Record(tmp_path / "nowhere")
    with pytest.raises(RunError, match=r"run\.json"):
        _ = Record(tmp_path).run
    (tmp_path / "run.json").write_text('{"format": 2, "state": "done"}')
    with pytest.raises(RunError, match="format 1"):
        _ = Record(tmp_path).run


@pytest.mark.parametrize(
    ("file", "damaged"),
    [
        ("run.json", '{"format": 1, "state": "asleep"}'),
        ("run.json", "[1, 2"),
        ("schema.json", '{"columns": []}'),
        ("facts.json", '{"columns": [{"name": "x", "histogram": {"edges": [0], "counts": [1]}}]}'),
        ("verdict.json", '{"winner": ["linear"]}'),
        ("findings.json", '{"id": "x"}'),
        ("findings.json", '[{"id": "x", "severity": "terrible"}]'),
        ("importance.json", '{"columns": 3}'),
        ("contenders/linear/scores.json", '{"name": "linear", "family": "classical", "score": "much"}'),
        ("predictions.parquet", "PAR1 no"),
    ],
)
def test_damage_is_a_run_error_that_names_the_file(tmp_path, file, damaged):
    folder = fake_run(tmp_path / "run")
    (folder / file).write_text(damaged)
    record = Record(folder)
    with pytest.raises(RunError, match=file.rsplit("/", 1)[-1].replace(".", r"\.")):
        for part in ("run", "schema", "facts", "scores", "verdict", "findings", "importance", "predictions"):
            getattr(record, part)


def test_a_parquet_without_its_columns_is_damage(tmp_path):
    folder = fake_run(tmp_path / "run")
    pl.DataFrame({"row": [1]}).write_parquet(folder / "predictions.parquet")
    with pytest.raises(RunError, match="contender, truth"):
        _ = Record(folder).predictions


def test_a_task_that_is_not_built_in_is_refused_and_never_imported(tmp_path):
    folder = fake_run(tmp_path / "run")
    schema = json.loads((folder / "schema.json").read_text())
    for name in ("antigravity:Task", "os:system", "../../evil"):
        (folder / "schema.json").write_text(json.dumps(schema | {"task": {"name": name, "state": {}}}))
        with pytest.raises(RunError, match="unknown task"):
            _ = Record(folder).task


def test_links_are_not_followed(tmp_path):
    folder = fake_run(tmp_path / "run")
    outside = tmp_path / "verdict.json"
    (folder / "verdict.json").rename(outside)
    (folder / "verdict.json").symlink_to(outside)
    with pytest.raises(RunError, match="symbolic link"):
        _ = Record(folder).verdict
    (tmp_path / "elsewhere").mkdir()
    (folder / "contenders" / "zz").symlink_to(tmp_path / "elsewhere")
    assert "zz" not in Record(folder).scores


def test_names_that_are_not_there(tmp_path):
    record = Record(fake_run(tmp_path / "run"))
    with pytest.raises(NotFoundError, match="linear"):
        record.answers("liner")
    with pytest.raises(NotFoundError, match="valid"):
        record.answers("linear", "train")


def test_findings_come_with_the_serious_ones_first(tmp_path):
    folder = fake_run(tmp_path / "run")
    made = [{"id": severity, "severity": severity} for severity in ("info", "error", "warn")]
    (folder / "findings.json").write_text(json.dumps(made))
    assert [finding.id for finding in Record(folder).findings] == ["error", "warn", "info"]
