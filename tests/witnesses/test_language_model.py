"""The character GPT and its rivals: what must hold for every model of text, against counts and sums made by hand."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from killed_runs import digest, killed_until_done, undisturbed
from torch import Tensor, nn
from torch.nn import functional

from deepwright.blocks.network import Memory
from deepwright.blocks.shapes import shapes_only
from deepwright.contenders._grams import Grams
from deepwright.contenders._reading import Reader
from deepwright.contenders._speech import Speaker, charged, drawn, speak
from deepwright.contenders.most_frequent_character import FrequencyModel
from deepwright.contenders.n_gram import NGramModel
from deepwright.contenders.next_token import NextTokenModel
from deepwright.core.config import Config
from deepwright.core.contender import Order
from deepwright.core.encoding import Encoding
from deepwright.core.errors import RecipeError
from deepwright.core.fields import Field, Signature
from deepwright.core.plan import Plan
from deepwright.evaluation.contracts._causal import goes_on_from_memory, ignores_padding_behind, never_looks_ahead
from deepwright.kinds.characters import FIRST, UNICODE, CharacterEncoder, Characters
from deepwright.learners.next_token import NextToken
from deepwright.networks.gpt import GPT
from deepwright.streams.windows import Windows
from deepwright.training import train

KEY = "tokens:text"


def gpt(size: int = 7, *, outspoken: float = 8.0, **config: object) -> GPT:
    """A small one whose weights are large enough for its answers to differ."""
    torch.manual_seed(0)
    settings = GPT.Config(**{"layers": 2, "heads": 2, "width": 16, "context": 12, "dropout": 0.0, **config})
    net = GPT(settings, Signature((Field(form="tokens", name="text", size=size),)), size).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.ndim == 2:
                parameter.mul_(outspoken)
    return net


def tokens_of(rows: int, length: int, size: int = 7) -> Tensor:
    return torch.randint(size, (rows, length), generator=torch.Generator().manual_seed(1))  # (B, T)


# The network.


def test_no_answer_depends_on_later_tokens() -> None:
    net, tokens = gpt(), tokens_of(3, 12)
    with torch.no_grad():
        before = net({KEY: tokens})  # (B, T, V)
        for place in range(12):
            changed = tokens.clone()
            changed[:, place] = (changed[:, place] + 1) % 7
            after = net({KEY: changed})
            assert torch.equal(after[:, :place], before[:, :place])
            assert (after[:, place:] - before[:, place:]).abs().amax(dim=(0, 2)).min() > 1e-4  # all later ones hear it


def test_padding_behind_a_text_changes_nothing() -> None:
    net, tokens = gpt(), tokens_of(3, 12)
    with torch.no_grad():
        whole = net({KEY: tokens})
        for length in range(1, 12):
            padded = torch.cat([tokens[:, :length], torch.zeros(3, 12 - length, dtype=torch.long)], dim=1)
            assert torch.allclose(net({KEY: padded})[:, :length], whole[:, :length], atol=1e-5)
            assert torch.allclose(net({KEY: tokens[:, :length]}), whole[:, :length], atol=1e-5)


@pytest.mark.parametrize("pieces", [(1,) * 12, (5, 1, 6), (12,), (3, 4, 5)])
def test_going_on_from_memory_is_reading_anew(pieces: tuple[int, ...]) -> None:
    net, tokens = gpt(), tokens_of(2, 12)
    memory: Memory = ()
    answers = []
    with torch.no_grad():
        for piece in tokens.split(pieces, dim=1):
            answer, memory = net.go_on(piece, memory)
            answers.append(answer)
        assert torch.allclose(torch.cat(answers, dim=1), net({KEY: tokens}), atol=1e-5)


class Peeking(GPT):
    """Answers from the whole text."""

    def go_on(self, tokens: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        answers, kept = super().go_on(tokens, memory)
        return answers + 0.1 * self.tokens.weight.sum() * tokens.sum(1)[:, None, None], kept


@pytest.mark.parametrize("kept", [never_looks_ahead, ignores_padding_behind, goes_on_from_memory])
def test_the_contract_catches_a_network_that_looks_ahead(kept: Callable[[GPT, dict[str, Tensor]], None]) -> None:
    net, batch = gpt(), {KEY: tokens_of(3, 12)}
    with torch.no_grad():
        kept(net, batch)
        net.__class__ = Peeking
        with pytest.raises(AssertionError, match="token"):
            kept(net, batch)


def test_more_tokens_than_the_context_are_refused() -> None:
    net = gpt(context=4)
    with pytest.raises(RecipeError, match="5 tokens do not fit"):
        net({KEY: tokens_of(1, 5)})
    _, memory = net.go_on(tokens_of(1, 3), ())
    with pytest.raises(RecipeError, match="5 tokens do not fit"):
        net.go_on(tokens_of(1, 2), memory)


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"5 heads do not divide a width of 16. For example 4."):
        gpt(heads=5)


def test_gpt_2_small_has_its_published_size() -> None:
    (published, _) = GPT.published
    with shapes_only():
        net = GPT(GPT.Config(**published.config), published.signature, published.outputs)
    layers, width, context, vocabulary = 12, 768, 1024, 50_257
    block = 2 * 2 * width + (3 * width * width + 3 * width) + (width * width + width) + (8 * width * width + 5 * width)
    by_hand = vocabulary * width + context * width + layers * block + 2 * width
    assert sum(parameter.numel() for parameter in net.parameters()) == by_hand == 124_439_808


def test_gpt_equals_pytorchs_own_encoder_layers() -> None:
    """Norm first, a causal mask, GELU by tanh: the same weights in nn.TransformerEncoderLayer."""
    net, tokens = gpt(bias=True), tokens_of(3, 12)
    _shake(net)
    x = net.tokens(tokens) + net.positions.weight  # (B, T, D)
    mask = nn.Transformer.generate_square_subsequent_mask(12)  # (T, T)
    for block in net.blocks:
        layer = nn.TransformerEncoderLayer(
            16, 2, 64, dropout=0.0, activation=lambda x: functional.gelu(x, approximate="tanh"), batch_first=True,
            norm_first=True,
        )  # fmt: skip
        pairs = [
            (layer.norm1, block.first), (layer.norm2, block.second), (layer.linear1, block.up),
            (layer.linear2, block.down), (layer.self_attn.out_proj, block.mix),
        ]  # fmt: skip
        for theirs, own in pairs:
            theirs.load_state_dict(own.state_dict())
        layer.self_attn.in_proj_weight.data.copy_(block.attend.weight)
        layer.self_attn.in_proj_bias.data.copy_(block.attend.bias)
        x = layer(x, src_mask=mask, is_causal=True)
    assert torch.allclose(net({KEY: tokens}), functional.linear(net.norm(x), net.tokens.weight), atol=2e-5)


def test_gpt_equals_the_gpt_2_of_transformers() -> None:
    transformers = pytest.importorskip("transformers")
    shape = {"n_layer": 2, "n_head": 2, "n_embd": 16, "vocab_size": 7, "n_positions": 12}
    theirs = transformers.GPT2LMHeadModel(transformers.GPT2Config(**shape, bos_token_id=None, eos_token_id=None)).eval()
    net, tokens = gpt(bias=True), tokens_of(3, 12)
    _shake(net)
    names = {"tokens": "wte", "positions": "wpe", "norm": "ln_f", "blocks": "h", "first": "ln_1", "second": "ln_2"}
    names |= {"attend": "attn.c_attn", "mix": "attn.c_proj", "up": "mlp.c_fc", "down": "mlp.c_proj"}
    state = {}
    for name, value in net.state_dict().items():
        own = name.split(".")
        turned = value.ndim == 2 and own[0] == "blocks"  # their linear layers hold (in, out)
        state["transformer." + ".".join(names.get(word, word) for word in own)] = value.T if turned else value
    missing, unknown = theirs.load_state_dict(state, strict=False)
    assert not unknown and set(missing) <= {"lm_head.weight"}
    theirs.tie_weights()
    with torch.no_grad():
        assert torch.allclose(net({KEY: tokens}), theirs(tokens).logits, atol=2e-5)


@torch.no_grad()
def _shake(net: nn.Module) -> None:
    """Biases and norms that are not 0 and 1, so that the comparison can fail."""
    for parameter in net.parameters():
        if parameter.ndim == 1:
            parameter.add_(0.3 * torch.randn(parameter.shape))


# Those who speak: sums over all texts there can be.


TEXTS = ["abac", "cab", "", "aabbaacbab"]


def encoder_of(texts: list[str]) -> CharacterEncoder:
    encoder = Characters().fit(pl.Series("text", texts))
    assert isinstance(encoder, CharacterEncoder)
    return encoder


def speakers() -> Iterator[Speaker]:
    encoder = encoder_of(TEXTS)
    codes, lengths = encoder.sequences(pl.Series("text", TEXTS))
    yield FrequencyModel(encoder, np.bincount(codes - FIRST, minlength=3))
    yield NGramModel(encoder, Grams.counted(codes, lengths, 3, 4))
    learner = NextToken(gpt(FIRST + 3, context=4), FIRST)  # the window moves on within five characters
    yield NextTokenModel(learner, None, Encoding((encoder,)), Config(), {})


SPEAKERS = {type(speaker).__name__: speaker for speaker in speakers()}


@pytest.fixture(params=sorted(SPEAKERS))
def speaker(request: pytest.FixtureRequest) -> Speaker:
    return SPEAKERS[request.param]


@pytest.mark.parametrize("prompt", ["", "b", "acab", "abacabacab"])
def test_the_chances_of_all_continuations_sum_to_one(speaker: Speaker, prompt: str) -> None:
    codes, lengths = _every(speaker, prompt, 5)
    nats = speaker.nats(codes, lengths).reshape(len(lengths), -1)[:, len(prompt) :]  # (3⁵, 5)
    assert np.exp(-nats.sum(axis=1)).sum() == pytest.approx(1.0, abs=1e-5)
    for place in range(5):  # and so do those of every character, whatever came before it
        firsts = np.exp(-nats[:, : place + 1].sum(axis=1)).reshape(3 ** (place + 1), -1)[:, 0]
        assert firsts.sum() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("prompt", ["", "acab", "abacabacab"])
def test_a_voice_has_the_chances_that_a_reader_is_charged(speaker: Speaker, prompt: str) -> None:
    """Character by character from memory, as in one reading of the whole text."""
    following = "cabbacabac"
    before, _ = speaker.encoder.sequences(pl.Series([prompt]))
    codes, lengths = speaker.encoder.sequences(pl.Series([prompt + following]))
    voice = speaker.voice(before)
    spoken = [next(voice)]
    spoken += [voice.send(int(code)) for code in codes[len(prompt) : -1]]
    heard = np.array([nats[code - FIRST] for nats, code in zip(spoken, codes[len(prompt) :], strict=True)])
    assert np.abs(heard - speaker.nats(codes, lengths)[len(prompt) :]).max() < 1e-5
    assert np.exp(-np.stack(spoken)).sum(axis=1) == pytest.approx(np.ones(len(following)))


def test_a_voice_from_memory_is_one_that_reads_all_anew() -> None:
    net = gpt(FIRST + 3, context=6)
    reader, rng = Reader(net), np.random.default_rng(0)
    voice = reader.voice(np.array([2, 3]))
    tokens, nats = [0, 2, 3], next(voice)
    for _ in range(30):
        read = torch.tensor([tokens[reader.begin(len(tokens)) :]])
        with torch.no_grad():
            anew = -net({KEY: read})[0, -1, FIRST:].double().log_softmax(-1).numpy()  # (V,)
        assert np.abs(anew - nats).max() < 1e-5
        assert read.shape[1] >= min(len(tokens), 3)  # half a context at least
        tokens.append(FIRST + int(rng.integers(3)))
        nats = voice.send(tokens[-1])


def test_texts_read_together_are_texts_read_alone(speaker: Speaker) -> None:
    texts = ["abc", "", "abacabacabacab", "c", "bb"]
    codes, lengths = speaker.encoder.sequences(pl.Series(texts))
    alone = [speaker.nats(*speaker.encoder.sequences(pl.Series([text]))) for text in texts if text]
    assert np.allclose(speaker.nats(codes, lengths), np.concatenate(alone), atol=1e-5)


def test_strangers_cost_the_same_everywhere(speaker: Speaker) -> None:
    """Known characters get 1 - new, those that training never showed share what is left: 1 in all."""
    encoder, seen = speaker.encoder, sum(map(len, TEXTS))
    codes, lengths = encoder.sequences(pl.Series(["a", "b", "c", "é"]))
    nats = charged(speaker, codes, lengths)
    assert nats[3] == pytest.approx(math.log((seen + 1) * (UNICODE - 3)))
    assert np.exp(-nats[:3]).sum() + (UNICODE - 3) * np.exp(-nats[3]) == pytest.approx(1.0, abs=1e-6)


def _every(speaker: Speaker, prompt: str, length: int) -> tuple[np.ndarray, np.ndarray]:
    texts = [prompt + "".join(letters) for letters in itertools.product("abc", repeat=length)]
    return speaker.encoder.sequences(pl.Series(texts))


def test_n_grams_are_those_counted_by_hand() -> None:
    """abac: a twice, b and c once; after a come b and c, after the beginning a."""
    encoder = encoder_of(["abac"])
    grams = Grams.counted(*encoder.sequences(pl.Series(["abac"])), 3, 2)
    one = np.array([(2 + 3 / 3) / 7, (1 + 3 / 3) / 7, (1 + 3 / 3) / 7])  # n = 4, t = 3
    after_a = np.array([(0 + 2 * one[0]) / 4, (1 + 2 * one[1]) / 4, (1 + 2 * one[2]) / 4])  # n = 2, t = 2
    begin = np.array([(1 + one[0]) / 2, one[1] / 2, one[2] / 2])  # n = 1, t = 1
    a, b, c = FIRST, FIRST + 1, FIRST + 2
    assert np.exp(-grams.of_order(1).nats_after([0, b])) == pytest.approx(one)
    assert np.exp(-grams.nats_after([0, a])) == pytest.approx(after_a)
    assert np.exp(-grams.nats_after([0])) == pytest.approx(begin)
    assert np.exp(-grams.nats_after([0, a, c])) == pytest.approx(one)  # nothing follows c: back off
    *_, nats = grams.nats_by_order(np.array([a, b, a]), np.array([3]))
    assert np.exp(-nats) == pytest.approx([begin[0], after_a[1], (1 + one[0]) / 2])


# What they say.


def said(speaker: Speaker, **order: object) -> str:
    return "".join(speak(speaker, Order.model_validate(order)))


def test_the_same_seed_says_the_same(speaker: Speaker) -> None:
    once = said(speaker, length=40, seed=3)
    assert once == said(speaker, length=40, seed=3)
    assert once != said(speaker, length=40, seed=4)
    assert len(once) == 40


def test_the_likeliest_alone_is_greedy(speaker: Speaker) -> None:
    greedy = said(speaker, prompt="ab", length=12, temperature=0)
    for seed in (1, 2):
        assert said(speaker, prompt="ab", length=12, top_k=1, temperature=1.7, seed=seed) == greedy
    text = "ab"
    for _ in range(12):  # each the likeliest of all that might follow
        codes, lengths = _every(speaker, text, 1)
        text += "abc"[int(speaker.nats(codes, lengths).reshape(3, -1)[:, -1].argmin())]
    assert text == greedy


def test_pieces_come_as_they_are_made(speaker: Speaker) -> None:
    pieces = speak(speaker, Order(prompt="ca", length=10**9))
    assert next(pieces) == "ca"
    assert all(len(piece) == 1 for piece in islice(pieces, 5))


def test_several_texts_differ_and_begin_alike(speaker: Speaker) -> None:
    first, second = said(speaker, prompt="ab", count=2, length=30).split("\n\n" + "─" * 40 + "\n\n")
    assert first[:2] == second[:2] == "ab" and first != second and len(first) == len(second) == 32
    assert first == said(speaker, prompt="ab", length=30)


@pytest.mark.parametrize(("temperature", "top_k"), [(1.0, None), (0.5, None), (2.0, None), (1.0, 2), (0.5, 3)])
def test_draws_have_the_chances_of_their_temperature(temperature: float, top_k: int | None) -> None:
    chances = np.array([0.1, 0.4, 0.2, 0.3])
    expected = chances ** (1 / temperature)
    expected[np.argsort(-chances)[top_k or 4 :]] = 0
    expected /= expected.sum()
    order, rng = Order(temperature=temperature, top_k=top_k), np.random.default_rng(0)
    found = np.bincount([drawn(-np.log(chances), order, rng) for _ in range(4_000)], minlength=4) / 4_000
    assert np.abs(found - expected).max() < 4 * 0.5 / math.sqrt(4_000)
    assert not found[expected == 0].any()


def test_a_temperature_near_zero_stays_finite() -> None:
    nats = np.array([5.0, 0.1, 0.1000001, 700.0])
    assert drawn(nats, Order(temperature=1e-300), np.random.default_rng(0)) == 1


# What they learn.


@pytest.mark.slow
def test_a_markov_source_is_learned_to_its_entropy() -> None:
    """Five symbols, each with its own chances of what follows: no model can do better than the entropy of the source,
    H = Σ_i π_i Σ_j −P_ij log P_ij."""
    rng = np.random.default_rng(0)
    moves = rng.dirichlet(np.full(5, 0.5), size=5)  # (5, 5)
    stays = np.linalg.matrix_power(moves, 200)[0]  # (5,) π
    entropy = -float(stays @ np.where(moves > 0, moves * np.log(moves), 0).sum(axis=1))
    uniform = rng.random(120_000)
    chain, limits = [0], moves.cumsum(axis=1)
    for number in uniform:
        chain.append(min(int(np.searchsorted(limits[chain[-1]], number)), 4))
    tokens = torch.tensor(chain)
    known, fresh = tokens[:60_000], tokens[60_000:]
    learner = NextToken(gpt(5, outspoken=1.0, context=16, width=32), first=0)
    plan = Plan(steps=600, lr=3e-3, schedule="cosine", warmup=0.1, clip=1.0, report_every=600, device="cpu")
    for _ in train(learner, Windows(known, name="text", length=16, batch=64), plan):
        pass
    windows = fresh.unfold(0, 17, 16)  # (W, 17)
    with torch.no_grad():
        logits = learner.eval().net({KEY: windows[:, :-1]})  # (W, 16, 5)
    nats = functional.cross_entropy(logits[:, 1:].flatten(0, 1), windows[:, 2:].flatten(), reduction="none")
    of_source = -np.log(moves[windows[:, 1:-1].flatten(), windows[:, 2:].flatten()])  # what the source itself pays
    assert of_source.mean() == pytest.approx(entropy, abs=0.02)
    assert float(nats.mean()) == pytest.approx(of_source.mean(), abs=0.01)
    assert float(nats.mean()) >= of_source.mean() - 0.001


RECIPE = """
version: 1
name: killed
data: {source: verse.txt}
task: {name: language_modelling}
contenders:
  - rule
  - n_gram
  - network: gpt
    config: {layers: 1, heads: 2, width: 16, context: 16, dropout: 0.1}
    training: {steps: 400, report_every: 20, batch: 8, lr: 3e-3, schedule: cosine, warmup: 0.1, ema: 0.99,
               checkpoint_every: 0}
time: null
"""


@pytest.mark.slow
def test_killed_and_resumed_it_is_the_same_run(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    words = ["the", "cat", "sat", "on", "a", "mat", "and", "ran", "to", "me", "as", "rain"]
    verses = [" ".join(rng.choice(words, size=int(rng.integers(4, 12)))) + "." for _ in range(600)]
    (tmp_path / "verse.txt").write_text("\n\n".join(verses) + "\n", encoding="utf-8")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE.replace("verse.txt", str(tmp_path / "verse.txt")), encoding="utf-8")
    seconds = undisturbed(recipe, tmp_path / "whole")
    hits = killed_until_done(recipe, tmp_path / "killed", kills=2, seconds=seconds)
    assert hits, "the run ended before it was killed"
    expected = digest(tmp_path / "whole")
    assert {"metrics.jsonl", "predictions.parquet", "contenders/gpt/weights.safetensors"} <= expected.keys()
    assert digest(tmp_path / "killed") == expected
