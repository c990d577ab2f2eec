"""Which units a class needs, and which a set of classes: rates turned into masks."""

from collections.abc import Mapping, Sequence

import numpy as np

__all__ = ["Masks", "class_masks", "joined", "random_masks_like", "union_units"]

Masks = dict[str, np.ndarray]  # group -> bool (n_classes, n_units)


def class_masks(rates: Mapping[str, np.ndarray], threshold: float, *, min_fraction: float = 0.005) -> Masks:
    """Keep the units that are active for at least `threshold` of the rows of a class (MODA, section on extraction).

    A class with fewer than max(1, `min_fraction` of the units) takes its most active ones, as many as any class of that
    layer has.
    """
    masks = {}
    for group, rate in rates.items():
        keep = rate >= threshold
        need = max(1, int(min_fraction * rate.shape[1]))
        counts = keep.sum(1)
        many = max(need, int(counts.max()))
        for c in np.flatnonzero(counts < need):
            keep[c] = False
            keep[c, np.argsort(-rate[c], kind="stable")[:many]] = True
        masks[group] = keep
    return masks


def joined(masks: Masks, classes: Sequence[int]) -> dict[str, np.ndarray]:
    """Units that any of these classes needs, bool (n_units,) by group."""
    return {group: np.any(keep[list(classes)], axis=0) for group, keep in masks.items()}


def union_units(
    masks: Masks, rates: Mapping[str, np.ndarray], threshold: float, classes: Sequence[int]
) -> dict[str, np.ndarray]:
    """Units that a set of classes needs, bool (n_units,) by group: those of each, and those that they need together.

    Together they need a unit if the shares of rows for which it is active add up, over the classes, to the threshold:
    what says little about each of two classes often tells them apart. For one class these are the units of its mask.
    """
    keep = joined(masks, classes)
    if len(classes) > 1:
        keep = {group: own | (rates[group][list(classes)].sum(0) >= threshold) for group, own in keep.items()}
    return keep


def random_masks_like(masks: Masks, rng: np.random.Generator) -> Masks:
    """As many units for each class, drawn at random."""
    return {group: np.array([rng.permutation(row) for row in keep]) for group, keep in masks.items()}
