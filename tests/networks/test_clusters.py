"""Clusters and places: planted truth is found, numbers do not depend on names, closed forms equal brute force."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from modpart.exceptions import InputDataError
from modpart.networks import UnitPartition
from modpart.networks._clusters import (
    balanced_clusters,
    block_clusters,
    clusterability_of,
    joint_clusters,
    shuffled_links,
)
from modpart.networks._layout import even_places, place_units, placement_costs, swap_units, wire_length

PAIR = ("a", "b")


def planted(noise, seed, width=64, k=4, dead=0.0):
    """Blocks of normal weights, weights of sd `noise` outside, rows and columns permuted; truth as labels."""
    rng = np.random.default_rng(seed)
    truth = {group: rng.permutation(width) % k for group in PAIR}
    same = truth["a"][:, None] == truth["b"]
    W = rng.normal(size=(width, width)) * np.where(same, 1.0, noise)
    lost = {group: rng.random(width) < dead for group in PAIR}
    W[lost["a"]] = 0.0
    W[:, lost["b"]] = 0.0
    return W, truth, lost


@pytest.mark.parametrize("seed", range(10))
def test_planted_blocks_are_found(seed):
    W, truth, _ = planted(0.3, seed)
    rng = np.random.default_rng(seed)
    for labels in (
        balanced_clusters({PAIR: W**2}, 4, rng),
        joint_clusters({PAIR: np.abs(W)}, 4, rng),
    ):
        for group in PAIR:
            assert adjusted_rand_score(truth[group], labels[group]) == 1.0
        np.testing.assert_allclose(
            clusterability_of({PAIR: W**2}, labels), clusterability_of({PAIR: W**2}, truth), atol=1e-12
        )


def test_planted_blocks_are_found_in_noise():
    scores = []
    for seed in range(5):
        W, truth, _ = planted(0.5, seed)
        labels = balanced_clusters({PAIR: W**2}, 4, np.random.default_rng(seed))
        scores.append(adjusted_rand_score(truth["a"], labels["a"]))
    assert np.mean(scores) >= 0.95


@pytest.mark.parametrize("seed", range(5))
def test_dead_units_are_nobodys_and_disturb_nobody(seed):
    W, truth, lost = planted(0.2, seed, dead=0.1)
    rng = np.random.default_rng(seed)
    labels = joint_clusters({PAIR: np.abs(W)}, 4, rng)
    for group in PAIR:
        assert (labels[group][lost[group]] == -1).all()
        assert adjusted_rand_score(truth[group][~lost[group]], labels[group][~lost[group]]) == 1.0
    filled = balanced_clusters({PAIR: W**2}, 4, rng)
    assert clusterability_of({PAIR: W**2}, filled)[0] >= clusterability_of({PAIR: W**2}, truth)[0] - 1e-12
    assert np.isnan(clusterability_of({PAIR: 0 * W}, truth)[0])
    for find in (joint_clusters, balanced_clusters):
        find({PAIR: np.zeros((6, 6))}, 3, rng)


def test_clusterability_does_not_depend_on_order_or_names():
    W, truth, _ = planted(0.5, 0)
    known = clusterability_of({PAIR: W**2}, truth)[0]
    rng = np.random.default_rng(1)
    rows, columns, names = rng.permutation(64), rng.permutation(64), rng.permutation(4)
    moved = {"a": names[truth["a"][rows]], "b": names[truth["b"][columns]]}
    assert clusterability_of({PAIR: W[np.ix_(rows, columns)] ** 2}, moved)[0] == pytest.approx(known, abs=1e-12)


def test_clusters_are_shared_by_three_layers_and_equal_in_size():
    rng = np.random.default_rng(0)
    truth = {group: rng.permutation(30) % 3 for group in "abc"}
    links = {
        (one, two): (rng.normal(size=(30, 30)) * (truth[one][:, None] == truth[two])) ** 2
        for one, two in (("a", "b"), ("b", "c"))
    }
    for labels in (balanced_clusters(links, 3, rng), joint_clusters(links, 3, rng)):
        together = [np.concatenate([found[group] for group in "abc"]) for found in (truth, labels)]
        assert adjusted_rand_score(*together) == 1.0
        assert all(np.bincount(labels[group]).tolist() == [10, 10, 10] for group in "abc")
    assert [len(set(v)) for v in block_clusters({"x": 10, "y": 7}, 4).values()] == [4, 4]


def test_without_structure_the_best_partition_is_no_better_than_that_of_shuffled_weights():
    rng = np.random.default_rng(0)
    links = {PAIR: rng.normal(size=(48, 48)) ** 2}

    def best(found):
        return clusterability_of(found, balanced_clusters(found, 4, rng))[0]

    null = [best(shuffled_links(links, rng)) for _ in range(10)]
    assert abs(best(links) - np.mean(null)) < 5 * np.std(null)
    assert np.mean(null) > 0.3, "a partition that may be chosen lies well above 1/k"


def test_a_partition_is_matched_to_another():
    one = UnitPartition({"a": [0, 0, 1, 2], "b": [1, 2, 2, -1]})
    renamed = UnitPartition({"a": [2, 2, 0, 1], "b": [0, 1, 1, -1]})
    for group, labels in renamed.match(one).labels.items():
        np.testing.assert_array_equal(labels, one.labels[group])
    assert one.order()["b"].tolist() == [0, 1, 2, 3]
    with pytest.raises(InputDataError, match="not of the same units"):
        one.match(UnitPartition({"a": [0]}))
    with pytest.raises(InputDataError, match="'a' must be integers"):
        UnitPartition({"a": [0.5]})


def chain(seed, widths=(5, 7, 6, 3)):
    rng = np.random.default_rng(seed)
    names = "pqrs"[: len(widths)]
    links = {
        (names[i], names[i + 1]): np.abs(rng.normal(size=(widths[i], widths[i + 1]))) for i in range(len(widths) - 1)
    }
    return links, {name: even_places(width) for name, width in zip(names, widths)}


@pytest.mark.parametrize("seed", range(5))
def test_the_closed_form_of_a_swap_is_the_change_of_the_whole_length(seed):
    links, places = chain(seed)
    before = wire_length(links, places)
    for group in places:
        P = placement_costs(group, links, places)
        for j in range(len(P)):
            for k in range(j):
                moved = {name: seats.copy() for name, seats in places.items()}
                moved[group][[j, k]] = moved[group][[k, j]]
                change = P[j, k] + P[k, j] - P[j, j] - P[k, k]
                assert wire_length(links, moved) - before == pytest.approx(change, abs=1e-12)


def test_one_layer_gets_the_best_places_that_there_are():
    from itertools import permutations

    links, places = chain(0)
    best = min(wire_length(links, places | {"r": places["r"][list(order)]}) for order in permutations(range(6)))
    found = place_units(links, places, ["r"])
    assert wire_length(links, found) == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_moving_units_never_lengthens_wires_and_undoes_a_permutation(seed):
    links, places = chain(seed, (9, 9, 9, 9))
    lengths = [wire_length(links, places)]
    lengths += [wire_length(links, move) for move in (swap_units(links, places, list(places), n_units=4),)]
    lengths += [wire_length(links, place_units(links, places, list(places)))]
    assert lengths[1] <= lengths[0] and lengths[2] <= lengths[0]
    straight = {pair: np.eye(9) for pair in links}
    mixed = places | {"q": np.random.default_rng(seed).permutation(places["q"])}
    assert wire_length(straight, place_units(straight, mixed, ["q"])) == pytest.approx(0, abs=1e-12)
    assert wire_length(straight, swap_units(straight, mixed, ["q"], n_units=9)) <= wire_length(straight, mixed)
