"""Transfer: weights learned elsewhere are taken over where they fit, and what is frozen does not move."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transfer_cases import QUICK, bars, brief, built, contender, encoding_of, published

from deepwright.contenders._freezing import Frozen, stages
from deepwright.contenders._network_start import IMAGENET, Start
from deepwright.contenders._weights_file import from_file
from deepwright.contenders.network import Thaw
from deepwright.core.errors import DataError, DeepwrightError, InternalError, NotFoundError, RecipeError
from deepwright.core.files import read_tensors, write_tensors
from deepwright.core.plan import Plan
from deepwright.learners.supervised import Supervised
from deepwright.streams.rows import Rows
from deepwright.training import train

TRAIN, VALID = bars(96), bars(48, 1)
OTHERS = bars(96, 2, labels="xyz")


def start_of(path: Path, said: str = "somewhere") -> Start:
    """A network that learned a little."""
    model = contender().fit(TRAIN, VALID, brief(path / "source", TRAIN))
    return Start.of(model, {"from": said, "sha256": "0" * 64})


# What is taken over.


def test_the_body_and_its_colours_come_over_and_the_source_is_recorded(tmp_path: Path) -> None:
    start = start_of(tmp_path)
    made = contender(start, weights="somewhere", freeze="body").fit(OTHERS, OTHERS, brief(tmp_path, OTHERS))
    ours, theirs = made.net.state_dict(), start.weights
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs if not name.startswith("output."))
    assert {"mean", "deviation"} <= theirs.keys() and ours["output.weight"].shape[0] == 3
    told = made.history()["start"]
    assert told == {"from": "somewhere", "sha256": "0" * 64, "names": "deepwright", "output_layer": "new",
                    "freeze": "body"}  # fmt: skip
    assert "began with the weights of somewhere" in made.explain() and "frozen: body" in made.explain()
    (tmp_path / "kept").mkdir()
    made.save(tmp_path / "kept")
    task, encoding = brief(tmp_path, OTHERS).task, encoding_of(OTHERS)
    assert contender().load(tmp_path / "kept", task, encoding).explain() == made.explain()


@pytest.mark.parametrize(("asked", "kept"), [(None, True), (True, False), (False, True)])
def test_the_output_layer_stays_where_the_task_is_the_same(tmp_path: Path, asked: bool | None, kept: bool) -> None:
    start = start_of(tmp_path)
    still = QUICK | {"epochs": 1, "lr": 1e-12, "weight_decay": 0.0}
    made = contender(start, weights="a", replace_head=asked, training=still).fit(TRAIN, VALID, brief(tmp_path, TRAIN))
    same = torch.allclose(made.net.state_dict()["output.weight"], start.weights["output.weight"], atol=1e-6)
    assert same is kept and made.history()["start"]["output_layer"] == ("taken over" if kept else "new")


def test_other_labels_get_a_new_output_layer_though_there_are_as_many(tmp_path: Path) -> None:
    start, others = start_of(tmp_path), bars(96, 2, labels="wxyz")
    made = contender(start, weights="a").fit(others, others, brief(tmp_path, others))
    assert made.history()["start"]["output_layer"] == "new"


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize("library", [None, 0])
def test_files_in_our_names_and_in_a_librarys(tmp_path: Path, suffix: str, library: int | None) -> None:
    source = built("resnet18", width=4, outputs=9, stem="small")
    weights = dict(source.state_dict()) if library is None else published(source, library)
    path = kept(tmp_path / f"weights{suffix}", weights)
    made = built("resnet18", width=4, outputs=3, stem="small").requires_grad_(False)
    first = made.output.weight.clone()
    told = from_file(str(path)).fill(made, made_signature(made), brief(tmp_path, OTHERS).task, None)
    ours, theirs = made.weights(), source.weights()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours if not name.startswith("output."))
    assert torch.equal(made.output.weight, first) and len(told["sha256"]) == 64
    assert told["names"] == ("deepwright" if library is None else "torchvision or timm")
    colours = [tuple(round(v, 6) for v in buffer.flatten().tolist()) for buffer in (made.mean, made.deviation)]
    assert colours == (list(IMAGENET) if library == 0 else [(0.0,) * 3, (1.0,) * 3])


def test_positions_of_a_vit_are_interpolated_for_pictures_of_another_size(tmp_path: Path) -> None:
    small = {"width": 16, "layers": 1, "heads": 2}
    source, net = built("vit_p4", (3, 16, 16), **small), built("vit_p4", (3, 24, 24), outputs=3, **small)
    for weights in (dict(source.state_dict()), published(source)):
        from_file(str(kept(tmp_path / "v.safetensors", weights))).fill(
            net, made_signature(net), brief(tmp_path, OTHERS).task, None
        )
        assert net.positions.shape[1] == 1 + 36 and torch.equal(net.positions[:, 0], source.positions[:, 0])
        assert float(net.positions.detach()[:, 1:].mean() - source.positions.detach()[:, 1:].mean()) < 0.05


def test_another_picture_size_is_fine_where_places_are_averaged(tmp_path: Path) -> None:
    source = built("resnet20", (3, 32, 32), depth=8, width=4)
    path = kept(tmp_path / "w.safetensors", dict(source.state_dict()))
    made = contender(from_file(str(path)), weights=str(path)).fit(TRAIN, VALID, brief(tmp_path, TRAIN))
    assert made.history()["start"]["output_layer"] == "new"


# What does not fit.


@pytest.mark.parametrize(
    ("name", "config", "shape", "says"),
    [
        ("resnet20", {"depth": 14, "width": 4}, (3, 16, 16), r"not those of this network.*it has 'stages.0.1"),
        ("resnet20", {"depth": 8, "width": 8}, (3, 16, 16), r"'first.weight' has the shape"),
        ("resnet20", {"depth": 8, "width": 4}, (1, 16, 16), r"1 channel, these have 3.*data.pictures.channels=1"),
        ("vgg11", {"depths": [1], "width": 4, "hidden": 8}, (3, 32, 32), r"data.pictures.size|not those of"),
        ("resnet18", {"width": 4}, (3, 16, 16), r"not those of"),
    ],
)
def test_weights_of_another_network_are_named(
    tmp_path: Path, name: str, config: dict[str, Any], shape: tuple[int, int, int], says: str
) -> None:
    if name == "vgg11":
        from deepwright.core.find import find

        config = dict(find("network", "vgg11").trial)
    path = kept(tmp_path / "w.safetensors", dict(built(name, shape, **config).state_dict()))
    net = built("resnet20", depth=8, width=4)
    before = {key: tensor.clone() for key, tensor in net.state_dict().items()}
    with pytest.raises(RecipeError, match=says):
        from_file(str(path)).fill(net, made_signature(net), brief(tmp_path, TRAIN).task, None)
    assert all(torch.equal(tensor, before[key]) for key, tensor in net.state_dict().items())


def test_published_weights_for_other_channels_say_what_to_write(tmp_path: Path) -> None:
    path = kept(tmp_path / "w.safetensors", published(built("resnet18", width=4)))
    net = built("resnet18", (1, 16, 16), width=4)
    with pytest.raises(RecipeError, match=r"3 channels, these have 1: 'conv1.weight'.*data.pictures.channels=3"):
        from_file(str(path)).fill(net, made_signature(net), brief(tmp_path, TRAIN).task, None)


def test_weights_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    weights = dict(built("resnet20", depth=8, width=4).state_dict())
    weights["norm.weight"] = torch.full_like(weights["norm.weight"], float("nan"))
    path = kept(tmp_path / "w.safetensors", weights)
    with pytest.raises(DataError, match=r"w\.safetensors: 'norm.weight' holds values that are not finite"):
        contender(from_file(str(path)), weights=str(path)).fit(TRAIN, VALID, brief(tmp_path, TRAIN))


def test_a_pickle_with_code_and_a_cut_file_are_refused_unread(tmp_path: Path) -> None:
    class Code:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"a": Code()}, tmp_path / "code.pt")
    whole = kept(tmp_path / "cut.safetensors", {"a": torch.ones(9)}).read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:-5])
    (tmp_path / "empty.pt").write_bytes(b"")
    for name in ("code.pt", "cut.safetensors", "empty.pt"):
        with pytest.raises(DeepwrightError, match=name):
            from_file(str(tmp_path / name))
    assert not (tmp_path / "ran").exists()


# What is frozen.


def test_up_to_a_layer_nothing_moves_and_behind_it_everything(tmp_path: Path) -> None:
    start = start_of(tmp_path)
    made = contender(start, weights="a", freeze="stages.1").fit(OTHERS, OTHERS, brief(tmp_path, OTHERS))
    ours = made.net.state_dict()
    frozen = ("first.", "norm.", "stages.0.", "stages.1.", "mean", "deviation")
    assert {"first.weight", "norm.running_mean", "stages.1.0.norm2.running_var"} <= ours.keys()
    for name, tensor in ours.items():
        if not name.endswith("num_batches_tracked") and not name.startswith("output."):
            assert torch.equal(tensor, start.weights[name]) is name.startswith(frozen), name
    assert made.history()["frozen"] == sum(p.numel() for n, p in made.net.named_parameters() if n.startswith(frozen))


def schedule(*pairs: tuple[int, str]) -> list[dict[str, Any]]:
    return [{"until": until, "freeze": what} for until, what in pairs]


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_schedule_thaws_from_the_output_backwards(tmp_path: Path, optimizer: str) -> None:
    """What stays as it was after each epoch: all but the output, then up to the first stage, then nothing."""
    start = start_of(tmp_path)
    changed: list[set[str]] = []
    net = built("resnet20", outputs=3, depth=8, width=4)
    start.fill(net, made_signature(net), brief(tmp_path, OTHERS).task, None)
    stream = Rows(columns(OTHERS), batch=16)
    held = stages(net, made_signature(net), [Thaw(**one) for one in schedule((1, "body"), (3, "stages.0"))])
    frozen = Frozen(net, held, lambda: stream.epoch)
    learner = Supervised(frozen, torch.nn.functional.cross_entropy)
    plan = Plan(epochs=4, optimizer=optimizer, lr=0.01, weight_decay=0.1, max_norm=0.01)
    before = copied(net)
    for _ in train(learner, stream, plan):
        after = copied(net)
        changed.append({name for name in after if not torch.equal(after[name], before[name])})
        before = after
    frozen.check()
    counted = {n for n in before if n.endswith("num_batches_tracked")}
    deep = {n for n in before if n.startswith(("stages.1.", "stages.2.", "output."))}
    assert changed[0] == {"output.weight", "output.bias"}
    assert changed[1] == changed[2] == deep
    assert changed[3] == before.keys() - {"mean", "deviation"} and counted < changed[3]


def test_what_was_frozen_is_said() -> None:
    from deepwright.contenders._network_start import began

    begun = {"from": "runs/a:net", "output_layer": "new"}
    assert began(begun, "none") == "It began with the weights of runs/a:net, output layer new."
    assert began(begun, "stages.1").endswith(", frozen: up to stages.1.")
    freeze = schedule((3, "body"), (6, "stages.0"))
    assert began(begun, freeze).endswith(", frozen: body until epoch 3, up to stages.0 until epoch 6.")


def test_a_schedule_resumes_bit_for_bit(tmp_path: Path) -> None:
    start, freeze = start_of(tmp_path), schedule((1, "body"), (3, "stages.0"))
    training = QUICK | {"epochs": 4, "checkpoint_every": 0, "ema": 0.9}
    log: list[str] = []

    def fitted(folder: str, kill_at: int) -> Any:
        log.clear()

        def watch(line: dict[str, Any]) -> None:
            log.append(json.dumps(line))
            if len(log) == kill_at:
                raise KeyboardInterrupt

        at = brief(tmp_path / folder, OTHERS, log=watch)
        return contender(start, weights="a", freeze=freeze, training=training).fit(OTHERS, OTHERS, at)

    whole = fitted("whole", 99)
    lines = list(log)
    for kill_at in (2, 4):
        with pytest.raises(KeyboardInterrupt):
            fitted(f"killed{kill_at}", kill_at)
        resumed = fitted(f"killed{kill_at}", 99)
        assert log == lines[kill_at - 1 :]
        state = resumed.net.state_dict()
        assert all(torch.equal(state[name], tensor) for name, tensor in whole.net.state_dict().items())


def test_weights_that_moved_all_the_same_are_found_out(tmp_path: Path) -> None:
    net = built("resnet20", depth=8, width=4)
    frozen = Frozen(net, stages(net, made_signature(net), "body"), lambda: 0)
    frozen.check()
    with torch.no_grad():
        net.stages[0][0].norm1.running_mean += 1e-7
    with pytest.raises(InternalError, match=r"frozen have changed: stages.0.0.norm1.running_mean"):
        frozen.check()


def test_what_is_frozen_is_in_evaluation_mode_and_the_rest_is_not() -> None:
    net = built("efficientnet_b0", (3, 32, 32))
    frozen = Frozen(net, stages(net, made_signature(net), "stages.2"), lambda: 0).train()
    modes = {name: module.training for name, module in net.named_modules()}
    assert not any(modes[name] for name in modes if name.startswith(("stages.0", "stages.1", "stages.2")))
    assert all(modes[name] for name in modes if name.startswith(("stages.3", "stages.4", "output")))
    assert frozen.eval().net.training is False


def test_rates_speak_of_the_networks_own_names(tmp_path: Path) -> None:
    start = start_of(tmp_path)
    one = QUICK | {"epochs": None, "steps": 1, "batch": "full", "momentum": 0.0, "weight_decay": 0.0}

    def fitted(folder: str, **extra: Any) -> dict[str, torch.Tensor]:
        made = contender(start, weights="a", freeze="first", training=one | extra)
        return made.fit(OTHERS, OTHERS, brief(tmp_path / folder, OTHERS)).net.state_dict()

    usual, slow = fitted("usual"), fitted("slow", rates={"stages": 0.1})
    name = "stages.2.0.convolve1.weight"
    step = usual[name] - start.weights[name]
    assert float(step.abs().max()) > 0 and torch.allclose(slow[name] - start.weights[name], 0.1 * step, atol=1e-7)
    assert torch.equal(slow["output.weight"], usual["output.weight"])
    with pytest.raises(RecipeError, match=r"begins with 'stage'. Did you mean 'stages'"):
        fitted("bad", rates={"stage": 0.1})


@pytest.mark.parametrize(
    ("freeze", "error", "says"),
    [
        ("stage.1", NotFoundError, "there is no layer 'stage.1'. Did you mean 'stages.1'"),
        ("output", RecipeError, "the output layer too"),
        (schedule((2, "stages.0"), (3, "body")), RecipeError, "'body' freezes what 'stages.0' before it let learn"),
        (schedule((2, "body"), (2, "stages.0")), RecipeError, "2 epochs come after 2"),
    ],
)
def test_wrong_freezing_is_named(tmp_path: Path, freeze: Any, error: type[Exception], says: str) -> None:
    start = Start(weights=dict(built("resnet20", depth=8, width=4).state_dict()), told={"from": "a"})
    with pytest.raises(error, match=says):
        contender(start, weights="a", freeze=freeze).fit(TRAIN, VALID, brief(tmp_path, TRAIN))


def test_freezing_random_weights_and_compiling_a_schedule_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="nothing worth freezing"):
        contender(freeze="body").fit(TRAIN, VALID, brief(tmp_path, TRAIN))
    with pytest.raises(RecipeError, match=r"training\.compile.*a schedule of thaws is not"):
        contender(weights="a", freeze=schedule((2, "body")), training=QUICK | {"compile": True})


# What the tests share.


def kept(path: Path, weights: dict[str, torch.Tensor]) -> Path:
    if path.suffix == ".pt":
        torch.save(weights, path)
    else:
        write_tensors(path, {name: tensor.numpy(force=True) for name, tensor in weights.items()})
        assert read_tensors(path).keys() == weights.keys()
    return path


def made_signature(net: Any) -> Any:
    from deepwright.core.fields import Signature

    return Signature((net.image,))


def columns(frame: Any) -> dict[str, torch.Tensor]:
    task = brief(Path("/tmp"), frame).task
    arrays = encoding_of(frame).tensors(frame) | {"target": task.encode(frame["label"])}
    return {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}


def copied(net: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}
