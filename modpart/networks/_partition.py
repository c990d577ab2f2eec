"""Clusters of the units of a net as a thing: labels by layer, shared by all layers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from modpart.exceptions import InputDataError

__all__ = ["UnitPartition"]


class UnitPartition:
    """Clusters of the hidden units of a net, the same clusters in every layer.

    Parameters
    ----------
    labels : mapping of str to array-like of int, shape (n_units,)
        Cluster of each unit (-1: none), by group of units. Groups are named after the layer that makes them.

    Attributes
    ----------
    labels : dict of str to ndarray of int64
    n_clusters : int

    Raises
    ------
    InputDataError
        When labels are no whole numbers >= -1; the message names the group.

    Examples
    --------
    >>> from modpart.networks import UnitPartition
    >>> partition = UnitPartition({"hidden1": [0, 1, 1, 0], "hidden2": [1, 0, -1]})
    >>> partition.n_clusters, partition.sizes()
    (2, {'hidden1': [2, 2], 'hidden2': [1, 1]})
    >>> partition.masks(1)["hidden2"]
    array([ True, False, False])
    """

    def __init__(self, labels: Mapping[str, Any]) -> None:
        self.labels = {}
        for group, known in labels.items():
            values = np.asarray(known)
            if values.ndim != 1 or values.dtype.kind not in "iu" or values.min(initial=0) < -1:
                raise InputDataError(
                    f"UnitPartition: the labels of {group!r} must be integers >= -1, one for each unit."
                )
            self.labels[group] = values.astype(np.int64)
        self.n_clusters = 1 + max((int(values.max(initial=-1)) for values in self.labels.values()), default=-1)

    def __repr__(self) -> str:
        groups = ", ".join(f"{group}: {len(labels)} units" for group, labels in self.labels.items())
        return f"UnitPartition({self.n_clusters} clusters; {groups})"

    def sizes(self) -> dict[str, list[int]]:
        """Count the units of each cluster.

        Returns
        -------
        sizes : dict of str to list of int
            By group of units.
        """
        return {
            group: np.bincount(labels[labels >= 0], minlength=self.n_clusters).tolist()
            for group, labels in self.labels.items()
        }

    def masks(self, cluster: int) -> dict[str, np.ndarray]:
        """Say which units belong to a cluster.

        Parameters
        ----------
        cluster : int
            Number of the cluster; -1 for the units of none.

        Returns
        -------
        masks : dict of str to ndarray of bool
            By group of units.
        """
        return {group: labels == cluster for group, labels in self.labels.items()}

    def order(self) -> dict[str, np.ndarray]:
        """Put units of one cluster side by side.

        Returns
        -------
        order : dict of str to ndarray of int
            Indices that sort the units of each group by cluster, those of none last.
        """
        return {
            group: np.argsort(np.where(labels < 0, self.n_clusters, labels), kind="stable")
            for group, labels in self.labels.items()
        }

    def match(self, other: "UnitPartition") -> "UnitPartition":
        """Rename clusters so that they agree with those of another partition of the same units as well as they can.

        Parameters
        ----------
        other : UnitPartition
            Partition of the same groups of units.

        Returns
        -------
        partition : UnitPartition
            This partition with new numbers (optimal assignment on the table of counts).

        Raises
        ------
        InputDataError
            When the other partition has other units.
        """
        if {g: len(v) for g, v in self.labels.items()} != {g: len(v) for g, v in other.labels.items()}:
            raise InputDataError(f"UnitPartition.match: {self!r} and {other!r} are not of the same units.")
        count = max(self.n_clusters, other.n_clusters)
        shared = np.zeros((count, count))
        for group, labels in self.labels.items():
            both = (labels >= 0) & (other.labels[group] >= 0)
            np.add.at(shared, (labels[both], other.labels[group][both]), 1)
        names = linear_sum_assignment(shared, maximize=True)[1]
        return UnitPartition({g: np.where(v >= 0, names[np.maximum(v, 0)], -1) for g, v in self.labels.items()})
