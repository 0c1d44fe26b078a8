"""Texts: TF-IDF equals scikit-learn's, token ids equal a plain loop, short texts are cut into characters."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepwright.core.errors import RunError
from deepwright.kinds.text import Text

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
SMS = SHARED / "text_classification" / "sms_spam" / "sms.tsv"
DOGS = [
    "The dog barks at the cat.",
    "A cat! A cat?",
    "dogs  bark\nloudly",
    "",
    "Zoë's naïve café_42 ΣΑΣ",
    "the the the",
]


def vectorizer(unit: str, least: int = 1, vocabulary: Any = None) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    longest = 2 if unit == "word" else 3
    return TfidfVectorizer(
        analyzer="word" if unit == "word" else "char", ngram_range=(1, longest), min_df=least, vocabulary=vocabulary
    )


def check_against_scikit_learn(train: list[str], new: list[str], least: int = 1) -> None:
    encoder = Text().fit(pl.Series("note", train))
    unit = encoder.state()["unit"]
    reference = vectorizer(unit, least).fit(train)
    block, names = encoder.matrix(pl.Series("note", train + new))
    assert names == [f"note~{term}" for term in reference.get_feature_names_out()]
    expected = reference.transform(train + new)
    assert abs(block - expected).max() <= 1e-12 if block.shape[0] * block.shape[1] else True


def test_tfidf_equals_scikit_learn() -> None:
    check_against_scikit_learn(DOGS, ["a dog and a cat", "nothing known", "barks at"])


def test_tfidf_of_characters_equals_scikit_learn() -> None:
    names = ["Müller", "O'Brien", "García", "Ng", "van  Dyk", "SMITH"]
    assert Text().fit(pl.Series("n", names)).state()["unit"] == "character"
    check_against_scikit_learn(names, ["Miller", "Øre", ""])


def test_tfidf_with_many_rows_equals_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    words = np.array([f"w{i}" for i in range(400)])
    texts = [" ".join(rng.choice(words[: 5 + i % 395], size=i % 30)) for i in range(600)]
    check_against_scikit_learn(texts[:400], texts[400:], least=2)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.sampled_from("abcAÉßI ı1_.,-'\n\tяЖ你²"), max_size=25), min_size=1, max_size=12))
def test_tfidf_of_any_texts_equals_scikit_learn(texts: list[str]) -> None:
    encoder = Text().fit(pl.Series("note", texts))
    terms = encoder.state()["terms"]
    if not terms:
        return
    reference = vectorizer(encoder.state()["unit"]).fit(texts)
    assert list(reference.get_feature_names_out()) == sorted(terms)
    block, _ = encoder.matrix(pl.Series("note", texts))
    assert abs(block - reference.transform(texts)).max() <= 1e-12


@pytest.mark.skipif(not SMS.exists(), reason="shared data not beside the checkout")
def test_tfidf_of_real_messages_equals_scikit_learn() -> None:
    frame = pl.read_csv(SMS, separator="\t", quote_char=None, has_header=False)
    texts = frame.to_series(1).to_list()
    assert len(texts) == 5574
    encoder = Text().fit(pl.Series("note", texts[:4000]))
    terms = encoder.state()["terms"]
    block, _ = encoder.matrix(pl.Series("note", texts))
    reference = vectorizer("word", vocabulary=terms).fit(texts[:4000])
    assert abs(block - reference.transform(texts)).max() <= 1e-9


def test_tokens_equal_a_plain_loop() -> None:
    encoder = Text().fit(pl.Series("note", DOGS))
    known = encoder.state()["tokens"]
    length = encoder.state()["length"]
    ids = encoder.encode(pl.Series("note", [*DOGS, "the unknown cat", None]))["note"]
    assert ids.shape == (8, length) and ids.dtype == np.int64
    for row, text in zip(ids, [*DOGS, "the unknown cat", ""], strict=True):
        tokens = re.findall(r"\w+|[^\s\w]", text.lower())[:length]
        expected = [known.index(token) + 2 if token in known else 1 for token in tokens]
        assert row.tolist() == expected + [0] * (length - len(tokens))


def test_frequent_tokens_come_first_and_rare_ones_are_unknown() -> None:
    texts = ["good film really good"] * 150 + ["bad film"] * 100 + ["once only here"]
    encoder = Text().fit(pl.Series("note", texts))
    assert encoder.state()["tokens"] == ["good", "film", "really", "bad"]
    assert encoder.encode(pl.Series("note", ["good once"]))["note"][0].tolist() == [2, 1, 0, 0]
    assert encoder.unseen(pl.Series("note", ["good once", "once", None, " "])).to_list() == [False, True, False, False]


def test_longest_text_does_not_decide_the_length() -> None:
    texts = ["two words"] * 300 + ["many " * 5000]
    assert Text().fit(pl.Series("note", texts)).state()["length"] == 2


def test_damaged_weights_are_refused() -> None:
    encoder = Text().fit(pl.Series("note", DOGS))
    for idf in (encoder.arrays()["idf"][:-1], np.full_like(encoder.arrays()["idf"], np.nan)):
        with pytest.raises(RunError, match="damaged"):
            Text().load(encoder.state(), {"idf": idf})


def test_recognises_prose_and_not_numbers_dates_or_categories() -> None:
    prose = pl.Series("a", [f"the {i}th message has words" for i in range(50)])
    assert Text().recognise(prose).confidence > 0.8
    assert "words on average" in Text().recognise(prose).reason
    for column in (["1.5", "2"] * 30, ["2024-01-01", "2024-02-03"] * 30):
        assert Text().recognise(pl.Series("a", column)).confidence == 0
    assert Text().recognise(pl.Series("a", ["red", "green"] * 30)).confidence < 0.3
