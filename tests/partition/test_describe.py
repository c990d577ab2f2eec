"""What is said about a partition is true of the rows: every rule is evaluated, none is parsed."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from modpart._utils.words import percent, plain, shortest_between
from modpart.datasets import (
    make_disc,
    make_elastoplastic,
    make_linear,
    make_rare_corner,
    make_sine_burst,
    make_ten_inputs,
    make_two_planes,
)
from modpart.exceptions import InputDataError, ParameterError
from modpart.partition import ActivePartitioner, PartitionedRegressor
from modpart.partition._words.describe import _fidelity, _rules_of
from modpart.partition._words.effects import effects_of
from modpart.partition._words.oblique_rule import Oblique
from modpart.partition._words.short_rule import Condition, Otherwise, Rule, box_around, short_rule

RNG = np.random.default_rng(0)
X2 = RNG.uniform(-1.0, 1.0, (400, 2))


def rule_for(inside, X=X2, names=None):
    return short_rule(X, inside, names or [f"x{j}" for j in range(X.shape[1])], np.random.default_rng(0))


# Numbers


@pytest.mark.parametrize(
    ("low", "high", "short"),
    [
        (0.39971, 0.40123, 0.4),
        (1898.0, 1899.0, 1898.0),
        (-0.2, 0.3, 0.0),
        (0.0, 1.0, 0.0),
        (9.99, 10.02, 10.0),
        (-7.4e-9, -7.05e-9, -7.2e-9),
        (123456.2, 123456.9, 123456.5),
    ],
)
def test_a_number_between_two_is_short(low, high, short):
    assert shortest_between(low, high) == short


def test_a_number_between_two_lies_between_them():
    for scale in (1e-200, 1e-6, 1.0, 1e9, 1e90):
        for low, high in np.sort(RNG.normal(size=(200, 2)) * scale, axis=1):
            assert low <= shortest_between(low, high) < high
    for low in [*RNG.normal(size=100), 0.1, -3.0, 1e300]:
        assert shortest_between(low, np.nextafter(low, np.inf)) == low


def test_shares_and_numbers_in_words():
    words = ("0 %", "< 1 %", "12 %", "> 99 %", "100 %")
    assert [percent(share) for share in (0.0, 0.004, 0.123, 0.996, 1.0)] == list(words)
    assert [plain(x) for x in (0.0, 0.012345, 12345.6, -3.0)] == ["0", "0.0123", "12346", "-3"]


# Rules


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        (X2[:, 0] <= 0.4, "x0 <= 0.4"),
        (X2[:, 1] > -0.25, "x1 > -0.25"),
        ((X2[:, 0] > -0.5) & (X2[:, 0] <= 0.5), "-0.5 < x0 <= 0.5"),
        ((X2[:, 0] > 0.3) & (X2[:, 1] <= 0.1), "x0 > 0.3 and x1 <= 0.1"),
        ((X2[:, 0] <= -0.4) | (X2[:, 0] > 0.6), "x0 <= -0.4 or x0 > 0.6"),
    ],
)
def test_a_rule_of_rows_that_follow_one_is_exact(inside, words):
    rule = rule_for(inside)
    np.testing.assert_array_equal(rule.holds(X2), inside)
    numbers = [word for word in words.split() if word.lstrip("-").replace(".", "").isdigit()]
    said = str(rule).split()
    assert [word for word in said if word[0] not in "-0123456789"] == [w for w in words.split() if w not in numbers]
    np.testing.assert_allclose(
        [float(w) for w in said if w[0] in "-0123456789"], [float(n) for n in numbers], atol=0.03
    )


def test_a_slanting_border_becomes_a_weighted_sum():
    inside = X2[:, 0] - 2.0 * X2[:, 1] <= 0.3
    rule = rule_for(inside)
    ((condition,),) = rule.boxes
    assert isinstance(condition, Oblique)
    assert np.mean(rule.holds(X2) == inside) >= 0.99
    assert condition.names == ("x1", "x0") and condition.weights[1] == pytest.approx(-0.5, abs=0.03)
    total = X2[:, 1] + condition.weights[1] * X2[:, 0]
    np.testing.assert_array_equal(rule.holds(X2), total > condition.low)


def test_no_short_rule_is_made_up():
    assert rule_for(np.hypot(X2[:, 0], X2[:, 1]) < 0.6) is None
    assert rule_for(RNG.random(400) < 0.3) is None
    assert rule_for(np.ones(400, dtype=bool)) is None and rule_for(np.zeros(400, dtype=bool)) is None


def test_units_do_not_change_what_a_rule_holds_for():
    inside = (X2[:, 0] > 0.3) & (X2[:, 1] <= 0.1)
    for scale, shift in [(1e-9, 0.0), (1e9, 5e12), (1.0, 1e8)]:
        X = X2 * scale + shift
        np.testing.assert_array_equal(rule_for(inside, X).holds(X), inside)


def test_an_input_of_two_values_is_named_by_its_value():
    X = np.column_stack([RNG.integers(0, 2, 200), RNG.normal(size=200)])
    rule = rule_for(X[:, 0] == 1.0, X, ["married", "age"])
    assert str(rule) == "married = 1"
    np.testing.assert_array_equal(rule.holds(X), X[:, 0] == 1.0)
    assert str(rule_for(X[:, 0] == 0.0, X, ["married", "age"])) == "married = 0"


def test_a_needless_condition_is_not_said():
    X = np.column_stack([X2, RNG.normal(size=(400, 5))])
    inside = X[:, 1] <= 0.2
    inside[:4] ^= True
    rule = rule_for(inside, X)
    assert len(rule) == 1 and str(rule).startswith("x1 <= ")
    held = rule.holds(X)
    assert (held & inside).sum() >= 0.9 * max(held.sum(), inside.sum())


def test_boxes_and_their_negation_hold_as_they_say():
    low = Condition(0, "a", high=0.0)
    high = Condition(0, "a", low=0.5)
    rule = Rule(((low, Condition(1, "b", -0.5, 0.5)), (high,)))
    expected = ((X2[:, 0] <= 0) & (X2[:, 1] > -0.5) & (X2[:, 1] <= 0.5)) | (X2[:, 0] > 0.5)
    np.testing.assert_array_equal(rule.holds(X2), expected)
    np.testing.assert_array_equal(Otherwise((rule,)).holds(X2), ~expected)
    assert str(rule) == "(a <= 0 and -0.5 < b <= 0.5) or a > 0.5" and len(rule) == 3


def test_the_rest_is_told_where_one_set_of_rows_has_no_rule_of_its_own():
    """Of nine cells the four corners and the centre are regimes, the four cells between them a sixth."""
    X = np.random.default_rng(1).uniform(0.0, 3.0, (600, 2))
    across, up = X.astype(int).T
    labels = np.where((across + up) % 2 == 1, 0, 1 + (across + 3 * up) // 2)
    rules = _rules_of(X, labels, 6, ["a", "b"], np.random.default_rng(0))
    assert isinstance(rules[0], Otherwise) and str(rules[0]) == "all other rows"
    assert all(isinstance(rule, Rule) for rule in rules[1:])
    held = np.column_stack([rule.holds(X) for rule in rules])
    agreed = (held.sum(axis=1) == 1) & held[np.arange(600), labels]
    assert _fidelity(rules, X, labels) == np.mean(agreed) > 0.98
    assert _fidelity([None, *rules[1:]], X, labels) == np.mean(agreed & (labels > 0))


def test_a_box_around_rows_that_others_fill_too_is_not_said():
    inside = np.hypot(X2[:, 0], X2[:, 1]) < 0.6
    assert len(box_around(X2, inside, ["x0", "x1"], [0, 1])) == 2
    assert box_around(X2, ~inside, ["x0", "x1"], [0, 1]) == ()


# Effects


def test_effects_of_a_known_law():
    X = RNG.uniform(0.0, 1.0, (300, 4))
    expert = LinearRegression().fit(X, 3.0 * X[:, 0] - 2.0 * X[:, 2] + 0.01 * X[:, 3])
    first, second = effects_of(expert, X, list("abcd"), np.random.default_rng(0))
    assert (first.name, first.direction, second.name, second.direction) == ("a", "rises", "c", "falls")
    assert first.change == pytest.approx(3.0 * (first.high - first.low))
    assert second.change == pytest.approx(-2.0 * (second.high - second.low))
    assert (first.low, first.high) == tuple(np.quantile(X[:, 0], [0.1, 0.9]))


def test_what_goes_both_ways_varies():
    class Saddle:
        def predict(self, X):
            return X[:, 0] * X[:, 1]

    assert {effect.direction for effect in effects_of(Saddle(), X2, ["a", "b"], RNG)} == {"varies"}


def test_a_constant_expert_has_no_effects():
    expert = LinearRegression().fit(X2, np.full(400, 7.0))
    assert effects_of(expert, X2, ["a", "b"], RNG) == ()


# Descriptions of fitted models


@pytest.mark.parametrize("make", [make_sine_burst, make_two_planes, make_rare_corner, make_disc, make_ten_inputs])
def test_what_is_told_of_a_model_is_true(make):
    X, y, _ = make(500, random_state=0)
    partitioner = ActivePartitioner(random_state=0).fit(X, y)
    X_new, y_new, _ = make(400, random_state=1)
    labels = partitioner.predict(X_new)
    description = partitioner.describe(X_new, y_new)
    held = np.zeros((400, partitioner.n_partitions_), dtype=bool)
    for k, regime in enumerate(description.regimes):
        rows = labels == k
        assert (regime.rows, regime.share) == (rows.sum(), rows.mean())
        residuals = partitioner.experts_[k].predict(X_new[rows]) - y_new[rows]
        assert regime.errors["rmse"] == pytest.approx(np.sqrt(np.mean(residuals**2)))
        assert regime.unsure == np.mean(partitioner.predict_proba(X_new)[rows].max(axis=1) < 0.9)
        if regime.rule is None:
            assert np.isnan([regime.coverage, regime.precision]).all()
            around = np.all([condition.holds(X_new) for condition in regime.mostly], axis=0)
            if regime.mostly:
                assert (regime.mostly_inside, regime.mostly_outside) == (around[rows].mean(), around[~rows].mean())
        else:
            held[:, k] = regime.rule.holds(X_new)
            assert (regime.coverage, regime.precision) == (held[rows, k].mean(), rows[held[:, k]].mean())
            assert min(regime.coverage, regime.precision) >= 0.9
    agreed = [held[i, label] and held[i].sum() == 1 for i, label in enumerate(labels)]
    assert description.fidelity == np.mean(agreed)
    if make is not make_disc:
        assert all(regime.rule is not None for regime in description.regimes) and description.fidelity > 0.98


def test_the_inputs_that_separate_are_named():
    X, y, _ = make_ten_inputs(500, random_state=0)
    frame = pd.DataFrame(X, columns=[f"input {j}" for j in range(10)])
    description = ActivePartitioner(random_state=0).fit(frame, y).describe(frame, y)
    assert sorted(description.telling_inputs()) == ["input 0", "input 1", "input 2"]
    assert (description.importances.drop(["input 0", "input 1", "input 2"]) < 0.02).all()
    assert "input 0" in str(description) and "x0" not in str(description)


WORDS = """\
2 partitions of 300 rows. What separates them (rows that go elsewhere when it is shuffled): strain (42 %). The rules \
below and the gate agree on 100 % of the rows.
Partition 0 (198 rows, 66 %): strain > 0.4, exactly. stress rises with strain (by 0.141 from 0.469 to 0.958). Typical \
error 0.0317 (root mean square; stress itself spreads by 0.0597). The gate is unsure of 2 % of its rows.
Partition 1 (102 rows, 34 %): strain <= 0.4, exactly. stress rises with strain (by 1.61 from 0.0406 to 0.365). Typical \
error 0.0299 (root mean square; stress itself spreads by 0.606). The gate is unsure of < 1 % of its rows."""


@pytest.fixture(scope="module")
def elastoplastic():
    X, y, _ = make_elastoplastic(300, random_state=0)
    X, y = pd.DataFrame(X, columns=["strain"]), pd.Series(y, name="stress")
    return PartitionedRegressor(routing="hard", fallback=False, random_state=0).fit(X, y), X, y


def test_the_words_of_a_small_case(elastoplastic):
    model, X, y = elastoplastic
    assert str(model.describe(X, y)) == WORDS
    assert repr(model.describe(X, y)) == str(model.describe(X, y))


def test_the_table_and_the_words_are_one(elastoplastic):
    model, X, y = elastoplastic
    table = model.partition_summary(X, y)
    pd.testing.assert_frame_equal(table, model.describe(X, y).table)
    assert list(table.columns) == [
        *("rows", "share", "rmse", "rule", "coverage", "precision", "unsure"),
        *("strain 5%", "strain 95%"),
    ]
    assert table["rule"].tolist() == [str(regime.rule) for regime in model.describe(X, y).regimes]


def test_without_a_target_no_error_is_told(elastoplastic):
    model, X, y = elastoplastic
    assert model.partition_summary(X)["rmse"].isna().all()
    assert "error" not in str(model.describe(X))
    assert str(model.describe(X, y.to_numpy()[:, None])) == str(model.describe(X, y.to_numpy()))
    with pytest.raises(InputDataError, match="PartitionedRegressor: y has shape"):
        model.describe(X, y[:-1])


def test_one_regime_is_told_as_one():
    X, y, _ = make_linear(150, random_state=0)
    model = ActivePartitioner(random_state=0).fit(X, y)
    description = model.describe(X, y)
    assert str(description).startswith("One partition holds all 150 rows.\nPartition 0 (150 rows, 100 %). y rises with")
    assert description.fidelity == 1.0 and not description.importances.any()
    assert len(model.describe(X[:1], y[:1]).regimes) == 1


def test_a_partition_without_rows_is_told_as_such(elastoplastic):
    model, X, y = elastoplastic
    far = X["strain"] > 0.6
    words = str(model.describe(X[far], y[far])).splitlines()
    assert words[2] == "Partition 1: none of these rows."
    assert model.partition_summary(X[far], y[far]).loc[1, ["share", "rmse"]].isna().tolist() == [False, True]


def test_the_same_rows_give_the_same_words(elastoplastic):
    model, X, y = elastoplastic
    assert str(model.describe(X, y)) == str(model.describe(X, y))


def test_a_bag_of_partitions_is_not_described():
    X, y, _ = make_elastoplastic(100, random_state=0)
    model = PartitionedRegressor(mode="accuracy", n_trees=1, cv=2, random_state=0).fit(X, y)
    with pytest.raises(ParameterError, match="describe reads one partition"):
        model.describe(X, y)
