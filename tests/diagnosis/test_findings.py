"""Every diagnosis keeps the contract of findings; false alarms are rarer than their thresholds say."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest

from deepwright.core.find import find, names
from deepwright.diagnosis import Diagnosis, Example, Finding, curve, diagnose, healthy_run, standing
from deepwright.diagnosis._example import calibrated_predictions, falling, number_facts
from deepwright.evaluation.contracts import check
from deepwright.evaluation.contracts.finding import check_finding
from deepwright.evaluation.record import Record


def findings(name: str, example: Example, folder: Path) -> list[Finding]:
    return list(find("finding", name)().check(Record(example.write(folder))))


@pytest.mark.parametrize("name", names("finding"))
def test_keeps_its_contract(name: str) -> None:
    promises = list(check("finding", name))
    assert len(promises) == 7
    assert {promise: problem for promise, problem in promises if problem} == {}


@pytest.mark.parametrize("name", names("finding"))
def test_others_say_nothing_certain_on_the_healthy_run(name: str, tmp_path: Path) -> None:
    assert findings(name, healthy_run(), tmp_path / "run") == []


class TestTheContractItself:
    """A contract that nobody can break would prove nothing."""

    def test_a_user_s_own_diagnosis_is_checked(self) -> None:
        promises = dict(check("finding", f"{__name__}:Talkative"))
        broken = {promise for promise, problem in promises.items() if problem}
        assert broken == {
            "is silent on the same run without it",
            "gives evidence in numbers, a cause and a remedy in a sentence each",
            "its edit makes a valid recipe, and no other when applied twice",
        }

    def test_breaks_on_a_diagnosis_that_falls_over(self) -> None:
        broken = [promise for promise, problem in check_finding(Brittle) if problem]
        assert broken == ["survives empty logs, one report, missing numbers, files and contenders"]


class Talkative(Diagnosis):
    name: ClassVar[str] = "talkative"
    title: ClassVar[str] = "Talkative"
    doctor: ClassVar[str] = "own"

    def check(self, record: Record) -> Iterator[Finding]:
        yield self.found("warn", "hm", cause="x", remedy="y", numbers={}, edit={"data.colour": "red"})

    @classmethod
    def faulty(cls) -> Example:
        return healthy_run()

    @classmethod
    def healthy(cls) -> Example:
        return healthy_run()


class Brittle(Diagnosis):
    name: ClassVar[str] = "brittle"
    title: ClassVar[str] = "Brittle"
    doctor: ClassVar[str] = "own"

    def check(self, record: Record) -> Iterator[Finding]:
        last = record.log["train_loss"].to_list()[-1]  # falls over on an empty log
        if last > 1:
            numbers = {"loss": last}
            yield self.found(
                "warn", f"loss {last}", cause="It is too large.", remedy="Make it smaller.", numbers=numbers
            )

    @classmethod
    def faulty(cls) -> Example:
        return healthy_run().but(log=curve("tabm", [2.0, 2.0]))

    @classmethod
    def healthy(cls) -> Example:
        return healthy_run()


class TestThresholdsFollowTheSize:
    def test_overfitting_needs_a_rise_beyond_the_error_of_few_rows(self, tmp_path: Path) -> None:
        train = falling(30, end=0.02, rate=0.15)
        valid = [0.3 + 0.4 * math.exp(-0.4 * e) + 0.004 * max(0, e - 8) for e in range(30)]
        few, many = healthy_run(valid=20), healthy_run(valid=20_000)
        assert findings("overfitting", few.but(log=curve("tabm", train, valid)), tmp_path / "few") == []
        assert findings("overfitting", many.but(log=curve("tabm", train, valid)), tmp_path / "many") != []

    def test_overfitting_under_patience_is_told_by_the_gap_at_the_best_epoch(self, tmp_path: Path) -> None:
        patient = [*healthy_run().scores[:2], standing("tabm", "deep", 0.95, plan={"patience": 8})]
        valid = [0.35 + 0.35 * math.exp(-0.4 * e) + 0.03 * max(0, e - 10) for e in range(30)]
        apart, close = (
            falling(30, end=0.05, rate=0.2),
            [0.98 * v for v in valid[:11]] + [0.3 - 0.005 * e for e in range(19)],
        )
        run = healthy_run(valid=400).but(scores=patient)
        (found,) = findings("overfitting", run.but(log=curve("tabm", apart, valid)), tmp_path / "apart")
        assert (found.severity, found.edit) == ("info", {"contenders.tabm.training.weight_decay": 0.01})
        assert findings("overfitting", run.but(log=curve("tabm", close, valid)), tmp_path / "close") == []

    def test_of_several_restarts_only_the_best_counts(self, tmp_path: Path) -> None:
        bad = [{**line, "restart": 0} for line in curve("tabm", [0.7, *([2.0] * 20)])]
        good = [{**line, "restart": 1, "step": line["step"] + 1000} for line in curve("tabm", falling(40))]
        run = healthy_run().but(log=[*bad, *good])
        assert findings("learning_rate_too_high", run, tmp_path) == []

    def test_skew_needs_enough_rows(self, tmp_path: Path) -> None:
        few = healthy_run(train=5, valid=1, test=4, share=0.2)
        many = healthy_run(train=5000, valid=1000, test=4000, share=0.2)
        assert findings("skewed_accuracy", few, tmp_path / "few") == []
        assert findings("skewed_accuracy", many, tmp_path / "many") != []

    def test_worse_than_a_rule_needs_enough_test_rows(self, tmp_path: Path) -> None:
        def run(test: int) -> Example:
            return healthy_run().but(
                scores=[standing("majority", "rule", 0.6, test=test), standing("tabm", "deep", 0.5, test=test)]
            )

        assert findings("worse_than_rule", run(40), tmp_path / "few") == []
        assert findings("worse_than_rule", run(4000), tmp_path / "many") != []

    def test_worse_than_a_rule_believes_the_paired_comparison(self, tmp_path: Path) -> None:
        scores = [standing("majority", "rule", 0.6, test=40), standing("tabm", "deep", 0.5, test=40)]
        pairs = [{"a": "majority", "b": "tabm", "difference": 0.1, "low": 0.05, "high": 0.15}]
        (found,) = findings(
            "worse_than_rule", healthy_run().but(scores=scores, verdict={"comparisons": pairs}), tmp_path
        )
        assert found.numbers["low"] == pytest.approx(0.05)
        assert found.edit == {"contenders.tabm": None}

    def test_a_smaller_metric_may_be_the_better_one(self, tmp_path: Path) -> None:
        metric = {"name": "rmse", "title": "RMSE", "greater_is_better": False}
        task = {"name": "regression", "target": "answer", "metric": metric}
        scores = [standing("mean", "rule", 0.9), standing("tabm", "deep", 0.2)]
        assert findings("worse_than_rule", healthy_run().but(run={"task": task}, scores=scores), tmp_path / "a") == []
        worse = [standing("mean", "rule", 0.2), standing("tabm", "deep", 0.9)]
        assert findings("worse_than_rule", healthy_run().but(run={"task": task}, scores=worse), tmp_path / "b") != []

    def test_calibration_false_alarms_are_rare_at_every_size(self, tmp_path: Path) -> None:
        alarms = 0
        for seed in range(16):
            rows = (60, 100, 300, 1000)[seed % 4]
            run = healthy_run().but(predictions=calibrated_predictions(rows, seed=seed))
            alarms += bool(findings("miscalibrated", run, tmp_path / str(seed)))
        assert alarms <= 1  # 1 % each, so 16 runs have more than 1 with a chance of 1 %

    def test_noise_false_alarms_are_rare_where_there_is_a_signal(self, tmp_path: Path) -> None:
        scores = [standing("majority", "rule", 0.75), standing("tabm", "deep", 0.76)]
        alarms = 0
        for seed in range(10):
            run = healthy_run().but(scores=scores, predictions=calibrated_predictions(300, share=0.4, seed=seed))
            alarms += bool(findings("target_is_noise", run, tmp_path / str(seed)))
        assert alarms == 0

    def test_a_falling_loss_must_be_clear_of_its_jitter(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(0)
        for seed in range(20):
            level = (0.5 + 0.05 * rng.standard_normal(40)).tolist()
            run = healthy_run().but(log=curve("tabm", level))
            assert findings("learning_rate_too_low", run, tmp_path / f"low{seed}") == []
            assert findings("learning_rate_too_high", run, tmp_path / f"high{seed}") == []


class TestEdits:
    def test_too_short_rather_than_too_slow_trains_longer(self, tmp_path: Path) -> None:
        run = healthy_run().but(log=curve("tabm", [2 * math.exp(-0.1 * e) for e in range(20)]))
        (found,) = findings("learning_rate_too_low", run, tmp_path)
        assert found.edit == {"contenders.tabm.training.epochs": 80}

    def test_tiny_steps_take_a_larger_rate(self, tmp_path: Path) -> None:
        losses = [2 * math.exp(-0.1 * e) for e in range(20)]
        (found,) = findings(
            "learning_rate_too_low", healthy_run().but(log=curve("tabm", losses, update_ratio=1e-6)), tmp_path
        )
        assert found.edit == {"contenders.tabm.training.lr": 0.02}

    def test_a_leaking_column_joins_those_ignored(self, tmp_path: Path) -> None:
        run = find("finding", "leakage").faulty().but(recipe={"data": {"source": "made.csv", "ignore": ["height"]}})
        (found,) = findings("leakage", run, tmp_path)
        assert found.edit == {"data.ignore": ["height", "width"]}

    def test_a_pair_is_left_out_as_a_whole_and_all_leaks_with_one_mend(self, tmp_path: Path) -> None:
        pair = {"id": "target_leakage:a+b", "severity": "error", "message": "1", "numbers": {"columns": ["a", "b"]}}
        alone = {"id": "target_leakage:c", "severity": "error", "message": "1", "numbers": {"score": 1.0}}
        first, last = findings("leakage", healthy_run().but(run={"checks": [pair, alone]}), tmp_path)
        assert first.edit == {"data.ignore": ["a", "b"]} and last.edit == {"data.ignore": ["a", "b", "c"]}

    def test_scale_is_no_matter_without_a_network(self, tmp_path: Path) -> None:
        run = find("finding", "unscaled_input").faulty()
        trees = [standing("majority", "rule", 0.5), standing("boosted_trees", "classical", 0.9)]
        assert findings("unscaled_input", run.but(scores=trees), tmp_path) == []

    def test_a_mean_far_off_zero_is_unscaled_too(self, tmp_path: Path) -> None:
        facts = {"columns": [number_facts("width", low=1990, high=2010), number_facts("height", low=-5, high=5)]}
        data = {"data": {"source": "made.csv", "scale": "none"}}
        (found,) = findings("unscaled_input", healthy_run().but(facts=facts, recipe=data), tmp_path)
        assert found.numbers["off_centre"] > 100


class TestDiagnose:
    def test_collects_all_with_errors_first(self, tmp_path: Path) -> None:
        run = (
            find("finding", "loss_not_finite")
            .faulty()
            .but(run={"checks": find("finding", "leakage").faulty().run["checks"]})
        )
        found = diagnose(Record(run.write(tmp_path)))
        assert {"loss_not_finite", "leakage"} <= {finding.id for finding in found}
        ranks = [{"error": 0, "warn": 1, "info": 2}[finding.severity] for finding in found]
        assert ranks == sorted(ranks)

    def test_silence_by_id_and_by_contender(self, tmp_path: Path) -> None:
        record = Record(find("finding", "overfitting").faulty().write(tmp_path))
        assert [finding.id for finding in diagnose(record)] == ["overfitting"]
        assert diagnose(record, silence=("overfitting",)) == []
        assert diagnose(record, silence=("overfitting:tabm",)) == []
        assert diagnose(record, silence=("overfitting:mlp",)) != []

    def test_a_broken_diagnosis_never_breaks_a_run(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(find("finding", "leakage"), "check", lambda self, record: 1 / 0)
        (found,) = diagnose(Record(healthy_run().write(tmp_path)))
        assert (found.id, found.severity) == ("leakage", "info")
        assert "ZeroDivisionError" in found.evidence

    def test_a_damaged_run_gets_findings_not_errors(self, tmp_path: Path) -> None:
        folder = healthy_run().write(tmp_path)
        (folder / "metrics.jsonl").write_text("{nonsense}\n")
        (folder / "predictions.parquet").write_bytes(b"PAR1 no")
        found = diagnose(Record(folder))
        assert found and all(finding.severity == "info" for finding in found)

    def test_findings_go_through_json(self, tmp_path: Path) -> None:
        from deepwright.core.files import write_json

        folder = find("finding", "overfitting").faulty().write(tmp_path)
        made = diagnose(Record(folder))
        write_json(folder / "findings.json", [finding.to_dict() for finding in made])
        (back,) = Record(folder).findings
        assert back.model_dump() == made[0].to_dict()


def test_example_predictions_are_drawn_from_their_probabilities() -> None:
    frame = calibrated_predictions(20_000, seed=3)
    right = (frame["prediction"] == frame["truth"]).mean()
    assert right == pytest.approx(frame["probability"].mean(), abs=0.01)
    assert frame.select((pl.col("p(no)") + pl.col("p(yes)") - 1).abs().max()).item() < 1e-12


class TestTrainingThatEndedEarly:
    """`learning_rate_too_low` and `undertrained` share the ground between "enough" and "too short"."""

    SLOW = tuple(curve("tabm", [0.7 * math.exp(-0.015 * e) for e in range(20)], lr=1e-6))

    def run(self, epochs: float, *, patience: int | None = 16, stopped: str = "time", valid: float = 0.85) -> Example:
        scores = standing("tabm", "deep", valid, plan={"patience": patience})
        deep = {**scores["deep"], "stopped": stopped, "epochs": epochs, "best_epoch": epochs}
        return healthy_run().but(scores=[*healthy_run().scores[:2], {**scores, "fit_seconds": 40.0, "deep": deep}])

    @pytest.mark.parametrize(
        ("valid", "rows", "speaks"), [(1.0, 100, 0), (0.97, 100, 0), (0.96, 100, 1), (0.97, 400, 1)]
    )
    def test_no_rate_is_too_low_for_a_perfect_validation_score(
        self, valid: float, rows: int, speaks: int, tmp_path: Path
    ) -> None:
        scores = [*healthy_run().scores[:2], standing("tabm", "deep", valid)]
        run = healthy_run(valid=rows).but(log=self.SLOW, scores=scores)
        assert len(findings("learning_rate_too_low", run, tmp_path)) == speaks

    @pytest.mark.parametrize(("r2", "speaks"), [(0.99995, 0), (0.99, 1)])
    def test_nor_for_a_line_that_is_found(self, r2: float, speaks: int, tmp_path: Path) -> None:
        metric = {"name": "rmse", "title": "RMSE", "greater_is_better": False}
        task = {"name": "regression", "target": "answer", "metric": metric}
        scores = [{**standing("tabm", "deep", 0.3), "valid": {"rmse": 0.3, "r2": r2}}]
        run = healthy_run().but(log=self.SLOW, scores=scores, run={"task": task})
        assert len(findings("learning_rate_too_low", run, tmp_path)) == speaks

    @pytest.mark.parametrize(
        ("example", "time"),
        [
            ({"epochs": 0.4}, 600),  # 17 epochs are 42 times as many; ten times is the most that is asked for
            ({"epochs": 0.4, "patience": None}, 180),
            ({"epochs": 0}, 600),
            ({"epochs": 9}, 120),
            ({"epochs": 17}, None),
            ({"epochs": 9, "patience": None}, None),
            ({"epochs": 9, "stopped": "epochs"}, None),
            ({"epochs": 0.4, "valid": 1.0}, None),
        ],
    )
    def test_undertrained_asks_for_as_much_time_as_is_short(
        self, example: dict[str, Any], time: float | None, tmp_path: Path
    ) -> None:
        found = findings("undertrained", self.run(**example), tmp_path)
        assert [finding.edit for finding in found] == ([{"time": time}] if time else [])

    def test_its_own_limit_is_what_is_raised(self, tmp_path: Path) -> None:
        run = self.run(9)
        run.scores[-1]["deep"]["plan"]["time"] = 5.0
        (found,) = findings("undertrained", run, tmp_path)
        assert found.edit == {"contenders.tabm.training.time": 10.0}

    def test_one_of_the_two_speaks(self, tmp_path: Path) -> None:
        log = curve("tabm", [2 * math.exp(-0.1 * e) for e in range(9)])
        cut, enough = self.run(9).but(log=log), self.run(9, stopped="epochs").but(log=log)
        assert [f.id for f in diagnose(Record(cut.write(tmp_path / "cut")))] == ["undertrained"]
        assert [f.id for f in diagnose(Record(enough.write(tmp_path / "enough")))] == ["learning_rate_too_low"]
