"""Classical contenders against scikit-learn and LightGBM used directly: two ways, one answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from contender_cases import Case, chances, classification, numbers, regression
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import CategoricalNB, GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, PolynomialFeatures, StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

FRESH, X_FRESH = numbers(200, seed=9)


def test_contractor_line_is_100_an_hour_and_50_to_come() -> None:
    frame = pl.DataFrame({"hours": [3.0, 2.0], "price": [350.0, 250.0]})
    model = Case(frame, "price", "regression").fit("linear", alpha=0)
    start, slope = (entry["per_unit"] for entry in model.coefficients())
    assert slope == pytest.approx(100.0, abs=1e-9) and start == pytest.approx(50.0, abs=1e-9)
    assert model.predict(pl.DataFrame({"hours": [10.0]}))["prediction"][0] == pytest.approx(1050.0, abs=1e-8)


def test_least_squares_coefficients() -> None:
    case, x, y = regression()
    direct = LinearRegression().fit(x, y)
    start, *slopes = (entry["per_unit"] for entry in case.fit("linear", alpha=0).coefficients())
    assert np.allclose(slopes, direct.coef_, rtol=1e-8, atol=1e-8)
    assert start == pytest.approx(direct.intercept_, rel=1e-8)


@pytest.mark.parametrize("alpha", [0.5, 20.0])
def test_ridge(alpha: float, tmp_path: Path) -> None:
    case, x, y = regression()
    direct = make_pipeline(StandardScaler(), Ridge(alpha=alpha)).fit(x, y)
    model = case.reload(case.fit("linear", alpha=alpha), "linear", tmp_path)
    coefficients = [entry["coefficient"] for entry in model.coefficients()[1:]]  # type: ignore[attr-defined]
    assert np.allclose(coefficients, direct[-1].coef_, atol=1e-8)
    assert np.allclose(model.predict(FRESH)["prediction"], direct.predict(X_FRESH), rtol=1e-10)


@pytest.mark.parametrize("alpha", [0.1, 1.0, 10.0])
def test_logistic_regression(alpha: float) -> None:
    case, x, y = classification()
    model = case.fit("linear", alpha=alpha)
    optimum = make_pipeline(StandardScaler(), LogisticRegression(C=1 / alpha, tol=1e-10, max_iter=10_000)).fit(x, y)
    rows = np.array([e["coefficient"] for e in model.coefficients()]).reshape(3, -1)
    # Softmax coefficients may shift together: what counts are differences between classes.
    ours, theirs = rows[:, 1:] - rows[:, 1:].mean(axis=0), optimum[-1].coef_ - optimum[-1].coef_.mean(axis=0)
    assert np.allclose(ours, theirs, atol=1e-4)
    assert np.allclose(chances(model.predict(FRESH)), optimum.predict_proba(X_FRESH), atol=1e-5)
    same = LogisticRegression(C=1 / alpha, solver="newton-cholesky", tol=1e-6).fit(optimum[0].transform(x), y)
    assert np.allclose(rows[:, 1:], same.coef_, atol=1e-8)


def test_two_classes_are_one_logistic_curve() -> None:
    frame, x = numbers()
    y = np.where(x[:, 0] + np.random.default_rng(3).normal(size=300) > 0, "yes", "no")
    model = Case(frame.with_columns(pl.Series("y", y)), "y", "classification").fit("linear", alpha=2.0)
    direct = make_pipeline(StandardScaler(), LogisticRegression(C=0.5, tol=1e-10, max_iter=10_000)).fit(x, y)
    assert np.allclose(chances(model.predict(FRESH)), direct.predict_proba(X_FRESH), atol=1e-5)


def test_polynomial() -> None:
    case, x, y = regression()
    direct = make_pipeline(
        StandardScaler(), PolynomialFeatures(2, include_bias=False), StandardScaler(), Ridge(alpha=3.0)
    ).fit(x, y)
    model = case.fit("polynomial", alpha=3.0)
    assert np.allclose(model.predict(FRESH)["prediction"], direct.predict(X_FRESH), rtol=1e-8)
    straight = case.fit("linear").predict(case.frame)["prediction"]
    curved = case.fit("polynomial").predict(case.frame)["prediction"]
    assert ((curved - case.frame["y"]) ** 2).mean() < 0.5 * ((straight - case.frame["y"]) ** 2).mean()


def test_gaussian_naive_bayes() -> None:
    case, x, y = classification()
    direct = GaussianNB(var_smoothing=0).fit(x, y)
    ours = case.fit("naive_bayes", widening=0).log_joint(FRESH)
    assert np.allclose(ours, direct.predict_joint_log_proba(X_FRESH), atol=1e-8)


def test_categorical_naive_bayes() -> None:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({c: rng.choice(list("uvw"), 300) for c in ("c", "d")})
    frame = frame.with_columns(
        pl.Series("y", np.where((frame["c"] == "u").to_numpy() ^ (rng.random(300) < 0.2), "p", "q"))
    )
    case = Case(frame, "y", "classification", {"c": "category", "d": "category"})
    model = case.fit("naive_bayes", smoothing=1.0)
    codes = OrdinalEncoder().fit_transform(frame.select("c", "d").to_numpy())
    # Our categories have one value more, the one that training never showed.
    direct = CategoricalNB(min_categories=4).fit(codes, case.task.encode(frame["y"]))
    assert np.allclose(model.log_joint(frame), direct.predict_joint_log_proba(codes), atol=1e-8)


def test_multinomial_naive_bayes() -> None:
    rng = np.random.default_rng(0)
    y = rng.choice(["ham", "spam"], 200)
    texts = [" ".join(rng.choice(["win", "cash"] if k == "spam" else ["lunch", "report"], 4)) + " today" for k in y]
    case = Case(pl.DataFrame({"t": texts, "y": y}), "y", "classification", {"t": "text"})
    matrix, _ = case.encoding.matrix(case.frame)
    direct = MultinomialNB(alpha=1.0).fit(matrix, case.task.encode(case.frame["y"]))
    ours = case.fit("naive_bayes").log_joint(case.frame)
    assert np.allclose(ours, direct.predict_joint_log_proba(matrix), atol=1e-8)


def test_a_missing_number_has_no_vote() -> None:
    case, _, _ = classification()
    model = case.fit("naive_bayes")
    gone = FRESH.with_columns(pl.lit(None, dtype=pl.Float64).alias("x0"))
    without = Case(case.frame.drop("x0"), "y", "classification").fit("naive_bayes")
    assert np.allclose(model.log_joint(gone), without.log_joint(FRESH.drop("x0")), atol=1e-9)


@pytest.mark.parametrize("count", [1, 5, 12])
def test_nearest_neighbours(count: int, tmp_path: Path) -> None:
    case, x, y = classification()
    scaler = StandardScaler().fit(x)
    direct = KNeighborsClassifier(count).fit(scaler.transform(x), y)
    model = case.reload(case.fit("nearest_neighbours", neighbours=count), "nearest_neighbours", tmp_path)
    found = model.predict(FRESH)
    assert (
        found["prediction"].to_numpy() == np.array(["a", "b", "c"])[direct.predict(scaler.transform(X_FRESH))]
    ).all()
    softened = (count * direct.predict_proba(scaler.transform(X_FRESH)) + 1 / 3) / (count + 1)
    assert np.allclose(chances(found), softened, atol=1e-12)
    case, x, y = regression()
    direct = KNeighborsRegressor(count).fit(scaler.transform(x), y)
    found = case.fit("nearest_neighbours", neighbours=count).predict(FRESH)["prediction"]
    assert np.allclose(found, direct.predict(scaler.transform(X_FRESH)), rtol=1e-12)


def test_number_of_neighbours_is_the_best_when_each_row_is_left_out() -> None:
    from deepwright.contenders.nearest_neighbours import _COUNTS, _best_count

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(80, 2)), rng.normal(size=(80, 1))
    distance = ((x[:, None] - x[None]) ** 2).sum(axis=2)
    np.fill_diagonal(distance, np.inf)
    near = y[distance.argsort(axis=1), 0]
    errors = {count: ((near[:, :count].mean(axis=1) - y[:, 0]) ** 2).sum() for count in _COUNTS}
    assert _best_count(x, y, 0) == min(errors, key=errors.__getitem__)


def test_decision_tree() -> None:
    case, x, y = classification()
    direct = DecisionTreeClassifier(max_leaf_nodes=12, min_samples_leaf=3, random_state=0).fit(x, y)
    model = case.fit("decision_tree", leaves=12)
    found = model.predict(FRESH)
    assert (found["prediction"].to_numpy() == np.array(["a", "b", "c"])[direct.predict(X_FRESH)]).all()
    rows = direct.tree_.n_node_samples[direct.apply(X_FRESH)][:, None]
    assert np.allclose(chances(found), (rows * direct.predict_proba(X_FRESH) + 1 / 3) / (rows + 1), atol=1e-12)
    case, x, y = regression()
    straight = DecisionTreeRegressor(max_leaf_nodes=12, min_samples_leaf=3, random_state=0).fit(x, y)
    found = case.fit("decision_tree", leaves=12).predict(FRESH)["prediction"]
    assert np.allclose(found, straight.predict(X_FRESH), rtol=1e-12)


def test_random_forest(tmp_path: Path) -> None:
    case, x, y = classification()
    settings = {"n_estimators": 60, "random_state": 0, "oob_score": True}
    direct = RandomForestClassifier(**settings).fit(x, y)
    model = case.reload(case.fit("random_forest", trees=60, smallest_leaf=1), "random_forest", tmp_path)
    assert np.allclose(chances(model.predict(FRESH)), direct.predict_proba(X_FRESH), atol=1e-12)
    assert f"{direct.oob_score_:.3f}" in model.explain()
    assert np.allclose(list(model.importances().values()), direct.feature_importances_)  # type: ignore[union-attr]
    case, x, y = regression()
    straight = RandomForestRegressor(**settings, max_features=1 / 3).fit(x, y)
    found = case.fit("random_forest", trees=60, smallest_leaf=1).predict(FRESH)["prediction"]
    assert np.allclose(found, straight.predict(X_FRESH), rtol=1e-12)


def test_forest_of_tags_is_the_forest_of_each_row_of_tags() -> None:
    frame, x = numbers()
    tags = [[t for t, on in (("p", a > 0), ("q", b > 0)) if on] for a, b in x[:, :2]]
    case = Case(frame.with_columns(pl.Series("y", tags)), "y", "tagging")
    model = case.fit("random_forest", trees=20, smallest_leaf=1)
    direct = RandomForestClassifier(n_estimators=20, random_state=0).fit(x, case.task.encode(case.frame["y"]))
    assert np.allclose(
        chances(model.predict(FRESH)), np.stack([p[:, 1] for p in direct.predict_proba(X_FRESH)], axis=1)
    )


def test_svm(tmp_path: Path) -> None:
    case, x, y = classification()
    scaler = StandardScaler().fit(x)
    direct = OneVsRestClassifier(SVC(C=1.0)).fit(scaler.transform(x), y)
    model = case.reload(case.fit("svm"), "svm", tmp_path)
    ours = model._scorer.decision(model._design.rows(FRESH))  # type: ignore[attr-defined]
    assert np.allclose(ours, direct.decision_function(scaler.transform(X_FRESH)), atol=1e-8)
    found = np.searchsorted(["a", "b", "c"], model.predict(FRESH)["prediction"].to_numpy())
    assert (found == direct.predict(scaler.transform(X_FRESH))).mean() > 0.9  # calibration may turn close calls
    case, x, y = regression()
    scaled = (y - y.mean()) / y.std()
    straight = SVR(C=1.0).fit(scaler.transform(x), scaled).predict(scaler.transform(X_FRESH)) * y.std() + y.mean()
    assert np.allclose(case.fit("svm").predict(FRESH)["prediction"], straight, rtol=1e-8)


def test_platt_probabilities_are_calibrated() -> None:
    from deepwright.contenders.svm import _platt

    rng = np.random.default_rng(0)
    decision = rng.normal(size=20_000) * 3
    slope, offset = _platt(decision, (rng.random(20_000) < 1 / (1 + np.exp(-(1.5 * decision - 0.7)))).astype(float))
    assert slope == pytest.approx(1.5, abs=0.1) and offset == pytest.approx(-0.7, abs=0.1)


def test_boosted_trees_are_lightgbm() -> None:
    import lightgbm

    from deepwright.contenders._boosting import _settings
    from deepwright.contenders.boosted_trees import BoostedTrees

    case, x, y = classification()
    settings = {**_settings(x, BoostedTrees.Options(), 0), "objective": "multiclass", "num_class": 3}
    data = lightgbm.Dataset(x, y, params=settings)
    direct = lightgbm.train(settings, data, num_boost_round=200)
    model = case.fit("boosted_trees", valid=case.frame[:0])
    assert np.allclose(chances(model.predict(FRESH)), direct.predict(X_FRESH), atol=1e-12)
    case, x, y = regression()
    settings["objective"], settings["num_class"] = "regression", 1
    direct = lightgbm.train(settings, lightgbm.Dataset(x, (y - y.mean()) / y.std(), params=settings), 200)
    found = case.fit("boosted_trees", valid=case.frame[:0]).predict(FRESH)["prediction"]
    assert np.allclose(found, direct.predict(X_FRESH) * y.std() + y.mean(), rtol=1e-9)


def test_boosting_stops_at_the_best_validation_loss() -> None:
    import lightgbm

    from deepwright.contenders._boosting import _settings
    from deepwright.contenders.boosted_trees import BoostedTrees

    case, x, y = classification(rows=400)
    held, x_held = numbers(200, seed=5)
    from contender_cases import classes

    y_held = classes(x_held, seed=6)
    model = case.fit("boosted_trees", valid=held.with_columns(pl.Series("y", y_held)), patience=50)
    settings = {**_settings(x, BoostedTrees.Options(), 0), "objective": "multiclass", "num_class": 3}
    data = lightgbm.Dataset(x, y, params=settings)
    valid = data.create_valid(x_held, np.searchsorted(["a", "b", "c"], y_held))
    stop = [lightgbm.early_stopping(50, verbose=False)]
    direct = lightgbm.train(settings, data, 2_000, valid_sets=[valid], callbacks=stop)
    assert f"{3 * direct.best_iteration:,} trees" in model.explain()
    assert np.allclose(chances(model.predict(FRESH)), direct.predict(X_FRESH), atol=1e-12)
