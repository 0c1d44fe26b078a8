"""What `show` prints: everything that matters, at any width, and no control of the terminal from data."""

import json

import pytest
from fake_run import TASK, fake_run
from rich.console import Console

from deepwright.evaluation.record import Record
from deepwright.evaluation.report import write_report
from deepwright.evaluation.showing import show, show_findings


def printed(renderable, width=100):
    console = Console(width=width, record=True, force_terminal=False, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(renderable)
    return console.export_text()


@pytest.mark.parametrize("kind", list(TASK))
def test_contest_verdict_findings_and_next_commands(tmp_path, kind):
    record = Record(fake_run(tmp_path / "run", kind))
    text = printed(show(record), 200)
    assert record.verdict.sentence in text and "Overfitting" in text
    assert all(name[:8] in text for name in record.scores)  # long names give way to the numbers
    assert f"deepwright run {tmp_path / 'run'} --mend overfitting" in text
    assert "deepwright predict" in text and "its share of 12 s was not enough" in text


def test_a_note_stands_beside_the_score_on_page_and_terminal(tmp_path, without_figures):
    folder = fake_run(tmp_path / "run")
    path = next((folder / "contenders").iterdir()) / "scores.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"notes": ["The clock ended boosting after 9 rounds."]}))
    said = f"{path.parent.name}: The clock ended boosting after 9 rounds."
    assert said in printed(show(Record(folder)), 200)
    assert "⚠ The clock ended boosting after 9 rounds." in write_report(folder).read_text()


@pytest.mark.parametrize(("state", "said"), [("running", "deepwright resume"), ("failed", "This run failed")])
def test_runs_that_did_not_end(tmp_path, state, said):
    assert said in printed(show(Record(fake_run(tmp_path / "run", state=state))), 200)


def test_no_finding_is_said_too(tmp_path):
    assert "Nothing looks wrong" in printed(show_findings(Record(fake_run(tmp_path / "run")), []))


def test_data_cannot_steer_the_terminal_or_the_markup(tmp_path):
    folder = fake_run(tmp_path / "run")
    run = json.loads((folder / "run.json").read_text())
    run["name"] = "[bold red]x[/] \x1b]0;owned\x07"
    run["data"]["source"] = "\x1b[2J[link=http://x]y[/link].csv"
    (folder / "run.json").write_text(json.dumps(run))
    verdict = json.loads((folder / "verdict.json").read_text())
    (folder / "verdict.json").write_text(json.dumps(verdict | {"sentence": "\x1b[31m[red]no[/red]"}))
    text = printed(show(Record(folder)), 200)
    assert "\x1b" not in text and "\x07" not in text
    assert "[bold red]x[/]" in text and "[link=http://x]" in text and "[red]no[/red]" in text


def test_eighty_columns(tmp_path):
    text = printed(show(Record(fake_run(tmp_path / "run", "regression"))), 80)
    assert max(map(len, text.splitlines())) <= 80
