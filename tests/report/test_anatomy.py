"""The networks of a run layer by layer: nothing is lost in folding; page and command line say what the folder holds."""

import json

import pytest
import torch
from fake_run import fake_run

from deepwright.blocks.network import Network
from deepwright.cli import main
from deepwright.contenders._anatomy import anatomy
from deepwright.core.errors import RunError
from deepwright.core.fields import Field, Signature
from deepwright.core.find import find, preset
from deepwright.evaluation.anatomy import Anatomy, anatomies, cells, flow, folded, with_networks
from deepwright.evaluation.page import page
from deepwright.evaluation.record import Record

PICTURES = [("lenet5", 28), ("resnet56", 32), ("vit_p4", 16), ("vgg11_bn", 32), ("alexnet_two_tower", 32)]


def built(name: str, *fields: Field) -> Network:
    cls = find("network", name)
    config = {**preset("network", name), **(cls.trial if name.startswith(("alexnet", "vgg")) else {})}
    torch.manual_seed(0)
    return cls(cls.Config(**config), Signature(fields), 10)


def described(net: Network) -> Anatomy:
    said = json.loads(json.dumps(anatomy({"net": (net, net.signature)})))
    return Anatomy.model_validate(said[0])


@pytest.mark.parametrize(("name", "size"), PICTURES)
def test_folding_loses_nothing(name, size):
    net = built(name, Field(form="image", name="photo", shape=(3, size, size)))
    found = described(net)
    lines = folded(found)
    assert sum(line.parameters for line in lines) == found.parameters == sum(p.numel() for p in net.parameters())
    assert sum(line.multiply_adds for line in lines) == found.multiply_adds
    assert sum(line.times for line in lines) == len(found.layers)
    assert flow(found)[-1].shape == (10,)
    assert {len(row) for row in cells(lines, pictures=True)} == {6}


def test_deep_networks_stay_readable():
    found = described(built("resnet110", Field(form="image", name="photo", shape=(3, 32, 32))))
    rows = cells(folded(found), pictures=True)
    assert len(found.layers) > 200 and len(rows) < 40
    assert ["stages.0.0–17 × 18", "", "", "", "", ""] in rows
    assert [step.shape for step in flow(found)] == [(16, 32, 32), (32, 16, 16), (64, 8, 8), (10,)]


def test_tables_and_texts_have_no_receptive_field():
    table = described(built("mlp", Field(form="number", name="a"), Field(form="category", name="b", size=4)))
    assert table.reads.said() == "1 number and 1 category"
    assert all(layer.field is None for layer in table.layers)
    text = described(built("gpt", Field(form="tokens", name="text", size=50)))
    assert text.reads.said() == "1 text"
    assert text.parameters > 0 and len(flow(text)[0].shape) == 2


def test_a_part_that_repeats_in_pairs_is_one_block():
    layers = [
        {"name": f"body.{i}", "kind": "Linear" if i % 2 == 0 else "ReLU", "shape": [8], "parameters": 72 * (i % 2 == 0),
         "multiply_adds": 64 * (i % 2 == 0)}
        for i in range(6)
    ]  # fmt: skip
    lines = folded(Anatomy.model_validate({"name": "net", "layers": layers}))
    assert [(line.name, line.times) for line in lines] == [("body.0…4", 3), ("body.1…5", 3)]


def test_the_page_holds_every_layer(without_figures, tmp_path):
    record = Record(fake_run(tmp_path / "run", "multiclass"))
    (table,) = page(record).layers
    assert table.title == "tabm" and table.rows[-1][0] == "in all" and table.rows[-1][3] == "2,287"
    assert any("0–3 × 4" in row[0] for row in table.rows)


def test_show_network_as_text_and_json(tmp_path, capsys):
    folder = fake_run(tmp_path / "run", "multiclass")
    assert main(["show", str(folder), "--network"]) == 0
    said = capsys.readouterr().out
    assert "reads 1 × 8 × 8 picture" in said and "2,287" in said
    assert main(["show", str(folder), "--network", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["contender"] == "tabm"
    (network,) = shown["networks"]
    assert network["totals"] == {"layers": 10, "parameters": 2287, "multiply_adds": 5552}
    assert set(network["layers"][0]) == {"name", "kind", "shape", "parameters", "multiply_adds", "receptive_field"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--network", "--contender", "tabn"], "Did you mean 'tabm'"),
        (["--network", "--contender", "linear"], "These have one: tabm"),
        (["--contender", "nobody"], "There are:"),
    ],
)
def test_who_has_no_network_is_told_who_has(tmp_path, capsys, arguments, said):
    folder = fake_run(tmp_path / "run", "multiclass")
    assert main(["show", str(folder), *arguments]) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_runs_without_a_network_or_with_a_damaged_one_say_so(tmp_path, capsys):
    folder = fake_run(tmp_path / "run", "binary")
    assert main(["show", str(folder), "--network"]) == 2
    assert "no contender of this run has a network" in capsys.readouterr().err
    room = folder / "contenders" / "tabm"
    for damage in ({"networks": [{"name": "x", "layers": []}]}, {"networks": 7}, {"networks": [{"name": "x"}]}):
        (room / "exhibits.json").write_text(json.dumps(damage))
        with pytest.raises(RunError, match="damaged"):
            anatomies(Record(folder), "tabm")
        assert main(["show", str(folder), "--network"]) == 2
    (room / "exhibits.json").write_text("{")
    assert main(["show", str(folder), "--network"]) == 2
    (room / "exhibits.json").write_text("{}")
    assert with_networks(Record(folder)) == {}
